//! `alignpro try RUN "a prompt"`: what each arm makes of one prompt.
use super::Context;
use crate::engine::{self, Admitted};
use crate::output::printable;
use crate::progress::Bars;
use contract::data::Prompt;
use contract::desk::{Tried, TriedArm, TryNews};
use contract::event::Status;
use contract::{Error, Result, arm};
use experiment::prepare::base_folder;
use experiment::{Arm, Item, Pipeline, Trial};
use lm::stream;
use rewards::Reward;
use std::process::ExitCode;
use store::{Fact, Run, Store};

pub async fn try_prompt(context: &Context, run: i64, prompt: &str, seed: u64, each: bool) -> Result<ExitCode> {
    if prompt.trim().is_empty() {
        return Err(Error::data("The prompt is empty; write it in quotes: alignpro try RUN \"a prompt\"."));
    }
    let store = context.open().await?;
    let record = store.run(run).await?;
    let facts = store.facts(run).await?;
    let (iteration, adapter) = newest(&store, run).await?;
    let tell = |news: TryNews| if each { context.output.line(&news) } else { Ok(()) };
    let item = (prompt, seed);
    let tried = tokio::task::block_in_place(|| send(context, &record, &facts, (iteration, &adapter), item, &tell))?;
    context.output.result(&tried, || text(&tried))?;
    Ok(ExitCode::SUCCESS)
}

/// The newest trained adapter with its iteration, or why there is none.
pub async fn newest(store: &Store, run: i64) -> Result<(usize, Vec<u8>)> {
    match store.adapter(run, arm::TUNED).await? {
        Some(adapter) => Ok(adapter),
        None if store.run(run).await?.status == Status::Finished => {
            Err(Error::run(format!("Run {run} was shared without its trained prompter; ask for an export with it.")))
        }
        None => {
            Err(Error::run(format!("Run {run} has no trained prompter yet; `alignpro resume {run}` goes on until there is a checkpoint.")))
        }
    }
}

fn send(
    context: &Context,
    run: &Run,
    facts: &[Fact],
    (iteration, adapter): (usize, &[u8]),
    (prompt, seed): (&str, u64),
    tell: &dyn Fn(TryNews) -> Result<()>,
) -> Result<Tried> {
    let bars = Bars::new();
    bars.say("Loading the models …");
    let base = base_folder(facts);
    let loaded = engine::find(&context.home, &run.spec, &base, context.consent)?.load(&context.home, &run.spec)?;
    loaded.check_unchanged(facts)?;
    let adapter = loaded.prompter.adapter(adapter)?;
    let Admitted { prompter, frozen, parts, .. } = loaded.admit_for_a_few(&|| false)?;
    let mut pipeline = Pipeline::new(&run.spec, prompter, frozen, Reward::new(&run.spec.reward)?.with_scorers(&parts.scorers));
    let draw = |name: &str| stream::seed(run.spec.seed, name, &[seed]);
    let prompt = Prompt::from(prompt);
    let item = Item { prompt: &prompt, rewrite_seed: draw("try rewrite"), answer_seed: draw("try answer") };
    let mut arms = Vec::new();
    for arm in [Arm::Raw, Arm::Untuned, Arm::Tuned(&adapter)] {
        bars.say(&format!("{} …", arm.name()));
        let mut told = Ok(());
        let trial = pipeline.stream(arm, item, &mut |text| {
            let (rewrite, answer) = (text.rewrite.map(Into::into), text.answer.map(Into::into));
            if told.is_ok() {
                told = tell(TryNews::Growing { name: arm.name().into(), rewrite, answer });
            }
        })?;
        told?;
        let tried = tried_arm(arm.name(), trial);
        tell(TryNews::Done(tried.clone()))?;
        arms.push(tried);
    }
    Ok(Tried { run: run.id, iteration, prompt: prompt.text, arms })
}

fn tried_arm(name: &str, trial: Trial) -> TriedArm {
    TriedArm {
        name: name.into(),
        rewrite_closeness: trial.closeness,
        rewrite_truncated: trial.rewrite.as_ref().map(|r| r.truncated),
        rewrite: trial.rewrite.map(|r| r.text),
        answer: trial.answer.text,
        answer_truncated: trial.answer.truncated,
        reward: trial.score.total,
        reward_parts: trial.score.parts,
    }
}

fn text(tried: &Tried) -> String {
    let indent = |text: &str| printable(text).trim_end().replace('\n', "\n    ");
    let cut = |flag: bool| if flag { " (cut at the limit)" } else { "" };
    let mut shown = format!("Prompt\n    {}\n", indent(&tried.prompt));
    for a in &tried.arms {
        let title = match a.name.as_str() {
            arm::RAW => "Without a rewrite".into(),
            arm::UNTUNED => "Rewritten by the untuned prompter".into(),
            _ => format!("Rewritten by the tuned prompter (iteration {})", tried.iteration),
        };
        shown.push_str(&format!("\n{title}\n"));
        if let Some(rewrite) = &a.rewrite {
            let closeness = a.rewrite_closeness.map_or_else(String::new, |c| format!(", closeness {:.2}", c + 0.0));
            shown.push_str(&format!("  rewrite{}{closeness}\n    {}\n", cut(a.rewrite_truncated == Some(true)), indent(rewrite)));
        }
        shown.push_str(&format!("  answer{}\n    {}\n", cut(a.answer_truncated), indent(&a.answer)));
        let parts: Vec<_> = a.reward_parts.iter().map(|(label, value)| format!("{} {value:.3}", printable(label))).collect();
        shown.push_str(&format!("  reward {:.3} ({})\n", a.reward, parts.join(", ")));
    }
    shown
}
