//! Where the training of a reward model stands, as one file.
use crate::reward_training::RewardStep;
use contract::{Error, Result};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;

/// All that a training goes on from.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardCheckpoint {
    /// The steps that were taken.
    pub done: Vec<RewardStep>,
    /// [`lm::Adapter::to_bytes`].
    pub adapter: Vec<u8>,
    /// Of the score, [hidden size].
    pub weight: Vec<f32>,
    /// [`lm::AdamW::to_bytes`] of the adapter's optimiser, and of the weight's.
    pub of_adapter: Vec<u8>,
    pub of_weight: Vec<u8>,
}

/// Keys of the file's metadata: what the training is, and its steps.
const OF: &str = "training";
const STEPS: &str = "steps";

impl RewardCheckpoint {
    /// As a safetensors file. `of` says of which training it is.
    pub fn to_bytes(&self, of: &str) -> Result<Vec<u8>> {
        let failed = |e: &dyn std::fmt::Display| Error::internal("A checkpoint cannot be written.").with_detail(e);
        let steps = serde_json::to_string(&self.done).map_err(|e| failed(&e))?;
        let weight: Vec<u8> = self.weight.iter().flat_map(|value| value.to_le_bytes()).collect();
        let parts = [("adapter", &self.adapter), ("weight", &weight), ("of_adapter", &self.of_adapter), ("of_weight", &self.of_weight)];
        let views = parts.map(|(name, bytes)| TensorView::new(Dtype::U8, vec![bytes.len()], bytes).map(|view| (name, view)));
        let views = views.into_iter().collect::<Result<Vec<_>, _>>().map_err(|e| failed(&e))?;
        let metadata = HashMap::from([(OF.to_owned(), of.to_owned()), (STEPS.to_owned(), steps)]);
        safetensors::serialize(views, Some(metadata)).map_err(|e| failed(&e))
    }

    /// From the bytes of [`Self::to_bytes`]; None where it is of another training.
    ///
    /// # Errors
    /// [`contract::Code::Io`] where it is damaged.
    pub fn from_bytes(bytes: &[u8], of: &str) -> Result<Option<Self>> {
        let damaged = |what: &dyn std::fmt::Display| Error::io("it is damaged").with_detail(what);
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
        let metadata = header.metadata().as_ref();
        let told = |key: &str| metadata.and_then(|metadata| metadata.get(key)).ok_or_else(|| damaged(&format!("it has no {key}")));
        if told(OF)? != of {
            return Ok(None);
        }
        let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))?;
        let part = |name: &str| file.tensor(name).map(|view| view.data().to_vec()).map_err(|e| damaged(&e));
        let weight = part("weight")?;
        Ok(Some(Self {
            done: serde_json::from_str(told(STEPS)?).map_err(|e| damaged(&e))?,
            adapter: part("adapter")?,
            weight: weight.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            of_adapter: part("of_adapter")?,
            of_weight: part("of_weight")?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_was_and_only_to_its_own_training() {
        let step = RewardStep { step: 1, steps: 3, loss: 0.1 + 0.2, accuracy: 0.5, gradient_norm: 1e-300, held_out: None };
        let kept =
            RewardCheckpoint { done: vec![step], adapter: vec![1, 2, 3], weight: vec![0.1, -2.5], of_adapter: vec![], of_weight: vec![9] };
        let bytes = kept.to_bytes("this").unwrap();
        assert_eq!(RewardCheckpoint::from_bytes(&bytes, "this").unwrap(), Some(kept));
        assert_eq!(RewardCheckpoint::from_bytes(&bytes, "that").unwrap(), None);
        for broken in [&bytes[..bytes.len() - 1], &bytes[..20], b"nothing"] {
            assert_eq!(RewardCheckpoint::from_bytes(broken, "this").unwrap_err().code, contract::Code::Io);
        }
    }
}
