//! mistral.rs as a frozen model: Hugging Face folders and GGUF files, quantised while loading if asked.
//!
//! A crate of its own, so that nothing that is edited often waits for mistral.rs to build. Its peculiarities are met here:
//! it has no seed per request and its sampler is shared, so [`draws`] draws every token with [`lm::sampler::draw`], as the
//! built-in engine does; and it decodes batches wrongly on the CPU, so what it answers counts only after [`inference::admit`].
mod draws;
mod engine;
mod files;
mod footprint;
mod load;
mod published;
mod quantisation;
mod translate;
mod view;

pub use engine::MistralRs;
pub use files::{ARCHITECTURES, GGUF_ARCHITECTURES, check_gguf};
pub use footprint::Sizes;
pub use published::{check as check_published, is_quantised, problem as published_problem};
pub use quantisation::{QUANTISATIONS, check_quantisation};

/// Refuses pages for so many tokens ([`MistralRs::load`]) where there is no GPU for them.
///
/// # Errors
/// [`contract::Code::Spec`].
pub fn check_pages(paged: Option<usize>) -> contract::Result<()> {
    if paged.is_none() || has_gpu() {
        return Ok(());
    }
    Err(contract::Error::spec(
        "frozen.paged_attention is set, but mistral.rs has pages on a GPU only, and this machine has none that the program was built for; take it out",
    ))
}

/// Whether mistral.rs, as it was built, would compute on a GPU of this machine.
pub fn has_gpu() -> bool {
    gpu().is_some()
}

/// Free memory of that GPU; none where there is no GPU.
pub fn free_gpu_bytes() -> Option<u64> {
    mistralrs::core::MemoryUsage.get_memory_available(&gpu()?).ok().map(|bytes| bytes as u64)
}

fn gpu() -> Option<lm::Device> {
    Some(lm::best_device()).filter(|device| !device.is_cpu())
}
