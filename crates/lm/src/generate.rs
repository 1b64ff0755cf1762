//! Batched sampling with a key/value cache.
use crate::fused::{Buffers, Snapshot};
use crate::kernels::attention::{Heads, Seen, attention, attention_cached};
use crate::kernels::turn::{Side, Turn};
use crate::llama::Backend;
use crate::packed::Packed;
use crate::sampler::draw;
use crate::{Adapter, Decoding, Drawn, Error, Llama, Result, Stream, fused, plain};
use candle_core::Tensor;
use rayon::prelude::*;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Weak};

/// One text to continue.
#[derive(Debug, Clone)]
pub struct Request {
    /// Requests with equal prompts share the prompt's computation.
    pub prompt: Arc<[u32]>,
    /// Seed of this row's own [`crate::Stream`].
    pub seed: u64,
}

/// A continuation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Generation {
    /// Drawn tokens; the last one is a stop token if `stopped`.
    pub tokens: Vec<u32>,
    /// Log-probability of each token ([`crate::Drawn::log_prob`]).
    pub log_probs: Vec<f32>,
    /// Entropy of the distribution that each token was drawn from, in nats.
    pub entropies: Vec<f32>,
    /// Whether a stop token ended it; otherwise it was cut at `max_tokens`.
    pub stopped: bool,
}

/// How far [`Llama::generate`] is, after one of its steps.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Requests that are done.
    pub done: usize,
    /// Those in the batch that go on: number of the request, tokens so far.
    pub rows: &'a [(usize, &'a [u32])],
}

impl Generation {
    fn push(&mut self, drawn: Drawn, decoding: &Decoding) {
        self.tokens.push(drawn.token);
        self.log_probs.push(drawn.log_prob);
        self.entropies.push(drawn.entropy);
        self.stopped = decoding.stop.contains(&drawn.token);
    }
    /// The tokens of the text: all, but not the stop token if it is one of `silent`, whether or not the tokenizer calls that one special.
    pub fn shown(&self, silent: &[u32]) -> &[u32] {
        match self.tokens.split_last() {
            Some((last, text)) if self.stopped && silent.contains(last) => text,
            _ => &self.tokens,
        }
    }
    fn ended(&self, decoding: &Decoding) -> bool {
        self.stopped || self.tokens.len() >= decoding.max_tokens
    }
}

impl Llama {
    /// Continues every request. At most `max_rows` rows are in the batch at a time; a row leaves when it ends and the next
    /// enters. The result depends on the requests, their order and `max_rows` only. `on_step` hears of every decoding step,
    /// and can break the loop ([`crate::Error::Stopped`]).
    pub fn generate(
        &self,
        adapter: Option<&Adapter>,
        requests: &[Request],
        decoding: &Decoding,
        max_rows: usize,
        on_step: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<Generation>> {
        let context = self.config.context();
        for request in requests {
            if request.prompt.len() + decoding.max_tokens > context + 1 {
                return Err(Error::TooLong(format!(
                    "a prompt of {} tokens with {} to come does not fit into the model's context of {context} tokens",
                    request.prompt.len(),
                    decoding.max_tokens
                )));
            }
        }
        if decoding.max_tokens == 0 || requests.is_empty() {
            return Ok(vec![Generation::default(); requests.len()]);
        }
        let max_rows = max_rows.clamp(1, requests.len());
        match &self.backend {
            Backend::Fused(model) => {
                let snapshot = adapter.map(Snapshot::new).transpose()?;
                let mut decoder = Decoder::new(self, model, snapshot.as_ref(), decoding, max_rows);
                decoder.run(requests, on_step)
            }
            Backend::Plain(model) => {
                let mut generations = Vec::with_capacity(requests.len());
                let factors = model.factors(adapter)?;
                for chunk in requests.chunks(max_rows) {
                    let done = generations.len();
                    generations.extend(generate_padded(model, factors.as_ref(), chunk, decoding, done, on_step)?);
                }
                Ok(generations)
            }
        }
    }
}

/// A prompt's keys and values in every block, shared by the rows that continue it.
struct Prefix {
    len: usize,
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
    /// Of the prompt's last token: what the first token of every row is drawn from.
    logits: Vec<f32>,
}

/// A text that is being continued.
struct Row {
    request: usize,
    /// Where its own keys and values are kept.
    slot: usize,
    prefix: Arc<Prefix>,
    stream: Stream,
    generation: Generation,
}

/// The fused decoder: one forward pass a step over the rows that are alive, without padding.
struct Decoder<'a> {
    llama: &'a Llama,
    model: &'a fused::Model,
    adapter: Option<&'a Snapshot>,
    decoding: &'a Decoding,
    max_rows: usize,
    /// Of each block: [slots, max_tokens, key/value heads × width].
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
    free: Vec<usize>,
    prefixes: HashMap<Arc<[u32]>, Weak<Prefix>>,
    buffers: Buffers,
    queries: Vec<f32>,
    normed: Vec<f32>,
    logits: Vec<f32>,
}

impl<'a> Decoder<'a> {
    fn new(llama: &'a Llama, model: &'a fused::Model, adapter: Option<&'a Snapshot>, decoding: &'a Decoding, max_rows: usize) -> Self {
        // Each made anew: zeroed pages cost no memory until a row writes to them, clones of them do.
        let cache = || (0..model.layers.len()).map(|_| vec![0.0; max_rows * decoding.max_tokens * model.heads.cached()]).collect();
        Self {
            llama,
            model,
            adapter,
            decoding,
            max_rows,
            keys: cache(),
            values: cache(),
            free: (0..max_rows).rev().collect(),
            prefixes: HashMap::new(),
            buffers: Buffers::default(),
            queries: Vec::new(),
            normed: Vec::new(),
            logits: Vec::new(),
        }
    }

    fn run(&mut self, requests: &[Request], on_step: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>) -> Result<Vec<Generation>> {
        let mut generations = vec![Generation::default(); requests.len()];
        let (mut rows, mut next, mut done) = (Vec::<Row>::new(), 0, 0);
        while done < requests.len() {
            // New rows enter in batches: computing one prompt reads all weights, and costs as much as a step.
            let room = self.max_rows - rows.len();
            if next < requests.len() && (rows.is_empty() || room * 4 >= self.max_rows) {
                let end = requests.len().min(next + room);
                rows.extend(self.enter(requests, next..end)?);
                next = end;
            } else {
                // On a thread of the pool: from outside, each of a step's parallel parts would put this thread to sleep and wake it again.
                rayon::scope(|_| self.step(&mut rows));
            }
            rows.retain_mut(|row| {
                let ended = row.generation.ended(self.decoding);
                if ended {
                    generations[row.request] = std::mem::take(&mut row.generation);
                    self.free.push(row.slot);
                    done += 1;
                }
                !ended
            });
            let alive: Vec<(usize, &[u32])> = rows.iter().map(|row| (row.request, &row.generation.tokens[..])).collect();
            if on_step(Step { done, rows: &alive }).is_break() {
                return Err(Error::Stopped);
            }
        }
        Ok(generations)
    }

    /// Rows for new requests, each with its first token drawn.
    fn enter(&mut self, requests: &[Request], range: std::ops::Range<usize>) -> Result<Vec<Row>> {
        let mut new: Vec<Arc<[u32]>> = Vec::new();
        let mut live: HashMap<Arc<[u32]>, Arc<Prefix>> = HashMap::new();
        for request in &requests[range.clone()] {
            match self.prefixes.get(&request.prompt).and_then(Weak::upgrade) {
                Some(prefix) => drop(live.insert(request.prompt.clone(), prefix)),
                None if !new.contains(&request.prompt) => new.push(request.prompt.clone()),
                None => {}
            }
        }
        for (prompt, prefix) in new.iter().zip(self.prefill(&new)?) {
            let prefix = Arc::new(prefix);
            self.prefixes.insert(prompt.clone(), Arc::downgrade(&prefix));
            live.insert(prompt.clone(), prefix);
        }
        let mut rows = Vec::with_capacity(range.len());
        for index in range {
            let request = &requests[index];
            let (Some(prefix), Some(slot)) = (live.get(&request.prompt).cloned(), self.free.pop()) else {
                return Err(Error::Model("a row entered the batch without its prompt or a place in the cache".into()));
            };
            rows.push(Row { request: index, slot, prefix, stream: Stream::new(request.seed), generation: Generation::default() });
        }
        rows.par_iter_mut().for_each(|row| {
            let drawn = draw(&row.prefix.logits, self.decoding, &mut row.stream);
            row.generation.push(drawn, self.decoding);
        });
        Ok(rows)
    }

    /// Computes prompts that are not known yet, all in one pass.
    fn prefill(&mut self, prompts: &[Arc<[u32]>]) -> Result<Vec<Prefix>> {
        if prompts.is_empty() {
            return Ok(Vec::new());
        }
        let (packed, texts) = Packed::texts(prompts, self.llama.config.context(), self.llama.config.vocab_size)?;
        let (model, heads) = (self.model, self.model.heads);
        let blocks = model.layers.len();
        let mut prefixes: Vec<Prefix> = prompts
            .iter()
            .map(|prompt| Prefix { len: prompt.len(), keys: vec![vec![]; blocks], values: vec![vec![]; blocks], logits: vec![] })
            .collect();
        let mut x = model.embed(&packed.tokens);
        model.pass(&mut x, self.adapter, &mut self.buffers, &mut |block, qkv, out| {
            attention(out, qkv, &packed, heads, &model.turns[block]);
            for (prefix, rows) in prefixes.iter_mut().zip(&texts) {
                let (keys, values) = (&mut prefix.keys[block], &mut prefix.values[block]);
                keys.resize(prefix.len * heads.cached(), 0.0);
                values.resize(prefix.len * heads.cached(), 0.0);
                for (position, row) in rows.iter().cloned().flatten().enumerate() {
                    let at = position * heads.cached()..(position + 1) * heads.cached();
                    let row = &qkv[row * heads.row()..][..heads.row()];
                    store(heads, &model.turns[block], row, &mut keys[at.clone()], &mut values[at], position);
                }
            }
        });
        let width = model.width();
        let ends = texts.iter().filter_map(|rows| rows.last()).map(|own| own.end);
        let last: Vec<f32> = ends.flat_map(|end| &x[(end - 1) * width..end * width]).copied().collect();
        self.logits.resize(prompts.len() * model.head.vocabulary(), 0.0);
        model.head.logits(&mut self.logits, &last, &mut self.normed);
        for (prefix, logits) in prefixes.iter_mut().zip(self.logits.chunks_exact(model.head.vocabulary())) {
            prefix.logits = logits.to_vec();
        }
        Ok(prefixes)
    }

    /// One token more for every row.
    fn step(&mut self, rows: &mut [Row]) {
        let Self { model, adapter, decoding, keys, values, buffers, queries, normed, logits, .. } = self;
        let (heads, cached) = (model.heads, model.heads.cached());
        let tokens: Vec<u32> = rows.iter().filter_map(|row| row.generation.tokens.last().copied()).collect();
        queries.resize(rows.len() * heads.out(), 0.0);
        let mut x = model.embed(&tokens);
        model.pass(&mut x, *adapter, buffers, &mut |block, qkv, out| {
            let (keys, values) = (&mut keys[block], &mut values[block]);
            let own = |row: &Row, from: usize, to: usize| {
                let first = row.slot * decoding.max_tokens;
                (first + from) * cached..(first + to) * cached
            };
            for ((row, qkv), queries) in rows.iter().zip(qkv.chunks_exact(heads.row())).zip(queries.chunks_exact_mut(heads.out())) {
                let count = row.generation.tokens.len();
                let at = own(row, count - 1, count);
                let position = row.prefix.len + count - 1;
                store(heads, &model.turns[block], qkv, &mut keys[at.clone()], &mut values[at], position);
                for (out, x) in queries.chunks_exact_mut(heads.width).zip(qkv.chunks_exact(heads.width)) {
                    model.turns[block].forward(out, x, position, Side::Query);
                }
            }
            let seen: Vec<Seen<'_>> = rows
                .iter()
                .map(|row| {
                    let own = own(row, 0, row.generation.tokens.len());
                    Seen { keys: [&row.prefix.keys[block], &keys[own.clone()]], values: [&row.prefix.values[block], &values[own]] }
                })
                .collect();
            attention_cached(out, queries, heads.out(), &seen, heads);
        });
        logits.resize(rows.len() * model.head.vocabulary(), 0.0);
        model.head.logits(logits, &x, normed);
        rows.par_iter_mut().zip(logits.par_chunks_exact(model.head.vocabulary())).for_each(|(row, logits)| {
            let drawn = draw(logits, decoding, &mut row.stream);
            row.generation.push(drawn, decoding);
        });
    }
}

/// Puts a row's turned keys and its values into the cache.
fn store(heads: Heads, turn: &Turn, qkv: &[f32], keys: &mut [f32], values: &mut [f32], position: usize) {
    let row = &qkv[heads.out()..];
    for (out, x) in keys.chunks_exact_mut(heads.width).zip(row.chunks_exact(heads.width)) {
        turn.forward(out, x, position, Side::Key);
    }
    values.copy_from_slice(&row[heads.cached()..][..heads.cached()]);
}

/// The plain decoder: prompts padded on the left to one length. `before`: requests that are done already.
fn generate_padded(
    model: &plain::Model,
    adapter: Option<&plain::Factors>,
    requests: &[Request],
    decoding: &Decoding,
    before: usize,
    on_step: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Vec<Generation>> {
    let (batch, longest) = (requests.len(), requests.iter().map(|r| r.prompt.len()).max().unwrap_or(0));
    if requests.iter().any(|r| r.prompt.is_empty()) {
        return Err(Error::Model("a prompt without tokens cannot be continued".into()));
    }
    let mut streams: Vec<Stream> = requests.iter().map(|r| Stream::new(r.seed)).collect();
    let mut generations = vec![Generation::default(); batch];
    let padding: Vec<usize> = requests.iter().map(|r| longest - r.prompt.len()).collect();
    let mut tokens: Vec<u32> =
        requests.iter().zip(&padding).flat_map(|(r, &pad)| std::iter::repeat_n(r.prompt[0], pad).chain(r.prompt.iter().copied())).collect();
    // What is drawn last is not read.
    let starts = padding.iter().map(|&pad| pad as u32).collect();
    let mut cache = plain::Cache::new(model, starts, longest + decoding.max_tokens - 1)?;
    loop {
        let new = tokens.len() / batch;
        let x = model.go_on(&tokens, adapter, &mut cache)?;
        let last = x.reshape((batch, new, ()))?.narrow(1, new - 1, 1)?.squeeze(1)?;
        draw_rows(&model.logits(&last)?, decoding, &mut generations, &mut streams)?;
        let going_on = generations.iter().enumerate().filter(|(_, g)| !g.ended(decoding));
        let alive: Vec<(usize, &[u32])> = going_on.map(|(row, g)| (before + row, &g.tokens[..])).collect();
        if on_step(Step { done: before + batch - alive.len(), rows: &alive }).is_break() {
            return Err(Error::Stopped);
        }
        if alive.is_empty() {
            return Ok(generations);
        }
        // Rows that have ended go on with their last token, unheard.
        tokens = generations.iter().filter_map(|g| g.tokens.last().copied()).collect();
    }
}

/// The next token of every row that goes on, from `logits` [rows, vocabulary].
fn draw_rows(logits: &Tensor, decoding: &Decoding, generations: &mut [Generation], streams: &mut [Stream]) -> Result<()> {
    #[cfg(feature = "cuda")]
    if logits.device().is_cuda() && decoding.top_k == 0 {
        let rows = generations.iter().zip(streams);
        let uniforms: Vec<f64> = rows.map(|(row, stream)| if row.ended(decoding) { 0.0 } else { stream.uniform() }).collect();
        let drawn = crate::kernels::device::draw(logits, &uniforms, decoding)?;
        for (row, drawn) in generations.iter_mut().zip(drawn).filter(|(row, _)| !row.ended(decoding)) {
            row.push(drawn, decoding);
        }
        return Ok(());
    }
    let logits: Vec<Vec<f32>> = logits.to_vec2()?;
    generations.par_iter_mut().zip(&logits).zip(streams).for_each(|((row, logits), stream)| {
        if !row.ended(decoding) {
            row.push(draw(logits, decoding, stream), decoding);
        }
    });
    Ok(())
}
