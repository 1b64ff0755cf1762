//! `alignpro reward train PAIRS NAME`: a reward model from preferences of people.
use super::Context;
use crate::bench_table;
use crate::kept_training::KeptTraining;
use crate::models::check_name;
use crate::models::resolve::{as_folder, locate};
use crate::output::{note, one_line};
use crate::progress::{Bars, counting};
use crate::signals;
use crate::table::{bounded, columns, headed, plain};
use contract::bench::{HeldOut, RewardBench, RewardRecord, RewardTrained, RewardTrainingNews};
use contract::data::NearPair;
use contract::feedback::{FeedbackColumns, FeedbackFilter};
use contract::spec::{LORA_TARGETS, Reward as Spec, RewardPart, RewardProgram};
use contract::{Error, Result};
use datasets::feedback::{Look, Preferences, leave_near_out, near_in_training};
use experiment::feedback;
use experiment::reward_bench::{Margin, calibration, with_margins};
use experiment::reward_training::{RewardStep, RewardTrainer, RewardTraining, split};
use home::{create_folder, note_in};
use lm::{Llama, LoraConfig, ModelFolder, Precision, RewardModel};
use rewards::{Reward, Scorer, Scorers};
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// What is asked for.
pub struct Asked {
    pub name: String,
    pub columns: FeedbackColumns,
    pub filter: FeedbackFilter,
    /// Similarity of first messages from which a pair is not trained on, if it is to be looked at.
    pub near_duplicates: Option<f64>,
    pub base: String,
    pub only: Option<usize>,
    pub held_out: f64,
    pub settings: RewardTraining,
    /// As `training.checkpointing` of an experiment.
    pub checkpointing: bool,
    /// To tell each step.
    pub each: bool,
}

pub fn train(context: &Context, file: &Path, asked: &Asked) -> Result<ExitCode> {
    signals::listen();
    check(asked)?;
    let folder = context.home.models().join(&asked.name);
    if folder.exists() {
        return Err(Error::model(format!("{} is there already; choose another name, or remove the folder.", folder.display())));
    }
    let look = Look::at(file)?.keeping(&asked.filter)?.until(signals::stop_requested);
    let mapping = look.mapping(&asked.columns)?;
    let pairs = feedback::read_pairs(&look, &mapping, asked.only, asked.settings.seed, &file.display().to_string())?;
    let (mut training, held_out) = split(pairs, asked.held_out, asked.settings.seed);
    let too_near = asked.near_duplicates.map_or(0, |threshold| leave_near_out(&mut training.pairs, &held_out.pairs, threshold));
    let (near, nearest) = near_in_training(&training.pairs, &held_out.pairs);
    if let Some(nearest) = &nearest {
        note(&near_in_words(near, nearest));
        if asked.each {
            // Nobody may be listening; the training still goes on.
            let _ = context.output.line(&RewardTrainingNews::Near { first_messages: near, similarity: nearest.similarity });
        }
    }
    if training.pairs.is_empty() || held_out.pairs.is_empty() {
        return Err(Error::data(format!(
            "{} has too few pairs to hold {} of them out: {} to train on{} and {} held out.",
            file.display(),
            asked.held_out,
            training.pairs.len(),
            if too_near > 0 { format!(", without the {too_near} that begin nearly as a held-out one does,") } else { String::new() },
            held_out.pairs.len()
        )));
    }
    let base = as_folder(&context.home, &locate(&context.home, &asked.base, Path::new("."), "--base")?)?;
    create_folder(&context.home.models())?;
    let begun = Instant::now();
    let kept = KeptTraining::open(&context.home.models(), &asked.name, identity(&base, &training, asked)?)?;
    let (done, too_long) = learned(context, &base, [&training, &held_out], &folder, asked, kept)?;
    let seconds = begun.elapsed().as_secs_f64();
    let file_name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut record = RewardRecord {
        program_version: env!("CARGO_PKG_VERSION").into(),
        base: file_name(Path::new(&asked.base)),
        base_checksum: base.checksum()?,
        file: file_name(file),
        file_checksum: training.checksum.clone(),
        origin: hub::origin_of_data(file),
        label: mapping.columns().label,
        filter: asked.filter.clone(),
        near_duplicates: asked.near_duplicates,
        pairs: training.pairs.len() - too_long,
        steps: done.len(),
        seed: asked.settings.seed,
        epochs: asked.settings.epochs,
        learning_rate: asked.settings.learning_rate,
        held_out: None,
    };
    // Now, for what follows takes minutes and may be ended.
    note_record(&record, &folder)?;
    let (mut held_out, margins) = measured(context, &folder, &held_out, asked.each)?;
    held_out.origin.clone_from(&record.origin);
    let last = &done[done.len() - done.len().div_ceil(10)..];
    let trained = RewardTrained {
        folder: folder.display().to_string(),
        base: asked.base.clone(),
        pairs: record.pairs,
        too_long,
        too_near,
        steps: done.len(),
        training_loss: last.iter().map(|step| step.loss).sum::<f64>() / last.len() as f64,
        on_the_way: done.iter().filter_map(|step| step.held_out).collect(),
        seconds,
        near_in_training: near,
        nearest,
        calibration: calibration(&margins),
        held_out,
        columns: mapping.columns(),
        better: mapping.better().map(String::from),
    };
    record.held_out = Some(HeldOut {
        pairs: trained.held_out.pairs,
        accuracy: trained.held_out.rewards.first().and_then(|reward| reward.accuracy),
        loss: trained.calibration.as_ref().map(|calibration| calibration.loss),
    });
    note_record(&record, &folder)?;
    context.output.result(&trained, || text(&trained))?;
    Ok(ExitCode::SUCCESS)
}

fn check(asked: &Asked) -> Result<()> {
    check_name(&asked.name)?;
    let wrong = |what: String| Err(Error::spec(what));
    if !(asked.held_out > 0.0 && asked.held_out < 1.0) {
        return wrong(format!("--held-out is {}; it must be above 0 and below 1.", asked.held_out));
    }
    if !(asked.settings.learning_rate > 0.0 && asked.settings.learning_rate.is_finite()) {
        return wrong(format!("--learning-rate is {}; it must be a positive number.", asked.settings.learning_rate));
    }
    if let Some(share) = asked.near_duplicates.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
        return wrong(format!("--near-duplicates is {share}; it must be above 0 and at most 1, such as 0.8."));
    }
    Ok(())
}

/// Beside the weights.
fn note_record(record: &RewardRecord, folder: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(record).map_err(|e| Error::internal("A training cannot be noted.").with_detail(e))?;
    note_in(folder, RewardRecord::FILE, &text)
}

/// What makes a training the one that it is. Checkpointing of blocks and what is told on the way change nothing of it.
fn identity(base: &ModelFolder, training: &Preferences, asked: &Asked) -> Result<String> {
    let Asked { columns, filter, near_duplicates, only, held_out, settings, .. } = asked;
    let which = format!("{columns:?} {filter:?} {near_duplicates:?} {only:?} {held_out}");
    Ok(format!("{} {} {which} {settings:?}", base.checksum()?, training.checksum))
}

/// Trains and writes the folder, from where an earlier process was stopped; the steps, and how many pairs were too long. Of the pairs the first are
/// learned from, the others are looked at on the way.
fn learned(
    context: &Context,
    base: &ModelFolder,
    [pairs, held_out]: [&Preferences; 2],
    folder: &Path,
    asked: &Asked,
    mut kept: KeptTraining,
) -> Result<(Vec<RewardStep>, usize)> {
    let found = kept.found()?;
    let bars = Bars::new();
    bars.say("Loading the model …");
    let lora = LoraConfig { rank: 16, alpha: 32.0, dropout: 0.0, targets: LORA_TARGETS.map(String::from).to_vec() };
    let model = Llama::load(base, &lm::best_device(), Precision::F32)?.with_checkpointing(asked.checkpointing);
    let model = RewardModel::untrained(model, base, lora, asked.settings.seed)?;
    let mut trainer = RewardTrainer::start(model, &pairs.pairs, &held_out.pairs, asked.settings.clone())?;
    let bar = counting("training", "steps", (0, 0));
    let tell = |told: &RewardStep, is_earlier: bool| {
        bar.set_length(told.steps as u64);
        bar.set_position(told.step as u64);
        if asked.each {
            let RewardStep { step, steps, loss, accuracy, held_out, .. } = *told;
            // Nobody may be listening; the training still goes on.
            let _ = context.output.line(&RewardTrainingNews::Step { step, steps, loss, accuracy, is_earlier, held_out });
        }
    };
    if let Some(checkpoint) = found {
        trainer.resume(checkpoint)?;
        bars.say(&format!("Going on after step {}.", trainer.done().len()));
        trainer.done().iter().for_each(|step| tell(step, true));
    }
    while let Some(step) = trainer.step()? {
        tell(&step, false);
        let recent = trainer.done().iter().rev().take(20).map(|step| step.loss);
        let of_held_out =
            trainer.done().iter().rev().find_map(|step| step.held_out).map(|seen| format!(", held out {:.0} %", 100.0 * seen.accuracy));
        bar.set_message(format!("loss {:.3}{}", recent.clone().sum::<f64>() / recent.len() as f64, of_held_out.unwrap_or_default()));
        let is_stopped = signals::go_on().is_break();
        if is_stopped || kept.is_due() {
            kept.keep(&trainer)?;
        }
        if is_stopped {
            bar.finish_and_clear();
            let RewardStep { step, steps, .. } = step;
            return Err(Error::stopped(format!(
                "Stopped after step {step} of {steps}, which is kept: the same command goes on from there."
            )));
        }
    }
    bar.finish_and_clear();
    let (done, too_long) = (trainer.done().to_vec(), trainer.too_long);
    trainer.finish()?.write(base, folder)?;
    kept.end()?;
    Ok((done, too_long))
}

/// The folder as it was written, on pairs that it has not seen; and what each chosen answer is worth more there.
fn measured(context: &Context, folder: &Path, held_out: &Preferences, each: bool) -> Result<(RewardBench, Vec<Margin>)> {
    const PART: &str = "reward_model";
    let model = RewardModel::load(&ModelFolder::open_reward_model(folder)?, &lm::best_device(), Precision::F32)?;
    let program = RewardProgram::RewardModel { model: PART.into() };
    let reward = Reward::new(&Spec { parts: vec![RewardPart { name: None, weight: 1.0, program }] })?;
    let reward = reward.with_scorers(&Scorers::from([(PART.into(), Arc::new(model) as Arc<dyn Scorer>)]));
    let bar = counting("measuring", "pairs", (0, held_out.pairs.len()));
    let mut on_progress = |done: usize| {
        bar.set_position(done as u64);
        if each {
            let _ = context.output.line(&RewardTrainingNews::Measuring { scored: done, total: held_out.pairs.len() });
        }
        ControlFlow::Continue(())
    };
    let (mut bench, margins) = with_margins(&reward, held_out, &mut on_progress)?;
    bar.finish_and_clear();
    // The reward is its only part.
    bench.rewards.retain(|agreement| agreement.name != PART);
    Ok((bench, margins))
}

/// That accuracy on the held-out pairs is partly memory.
fn near_in_words(count: usize, nearest: &NearPair) -> String {
    format!(
        "First messages of held-out pairs that are near-duplicates of one that is trained on: {count}. The nearest, with {:.0} % of its word triples: \"{}\" and \"{}\". \
         Agreement on such pairs is partly memory.",
        100.0 * nearest.similarity,
        one_line(&nearest.prompt, 160),
        one_line(&nearest.in_training, 160)
    )
}

fn text(trained: &RewardTrained) -> String {
    let mut text = format!(
        "{} from {}: {} pairs in {} steps, {:.0} s; loss at the end {:.3}\n",
        trained.folder, trained.base, trained.pairs, trained.steps, trained.seconds, trained.training_loss
    );
    if trained.too_long > 0 {
        let _ = writeln!(text, "{} pairs are too long and were left out.", trained.too_long);
    }
    if trained.too_near > 0 {
        let _ = writeln!(text, "{} pairs begin nearly as a held-out one does and were left out.", trained.too_near);
    }
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    if let Some(first) = trained.on_the_way.first() {
        let course = trained.on_the_way.iter().map(|seen| format!("{} (step {})", percent(seen.accuracy), seen.step));
        let _ = writeln!(text, "Right of the first {} held-out pairs on the way: {}", first.pairs, course.collect::<Vec<_>>().join(", "));
    }
    let _ = writeln!(text, "\nOn pairs that it did not see\n\n{}", bench_table::pairs(&trained.held_out));
    if let Some(nearest) = &trained.nearest {
        let _ = writeln!(text, "{}", near_in_words(trained.near_in_training, nearest));
    }
    let _ = writeln!(text, "{}\n", bench_table::mapped(&trained.columns, trained.better.as_deref()));
    let Some(calibration) = &trained.calibration else { return text };
    let rows = calibration.bins.iter().map(|bin| {
        vec![
            format!("{} to {}", percent(bin.low), percent(bin.high)),
            percent(bin.predicted),
            bounded(bin.observed, percent),
            bin.pairs.to_string(),
        ]
    });
    text.push_str(&columns(&headed(&["so sure it is", "mean", "so often it is right [95 % interval]", "pairs"], rows), &[0]));
    let _ = writeln!(text, "\nCalibration error {}, loss {} nats (chance: 0.693).", plain(calibration.error), plain(calibration.loss));
    text
}
