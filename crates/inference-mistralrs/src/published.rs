//! Folders whose weights are published quantised (`quantization_config` in `config.json`), which mistral.rs computes as they are.
use crate::has_gpu;
use contract::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// What mistral.rs 0.8.1 reads, as `quant_method` names it, and whether it takes a GPU. On a processor it computes NF4 and FP4 with one scale for two blocks,
/// which is silently another model.
const METHODS: [(&str, bool); 6] = [("fp8", false), ("afq", false), ("bitsandbytes", true), ("gptq", true), ("awq", true), ("mxfp4", true)];

/// Whether the weights are quantised, which the built-in engine does not read.
pub fn is_quantised(config: &Value) -> bool {
    config.get("quantization_config").is_some_and(|found| !found.is_null())
}

/// Refuses weights in a form that mistral.rs does not read here. `file` is the folder's `config.json`.
///
/// # Errors
/// [`contract::Code::Model`].
pub fn check(config: &Value, file: &Path) -> Result<()> {
    if !is_quantised(config) {
        return Ok(());
    }
    let found = &config["quantization_config"];
    // Without a name it is that of Apple's programs.
    let name = found["quant_method"].as_str().unwrap_or("afq");
    let of = |what: &str| Err(Error::model(format!("{}: the weights are quantised ({name}), {what}", file.display())));
    match METHODS.iter().find(|(known, _)| *known == name) {
        None => {
            let known: Vec<&str> = METHODS.iter().map(|(known, _)| *known).collect();
            of(&format!("which mistral.rs does not read; it reads {}. Take the model in bf16, or one of these", known.join(", ")))
        }
        Some(_) if name == "bitsandbytes" && found["load_in_8bit"] == true => of(
            "in 8 bits, of which mistral.rs reads those in 4 bits alone. Take the model in bf16, and quantise it with frozen.quantisation",
        ),
        Some((_, true)) if !has_gpu() => of(
            "which mistral.rs computes rightly on a GPU alone, and there is none that the program was built for. Take the model in bf16, or as a GGUF file",
        ),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_read_here_is_said_with_what_would_be() {
        let refused = |config: Value| check(&json!({ "quantization_config": config }), Path::new("m/config.json")).unwrap_err().message;
        let unknown = refused(json!({"quant_method": "compressed-tensors"}));
        assert!(unknown.contains("m/config.json") && unknown.contains("it reads fp8, afq, bitsandbytes"), "{unknown}");
        assert!(refused(json!({"quant_method": "bitsandbytes", "load_in_8bit": true})).contains("frozen.quantisation"));
        if !has_gpu() {
            for method in ["awq", "bitsandbytes"] {
                assert!(refused(json!({"quant_method": method, "bits": 4})).contains("on a GPU alone"));
            }
        }
        for read in [json!(null), json!({"quant_method": "fp8"})] {
            check(&json!({ "quantization_config": read }), Path::new("x")).unwrap();
        }
        check(&json!({}), Path::new("x")).unwrap();
    }
}
