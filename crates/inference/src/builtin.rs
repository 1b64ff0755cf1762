//! The built-in engine: [`lm::Llama`] without an adapter.
use crate::{Answer, AnswerDecoding, AnswerRequest, FrozenModel, check_length};
use contract::Result;
use lm::{Generation, Llama, Message, ModelFolder, Request, Step, Tokenizer};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Answers computed by [`lm::Llama`]. Clones of a model share its weights, so the prompter and the frozen model can be one.
pub struct BuiltIn {
    model: Llama,
    tokenizer: Tokenizer,
    stop_tokens: Vec<u32>,
    identity: String,
    name: String,
    max_rows: usize,
}

impl BuiltIn {
    /// Answers computed at a time unless [`Self::with_max_rows`] says otherwise.
    pub const DEFAULT_MAX_ROWS: usize = 64;

    /// `model` with the chat template, the stop tokens and the checksum of the folder that it was loaded from.
    pub fn new(model: Llama, folder: &ModelFolder) -> Result<Self> {
        Ok(Self {
            model,
            tokenizer: folder.tokenizer()?,
            stop_tokens: folder.stop_tokens.clone(),
            identity: folder.checksum()?,
            name: folder.path.file_name().map_or_else(|| folder.path.display().to_string(), |name| name.to_string_lossy().into_owned()),
            max_rows: Self::DEFAULT_MAX_ROWS,
        })
    }

    /// At most so many answers in a batch; a longer list of requests enters as rows become free. At least 1.
    #[must_use]
    pub fn with_max_rows(mut self, max_rows: usize) -> Self {
        self.max_rows = max_rows.max(1);
        self
    }

    /// Tokens of every request's prompt in the chat template; equal prompts share them, and so their computation.
    fn encode(&self, requests: &[AnswerRequest], max_tokens: usize) -> Result<Vec<Request>> {
        let mut known: HashMap<(Option<&str>, &str), Arc<[u32]>> = HashMap::new();
        let mut encoded = Vec::with_capacity(requests.len());
        for request in requests {
            let key = (request.system.as_deref(), request.prompt.as_str());
            let prompt = match known.get(&key) {
                Some(tokens) => tokens.clone(),
                None => {
                    let tokens: Arc<[u32]> = self.tokenizer.chat(&Message::asked(key.0, key.1))?.into();
                    check_length(&request.prompt, tokens.len(), max_tokens, self.model.config.context())?;
                    known.insert(key, tokens.clone());
                    tokens
                }
            };
            encoded.push(Request { prompt, seed: request.seed });
        }
        Ok(encoded)
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
        self.model.config.context()
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
        let generations = self.model.generate(None, &encoded, &decoding, self.max_rows, &mut |step| on_progress(step.done))?;
        generations.into_iter().map(|generation| self.decode(generation)).collect()
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
        let generation = self.model.generate(None, &encoded, &decoding, 1, &mut tell)?.pop();
        self.decode(generation.unwrap_or_default())
    }
}
