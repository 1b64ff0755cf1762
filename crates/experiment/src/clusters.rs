//! Which test prompts belong together, from stored rows.
use std::collections::{BTreeMap, BTreeSet};
use store::EvaluationAnswer;

/// The cluster of each prompt, by the prompt's number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Clusters(BTreeMap<usize, usize>);

impl Clusters {
    /// Of rows of one split. Empty where the rows say of no prompt that it belongs to others.
    pub fn of(rows: &[EvaluationAnswer]) -> Self {
        Self(rows.iter().filter_map(|row| Some((row.prompt_index, row.cluster?))).collect())
    }

    /// A number for each of the prompts, equal for those that belong together.
    pub fn numbers<'a>(&self, prompts: impl IntoIterator<Item = &'a usize>) -> Vec<usize> {
        // From the far end, so that one that stands alone has a number of its own.
        prompts.into_iter().map(|prompt| self.0.get(prompt).copied().unwrap_or(usize::MAX - prompt)).collect()
    }

    /// Clusters among the prompts; None where nothing says that any prompts belong together.
    pub fn count<'a>(&self, prompts: impl IntoIterator<Item = &'a usize>) -> Option<usize> {
        (!self.0.is_empty()).then(|| different(&self.numbers(prompts)))
    }
}

/// How many different numbers there are.
pub(crate) fn different(numbers: &[usize]) -> usize {
    numbers.iter().collect::<BTreeSet<_>>().len()
}

/// Whether any two of the prompts with these numbers belong together.
pub(crate) fn are_related(numbers: &[usize]) -> bool {
    different(numbers) < numbers.len()
}
