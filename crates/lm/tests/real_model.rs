//! The embedded model against transformers; `scripts/fixtures_lm.py` made the figures.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
use lm::{Decoding, Device, Group, Llama, Message, ModelFolder, Request, best_device};
use serde_json::Value;
use std::ops::ControlFlow;

fn folder() -> ModelFolder {
    let path =
        std::env::var("ALIGNPRO_TEST_MODEL").expect("ALIGNPRO_TEST_MODEL must name the embedded model's folder: `make test` sets it");
    ModelFolder::open(path.as_ref()).unwrap()
}

fn array<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap().iter().map(read).collect()
}

#[test]
fn real_model_answers_and_scores_as_transformers_does() {
    for device in [Some(Device::Cpu), Some(best_device()).filter(|best| !best.is_cpu())].into_iter().flatten() {
        answers_and_scores_as_transformers_does(&device);
    }
}

fn answers_and_scores_as_transformers_does(device: &Device) {
    let folder = folder();
    let (model, tokenizer) = (Llama::load(&folder, device, lm::Precision::F32).unwrap(), folder.tokenizer().unwrap());
    let reference: Value = serde_json::from_str(include_str!("fixtures/smollm2.json")).unwrap();
    let token = |v: &Value| v.as_u64().unwrap() as u32;
    for entry in reference["entries"].as_array().unwrap() {
        let prompt = array(&entry["prompt_tokens"], token);
        assert_eq!(tokenizer.chat(&[Message::user(entry["prompt"].as_str().unwrap())]).unwrap(), prompt);
        let completions = [array(&entry["completion_tokens"], token)];
        for temperature in ["1.0", "0.7"] {
            let expected = array(&entry["log_probs"][temperature], |v| v.as_f64().unwrap() as f32);
            let scored = model.score(None, &[Group { prompt: &prompt, completions: &completions }], temperature.parse().unwrap()).unwrap();
            for (got, expected) in scored.iter().zip(&expected) {
                // f32 through 30 blocks in another order of sums: measured differences are below 1e-4; the issue allows 1e-3.
                assert!((got - expected).abs() < 5e-4, "{got} against {expected} at temperature {temperature}");
            }
        }
        let greedy = array(&entry["greedy_tokens"], token);
        let decoding = Decoding { max_tokens: greedy.len(), temperature: 0.0, top_p: 1.0, top_k: 0, stop: folder.stop_tokens.clone() };
        let request = Request { prompt: prompt.into(), seed: 0 };
        let generated = model.generate(None, &[request], &decoding, 1, &mut |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(generated[0].tokens, greedy, "greedy answer to {}", entry["prompt"]);
    }
}
