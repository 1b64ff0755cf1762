//! Which instructions are tested in which round, and what their rewards say: the search without models.
use super::posterior::{Evidence, Noise, Posterior, Test};
use crate::metrics::SAME_REWARD;
use contract::spec::Training;
use contract::{Error, Result, report};
use serde::{Deserialize, Serialize};

/// Most instructions that are proposed after the first round; with more reward calls, each is tested more often.
pub const MOST_PROPOSALS: usize = 255;
/// How many of the best the prompter is shown.
pub const SHOWN: usize = 6;
/// Slots for re-tests go to the candidates with the largest score plus so many standard deviations.
pub const WIDTH: f64 = 1.0;

/// The prompt alone is tested in the first of so many rounds, so that an unlucky beginning does not decide whether instructions are worth it.
pub const ALONE_EVERY: usize = 4;

/// How large a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    pub rounds: usize,
    /// G: candidates tested in a round.
    pub slots: usize,
    /// P: prompts that each of them answers.
    pub prompts: usize,
}

impl Shape {
    /// As many rounds as the training has iterations, with as many answers to the same prompts: equal reward calls.
    pub const fn of(training: &Training) -> Self {
        Self { rounds: training.iterations, slots: training.group_size, prompts: training.prompts_per_iteration }
    }

    /// Answers, and calls of the reward, in a round.
    pub const fn answers(&self) -> usize {
        self.slots * self.prompts
    }

    /// Rounds with proposals: all but the last quarter.
    const fn proposing(&self) -> usize {
        self.rounds - self.rounds / 4
    }

    /// Proposals that rounds 1 to `round` make, if all are new: half of the slots, evenly over the rounds.
    fn proposals_until(&self, round: usize) -> usize {
        let all = (self.slots * self.proposing() / 2).min(MOST_PROPOSALS);
        all * round.min(self.proposing()) / self.proposing().max(1)
    }
}

/// An instruction to test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Empty for the prompt alone.
    pub text: String,
    /// Seed that it was drawn with; 0 for the prompt alone.
    pub seed: u64,
}

/// A search as far as it has come; part of a checkpoint. Nothing else but the run's seed decides how it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    shape: Shape,
    /// The prompt alone comes first.
    candidates: Vec<Candidate>,
    /// G to a round, in order.
    tests: Vec<Test>,
    noise: Noise,
}

/// What a round tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// From 1.
    pub round: usize,
    /// All that are known, those that are new in this round at the end.
    pub candidates: Vec<Candidate>,
    /// Number of the candidate in each slot.
    pub slots: Vec<usize>,
}

impl Plan {
    /// What is tested in a slot.
    pub fn candidate(&self, slot: usize) -> &Candidate {
        &self.candidates[self.slots[slot]]
    }
}

/// What the tests so far say.
#[derive(Debug, Clone, PartialEq)]
pub struct Standings {
    posterior: Posterior,
    /// Tests of each candidate.
    tests: Vec<usize>,
    /// Number of the best.
    best: usize,
}

impl Search {
    pub fn new(shape: Shape) -> Self {
        let alone = Candidate { text: String::new(), seed: 0 };
        Self { shape, candidates: vec![alone], tests: Vec::new(), noise: Noise::default() }
    }

    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Rounds done.
    pub const fn rounds(&self) -> usize {
        self.tests.len() / self.shape.slots
    }

    /// Whether a text, but for case and white space, was tried before. The empty one counts as tried.
    pub fn knows(&self, text: &str) -> bool {
        let text = datasets::normalised(text);
        self.candidates.iter().any(|known| datasets::normalised(&known.text) == text)
    }

    /// How many new instructions the next round has slots for.
    pub fn wanted(&self) -> usize {
        let (known, next) = (self.candidates.len(), self.rounds() + 1);
        if next > self.shape.proposing() {
            return 0;
        }
        let planned = self.shape.proposals_until(next) - self.shape.proposals_until(next - 1);
        planned.max(self.shape.slots.saturating_sub(known))
    }

    pub fn standings(&self) -> Standings {
        // One candidate has nobody in its round to be held against: then all rounds are one block, and prompts add to the noise.
        let per_block = if self.shape.slots == 1 { self.tests.len() } else { self.shape.slots };
        let (candidates, prompts) = (self.candidates.len(), self.shape.prompts);
        let posterior = Evidence { candidates, tests: &self.tests, per_block, prompts, noise: self.noise }.posterior();
        let mut tests = vec![0; candidates];
        self.tests.iter().for_each(|test| tests[test.candidate] += 1);
        // By more than rounding: of equals the earlier is kept, which is the prompt alone before any instruction.
        let best = (0..candidates).fold(0, |best, i| if posterior.scores[i] > posterior.scores[best] + SAME_REWARD { i } else { best });
        Standings { posterior, tests, best }
    }

    /// The best instructions so far with their scores, the best last.
    pub fn shown(&self, standings: &Standings) -> Vec<(&str, f64)> {
        let mut tried: Vec<(&str, f64)> =
            self.candidates.iter().zip(&standings.posterior.scores).skip(1).map(|(c, score)| (c.text.as_str(), *score)).collect();
        tried.sort_by(|a, b| a.1.total_cmp(&b.1));
        tried.split_off(tried.len().saturating_sub(SHOWN))
    }

    /// Fills the next round's slots: `proposals`, of which none may be known, then the prompt alone where it is due, then those known with the
    /// largest upper bounds, taking turns where there are fewer than slots.
    pub fn plan(&self, standings: &Standings, proposals: Vec<Candidate>) -> Plan {
        let (known, room) = (self.candidates.len(), self.shape.slots);
        let bound = |i: usize| standings.posterior.scores[i] + WIDTH * standings.posterior.deviations[i];
        let mut ranked: Vec<usize> = (0..known).collect();
        ranked.sort_by(|&a, &b| bound(b).total_cmp(&bound(a)).then(standings.tests[a].cmp(&standings.tests[b])));
        if self.rounds().is_multiple_of(ALONE_EVERY) {
            // The sort is stable.
            ranked.sort_by_key(|&i| i != 0);
        }
        let mut candidates = self.candidates.clone();
        candidates.extend(proposals.into_iter().take(room));
        let slots = (known..candidates.len()).chain(ranked.into_iter().cycle()).take(room).collect();
        Plan { round: self.rounds() + 1, candidates, slots }
    }

    /// Takes in the rewards of a planned round, G to each prompt, in the order of the slots. Returns what the model makes of each: the reward less
    /// the mean of all that it is held against.
    ///
    /// # Errors
    /// Where plan and rewards are not those of the next round; nothing is learnt then.
    pub fn learn(&mut self, plan: &Plan, rewards: &[f64]) -> Result<Vec<f64>> {
        let Shape { slots, prompts, .. } = self.shape;
        if plan.round != self.rounds() + 1 || plan.slots.len() != slots || rewards.len() != self.shape.answers() {
            return Err(Error::internal("The search for an instruction got rewards that are not those of its next round."));
        }
        let of_slots: Vec<f64> = (0..slots).map(|s| mean_of(rewards.iter().skip(s).step_by(slots))).collect();
        let of_prompts: Vec<f64> = rewards.chunks(slots).map(|answers| mean_of(answers.iter())).collect();
        self.candidates.clone_from(&plan.candidates);
        self.tests.extend(plan.slots.iter().zip(&of_slots).map(|(&candidate, &mean)| Test { candidate, mean }));
        let all = mean_of(of_prompts.iter());
        let explained = |p: usize, s: usize| if slots == 1 { all } else { of_slots[s] + of_prompts[p] - all };
        self.noise.squares += rewards.iter().enumerate().map(|(i, r)| (r - explained(i / slots, i % slots)).powi(2)).sum::<f64>();
        self.noise.degrees += (prompts - 1) * (slots - 1).max(1);
        let so_far = mean_of(self.tests.iter().map(|t| &t.mean));
        let level = |p: usize| if slots == 1 { so_far } else { of_prompts[p] };
        Ok(rewards.iter().enumerate().map(|(i, reward)| reward - level(i / slots)).collect())
    }

    /// The instruction to keep; None before the first round.
    pub fn found(&self) -> Option<report::Instruction> {
        let standings = self.standings();
        let best = standings.best;
        (!self.tests.is_empty()).then(|| report::Instruction {
            text: self.candidates[best].text.clone(),
            score: standings.posterior.scores[best],
            n: standings.tests[best] * self.shape.prompts,
            tried: self.candidates.len(),
        })
    }
}

impl Standings {
    /// Score of the best.
    pub fn best_score(&self) -> f64 {
        self.posterior.scores[self.best]
    }
    /// Standard deviation of what is believed of it.
    pub fn best_deviation(&self) -> f64 {
        self.posterior.deviations[self.best]
    }
    /// How often it was tested.
    pub fn best_tests(&self) -> usize {
        self.tests[self.best]
    }
    /// Score of the prompt alone.
    pub fn alone_score(&self) -> f64 {
        self.posterior.scores[0]
    }
    /// Candidates, the prompt alone among them.
    pub fn tried(&self) -> usize {
        self.tests.len()
    }
    /// Estimated standard deviation between candidates, σ_c, and of single rewards, σ.
    pub fn spread(&self) -> f64 {
        self.posterior.spread
    }
    pub fn noise(&self) -> f64 {
        self.posterior.noise
    }
}

fn mean_of<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0usize), |(sum, n), value| (sum + value, n + 1));
    sum / n as f64
}
