//! A whole tiny experiment: a random Llama with a tokenizer of words, a frozen model that parrots, a store in a temporary folder.
#![allow(dead_code, clippy::unwrap_used)] // Each test file uses a part of it; a helper that fails should fail its test.
use contract::event::Status;
use contract::{Error, Result, Spec, arm};
use experiment::{Inputs, Outcome, Progress, Prompter, Runner, prepare};
use inference::{Answer, AnswerDecoding, AnswerRequest, FrozenModel};
use lm::{Device, Llama, ModelFolder, Stream};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::{NewRun, Store};
use tokio::runtime::Runtime;

/// Words of the tiny tokenizer; the first four are special.
const WORDS: [&str; 48] = [
    "<unk>",
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "user",
    "assistant",
    "system",
    "rewrite",
    "good",
    "happy",
    "great",
    "love",
    "nice",
    "bad",
    "awful",
    "terrible",
    "sad",
    "ugly",
    "the",
    "a",
    "of",
    "and",
    "why",
    "how",
    "what",
    "is",
    "are",
    "does",
    "moon",
    "river",
    "bread",
    "winter",
    "music",
    "garden",
    "clock",
    "train",
    "paper",
    "stone",
    "bird",
    "lamp",
    "please",
    "tell",
    "me",
    "about",
    "explain",
    "red",
    "green",
    "blue",
];
const TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|> ' + message['role'] + ' ' + message['content'] + ' <|im_end|> ' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|> assistant' }}{% endif %}";
const HIDDEN: usize = 64;
const LAYERS: usize = 2;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const FEED_FORWARD: usize = 128;

/// Writes a Hugging Face folder with random weights.
pub fn write_model(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let json = |name: &str, value: serde_json::Value| std::fs::write(folder.join(name), value.to_string()).unwrap();
    json(
        "config.json",
        serde_json::json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": HIDDEN,
            "intermediate_size": FEED_FORWARD, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
            "head_dim": HIDDEN / HEADS, "vocab_size": WORDS.len(), "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0, "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32",
        }),
    );
    json("generation_config.json", serde_json::json!({ "eos_token_id": 2, "bos_token_id": 1 }));
    json(
        "tokenizer_config.json",
        serde_json::json!({
            "bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<unk>", "chat_template": TEMPLATE,
            "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 128,
        }),
    );
    let vocabulary: BTreeMap<&str, usize> = WORDS.iter().enumerate().map(|(i, w)| (*w, i)).collect();
    let special = |id: usize| serde_json::json!({ "id": id, "content": WORDS[id], "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true });
    json(
        "tokenizer.json",
        serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [special(0), special(1), special(2), special(3)],
            "normalizer": null, "pre_tokenizer": { "type": "WhitespaceSplit" }, "post_processor": null, "decoder": null,
            "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>" },
        }),
    );
    write_weights(&folder.join("model.safetensors"));
}

fn write_weights(file: &Path) {
    let head = HIDDEN / HEADS;
    let mut shapes = vec![("model.embed_tokens.weight".to_string(), vec![WORDS.len(), HIDDEN]), ("model.norm.weight".into(), vec![HIDDEN])];
    for layer in 0..LAYERS {
        for (name, shape) in [
            ("input_layernorm", vec![HIDDEN]),
            ("post_attention_layernorm", vec![HIDDEN]),
            ("self_attn.q_proj", vec![HEADS * head, HIDDEN]),
            ("self_attn.k_proj", vec![KV_HEADS * head, HIDDEN]),
            ("self_attn.v_proj", vec![KV_HEADS * head, HIDDEN]),
            ("self_attn.o_proj", vec![HIDDEN, HEADS * head]),
            ("mlp.gate_proj", vec![FEED_FORWARD, HIDDEN]),
            ("mlp.up_proj", vec![FEED_FORWARD, HIDDEN]),
            ("mlp.down_proj", vec![HIDDEN, FEED_FORWARD]),
        ] {
            shapes.push((format!("model.layers.{layer}.{name}.weight"), shape));
        }
    }
    let mut stream = Stream::new(1);
    let data: Vec<Vec<u8>> = shapes
        .iter()
        .map(|(_, shape)| {
            // Norms near 1, matrices with a variance that keeps activations near 1.
            let value = |s: &mut Stream| if shape.len() == 1 { 1.0 } else { s.normal() * (1.0 / shape[1] as f64).sqrt() };
            (0..shape.iter().product()).flat_map(|_| (value(&mut stream) as f32).to_le_bytes()).collect()
        })
        .collect();
    let views: Vec<(&String, TensorView<'_>)> =
        shapes.iter().zip(&data).map(|((name, shape), bytes)| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())).collect();
    safetensors::serialize_to_file(views, None, file).unwrap();
}

/// Answers with what it was told and one more word of its own. Fails at the call numbered `fail_at` (from 0), as an engine that dies would.
pub struct Parrot {
    pub calls: Arc<AtomicUsize>,
    pub fail_at: usize,
}

impl FrozenModel for Parrot {
    fn describe(&self) -> String {
        "parrot".into()
    }
    fn identity(&self) -> &str {
        "parrot"
    }
    fn context(&self) -> usize {
        128
    }
    fn prompt_tokens(&self, _system: Option<&str>, prompt: &str) -> contract::Result<usize> {
        Ok(prompt.split_whitespace().count())
    }
    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        _decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == self.fail_at {
            return Err(Error::engine("The parrot has flown away."));
        }
        let mut answers = Vec::new();
        for request in requests {
            if on_progress(answers.len()).is_break() {
                return Err(Error::new(contract::Code::Stopped, "stopped"));
            }
            let own = WORDS[8 + Stream::new(request.seed).below(10) as usize];
            let text = format!("{} {own}", request.prompt);
            let tokens: Vec<u32> = text.split_whitespace().map(|_| 0).collect();
            answers.push(Answer { text, log_probs: vec![0.0; tokens.len()], tokens, truncated: false });
        }
        Ok(answers)
    }
}

/// A spec for the tiny world; `more` goes into `[training]`.
pub fn spec_text(more: &str) -> String {
    format!(
        r#"name = "tiny"
seed = 4
[data]
source = "prompts.jsonl"
train = 12
validation = 3
test = 5
[prompter]
model = "tiny"
meta_prompt = "rewrite {{prompt}}"
max_rewrite_tokens = 6
lora = {{ rank = 4, alpha = 8.0 }}
[frozen]
model = "parrot"
[reward]
parts = [{{ kind = "sentiment", weight = 0.5 }}, {{ kind = "regex", pattern = "good|happy" }}]
[training]
prompts_per_iteration = 3
group_size = 4
learning_rate = 0.01
checkpoint_every_iterations = 2
{more}
[evaluation]
answers_per_prompt = 2
answers_per_batch = 4
bootstrap_resamples = 200
permutations = 200
"#
    )
}

/// A machine that uses two joules whenever it is asked.
pub fn energy() -> experiment::costs::Energy {
    let mut joules = 0.0;
    Box::new(move || {
        joules += 2.0;
        Some(joules)
    })
}

/// One run in a folder of its own.
pub struct World {
    pub folder: tempfile::TempDir,
    pub runtime: Runtime,
    pub store: Store,
    pub run: i64,
    pub spec: Spec,
}

impl World {
    pub fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_model(&folder.path().join("tiny"));
        let lines: String =
            (0..20).map(|i| format!("{{\"prompt\": \"{} is the {}\"}}\n", ["why", "how"][i % 2], WORDS[28 + i / 2])).collect();
        std::fs::write(folder.path().join("prompts.jsonl"), lines).unwrap();
        let prepared = prepare::from_text(&spec_text(more), "tiny.toml", folder.path()).unwrap();
        let runtime = Runtime::new().unwrap();
        let store = runtime.block_on(Store::open(&folder.path().join("runs.db"))).unwrap();
        let (spec, spec_hash) = (prepared.spec, prepared.spec_hash);
        let new = NewRun { spec: spec.clone(), spec_hash, program_version: "test".into(), facts: Vec::new() };
        let run = runtime.block_on(store.create_run(&new)).unwrap();
        Self { folder, runtime, store, run, spec }
    }

    pub fn prompter(&self) -> Prompter {
        self.try_prompter().unwrap()
    }

    pub fn try_prompter(&self) -> Result<Prompter> {
        self.policy(self.spec.prompter.clone())
    }

    /// The tiny Llama as the model that answers, to be trained. (The parrot that answers in other arms cannot be.)
    pub fn oracle(&self) -> Prompter {
        self.policy(experiment::oracle::settings(&self.spec)).unwrap()
    }

    fn policy(&self, settings: contract::spec::Prompter) -> Result<Prompter> {
        let folder = ModelFolder::open(&self.folder.path().join("tiny")).unwrap();
        let model = Llama::load(&folder, &Device::Cpu, lm::Precision::F32).unwrap();
        let model = model.with_checkpointing(self.spec.training.checkpointing);
        Prompter::new(model, Arc::new(folder.tokenizer().unwrap()), folder.stop_tokens.clone(), settings)
    }

    pub fn prepared(&self) -> prepare::Prepared {
        prepare::from_spec(self.spec.clone(), self.folder.path()).unwrap()
    }

    /// Runs, or goes on, with models loaded anew, as a new process would. The engine fails at call `fail_at`; `stop` hears every progress.
    pub fn go(&self, fail_at: usize, stop: &mut dyn FnMut(&Progress) -> bool) -> Result<Outcome> {
        let prepared = self.prepared();
        let inputs = Inputs {
            store: self.store.clone(),
            handle: self.runtime.handle().clone(),
            run: self.run,
            spec: prepared.spec,
            splits: prepared.splits,
            reward: prepared.reward,
            prompter: self.prompter(),
            frozen: Box::new(Parrot { calls: Arc::default(), fail_at }),
            oracle: self.spec.arms.oracle.then(|| self.oracle()),
            energy: energy(),
        };
        let stopped = std::cell::Cell::new(false);
        let mut observe = |progress: &Progress| stopped.set(stopped.get() || stop(progress));
        Runner::new(inputs)?.run(&|| stopped.get(), &mut observe)
    }

    /// To the end without disturbance.
    pub fn finish(&self) -> contract::report::Report {
        match self.go(usize::MAX, &mut |_| false).unwrap() {
            Outcome::Finished(report) => *report,
            Outcome::Stopped => panic!("the run stopped by itself"),
        }
    }

    pub fn status(&self) -> Status {
        self.runtime.block_on(self.store.run(self.run)).unwrap().status
    }

    pub fn iterations(&self) -> Vec<store::Iteration> {
        self.runtime.block_on(self.store.iterations(self.run, arm::TUNED, 1)).unwrap()
    }

    /// Everything that must not depend on interruptions: rows without times, and the last checkpoint.
    pub fn facts(&self) -> Facts {
        let block = |f| self.runtime.block_on(f);
        let mut iterations = self.iterations();
        for row in &mut iterations {
            row.metrics.retain(|name, _| !experiment::metrics::is_timing(name));
        }
        let iterations = iterations.into_iter().map(|row| (row.iteration, row.metrics)).collect();
        let checkpoint = self.runtime.block_on(self.store.checkpoint(self.run, arm::TUNED)).unwrap();
        let evaluation = self.runtime.block_on(self.store.evaluation(self.run, None)).unwrap();
        Facts { iterations, episodes: block(self.store.episodes(self.run, arm::TUNED, None)).unwrap(), evaluation, checkpoint }
    }
}

#[derive(Debug, PartialEq)]
pub struct Facts {
    pub iterations: Vec<(usize, BTreeMap<String, Option<f64>>)>,
    pub episodes: Vec<store::Episode>,
    pub evaluation: Vec<store::EvaluationAnswer>,
    pub checkpoint: Option<store::Checkpoint>,
}
