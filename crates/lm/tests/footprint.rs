//! What the embedded model is said to take against what it takes. Alone in its program: the system counts the memory of a whole process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
mod memory;
use lm::adapter::LoraConfig;
use lm::footprint::{Footprint, Sampled, Scored};
use lm::{AdamW, AdamWConfig, Adapter, Decoding, Device, Gradients, Group, Llama, ModelFolder, Precision, Request};
use memory::{Phases, beyond, own};
use std::ops::ControlFlow;
use std::path::Path;

fn measure(found: &mut Phases, model: &Llama, footprint: &Footprint) {
    let held = footprint.weights as f64;
    let lora = LoraConfig {
        rank: 16,
        alpha: 32.0,
        dropout: 0.0,
        targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"].map(String::from).to_vec(),
    };
    let prompts: Vec<Vec<u32>> = (0..4u32).map(|i| (0..100).map(|token| 1000 + (i * 331 + token * 17) % 20_000).collect()).collect();
    // Rows as a run has them: 4 prompts with 4 rewrites each; to end none of them early, no token is a stop token.
    let requests: Vec<Request> = (0..16).map(|i| Request { prompt: prompts[i / 4].clone().into(), seed: i as u64 }).collect();
    let decoding = Decoding { max_tokens: 48, temperature: 1.0, top_p: 1.0, top_k: 0, stop: Vec::new() };
    let (took, drawn) = beyond(|| model.generate(None, &requests, &decoding, 16, &mut |_| ControlFlow::Continue(())).unwrap());
    let texts = Sampled { rows: 16, prompts: 4, prompt: 100, shared: 0, new: 48 };
    found.note("sampling", footprint.weights + footprint.sampling(texts), held + took);

    let completions: Vec<Vec<Vec<u32>>> = drawn.chunks(4).map(|group| group.iter().map(|text| text.tokens.clone()).collect()).collect();
    let groups: Vec<Group<'_>> = prompts.iter().zip(&completions).map(|(prompt, completions)| Group { prompt, completions }).collect();
    let texts = Scored { tokens: 4 * 100 + 16 * 47, predicted: 16 * 48 };
    let (took, _) = beyond(|| model.score(None, &groups, 1.0).unwrap());
    found.note("scoring", footprint.weights + footprint.scoring(texts), held + took);

    for checkpointing in [false, true] {
        let model = model.clone().with_checkpointing(checkpointing);
        let (took, _) = beyond(|| {
            let adapter = Adapter::new(&model, lora.clone(), 1).unwrap();
            let vars = adapter.vars();
            let mut optimiser = AdamW::new(vars.clone(), AdamWConfig::default()).unwrap();
            let mut gradients = Gradients::new(&vars);
            let loss = model.log_probs(Some(&adapter), &groups, 1.0, None).unwrap().sum_all().unwrap();
            gradients.add(&vars, &loss.backward().unwrap()).unwrap();
            optimiser.step(&gradients, 1e-3).unwrap();
        });
        let said = footprint.weights + footprint.adapter(&lora) + footprint.training(&lora, texts, checkpointing);
        found.note(if checkpointing { "training with checkpointing" } else { "training" }, said, held + took);
    }
}

#[test]
fn the_embedded_model_takes_what_it_is_said_to_take() {
    let path = std::env::var("ALIGNPRO_TEST_MODEL").expect("ALIGNPRO_TEST_MODEL names the embedded model; `make test` sets it");
    let folder = ModelFolder::open(Path::new(&path)).unwrap();
    let footprint = folder.footprint(Precision::F32, false);
    let (took, model) = own(|| Llama::load(&folder, &Device::Cpu, Precision::F32).unwrap());
    let mut found = Phases::default();
    found.note("loading", footprint.weights + footprint.reading(), took);
    measure(&mut found, &model, &footprint);
    drop(model);
    // The same in f32, with values that bf16 does not hold.
    let weights = folder.weights(&Device::Cpu).unwrap().into_iter();
    let weights = weights.map(|(name, tensor)| (name, (tensor.to_dtype(candle_core::DType::F32).unwrap() * 1.001).unwrap())).collect();
    let model = Llama::from_weights(folder.config.clone(), weights, &Device::Cpu, true, Precision::F32).unwrap();
    let mut footprint = footprint;
    footprint.weights *= 2;
    measure(&mut found, &model, &footprint);
    found.check(0.15);
}
