//! Whether a run fits into memory: what each step of an iteration holds at most, told from the models' files, and what to change where that is too
//! much. Nothing is loaded for it.
use crate::prepare::{Lengths, Longest};
use crate::prompter::lora;
use contract::Spec;
use contract::desk::{Fit, FitPhase, FitStep};
use contract::spec::{Engine, Precision};
use inference::EngineFootprint;
use lm::EncoderFootprint;
use lm::footprint::{Footprint, Sampled, Scored};
use lm::packed::TOKENS_PER_PASS;

/// Of the free memory, what a run may take: the rest is for the system and the window.
const SAFE: f64 = 0.9;
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
    /// Judges that an engine of its own computes.
    pub engines: Vec<EngineFootprint>,
    /// Reward models that are encoders.
    pub encoders: Vec<EncoderFootprint>,
    /// The frozen model as a policy to train.
    pub oracle: Option<Held>,
}

/// What answers.
#[derive(Debug, Clone)]
pub enum Answering {
    BuiltIn(Held),
    /// An engine that plans by itself what it holds.
    Engine(EngineFootprint),
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
pub fn fit(spec: &Spec, longest: &Longest, place: &Place, models: &dyn Fn(&Spec) -> Models) -> Fit {
    let of = |spec: &Spec| phases(spec, longest, place, &models(spec));
    let phases = of(spec);
    let peak_bytes = peak(&phases);
    let room = (SAFE * place.free_bytes as f64) as u64;
    let (mut values, mut changed) = (Vec::<(&str, String)>::new(), (spec.clone(), peak_bytes));
    let mut made = 0;
    // First what leaves the experiment as it is.
    for kind in [&SAME[..], &RESTING[..], &OTHER[..]] {
        while changed.1 > room && made < MOST_CHANGES {
            let tried = kind.iter().filter_map(|change| change(&changed.0)).map(|change| (peak(&of(&change.spec)), change));
            // A change that hardly helps is not worth making.
            let best = tried.min_by_key(|(peak, _)| *peak).filter(|(peak, _)| *peak as f64 <= 0.97 * changed.1 as f64);
            let Some((peak, Changed { key, value, spec })) = best else { break };
            match values.iter_mut().find(|(known, _)| *known == key) {
                Some((_, last)) => *last = value,
                None => values.push((key, value)),
            }
            changed = (spec, peak);
            made += 1;
        }
    }
    let changes: Vec<String> = values.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    Fit {
        place: place.name.clone(),
        free_bytes: place.free_bytes,
        fits: peak_bytes <= room,
        peak_bytes,
        phases,
        changed_fits: changed.1 <= room,
        changed_peak_bytes: (!changes.is_empty()).then_some(changed.1),
        changes,
    }
}

fn peak(phases: &[FitPhase]) -> u64 {
    phases.iter().map(|phase| phase.peak_bytes).max().unwrap_or(0)
}

fn phases(spec: &Spec, longest: &Longest, place: &Place, models: &Models) -> Vec<FitPhase> {
    let (t, shape) = (&spec.training, lora(&spec.prompter));
    let count = |n: usize| n as u64;
    let (answers, group) = (count(spec.evaluation.answers_per_batch), count(t.group_size));
    let (rewrite, answer) = (count(spec.prompter.max_rewrite_tokens), count(spec.frozen.max_answer_tokens));
    let resting = Resting::of(spec, models);
    let held = place.own_bytes + weights(models, resting) + models.prompter.adapter(&shape);

    let sampled = |rows: u64, each: u64, texts: &Lengths, new| {
        let prompts = rows.div_ceil(each.max(1));
        Sampled { rows, prompts, prompt: of_longest(texts, prompts), shared: count(texts.shared), new }
    };
    let drawn = count(t.prompts_per_iteration) * group;
    let [trained, tested] = [(drawn, group), (answers, count(spec.evaluation.answers_per_prompt))]
        .map(|(rows, each)| models.prompter.sampling(sampled(rows.min(answers), each, &longest.requests, rewrite)));
    let rollout = if spec.arms.tuned { trained.max(tested) } else { tested };
    let answering = match &models.frozen {
        Answering::BuiltIn(frozen) => {
            let computed = frozen.footprint.sampling(sampled(answers, 1, &longest.messages, answer));
            computed + if resting.frozen { own(frozen) } else { 0 }
        }
        Answering::Engine(engine) => engine.answering(answers, of_longest(&longest.messages, 1), answer),
        Answering::Elsewhere => 0,
    };
    let conversations = count(TOKENS_PER_PASS).min(answers * (of_longest(&longest.messages, answers) + answer));
    let loaded = |weights: u64| if resting.scoring { weights } else { 0 };
    let scoring = models
        .scoring
        .iter()
        .map(|model| loaded(own(model)) + model.footprint.scoring(Scored { tokens: conversations, predicted: answers }));
    let of_encoder = |encoder: &EncoderFootprint| encoder.scoring(answers, of_longest(&longest.messages, 1) + answer);
    let scoring = scoring.chain(models.encoders.iter().map(|encoder| loaded(encoder.weights) + of_encoder(encoder)));
    let scoring = scoring.chain(models.engines.iter().map(|judge| judge.answering(answers, of_longest(&longest.messages, 1) + answer, 1)));
    // Whole groups of rewrites; a prompt is read once for its group, and what all begin with once for all.
    let pass = |texts: &Lengths, text: u64| {
        let groups = count(t.rewrites_per_pass).div_ceil(group.max(1)).max(1).min(count(t.prompts_per_iteration));
        let own = of_longest(texts, groups).saturating_sub(count(texts.shared)) + group * text.saturating_sub(1);
        Scored { tokens: count(texts.shared) + groups * own, predicted: groups * group * text }
    };
    let asked = pass(&longest.requests, rewrite);
    let update = models.prompter.training(&shape, asked, t.checkpointing).max(models.prompter.scoring(asked));
    let oracle = models.oracle.as_ref().map(|oracle| {
        oracle.footprint.adapter(&shape) + oracle.footprint.training(&shape, pass(&longest.messages, answer), t.checkpointing)
    });
    let mut phases = vec![(FitStep::Load, loading(models, resting))];
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

/// Which weights are in memory only while they compute.
#[derive(Debug, Clone, Copy)]
struct Resting {
    frozen: bool,
    scoring: bool,
}

impl Resting {
    /// What an oracle trains stays.
    fn of(spec: &Spec, models: &Models) -> Self {
        Self { frozen: spec.offload && models.oracle.is_none(), scoring: spec.offload }
    }
}

/// Bytes of the weights that are always there, shared ones once.
fn weights(models: &Models, resting: Resting) -> u64 {
    let frozen = match &models.frozen {
        Answering::BuiltIn(held) if !resting.frozen => own(held),
        Answering::Engine(engine) => engine.weights,
        Answering::BuiltIn(_) | Answering::Elsewhere => 0,
    };
    let engines = models.engines.iter().map(|judge| judge.weights).sum::<u64>();
    let oracle = models.oracle.iter().map(own).sum::<u64>();
    let encoders = models.encoders.iter().map(|encoder| encoder.weights);
    let scoring = if resting.scoring { 0 } else { encoders.chain(models.scoring.iter().map(own)).sum::<u64>() };
    models.prompter.weights + frozen + engines + oracle + scoring
}

fn own(held: &Held) -> u64 {
    if held.is_shared { 0 } else { held.footprint.weights }
}

/// Models are read one after the other; those that rest give their memory back before the next.
fn loading(models: &Models, resting: Resting) -> u64 {
    let read = |held: &Held, rests: bool| held.footprint.reading() + if rests { own(held) } else { 0 };
    let frozen = match &models.frozen {
        Answering::BuiltIn(held) => read(held, resting.frozen),
        Answering::Engine(engine) => engine.reading,
        Answering::Elsewhere => 0,
    };
    let scoring = models.scoring.iter().map(|held| read(held, resting.scoring));
    let encoders = models.encoders.iter().map(|encoder| encoder.reading() + if resting.scoring { encoder.weights } else { 0 });
    let engines = models.engines.iter().map(|judge| judge.reading);
    let oracle = models.oracle.iter().map(|held| read(held, false));
    scoring.chain(encoders).chain(engines).chain(oracle).chain([models.prompter.reading(), frozen]).max().unwrap_or(0)
}

/// A spec with one key that is worth less memory.
struct Changed {
    key: &'static str,
    /// As the spec writes it.
    value: String,
    spec: Spec,
}

/// None where the key has no more to give.
type Change = fn(&Spec) -> Option<Changed>;

/// `key` halved where it is still `least`; `place` is where it stands in a spec.
fn halved(key: &'static str, spec: &Spec, least: usize, place: impl Fn(&mut Spec) -> &mut usize) -> Option<Changed> {
    let mut spec = spec.clone();
    let number = place(&mut spec);
    *number /= 2;
    let number = *number;
    (number >= least).then(|| Changed { key, value: number.to_string(), spec })
}

/// What leaves the experiment as it is, but for rounding.
const SAME: [Change; 4] = [
    |spec| halved("training.rewrites_per_pass", spec, spec.training.group_size, |spec| &mut spec.training.rewrites_per_pass),
    |spec| {
        let mut changed = spec.clone();
        changed.training.checkpointing = true;
        (!spec.training.checkpointing).then_some(Changed { key: "training.checkpointing", value: "true".into(), spec: changed })
    },
    |spec| halved("evaluation.answers_per_batch", spec, 1, |spec| &mut spec.evaluation.answers_per_batch),
    |spec| {
        let changed = || Spec { precision: Precision::Bf16, ..spec.clone() };
        (spec.precision == Precision::F32).then(|| Changed { key: "precision", value: "\"bf16\"".into(), spec: changed() })
    },
];

/// What leaves it as it is too, and takes longer than all of these.
const RESTING: [Change; 1] =
    [|spec| (!spec.offload).then(|| Changed { key: "offload", value: "true".into(), spec: Spec { offload: true, ..spec.clone() } })];

/// Ways to quantise a frozen model while it is loaded, each in less memory than the one before.
const QUANTISATIONS: [&str; 4] = ["q8_0", "q6k", "q5k", "q4k"];

/// What makes it another one.
const OTHER: [Change; 4] = [
    |spec| {
        let is_asked = matches!(spec.frozen.engine, Engine::Auto | Engine::Mistralrs);
        // A GGUF file is quantised already.
        let is_file = spec.frozen.model.to_ascii_lowercase().ends_with(".gguf");
        let from = match spec.frozen.quantisation.as_deref() {
            None => 0,
            Some(now) => 1 + QUANTISATIONS.iter().position(|name| name.eq_ignore_ascii_case(now))?,
        };
        let next = QUANTISATIONS.get(from).filter(|_| is_asked && !is_file && !spec.arms.oracle)?;
        let mut changed = spec.clone();
        changed.frozen.quantisation = Some((*next).into());
        Some(Changed { key: "frozen.quantisation", value: format!("\"{next}\""), spec: changed })
    },
    |spec| halved("training.group_size", spec, 2, |spec| &mut spec.training.group_size),
    |spec| halved("prompter.max_rewrite_tokens", spec, 8, |spec| &mut spec.prompter.max_rewrite_tokens),
    |spec| halved("frozen.max_answer_tokens", spec, 16, |spec| &mut spec.frozen.max_answer_tokens),
];
