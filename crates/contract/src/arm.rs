//! Arms: what stands between a prompt and its answer. Their names as they are stored, printed and exported, and the part of a spec that chooses them.
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The frozen model answers the prompt as the user wrote it.
pub const RAW: &str = "raw";
/// The prompter before training (ρ_sft) rewrites the prompt; the frozen model answers the rewrite.
pub const UNTUNED: &str = "untuned";
/// The trained prompter (ρ) rewrites the prompt; the frozen model answers the rewrite.
pub const TUNED: &str = "tuned";
/// One of K untuned rewrites, drawn with weights exp(R̂/λ) (Lemma 5.1 without training).
pub const OPTIMUM: &str = "optimum";
/// The one of K untuned rewrites with the largest R̂.
pub const BEST_REWRITE: &str = "best_rewrite";
/// The one of N answers to the raw prompt with the largest reward.
pub const BEST_ANSWER: &str = "best_answer";
/// The best single instruction found by a search stands before the prompt.
pub const INSTRUCTION: &str = "instruction";
/// The frozen model, trained itself, answers the raw prompt (π\*).
pub const ORACLE: &str = "oracle";
/// All arms, in the order in which they are shown.
pub const ALL: [&str; 8] = [RAW, UNTUNED, TUNED, OPTIMUM, BEST_REWRITE, BEST_ANSWER, INSTRUCTION, ORACLE];

/// Stored beside the arms, not an arm: K untuned rewrites of each test prompt with M answers to each.
pub const REWRITE_POOL: &str = "rewrite_pool";
/// The same: N answers to the raw prompt for each answer of [`BEST_ANSWER`].
pub const ANSWER_POOL: &str = "answer_pool";

/// Which arms are run, and how much those that search may draw. Each reward call, token and second is counted for the arm that it was
/// spent on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Arms {
    /// The prompt as it was typed.
    pub raw: bool,
    /// The prompter before training.
    pub untuned: bool,
    /// The prompter after training.
    pub tuned: bool,
    /// Lemma 5.1 without training: K rewrites of each prompt, one of them drawn with weights exp(R̂/λ), at the training's λ.
    pub optimum: bool,
    /// Of the same K rewrites the one with the largest R̂.
    pub best_rewrite: bool,
    /// Of N answers to the raw prompt the one with the largest reward.
    pub best_answer: bool,
    /// One instruction put before every prompt, searched for with as many reward calls as the training makes.
    pub instruction: bool,
    /// The frozen model itself, trained by the same algorithm with as many reward calls.
    pub oracle: bool,
    /// K: rewrites of each test prompt, drawn from the untuned prompter.
    pub rewrites_per_prompt: usize,
    /// M: answers to each of them, whose mean reward is R̂.
    pub answers_per_rewrite: usize,
    /// N: answers of which the best is kept.
    pub best_of_answers: usize,
    /// What asks the prompter for a new instruction; `{tried}` stands for the best so far with their scores, and is empty at first.
    pub instruction_request: String,
    /// λ of the oracle: weight of KL(π‖π_F) of the whole answer. Absent: `training.kl_coefficient`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oracle_kl_coefficient: Option<f64>,
}

impl Default for Arms {
    fn default() -> Self {
        Self {
            raw: true,
            untuned: true,
            tuned: true,
            optimum: false,
            best_rewrite: false,
            best_answer: false,
            instruction: false,
            oracle: false,
            rewrites_per_prompt: 8,
            answers_per_rewrite: 4,
            best_of_answers: 8,
            instruction_request: Self::default_instruction_request(),
            oracle_kl_coefficient: None,
        }
    }
}

impl Arms {
    fn default_instruction_request() -> String {
        "Write one short instruction for an assistant. It is put before a user's question, so that the assistant gives a more helpful, \
         friendly and positive answer.{tried}\n\nReply with the new instruction only."
            .into()
    }

    /// Left out of a spec's text where nothing was chosen, so that specs from before there were arms to choose keep their hashes.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an arm ([`self`]) is run.
    pub fn has(&self, name: &str) -> bool {
        match name {
            RAW => self.raw,
            UNTUNED => self.untuned,
            TUNED => self.tuned,
            OPTIMUM => self.optimum,
            BEST_REWRITE => self.best_rewrite,
            BEST_ANSWER => self.best_answer,
            INSTRUCTION => self.instruction,
            ORACLE => self.oracle,
            _ => false,
        }
    }

    /// Switches on the arms named, or `all`, and every other off.
    ///
    /// # Errors
    /// The first name that is not an arm's; nothing is changed then.
    pub fn set<'a>(&mut self, names: &'a [String]) -> Result<(), &'a str> {
        if let Some(unknown) = names.iter().find(|name| *name != "all" && !ALL.contains(&name.as_str())) {
            return Err(unknown);
        }
        let on = |arm: &str| names.iter().any(|name| name == "all" || name == arm);
        self.raw = on(RAW);
        self.untuned = on(UNTUNED);
        self.tuned = on(TUNED);
        self.optimum = on(OPTIMUM);
        self.best_rewrite = on(BEST_REWRITE);
        self.best_answer = on(BEST_ANSWER);
        self.instruction = on(INSTRUCTION);
        self.oracle = on(ORACLE);
        Ok(())
    }

    /// Whether K rewrites of each test prompt are drawn, answered and scored.
    pub fn needs_rewrite_pool(&self) -> bool {
        self.optimum || self.best_rewrite
    }
}
