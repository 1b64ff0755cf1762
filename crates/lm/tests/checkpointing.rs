//! What is learnt does not depend on whether blocks are kept or computed again: of every family, on both back ends, the same to the bit. (On a GPU
//! products of one shape may be summed in another order from call to call; there it is held to 1e-5 of the largest.)
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
mod common;
use common::{TARGETS, adapter, close, tokens};
use lm::{Adapter, Device, Gradients, Group, Llama, ModelFolder, Precision, Stream, Tensor};
use std::path::{Path, PathBuf};

/// A bias, norms of heads, heads that are turned in part, tied and untied heads.
const MODELS: [&str; 5] = ["tiny-tied", "tiny-untied", "tiny-qwen2", "tiny-qwen3", "tiny-phi3"];

type Texts = Vec<(Vec<u32>, Vec<Vec<u32>>)>;

/// Two groups whose prompts begin alike.
fn texts(vocabulary: usize) -> Texts {
    let mut stream = Stream::new(5);
    let common = tokens(&mut stream, 4, vocabulary);
    let group = |stream: &mut Stream, prompt: usize, completions: &[usize]| {
        let prompt = [common.clone(), tokens(stream, prompt, vocabulary)].concat();
        (prompt, completions.iter().map(|n| tokens(stream, *n, vocabulary)).collect())
    };
    vec![group(&mut stream, 3, &[5, 1]), group(&mut stream, 6, &[4, 4, 2])]
}

/// What a pass gives and, one after another, the gradients of the adapter, from a loss in which every number counts differently.
fn learnt(model: &Llama, adapter: &Adapter, pass: impl Fn(&Llama) -> Tensor) -> Vec<Vec<f32>> {
    let y = pass(model);
    let weights: Vec<f32> = (0..y.elem_count()).map(|i| ((i * 37 % 11) as f32 - 4.0) / 5.0).collect();
    let loss = (&y * Tensor::from_vec(weights, y.shape(), y.device()).unwrap()).unwrap().sum_all().unwrap();
    let vars = adapter.vars();
    let mut gradients = Gradients::new(&vars);
    gradients.add(&vars, &loss.backward().unwrap()).unwrap();
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
    std::iter::once(flat(&y)).chain(gradients.sums().iter().map(|sum| flat(sum.as_ref().unwrap()))).collect()
}

/// Log-probabilities as they train a policy, and hidden states as they train a reward model.
fn check(name: &str, model: &Llama, adapter: &Adapter, texts: &Texts) {
    let groups: Vec<Group<'_>> = texts.iter().map(|(prompt, completions)| Group { prompt, completions }).collect();
    let again = model.clone().with_checkpointing(true);
    for seed in [None, Some(3)] {
        for is_hidden in [false, true] {
            let pass = |model: &Llama| {
                if is_hidden { model.hidden(adapter, &groups, seed) } else { model.log_probs(Some(adapter), &groups, 0.8, seed) }.unwrap()
            };
            let (kept, computed) = (learnt(model, adapter, pass), learnt(&again, adapter, pass));
            assert!(kept[1..].iter().all(|gradient| gradient.iter().any(|g| *g != 0.0)), "{name}: a gradient of nothing");
            for (kept, computed) in kept.iter().zip(&computed) {
                if model.device().is_cpu() {
                    assert!(kept == computed, "{name}, dropout {seed:?}, hidden {is_hidden}");
                } else {
                    let largest = kept.iter().fold(1f32, |most, value| most.max(value.abs()));
                    let scaled = |values: &[f32]| values.iter().map(|value| value / largest).collect::<Vec<_>>();
                    close(&scaled(computed), &scaled(kept), 1e-5, name);
                }
            }
        }
    }
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn every_family_learns_the_same_to_the_bit() {
    for name in MODELS {
        let opened = ModelFolder::open(&fixture(name)).unwrap();
        for (fused, precision) in [(true, Precision::F32), (false, Precision::F32), (true, Precision::Bf16), (false, Precision::Bf16)] {
            let weights = opened.weights(&Device::Cpu).unwrap();
            let model = Llama::from_weights(opened.config.clone(), weights, &common::device(fused), fused, precision).unwrap();
            // Projections without an adapter have no parameters.
            for targets in [&TARGETS[..], &["v_proj", "down_proj"]] {
                let what = format!("{name}, fused {fused}, {precision:?}, {targets:?}");
                check(&what, &model, &adapter(&model, targets, 0.3), &texts(model.config.vocab_size));
            }
        }
    }
}

#[test]
fn the_embedded_model_learns_the_same_to_the_bit() {
    let path = std::env::var("ALIGNPRO_TEST_MODEL").expect("ALIGNPRO_TEST_MODEL names the embedded model; `make test` sets it");
    let opened = ModelFolder::open(Path::new(&path)).unwrap();
    let model = Llama::load(&opened, &Device::Cpu, Precision::F32).unwrap();
    check("the embedded model", &model, &adapter(&model, &TARGETS, 0.1), &texts(model.config.vocab_size));
}

/// Masks come from the pass's seed on every device, so that a run on a GPU can be computed again too.
#[test]
fn dropout_is_the_same_on_both_back_ends() {
    let config = common::config(true);
    let (fused, plain) = (common::model(&config, true), common::model(&config, false));
    let texts = texts(71);
    let groups: Vec<Group<'_>> = texts.iter().map(|(prompt, completions)| Group { prompt, completions }).collect();
    let of = |model: &Llama| {
        let adapter = adapter(model, &TARGETS, 0.4);
        learnt(model, &adapter, |model| model.log_probs(Some(&adapter), &groups, 0.8, Some(9)).unwrap())
    };
    for (x, y) in of(&fused).iter().zip(&of(&plain)) {
        close(x, y, 2e-4, "with dropout");
    }
}
