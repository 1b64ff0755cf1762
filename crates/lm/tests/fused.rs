//! The fused model against candle's own operations and against finite differences; sampling against the model's probabilities.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
mod common;
use common::{TARGETS, adapter, close, config, model, tokens};
use lm::{Adapter, Decoding, Gradients, Group, Llama, Request, Stream, Tensor};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Sums of up to a hundred f32 products in another order differ by a few units in the last place; two blocks amplify that.
const F32: f32 = 2e-5;

struct Batch(Vec<(Vec<u32>, Vec<Vec<u32>>)>);

impl Batch {
    fn new(shape: &[(usize, &[usize])]) -> Self {
        let mut stream = Stream::new(3);
        let groups = shape.iter().map(|(prompt, completions)| {
            let prompt = tokens(&mut stream, *prompt, 71);
            (prompt, completions.iter().map(|n| tokens(&mut stream, *n, 71)).collect())
        });
        Self(groups.collect())
    }
    /// Groups whose prompts begin with the same six tokens.
    fn with_a_common_beginning() -> Self {
        let mut batch = Self::new(&[(2, &[7, 1, 4]), (9, &[3, 3]), (1, &[5])]);
        let common = tokens(&mut Stream::new(41), 6, 71);
        for (prompt, _) in &mut batch.0 {
            prompt.splice(0..0, common.iter().copied());
        }
        batch
    }
    fn groups(&self) -> Vec<Group<'_>> {
        self.0.iter().map(|(prompt, completions)| Group { prompt, completions }).collect()
    }
}

fn batches() -> Vec<Batch> {
    let (pair, least, odd) = (&[(5, &[7, 1, 4][..]), (9, &[3, 3])], &[(1, &[1][..])], &[(1, &[2][..]), (33, &[17, 16, 0, 5])]);
    vec![Batch::new(pair), Batch::new(least), Batch::new(odd), Batch::with_a_common_beginning()]
}

fn loss(model: &Llama, adapter: &Adapter, batch: &Batch, dropout: Option<u64>) -> Tensor {
    let log_probs = model.log_probs(Some(adapter), &batch.groups(), 0.8, dropout).unwrap();
    let n = log_probs.elem_count();
    let weights: Vec<f32> = (0..n).map(|i| ((i * 37 % 11) as f32 - 4.0) / 5.0).collect();
    (log_probs * Tensor::from_vec(weights, n, model.device()).unwrap()).unwrap().sum_all().unwrap()
}

fn gradients(model: &Llama, adapter: &Adapter, batch: &Batch, dropout: Option<u64>) -> Vec<Vec<f32>> {
    let vars = adapter.vars();
    let mut gradients = Gradients::new(&vars);
    gradients.add(&vars, &loss(model, adapter, batch, dropout).backward().unwrap()).unwrap();
    gradients.sums().iter().map(|g| g.as_ref().unwrap().flatten_all().unwrap().to_vec1().unwrap()).collect()
}

#[test]
fn log_probabilities_and_gradients_are_those_of_plain_operations() {
    for tied in [true, false] {
        let config = config(tied);
        let (fused, plain) = (model(&config, true), model(&config, false));
        for targets in [&TARGETS[..], &["q_proj", "v_proj"], &["up_proj"]] {
            let (a, b) = (adapter(&fused, targets, 0.0), adapter(&plain, targets, 0.0));
            for batch in batches() {
                let groups = batch.groups();
                for (x, y) in [(Some(&a), Some(&b)), (None, None)] {
                    let x: Vec<f32> = fused.log_probs(x, &groups, 0.7, None).unwrap().to_vec1().unwrap();
                    let y: Vec<f32> = plain.log_probs(y, &groups, 0.7, None).unwrap().to_vec1().unwrap();
                    close(&x, &y, F32, "log-probabilities");
                }
                close(&fused.score(Some(&a), &groups, 0.7).unwrap(), &plain.score(Some(&b), &groups, 0.7).unwrap(), F32, "scores");
                let (x, y) = (gradients(&fused, &a, &batch, None), gradients(&plain, &b, &batch, None));
                for (x, y) in x.iter().zip(&y) {
                    // Gradients sum over all rows; 2e-4 of the largest is the same relative error.
                    close(x, y, 2e-4, "gradients");
                }
            }
        }
    }
}

/// What a value head sees: the same on both, one row a token.
#[test]
fn features_are_the_states_that_predict() {
    for tied in [true, false] {
        let (fused, plain) = (model(&config(tied), true), model(&config(tied), false));
        for batch in batches() {
            let (x, y) = (fused.features(None, &batch.groups()).unwrap(), plain.features(None, &batch.groups()).unwrap());
            let tokens = fused.log_probs(None, &batch.groups(), 1.0, None).unwrap().elem_count();
            assert_eq!(x.dims(), [tokens, fused.config.hidden_size]);
            close(&x.flatten_all().unwrap().to_vec1().unwrap(), &y.flatten_all().unwrap().to_vec1().unwrap(), F32, "features");
        }
    }
}

/// What prompts have in common is computed once; it must show nowhere.
#[test]
fn groups_with_a_common_beginning_are_those_that_they_are_alone() {
    let fused = model(&config(true), true);
    let adapter = adapter(&fused, &TARGETS, 0.0);
    let batch = Batch::with_a_common_beginning();
    let flat = |batch: &Batch| -> (Vec<f32>, Vec<f32>) {
        let log_probs = fused.log_probs(Some(&adapter), &batch.groups(), 0.8, None).unwrap();
        let vars = adapter.vars();
        let mut gradients = Gradients::new(&vars);
        gradients.add(&vars, &log_probs.sum_all().unwrap().backward().unwrap()).unwrap();
        let sums = gradients.sums().iter().flat_map(|g| g.as_ref().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect();
        (log_probs.to_vec1().unwrap(), sums)
    };
    let (together, gradient) = flat(&batch);
    let alone: Vec<_> = batch.0.iter().map(|group| flat(&Batch(vec![group.clone()]))).collect();
    close(&together, &alone.iter().flat_map(|(log_probs, _)| log_probs.clone()).collect::<Vec<_>>(), F32, "log-probabilities");
    let sum = alone.iter().fold(vec![0.0; gradient.len()], |sum, (_, g)| sum.iter().zip(g).map(|(a, b)| a + b).collect());
    close(&gradient, &sum, 2e-4, "gradients");
}

/// Along random directions: in f32 a central difference of step h is off by about ε·|loss|/h + h²; h = 0.01 balances the two.
#[test]
fn gradients_are_those_of_finite_differences_with_and_without_dropout() {
    let fused = model(&config(true), true);
    let batch = &batches()[0];
    for (rate, dropout) in [(0.0, None), (0.3, Some(5))] {
        let adapter = adapter(&fused, &TARGETS, rate);
        let gradients = gradients(&fused, &adapter, batch, dropout);
        let mut stream = Stream::new(17);
        for (var, gradient) in adapter.vars().iter().zip(&gradients) {
            let start: Vec<f32> = var.to_vec1().unwrap();
            let direction: Vec<f32> = start.iter().map(|_| if stream.uniform() < 0.5 { 1.0 } else { -1.0 }).collect();
            let at = |step: f32| {
                let moved: Vec<f32> = start.iter().zip(&direction).map(|(v, d)| v + step * d).collect();
                var.set(&Tensor::from_vec(moved, var.shape(), var.device()).unwrap()).unwrap();
                f64::from(loss(&fused, &adapter, batch, dropout).to_scalar::<f32>().unwrap())
            };
            let h = 2e-3;
            let slope = (at(h) - at(-h)) / (2.0 * f64::from(h));
            at(0.0);
            let expected: f64 = gradient.iter().zip(&direction).map(|(g, d)| f64::from(g * d)).sum();
            let size: f64 = gradient.iter().map(|g| f64::from(g * g)).sum::<f64>().sqrt();
            assert!((slope - expected).abs() < 1e-2 * (1.0 + size), "slope {slope}, gradient {expected}, size {size}");
        }
    }
}

#[test]
fn dropout_changes_with_its_seed_and_keeps_the_mean() {
    let fused = model(&config(true), true);
    let batch = &batches()[0];
    let adapter = adapter(&fused, &["o_proj"], 0.5);
    let value = |seed| loss(&fused, &adapter, batch, seed).to_scalar::<f32>().unwrap();
    assert_eq!(value(Some(1)), value(Some(1)));
    assert_ne!(value(Some(1)), value(Some(2)));
    let values: Vec<f32> = (0..400).map(|s| value(Some(s))).collect();
    let mean = values.iter().sum::<f32>() / 400.0;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 399.0).sqrt();
    // The loss is close to linear in so small an adapter: the mean over masks is the value without, within its own error.
    assert!((mean - value(None)).abs() < 4.0 * deviation / 20.0 + 0.02, "{mean} ± {} against {}", deviation / 20.0, value(None));
}

fn decoding(temperature: f64) -> Decoding {
    Decoding { max_tokens: 12, temperature, top_p: 1.0, top_k: 0, stop: vec![2, 5] }
}

fn requests(n: usize) -> Vec<Request> {
    let mut stream = Stream::new(23);
    let prompts: Vec<Arc<[u32]>> = [4, 9, 1, 6].iter().map(|n| tokens(&mut stream, *n, 71).into()).collect();
    (0..n).map(|i| Request { prompt: prompts[i % 4].clone(), seed: 1000 + i as u64 }).collect()
}

fn generate(model: &Llama, adapter: Option<&Adapter>, requests: &[Request], decoding: &Decoding, rows: usize) -> Vec<lm::Generation> {
    model.generate(adapter, requests, decoding, rows, &mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn the_fused_decoder_draws_what_the_plain_one_draws() {
    for tied in [true, false] {
        let config = config(tied);
        let (fused, plain) = (model(&config, true), model(&config, false));
        let (a, b) = (adapter(&fused, &TARGETS, 0.0), adapter(&plain, &TARGETS, 0.0));
        for temperature in [0.0, 0.9] {
            let x = generate(&fused, Some(&a), &requests(10), &decoding(temperature), 4);
            let y = generate(&plain, Some(&b), &requests(10), &decoding(temperature), 4);
            for (x, y) in x.iter().zip(&y) {
                assert_eq!((&x.tokens, x.stopped), (&y.tokens, y.stopped));
                close(&x.log_probs, &y.log_probs, F32, "log-probabilities");
                close(&x.entropies, &y.entropies, F32, "entropies");
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_neighbours() {
    let fused = model(&config(true), true);
    let requests = requests(13);
    let together = generate(&fused, None, &requests, &decoding(1.0), 13);
    for rows in [1, 5] {
        for (x, y) in generate(&fused, None, &requests, &decoding(1.0), rows).iter().zip(&together) {
            assert_eq!(x.tokens, y.tokens);
            close(&x.log_probs, &y.log_probs, F32, "log-probabilities");
        }
    }
    assert!(together.iter().any(|g| g.stopped) && together.iter().any(|g| !g.stopped), "the test should see both endings");
}

#[test]
fn prompts_with_a_common_beginning_are_continued_as_they_are_alone() {
    let fused = model(&config(true), true);
    let mut stream = Stream::new(29);
    let common = tokens(&mut stream, 7, 71);
    // The first is what all others begin with; the last three have more in common.
    let mut prompts: Vec<_> = [0, 1, 4, 9].map(|own| [common.clone(), tokens(&mut stream, own, 71)].concat()).into();
    for own in [2, 5] {
        prompts.push([prompts[3].clone(), tokens(&mut stream, own, 71)].concat());
    }
    let requests: Vec<Request> = prompts.iter().enumerate().map(|(i, p)| Request { prompt: p.clone().into(), seed: i as u64 }).collect();
    let together = generate(&fused, None, &requests, &decoding(1.0), 6);
    for (request, together) in requests.iter().zip(&together) {
        let alone = &generate(&fused, None, std::slice::from_ref(request), &decoding(1.0), 1)[0];
        assert_eq!(alone.tokens, together.tokens);
        close(&alone.log_probs, &together.log_probs, F32, "log-probabilities");
    }
}

#[test]
fn sampled_log_probabilities_are_the_scored_ones() {
    let fused = model(&config(false), true);
    let adapter = adapter(&fused, &TARGETS, 0.0);
    let requests = requests(8);
    let generations = generate(&fused, Some(&adapter), &requests, &decoding(0.8), 8);
    for (request, generation) in requests.iter().zip(&generations) {
        let completions = [generation.tokens.clone()];
        let group = Group { prompt: &request.prompt, completions: &completions };
        let scored = fused.score(Some(&adapter), &[group], 0.8).unwrap();
        close(&generation.log_probs, &scored, F32, "log-probabilities");
    }
}

/// χ² of 20,000 draws of the first token against the model's own probabilities. At 70 degrees of freedom the 99.9 % point is 112.
#[test]
fn draws_follow_the_models_probabilities() {
    let fused = model(&config(true), true);
    let prompt: Arc<[u32]> = vec![3, 1, 4, 1, 5].into();
    let one = Decoding { max_tokens: 1, temperature: 0.7, top_p: 1.0, top_k: 0, stop: vec![] };
    let n = 20_000;
    let requests: Vec<Request> = (0..n).map(|seed| Request { prompt: prompt.clone(), seed }).collect();
    let completions: Vec<Vec<u32>> = (0..71).map(|t| vec![t]).collect();
    let scores = fused.score(None, &[Group { prompt: &prompt, completions: &completions }], 0.7).unwrap();
    let full: Vec<f64> = scores.iter().map(|l| f64::from(*l).exp()).collect();
    assert!((full.iter().sum::<f64>() - 1.0).abs() < 1e-5);
    let mut order: Vec<usize> = (0..71).collect();
    order.sort_by(|a, b| full[*b].total_cmp(&full[*a]));
    for (top_k, top_p) in [(0, 1.0), (9, 1.0), (0, 0.5), (20, 0.6)] {
        let decoding = Decoding { top_k, top_p, ..one.clone() };
        let mut counts = [0f64; 71];
        for generation in generate(&fused, None, &requests, &decoding, 512) {
            counts[generation.tokens[0] as usize] += 1.0;
        }
        // The kept set by the definition: the k most probable, then the shortest beginning of them that reaches p of their sum.
        let mut kept: Vec<usize> = order[..if top_k > 0 { top_k } else { 71 }].to_vec();
        let sum: f64 = kept.iter().map(|t| full[*t]).sum();
        let mut mass = 0.0;
        let cut = kept
            .iter()
            .position(|t| {
                mass += full[*t];
                mass >= top_p * sum - 1e-12
            })
            .map_or(kept.len(), |i| i + 1);
        kept.truncate(cut);
        let kept_mass: f64 = kept.iter().map(|t| full[*t]).sum();
        let drawn: f64 = kept.iter().map(|t| counts[*t]).sum();
        assert_eq!(drawn, n as f64, "a token outside top-k {top_k}, top-p {top_p} was drawn");
        let square: f64 = kept
            .iter()
            .map(|t| {
                let e = n as f64 * full[*t] / kept_mass;
                (counts[*t] - e).powi(2) / e
            })
            .sum();
        let freedom = kept.len() as f64 - 1.0;
        assert!(square < freedom + 4.0 * (2.0 * freedom).sqrt() + 4.0, "χ² {square} at {freedom} degrees of freedom");
    }
}

#[test]
fn an_adapter_comes_back_from_its_bytes_and_its_folder_exactly() {
    let fused = model(&config(true), true);
    let first = adapter(&fused, &["k_proj", "down_proj"], 0.0);
    let second = Adapter::from_bytes(&fused, first.config.clone(), &first.to_bytes().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    first.save_peft(folder.path(), "base").unwrap();
    let third = Adapter::load_peft(&fused, folder.path()).unwrap();
    assert_eq!(first.to_bytes().unwrap(), second.to_bytes().unwrap());
    assert_eq!(first.to_bytes().unwrap(), third.to_bytes().unwrap());
    let other = lm::LoraConfig { rank: 5, ..first.config.clone() };
    assert!(Adapter::from_bytes(&fused, other, &first.to_bytes().unwrap()).is_err());
    assert!(Adapter::from_bytes(&fused, first.config.clone(), &[1, 2, 3]).is_err());
}

#[test]
fn bad_tokens_and_long_texts_are_refused() {
    let fused = model(&config(true), true);
    let score = |prompt: &[u32], completion: Vec<u32>| fused.score(None, &[Group { prompt, completions: &[completion] }], 1.0);
    assert!(score(&[71], vec![1]).unwrap_err().to_string().contains("vocabulary"));
    assert!(score(&[1], vec![71]).unwrap_err().to_string().contains("vocabulary"));
    assert!(score(&[], vec![1]).is_err());
    assert!(score(&[1; 90], vec![1; 8]).unwrap_err().to_string().contains("96"));
    assert!(score(&[1; 90], vec![1; 7]).is_ok());
    assert!(score(&[1; 3], vec![]).unwrap().is_empty());
    assert!(fused.score(None, &[], 1.0).unwrap().is_empty());
    let request = Request { prompt: vec![1; 90].into(), seed: 0 };
    let stop = &mut |_: lm::Step<'_>| ControlFlow::Break(());
    assert!(fused.generate(None, std::slice::from_ref(&request), &decoding(1.0), 1, stop).unwrap_err().to_string().contains("context"));
    let short = Request { prompt: vec![1; 3].into(), seed: 0 };
    assert!(matches!(fused.generate(None, &[short], &decoding(1.0), 1, stop), Err(lm::Error::Stopped)));
}
