//! What an iteration asks of the model whose folder ALIGNPRO_TEST_MODEL names, on the GPU where there is one: sampling, scoring, a training step, all of
//! them.
//!
//! Throughput is floating-point operations (products and sums, of the frozen weights only); `scripts/bench.py` makes the table.
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use lm::{
    AdamW, AdamWConfig, Adapter, Decoding, Device, Error, Gradients, Group, Llama, LlamaConfig, LoraConfig, ModelFolder, Request, Result,
    Stream, Tensor, best_device,
};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

const PROMPTS: usize = 4;
const PROMPT_TOKENS: usize = 75;
const GROUP: usize = 4;
const ROWS: usize = PROMPTS * GROUP;
const REWRITE_TOKENS: usize = 32;
const ANSWER_TOKENS: usize = 48;

struct Case {
    model: Llama,
    adapter: Adapter,
    prompts: Vec<Vec<u32>>,
    rewrites: Vec<Vec<Vec<u32>>>,
}

impl Case {
    fn new(folder: &ModelFolder, device: &Device) -> Result<Self> {
        let model = Llama::load(folder, device, lm::Precision::F32)?;
        let targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"].map(String::from).to_vec();
        let adapter = Adapter::new(&model, LoraConfig { rank: 16, alpha: 32.0, dropout: 0.0, targets }, 0)?;
        let mut stream = Stream::new(1);
        let vocabulary = model.config.vocab_size as u64;
        let mut tokens = |n: usize| -> Vec<u32> { (0..n).map(|_| stream.below(vocabulary) as u32).collect() };
        let prompts: Vec<Vec<u32>> = (0..PROMPTS).map(|_| tokens(PROMPT_TOKENS)).collect();
        let rewrites = (0..PROMPTS).map(|_| (0..GROUP).map(|_| tokens(REWRITE_TOKENS)).collect()).collect();
        Ok(Self { model, adapter, prompts, rewrites })
    }

    fn groups(&self) -> Vec<Group<'_>> {
        self.prompts.iter().zip(&self.rewrites).map(|(prompt, completions)| Group { prompt, completions }).collect()
    }

    /// Continues each prompt in as many rows as another; no stop token ends a text before `tokens`.
    fn sample(&self, adapter: Option<&Adapter>, rows: usize, tokens: usize) -> Result<()> {
        let request = |row: usize| Request { prompt: self.prompts[row % PROMPTS].clone().into(), seed: row as u64 };
        let requests: Vec<Request> = (0..rows).map(request).collect();
        let decoding = Decoding { max_tokens: tokens, temperature: 1.0, top_p: 1.0, top_k: 0, stop: vec![] };
        self.model.generate(adapter, &requests, &decoding, rows, &mut |_| ControlFlow::Continue(())).map(drop)
    }

    fn reference(&self) -> Result<()> {
        self.model.score(None, &self.groups(), 1.0).map(drop)
    }

    fn train(&self, model: &Llama, optimiser: &mut AdamW) -> Result<()> {
        let vars = self.adapter.vars();
        let log_probs = model.log_probs(Some(&self.adapter), &self.groups(), 1.0, None)?;
        let mut gradients = Gradients::new(&vars);
        gradients.add(&vars, &log_probs.sum_all()?.backward()?)?;
        gradients.clip(1.0)?;
        // So small that texts stay as they are: every repetition is the same work.
        optimiser.step(&gradients, 1e-9)
    }
}

/// Products and sums for rows that pass the blocks, and for rows of which logits are computed.
fn flop(config: &LlamaConfig, rows: usize, predictions: usize) -> u64 {
    let (width, heads) = (config.hidden_size, config.num_attention_heads + 2 * config.num_key_value_heads);
    let attention = width * heads * config.head_dim + config.num_attention_heads * config.head_dim * width;
    let block = attention + 3 * width * config.intermediate_size;
    2 * (rows * block * config.num_hidden_layers + predictions * width * config.vocab_size) as u64
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, flop: u64, mut work: impl FnMut() -> Result<()>) {
    group.throughput(Throughput::Elements(flop)).bench_function(name, |bencher| {
        bencher.iter(|| {
            if let Err(error) = work() {
                panic!("{name}: {error}");
            }
        });
    });
}

/// What no product on a GPU can pass; the kernels' benchmark has the CPU's.
fn peak(criterion: &mut Criterion, device: &Device) -> Result<()> {
    let mut group = criterion.benchmark_group("peak of the GPU");
    let n = 8192usize;
    let values: Vec<f32> = (0..n * n).map(|i| (i % 1021) as f32 / 1021.0 - 0.5).collect();
    let matrix = Tensor::from_vec(values, (n, n), device)?;
    measure(&mut group, "product of 8192 × 8192 × 8192", 2 * (n * n * n) as u64, || {
        matrix.matmul(&matrix)?;
        Ok(device.synchronize()?)
    });
    Ok(())
}

fn model(criterion: &mut Criterion) {
    if let Err(error) = measure_all(criterion) {
        panic!("{error}");
    }
}

fn measure_all(criterion: &mut Criterion) -> Result<()> {
    lm::memory::keep_freed();
    let folder = std::env::var_os("ALIGNPRO_TEST_MODEL").map(PathBuf::from);
    let folder = folder.ok_or_else(|| Error::Model("ALIGNPRO_TEST_MODEL must name the folder of a model".into()))?;
    let folder = ModelFolder::open(&folder)?;
    let device = best_device();
    if !device.is_cpu() {
        peak(criterion, &device)?;
    }
    let case = Case::new(&folder, &device)?;
    let mut optimiser = AdamW::new(case.adapter.vars(), AdamWConfig::default())?;
    let mut group = criterion.benchmark_group("model");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(10));
    let flop = |rows, predictions| flop(&case.model.config, rows, predictions);
    // The first token is drawn from the prompt's last row, which its rows share; the last is drawn and not read.
    let sampling = |rows: usize, tokens: usize| {
        let steps = rows * (tokens - 1);
        flop(PROMPTS * PROMPT_TOKENS + steps, PROMPTS + steps)
    };
    let packed = PROMPTS * PROMPT_TOKENS + ROWS * (REWRITE_TOKENS - 1);
    let scoring = flop(packed, ROWS * REWRITE_TOKENS);
    let adapter = Some(&case.adapter);
    group.bench_function("load", |bencher| bencher.iter(|| Llama::load(&folder, &device, lm::Precision::F32).map(drop)));
    measure(&mut group, "sample 16 × 32 with the adapter", sampling(ROWS, REWRITE_TOKENS), || case.sample(adapter, ROWS, REWRITE_TOKENS));
    measure(&mut group, "sample 16 × 48", sampling(ROWS, ANSWER_TOKENS), || case.sample(None, ROWS, ANSWER_TOKENS));
    measure(&mut group, "sample 64 × 48", sampling(4 * ROWS, ANSWER_TOKENS), || case.sample(None, 4 * ROWS, ANSWER_TOKENS));
    measure(&mut group, "read 4 prompts of 75", sampling(PROMPTS, 1), || case.sample(None, PROMPTS, 1));
    measure(&mut group, "reference log-probabilities 16 × 32", scoring, || case.reference());
    // The frozen weights have no gradients: backward is one product a weight, as forward is.
    measure(&mut group, "training step 16 × 32", 2 * scoring, || case.train(&case.model, &mut optimiser));
    let again = case.model.clone().with_checkpointing(true);
    measure(&mut group, "training step 16 × 32 with checkpointing", 2 * scoring + flop(packed, 0), || case.train(&again, &mut optimiser));
    let all = sampling(ROWS, REWRITE_TOKENS) + sampling(ROWS, ANSWER_TOKENS) + 3 * scoring;
    measure(&mut group, "whole iteration of 16 episodes", all, || {
        case.sample(adapter, ROWS, REWRITE_TOKENS)?;
        case.sample(None, ROWS, ANSWER_TOKENS)?;
        case.reference()?;
        case.train(&case.model, &mut optimiser)
    });
    Ok(())
}

criterion_group!(benches, model);
criterion_main!(benches);
