//! Language models that can be trained: the Llama family in candle with LoRA on frozen weights.
//!
//! Knows no experiment. Text in and out goes through [`Tokenizer`]; weights come from a [`ModelFolder`]; [`Llama`] samples
//! ([`Llama::generate`]) and scores text ([`Llama::log_probs`]) with or without an [`Adapter`], which [`AdamW`] trains.
pub mod adapter;
pub mod architecture;
mod chat_template;
pub mod config;
pub mod deberta;
mod draft;
pub mod error;
pub mod folder;
pub mod footprint;
mod fused;
pub mod generate;
pub mod gguf;
pub mod kernels;
pub mod llama;
pub mod memory;
pub mod offload;
pub mod optimiser;
pub mod packed;
mod plain;
pub mod reward_folder;
pub mod reward_model;
pub mod rope;
pub mod sampler;
pub mod seal;
pub mod stored;
pub mod stream;
pub mod tokenizer;
mod training;
mod weight_files;

pub use adapter::{Adapter, LoraConfig};
pub use architecture::{Architecture, Output};
pub use config::LlamaConfig;
pub use deberta::{Deberta, DebertaConfig, DebertaFolder, EncoderFootprint};
pub use error::{Error, Result};
pub use folder::{Checked, ModelFolder};
pub use footprint::Footprint;
pub use generate::{Generation, Request, Step};
pub use llama::Llama;
pub use offload::{LoadTime, Offloaded};
pub use optimiser::{AdamW, AdamWConfig, Gradients};
pub use packed::Group;
pub use reward_folder::RewardFolder;
pub use reward_model::RewardModel;
pub use rope::Rope;
pub use sampler::{Decoding, Drawn};
pub use stored::Stored;
pub use stream::Stream;
pub use tokenizer::{Message, Tokenizer};

pub use candle_core::{Device, Tensor};
pub use contract::spec::Precision;
use std::sync::OnceLock;

/// The first GPU that this program was built for and finds, otherwise the CPU. The same one at every call.
pub fn best_device() -> Device {
    static FOUND: OnceLock<Device> = OnceLock::new();
    let open = || {
        #[cfg(feature = "cuda")]
        let found = kernels::device::first();
        #[cfg(not(feature = "cuda"))]
        let found = Device::metal_if_available(0);
        found.unwrap_or(Device::Cpu)
    };
    FOUND.get_or_init(open).clone()
}
