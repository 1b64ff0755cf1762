//! Which part of a file of feedback is used.
use contract::Result;
use datasets::feedback::{Feedback, Look, Mapping};
use lm::{Stream, stream};

/// All that a file holds, or so many of its pairs or answers, drawn by the seed and in the order of the file. What is not drawn is never in memory.
pub fn read(look: &Look, mapping: &Mapping, only: Option<usize>, seed: u64) -> Result<Feedback> {
    let Some(most) = only else { return look.read(mapping, None) };
    let entries = look.survey(mapping)?.entries;
    if entries <= most {
        return look.read(mapping, None);
    }
    let order = Stream::new(stream::seed(seed, "pairs drawn", &[])).permutation(entries);
    look.read(mapping, Some(&order.into_iter().take(most).collect()))
}
