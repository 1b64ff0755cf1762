//! `config.json` as transformers 5 writes it, in the keys that mistral.rs 0.8.1 reads.
//!
//! transformers 5 has gathered all that is about rotary embeddings in `rope_parameters`; mistral.rs looks for it at the top level, and reads
//! past what it does not find there or says "missing field". (The other new name, `dtype`, is of no matter: mistral.rs reads neither it nor
//! `torch_dtype`.)
use contract::{Error, Result};
use lm::Rope;
use serde_json::{Map, Value};
use std::path::Path;

/// What stands in `rope_parameters`, and for mistral.rs beside it.
const MOVED: [&str; 3] = ["rope_theta", "partial_rotary_factor", "original_max_position_embeddings"];

/// The scaled rotary embeddings that mistral.rs computes, by architecture. Of others it leaves the scaling out without a word, and of PhiMoE
/// `short_mscale` and `long_mscale`.
const SCALINGS: [(&str, &[&str]); 5] = [
    ("LlamaForCausalLM", &["llama3", "linear"]),
    ("SmolLM3ForCausalLM", &["llama3", "linear"]),
    ("Phi3ForCausalLM", &["longrope", "su"]),
    ("DeepseekV2ForCausalLM", &["yarn"]),
    ("DeepseekV3ForCausalLM", &["yarn"]),
];

/// Architectures of which it turns a part of each head where the config says so.
const PARTIAL: [&str; 5] = ["PhiForCausalLM", "Phi3ForCausalLM", "Glm4ForCausalLM", "Glm4MoeForCausalLM", "Qwen3NextForCausalLM"];

/// `config`, read from `file`, with the content of `rope_parameters` under the keys that mistral.rs reads; nothing if it has them already.
/// A key that stands at the top level too counts there, as it does for [`lm`].
///
/// # Errors
/// A sentence about `rope_parameters` that cannot be said in the old keys, or about a scaling that mistral.rs would not compute.
pub fn translate(config: &Value, file: &Path) -> Result<Option<Value>> {
    let wrong = |what: String| Error::model(format!("{}: `rope_parameters` {what}", file.display()));
    let lacks = |key: &str| config.get(key).is_none_or(Value::is_null);
    let architecture = config["architectures"][0].as_str().unwrap_or_default();
    check_said(config, architecture).map_err(|what| Error::model(format!("{}: {what}", file.display())))?;
    let Value::Object(mut translated) = config.clone() else { return Ok(None) };
    // Of Qwen2 it takes a window that is there for one that is used.
    let has_unused_window = architecture == "Qwen2ForCausalLM" && config["use_sliding_window"] != true && !lacks("sliding_window");
    if has_unused_window {
        translated.insert("sliding_window".into(), Value::Null);
    }
    let as_it_is = || Ok(has_unused_window.then(|| Value::Object(translated.clone())));
    let rope = match config.get("rope_parameters") {
        None | Some(Value::Null) => return as_it_is(),
        Some(Value::Object(rope)) => rope,
        Some(other) => return Err(wrong(format!("is {other}, but must be an object {{…}}; fetch the file again"))),
    };
    let kinds_of_layers: Vec<&str> = rope.iter().filter(|(_, value)| value.is_object()).map(|(key, _)| key.as_str()).collect();
    if !kinds_of_layers.is_empty() {
        return Err(wrong(format!(
            "differs between kinds of layers ({}), for which mistral.rs 0.8.1 has no keys; choose a model with one for all layers, or a GGUF \
             file of this one",
            kinds_of_layers.join(", ")
        )));
    }
    let there = |key: &&str| rope.get(*key).filter(|value| !value.is_null()).map(|value| ((*key).to_owned(), value.clone()));
    let mut added: Map<String, Value> = MOVED.iter().filter(|key| lacks(key)).filter_map(there).collect();
    if lacks("rope_theta") && !added.contains_key("rope_theta") {
        return Err(wrong("holds no `rope_theta`, which mistral.rs needs; add it, with the value that the model was trained with".into()));
    }
    let kind = kind_of(&config["rope_parameters"]);
    if kind != "default" && lacks("rope_scaling") {
        check_scaling(kind, architecture).map_err(wrong)?;
        added.insert("rope_scaling".into(), scaling(kind, rope));
    }
    if added.is_empty() {
        return as_it_is();
    }
    translated.remove("rope_parameters");
    translated.extend(added);
    Ok(Some(Value::Object(translated)))
}

/// What is wrong, if mistral.rs passes over what a config says of rotary embeddings.
fn check_said(config: &Value, architecture: &str) -> Result<(), String> {
    if let Some(scaling) = config.get("rope_scaling").filter(|scaling| kind_of(scaling) != "default") {
        check_scaling(kind_of(scaling), architecture).map_err(|what| format!("`rope_scaling` {what}"))?;
    }
    let said = |key: &str| [config, &config["rope_scaling"], &config["rope_parameters"]].into_iter().find_map(|place| place[key].as_f64());
    let [positions, original] = ["max_position_embeddings", "original_max_position_embeddings"].map(said);
    if let (Some(factor), Some(positions), Some(original)) = (said("attention_factor"), positions, original)
        && architecture == "Phi3ForCausalLM"
    {
        let usual = Rope::usual_attention_factor(positions / original, original);
        if (factor / usual - 1.0).abs() > 1e-6 {
            return Err(format!(
                "`attention_factor` is {factor}, and mistral.rs 0.8.1 takes {usual:.6} whatever stands there; choose a model without this, or \
                 `engine = \"builtin\"`, which reads it"
            ));
        }
    }
    let share = said("partial_rotary_factor").unwrap_or(1.0);
    if share != 1.0 && !PARTIAL.contains(&architecture) {
        return Err(format!(
            "`partial_rotary_factor` is {share}, and for {architecture} mistral.rs 0.8.1 turns every head whole; choose a model without this, or \
             `engine = \"builtin\"`, if it knows the model"
        ));
    }
    Ok(())
}

/// How embeddings are scaled, by the new key or the old one.
fn kind_of(rope: &Value) -> &str {
    rope.get("rope_type").or_else(|| rope.get("type")).and_then(Value::as_str).unwrap_or("default")
}

/// What is wrong, if mistral.rs does not compute embeddings that are scaled in this way.
fn check_scaling(kind: &str, architecture: &str) -> Result<(), String> {
    let computed = SCALINGS.iter().find(|(name, _)| *name == architecture).map_or(&[][..], |(_, kinds)| kinds);
    if computed.contains(&kind) {
        return Ok(());
    }
    let known = if computed.is_empty() { "none that are scaled".into() } else { computed.join(" and ") };
    Err(format!(
        "asks for rotary embeddings scaled by \"{kind}\"; for {architecture} mistral.rs 0.8.1 computes {known}; choose a model without this, or \
         `engine = \"builtin\"`, which knows more of them, if it knows the model"
    ))
}

/// The old `rope_scaling`.
fn scaling(kind: &str, rope: &Map<String, Value>) -> Value {
    let kept = rope.iter().filter(|(key, _)| !["rope_theta", "partial_rotary_factor"].contains(&key.as_str()));
    let mut scaling: Map<String, Value> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    // mistral.rs reads the one for Llama and SmolLM3, the other for Phi 3 and DeepSeek.
    for key in ["rope_type", "type"] {
        scaling.insert(key.into(), kind.into());
    }
    Value::Object(scaling)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What becomes of a model of this architecture with these `rope_parameters`.
    fn translated(architecture: &str, rope: Value) -> Result<Option<Value>> {
        let config = json!({"architectures": [architecture], "hidden_size": 64, "dtype": "bfloat16", "rope_parameters": rope});
        translate(&config, Path::new("somewhere/config.json"))
    }

    fn refused(architecture: &str, rope: Value) -> String {
        let message = translated(architecture, rope).unwrap_err().message;
        assert!(message.starts_with("somewhere/config.json: `rope_parameters` "), "{message}");
        message
    }

    #[test]
    fn a_plain_embedding_is_its_theta() {
        let rope = json!({"rope_type": "default", "rope_theta": 5e6});
        let wanted = json!({"architectures": ["Qwen3ForCausalLM"], "hidden_size": 64, "dtype": "bfloat16", "rope_theta": 5e6});
        assert_eq!(translated("Qwen3ForCausalLM", rope).unwrap(), Some(wanted));
    }

    #[test]
    fn a_partial_embedding_stays_partial() {
        let rope = json!({"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5});
        let config = translated("Glm4ForCausalLM", rope).unwrap().unwrap();
        assert_eq!((&config["partial_rotary_factor"], config.get("rope_scaling")), (&json!(0.5), None));
    }

    #[test]
    fn a_scaled_embedding_keeps_its_scaling_under_both_names() {
        let rope = json!({"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192});
        let config = translated("SmolLM3ForCausalLM", rope).unwrap().unwrap();
        let wanted = json!({"rope_type": "llama3", "type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192});
        assert_eq!((&config["rope_scaling"], &config["rope_theta"]), (&wanted, &json!(5e5)));
        let rope = json!({"type": "longrope", "rope_theta": 1e4, "partial_rotary_factor": 0.75, "short_factor": [1.0], "long_factor": [2.0],
            "original_max_position_embeddings": 4096});
        let config = translated("Phi3ForCausalLM", rope).unwrap().unwrap();
        let wanted = json!({"rope_type": "longrope", "type": "longrope", "short_factor": [1.0], "long_factor": [2.0],
            "original_max_position_embeddings": 4096});
        assert_eq!(config["rope_scaling"], wanted);
        // Phi 3 has this one at the top level.
        assert_eq!((&config["original_max_position_embeddings"], &config["partial_rotary_factor"]), (&json!(4096), &json!(0.75)));
    }

    #[test]
    fn a_config_with_the_old_keys_is_left_as_it_is() {
        for old in [
            json!({"architectures": ["LlamaForCausalLM"], "rope_theta": 1e5, "rope_scaling": null}),
            json!({"architectures": ["LlamaForCausalLM"], "rope_theta": 1e5, "rope_parameters": null}),
            json!({"architectures": ["LlamaForCausalLM"], "rope_theta": 1e5, "rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}),
            json!({"architectures": ["GraniteMoeHybridForCausalLM"]}),
        ] {
            assert_eq!(translate(&old, Path::new("config.json")).unwrap(), None, "{old}");
        }
    }

    /// mistral.rs would let tokens beyond it be forgotten.
    #[test]
    fn a_window_that_is_not_used_is_taken_out() {
        let config = json!({"architectures": ["Qwen2ForCausalLM"], "rope_theta": 1e6, "sliding_window": 32, "use_sliding_window": false});
        let read = translate(&config, Path::new("config.json")).unwrap().unwrap();
        assert_eq!((&read["sliding_window"], &read["rope_theta"]), (&Value::Null, &json!(1e6)));
        let mut used = config.clone();
        used["use_sliding_window"] = json!(true);
        assert_eq!(translate(&used, Path::new("config.json")).unwrap(), None);
        let new = json!({"architectures": ["Qwen2ForCausalLM"], "sliding_window": 32, "rope_parameters": {"rope_theta": 1e6}});
        let read = translate(&new, Path::new("config.json")).unwrap().unwrap();
        assert_eq!((&read["sliding_window"], &read["rope_theta"]), (&Value::Null, &json!(1e6)));
    }

    #[test]
    fn what_mistralrs_cannot_be_told_is_refused() {
        let layers = json!({"sliding_attention": {"rope_theta": 1e4}, "full_attention": {"rope_theta": 1e6}});
        let message = refused("Gemma2ForCausalLM", layers);
        for part in ["differs between kinds of layers", "full_attention", "sliding_attention", "GGUF"] {
            assert!(message.contains(part), "{message}");
        }
        let message = refused("Qwen3ForCausalLM", json!({"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0}));
        assert!(message.contains("scaled by \"yarn\"; for Qwen3ForCausalLM mistral.rs 0.8.1 computes none that are scaled"), "{message}");
        let message = refused("LlamaForCausalLM", json!({"rope_type": "dynamic", "rope_theta": 1e6, "factor": 4.0}));
        assert!(message.contains("computes llama3 and linear") && message.contains("builtin"), "{message}");
        for (architecture, kind) in [("Qwen2ForCausalLM", "linear"), ("MistralForCausalLM", "linear"), ("Qwen3ForCausalLM", "llama3")] {
            let old = json!({"architectures": [architecture], "rope_theta": 1e6, "rope_scaling": {"type": kind, "factor": 4.0}});
            let message = translate(&old, Path::new("config.json")).unwrap_err().message;
            assert!(message.contains(&format!("scaled by \"{kind}\"; for {architecture}")), "{message}");
        }
        let part = json!({"architectures": ["LlamaForCausalLM"], "rope_theta": 1e6, "partial_rotary_factor": 0.5});
        let message = translate(&part, Path::new("config.json")).unwrap_err().message;
        assert!(message.contains("`partial_rotary_factor` is 0.5") && message.contains("builtin"), "{message}");
        for (factor, is_usual) in [(1.190_238_f64, true), (1.5, false)] {
            let long = json!({"architectures": ["Phi3ForCausalLM"], "rope_theta": 1e4, "max_position_embeddings": 131_072,
                "original_max_position_embeddings": 4096, "rope_scaling": {"type": "longrope", "attention_factor": factor}});
            let usual = Rope::usual_attention_factor(32.0, 4096.0);
            assert!((usual - 1.190_238).abs() < 1e-6, "{usual}");
            let outcome = translate(&long, Path::new("config.json"));
            assert_eq!(outcome.is_ok(), is_usual, "{outcome:?}");
        }
        for key in ["type", "rope_type"] {
            let old = json!({"architectures": ["Qwen2ForCausalLM"], "rope_theta": 1e6, "rope_scaling": {key: "yarn", "factor": 4.0}});
            let message = translate(&old, Path::new("config.json")).unwrap_err().message;
            assert!(message.starts_with("config.json: `rope_scaling` asks for rotary embeddings scaled by \"yarn\""), "{message}");
        }
        let deepseek =
            json!({"architectures": ["DeepseekV3ForCausalLM"], "rope_theta": 1e4, "rope_scaling": {"type": "yarn", "factor": 40.0}});
        assert_eq!(translate(&deepseek, Path::new("config.json")).unwrap(), None);
        assert!(refused("Qwen3ForCausalLM", json!({"rope_type": "default"})).contains("holds no `rope_theta`"));
        assert!(refused("Qwen3ForCausalLM", json!(1e6)).contains("must be an object"));
    }
}
