//! Reward models of every family against transformers; `scripts/fixtures_lm.py rewards` made the figures.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
mod common;
use candle_core::Var;
use common::close;
use lm::{Adapter, Llama, Message, ModelFolder, RewardModel, Tensor};
use safetensors::SafeTensors;
use serde_json::Value;
use std::path::{Path, PathBuf};

const FAMILIES: [&str; 5] = ["llama3", "mistral", "qwen2", "qwen3", "phi3"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn scores_are_those_of_transformers() {
    for name in FAMILIES {
        let folder = fixture(&format!("reward-{name}"));
        let reference: Value = serde_json::from_slice(&std::fs::read(folder.join("reference.json")).unwrap()).unwrap();
        let entries = reference["entries"].as_array().unwrap();
        let opened = ModelFolder::open_reward_model(&folder).unwrap();
        let conversations: Vec<Vec<Message>> = entries.iter().map(|e| serde_json::from_value(e["messages"].clone()).unwrap()).collect();
        let expected: Vec<f32> = entries.iter().map(|e| e["score"].as_f64().unwrap() as f32).collect();
        for fused in [true, false] {
            let model = RewardModel::load(&opened, &common::device(fused), lm::Precision::F32).unwrap();
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

/// With rounded matrices and exact products, as a processor has it, and with products in bf16, as a GPU; tolerances as in `pytorch.rs`.
#[test]
fn scores_in_bf16_are_those_of_pytorch() {
    for name in FAMILIES {
        let folder = fixture(&format!("reward-{name}"));
        let [reference, half] = ["reference.json", "bf16.json"]
            .map(|file| -> Value { serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap() });
        let entries = reference["entries"].as_array().unwrap();
        let conversations: Vec<Vec<Message>> = entries.iter().map(|e| serde_json::from_value(e["messages"].clone()).unwrap()).collect();
        let expected = |key: &str| -> Vec<f32> { half[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect() };
        let opened = ModelFolder::open_reward_model(&folder).unwrap();
        for (fused, key, tolerance) in [(true, "weights", 2e-5), (false, "products", 8e-3)] {
            let weights = opened.weights(&lm::Device::Cpu).unwrap();
            let llama = Llama::from_weights(opened.config.clone(), weights, &common::device(fused), fused, lm::Precision::Bf16).unwrap();
            let model = RewardModel::of(llama, &opened).unwrap();
            close(&model.score(&conversations).unwrap(), &expected(key), tolerance, name);
        }
        let distance = expected("weights").iter().zip(expected("products")).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(distance > 1e-2, "{name}: the figures tell the two apart ({distance})");
    }
}

/// The likelihood of Bradley and Terry of pairs of scores, chosen and rejected.
fn loss(scores: &Tensor) -> Tensor {
    let pairs = scores.reshape(((), 2)).unwrap();
    let margins = (pairs.narrow(1, 0, 1).unwrap() - pairs.narrow(1, 1, 1).unwrap()).unwrap();
    ((margins.neg().unwrap().exp().unwrap() + 1.0).unwrap().log().unwrap()).mean_all().unwrap()
}

fn values(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    file.tensor(name).unwrap().data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Of the adapter and of the score's weight, by PyTorch and PEFT.
#[test]
fn gradients_of_a_preference_are_those_of_pytorch() {
    for name in FAMILIES {
        let folder = fixture(&format!("reward-{name}"));
        let reference: Value = serde_json::from_slice(&std::fs::read(folder.join("reference.json")).unwrap()).unwrap();
        let opened = ModelFolder::open_reward_model(&folder).unwrap();
        let bytes = std::fs::read(folder.join("gradients.safetensors")).unwrap();
        let expected = SafeTensors::deserialize(&bytes).unwrap();
        for fused in [true, false] {
            let mut weights = opened.weights(&lm::Device::Cpu).unwrap();
            let score = weights.remove("score.weight").unwrap().flatten_all().unwrap();
            let llama = Llama::from_weights(opened.config.clone(), weights, &common::device(fused), fused, lm::Precision::F32).unwrap();
            let loaded = Adapter::load_peft(&llama, &folder.join("adapter")).unwrap();
            let model = RewardModel::untrained(llama, &opened, loaded.config.clone(), 0).unwrap();
            let vars = model.adapter().unwrap().vars();
            vars.iter().zip(loaded.vars()).for_each(|(var, value)| var.set(value.as_tensor()).unwrap());
            let weight = Var::from_tensor(&score.to_device(model.device()).unwrap()).unwrap();
            let conversation = |i: &Value| -> Vec<Message> {
                serde_json::from_value(reference["entries"][i.as_u64().unwrap() as usize]["messages"].clone()).unwrap()
            };
            let pairs = reference["pairs"].as_array().unwrap().iter().flat_map(|pair| pair.as_array().unwrap());
            let texts: Vec<Vec<u32>> = pairs.map(|i| model.tokens(&conversation(i)).unwrap()).collect();
            let loss = loss(&model.differentiable(weight.as_tensor(), &texts, None).unwrap());
            close(&[loss.to_scalar().unwrap()], &[reference["loss"].as_f64().unwrap() as f32], 2e-5, name);
            let gradients = loss.backward().unwrap();
            close(&gradients.get(&weight).unwrap().to_vec1::<f32>().unwrap(), &values(&expected, "score.weight"), 2e-5, name);
            // The gradient is put where the values were, so that the adapter's own writer names its parts.
            for var in &vars {
                let gradient = gradients.get(var).unwrap().copy().unwrap();
                var.set(&gradient).unwrap();
            }
            let bytes = model.adapter().unwrap().to_bytes().unwrap();
            let got = SafeTensors::deserialize(&bytes).unwrap();
            for tensor in got.names() {
                let (got, expected) = (values(&got, tensor), values(&expected, tensor));
                let largest = expected.iter().fold(1f32, |largest, value| largest.max(value.abs()));
                let scaled = |values: &[f32]| values.iter().map(|value| value / largest).collect::<Vec<_>>();
                // As in pytorch.rs.
                close(&scaled(&got), &scaled(&expected), 2e-5, &format!("{name}: {tensor}"));
            }
        }
    }
}

/// What is written is what was trained, but for the rounding of the merged weights, and is read by itself.
#[test]
fn a_trained_model_is_written_as_a_folder() {
    let parent = tempfile::tempdir().unwrap();
    for name in ["tiny-untied", "tiny-qwen2", "tiny-phi3"] {
        let base = ModelFolder::open(&fixture(name)).unwrap();
        let lora = lm::LoraConfig { rank: 3, alpha: 6.0, dropout: 0.0, targets: common::TARGETS.map(String::from).to_vec() };
        let llama = Llama::load(&base, &lm::Device::Cpu, lm::Precision::F32).unwrap();
        let mut model = RewardModel::untrained(llama, &base, lora, 1).unwrap();
        let conversation = vec![Message::user("who?"), Message { role: "assistant".into(), content: "me".into() }];
        assert_eq!(model.score(std::slice::from_ref(&conversation)).unwrap(), [0.0]);
        let mut stream = lm::Stream::new(5);
        for var in model.adapter().unwrap().vars() {
            let values: Vec<f32> = (0..var.elem_count()).map(|_| (0.1 * stream.normal()) as f32).collect();
            var.set(&Tensor::from_vec(values, var.shape(), var.device()).unwrap()).unwrap();
        }
        model.set_weight((0..32).map(|_| stream.normal() as f32).collect()).unwrap();
        let folder = parent.path().join(name);
        model.write(&base, &folder).unwrap();
        let written = ModelFolder::open_reward_model(&folder).unwrap();
        assert_eq!(lm::seal::verify(&written).unwrap(), lm::seal::State::Whole);
        let read = RewardModel::load(&written, &lm::Device::Cpu, lm::Precision::F32).unwrap();
        let [ours, theirs] = [&model, &read].map(|model| model.score(std::slice::from_ref(&conversation)).unwrap());
        // The fixtures are f32, so the merged weights are not rounded.
        close(&theirs, &ours, 2e-5, name);
        assert!(ours[0] != 0.0 && model.write(&base, &folder).is_ok(), "the same again is no harm");
        model.set_weight(vec![0.5; 32]).unwrap();
        assert!(model.write(&base, &folder).unwrap_err().to_string().contains("already holds something else"));
        assert_eq!(
            std::fs::read_dir(parent.path())
                .unwrap()
                .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'))
                .count(),
            0
        );
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
    let model = RewardModel::load(&opened, &lm::Device::Cpu, lm::Precision::F32).unwrap();
    let long = vec![Message::user("a"), Message { role: "assistant".into(), content: "word ".repeat(20) }];
    assert!(matches!(model.score(&[long]).unwrap_err(), lm::Error::TooLong(_)));
}
