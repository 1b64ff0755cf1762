//! Seconds of each part of a training iteration. Usage: speed MODEL_FOLDER [REPEATS]
#![allow(clippy::print_stdout)]
use lm::{Adapter, Decoding, Device, Group, Llama, LoraConfig, ModelFolder, Request, Result, Stream};
use std::ops::ControlFlow;
use std::time::Instant;

fn timed<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work()?;
    println!("{name:<44} {:>8.3} s", start.elapsed().as_secs_f64());
    Ok(result)
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or_else(|| lm::Error::Model("usage: speed MODEL_FOLDER [REPEATS]".into()))?;
    let repeats: usize = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(2);
    let folder = ModelFolder::open(folder.as_ref())?;
    let model = timed("load", || Llama::load(&folder, &Device::Cpu))?;
    let targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"].map(String::from).to_vec();
    let adapter = Adapter::new(&model, LoraConfig { rank: 16, alpha: 32.0, dropout: 0.0, targets }, 0)?;
    let mut stream = Stream::new(1);
    let mut tokens = |n: usize| -> Vec<u32> { (0..n).map(|_| stream.below(40_000) as u32 + 100).collect() };
    let prompts: Vec<Vec<u32>> = (0..4).map(|_| tokens(75)).collect();
    let completions: Vec<Vec<Vec<u32>>> = (0..4).map(|_| (0..4).map(|_| tokens(32)).collect()).collect();
    let groups: Vec<Group<'_>> = prompts.iter().zip(&completions).map(|(prompt, completions)| Group { prompt, completions }).collect();
    let go_on = &mut |_: lm::Step<'_>| ControlFlow::Continue(());
    for _ in 0..repeats {
        let rows =
            |n: usize| -> Vec<Request> { (0..n).map(|i| Request { prompt: prompts[i % 4].clone().into(), seed: i as u64 }).collect() };
        let decoding = |max_tokens| Decoding { max_tokens, temperature: 1.0, top_p: 1.0, top_k: 0, stop: vec![] };
        timed("sample 16 × 32 with the adapter", || model.generate(Some(&adapter), &rows(16), &decoding(32), 16, go_on))?;
        timed("sample 16 × 48", || model.generate(None, &rows(16), &decoding(48), 16, go_on))?;
        timed("sample 64 × 48", || model.generate(None, &rows(64), &decoding(48), 64, go_on))?;
        timed("prefill 4 × 75", || model.generate(None, &rows(4), &decoding(1), 4, go_on))?;
        timed("reference log-probabilities 16 × 32", || model.score(None, &groups, 1.0))?;
        let log_probs = timed("forward 16 × 32", || model.log_probs(Some(&adapter), &groups, 1.0, None))?;
        timed("backward 16 × 32", || Ok(log_probs.sum_all()?.backward()?))?;
    }
    Ok(())
}
