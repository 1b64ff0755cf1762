//! A memory of answers that lasts for one call.
use contract::Result;
use inference::{Answer, AnswerDecoding, AnswerRequest, Cached, FrozenModel};
use std::ops::ControlFlow;

/// A cache that remembers within one call only: requests that stand twice in it are computed once.
pub struct Forgetful(Cached<dyn FrozenModel>);

impl Forgetful {
    pub fn new(cached: Cached<dyn FrozenModel>) -> Self {
        Self(cached)
    }
}

impl FrozenModel for Forgetful {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn identity(&self) -> &str {
        self.0.identity()
    }

    fn context(&self) -> usize {
        self.0.context()
    }

    fn prompt_tokens(&self, system: Option<&str>, prompt: &str) -> Result<usize> {
        self.0.prompt_tokens(system, prompt)
    }

    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        self.0.clear();
        self.0.answer(requests, decoding, on_progress)
    }

    fn first_words(&mut self, prompts: &[String], words: &[String]) -> Result<Vec<Vec<f64>>> {
        self.0.first_words(prompts, words)
    }

    fn rest(&mut self) {
        self.0.rest();
    }

    fn stream(&mut self, request: &AnswerRequest, decoding: &AnswerDecoding, on_text: &mut dyn FnMut(&str)) -> Result<Answer> {
        self.0.stream(request, decoding, on_text)
    }
}
