//! What the embedded model is said to take against what it takes. Alone in its program: the system counts the memory of a whole process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // The lint sees only marked tests; figures are for the documentation.
use lm::adapter::LoraConfig;
use lm::footprint::{Footprint, Sampled, Scored};
use lm::{AdamW, AdamWConfig, Adapter, Decoding, Device, Gradients, Group, Llama, ModelFolder, Precision, Request};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn status(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap() * 1024.0
}

/// The most that `work` holds of its own, without the files that it maps, which the system keeps no count of: looked at every millisecond.
fn own<T>(work: impl FnOnce() -> T + Send) -> (f64, T)
where
    T: Send,
{
    let before = status("RssAnon:");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0f64;
            while !done.load(Ordering::Relaxed) {
                most = most.max(status("RssAnon:"));
                std::thread::sleep(Duration::from_millis(1));
            }
            most
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (watching.join().unwrap() - before, result)
    })
}

/// Bytes that `work` holds at most, beyond what the process holds before it.
fn beyond<T>(work: impl FnOnce() -> T) -> (f64, T) {
    // What was freed goes back first, for it would be taken anew unseen.
    // SAFETY: a call into the allocator, under its lock.
    unsafe { libc::malloc_trim(0) };
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS:");
    let result = work();
    (status("VmHWM:") - before, result)
}

/// What each phase is said to take altogether (weights, adapter and its own), and what it took.
#[derive(Default)]
struct Phases(Vec<(String, f64, f64)>);

impl Phases {
    fn note(&mut self, phase: &str, said: u64, took: f64) {
        self.0.push((phase.into(), said as f64, took));
    }

    /// To within 15 %.
    fn check(&self) {
        let off = |said: f64, took: f64| said / took - 1.0;
        let line = |(phase, said, took): &(String, f64, f64)| {
            format!("{phase}: said {:.0} MB, took {:.0} MB, {:+.1} %", said / 1e6, took / 1e6, 100.0 * off(*said, *took))
        };
        let lines: Vec<String> = self.0.iter().map(line).collect();
        println!("{}", lines.join("\n"));
        assert!(self.0.iter().all(|(_, said, took)| off(*said, *took).abs() < 0.15), "{}", lines.join("\n"));
    }
}

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
    found.check();
}
