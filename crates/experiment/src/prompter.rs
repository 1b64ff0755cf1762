//! The prompter ρ: a language model that rewrites prompts.
use contract::data::Prompt;
use contract::{Error, Result, spec};
use lm::{Adapter, Decoding, Group, Llama, LoraConfig, Message, Request, Step, Tensor, Tokenizer};
use std::ops::ControlFlow;
use std::sync::Arc;

/// The base model ρ_sft with its tokenizer and settings. The trained ρ is the same base with an adapter.
///
/// The policy is the *tempered* distribution, softmax(logits / temperature), ended by `ends_after` and cut at `max_rewrite_tokens`; no
/// top-p and no top-k, so that the log-probabilities are those of the distribution that was drawn from.
pub struct Prompter {
    model: Llama,
    wording: Wording,
    stop_tokens: Vec<u32>,
    /// Tokens that end an output and stay in it (`ends_after`).
    closing: Vec<u32>,
}

/// How a prompter is asked, and what becomes of its output: its settings and its tokenizer, without the model.
#[derive(Clone)]
pub struct Wording {
    tokenizer: Arc<Tokenizer>,
    settings: spec::Prompter,
}

/// One drawn rewrite.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewrite {
    /// What the frozen model gets: the drawn tokens as text, white space trimmed at both ends and nothing else (labels or quotes that the
    /// prompter adds are part of what it did), in the spec's template. May be empty; the frozen model then answers an empty user
    /// message, and the guard for empty rewrites counts it.
    pub text: String,
    /// At least one: the stop token is a token of the rewrite.
    pub tokens: Vec<u32>,
    /// log ρ of each token.
    pub log_probs: Vec<f32>,
    /// Entropy of the distribution of each token, in nats.
    pub entropies: Vec<f32>,
    /// log ρ_sft of each token.
    pub reference: Vec<f32>,
    /// Cut at `max_rewrite_tokens`.
    pub truncated: bool,
    /// The prompter wrote nothing; with a template that names the prompt, `text` is then the prompt.
    pub empty: bool,
}

impl Rewrite {
    /// Σ over tokens of log ρ − log ρ_sft: a single-sample, unbiased estimate of KL(ρ‖ρ_sft), in nats.
    pub fn kl(&self) -> f64 {
        self.log_ratios().sum()
    }

    /// Σ over tokens of exp(−d) − 1 + d with d = log ρ − log ρ_sft (Schulman's k3): also unbiased, never negative, less noisy.
    pub fn kl_k3(&self) -> f64 {
        self.log_ratios().map(|d| (-d).exp_m1() + d).sum()
    }

    fn log_ratios(&self) -> impl Iterator<Item = f64> + '_ {
        self.log_probs.iter().zip(&self.reference).map(|(new, old)| f64::from(*new) - f64::from(*old))
    }
}

/// A prompt's tokens and the tokens of its rewrites: a [`lm::Group`] that owns them.
#[derive(Debug, Clone)]
pub struct TokenGroup {
    pub prompt: Arc<[u32]>,
    pub rewrites: Vec<Vec<u32>>,
}

impl Prompter {
    /// `stop_tokens` as [`lm::ModelFolder`] names them.
    ///
    /// # Errors
    /// [`contract::Code::Spec`] when no token of the tokenizer holds a text of `ends_after`.
    pub fn new(model: Llama, tokenizer: Arc<Tokenizer>, stop_tokens: Vec<u32>, settings: spec::Prompter) -> Result<Self> {
        let mut closing = Vec::new();
        for text in &settings.ends_after {
            let tokens = tokenizer.tokens_with(text)?;
            if tokens.is_empty() {
                return Err(Error::spec(format!(
                    "prompter.ends_after contains {text:?}, which no token of {} holds, so that it would end nothing; give single characters, as \".\".",
                    settings.model
                )));
            }
            closing.extend(tokens);
        }
        Ok(Self { model, wording: Wording::new(tokenizer, settings), stop_tokens, closing })
    }

    pub fn wording(&self) -> &Wording {
        &self.wording
    }

    pub fn settings(&self) -> &spec::Prompter {
        &self.wording.settings
    }

    /// An adapter that changes nothing yet.
    pub fn untrained_adapter(&self, seed: u64) -> Result<Adapter> {
        Ok(Adapter::new(&self.model, lora(&self.wording.settings), seed)?)
    }

    /// An adapter from a checkpoint.
    pub fn adapter(&self, bytes: &[u8]) -> Result<Adapter> {
        Ok(Adapter::from_bytes(&self.model, lora(&self.wording.settings), bytes)?)
    }

    /// Tokens that the model can hold, prompt and continuation together.
    pub fn context(&self) -> usize {
        self.model.config.context()
    }

    /// As [`Wording::request`].
    pub fn request(&self, prompt: &Prompt) -> Result<Arc<[u32]>> {
        self.wording.request(prompt)
    }

    /// As [`Wording::message`].
    pub fn message(&self, text: &str) -> Result<Arc<[u32]>> {
        self.wording.message(text)
    }

    /// As [`Wording::rewrite`].
    pub fn rewrite(&self, prompt: &str, output: &str) -> String {
        self.wording.rewrite(prompt, output)
    }

    /// Draws one rewrite for each request and seed, at most `max_rows` at a time; `text` is the bare output and `reference` empty. Breaking `on_step` gives
    /// [`contract::Code::Stopped`].
    pub fn draw(
        &self,
        adapter: Option<&Adapter>,
        requests: &[Request],
        max_rows: usize,
        on_step: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<Rewrite>> {
        let decoding = Decoding {
            max_tokens: self.wording.settings.max_rewrite_tokens,
            temperature: self.wording.settings.temperature,
            top_p: 1.0,
            top_k: 0,
            stop: [&self.stop_tokens[..], &self.closing].concat(),
        };
        let drawn = self.model.generate(adapter, requests, &decoding, max_rows, on_step)?;
        drawn
            .into_iter()
            .map(|g| {
                let text = self.wording.tokenizer.decode(g.shown(&self.stop_tokens))?.trim().to_string();
                Ok(Rewrite {
                    empty: text.is_empty(),
                    text,
                    tokens: g.tokens,
                    log_probs: g.log_probs,
                    entropies: g.entropies,
                    reference: Vec::new(),
                    truncated: !g.stopped,
                })
            })
            .collect()
    }

    /// The rewrite of `prompt` so far, for the tokens drawn so far.
    pub fn beginning(&self, prompt: &str, tokens: &[u32]) -> Result<String> {
        Ok(self.rewrite(prompt, self.wording.tokenizer.decode_beginning(tokens)?.trim()))
    }

    /// Log-probability of every token of the groups' rewrites, [tokens] (f32), in order; differentiable in the adapter.
    pub fn log_probs(&self, adapter: Option<&Adapter>, groups: &[TokenGroup], dropout_seed: Option<u64>) -> lm::Result<Tensor> {
        self.model.log_probs(adapter, &borrowed(groups), self.wording.settings.temperature, dropout_seed)
    }

    /// Values in a hidden state.
    pub fn width(&self) -> usize {
        self.model.config.hidden_size
    }

    /// The untuned prompter's last hidden state where it predicts each token of the groups' rewrites, [tokens, width] (f32), in order.
    pub fn features(&self, groups: &[TokenGroup]) -> lm::Result<Tensor> {
        self.model.features(None, &borrowed(groups))
    }
}

impl Wording {
    pub fn new(tokenizer: Arc<Tokenizer>, settings: spec::Prompter) -> Self {
        Self { tokenizer, settings }
    }

    pub fn settings(&self) -> &spec::Prompter {
        &self.settings
    }

    /// What asks for a rewrite of `prompt`, as tokens: the meta-prompt as one user message. Where it is the prompt alone the model is not asked for a
    /// rewrite, but as the frozen model is (the oracle): with the system prompt.
    pub fn request(&self, prompt: &Prompt) -> Result<Arc<[u32]>> {
        const ALONE: &str = "{prompt}";
        let system = prompt.system.as_deref().filter(|_| self.settings.meta_prompt == ALONE);
        let message = self.settings.meta_prompt.replacen(ALONE, &prompt.text, 1);
        Ok(self.tokenizer.chat(&Message::asked(system, &message))?.into())
    }

    /// A text as one user message, as tokens.
    pub fn message(&self, text: &str) -> Result<Arc<[u32]>> {
        Ok(self.tokenizer.chat(&[Message::user(text)])?.into())
    }

    /// The rewrite x' of `prompt` for what the prompter wrote (z). For one prompt, different z give different x' (but for white space at the
    /// ends), so that KL(ρ‖ρ_sft) is the same for both.
    pub fn rewrite(&self, prompt: &str, output: &str) -> String {
        // Filled before the output comes in: neither text is searched for the other's placeholder.
        let fill = |part: &str| part.replacen("{prompt}", prompt, 1);
        match self.settings.rewrite_template.split_once("{output}") {
            Some((before, after)) => format!("{}{output}{}", fill(before), fill(after)).trim().to_string(),
            // The spec's check lets no such template in.
            None => output.to_string(),
        }
    }
}

fn borrowed(groups: &[TokenGroup]) -> Vec<Group<'_>> {
    groups.iter().map(|g| Group { prompt: &g.prompt, completions: &g.rewrites }).collect()
}

/// The shape of the prompter's adapter.
pub fn lora(settings: &spec::Prompter) -> LoraConfig {
    let l = &settings.lora;
    LoraConfig { rank: l.rank, alpha: l.alpha, dropout: l.dropout, targets: l.targets.clone() }
}

/// Collects neighbours with the same request into groups, in order.
pub fn group(requests: &[Request], rewrites: &[Rewrite]) -> Vec<TokenGroup> {
    let mut groups: Vec<TokenGroup> = Vec::new();
    for (request, rewrite) in requests.iter().zip(rewrites) {
        match groups.last_mut() {
            Some(last) if last.prompt == request.prompt => last.rewrites.push(rewrite.tokens.clone()),
            _ => groups.push(TokenGroup { prompt: request.prompt.clone(), rewrites: vec![rewrite.tokens.clone()] }),
        }
    }
    groups
}
