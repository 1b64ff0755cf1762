//! What a run tells those who watch it. Each event is a row with a sequence number; the interface asks for all after one.
use crate::report::Instruction;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Written to the store; no worker has taken it yet.
    Created,
    /// A worker has it in its queue and takes it when those before it have ended.
    Waiting,
    Running,
    /// Ended by the user, or paused because what it needs is out of reach; can be resumed.
    Stopped,
    /// Its worker is gone without a word; can be resumed.
    Interrupted,
    /// Ended by an error; can be resumed once the cause is mended.
    Failed,
    Finished,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Finished => "finished",
        }
    }
    /// Whether a worker has the run.
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Created, Self::Waiting, Self::Running, Self::Stopped, Self::Interrupted, Self::Failed, Self::Finished]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// What the worker is doing; progress counts units of this phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Loading models and proving the engine.
    Load,
    /// The arms that need no training, on the test prompts.
    Baselines,
    Train,
    /// Searching for an instruction, in rounds.
    Search,
    /// Training the frozen model itself.
    Oracle,
    /// The arms that the phases before have made, and those that search for each prompt, on the test prompts.
    Evaluate,
}

/// Things that happen in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    Status {
        status: Status,
        message: Option<String>,
    },
    Phase {
        phase: Phase,
        total: usize,
    },
    Progress {
        phase: Phase,
        done: usize,
        total: usize,
    },
    /// An iteration's rows are in the store.
    Iteration {
        iteration: usize,
        reward_mean: f64,
        kl: f64,
    },
    /// Something is wrong with the training, with its cause and what to do.
    Guard {
        iteration: Option<usize>,
        guard: String,
        cause: String,
        remedy: String,
    },
    /// The result of the engine's proof (rule 5).
    EngineProof {
        engine: String,
        batched: bool,
        detail: String,
    },
    Checkpoint {
        iteration: usize,
    },
    Resumed {
        iteration: usize,
    },
    /// What the prompter of an iteration earned on the validation prompts.
    Validated {
        iteration: usize,
        /// Mean reward − λ·KL, by which prompters are chosen.
        objective: f64,
        reward_mean: f64,
        kl: f64,
        /// Better than all before.
        is_best: bool,
    },
    /// The training ended before its last iteration, for want of better validations.
    EndedEarly {
        /// `tuned` or `oracle`.
        arm: String,
        iteration: usize,
        best: usize,
    },
    /// What the search for an instruction found.
    Instruction(Instruction),
    /// λ at which rewrites are chosen by exp(R̂/λ): that of the training's last iteration.
    Lambda {
        lambda: f64,
    },
    /// What a piece of work has cost; stored in one step with its rows. The sum over a run is what its arms cost: work that had to be done
    /// again after a kill was spent twice, and work that a kill cut short is not known.
    Spent {
        /// An arm, or a pool that several arms choose from ([`crate::arm`]).
        arm: String,
        stage: Stage,
        spent: Spent,
    },
    Note {
        message: String,
    },
}

/// What work is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before an arm can answer: training, a search.
    Prepare,
    /// Answering the test prompts.
    Answer,
}

/// What work costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Spent {
    pub reward_calls: usize,
    /// Written by models: rewrites, answers, proposals. Tokens that were only read are not counted.
    pub tokens: usize,
    pub seconds: f64,
    /// Of the whole processor and graphics card, whatever else they did; null where the machine does not tell.
    pub joules: Option<f64>,
}
