//! DeBERTa as a reward model (He et al. 2021, arXiv 2006.03654, and v3, arXiv 2111.09543): an encoder that reads a question and an answer at once and
//! gives one number (`DebertaV2ForSequenceClassification` in transformers). Scored with, never trained; candle's own operations, on any device.
pub mod config;
pub mod folder;
pub mod footprint;
mod layer;

use crate::{Device, Error, Message, Result, Tensor, Tokenizer};
use candle_core::{D, DType, Module};
use candle_nn::{Embedding, LayerNorm, Linear};
pub use config::DebertaConfig;
pub use folder::DebertaFolder;
pub use footprint::EncoderFootprint;
pub use layer::log_bucket;
use layer::{Distances, Layer};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Tokens of a pass, padding included.
const TOKENS_PER_PASS: usize = 2048;

/// A DeBERTa reward model with its weights (f32).
pub struct Deberta {
    config: DebertaConfig,
    tokenizer: Tokenizer,
    device: Device,
    tokens: Embedding,
    positions: Option<Embedding>,
    kinds: Option<Embedding>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    pooler: Linear,
    classifier: Linear,
}

/// A question and an answer as tokens: `[CLS] question [SEP] answer [SEP]`.
struct Pair {
    tokens: Vec<u32>,
    /// Where the answer begins.
    answer: usize,
}

impl Deberta {
    pub fn load(folder: &DebertaFolder, device: &Device) -> Result<Self> {
        let config = folder.config.clone();
        let mut weights = Weights { tensors: folder.weights(device)?, eps: config.layer_norm_eps };
        let distances = weights.tensor("deberta.encoder.rel_embeddings.weight")?;
        let distances = if config.norm_rel_ebd { weights.norm("deberta.encoder.LayerNorm")?.forward(&distances)? } else { distances };
        let layers = (0..config.num_hidden_layers).map(|i| Layer::load(&config, &mut weights, i, &distances));
        let layers = layers.collect::<Result<Vec<_>>>()?;
        Ok(Self {
            tokens: weights.embedding("word_embeddings")?,
            positions: config.position_biased_input.then(|| weights.embedding("position_embeddings")).transpose()?,
            kinds: (config.type_vocab_size > 0).then(|| weights.embedding("token_type_embeddings")).transpose()?,
            norm: weights.norm("deberta.embeddings.LayerNorm")?,
            pooler: weights.linear("pooler.dense")?,
            classifier: weights.linear("classifier")?,
            tokenizer: folder.tokenizer.clone(),
            device: device.clone(),
            layers,
            config,
        })
    }

    /// What the last message of each conversation is worth as an answer to those before it, one below the other: for a prompt alone, which is what these
    /// models were trained on, the prompt as it stands. Their roles are not told apart.
    ///
    /// # Errors
    /// [`Error::TooLong`] where the two are longer than the model was made for; [`Error::Model`] where there is no message.
    pub fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f32>> {
        let pairs = conversations.iter().map(|conversation| self.pair(conversation)).collect::<Result<Vec<_>>>()?;
        // Those of like length stand together, so that little is filled up.
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by_key(|&i| Reverse(pairs[i].tokens.len()));
        let mut scores = vec![0.0; pairs.len()];
        let mut rest = order.as_slice();
        while let Some(&longest) = rest.first() {
            let (pass, after) = rest.split_at((TOKENS_PER_PASS / pairs[longest].tokens.len()).clamp(1, rest.len()));
            let batch: Vec<&Pair> = pass.iter().map(|&i| &pairs[i]).collect();
            for (&i, score) in pass.iter().zip(self.pass(&batch)?) {
                scores[i] = score;
            }
            rest = after;
        }
        Ok(scores)
    }

    /// Tokens of a conversation as a pair, special ones included.
    pub fn pair_tokens(&self, conversation: &[Message]) -> Result<Vec<u32>> {
        Ok(self.pair(conversation)?.tokens)
    }

    fn pair(&self, conversation: &[Message]) -> Result<Pair> {
        let Some((answer, before)) = conversation.split_last() else {
            return Err(Error::Model("a conversation without messages cannot be scored".into()));
        };
        let [start, end] =
            self.tokenizer.around_texts().ok_or_else(|| Error::Model("the tokenizer does not know [CLS] and [SEP]".into()))?;
        let question = before.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n");
        let mut tokens = vec![start];
        tokens.extend(self.tokenizer.text(&question)?);
        tokens.push(end);
        let begins = tokens.len();
        // To transformers an empty text is none, and the question stands alone.
        if !answer.content.is_empty() {
            tokens.extend(self.tokenizer.text(&answer.content)?);
            tokens.push(end);
        }
        let (longest, vocabulary) = (self.config.max_position_embeddings, self.config.vocab_size);
        if tokens.len() > longest {
            return Err(Error::TooLong(format!(
                "a question with its answer is {} tokens long, and the reward model reads {longest} (`max_position_embeddings`)",
                tokens.len()
            )));
        }
        match tokens.iter().find(|token| **token as usize >= vocabulary) {
            Some(token) => Err(Error::Model(format!("token {token} is not below `vocab_size` ({vocabulary})"))),
            None => Ok(Pair { tokens, answer: begins }),
        }
    }

    fn pass(&self, pairs: &[&Pair]) -> Result<Vec<f32>> {
        let (batch, length) = (pairs.len(), pairs.iter().map(|pair| pair.tokens.len()).max().unwrap_or(0));
        let mut tokens = vec![0u32; batch * length];
        let mut kinds = vec![0u32; batch * length];
        let mut present = vec![0f32; batch * length];
        for (row, pair) in pairs.iter().enumerate() {
            let filled = row * length..row * length + pair.tokens.len();
            tokens[filled.clone()].copy_from_slice(&pair.tokens);
            present[filled.clone()].fill(1.0);
            kinds[filled.start + pair.answer..filled.end].fill(1);
        }
        let table = |values: Vec<u32>| Tensor::from_vec(values, (batch, length), &self.device);
        let mut hidden = self.tokens.forward(&table(tokens)?)?;
        if let Some(positions) = &self.positions {
            hidden = hidden.broadcast_add(&positions.forward(&Tensor::arange(0, length as u32, &self.device)?)?)?;
        }
        if let Some(embedding) = &self.kinds {
            hidden = (hidden + embedding.forward(&table(kinds)?)?)?;
        }
        let present = Tensor::from_vec(present, (batch, length), &self.device)?;
        hidden = self.norm.forward(&hidden)?.broadcast_mul(&present.unsqueeze(D::Minus1)?)?;
        // Nobody looks at what fills up: its attention is as good as none.
        let unseen = ((present - 1.0)? * f64::from(f32::MAX))?.reshape((batch, 1, 1, length))?;
        let distances = Distances::new(&self.config, batch, length, &self.device)?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, &unseen, &distances)?;
        }
        // Products on a GPU take dense operands only.
        let first = hidden.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?;
        let pooled = self.pooler.forward(&first)?.gelu_erf()?;
        Ok(self.classifier.forward(&pooled)?.flatten_all()?.to_vec1()?)
    }
}

/// Weights that are taken out by name, in f32.
struct Weights {
    tensors: BTreeMap<String, Tensor>,
    eps: f64,
}

impl Weights {
    fn tensor(&mut self, name: &str) -> Result<Tensor> {
        let tensor = self.tensors.remove(name).ok_or_else(|| Error::Model(format!("the model has no tensor {name}")))?;
        Ok(tensor.to_dtype(DType::F32)?)
    }

    fn linear(&mut self, name: &str) -> Result<Linear> {
        Ok(Linear::new(self.tensor(&format!("{name}.weight"))?, Some(self.tensor(&format!("{name}.bias"))?)))
    }

    fn norm(&mut self, name: &str) -> Result<LayerNorm> {
        Ok(LayerNorm::new(self.tensor(&format!("{name}.weight"))?, self.tensor(&format!("{name}.bias"))?, self.eps))
    }

    fn embedding(&mut self, name: &str) -> Result<Embedding> {
        let table = self.tensor(&format!("deberta.embeddings.{name}.weight"))?;
        let width = table.dim(1)?;
        Ok(Embedding::new(table, width))
    }
}
