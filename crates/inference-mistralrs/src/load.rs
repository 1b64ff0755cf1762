//! Loading a model into mistral.rs.
use crate::files::Files;
use contract::{Error, Result};
use mistralrs::{
    GgufModelBuilder, IsqType, MemoryGpuConfig, Model, ModelDType, PagedAttentionConfig, PagedAttentionMetaBuilder, TextModelBuilder,
    TokenSource,
};
use std::path::Path;
use tokio::runtime::Runtime;

/// Requests that mistral.rs may decode at a time. On the CPU release 0.8.1 mixes their answers: [`inference::admit`] finds that, and
/// then sends one.
pub const TOGETHER: usize = 32;

/// What mistral.rs says when it cannot load.
struct Refusal {
    /// The innermost cause.
    cause: String,
    /// All of it.
    detail: String,
}

/// Loads on a thread of its own: mistral.rs blocks while it loads, and a panic in it becomes an error.
pub fn load(runtime: &Runtime, files: &Files, in_situ: Option<IsqType>, paged: Option<usize>) -> Result<Model> {
    let handle = runtime.handle().clone();
    let (path, gguf) = (files.to_read().to_owned(), files.is_gguf);
    let load = move || {
        let paged = paged.map(pages).transpose()?;
        if gguf { handle.block_on(load_gguf(&path, paged)) } else { handle.block_on(load_folder(&path, in_situ, paged)) }
    };
    let shown = files.path.display();
    // A person knows the folder, not the view of it.
    let named = |text: &str| text.replace(&files.to_read().display().to_string(), &shown.to_string());
    match std::thread::spawn(load).join() {
        Ok(Ok(model)) => Ok(model),
        Ok(Err(refusal)) => {
            let cause = named(refusal.cause.lines().next().unwrap_or_default().trim_end_matches('.'));
            Err(Error::model(format!("mistral.rs cannot load {shown}: {cause}")).with_detail(named(&refusal.detail)))
        }
        Err(panic) => {
            let cause = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Err(Error::model(format!("mistral.rs cannot load {shown}; are its files whole?"))
                .with_detail(named(&cause.unwrap_or_default())))
        }
    }
}

// Neither keeps prompts between requests (prefix cache): an answer must not depend on what was asked before.

/// Room for the keys and values of so many tokens.
fn pages(tokens: usize) -> Result<PagedAttentionConfig, Refusal> {
    let pages = PagedAttentionMetaBuilder::default().with_gpu_memory(MemoryGpuConfig::ContextSize(tokens));
    pages.build().map_err(|e| Refusal { cause: e.to_string(), detail: format!("{e:?}") })
}

async fn load_folder(path: &Path, in_situ: Option<IsqType>, paged: Option<PagedAttentionConfig>) -> Result<Model, Refusal> {
    // On the CPU bf16 fails in a matrix product.
    let dtype = if crate::has_gpu() { ModelDType::Auto } else { ModelDType::F32 };
    let mut builder = TextModelBuilder::new(path.display())
        .with_token_source(TokenSource::None)
        .with_max_num_seqs(TOGETHER)
        .with_prefix_cache_n(None)
        .with_dtype(dtype);
    if let Some(kind) = in_situ {
        builder = builder.with_isq(kind);
    }
    if let Some(pages) = paged {
        builder = builder.with_paged_attn(pages);
    }
    builder.build().await.map_err(|e| Refusal { cause: e.root_cause().to_string(), detail: format!("{e:?}") })
}

async fn load_gguf(path: &Path, paged: Option<PagedAttentionConfig>) -> Result<Model, Refusal> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let refusal = |e: lm::Error| Refusal { cause: e.to_string(), detail: format!("{e:?}") };
    let parts = lm::gguf::parts(path).map_err(refusal)?;
    let names: Vec<String> = parts.iter().map(|part| part.file_name().unwrap_or_default().to_string_lossy().into_owned()).collect();
    let mut builder = GgufModelBuilder::new(folder.display(), names)
        .with_token_source(TokenSource::None)
        .with_max_num_seqs(TOGETHER)
        .with_prefix_cache_n(None);
    if let Some(pages) = paged {
        builder = builder.with_paged_attn(pages);
    }
    builder.build().await.map_err(|e| Refusal { cause: e.root_cause().to_string(), detail: format!("{e:?}") })
}
