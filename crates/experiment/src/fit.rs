//! Whether a run fits into memory: what each step of an iteration holds at most, told from the models' files, and what to change where that is too
//! much. Nothing is loaded for it.
use crate::prepare::{Lengths, Longest};
use crate::prompter::lora;
use contract::Spec;
use contract::desk::{Fit, FitPhase, FitStep};
use contract::spec::{Engine, Precision};
use lm::footprint::{Footprint, Sampled, Scored};

/// Of the free memory, what a run may take: the rest is for the system and the window.
const SAFE: f64 = 0.9;
/// Tokens of a pass of a reward model or a judge.
const TOKENS_PER_PASS: u64 = 4096;
/// Changes that are tried one after another before it is given up.
const MOST_CHANGES: usize = 24;

/// A model and whether its weights are those of another that is counted already.
#[derive(Debug, Clone)]
pub struct Held {
    pub footprint: Footprint,
    pub is_shared: bool,
}

/// The models of a run as far as their memory goes.
#[derive(Debug, Clone)]
pub struct Models {
    pub prompter: Footprint,
    pub frozen: Answering,
    /// Reward models and judges on this machine.
    pub scoring: Vec<Held>,
    /// Bytes of the weights of reward models that are encoders.
    pub encoders: u64,
    /// The frozen model as a policy to train.
    pub oracle: Option<Held>,
}

/// What answers.
#[derive(Debug, Clone)]
pub enum Answering {
    BuiltIn(Held),
    /// mistral.rs: bytes of its weights. What it needs beside them it plans by itself.
    MistralRs(u64),
    Elsewhere,
}

/// Where it is to fit.
#[derive(Debug, Clone)]
pub struct Place {
    /// For people: "memory", or the name of a GPU.
    pub name: String,
    pub free_bytes: u64,
    /// What the program itself holds there before it loads a model.
    pub own_bytes: u64,
}

/// Most that a run holds in each step. `models` tells its models for a spec that may differ in what the weights are held in.
///
/// # Errors
/// Those of `models`.
pub fn fit(spec: &Spec, longest: &Longest, place: &Place, models: &dyn Fn(&Spec) -> lm::Result<Models>) -> lm::Result<Fit> {
    let phases = phases(spec, longest, place, &models(spec)?);
    let peak_bytes = peak(&phases);
    let room = (SAFE * place.free_bytes as f64) as u64;
    let (mut changes, mut changed) = (Vec::new(), (spec.clone(), peak_bytes));
    // First what leaves the experiment as it is.
    for kind in [&SAME[..], &OTHER[..]] {
        while changed.1 > room && changes.len() < MOST_CHANGES {
            let tried = kind.iter().filter_map(|change| change(&changed.0)).map(|(key, spec)| {
                let peak = peak(&self::phases(&spec, longest, place, &models(&spec)?));
                Ok::<_, lm::Error>((key, spec, peak))
            });
            let best = tried.collect::<lm::Result<Vec<_>>>()?.into_iter().min_by_key(|(_, _, peak)| *peak);
            // A change that hardly helps is not worth making.
            let Some((key, spec, peak)) = best.filter(|(_, _, peak)| *peak as f64 <= 0.97 * changed.1 as f64) else { break };
            changes.push(key);
            changed = (spec, peak);
        }
    }
    let changes = last_of_each(&changes, &changed.0);
    Ok(Fit {
        place: place.name.clone(),
        free_bytes: place.free_bytes,
        fits: peak_bytes <= room,
        peak_bytes,
        phases,
        changed_fits: changed.1 <= room,
        changed_peak_bytes: (!changes.is_empty()).then_some(changed.1),
        changes,
    })
}

fn peak(phases: &[FitPhase]) -> u64 {
    phases.iter().map(|phase| phase.peak_bytes).max().unwrap_or(0)
}

fn phases(spec: &Spec, longest: &Longest, place: &Place, models: &Models) -> Vec<FitPhase> {
    let (t, shape) = (&spec.training, lora(&spec.prompter));
    let count = |n: usize| n as u64;
    let (answers, group) = (count(spec.evaluation.answers_per_batch), count(t.group_size));
    let (rewrite, answer) = (count(spec.prompter.max_rewrite_tokens), count(spec.frozen.max_answer_tokens));
    let held = place.own_bytes + weights(models) + models.prompter.adapter(&shape);

    let sampled = |rows: u64, each: u64, texts: &Lengths, new| {
        let prompts = rows.div_ceil(each.max(1));
        Sampled { rows, prompts, prompt: of_longest(texts, prompts), shared: count(texts.shared), new }
    };
    let drawn = count(t.prompts_per_iteration) * group;
    let [trained, tested] = [(drawn, group), (answers, count(spec.evaluation.answers_per_prompt))]
        .map(|(rows, each)| models.prompter.sampling(sampled(rows.min(answers), each, &longest.requests, rewrite)));
    let rollout = if spec.arms.tuned { trained.max(tested) } else { tested };
    let answering = match &models.frozen {
        Answering::BuiltIn(frozen) => frozen.footprint.sampling(sampled(answers, 1, &longest.messages, answer)),
        Answering::MistralRs(_) | Answering::Elsewhere => 0,
    };
    let conversations = TOKENS_PER_PASS.min(answers * (of_longest(&longest.messages, answers) + answer));
    let scoring = models.scoring.iter().map(|model| model.footprint.scoring(Scored { tokens: conversations, predicted: answers }));
    // Whole groups of rewrites; a prompt is read once for its group, and what all begin with once for all.
    let pass = |texts: &Lengths, text: u64| {
        let groups = count(t.rewrites_per_pass).div_ceil(group.max(1)).max(1).min(count(t.prompts_per_iteration));
        let own = of_longest(texts, groups).saturating_sub(count(texts.shared)) + group * text.saturating_sub(1);
        Scored { tokens: count(texts.shared) + groups * own, predicted: groups * group * text }
    };
    let asked = pass(&longest.requests, rewrite);
    let update = models.prompter.training(&shape, asked).max(models.prompter.scoring(asked));
    let oracle = models
        .oracle
        .as_ref()
        .map(|oracle| oracle.footprint.adapter(&shape) + oracle.footprint.training(&shape, pass(&longest.messages, answer)));
    let mut phases = vec![(FitStep::Load, loading(models))];
    phases.push((FitStep::Rollout, rollout));
    phases.push((FitStep::Answers, answering));
    phases.extend(scoring.max().map(|bytes| (FitStep::Reward, bytes)));
    phases.extend(spec.arms.tuned.then_some((FitStep::Update, update)));
    phases.extend(oracle.map(|bytes| (FitStep::Oracle, bytes)));
    phases.into_iter().map(|(step, bytes)| FitPhase { step, peak_bytes: held + bytes }).collect()
}

fn of_longest(texts: &Lengths, n: u64) -> u64 {
    texts.of_longest(usize::try_from(n).unwrap_or(usize::MAX)) as u64
}

/// Bytes of the weights of all models, shared ones once.
fn weights(models: &Models) -> u64 {
    let frozen = match &models.frozen {
        Answering::BuiltIn(held) => own(held),
        Answering::MistralRs(bytes) => *bytes,
        Answering::Elsewhere => 0,
    };
    models.prompter.weights + frozen + models.encoders + models.scoring.iter().chain(&models.oracle).map(own).sum::<u64>()
}

fn own(held: &Held) -> u64 {
    if held.is_shared { 0 } else { held.footprint.weights }
}

/// Models are read one after the other.
fn loading(models: &Models) -> u64 {
    let frozen = if let Answering::BuiltIn(held) = &models.frozen { Some(held) } else { None };
    let others = models.scoring.iter().chain(&models.oracle).chain(frozen).map(|held| held.footprint.reading());
    others.chain([models.prompter.reading()]).max().unwrap_or(0)
}

/// A key with a value, and the spec that has it; none where it has no more to give.
type Change = fn(&Spec) -> Option<(&'static str, Spec)>;

/// What leaves the experiment as it is, but for rounding.
const SAME: [Change; 3] = [
    |spec| {
        let mut changed = spec.clone();
        changed.training.rewrites_per_pass = halved(spec.training.rewrites_per_pass, spec.training.group_size)?;
        Some(("training.rewrites_per_pass", changed))
    },
    |spec| {
        let mut changed = spec.clone();
        changed.evaluation.answers_per_batch = halved(spec.evaluation.answers_per_batch, 1)?;
        Some(("evaluation.answers_per_batch", changed))
    },
    |spec| (spec.precision == Precision::F32).then(|| ("precision", Spec { precision: Precision::Bf16, ..spec.clone() })),
];

/// What makes it another one.
const OTHER: [Change; 4] = [
    |spec| {
        let can = spec.frozen.engine != Engine::Endpoint && spec.frozen.quantisation.is_none() && !spec.arms.oracle;
        let mut changed = spec.clone();
        changed.frozen.quantisation = Some("q8_0".into());
        can.then_some(("frozen.quantisation", changed))
    },
    |spec| {
        let mut changed = spec.clone();
        changed.training.group_size = halved(spec.training.group_size, 2)?;
        Some(("training.group_size", changed))
    },
    |spec| {
        let mut changed = spec.clone();
        changed.prompter.max_rewrite_tokens = halved(spec.prompter.max_rewrite_tokens, 8)?;
        Some(("prompter.max_rewrite_tokens", changed))
    },
    |spec| {
        let mut changed = spec.clone();
        changed.frozen.max_answer_tokens = halved(spec.frozen.max_answer_tokens, 16)?;
        Some(("frozen.max_answer_tokens", changed))
    },
];

/// Half of it where that is still `least`.
fn halved(value: usize, least: usize) -> Option<usize> {
    (value / 2 >= least).then_some(value / 2)
}

/// Each key that was changed once, with what it is in the end.
fn last_of_each(keys: &[&'static str], spec: &Spec) -> Vec<String> {
    let mut seen: Vec<&str> = Vec::new();
    for key in keys {
        if !seen.contains(key) {
            seen.push(key);
        }
    }
    let value = |key: &str| match key {
        "training.rewrites_per_pass" => spec.training.rewrites_per_pass.to_string(),
        "evaluation.answers_per_batch" => spec.evaluation.answers_per_batch.to_string(),
        "precision" => "\"bf16\"".into(),
        "frozen.quantisation" => "\"q8_0\"".into(),
        "training.group_size" => spec.training.group_size.to_string(),
        "prompter.max_rewrite_tokens" => spec.prompter.max_rewrite_tokens.to_string(),
        _ => spec.frozen.max_answer_tokens.to_string(),
    };
    seen.into_iter().map(|key| format!("{key} = {}", value(key))).collect()
}
