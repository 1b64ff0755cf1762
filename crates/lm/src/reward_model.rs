//! Models that say what an answer is worth: a decoder of [`Llama`]'s families with one number in the place of the vocabulary
//! (`…ForSequenceClassification` in transformers, one label).
use crate::draft::Draft;
use crate::packed::TOKENS_PER_PASS;
use crate::seal::{self, Seal};
use crate::{Adapter, Device, Error, Group, Llama, LoraConfig, Message, ModelFolder, Precision, Result, Tensor, Tokenizer};
use candle_core::DType;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// A reward model with its weights.
pub struct RewardModel {
    model: Llama,
    adapter: Option<Adapter>,
    tokenizer: Tokenizer,
    /// [hidden size].
    weight: Vec<f32>,
    padding: Option<u32>,
}

impl RewardModel {
    /// Loads a folder of [`ModelFolder::open_reward_model`].
    pub fn load(folder: &ModelFolder, device: &Device, precision: Precision) -> Result<Self> {
        Self::of(Llama::load(folder, device, precision)?, folder)
    }

    /// With the folder's model, loaded already.
    pub fn of(model: Llama, folder: &ModelFolder) -> Result<Self> {
        let weight = folder.weight_files()?.load(SCORE, &Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        Ok(Self { model, adapter: None, tokenizer: folder.tokenizer()?, weight, padding: folder.padding })
    }

    /// A model that writes text, to be trained as a reward model: every conversation is worth 0 yet.
    pub fn untrained(model: Llama, folder: &ModelFolder, lora: LoraConfig, seed: u64) -> Result<Self> {
        let adapter = Adapter::new(&model, lora, seed)?;
        let weight = vec![0.0; model.config.hidden_size];
        Ok(Self { model, adapter: Some(adapter), tokenizer: folder.tokenizer()?, weight, padding: folder.padding })
    }

    /// What an untrained one learns.
    pub fn adapter(&self) -> Option<&Adapter> {
        self.adapter.as_ref()
    }

    /// The weight that gives the number, [hidden size].
    pub fn weight(&self) -> &[f32] {
        &self.weight
    }

    /// With another one.
    pub fn set_weight(&mut self, weight: Vec<f32>) -> Result<()> {
        if weight.len() != self.weight.len() {
            return Err(Error::Model(format!("the weight of a score has {} numbers, not {}", self.weight.len(), weight.len())));
        }
        self.weight = weight;
        Ok(())
    }

    /// An untrained model as trained so far: its adapter's [`Adapter::to_bytes`], and the weight of the score.
    pub fn restore(&mut self, adapter: &[u8], weight: Vec<f32>) -> Result<()> {
        let untrained = self.adapter.as_ref().ok_or_else(|| Error::Model("a reward model that is loaded is not trained further".into()))?;
        self.adapter = Some(Adapter::from_bytes(&self.model, untrained.config.clone(), adapter)?);
        self.set_weight(weight)
    }

    pub fn device(&self) -> &Device {
        self.model.device()
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
        self.score_by(&self.weight, &texts)
    }

    /// The same of texts ([`Self::tokens`]) by another weight than the model's own, [hidden size]: one that is being trained.
    pub fn score_by(&self, weight: &[f32], texts: &[Vec<u32>]) -> Result<Vec<f32>> {
        let mut scores = Vec::with_capacity(texts.len());
        let mut rest = texts;
        while !rest.is_empty() {
            let mut tokens = 0;
            let fit = rest.iter().take_while(|text| {
                tokens += text.len();
                tokens <= TOKENS_PER_PASS
            });
            let (pass, after) = rest.split_at(fit.count().max(1));
            scores.extend(self.pass(weight, pass)?);
            rest = after;
        }
        Ok(scores)
    }

    fn pass(&self, weight: &[f32], texts: &[Vec<u32>]) -> Result<Vec<f32>> {
        let parts = parts(texts);
        let groups: Vec<Group<'_>> = parts.iter().map(|(prompt, completions)| Group { prompt, completions }).collect();
        let features: Vec<f32> = self.model.features(self.adapter.as_ref(), &groups)?.flatten_all()?.to_vec1()?;
        let width = weight.len();
        let row = |row: u32| &features[row as usize * width..][..width];
        Ok(last_rows(&parts).into_iter().map(|last| row(last).iter().zip(weight).map(|(x, w)| x * w).sum()).collect())
    }

    /// Scores of texts ([`Self::tokens`]), [texts] (f32), differentiable with respect to the adapter of an untrained model and to `weight`,
    /// [hidden size]. `dropout_seed` switches the adapter's dropout on.
    pub fn differentiable(&self, weight: &Tensor, texts: &[Vec<u32>], dropout_seed: Option<u64>) -> Result<Tensor> {
        let adapter = self.adapter.as_ref().ok_or_else(|| Error::Model("a reward model that is loaded is not trained further".into()))?;
        let parts = parts(texts);
        let groups: Vec<Group<'_>> = parts.iter().map(|(prompt, completions)| Group { prompt, completions }).collect();
        let hidden = self.model.hidden(adapter, &groups, dropout_seed)?;
        let last = hidden.index_select(&Tensor::new(last_rows(&parts), self.device())?, 0)?;
        Ok(last.broadcast_mul(weight)?.sum(1)?)
    }

    /// Writes an untrained model, as trained so far, as a reward model's folder: the weights of `base` with the adapter in them, rounded to bf16 where
    /// they were, the score's in f32. All or nothing, as [`crate::gguf::import`].
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be written, or the folder holds something else.
    pub fn write(&self, base: &ModelFolder, folder: &Path) -> Result<()> {
        let adapter = self.adapter.as_ref().ok_or_else(|| Error::Model("a reward model that is loaded has a folder already".into()))?;
        let mut weights: HashMap<String, Tensor> = base.weights(&Device::Cpu)?.into_iter().collect();
        weights.remove("lm_head.weight");
        for (name, delta) in adapter.deltas()? {
            let weight = weights.get(&name).ok_or_else(|| Error::Model(format!("the model has no tensor {name}")))?;
            let merged = (weight.to_dtype(DType::F32)? + delta)?.to_dtype(weight.dtype())?;
            weights.insert(name, merged);
        }
        let draft = Draft::new(folder)?;
        draft.json("config.json", &self.config_file(base)?)?;
        for name in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json"] {
            if let Ok(bytes) = std::fs::read(base.path.join(name)) {
                draft.file(name, |out| Ok(std::io::Write::write_all(out, &bytes)?))?;
            }
        }
        let score = Tensor::from_slice(&self.weight, (1, self.weight.len()), &Device::Cpu)?;
        weights.insert(SCORE.into(), score);
        let metadata = Some(HashMap::from([("format".to_owned(), "pt".to_owned())]));
        let bytes = safetensors::serialize(weights.iter().map(|(name, tensor)| (name.clone(), tensor)), metadata);
        let bytes = bytes.map_err(|e| Error::Model(format!("the weights cannot be written: {e}")))?;
        draft.file("model.safetensors", |out| Ok(std::io::Write::write_all(out, &bytes)?))?;
        let written = ModelFolder::open_reward_model(&draft.path)?;
        draft.json(seal::FILE, &Seal::of(&written, &base.path)?)?;
        draft.publish(&written)
    }

    /// `config.json` of the base model, as one with a score.
    fn config_file(&self, base: &ModelFolder) -> Result<serde_json::Map<String, Value>> {
        let path = base.path.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(|e| Error::Model(format!("{} cannot be read: {e}", path.display())))?;
        let mut config: serde_json::Map<String, Value> =
            serde_json::from_str(&text).map_err(|e| Error::Model(format!("{} is not valid JSON ({e})", path.display())))?;
        config.insert("architectures".into(), json!([base.config.architecture.reward_class()]));
        config.insert("id2label".into(), json!({ "0": "LABEL_0" }));
        config.insert("label2id".into(), json!({ "LABEL_0": 0 }));
        Ok(config)
    }
}

/// What is predicted after a text: a token that nothing is asked about, for features stand where one is predicted.
const NEXT: u32 = 0;

/// Texts as a beginning that neighbours share, with what follows in each.
type Parts<'a> = Vec<(&'a [u32], Vec<Vec<u32>>)>;

fn parts(texts: &[Vec<u32>]) -> Parts<'_> {
    let is_like = |a: &Vec<u32>, b: &Vec<u32>| common(a, b) > a.len().min(b.len()) / 2;
    let part = |texts: &'_ [Vec<u32>]| {
        let shared = texts.iter().map(|text| common(&texts[0], text).min(text.len() - 1)).min().unwrap_or(0).max(1);
        (shared, texts.iter().map(|text| text[shared..].iter().copied().chain([NEXT]).collect()).collect())
    };
    texts.chunk_by(is_like).map(|texts| (texts, part(texts))).map(|(texts, (shared, rests))| (&texts[0][..shared], rests)).collect()
}

/// Of each text, which of the predicting rows is its last token's.
fn last_rows(parts: &Parts<'_>) -> Vec<u32> {
    let mut end = 0;
    let ends = parts.iter().flat_map(|(_, completions)| completions).map(|completion| {
        end += completion.len() as u32;
        end - 1
    });
    ends.collect()
}

/// Name of the weight that gives the number.
pub(crate) const SCORE: &str = "score.weight";

/// How many tokens two texts begin with in common.
fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
