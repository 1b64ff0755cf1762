//! One pattern for every kernel: forward and backward against the path in candle's operations, which computes on a GPU where there is one; backward
//! against finite differences; and both paths against PyTorch's figures (`scripts/fixtures_lm.py kernels`); odd sizes, one row, no row; weights in f32 and in bf16.
use super::attention::{Heads, Seen, attention, attention_backward, attention_cached};
use super::head::Head;
use super::matmul::Write;
use super::matrix::Matrix;
use super::plain;
use super::projection::{Before, Dropout, Lora, LoraShape, Projection, Segment};
use super::rows::{Rotary, rms_norm, rms_norm_backward, swiglu, swiglu_backward};
use super::turn::{HeadNorms, Side, Turn};
use super::weight::Weight;
use crate::packed::Packed;
use crate::plain::packed_mask;
use crate::{Group, Precision, Rope, Stream};
use candle_core::{DType, Result, Tensor, Var};
use safetensors::SafeTensors;
use std::sync::Arc;

const EPSILON: f32 = 1e-5;
const THETA: f64 = 10_000.0;
/// Of values around 1: sums of up to a hundred f32 products in another order.
const F32: f32 = 2e-5;

type Forward = Box<dyn Fn(&[Vec<f32>]) -> Vec<f32>>;
type Backward = Box<dyn Fn(&[Vec<f32>], &[f32]) -> Vec<Vec<f32>>>;
type Plain = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// A kernel as a function of some inputs.
struct Kernel {
    name: String,
    /// Of each input.
    shapes: Vec<Vec<usize>>,
    forward: Forward,
    /// Gradients with respect to the inputs, from the inputs and the gradient with respect to the output.
    backward: Backward,
    /// The same in candle's operations, on [`crate::best_device`].
    plain: Plain,
}

fn normal(stream: &mut Stream, n: usize) -> Vec<f32> {
    (0..n).map(|_| stream.normal() as f32).collect()
}

/// Rounded to bf16 numbers where `is_half`.
fn weights(stream: &mut Stream, n: usize, is_half: bool) -> Vec<f32> {
    let mut values = normal(stream, n);
    for value in &mut values {
        *value *= 0.3;
        if is_half {
            *value = f32::from_bits(value.to_bits() & 0xffff_0000);
        }
    }
    values
}

/// Off by at most `tolerance` of the largest value that is expected (or of 1, where that is larger).
fn close(got: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}: different lengths");
    let largest = expected.iter().fold(1f32, |largest, value| largest.max(value.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs() / largest;
        assert!(error <= tolerance, "{what}[{i}]: {got} against {expected}, off by {error}");
    }
}

fn dense(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &crate::best_device()).unwrap()
}

/// As a model holds it: in bf16 where all values are such numbers, with exact products.
fn matrix(values: &Tensor) -> Result<Matrix> {
    let half = values.to_dtype(DType::BF16)?;
    let is_half = dense(&half.to_dtype(DType::F32)?) == dense(values);
    Matrix::new(if is_half { &half } else { values }, Precision::F32)
}

impl Kernel {
    /// Everything but PyTorch, at random inputs.
    fn check(&self) {
        let mut stream = Stream::new(5);
        let inputs: Vec<Vec<f32>> = self.shapes.iter().map(|shape| normal(&mut stream, shape.iter().product())).collect();
        let out = (self.forward)(&inputs);
        let d_out = normal(&mut stream, out.len());
        let gradients = (self.backward)(&inputs, &d_out);
        assert_eq!(gradients.iter().map(Vec::len).collect::<Vec<_>>(), inputs.iter().map(Vec::len).collect::<Vec<_>>(), "{}", self.name);
        if out.is_empty() {
            return assert!(gradients.iter().flatten().all(|&g| g == 0.0), "{}: a gradient of nothing", self.name);
        }
        self.check_plain(&inputs, &out, &d_out, &gradients);
        self.check_differences(&inputs, &d_out, &gradients, &mut stream);
    }

    fn check_plain(&self, inputs: &[Vec<f32>], out: &[f32], d_out: &[f32], gradients: &[Vec<f32>]) {
        let vars: Vec<Var> = inputs.iter().zip(&self.shapes).map(|(x, shape)| Var::from_tensor(&tensor(x, shape)).unwrap()).collect();
        let expected = (self.plain)(&vars.iter().map(|var| var.as_tensor().clone()).collect::<Vec<_>>()).unwrap();
        close(out, &dense(&expected), F32, &self.name);
        let loss = (&expected * tensor(d_out, expected.dims())).unwrap().sum_all().unwrap();
        let differentiated = loss.backward().unwrap();
        for (i, (var, gradient)) in vars.iter().zip(gradients).enumerate() {
            // An input without values has no gradient there.
            let expected = differentiated.get(var).map(dense).unwrap_or_default();
            close(gradient, &expected, F32, &format!("{}: gradient {i}", self.name));
        }
    }

    /// Along one random direction for each input. A central difference of step h is off by about ε·|out|/h (the rounding of f32) and by h².
    fn check_differences(&self, inputs: &[Vec<f32>], d_out: &[f32], gradients: &[Vec<f32>], stream: &mut Stream) {
        let h = 4e-3f32;
        for (i, gradient) in gradients.iter().enumerate().filter(|(_, gradient)| !gradient.is_empty()) {
            let direction: Vec<f32> = gradient.iter().map(|_| if stream.uniform() < 0.5 { 1.0 } else { -1.0 }).collect();
            let at = |step: f32| -> f64 {
                let mut moved = inputs.to_vec();
                moved[i].iter_mut().zip(&direction).for_each(|(value, d)| *value += step * d);
                (self.forward)(&moved).iter().zip(d_out).map(|(out, d)| f64::from(*out) * f64::from(*d)).sum()
            };
            let slope = (at(h) - at(-h)) / (2.0 * f64::from(h));
            let expected: f64 = gradient.iter().zip(&direction).map(|(g, d)| f64::from(g * d)).sum();
            let size = gradient.iter().map(|g| f64::from(g * g)).sum::<f64>().sqrt();
            assert!((slope - expected).abs() < 5e-3 * (1.0 + size), "{}: input {i}: slope {slope}, gradient {expected}", self.name);
        }
    }

    /// Against PyTorch's figures under this name.
    fn check_fixture(&self, file: &SafeTensors<'_>) {
        let get = |part: &str| values(file, &format!("{}.{part}", self.name));
        let inputs: Vec<Vec<f32>> = (0..self.shapes.len()).map(|i| get(&format!("in{i}"))).collect();
        let (out, d_out) = (get("out"), get("d_out"));
        let gradients: Vec<Vec<f32>> = (0..self.shapes.len()).map(|i| get(&format!("d_in{i}"))).collect();
        close(&(self.forward)(&inputs), &out, F32, &self.name);
        for (i, (gradient, expected)) in (self.backward)(&inputs, &d_out).iter().zip(&gradients).enumerate() {
            close(gradient, expected, F32, &format!("{}: gradient {i}", self.name));
        }
        self.check_plain(&inputs, &out, &d_out, &gradients);
    }
}

fn values(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    file.tensor(name).unwrap().data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn norm(name: &str, rows: usize, weight: Vec<f32>) -> Kernel {
    let width = weight.len();
    let (w, b) = (weight.clone(), weight.clone());
    Kernel {
        name: name.into(),
        shapes: vec![vec![rows, width]],
        forward: Box::new(move |inputs| {
            let mut out = vec![0.0; inputs[0].len()];
            rms_norm(&mut out, &inputs[0], &w, EPSILON);
            out
        }),
        backward: Box::new(move |inputs, d_out| {
            let mut gradient = d_out.to_vec();
            rms_norm_backward(&mut gradient, &inputs[0], &b, EPSILON);
            vec![gradient]
        }),
        plain: Box::new(move |inputs| plain::rms_norm(&inputs[0], &tensor(&weight, &[width]), f64::from(EPSILON))),
    }
}

fn gated(name: &str, rows: usize, width: usize) -> Kernel {
    Kernel {
        name: name.into(),
        shapes: vec![vec![rows, 2 * width]],
        forward: Box::new(move |inputs| {
            let mut out = vec![0.0; rows * width];
            swiglu(&mut out, &inputs[0], width);
            out
        }),
        backward: Box::new(move |inputs, d_out| {
            let mut gradient = vec![0.0; inputs[0].len()];
            swiglu_backward(&mut gradient, d_out, &inputs[0], width);
            vec![gradient]
        }),
        plain: Box::new(|inputs| plain::swiglu(&inputs[0])),
    }
}

/// Of the first `turned` values of a head.
fn rotary(turned: usize, positions: usize) -> Arc<Rotary> {
    Arc::new(Rotary::new(&Rope::Plain.frequencies(THETA, turned), 1.0, positions))
}

/// Row i at position i; of each, `turned` values are turned.
fn turning(name: &str, rows: usize, width: usize, turned: usize) -> Kernel {
    let rotary = rotary(turned, rows.max(1));
    let (forward, backward) = (rotary.clone(), rotary.clone());
    Kernel {
        name: name.into(),
        shapes: vec![vec![rows, width]],
        forward: Box::new(move |inputs| {
            let mut out = inputs[0].clone();
            out.chunks_exact_mut(width).enumerate().for_each(|(position, head)| forward.turn(head, position));
            out
        }),
        backward: Box::new(move |_, d_out| {
            let mut gradient = d_out.to_vec();
            gradient.chunks_exact_mut(width).enumerate().for_each(|(position, head)| backward.turn_back(head, position));
            vec![gradient]
        }),
        plain: Box::new(move |inputs| {
            let (cosines, sines) = rotary.tables();
            let table = |values: &[f32]| tensor(values, &[1, rows, turned / 2]);
            plain::rotary(&inputs[0].reshape((1, 1, rows, width))?, &table(cosines), &table(sines))
        }),
    }
}

/// One tree for each group: a prompt's length, and the lengths of its completions.
fn packed(groups: &[(usize, &[usize])]) -> Packed {
    let tokens: Vec<(Vec<u32>, Vec<Vec<u32>>)> = groups
        .iter()
        .enumerate()
        // Different first tokens, so that the groups have no beginning in common.
        .map(|(i, (prompt, completions))| (vec![i as u32; *prompt], completions.iter().map(|n| vec![9; *n]).collect()))
        .collect();
    let groups: Vec<Group<'_>> = tokens.iter().map(|(prompt, completions)| Group { prompt, completions }).collect();
    Packed::new(&groups, 100, 10).unwrap()
}

/// With norms of query and key heads where they are given.
fn attending(name: &str, packed: Packed, heads: Heads, norms: Option<[Vec<f32>; 2]>) -> Kernel {
    let rows = packed.tokens.len();
    let positions = packed.positions.iter().max().map_or(1, |last| last + 1);
    let rotary = rotary(heads.width, positions);
    let of_heads = norms.clone().map(|[query, key]| HeadNorms { query: query.into(), key: key.into(), epsilon: EPSILON });
    let shared = Arc::new((packed, Turn::new(rotary.clone(), of_heads)));
    let (forward, backward) = (shared.clone(), shared.clone());
    Kernel {
        name: name.into(),
        shapes: vec![vec![rows, heads.row()]],
        forward: Box::new(move |inputs| {
            let mut out = vec![0.0; rows * heads.out()];
            attention(&mut out, &inputs[0], &forward.0, heads, &forward.1);
            out
        }),
        backward: Box::new(move |inputs, d_out| {
            let mut gradient = vec![0.0; inputs[0].len()];
            attention_backward(&mut gradient, d_out, &inputs[0], &backward.0, heads, &backward.1);
            vec![gradient]
        }),
        plain: Box::new(move |inputs| {
            let (packed, _) = &*shared;
            let (cosines, sines) = rotary.tables();
            let table = |table: &[f32]| {
                let rows: Vec<f32> =
                    packed.positions.iter().flat_map(|p| table[p * heads.width / 2..][..heads.width / 2].to_vec()).collect();
                tensor(&rows, &[1, packed.positions.len(), heads.width / 2])
            };
            let norms = norms.as_ref().map(|norms| {
                let [query, key] = [0, 1].map(|side| tensor(&norms[side], &[heads.width]));
                plain::Norms { query, key, epsilon: f64::from(EPSILON) }
            });
            let turn = plain::Turn { cosines: table(cosines), sines: table(sines), norms };
            plain::attend(&inputs[0], 1, heads, &turn, &packed_mask(packed, inputs[0].device())?)
        }),
    }
}

/// Layers of `outputs` each, of which those named in `adapted` have LoRA.
struct Layers {
    before: Before,
    inputs: usize,
    outputs: Vec<usize>,
    /// [outputs, inputs] of each layer.
    weights: Vec<Vec<f32>>,
    bias: Option<Vec<f32>>,
    adapted: Vec<usize>,
    rank: usize,
    dropout: Option<Dropout>,
}

fn projecting(name: &str, rows: usize, layers: Layers) -> Kernel {
    let Layers { before, inputs: width, outputs, weights, bias, adapted, rank, dropout } = layers;
    let all: usize = outputs.iter().sum();
    let segment = |&layer: &usize| Segment { name: "layer", start: outputs[..layer].iter().sum(), len: outputs[layer] };
    let shape = LoraShape { inputs: width, rank, scale: 2.0, segments: adapted.iter().map(segment).collect() };
    let projection = Projection { before: before.clone(), weight: Weight::new(width, &weights), bias: bias.clone() };
    let shapes = vec![vec![rows, projection.row()], vec![shape.len()]];
    let shared = Arc::new((projection, shape));
    let (forward, backward) = (shared.clone(), shared.clone());
    Kernel {
        name: name.into(),
        shapes,
        forward: Box::new(move |inputs| {
            let mut out = vec![0.0; rows * all];
            let lora = Lora { shape: &forward.1, flat: &inputs[1] };
            forward.0.forward(&mut out, Write::Replace, &inputs[0], Some(lora), dropout, &mut Vec::new());
            out
        }),
        backward: Box::new(move |inputs, d_out| {
            let lora = Lora { shape: &backward.1, flat: &inputs[1] };
            let (d_x, d_flat) = backward.0.backward(d_out, &inputs[0], lora, dropout);
            vec![d_x, d_flat]
        }),
        plain: Box::new(move |inputs| {
            let before = match &before {
                Before::Nothing => plain::Before::Nothing,
                Before::Norm(weight, epsilon) => plain::Before::Norm(tensor(weight, &[width]), f64::from(*epsilon)),
                Before::SwiGlu => plain::Before::SwiGlu,
            };
            let lora = plain::Lora::new(&shared.1, &inputs[1], &plain::places(&shared.1, all, &inputs[0])?)?;
            let weight = matrix(&tensor(&weights.concat(), &[all, width]).t()?.contiguous()?)?;
            let bias = bias.as_ref().map(|bias| tensor(bias, &[all]));
            plain::project(&inputs[0], &Arc::new(plain::Linear { before, weight, bias }), lora.as_ref(), dropout)
        }),
    }
}

fn scoring(name: &str, norm: Vec<f32>, weight: Vec<f32>, tokens: Vec<u32>, temperature: f32) -> Kernel {
    let width = norm.len();
    let vocabulary = weight.len() / width;
    let head = Head { norm: norm.clone().into(), epsilon: EPSILON, weight: Weight::new(width, std::slice::from_ref(&weight)) };
    let shared = Arc::new((head, tokens));
    let (forward, backward) = (shared.clone(), shared.clone());
    Kernel {
        name: name.into(),
        shapes: vec![vec![shared.1.len(), width]],
        forward: Box::new(move |inputs| forward.0.scores(&inputs[0], &forward.1, temperature, false).log_probs),
        backward: Box::new(move |inputs, d_out| {
            let (head, tokens) = &*backward;
            let scores = head.scores(&inputs[0], tokens, temperature, true);
            vec![head.backward(d_out, &scores.gradients, &inputs[0])]
        }),
        plain: Box::new(move |inputs| {
            let normed = plain::rms_norm(&inputs[0], &tensor(&norm, &[width]), f64::from(EPSILON))?;
            let tokens = Tensor::new(&shared.1[..], normed.device())?;
            plain::log_probs(&normed, &matrix(&tensor(&weight, &[vocabulary, width]))?, &tokens, f64::from(temperature))
        }),
    }
}

/// No row, one, an odd number, as many as one task takes and one more.
const ROWS: [usize; 5] = [0, 1, 7, 8, 9];

#[test]
fn norms() {
    for (rows, width) in ROWS.into_iter().flat_map(|rows| [1, 27, 64].map(|width| (rows, width))) {
        let weight = normal(&mut Stream::new(1), width);
        norm(&format!("norm of {rows} × {width}"), rows, weight).check();
    }
}

#[test]
fn gates() {
    for (rows, width) in ROWS.into_iter().flat_map(|rows| [1, 45, 64].map(|width| (rows, width))) {
        gated(&format!("SwiGLU of {rows} × {width}"), rows, width).check();
    }
}

#[test]
fn rotations() {
    for (rows, width) in ROWS.into_iter().flat_map(|rows| [2, 10, 64].map(|width| (rows, width))) {
        turning(&format!("rotary embedding of {rows} × {width}"), rows, width, width).check();
        turning(&format!("rotary embedding of a part of {rows} × {width}"), rows, width + 3, width).check();
    }
}

/// Products on a GPU take nothing else, and one on the processor does not say so.
#[test]
fn heads_that_are_turned_in_part_are_contiguous() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, candle_core::DType::F32, &crate::best_device()).unwrap();
    let (x, table) = (zeros(&[1, 2, 5, 10]), zeros(&[1, 5, 3]));
    assert!(plain::rotary(&x, &table, &table).unwrap().is_contiguous());
}

/// Three query heads for each of two key/value heads, of odd halves.
const HEADS: Heads = Heads { query: 6, key_value: 2, width: 10 };

#[test]
fn attentions() {
    let batches: [&[(usize, &[usize])]; 5] =
        [&[], &[(1, &[])], &[(7, &[])], &[(5, &[7, 1, 4]), (9, &[3, 3])], &[(1, &[2]), (33, &[17, 16, 0, 5])]];
    for (i, groups) in batches.into_iter().enumerate() {
        for heads in [HEADS, Heads { query: 1, key_value: 1, width: 2 }] {
            attending(&format!("attention {i} with {} heads", heads.query), packed(groups), heads, None).check();
            let norms = [7, 8].map(|seed| normal(&mut Stream::new(seed), heads.width));
            attending(&format!("attention {i} with {} heads that are normed", heads.query), packed(groups), heads, Some(norms)).check();
        }
    }
}

/// One new row over a cache in two parts is the last row of the whole text.
#[test]
fn attention_over_a_cache() {
    // Of the second, columns are summed in a block and one by one.
    for heads in [HEADS, Heads { query: 2, key_value: 1, width: 40 }] {
        cached_is_whole(heads);
    }
}

fn cached_is_whole(heads: Heads) {
    let text = packed(&[(12, &[])]);
    let norms = [7, 8].map(|seed| normal(&mut Stream::new(seed), heads.width));
    let [query, key] = norms.map(Into::into);
    let turn = Turn::new(rotary(heads.width, 12), Some(HeadNorms { query, key, epsilon: EPSILON }));
    let qkv = normal(&mut Stream::new(2), 12 * heads.row());
    let mut whole = vec![0.0; 12 * heads.out()];
    attention(&mut whole, &qkv, &text, heads, &turn);
    let turned = |row: usize, columns: std::ops::Range<usize>, side: Side| -> Vec<f32> {
        let mut out = vec![0.0; columns.len()];
        let x = &qkv[row * heads.row()..][columns];
        out.chunks_exact_mut(heads.width).zip(x.chunks_exact(heads.width)).for_each(|(out, x)| turn.forward(out, x, row, side));
        out
    };
    let keys: Vec<f32> = (0..12).flat_map(|row| turned(row, heads.out()..heads.out() + heads.cached(), Side::Key)).collect();
    let values: Vec<f32> =
        (0..12).flat_map(|row| qkv[row * heads.row() + heads.out() + heads.cached()..][..heads.cached()].to_vec()).collect();
    for first in [0, 5, 11] {
        let [keys, values] = [&keys, &values].map(|part| part.split_at(first * heads.cached())).map(|(a, b)| [a, b]);
        let mut out = vec![0.0; heads.out()];
        attention_cached(&mut out, &turned(11, 0..heads.out(), Side::Query), heads.out(), &[Seen { keys, values }], heads);
        close(&out, &whole[11 * heads.out()..], F32, "the last row");
    }
}

/// Rows of both products: few, where the panel kernel computes, and many, where the general one does.
#[test]
fn projections() {
    for (rows, is_half) in [0, 1, 7, 64, 65].into_iter().flat_map(|rows| [false, true].map(|is_half| (rows, is_half))) {
        for (place, adapted) in [vec![], vec![1], vec![0, 2]].into_iter().enumerate() {
            let mut stream = Stream::new(3);
            let (inputs, outputs) = (27, vec![20, 9, 33]);
            let weights: Vec<Vec<f32>> = outputs.iter().map(|n| weights(&mut stream, n * inputs, is_half)).collect();
            let before = [Before::Nothing, Before::Norm(normal(&mut stream, inputs).into(), EPSILON), Before::SwiGlu][place].clone();
            for dropout in [None, Some(Dropout { rate: 0.3, seed: 4 })] {
                let (weights, adapted, outputs) = (weights.clone(), adapted.clone(), outputs.clone());
                let bias = (place == 1).then(|| normal(&mut Stream::new(8), outputs.iter().sum()));
                let layers = Layers { before: before.clone(), inputs, outputs, weights, bias, adapted, rank: 3, dropout };
                let name = format!("projection of {rows} rows, bf16 {is_half}, {place}, dropout {}", layers.dropout.is_some());
                projecting(&name, rows, layers).check();
            }
        }
    }
}

/// The larger vocabulary takes two chunks.
#[test]
fn heads() {
    for (rows, is_half) in [0, 1, 7, 65].into_iter().flat_map(|rows| [false, true].map(|is_half| (rows, is_half))) {
        for (width, vocabulary) in [(27, 71), (9, 4100)] {
            let mut stream = Stream::new(6);
            let (norm, weight) = (normal(&mut stream, width), weights(&mut stream, vocabulary * width, is_half));
            let tokens = (0..rows).map(|_| stream.below(vocabulary as u64) as u32).collect();
            scoring(&format!("head of {rows} rows, {vocabulary} tokens, bf16 {is_half}"), norm, weight, tokens, 0.7).check();
        }
    }
}

#[test]
fn pytorch_computes_the_same() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kernels.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    norm("norm", 5, values(&file, "norm.weight")).check_fixture(&file);
    gated("swiglu", 5, 11).check_fixture(&file);
    turning("rotary", 9, 10, 10).check_fixture(&file);
    attending("attention", packed(&[(4, &[4, 3]), (6, &[2])]), HEADS, None).check_fixture(&file);
    for name in ["projection-f32", "projection-bf16"] {
        let weight = |part: &str| values(&file, &format!("{name}.{part}"));
        let layers = Layers {
            before: Before::Norm(weight("norm").into(), EPSILON),
            inputs: 27,
            outputs: vec![20, 9],
            weights: vec![weight("weight0"), weight("weight1")],
            bias: None,
            adapted: vec![0, 1],
            rank: 3,
            dropout: None,
        };
        projecting(name, 7, layers).check_fixture(&file);
    }
    for name in ["head-f32", "head-bf16"] {
        let weight = |part: &str| values(&file, &format!("{name}.{part}"));
        let tokens = weight("tokens").iter().map(|&token| token as u32).collect();
        scoring(name, weight("norm"), weight("weight"), tokens, 0.7).check_fixture(&file);
    }
}
