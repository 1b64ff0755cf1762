//! The runner on the real embedded model, whose folder ALIGNPRO_TEST_MODEL names.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A helper that fails should fail its test.

use contract::arm;
use contract::event::Phase;
use experiment::{Inputs, Outcome, Prompter, Runner, prepare};
use inference::BuiltIn;
use lm::{Device, Llama, ModelFolder};
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use store::{Checkpoint, NewRun, Store};
use tokio::runtime::Runtime;

const SPEC: &str = r#"
name = "real model"
seed = 2
[data]
train = 8
validation = 2
test = 2
[prompter]
model = "smollm2-135m-instruct"
max_rewrite_tokens = 12
lora = { rank = 4, alpha = 8.0, targets = ["q_proj", "v_proj"] }
[frozen]
model = "smollm2-135m-instruct"
max_answer_tokens = 12
[reward]
parts = [{ kind = "sentiment" }, { kind = "topicality" }]
[training]
iterations = 2
warmup_iterations = 0
prompts_per_iteration = 2
group_size = 2
updates_per_batch = 2
[evaluation]
answers_per_prompt = 1
bootstrap_resamples = 100
permutations = 100
"#;

fn model_folder() -> PathBuf {
    let folder = std::env::var_os("ALIGNPRO_TEST_MODEL");
    PathBuf::from(folder.expect("set ALIGNPRO_TEST_MODEL to the folder of the imported SmolLM2-135M-Instruct (`make test` does)"))
}

/// Runs the spec to its end, stopping and going on after the iterations in `stops`. Returns its iterations and its last checkpoint.
fn run(stops: &[usize]) -> (Vec<store::Iteration>, Checkpoint) {
    let (folder, temporary, runtime) = (ModelFolder::open(&model_folder()).unwrap(), tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let model = Llama::load(&folder, &Device::Cpu, lm::Precision::F32).unwrap();
    let store = runtime.block_on(Store::open(&temporary.path().join("runs.db"))).unwrap();
    let prepared = prepare::from_text(SPEC, "real.toml", temporary.path()).unwrap();
    let new =
        NewRun { spec: prepared.spec.clone(), spec_hash: prepared.spec_hash.clone(), program_version: "test".into(), facts: Vec::new() };
    let run = runtime.block_on(store.create_run(&new)).unwrap();
    for stop_after in stops.iter().copied().chain([usize::MAX]) {
        let prepared = prepare::from_text(SPEC, "real.toml", temporary.path()).unwrap();
        let tokenizer = Arc::new(folder.tokenizer().unwrap());
        let prompter = Prompter::new(model.clone(), tokenizer, folder.stop_tokens.clone(), prepared.spec.prompter.clone()).unwrap();
        let frozen = Box::new(BuiltIn::new(model.clone(), &folder).unwrap());
        prepared.check_lengths(&prompter, frozen.as_ref()).unwrap();
        let (splits, reward, spec) = (prepared.splits, prepared.reward, prepared.spec);
        let mut runner = Runner::new(Inputs {
            store: store.clone(),
            handle: runtime.handle().clone(),
            run,
            spec,
            splits,
            reward,
            prompter,
            frozen,
            oracle: None,
            energy: Box::new(|| None),
        })
        .unwrap();
        let stop = Cell::new(false);
        let outcome = runner.run(&|| stop.get(), &mut |p| stop.set(p.phase == Phase::Train && p.done >= stop_after)).unwrap();
        assert_eq!(matches!(outcome, Outcome::Stopped), stop_after != usize::MAX);
    }
    (runtime.block_on(store.iterations(run, arm::TUNED, 1)).unwrap(), runtime.block_on(store.checkpoint(run, arm::TUNED)).unwrap().unwrap())
}

/// Stopped and resumed, the real model ends with the same adapter and optimiser, bit for bit; and drawing with a cache agrees with scoring in one pass.
#[test]
fn the_real_model_resumes_bit_for_bit() {
    let ((alone, left), (resumed, right)) = (run(&[]), run(&[1]));
    assert_eq!((left.iteration, right.iteration), (2, 2));
    assert!(left.adapter == right.adapter && left.optimiser == right.optimiser, "adapters differ");
    for (a, b) in alone.iter().zip(&resumed) {
        for (name, value) in a.metrics.iter().filter(|(name, _)| !experiment::metrics::is_timing(name)) {
            assert_eq!(*value, b.metrics[name], "{name} of iteration {}", a.iteration);
        }
    }
    // Both in f32, in another order of sums; the divergence of an untrained adapter is the sum of such differences over a rewrite.
    assert!(alone[0].metrics["kl"].unwrap().abs() < 1e-2, "{:?}", alone[0].metrics["kl"]);
    assert!(alone[1].metrics["kl"].unwrap().abs() > 1e-4, "the second iteration starts from a changed prompter");
}
