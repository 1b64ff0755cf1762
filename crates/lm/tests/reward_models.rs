//! Reward models of every family against transformers; `scripts/fixtures_lm.py rewards` made the figures.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
mod common;
use common::close;
use lm::{Message, ModelFolder, RewardModel};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn scores_are_those_of_transformers() {
    for name in ["llama3", "mistral", "qwen2", "qwen3", "phi3"] {
        let folder = fixture(&format!("reward-{name}"));
        let reference: Value = serde_json::from_slice(&std::fs::read(folder.join("reference.json")).unwrap()).unwrap();
        let entries = reference["entries"].as_array().unwrap();
        let opened = ModelFolder::open_reward_model(&folder).unwrap();
        let conversations: Vec<Vec<Message>> = entries.iter().map(|e| serde_json::from_value(e["messages"].clone()).unwrap()).collect();
        let expected: Vec<f32> = entries.iter().map(|e| e["score"].as_f64().unwrap() as f32).collect();
        for fused in [true, false] {
            let model = RewardModel::load(&opened, &common::device(fused)).unwrap();
            for (entry, conversation) in entries.iter().zip(&conversations) {
                let tokens: Vec<u32> = serde_json::from_value(entry["tokens"].clone()).unwrap();
                assert!(tokens.starts_with(&model.tokens(conversation).unwrap()), "{name}");
            }
            // As in log-probabilities: f32 through two blocks, sums in another order.
            close(&model.score(&conversations).unwrap(), &expected, 2e-5, name);
            let alone: Vec<f32> = conversations.iter().flat_map(|c| model.score(std::slice::from_ref(c)).unwrap()).collect();
            close(&alone, &expected, 2e-5, name);
            assert!(model.score(&[]).unwrap().is_empty());
        }
    }
}

#[test]
fn a_model_that_writes_is_no_reward_model_nor_the_reverse() {
    let sentence = ModelFolder::open_reward_model(&fixture("tiny-qwen2")).unwrap_err().to_string();
    assert!(sentence.contains("is no reward model") && sentence.contains("Qwen2ForSequenceClassification"), "{sentence}");
    let sentence = ModelFolder::open(&fixture("reward-phi3")).unwrap_err().to_string();
    assert!(sentence.contains("Phi3ForSequenceClassification") && sentence.contains("[[reward.parts]]"), "{sentence}");
}

#[test]
fn a_conversation_that_does_not_fit_is_refused() {
    let opened = ModelFolder::open_reward_model(&fixture("reward-phi3")).unwrap();
    let model = RewardModel::load(&opened, &lm::Device::Cpu).unwrap();
    let long = vec![Message::user("a"), Message { role: "assistant".into(), content: "word ".repeat(20) }];
    assert!(matches!(model.score(&[long]).unwrap_err(), lm::Error::TooLong(_)));
}
