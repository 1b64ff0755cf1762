//! Rows with every field filled, different in every row.
use super::mix;
use crate::{Asked, Checkpoint, Episode, EvaluationAnswer, Iteration, Judgement, NewRun, Split, Verdict};
use contract::arm::Arms;
pub use contract::arm::{INSTRUCTION, ORACLE, TUNED};
use contract::event::Spent;
use contract::figures::{Component, Components, Interval, ShareOfPrompts, VarianceRatio};
use contract::report::{Arm, ArmCost, AtEqualLength, Comparison, Instruction, Report, Serving, WatchedDifference};
use contract::spec::{Data, Evaluation, Frozen, Lora, Precision, Prompter, Reward, Spec, Training};
use std::collections::BTreeMap;

/// Quotes, NUL, surrogate-pair characters, line ends: text that naive SQL or C strings would spoil.
pub const AWKWARD: &str = "It's \"quoted\"\0 \u{1f469}\u{200d}\u{1f680} ?1 $x :y\r\n-- '; DROP TABLE runs;";

pub fn spec(name: &str) -> Spec {
    // Only the fields without a default are written out; the rest comes from the contract.
    let json =
        format!(r#"{{"name": {}, "prompter": {{"model": "a"}}, "frozen": {{"model": "b"}}, "reward": {{"parts": []}}}}"#, quoted(name));
    let spec: Spec = serde_json::from_str(&json).unwrap();
    Spec {
        name: spec.name,
        seed: i64::MAX as u64,
        precision: Precision::Bf16,
        offload: true,
        data: Data { split_seed: 7, ..spec.data },
        prompter: Prompter { lora: Lora { dropout: 0.1, ..Lora::default() }, ..spec.prompter },
        frozen: Frozen { temperature: 0.123_456_789_012_345_68, ..spec.frozen },
        reward: Reward { parts: Vec::new() },
        training: Training { learning_rate: 5.234_567_890_123_456e-4, ..spec.training },
        evaluation: Evaluation { answers_per_prompt: 3, ..spec.evaluation },
        arms: Arms { oracle: true, oracle_kl_coefficient: Some(0.012_345_678_901_234_567), ..spec.arms },
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

pub fn new_run(name: &str) -> NewRun {
    NewRun { spec: spec(name), spec_hash: format!("hash of {name}"), program_version: "0.1.0".into(), facts: Vec::new() }
}

/// A finite number with a full mantissa.
pub fn real(n: u64) -> f64 {
    let value = f64::from_bits(mix(n));
    if value.is_finite() { value } else { n as f64 + 1.0 / 3.0 }
}

pub fn parts(n: u64) -> BTreeMap<String, f64> {
    [("sentiment".to_owned(), real(n)), ("topicality".to_owned(), real(n + 1)), (AWKWARD.to_owned(), real(n + 2))].into()
}

pub fn iteration(number: usize) -> Iteration {
    let n = number as u64;
    let metrics = [("reward_mean", Some(real(n))), ("kl", Some(real(n + 1))), ("loss", None)];
    Iteration {
        iteration: number,
        metrics: metrics.map(|(name, value)| (name.to_owned(), value)).into(),
        started_at_ms: 1_700_000_000_000 + number as i64,
        seconds: 1.5 + number as f64,
    }
}

pub fn episode(iteration: usize, index: usize) -> Episode {
    let n = (iteration * 1000 + index) as u64;
    Episode {
        iteration,
        index,
        prompt_index: index / 4,
        prompt: format!("prompt {index}"),
        rewrite: format!("rewrite {iteration} {index} {AWKWARD}"),
        answer: String::new(),
        reward: real(n),
        reward_parts: parts(n),
        kl: real(n + 3),
        advantage: real(n + 4),
        closeness: 0.1 + 0.2,
        rewrite_tokens: 32,
        answer_tokens: index,
        rewrite_truncated: index.is_multiple_of(2),
        answer_truncated: index.is_multiple_of(3),
        rewrite_seed: mix(n) >> 1,
        answer_seed: i64::MAX as u64,
    }
}

pub fn episodes(iteration: usize, count: usize) -> Vec<Episode> {
    (0..count).map(|index| episode(iteration, index)).collect()
}

/// The iteration and adapter of a checkpoint that are tested.
pub fn tested(checkpoint: &Checkpoint) -> (usize, Vec<u8>) {
    checkpoint.best.clone().unwrap_or_else(|| (checkpoint.iteration, checkpoint.adapter.clone()))
}

pub fn checkpoint(iteration: usize) -> Checkpoint {
    let bytes = |n: usize, length: usize| (0..length).map(|i| mix((n * length + i) as u64) as u8).collect();
    Checkpoint {
        iteration,
        adapter: bytes(iteration, 70_000),
        optimiser: bytes(iteration + 1, 140_000),
        best: iteration.is_multiple_of(2).then(|| (iteration / 2, bytes(iteration + 2, 70_000))),
        state: format!("{{\"at\":{iteration}}}"),
    }
}

/// What a search keeps: a state, and no weights.
pub fn search(iteration: usize) -> Checkpoint {
    let state = format!(r#"{{"candidates":["Secret instruction {iteration}."]}}"#);
    Checkpoint { iteration, adapter: Vec::new(), optimiser: Vec::new(), best: None, state }
}

pub fn answer(split: Split, iteration: usize, arm: &str, prompt_index: usize, answer_index: usize) -> EvaluationAnswer {
    let n = (iteration * 1000 + prompt_index * 10 + answer_index) as u64;
    let has_rewrite = arm != "raw";
    EvaluationAnswer {
        split,
        iteration,
        arm: arm.into(),
        prompt_index,
        answer_index,
        cluster: (prompt_index % 3 < 2).then_some(prompt_index / 2),
        prompt: format!("prompt {prompt_index}"),
        system: (prompt_index % 2 == 1).then(|| "Be brief.".into()),
        rewrite: has_rewrite.then(|| AWKWARD.into()),
        answer: format!("answer of {arm}"),
        reward: real(n),
        reward_parts: parts(n),
        kl: has_rewrite.then(|| real(n + 1)),
        closeness: has_rewrite.then_some(0.5),
        rewrite_tokens: has_rewrite.then_some(12),
        answer_tokens: 48,
        rewrite_truncated: has_rewrite.then_some(true),
        answer_truncated: false,
        rewrite_seed: has_rewrite.then_some(n),
        answer_seed: n + 1,
    }
}

/// A judge that holds an arm against the raw prompt.
pub fn asked(arm: &str) -> Asked {
    Asked {
        judge: "a judge".into(),
        checksum: "abc".into(),
        engine: AWKWARD.into(),
        template: format!("{{prompt}} {{first}} {{second}} {AWKWARD}"),
        template_hash: "def".into(),
        arm: arm.into(),
        baseline: "raw".into(),
    }
}

/// One that is whole, one that cannot be read in one order, one that was not asked.
pub fn judgements() -> Vec<Judgement> {
    let wrote = |n: usize| Some(format!("Secret reason {n}. {AWKWARD}\nA"));
    let one = |prompt_index, arm_first, arm_second, text: &dyn Fn(usize) -> Option<String>| Judgement {
        prompt_index,
        answer_index: 1,
        arm_first,
        arm_second,
        arm_first_text: text(1),
        arm_second_text: text(2),
    };
    vec![
        one(0, Verdict::First, Verdict::Tie, &wrote),
        one(3, Verdict::Second, Verdict::Unparsed, &wrote),
        one(4, Verdict::TooLong, Verdict::TooLong, &|_| None),
    ]
}

pub fn report(run: i64) -> Report {
    Report {
        run,
        name: "report".into(),
        status: "finished".into(),
        seed: i64::MAX as u64,
        spec_hash: "hash".into(),
        arms: vec![Arm {
            name: "raw".into(),
            n: 192,
            prompts: 96,
            clusters: Some(24),
            reward_mean: real(1),
            reward_ci_low: real(2),
            reward_ci_high: real(3),
            reward_variance: Some(real(4)),
            between_prompt_variance: Some(-0.001),
            within_prompt_variance: None,
            components: Some(Components { prompt: Some(Component { variance: real(13), interval: None }), ..Components::default() }),
            reward_parts: parts(5),
            answer_topicality: Some(0.5),
            rewrite_closeness: None,
            rewrite_tokens: None,
            answer_tokens: 40.5,
            truncated_rewrites: None,
            truncated_answers: 0.25,
        }],
        comparisons: vec![Comparison {
            arm: "tuned".into(),
            baseline: "raw".into(),
            prompts: 96,
            clusters: None,
            mean_difference: real(6),
            ci_low: real(7),
            ci_high: real(8),
            p_value: 1e-4,
            p_holm: Some(3e-4),
            bca: Some(Interval { low: real(9), high: real(10) }),
            effect_size: Some(real(11)),
            improvement: Some(ShareOfPrompts { share: 0.75, interval: None }),
            variance: Some(VarianceRatio { ratio: Some(real(12)), interval: None, p_value: Some(0.1 + 0.2) }),
            at_equal_length: Some(AtEqualLength { difference: real(16), interval: None, per_token: real(17) }),
            watched: vec![WatchedDifference { label: AWKWARD.into(), difference: real(18), interval: None }],
        }],
        verdict: "They cannot be told apart.".into(),
        warnings: vec![AWKWARD.into()],
        costs: vec![ArmCost {
            arm: "raw".into(),
            preparation: None,
            answering: Spent { reward_calls: 192, tokens: 7_776, seconds: real(14), joules: None },
            serving: Serving { rewrites: 0.0, answers: 1.0, reward_calls: 0.0, tokens: 40.5 },
        }],
        gaps: Vec::new(),
        theory: None,
        instruction: Some(Instruction { text: format!("Secret instruction. {AWKWARD}"), score: real(15), n: 32, tried: 9 }),
        judged: Vec::new(),
    }
}
