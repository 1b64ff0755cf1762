//! Folders whose weights are published quantised (`quantization_config` in `config.json`), which mistral.rs computes as they are.
use crate::has_gpu;
use contract::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// What mistral.rs 0.8.1 reads, as `quant_method` names it, and whether it takes a GPU. On a processor it computes NF4 and FP4 with one scale for two blocks,
/// which is silently another model. MLX's form is not held against anything.
const METHODS: [(&str, bool); 5] = [("fp8", false), ("bitsandbytes", true), ("gptq", true), ("awq", true), ("mxfp4", true)];

/// Whether the weights are quantised, which the built-in engine does not read.
pub fn is_quantised(config: &Value) -> bool {
    config.get("quantization_config").is_some_and(|found| !found.is_null())
}

/// Why weights that are quantised by this method cannot be read here, as a clause, as far as its name says it.
pub fn problem(method: &str) -> Option<String> {
    match METHODS.iter().find(|(known, _)| *known == method) {
        None => {
            let known: Vec<&str> = METHODS.iter().map(|(known, _)| *known).collect();
            Some(format!("which mistral.rs does not read here; it reads {}. Take the model in bf16, or as a GGUF file", known.join(", ")))
        }
        Some((_, true)) if !has_gpu() => Some(
            "which mistral.rs computes rightly on a GPU alone, and there is none that the program was built for. Take the model in bf16, or as a GGUF file"
                .into(),
        ),
        Some(_) => None,
    }
}

/// Refuses a folder with weights in a form that mistral.rs does not read here, or would read as another model.
///
/// # Errors
/// [`contract::Code::Model`].
pub fn check(config: &Value, folder: &Path) -> Result<()> {
    if !is_quantised(config) {
        return Ok(());
    }
    let found = &config["quantization_config"];
    let name = found["quant_method"].as_str().unwrap_or("MLX");
    let of =
        |what: &str| Err(Error::model(format!("{}: the weights are quantised ({name}), {what}", folder.join("config.json").display())));
    if let Some(problem) = problem(name) {
        return of(&problem);
    }
    if name == "bitsandbytes" && found["load_in_8bit"] == true {
        return of(
            "in 8 bits, of which mistral.rs reads those in 4 bits alone. Take the model in bf16, and quantise it with frozen.quantisation",
        );
    }
    // Numbers whose scales it does not find it would take as they are.
    if name == "fp8" {
        let tensors = lm::stored::stored(folder)?;
        let has = |ending: &str| tensors.iter().any(|tensor| tensor.name.ends_with(ending));
        if found["weight_block_size"].is_null() || !has(".weight_scale_inv") || has(".weight_scale") {
            return of(
                "with one scale for a whole matrix, or scales of other names. FP8 with a scale for each block (weight_block_size, weight_scale_inv) is read. Take that, or the model in bf16",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_read_here_is_said_with_what_would_be() {
        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/llama3-fp8");
        let refused = |config: Value| check(&json!({ "quantization_config": config }), &packed).unwrap_err().message;
        for unknown in [json!({"quant_method": "compressed-tensors"}), json!({"bits": 4, "group_size": 64})] {
            let unknown = refused(unknown);
            assert!(unknown.contains("config.json") && unknown.contains("it reads fp8, bitsandbytes"), "{unknown}");
        }
        assert!(refused(json!({"quant_method": "fp8"})).contains("one scale for a whole matrix"));
        for method in ["awq", "bitsandbytes"].into_iter().filter(|_| !has_gpu()) {
            assert!(refused(json!({"quant_method": method, "bits": 4})).contains("on a GPU alone"));
        }
        if has_gpu() {
            assert!(refused(json!({"quant_method": "bitsandbytes", "load_in_8bit": true})).contains("frozen.quantisation"));
        }
        for read in [json!(null), json!({"quant_method": "fp8", "weight_block_size": [8, 16]})] {
            check(&json!({ "quantization_config": read }), &packed).unwrap();
        }
        // Scales that mistral.rs does not look for.
        let other = packed.parent().unwrap().join("llama3-nf4");
        let fp8 = json!({ "quantization_config": {"quant_method": "fp8", "weight_block_size": [8, 16]} });
        assert!(check(&fp8, &other).unwrap_err().message.contains("scales of other names"));
        check(&json!({}), Path::new("x")).unwrap();
    }
}
