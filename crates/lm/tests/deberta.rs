//! DeBERTa reward models against transformers; `scripts/fixtures_deberta.py` made the figures.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
mod common;
use common::close;
use lm::deberta::log_bucket;
use lm::{Deberta, DebertaFolder, Message, Precision, RewardFolder, seal};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const MODELS: [&str; 3] = ["deberta-v3", "deberta-own", "deberta-plain"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn reference(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixture(name).join("reference.json")).unwrap()).unwrap()
}

fn said(role: &str, content: &str) -> Message {
    Message { role: role.into(), content: content.into() }
}

fn copied(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// A folder like that of the first model, with another `config.json`.
fn changed(change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let folder = copied(MODELS[0]);
    let path = folder.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    fs::write(path, config.to_string()).unwrap();
    folder
}

fn refused(folder: &Path) -> String {
    RewardFolder::open(folder).unwrap_err().to_string()
}

#[test]
fn scores_are_those_of_transformers() {
    for name in MODELS {
        let reference = reference(name);
        let entries = reference["entries"].as_array().unwrap();
        let conversations: Vec<Vec<Message>> = entries.iter().map(|e| serde_json::from_value(e["messages"].clone()).unwrap()).collect();
        let expected: Vec<f32> = entries.iter().map(|e| e["score"].as_f64().unwrap() as f32).collect();
        for device in [lm::Device::Cpu, lm::best_device()] {
            let model = Deberta::load(&DebertaFolder::open(&fixture(name)).unwrap(), &device, Precision::F32).unwrap();
            for (entry, conversation) in entries.iter().zip(&conversations) {
                let tokens: Vec<u32> = serde_json::from_value(entry["tokens"].clone()).unwrap();
                assert_eq!(model.pair_tokens(conversation).unwrap(), tokens, "{name}");
            }
            // f32 through two layers, sums in another order; in a batch, among those that are filled up, the same.
            close(&model.score(&conversations).unwrap(), &expected, 2e-5, name);
            let alone: Vec<f32> = conversations.iter().flat_map(|c| model.score(std::slice::from_ref(c)).unwrap()).collect();
            close(&alone, &expected, 2e-5, name);
            assert!(model.score(&[]).unwrap().is_empty());
        }
    }
}

/// Matrices as they are published in bf16 lose nothing: exact products with them are as near to PyTorch as f32 is. Products in bf16 are rounded the
/// other way where a sum before one has another order, by 2⁻⁸ of it, of which the score sees a share.
#[test]
fn scores_in_bf16_are_those_of_pytorch() {
    for name in MODELS {
        let entries: Value = serde_json::from_slice(&fs::read(fixture(name).join("bf16.json")).unwrap()).unwrap();
        let expected = |key: &str| -> Vec<f32> { entries[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect() };
        let reference = reference(name);
        let messages = reference["entries"].as_array().unwrap().iter().map(|e| serde_json::from_value(e["messages"].clone()).unwrap());
        let conversations: Vec<Vec<Message>> = messages.collect();
        let published = in_bf16(name);
        for device in [lm::Device::Cpu, lm::best_device()] {
            let model = |folder: &Path, precision| Deberta::load(&DebertaFolder::open(folder).unwrap(), &device, precision).unwrap();
            let exact = model(published.path(), Precision::F32).score(&conversations).unwrap();
            close(&exact, &expected("weights"), 2e-5, name);
            for folder in [&fixture(name), published.path()] {
                close(&model(folder, Precision::Bf16).score(&conversations).unwrap(), &expected("products"), 8e-3, name);
            }
        }
        let distance = expected("weights").iter().zip(expected("products")).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(distance > 1e-2, "{name}: the figures tell the two apart ({distance})");
    }
}

/// A folder with the matrices of a model in bf16, but for the classifier's, which the figures have in f32.
fn in_bf16(name: &str) -> tempfile::TempDir {
    let folder = copied(name);
    let path = folder.path().join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &lm::Device::Cpu).unwrap();
    for (_, tensor) in tensors.iter_mut().filter(|(name, tensor)| tensor.rank() == 2 && !name.starts_with("classifier")) {
        *tensor = tensor.to_dtype(candle_core::DType::BF16).unwrap();
    }
    candle_core::safetensors::save(&tensors, &path).unwrap();
    folder
}

#[test]
fn distances_fall_into_the_buckets_of_transformers() {
    for (sizes, expected) in reference(MODELS[0])["buckets"].as_object().unwrap() {
        let sizes: Vec<usize> = sizes.split(' ').map(|size| size.parse().unwrap()).collect();
        let expected: Vec<i64> = serde_json::from_value(expected.clone()).unwrap();
        let bucket = |distance: usize| log_bucket(distance as i64, sizes[0], sizes[1]);
        assert_eq!((0..expected.len()).map(bucket).collect::<Vec<_>>(), expected, "{sizes:?}");
        assert_eq!(log_bucket(-30, sizes[0], sizes[1]), -log_bucket(30, sizes[0], sizes[1]));
    }
}

/// Many pairs of many lengths, so that there are several passes.
#[test]
fn a_large_batch_scores_as_its_pairs_do() {
    let model = Deberta::load(&DebertaFolder::open(&fixture(MODELS[1])).unwrap(), &lm::Device::Cpu, Precision::F32).unwrap();
    let pair = |i: usize| vec![said("user", &"a sea ".repeat(i % 11)), said("assistant", &"is water, ".repeat(i % 5))];
    let conversations: Vec<Vec<Message>> = (0..130).map(pair).collect();
    let together = model.score(&conversations).unwrap();
    let alone: Vec<f32> = conversations.iter().flat_map(|c| model.score(std::slice::from_ref(c)).unwrap()).collect();
    close(&together, &alone, 2e-5, "alone");
    assert!(together.iter().any(|score| (score - together[0]).abs() > 0.05));
}

#[test]
fn what_is_too_long_is_refused_and_nothing_is_cut() {
    let model = Deberta::load(&DebertaFolder::open(&fixture(MODELS[0])).unwrap(), &lm::Device::Cpu, Precision::F32).unwrap();
    let error = model.score(&[vec![said("user", "a"), said("assistant", &"b".repeat(90))]]).unwrap_err();
    assert!(matches!(&error, lm::Error::TooLong(reason) if reason.contains("95 tokens") && reason.contains("reads 64")), "{error}");
    assert!(model.score(&[Vec::new()]).unwrap_err().to_string().contains("without messages"));
}

#[test]
fn what_is_not_computed_is_refused_with_its_key() {
    let with = |key: &str, value: Value| refused(changed(|config| config[key] = value).path());
    assert!(with("id2label", json!({"0": "a", "1": "b", "2": "c"})).contains("names 3 labels"));
    assert!(with("conv_kernel_size", json!(3)).contains("convolution"));
    assert!(with("relative_attention", json!(false)).contains("`relative_attention` is not true"));
    assert!(with("hidden_act", json!("relu")).contains("only \"gelu\""));
    assert!(with("embedding_size", json!(16)).contains("`embedding_size`"));
    assert!(with("pos_att_type", json!("p2p|c2p")).contains("p2p"));
    assert!(with("architectures", json!(["DebertaV2ForMaskedLM"])).contains("DebertaV2ForSequenceClassification with one label"));
    assert!(with("num_attention_heads", json!(5)).contains("multiple"));
    assert!(with("position_buckets", json!(200)).contains("does not fit 64"));
    assert!(with("intermediate_size", json!(21)).contains("config.json asks for [21, 32]"));
    assert!(with("vocab_size", json!(40)).contains("[40, 32]"));
}

#[test]
fn what_is_missing_or_a_pickle_is_said_with_a_way_out() {
    let folder = changed(|_| ());
    let path = |name: &str| folder.path().join(name);
    fs::write(path("spm.model"), "").unwrap();
    fs::rename(path("tokenizer.json"), path("kept")).unwrap();
    let error = refused(folder.path());
    assert!(error.contains("spm.model is not read here") && error.contains("save_pretrained"), "{error}");
    fs::rename(path("kept"), path("tokenizer.json")).unwrap();
    fs::rename(path("model.safetensors"), path("model-00001-of-00002.safetensors")).unwrap();
    fs::write(path("pytorch_model.bin"), "").unwrap();
    let error = refused(folder.path());
    assert!(error.contains("pickle") && error.contains("safe_serialization"), "{error}");
    let map = json!({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}});
    fs::write(path("model.safetensors.index.json"), map.to_string()).unwrap();
    assert!(refused(folder.path()).contains("model-00002-of-00002.safetensors is missing"));
}

#[test]
fn both_kinds_of_reward_model_are_opened_by_what_they_are() {
    let encoder = RewardFolder::open(&fixture(MODELS[0])).unwrap();
    assert!(matches!(encoder, RewardFolder::Encoder(_)) && encoder.model_type() == "deberta-v2");
    let decoder = RewardFolder::open(&fixture("reward-qwen3")).unwrap();
    assert!(matches!(decoder, RewardFolder::Decoder(_)) && decoder.model_type() == "qwen3");
    assert_ne!(encoder.checksum().unwrap(), decoder.checksum().unwrap());
    assert!(refused(&fixture("tiny-qwen3")).contains("is no reward model"));

    let folder = changed(|_| ());
    let opened = RewardFolder::open(folder.path()).unwrap();
    assert_eq!(seal::verify(&opened).unwrap(), seal::State::Unsealed);
    seal::note(&opened, "a test").unwrap();
    assert_eq!(seal::verify(&opened).unwrap(), seal::State::Whole);
    fs::write(folder.path().join("tokenizer_config.json"), "{}").unwrap();
    assert_eq!(seal::verify(&opened).unwrap(), seal::State::Changed(vec!["tokenizer_config.json".into()]));
    RewardFolder::open(folder.path()).unwrap();
}
