//! YaRN's frequencies against transformers (`scripts/fixtures_lm.py tiny` made the figures); `pytorch.rs` has a model with them.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
use lm::LlamaConfig;
use serde_json::{Value, json};
use std::path::Path;

/// A model with these keys.
fn config(keys: Value) -> Result<LlamaConfig, String> {
    let mut config = json!({"model_type": "llama", "hidden_size": 256, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
        "vocab_size": 9});
    config.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    LlamaConfig::parse(&config.to_string(), Path::new("config.json")).map_err(|error| error.to_string())
}

fn with_rope(rope: Value) -> Result<LlamaConfig, String> {
    config(json!({"max_position_embeddings": 32768, "rope_theta": 1e6, "rope_scaling": rope}))
}

#[test]
fn frequencies_are_those_of_transformers() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/yarn.json");
    let reference: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut furthest = 0;
    for entry in reference["entries"].as_array().unwrap() {
        let keys = ["head_dim", "max_position_embeddings", "rope_parameters"].map(|key| (key.to_owned(), entry[key].clone()));
        let model = config(Value::Object(keys.into_iter().collect())).unwrap();
        let expected: Vec<f32> = entry["frequencies"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
        let got = model.rope.frequencies(model.rope_theta, model.rotary_dim);
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(&expected) {
            furthest = furthest.max(got.to_bits().abs_diff(expected.to_bits()));
        }
        assert!((model.rope.attention_factor() - entry["attention_factor"].as_f64().unwrap()).abs() < 1e-12, "{entry}");
    }
    // f32 through the same steps; the powers of two libraries differ in the last place.
    assert!(furthest <= 1, "{furthest} places");
}

#[test]
fn both_layouts_of_the_file_say_the_same() {
    let old = with_rope(json!({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768})).unwrap();
    let new = config(json!({"max_position_embeddings": 32768, "rope_parameters": {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0,
        "original_max_position_embeddings": 32768}}));
    assert_eq!(old, new.unwrap());
    // As published, the length of training stands beside the factor; a model that says the longer length is read for it.
    assert_eq!((old.max_position_embeddings, old.context()), (32768, 131_072));
    let long = config(json!({"max_position_embeddings": 131_072, "rope_theta": 1e6, "rope_scaling": {"rope_type": "yarn", "factor": 4.0,
        "original_max_position_embeddings": 32768}}));
    assert_eq!(long.unwrap().context(), 131_072);
}

#[test]
fn numbers_that_do_not_fit_are_refused_with_the_key() {
    let refused = |rope: Value| with_rope(rope).unwrap_err();
    assert!(refused(json!({"type": "yarn", "factor": 0.5})).contains("config.json: `rope_scaling` has 32, 1, 0.5 and 32768"));
    assert!(refused(json!({"type": "yarn", "factor": 4.0, "beta_fast": 1.0, "beta_slow": 2.0})).contains("do not fit"));
    assert!(refused(json!({"type": "yarn", "factor": -4.0})).contains("needs a positive number under `factor`"));
    assert!(refused(json!({"type": "yarn", "factor": "4"})).contains("must be a number"));
    assert!(refused(json!({"type": "dynamic", "factor": 4.0})).contains("\"yarn\""));
}
