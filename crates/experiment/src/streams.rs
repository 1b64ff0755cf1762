//! The run's random streams by name. Each is a function of the run's seed and of counters alone, so a resumed run needs no state of
//! them, and two arms share the seeds of their answers.
use lm::{Stream, stream};
use store::Split;

/// Seeds of everything random in a run.
#[derive(Debug, Clone, Copy)]
pub struct Streams {
    run_seed: u64,
}

impl Streams {
    pub const fn new(run_seed: u64) -> Self {
        Self { run_seed }
    }

    fn seed(&self, name: &str, indices: &[usize]) -> u64 {
        let indices: Vec<u64> = indices.iter().map(|&i| i as u64).collect();
        stream::seed(self.run_seed, name, &indices)
    }

    /// Initial values of the adapter.
    pub fn adapter(&self) -> u64 {
        self.seed("adapter", &[])
    }

    /// Numbers of the training prompts of `iteration` (from 1). Each epoch is a new permutation, of which the last
    /// `training_prompts % per_iteration` stay unused, so that the prompts of one iteration always differ.
    pub fn prompts(&self, iteration: usize, training_prompts: usize, per_iteration: usize) -> Vec<usize> {
        let per_epoch = (training_prompts / per_iteration).max(1);
        let (epoch, position) = ((iteration - 1) / per_epoch, (iteration - 1) % per_epoch);
        let order = Stream::new(self.seed("prompt order", &[epoch])).permutation(training_prompts);
        order.into_iter().skip(position * per_iteration).take(per_iteration).collect()
    }

    /// The rewrite at `index` of the batch of `iteration`.
    pub fn training_rewrite(&self, iteration: usize, index: usize) -> u64 {
        self.seed("training rewrite", &[iteration, index])
    }
    /// The answer to that rewrite.
    pub fn training_answer(&self, iteration: usize, index: usize) -> u64 {
        self.seed("training answer", &[iteration, index])
    }
    /// Dropout in one pass of one update; `group` is the first group of the pass.
    pub fn dropout(&self, iteration: usize, update: usize, group: usize) -> u64 {
        self.seed("dropout", &[iteration, update, group])
    }

    /// The `draw`th proposal of a round of the search for an instruction.
    pub fn instruction_proposal(&self, round: usize, draw: usize) -> u64 {
        self.seed("instruction proposal", &[round, draw])
    }
    /// The answer at `index` of that round's batch.
    pub fn instruction_answer(&self, round: usize, index: usize) -> u64 {
        self.seed("instruction answer", &[round, index])
    }

    /// A rewrite in an evaluation: the same for the untuned and the tuned arm, and at every iteration.
    pub fn evaluation_rewrite(&self, split: Split, prompt: usize, answer: usize) -> u64 {
        self.seed(&format!("{} rewrite", split.as_str()), &[prompt, answer])
    }
    /// An answer in an evaluation: the same for all arms.
    pub fn evaluation_answer(&self, split: Split, prompt: usize, answer: usize) -> u64 {
        self.seed(&format!("{} answer", split.as_str()), &[prompt, answer])
    }
    /// Resampling of an arm or a comparison in the report.
    pub fn statistics(&self, name: &str) -> u64 {
        self.seed(&format!("statistics {name}"), &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_shows_each_prompt_at_most_once() {
        let streams = Streams::new(7);
        let epoch: Vec<usize> = (1..=3).flat_map(|i| streams.prompts(i, 10, 3)).collect();
        let mut sorted = epoch.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 9, "three iterations of three different prompts");
        let next: Vec<usize> = (4..=6).flat_map(|i| streams.prompts(i, 10, 3)).collect();
        assert_ne!(epoch, next, "the next epoch has another order");
        assert_eq!(streams.prompts(5, 10, 3), next[3..6], "an iteration's prompts depend on its number only");
    }

    #[test]
    fn streams_differ() {
        let s = Streams::new(1);
        let seeds = [
            s.training_rewrite(1, 2),
            s.training_answer(1, 2),
            s.training_rewrite(2, 1),
            s.evaluation_rewrite(Split::Test, 1, 2),
            s.evaluation_rewrite(Split::Validation, 1, 2),
            s.evaluation_answer(Split::Test, 1, 2),
            s.instruction_proposal(1, 2),
            s.instruction_answer(1, 2),
            Streams::new(2).training_rewrite(1, 2),
        ];
        let distinct: std::collections::BTreeSet<_> = seeds.iter().collect();
        assert_eq!(distinct.len(), seeds.len());
    }
}
