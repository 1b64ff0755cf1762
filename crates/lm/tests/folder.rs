//! A model folder is opened, or refused with a sentence that names the file, key or tensor.
#![allow(clippy::unwrap_used, clippy::expect_used)]
use lm::{Device, ModelFolder, Tensor};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// A copy of the small untied model.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-untied");
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(source.join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// Sets a key of a JSON file; null removes it.
fn set(folder: &Path, file: &str, key: &str, value: Value) {
    let path = folder.join(file);
    let mut object: serde_json::Map<String, Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    if value.is_null() {
        object.remove(key)
    } else {
        object.insert(key.into(), value)
    };
    fs::write(&path, serde_json::to_vec(&object).unwrap()).unwrap();
}

fn refused(folder: &Path) -> String {
    ModelFolder::open(folder).expect_err("the folder must be refused").to_string()
}

/// The sentence about a folder whose config.json has this key changed.
fn refused_config(key: &str, value: Value) -> String {
    let folder = copy();
    set(folder.path(), "config.json", key, value);
    refused(folder.path())
}

fn tensors(folder: &Path) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap()
}

/// The sentence about a folder with this tensor put in, or taken out.
fn refused_tensor(name: &str, tensor: Option<Tensor>) -> String {
    let folder = copy();
    let mut tensors = tensors(folder.path());
    match tensor {
        Some(tensor) => tensors.insert(name.into(), tensor),
        None => tensors.remove(name),
    };
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    refused(folder.path())
}

#[test]
fn a_folder_opens_and_gives_its_weights() {
    let folder = copy();
    let model = ModelFolder::open(folder.path()).unwrap();
    assert_eq!((model.config.vocab_size, model.config.rope_theta, model.stop_tokens.as_slice()), (64, 500_000.0, &[2][..]));
    let weights = model.weights(&Device::Cpu).unwrap();
    let names: Vec<String> = model.config.tensors().into_iter().map(|(name, _)| name).collect();
    assert_eq!(weights.len(), names.len());
    assert!(names.iter().all(|name| weights.contains_key(name)));
    let embedding = &tensors(folder.path())["model.embed_tokens.weight"];
    let difference = (&weights["model.embed_tokens.weight"] - embedding).unwrap().abs().unwrap().sum_all().unwrap();
    assert_eq!(difference.to_scalar::<f32>().unwrap(), 0.0);
}

#[test]
fn checksums_change_with_every_file_that_matters() {
    let folder = copy();
    let model = ModelFolder::open(folder.path()).unwrap();
    let now = || ModelFolder::open(folder.path()).unwrap().checksum().unwrap();
    let before = model.checksum().unwrap();
    assert_eq!(
        model.checksums().unwrap().keys().collect::<Vec<_>>(),
        ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    );
    fs::write(folder.path().join("README.md"), "no matter").unwrap();
    assert_eq!(now(), before);
    fs::write(folder.path().join("generation_config.json"), "{\"eos_token_id\": [2, 0]}").unwrap();
    assert_ne!(now(), before);
    assert_eq!(model.checksum().unwrap(), before, "of what was opened");
    assert_eq!(ModelFolder::open(folder.path()).unwrap().stop_tokens, [0, 2]);
    // SHA-256 of "abc", FIPS 180-2.
    fs::write(folder.path().join("config.json"), "abc").unwrap();
    assert_eq!(model.checksums().unwrap()["config.json"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn rope_theta_is_read_from_both_places() {
    let folder = copy();
    set(folder.path(), "config.json", "rope_theta", Value::Null);
    assert_eq!(ModelFolder::open(folder.path()).unwrap().config.rope_theta, 10_000.0);
    set(folder.path(), "config.json", "rope_parameters", json!({"rope_type": "default", "rope_theta": 70_000.0}));
    assert_eq!(ModelFolder::open(folder.path()).unwrap().config.rope_theta, 70_000.0);
    set(folder.path(), "config.json", "rope_scaling", json!({"type": "default"}));
    assert!(ModelFolder::open(folder.path()).is_ok());
}

/// What config.json of one of the small models says of the context with this key changed.
fn context(name: &str, key: &str, value: Value) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).join("config.json");
    let mut object: serde_json::Map<String, Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    object.insert(key.into(), value);
    lm::LlamaConfig::parse(&serde_json::to_string(&object).unwrap(), &path).unwrap().context()
}

/// Beyond it, another token would be seen, or another factor count, than [`lm::Llama`] has.
#[test]
fn the_context_ends_with_the_window_and_with_the_short_texts_of_longrope() {
    assert_eq!(context("tiny-untied", "sliding_window", json!(10)), 64, "Llama has none");
    assert_eq!(context("tiny-mistral", "sliding_window", json!(10)), 10);
    assert_eq!(context("tiny-mistral", "sliding_window", Value::Null), 64);
    assert_eq!(context("tiny-qwen2", "use_sliding_window", json!(false)), 64);
    assert_eq!(context("tiny-qwen2", "use_sliding_window", json!(true)), 32);
    assert_eq!(context("tiny-phi3", "sliding_window", json!(48)), 32);
    assert_eq!(context("tiny-phi3", "sliding_window", json!(20)), 20);
}

/// As transformers counts them (`model.num_parameters()` of SmolLM2-135M-Instruct).
#[test]
fn the_embedded_model_has_134_515_008_parameters() {
    let config = json!({
        "model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
        "num_key_value_heads": 3, "vocab_size": 49_152, "max_position_embeddings": 8192, "tie_word_embeddings": true,
    });
    assert_eq!(lm::LlamaConfig::parse(&config.to_string(), Path::new("config.json")).unwrap().parameters(), 134_515_008);
}

#[test]
fn missing_folders_and_files_are_named() {
    let folder = copy();
    assert!(refused(&folder.path().join("nowhere")).contains("does not exist"));
    assert!(refused(&folder.path().join("config.json")).contains("is not a folder"));
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        let folder = copy();
        fs::remove_file(folder.path().join(name)).unwrap();
        let sentence = refused(folder.path());
        assert!(sentence.contains(name) && sentence.contains("missing"), "{sentence}");
    }
}

#[test]
fn a_wrong_config_is_refused_by_key() {
    let sentence = refused_config("architectures", json!(["LlamaForTokenClassification"]));
    assert!(sentence.contains("LlamaForTokenClassification") && sentence.contains("Qwen3ForCausalLM"), "{sentence}");
    let sentence = refused_config("model_type", json!("gemma"));
    assert!(sentence.contains("\"gemma\"") && sentence.contains("Phi3ForCausalLM (`model_type` \"phi3\")"), "{sentence}");
    assert!(refused_config("model_type", Value::Null).contains("`model_type` is missing"));
    assert!(refused_config("hidden_size", Value::Null).contains("config.json: `hidden_size` is missing"));
    assert!(refused_config("num_hidden_layers", json!(-2)).contains("`num_hidden_layers` is -2"));
    assert!(refused_config("vocab_size", json!("many")).contains("`vocab_size` is \"many\""));
    assert!(refused_config("num_key_value_heads", json!(3)).contains("multiple"));
    assert!(refused_config("head_dim", json!(7)).contains("even"));
    assert!(refused_config("rms_norm_eps", json!(0.0)).contains("`rms_norm_eps`"));
    assert!(refused_config("attention_bias", json!(true)).contains("`attention_bias`"));
    assert!(refused_config("mlp_bias", json!(true)).contains("`mlp_bias`"));
    assert!(refused_config("hidden_act", json!("gelu")).contains("\"gelu\""));
    assert!(
        refused_config("rope_scaling", json!({"rope_type": "llama3", "factor": 8.0})).contains("`rope_scaling` needs `low_freq_factor`")
    );
    assert!(refused_config("rope_parameters", json!({"rope_type": "yarn"})).contains("`rope_parameters` needs `factor`"));
    assert!(refused_config("rope_parameters", json!({"rope_type": "dynamic"})).contains("`rope_parameters`"));
    let long = json!({"type": "longrope", "short_factor": [1.0], "long_factor": [1.0], "original_max_position_embeddings": 32});
    assert!(refused_config("rope_scaling", long).contains("`short_factor` holds 1 numbers, but 4 pairs"));
    assert!(refused_config("rope_scaling", json!({"rope_type": "linear", "factor": "much"})).contains("`rope_scaling.factor`"));
    assert!(refused_config("partial_rotary_factor", json!(1.5)).contains("at most 1"));
    assert!(refused_config("partial_rotary_factor", json!(0.4)).contains("3 values are turned"));
    assert!(refused_config("quantization_config", json!({"bits": 4})).contains("`quantization_config`"));
    assert!(refused_config("eos_token_id", json!("end")).contains("`eos_token_id`"));
    assert!(refused_config("eos_token_id", json!(64)).contains("64"));
    let folder = copy();
    fs::write(folder.path().join("config.json"), "{\"model_type\": \"llama\",").unwrap();
    assert!(refused(folder.path()).contains("not valid JSON"));
    fs::write(folder.path().join("config.json"), "[]").unwrap();
    assert!(refused(folder.path()).contains("JSON object"));
}

#[test]
fn damaged_weights_are_refused_with_their_sizes() {
    let folder = copy();
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    for length in [0, 7, 8, 300, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let sentence = refused(folder.path());
        assert!(sentence.contains("model.safetensors is cut off") && sentence.contains(&length.to_string()), "{sentence}");
    }
    assert!(refused(folder.path()).contains(&whole.len().to_string()));
    fs::write(&path, [whole.as_slice(), b"more"].concat()).unwrap();
    assert!(refused(folder.path()).contains("is damaged"));
    for header in [u64::MAX, 40] {
        fs::write(&path, [&header.to_le_bytes(), &whole[8..]].concat()).unwrap();
        assert!(refused(folder.path()).contains("not a safetensors file"));
    }
}

#[test]
fn wrong_tensors_are_named() {
    let name = "model.layers.1.mlp.up_proj.weight";
    assert!(refused_tensor(name, None).contains(name));
    let zeros = |dtype| Tensor::zeros((20, 32), dtype, &Device::Cpu).unwrap();
    let sentence = refused_tensor(name, Some(zeros(candle_core::DType::F32).t().unwrap().contiguous().unwrap()));
    assert!(sentence.contains(name) && sentence.contains("[32, 20]") && sentence.contains("[20, 32]"), "{sentence}");
    let sentence = refused_tensor(name, Some(zeros(candle_core::DType::I64)));
    assert!(sentence.contains(name) && sentence.contains("I64"), "{sentence}");
    assert!(refused_tensor("lm_head.weight", None).contains("lm_head.weight"));
}

#[test]
fn weights_in_several_files_are_read_through_their_index() {
    let folder = copy();
    let path = |name: &str| folder.path().join(name);
    let (first, second): (HashMap<_, _>, HashMap<_, _>) =
        tensors(folder.path()).into_iter().partition(|(name, _)| name.contains("layers.0"));
    let whole = ModelFolder::open(folder.path()).unwrap();
    let names = |part: &HashMap<String, Tensor>, file: &str| part.keys().map(|name| (name.clone(), json!(file))).collect::<Vec<_>>();
    let map: serde_json::Map<String, Value> =
        [names(&first, "a.safetensors"), names(&second, "b.safetensors")].concat().into_iter().collect();
    candle_core::safetensors::save(&first, path("a.safetensors")).unwrap();
    candle_core::safetensors::save(&second, path("b.safetensors")).unwrap();
    fs::write(path("model.safetensors.index.json"), json!({"weight_map": map}).to_string()).unwrap();
    let expected = whole.weights(&Device::Cpu).unwrap();
    fs::remove_file(path("model.safetensors")).unwrap();
    let model = ModelFolder::open(folder.path()).unwrap();
    for (name, tensor) in model.weights(&Device::Cpu).unwrap() {
        assert_eq!(
            tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            expected[&name].flatten_all().unwrap().to_vec1::<f32>().unwrap()
        );
    }
    assert!(model.checksums().unwrap().contains_key("b.safetensors"));

    fs::remove_file(path("b.safetensors")).unwrap();
    assert!(refused(folder.path()).contains("b.safetensors is missing"));
    fs::write(path("model.safetensors.index.json"), json!({"weight_map": {"lm_head.weight": "../b.safetensors"}}).to_string()).unwrap();
    assert!(refused(folder.path()).contains("not a safetensors file of this folder"));
    fs::write(path("model.safetensors.index.json"), "{}").unwrap();
    assert!(refused(folder.path()).contains("`weight_map` is missing"));
}

#[test]
fn pickles_are_refused() {
    let folder = copy();
    fs::rename(folder.path().join("model.safetensors"), folder.path().join("pytorch_model.bin")).unwrap();
    let sentence = refused(folder.path());
    assert!(sentence.contains("pytorch_model.bin") && sentence.contains("pickle"), "{sentence}");
}

#[test]
fn wrong_tokenizers_are_refused() {
    let folder = copy();
    fs::write(folder.path().join("tokenizer.json"), "{\"model\": {}}").unwrap();
    assert!(refused(folder.path()).contains("tokenizer.json is not a tokenizer"));
    let sentence = refused_config("vocab_size", json!(40));
    // The embedding is then of another shape too; both say that the parts do not belong together.
    assert!(sentence.contains("model.embed_tokens.weight"), "{sentence}");
    let folder = copy();
    let path = folder.path().join("tokenizer.json");
    let mut tokenizer: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    tokenizer["model"]["vocab"]["zzz"] = json!(64);
    fs::write(&path, tokenizer.to_string()).unwrap();
    let sentence = refused(folder.path());
    assert!(sentence.contains("knows 65 tokens") && sentence.contains("another model"), "{sentence}");
}

#[test]
fn a_chat_template_is_needed() {
    let folder = copy();
    set(folder.path(), "tokenizer_config.json", "chat_template", Value::Null);
    let sentence = refused(folder.path());
    assert!(sentence.contains("no chat template") && sentence.contains("chat_template.jinja"), "{sentence}");
    fs::remove_file(folder.path().join("tokenizer_config.json")).unwrap();
    assert!(refused(folder.path()).contains("no chat template"));
    fs::write(folder.path().join("chat_template.jinja"), "{{ messages[0].content }}").unwrap();
    let model = ModelFolder::open(folder.path()).unwrap();
    assert_eq!(model.tokenizer().unwrap().render(&[lm::Message::user("Hi")], true).unwrap(), "Hi");
    fs::write(folder.path().join("chat_template.jinja"), "{% if %}").unwrap();
    assert!(refused(folder.path()).contains("chat template"));
    set_templates(folder.path());
    let model = ModelFolder::open(folder.path()).unwrap();
    assert_eq!(model.tokenizer().unwrap().render(&[lm::Message::user("Hi")], true).unwrap(), "default Hi");
}

/// Several named templates, as some models have them.
fn set_templates(folder: &Path) {
    fs::remove_file(folder.join("chat_template.jinja")).unwrap();
    let templates =
        json!([{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "default {{ messages[0].content }}"}]);
    fs::write(folder.join("tokenizer_config.json"), json!({"chat_template": templates}).to_string()).unwrap();
}
