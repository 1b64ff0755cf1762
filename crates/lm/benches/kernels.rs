//! The kernels at the sizes that an iteration on SmolLM2-135M gives them, beside what the machine can do at most.
//!
//! Throughput is floating-point operations (products and sums) or bytes, as the name of the group says; `scripts/bench.py` makes the table.
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use lm::kernels::attention::{Heads, Seen, attention, attention_backward, attention_cached};
use lm::kernels::head::Head;
use lm::kernels::matmul::{Mat, Write, matmul};
use lm::kernels::projection::{Before, Lora, LoraShape, Projection, Segment};
use lm::kernels::rows::{Rotary, rms_norm, rms_norm_backward, swiglu, swiglu_backward};
use lm::kernels::turn::Turn;
use lm::kernels::weight::Weight;
use lm::packed::Packed;
use lm::sampler::draw;
use lm::{Decoding, Group, Rope, Stream};
use rayon::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const WIDTH: usize = 576;
const INNER: usize = 1536;
const HEADS: Heads = Heads { query: 9, key_value: 3, width: 64 };
const VOCABULARY: usize = 49_152;
const EPSILON: f32 = 1e-5;
/// Rows of a decoding step, and of a training pass.
const FEW: usize = 16;
const MANY: usize = 500;

fn values(n: usize) -> Vec<f32> {
    let mut stream = Stream::new(n as u64);
    (0..n).map(|_| stream.uniform() as f32 - 0.5).collect()
}

/// bf16 numbers, as published models have them.
fn halves(n: usize) -> Vec<f32> {
    values(n).iter().map(|value| f32::from_bits(value.to_bits() & 0xffff_0000)).collect()
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(20);
    group
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, work: Throughput, mut kernel: impl FnMut()) {
    group.throughput(work).bench_function(name, |bencher| bencher.iter(&mut kernel));
}

fn flop(multiply_adds: usize) -> Throughput {
    Throughput::Elements(2 * multiply_adds as u64)
}

fn bytes(f32s: usize) -> Throughput {
    Throughput::Bytes(4 * f32s as u64)
}

/// What no kernel can pass: a large product in f32, and reading memory that no cache holds.
fn peaks(criterion: &mut Criterion) {
    lm::memory::keep_freed();
    let mut group = group(criterion, "peak");
    let n = 1536;
    let (a, b, mut out) = (values(n * n), values(n * n), vec![0.0; n * n]);
    measure(&mut group, "product of 1536 × 1536 × 1536", flop(n * n * n), || {
        matmul(&mut out, n, Write::Replace, 1.0, Mat::new(&a, n, n), Mat::new(&b, n, n), 0);
    });
    let large = values(64 << 20);
    measure(&mut group, "reading 256 MiB", bytes(large.len()), || {
        let sum: f32 =
            large.par_chunks(1 << 20).map(|chunk| chunk.as_chunks::<64>().0.iter().fold([0.0; 64], add).iter().sum::<f32>()).sum();
        std::hint::black_box(sum);
    });
}

fn add(mut sums: [f32; 64], values: &[f32; 64]) -> [f32; 64] {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    sums
}

fn rows(criterion: &mut Criterion) {
    let mut group = group(criterion, "rows, bytes");
    let (x, weight, gate_up) = (values(MANY * WIDTH), values(WIDTH), values(MANY * 2 * INNER));
    let (mut out, mut inner, mut wide) = (vec![0.0; x.len()], values(MANY * INNER), vec![0.0; gate_up.len()]);
    measure(&mut group, "RMS norm of 500 rows", bytes(2 * x.len()), || rms_norm(&mut out, &x, &weight, EPSILON));
    measure(&mut group, "RMS norm of 500 rows, backward", bytes(3 * x.len()), || rms_norm_backward(&mut out, &x, &weight, EPSILON));
    measure(&mut group, "SwiGLU of 500 rows", bytes(3 * inner.len()), || swiglu(&mut inner, &gate_up, INNER));
    measure(&mut group, "SwiGLU of 500 rows, backward", bytes(5 * inner.len()), || swiglu_backward(&mut wide, &inner, &gate_up, INNER));
    let rotary = rotary(MANY);
    measure(&mut group, "rotary embedding of 500 rows", bytes(2 * x.len()), || {
        for (position, row) in out.chunks_exact_mut(WIDTH).enumerate() {
            row.chunks_exact_mut(HEADS.width).for_each(|head| rotary.turn(head, position));
        }
    });
}

fn rotary(positions: usize) -> Rotary {
    Rotary::new(&Rope::Plain.frequencies(10_000.0, HEADS.width), 1.0, positions)
}

/// One row's draw, on one thread.
fn draws(criterion: &mut Criterion) {
    let mut group = group(criterion, "rows, bytes");
    let logits: Vec<f32> = values(VOCABULARY).iter().map(|value| 20.0 * value).collect();
    let mut stream = Stream::new(1);
    for (name, top_p) in [("drawing one of 49,152 tokens", 1.0), ("the same of those that reach top-p 0.9", 0.9)] {
        let decoding = Decoding { max_tokens: 1, temperature: 0.7, top_p, top_k: 0, stop: vec![] };
        measure(&mut group, name, bytes(VOCABULARY), || {
            std::hint::black_box(draw(&logits, &decoding, &mut stream));
        });
    }
}

fn attentions(criterion: &mut Criterion) {
    let mut group = group(criterion, "attention");
    let prompts: Vec<Vec<u32>> = (0..4).map(|i| vec![i; 75]).collect();
    let completions = vec![vec![5; 32]; 4];
    let groups: Vec<Group<'_>> = prompts.iter().map(|prompt| Group { prompt, completions: &completions }).collect();
    // Below the limits that are given here: it cannot fail.
    let Ok(packed) = Packed::new(&groups, 1000, VOCABULARY) else { return };
    let turn = Turn::new(Arc::new(rotary(200)), None);
    let qkv = values(packed.tokens.len() * HEADS.row());
    let (mut out, mut d_qkv) = (values(packed.tokens.len() * HEADS.out()), vec![0.0; qkv.len()]);
    // Scores and their sums over values, of all that each piece's rows could see.
    let pairs: usize = packed.pieces.iter().map(|piece| piece.rows.len() * (piece.seen() + piece.rows.len())).sum();
    let once = pairs * HEADS.out();
    measure(&mut group, "4 prompts × 4 texts of a training pass", flop(2 * once), || attention(&mut out, &qkv, &packed, HEADS, &turn));
    measure(&mut group, "the same, backward", flop(5 * once), || attention_backward(&mut d_qkv, &out, &qkv, &packed, HEADS, &turn));
    let (cache, queries, mut out) = (values(100 * HEADS.cached()), values(FEW * HEADS.row()), vec![0.0; FEW * HEADS.out()]);
    let parts = [&cache[..50 * HEADS.cached()], &cache[50 * HEADS.cached()..]];
    let seen: Vec<Seen<'_>> = (0..FEW).map(|_| Seen { keys: parts, values: parts }).collect();
    measure(&mut group, "16 rows over a cache of 100 positions", flop(2 * FEW * 100 * HEADS.out()), || {
        attention_cached(&mut out, &queries, HEADS.row(), &seen, HEADS);
    });
}

/// Norm, gate and up with LoRA, then SwiGLU and down: the larger half of a block.
fn projections(criterion: &mut Criterion) {
    let mut group = group(criterion, "projection");
    let projection =
        |before, inputs: usize, outputs: usize| Projection { before, weight: Weight::new(inputs, &[halves(inputs * outputs)]), bias: None };
    let gate_up = projection(Before::Norm(values(WIDTH).into(), EPSILON), WIDTH, 2 * INNER);
    let down = projection(Before::SwiGlu, INNER, WIDTH);
    for (name, projection) in [("norm, gate and up", gate_up), ("SwiGLU and down", down)] {
        let (inputs, outputs, rank) = (projection.inputs(), projection.outputs(), 16);
        let segments = vec![Segment { name: "all", start: 0, len: outputs }];
        let shape = LoraShape { inputs, rank, scale: 2.0, segments };
        let flat = values(shape.len());
        let lora = Lora { shape: &shape, flat: &flat };
        let (frozen, adapter) = (inputs * outputs, rank * (inputs + outputs));
        let mut buffer = Vec::new();
        for (rows, kind) in [(FEW, "16 rows"), (MANY, "500 rows")] {
            let (x, mut out) = (values(rows * projection.row()), vec![0.0; rows * outputs]);
            measure(&mut group, &format!("{name}, {kind}"), flop(rows * (frozen + adapter)), || {
                projection.forward(&mut out, Write::Replace, &x, Some(lora), None, &mut buffer);
            });
        }
        let (x, d_out) = (values(MANY * projection.row()), values(MANY * outputs));
        // The frozen weight has no gradient; LoRA computes its hidden rows again.
        measure(&mut group, &format!("{name}, 500 rows, backward"), flop(MANY * (frozen + 3 * adapter)), || {
            std::hint::black_box(projection.backward(&d_out, &x, lora, None));
        });
    }
}

fn heads(criterion: &mut Criterion) {
    let mut group = group(criterion, "head");
    let head = Head { norm: values(WIDTH).into(), epsilon: EPSILON, weight: Weight::new(WIDTH, &[halves(WIDTH * VOCABULARY)]) };
    let (x, mut logits, mut buffer) = (values(MANY * WIDTH), vec![0.0; FEW * VOCABULARY], Vec::new());
    let tokens: Vec<u32> = (0..MANY as u32).collect();
    measure(&mut group, "logits of 16 rows", flop(FEW * WIDTH * VOCABULARY), || head.logits(&mut logits, &x[..FEW * WIDTH], &mut buffer));
    measure(&mut group, "log-probabilities of 500 rows", flop(MANY * WIDTH * VOCABULARY), || {
        std::hint::black_box(head.scores(&x, &tokens, 1.0, false));
    });
    measure(&mut group, "the same with gradients", flop(2 * MANY * WIDTH * VOCABULARY), || {
        std::hint::black_box(head.scores(&x, &tokens, 1.0, true));
    });
}

criterion_group!(benches, peaks, rows, draws, attentions, projections, heads);
criterion_main!(benches);
