//! A training or scoring batch without padding, in which a group's common prompt stands once.

/// A prompt and the completions whose tokens are scored. Completions hold all their tokens, the stop token included.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    pub prompt: &'a [u32],
    pub completions: &'a [Vec<u32>],
}
