//! DeBERTa as a reward model (He et al. 2021, arXiv 2006.03654, and v3, arXiv 2111.09543): an encoder that reads a question and an answer at once and
//! gives one number (`DebertaV2ForSequenceClassification` in transformers). Scored with, never trained; candle's own operations, on any device, so that
//! `precision = "bf16"` means the same on a processor as on a GPU: matrices in bf16, what is multiplied with them and the products too.
pub mod config;
pub mod folder;
pub mod footprint;
mod layer;

use crate::kernels::matrix::Matrix;
use crate::weight_files::WeightFiles;
use crate::{Device, Error, Message, Precision, Result, Tensor, Tokenizer};
use candle_core::{D, DType, Module};
use candle_nn::{LayerNorm, Linear};
pub use config::DebertaConfig;
pub use folder::DebertaFolder;
pub use footprint::EncoderFootprint;
pub use layer::log_bucket;
use layer::{Distances, Layer};
use std::cmp::Reverse;

/// Tokens of a pass, padding included.
const TOKENS_PER_PASS: usize = 2048;

/// A DeBERTa reward model with its weights.
pub struct Deberta {
    config: DebertaConfig,
    tokenizer: Tokenizer,
    device: Device,
    /// Embeddings, a row each.
    tokens: Matrix,
    positions: Option<Matrix>,
    kinds: Option<Matrix>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    pooler: Dense,
    /// In f32 whatever the rest is in, as the weight of a decoder's score.
    classifier: Linear,
}

/// A question and an answer as tokens: `[CLS] question [SEP] answer [SEP]`.
struct Pair {
    tokens: Vec<u32>,
    /// Where the answer begins.
    answer: usize,
}

impl Deberta {
    pub fn load(folder: &DebertaFolder, device: &Device, precision: Precision) -> Result<Self> {
        let config = folder.config.clone();
        let weights = Weights { files: folder.weight_files()?, device, eps: config.layer_norm_eps, precision };
        let distances = weights.matrix("deberta.encoder.rel_embeddings")?.select(&Tensor::arange(0, 2 * config.span() as u32, device)?)?;
        let distances = if config.norm_rel_ebd { weights.norm("deberta.encoder.LayerNorm")?.forward(&distances)? } else { distances };
        let layers = (0..config.num_hidden_layers).map(|i| Layer::load(&config, &weights, i, &distances));
        let layers = layers.collect::<Result<Vec<_>>>()?;
        Ok(Self {
            tokens: weights.matrix("deberta.embeddings.word_embeddings")?,
            positions: config.position_biased_input.then(|| weights.matrix("deberta.embeddings.position_embeddings")).transpose()?,
            kinds: (config.type_vocab_size > 0).then(|| weights.matrix("deberta.embeddings.token_type_embeddings")).transpose()?,
            norm: weights.norm("deberta.embeddings.LayerNorm")?,
            pooler: weights.dense("pooler.dense")?,
            classifier: Linear::new(weights.tensor("classifier.weight")?, Some(weights.tensor("classifier.bias")?)),
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

    /// How many tokens it reads at most.
    pub fn context(&self) -> usize {
        self.config.max_position_embeddings
    }

    /// How many tokens a conversation has as a pair, however many these are, special ones included.
    pub fn length(&self, conversation: &[Message]) -> Result<usize> {
        Ok(self.written(conversation)?.tokens.len())
    }

    fn pair(&self, conversation: &[Message]) -> Result<Pair> {
        let pair = self.written(conversation)?;
        if pair.tokens.len() > self.context() {
            return Err(Error::TooLong(format!(
                "a question with its answer is {} tokens long, and the reward model reads {} (`max_position_embeddings`)",
                pair.tokens.len(),
                self.context()
            )));
        }
        Ok(pair)
    }

    fn written(&self, conversation: &[Message]) -> Result<Pair> {
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
        let vocabulary = self.config.vocab_size;
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
        let embedded = |table: &Matrix, rows: Vec<u32>| table.select(&Tensor::new(rows, &self.device)?)?.reshape((batch, length, ()));
        let mut hidden = embedded(&self.tokens, tokens)?;
        if let Some(positions) = &self.positions {
            hidden = hidden.broadcast_add(&positions.select(&Tensor::arange(0, length as u32, &self.device)?)?)?;
        }
        if let Some(table) = &self.kinds {
            hidden = (hidden + embedded(table, kinds)?)?;
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

/// A frozen linear layer.
struct Dense {
    /// [outputs, inputs].
    weight: Matrix,
    bias: Tensor,
}

impl Dense {
    /// Of [.., inputs]: [.., outputs], f32.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let rows = x.reshape(((), self.weight.columns()?))?;
        let (shape, _) = x.dims().split_at(x.rank() - 1);
        let product = self.weight.times_transposed(&rows)?.broadcast_add(&self.bias)?;
        Ok(product.reshape([shape, &[self.bias.dim(0)?]].concat())?)
    }
}

/// Weights that are read by name, one after the other: no more than one of them is there as it is stored.
struct Weights<'a> {
    files: WeightFiles,
    device: &'a Device,
    eps: f64,
    precision: Precision,
}

impl Weights<'_> {
    fn stored(&self, name: &str) -> Result<Tensor> {
        self.files.load(name, self.device)
    }

    /// In f32.
    fn tensor(&self, name: &str) -> Result<Tensor> {
        Ok(self.stored(name)?.to_dtype(DType::F32)?)
    }

    fn matrix(&self, name: &str) -> Result<Matrix> {
        Ok(Matrix::new(&self.stored(&format!("{name}.weight"))?, self.precision)?)
    }

    fn dense(&self, name: &str) -> Result<Dense> {
        Ok(Dense { weight: self.matrix(name)?, bias: self.tensor(&format!("{name}.bias"))? })
    }

    fn norm(&self, name: &str) -> Result<LayerNorm> {
        Ok(LayerNorm::new(self.tensor(&format!("{name}.weight"))?, self.tensor(&format!("{name}.bias"))?, self.eps))
    }
}
