//! A judge: a model that is shown pairs of answers in both orders and says which is better. docs/algorithms/judge.md explains it.
mod figures;
mod question;
mod score;

pub use figures::of_run;
pub use question::{MAX_TOKENS, TEMPLATE, question, template, template_hash, verdict};
pub use score::{Scale, ScoreJudge};

use crate::evaluation::OnProgress;
use crate::report::latest;
use contract::{Error, Result, arm};
use inference::{Answer, AnswerDecoding, AnswerRequest, FrozenModel};
use lm::Message;
use question::shown;
use std::collections::BTreeMap;
use store::{Asked, EvaluationAnswer, Judgement, Run, Verdict};

/// Pairs that are asked about together and kept together: some seconds of two cores with a model of 135 million parameters.
pub const PAIRS_PER_BATCH: usize = 16;

/// The answers of two arms to one prompt, of equal number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub prompt_index: usize,
    pub answer_index: usize,
    /// As the user wrote it, after the system prompt where there is one, as the frozen model was given both; a rewrite is never shown.
    pub prompt: String,
    /// The arm's answer, and the baseline's.
    pub arm: String,
    pub baseline: String,
}

/// Who judges what, as it is kept with the verdicts. `name` is the judge's, without a folder of this machine; a system prompt before any
/// prompt of `rows` makes it another question.
pub fn asked(judge: &dyn FrozenModel, name: &str, arm: &str, baseline: &str, rows: &[EvaluationAnswer]) -> Asked {
    let template = template(rows.iter().any(|row| system(row).is_some()));
    Asked {
        judge: name.into(),
        checksum: judge.identity().into(),
        engine: judge.describe(),
        template_hash: template_hash(&template),
        template,
        arm: arm.into(),
        baseline: baseline.into(),
    }
}

/// The pairs of a run's test answers, one of each prompt before a second of any: the prompt is the unit of all intervals, so the first N
/// pairs say most.
///
/// # Errors
/// [`contract::Code::Run`] where there is nothing to judge: an arm without answers, the same arm twice, a run without its texts.
pub fn pairs(run: &Run, rows: &[EvaluationAnswer], arm: &str, baseline: &str) -> Result<Vec<Pair>> {
    if run.without_texts {
        return Err(Error::run(format!(
            "Run {} was shared without its texts, so that there is nothing a judge could read; ask for an export with them.",
            run.id
        )));
    }
    if arm == baseline {
        return Err(Error::run(format!("The {arm} arm cannot be judged against itself; name two arms.")));
    }
    let there: Vec<&str> = arm::ALL.into_iter().filter(|name| rows.iter().any(|row| row.arm == *name)).collect();
    if let Some(missing) = [arm, baseline].into_iter().find(|name| !there.contains(name)) {
        let has = if there.is_empty() { "none yet".into() } else { format!("those of {}", there.join(", ")) };
        return Err(Error::run(format!("Run {} has no test answers of an arm \"{missing}\"; it has {has}.", run.id)));
    }
    let pairs = paired(rows, arm, baseline);
    if pairs.is_empty() {
        return Err(Error::run(format!("In run {} the {arm} and the {baseline} arm have answered no prompt both yet.", run.id)));
    }
    Ok(pairs)
}

/// The system prompt before a prompt. It is empty where texts were left out.
fn system(row: &EvaluationAnswer) -> Option<&str> {
    row.system.as_deref().filter(|system| !system.is_empty())
}

/// The arm's answer and the baseline's, of equal number to each prompt; by answer first.
fn matched<'a>(rows: &'a [EvaluationAnswer], arm: &str, baseline: &str) -> Vec<(&'a EvaluationAnswer, &'a EvaluationAnswer)> {
    let key = |row: &EvaluationAnswer| (row.answer_index, row.prompt_index);
    let of = |arm: &str| latest(rows, arm).into_iter().map(|row| (key(row), row)).collect::<BTreeMap<_, _>>();
    let theirs = of(baseline);
    of(arm).into_iter().filter_map(|(key, ours)| Some((ours, *theirs.get(&key)?))).collect()
}

fn paired(rows: &[EvaluationAnswer], arm: &str, baseline: &str) -> Vec<Pair> {
    let pair = |(ours, theirs): (&EvaluationAnswer, &EvaluationAnswer)| Pair {
        prompt_index: ours.prompt_index,
        answer_index: ours.answer_index,
        prompt: shown(&Message::asked(system(ours), &ours.prompt)),
        arm: ours.answer.clone(),
        baseline: theirs.answer.clone(),
    };
    matched(rows, arm, baseline).into_iter().map(pair).collect()
}

/// Asks about every pair in both orders, greedily. `commit` gets the judgements of each batch and how many pairs are done; breaking
/// `on_progress`, which hears the same number on the way, abandons the running batch ([`contract::Code::Stopped`]).
pub fn judge(
    judge: &mut dyn FrozenModel,
    pairs: &[Pair],
    commit: &mut dyn FnMut(&[Judgement], usize) -> Result<()>,
    on_progress: &mut OnProgress<'_>,
) -> Result<()> {
    let decoding = AnswerDecoding { max_tokens: MAX_TOKENS, temperature: 0.0, top_p: 1.0, top_k: 0 };
    let mut done = 0;
    for batch in pairs.chunks(PAIRS_PER_BATCH) {
        let (mut fits, mut requests) = (Vec::new(), Vec::new());
        for pair in batch {
            let orders = [question(&pair.prompt, &pair.arm, &pair.baseline), question(&pair.prompt, &pair.baseline, &pair.arm)];
            let longest = judge.prompt_tokens(None, &orders[0])?.max(judge.prompt_tokens(None, &orders[1])?);
            fits.push(longest + MAX_TOKENS <= judge.context());
            if longest + MAX_TOKENS <= judge.context() {
                requests.extend(orders.map(|prompt| AnswerRequest::new(prompt, 0)));
            }
        }
        let answers = match requests.as_slice() {
            [] => Vec::new(),
            _ => judge.answer(&requests, &decoding, &mut |answered| on_progress(done + answered / 2))?,
        };
        let mut answers = answers.into_iter();
        let said = batch.iter().zip(fits).map(|(pair, fits)| judgement(pair, if fits { answers.next().zip(answers.next()) } else { None }));
        let judgements: Vec<Judgement> = said.collect();
        done += batch.len();
        commit(&judgements, done)?;
    }
    Ok(())
}

/// What was said of a pair with the arm's answer first and second; nothing where it was not asked.
fn judgement(pair: &Pair, said: Option<(Answer, Answer)>) -> Judgement {
    // What was cut has not come to its end, whatever its last line is.
    let read = |answer: &Answer| if answer.truncated { Verdict::Unparsed } else { verdict(&answer.text) };
    let (arm_first, arm_second) = said.as_ref().map_or((Verdict::TooLong, Verdict::TooLong), |(a, b)| (read(a), read(b)));
    let (arm_first_text, arm_second_text) = said.map(|(a, b)| (a.text, b.text)).unzip();
    Judgement { prompt_index: pair.prompt_index, answer_index: pair.answer_index, arm_first, arm_second, arm_first_text, arm_second_text }
}
