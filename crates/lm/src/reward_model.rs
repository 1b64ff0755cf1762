//! Models that say what an answer is worth: a decoder of [`Llama`]'s families with one number in the place of the vocabulary
//! (`…ForSequenceClassification` in transformers, one label).
use crate::{Device, Error, Group, Llama, Message, ModelFolder, Result, Tokenizer};

/// Tokens of a pass over conversations; what begins alike counts once.
const TOKENS_PER_PASS: usize = 4096;

/// A reward model with its weights (f32).
pub struct RewardModel {
    model: Llama,
    tokenizer: Tokenizer,
    /// [hidden size].
    weight: Vec<f32>,
    padding: Option<u32>,
}

impl RewardModel {
    /// Loads a folder of [`ModelFolder::open_reward_model`].
    pub fn load(folder: &ModelFolder, device: &Device) -> Result<Self> {
        let mut weights = folder.weights(&Device::Cpu)?;
        let weight = weights.remove(SCORE).ok_or_else(|| Error::Model(format!("the model has no tensor {SCORE}")))?;
        let weight = weight.to_dtype(candle_core::DType::F32)?.flatten_all()?.to_vec1()?;
        let model = Llama::from_weights(folder.config.clone(), weights, device, device.is_cpu())?;
        Ok(Self { model, tokenizer: folder.tokenizer()?, weight, padding: folder.padding })
    }

    /// Tokens that a conversation may have.
    pub fn context(&self) -> usize {
        self.model.config.context()
    }

    /// The conversation as the chat template writes it, up to the token whose hidden state is scored: the last that is not the one for padding, as
    /// transformers has it, also where a text ends with that one by itself.
    pub fn tokens(&self, conversation: &[Message]) -> Result<Vec<u32>> {
        let mut tokens = self.tokenizer.conversation(conversation)?;
        let last = tokens.iter().rposition(|token| Some(*token) != self.padding).unwrap_or(0);
        tokens.truncate(last + 1);
        if tokens.is_empty() { Err(Error::Model("a conversation without tokens cannot be scored".into())) } else { Ok(tokens) }
    }

    /// What the last message of each conversation is worth. Conversations that begin alike should stand side by side: what they have in common is
    /// computed once.
    pub fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f32>> {
        let texts = conversations.iter().map(|conversation| self.tokens(conversation)).collect::<Result<Vec<_>>>()?;
        let mut scores = Vec::with_capacity(texts.len());
        let mut rest = texts.as_slice();
        while !rest.is_empty() {
            let mut tokens = 0;
            let fit = rest.iter().take_while(|text| {
                tokens += text.len();
                tokens <= TOKENS_PER_PASS
            });
            let (pass, after) = rest.split_at(fit.count().max(1));
            scores.extend(self.pass(pass)?);
            rest = after;
        }
        Ok(scores)
    }

    fn pass(&self, texts: &[Vec<u32>]) -> Result<Vec<f32>> {
        // A token that nothing is asked about: features stand where one is predicted.
        const NEXT: u32 = 0;
        let parts: Vec<(&[u32], Vec<Vec<u32>>)> = texts
            .chunk_by(|a, b| common(a, b) > a.len().min(b.len()) / 2)
            .map(|texts| {
                let first = &texts[0];
                let shared = texts.iter().map(|text| common(first, text).min(text.len() - 1)).min().unwrap_or(0).max(1);
                let rest = |text: &Vec<u32>| text[shared..].iter().copied().chain([NEXT]).collect();
                (&first[..shared], texts.iter().map(rest).collect())
            })
            .collect();
        let groups: Vec<Group<'_>> = parts.iter().map(|(prompt, completions)| Group { prompt, completions }).collect();
        let features: Vec<f32> = self.model.features(&groups)?.flatten_all()?.to_vec1()?;
        let mut rows = features.chunks_exact(self.weight.len());
        let mut scores = Vec::with_capacity(texts.len());
        for completion in parts.iter().flat_map(|(_, completions)| completions) {
            let last = rows.by_ref().take(completion.len()).last();
            let last = last.ok_or_else(|| Error::Model("a conversation got no hidden state".into()))?;
            scores.push(last.iter().zip(&self.weight).map(|(x, w)| x * w).sum());
        }
        Ok(scores)
    }
}

/// Name of the weight that gives the number.
pub(crate) const SCORE: &str = "score.weight";

/// How many tokens two texts begin with in common.
fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
