//! What the embedded model is said to take in mistral.rs against what it takes. Each way of loading it is tried in a process of its own: the system
//! counts the memory of a whole process, and mistral.rs gives its own back when it likes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
#[path = "../../lm/tests/memory/mod.rs"]
mod memory;
use inference::{AnswerDecoding, AnswerRequest, FrozenModel};
use inference_mistralrs::{MistralRs, Sizes};
use memory::{Phases, held, own};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::Command;

/// Tells the test, when it runs itself, which way it is to try.
const WAY: &str = "ALIGNPRO_TEST_WAY";
/// The GGUF file, the folder as it is, and quantised while loading.
const WAYS: [&str; 4] = ["gguf", "f32", "q8_0", "q4k"];

fn measure(way: &str) {
    let name = if way == "gguf" { "ALIGNPRO_TEST_GGUF" } else { "ALIGNPRO_TEST_MODEL" };
    let path = PathBuf::from(std::env::var_os(name).unwrap_or_else(|| panic!("{name} names the embedded model; `make test` sets it")));
    let quantisation = Some(way).filter(|way| way.starts_with('q'));
    let mut found = Phases::default();
    let said = Sizes::read(&path).unwrap().footprint(quantisation, None);
    let before = held();
    let (took, mut engine) = own(|| MistralRs::load(&path, quantisation, None).unwrap());
    found.note(&format!("{way}, loading"), said.weights + said.reading, took);
    let resting = held() - before;
    // A prompt that leaves room in its first block, and where it is quickest one that does not.
    for words in [20, 600].into_iter().take(if way == "f32" { 2 } else { 1 }) {
        let request = AnswerRequest { system: None, prompt: "sea and ".repeat(words / 2), seed: 1 };
        let prompt = engine.prompt_tokens(None, &request.prompt).unwrap() as u64;
        let decoding = AnswerDecoding { max_tokens: 4, temperature: 1.0, top_p: 1.0, top_k: 0 };
        let (took, _) = own(|| engine.answer(&[request], &decoding, &mut |_| ControlFlow::Continue(())).unwrap());
        found.note(&format!("{way}, an answer after {prompt} tokens"), said.weights + said.answering(1, prompt, 4), resting + took);
    }
    found.check(0.15);
}

#[test]
fn the_embedded_model_takes_what_it_is_said_to_take() {
    if let Ok(way) = std::env::var(WAY) {
        return measure(&way);
    }
    for way in WAYS {
        let mut itself = Command::new(std::env::current_exe().unwrap());
        let ended = itself.args(["--exact", "the_embedded_model_takes_what_it_is_said_to_take"]).env(WAY, way).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    }
}
