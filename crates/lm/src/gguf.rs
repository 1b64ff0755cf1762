//! From a GGUF file of the Llama family to a Hugging Face folder.
use crate::Result;
use std::path::Path;

/// Writes `folder` (safetensors in bf16, config.json, generation_config.json, tokenizer.json, tokenizer_config.json with the
/// chat template) from a GGUF file. All or nothing: written beside it under a temporary name, then renamed.
pub fn import(file: &Path, folder: &Path) -> Result<()> {
    todo!("{} {}", file.display(), folder.display())
}
