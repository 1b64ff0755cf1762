//! A small deterministic model for tests of what stands around an engine.
use crate::{Answer, AnswerDecoding, AnswerRequest, FrozenModel};
use contract::{Error, Result};
use std::ops::ControlFlow;

/// What is wrong with the engine.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Answers another request of the batch.
    MixesAnswers,
    /// Right text, log-probabilities off by so much in a batch.
    LogProbsOff(f32),
    /// NaN log-probabilities.
    NotANumber,
    /// Leaves out the last answer.
    Forgets,
}

/// Answers are a hash of the prompt, and of the seed unless greedy.
pub struct Fake {
    fault: Fault,
    /// Answers computed so far.
    pub computed: usize,
    /// Largest batch seen.
    pub largest_batch: usize,
}

impl Fake {
    fn with(fault: Fault) -> Self {
        Self { fault, computed: 0, largest_batch: 0 }
    }
    pub fn sound() -> Self {
        Self::with(Fault::None)
    }
    pub fn mixing() -> Self {
        Self::with(Fault::MixesAnswers)
    }
    pub fn imprecise(by: f32) -> Self {
        Self::with(Fault::LogProbsOff(by))
    }
    pub fn not_a_number() -> Self {
        Self::with(Fault::NotANumber)
    }
    pub fn forgetful() -> Self {
        Self::with(Fault::Forgets)
    }

    fn one(&self, request: &AnswerRequest, decoding: &AnswerDecoding, in_batch: bool) -> Answer {
        let seed = if decoding.temperature > 0.0 { request.seed } else { 0 };
        let hash = lm::stream::seed(seed, &request.prompt, &[]);
        let mut log_probs: Vec<f32> = (0..2).map(|i| -((hash >> (8 * i)) as u8 as f32) / 64.0).collect();
        match self.fault {
            Fault::LogProbsOff(by) if in_batch => log_probs[1] += by,
            Fault::NotANumber => log_probs[0] = f32::NAN,
            _ => {}
        }
        Answer { text: format!("answer {hash:x}"), tokens: vec![hash as u8 as u32, 7], log_probs, truncated: false }
    }
}

impl FrozenModel for Fake {
    fn describe(&self) -> String {
        "fake".into()
    }
    fn identity(&self) -> &str {
        "fake-1"
    }
    fn context(&self) -> usize {
        usize::MAX
    }
    fn prompt_tokens(&self, _system: Option<&str>, prompt: &str) -> Result<usize> {
        Ok(prompt.split_whitespace().count())
    }
    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        let n = requests.len();
        self.largest_batch = self.largest_batch.max(n);
        let mut answers = Vec::new();
        for i in 0..n {
            let which = if self.fault == Fault::MixesAnswers { (i + 1) % n } else { i };
            answers.push(self.one(&requests[which], decoding, n > 1));
            self.computed += 1;
            if on_progress(i + 1).is_break() {
                return Err(Error::stopped("stopped"));
            }
        }
        if self.fault == Fault::Forgets {
            answers.pop();
        }
        Ok(answers)
    }
}

pub fn requests(prompts: &[(&str, u64)]) -> Vec<AnswerRequest> {
    prompts.iter().map(|&(prompt, seed)| AnswerRequest::new(prompt, seed)).collect()
}

pub fn decoding(temperature: f64) -> AnswerDecoding {
    AnswerDecoding { max_tokens: 8, temperature, top_p: 1.0, top_k: 0 }
}

pub fn quiet(_done: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
