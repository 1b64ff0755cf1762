//! The built-in engine: [`lm::Llama`] without an adapter.
use crate::context::check_length;
use crate::proof::{BF16_LOG_PROB_TOLERANCE, LOG_PROB_TOLERANCE};
use crate::spelling::{Spellings, spellings_of};
use crate::{Answer, AnswerDecoding, AnswerRequest, FrozenModel, encoded};
use contract::Result;
use lm::packed::TOKENS_PER_PASS;
use lm::{Generation, Group, Llama, Message, ModelFolder, Offloaded, Request, Step, Tokenizer};
use std::ops::ControlFlow;

/// Answers computed by [`lm::Llama`]. Clones of a model share its weights, so the prompter and the frozen model can be one.
pub struct BuiltIn {
    weights: Weights,
    context: usize,
    rounding: f64,
    tokenizer: Tokenizer,
    stop_tokens: Vec<u32>,
    identity: String,
    name: String,
    max_rows: usize,
    spellings: Spellings,
}

/// A model for the built-in engine.
pub enum Weights {
    Held(Llama),
    /// Read again after each [`FrozenModel::rest`].
    Offloaded {
        from: Offloaded<Llama>,
        now: Option<Llama>,
    },
}

impl From<Llama> for Weights {
    fn from(model: Llama) -> Self {
        Self::Held(model)
    }
}

impl From<Offloaded<Llama>> for Weights {
    fn from(from: Offloaded<Llama>) -> Self {
        Self::Offloaded { from, now: None }
    }
}

impl Weights {
    fn model(&mut self) -> Result<&Llama> {
        Ok(match self {
            Self::Held(model) => model,
            Self::Offloaded { now: Some(model), .. } => model,
            Self::Offloaded { from, now } => now.insert(from.load()?),
        })
    }
}

impl BuiltIn {
    /// Answers computed at a time unless [`Self::with_max_rows`] says otherwise.
    pub const DEFAULT_MAX_ROWS: usize = 64;

    /// With the chat template, the stop tokens and the checksum of the folder that the weights are loaded from.
    ///
    /// # Errors
    /// Where the folder's tokenizer, or weights that are offloaded, cannot be read.
    pub fn new(weights: impl Into<Weights>, folder: &ModelFolder) -> Result<Self> {
        let mut weights = weights.into();
        let model = weights.model()?;
        Ok(Self {
            context: model.config.context(),
            rounding: if model.rounds() { BF16_LOG_PROB_TOLERANCE } else { LOG_PROB_TOLERANCE },
            weights,
            tokenizer: folder.tokenizer()?,
            stop_tokens: folder.stop_tokens.clone(),
            identity: folder.checksum()?,
            name: folder.path.file_name().map_or_else(|| folder.path.display().to_string(), |name| name.to_string_lossy().into_owned()),
            max_rows: Self::DEFAULT_MAX_ROWS,
            spellings: Spellings::default(),
        })
    }

    /// At most so many answers in a batch; a longer list of requests enters as rows become free. At least 1.
    #[must_use]
    pub fn with_max_rows(mut self, max_rows: usize) -> Self {
        self.max_rows = max_rows.max(1);
        self
    }

    /// Every request's tokens in the chat template.
    fn encode(&self, requests: &[AnswerRequest], max_tokens: usize) -> Result<Vec<Request>> {
        let tokens = |system: Option<&str>, prompt: &str| Ok(self.tokenizer.chat(&Message::asked(system, prompt))?);
        let prompts = encoded(requests, max_tokens, self.context, tokens)?;
        Ok(prompts.into_iter().zip(requests).map(|(prompt, request)| Request { prompt, seed: request.seed }).collect())
    }

    /// Token sequences whose text is `word`, white space around it aside.
    fn spellings(&mut self, word: &str) -> Result<Vec<Vec<u32>>> {
        if let Some(known) = self.spellings.get(word) {
            return Ok(known);
        }
        let (found, engine) = (spellings_of(word, &self.tokenizer)?, self.describe());
        self.spellings.keep(word, found, &engine)
    }

    fn decode(&self, generation: Generation) -> Result<Answer> {
        let text = self.tokenizer.decode(generation.shown(&self.stop_tokens))?;
        Ok(Answer { text, truncated: !generation.stopped, tokens: generation.tokens, log_probs: generation.log_probs })
    }
}

impl FrozenModel for BuiltIn {
    fn describe(&self) -> String {
        format!("built-in engine, {}", self.name)
    }

    fn identity(&self) -> &str {
        &self.identity
    }

    fn context(&self) -> usize {
        self.context
    }

    fn rounding(&self) -> f64 {
        self.rounding
    }

    fn prompt_tokens(&self, system: Option<&str>, prompt: &str) -> Result<usize> {
        Ok(self.tokenizer.chat(&Message::asked(system, prompt))?.len())
    }

    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        let encoded = self.encode(requests, decoding.max_tokens)?;
        let decoding = decoding.with_stop(self.stop_tokens.clone());
        let generations = self.weights.model()?.generate(None, &encoded, &decoding, self.max_rows, &mut |step| on_progress(step.done))?;
        generations.into_iter().map(|generation| self.decode(generation)).collect()
    }

    fn first_words(&mut self, prompts: &[String], words: &[String]) -> Result<Vec<Vec<f64>>> {
        let spelled = words.iter().map(|word| self.spellings(word)).collect::<Result<Vec<_>>>()?;
        let completions: Vec<Vec<u32>> = spelled.iter().flatten().cloned().collect();
        let per_prompt: usize = completions.iter().map(Vec::len).sum();
        let longest = completions.iter().map(Vec::len).max().unwrap_or(0);
        let mut encoded = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            let tokens = self.tokenizer.chat(&[Message::user(prompt.as_str())])?;
            check_length(prompt, tokens.len(), longest, self.context)?;
            encoded.push(tokens);
        }
        let (mut likely, mut rest) = (Vec::with_capacity(prompts.len()), encoded.as_slice());
        while !rest.is_empty() {
            let mut tokens = 0;
            let fit = rest.iter().take_while(|prompt| {
                tokens += prompt.len() + per_prompt;
                tokens <= TOKENS_PER_PASS
            });
            let (pass, after) = rest.split_at(fit.count().max(1));
            let groups: Vec<Group<'_>> = pass.iter().map(|prompt| Group { prompt, completions: &completions }).collect();
            let log_probs = self.weights.model()?.score(None, &groups, 1.0)?;
            for of_prompt in log_probs.chunks(per_prompt) {
                let mut each = of_prompt.iter().map(|log_prob| f64::from(*log_prob));
                let mut said = |tokens: &Vec<u32>| each.by_ref().take(tokens.len()).sum::<f64>().exp();
                likely.push(spelled.iter().map(|ways| ways.iter().map(&mut said).sum()).collect());
            }
            rest = after;
        }
        Ok(likely)
    }

    fn rest(&mut self) {
        if let Weights::Offloaded { now, .. } = &mut self.weights {
            *now = None;
        }
    }

    fn stream(&mut self, request: &AnswerRequest, decoding: &AnswerDecoding, on_text: &mut dyn FnMut(&str)) -> Result<Answer> {
        let encoded = self.encode(std::slice::from_ref(request), decoding.max_tokens)?;
        let decoding = decoding.with_stop(self.stop_tokens.clone());
        let mut tell = |step: Step<'_>| {
            // What cannot be decoded is said of the whole answer.
            if let [(_, tokens)] = step.rows
                && let Ok(text) = self.tokenizer.decode_beginning(tokens)
            {
                on_text(&text);
            }
            ControlFlow::Continue(())
        };
        let generation = self.weights.model()?.generate(None, &encoded, &decoding, 1, &mut tell)?.pop();
        self.decode(generation.unwrap_or_default())
    }
}
