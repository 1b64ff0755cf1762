//! What stored judgements say, of the arms and of the judge.
use super::paired;
use crate::clusters::Clusters;
use crate::figures;
use crate::streams::Streams;
use analysis::{Choice, JudgedPair};
use contract::Result;
use contract::judged::Judged;
use store::{EvaluationAnswer, Judgement, Judging, Run, Split, Store, Verdict};

/// A judge that says the same in both orders of fewer pairs follows the order. Half is what a coin does that knows no ties.
const LEAST_AGREEMENT: f64 = 0.6;
/// A share of verdicts for the first position this far from one half is large, if its interval is beyond one half too.
const LARGE_BIAS: f64 = 0.15;

/// What every judge said of a run, in the order in which they were asked.
///
/// # Errors
/// As the store's.
pub async fn of_run(store: &Store, run: &Run) -> Result<Vec<Judged>> {
    let judgings = store.judgings(run.id).await?;
    if judgings.is_empty() {
        return Ok(Vec::new());
    }
    let rows = store.evaluation(run.id, Some(Split::Test)).await?;
    Ok(judgings.into_iter().map(|judging| judged(run, judging, &rows)).collect())
}

pub(super) fn judged(run: &Run, judging: Judging, rows: &[EvaluationAnswer]) -> Judged {
    let Judging { asked, began_at_ms, ended_at_ms, judgements } = judging;
    let clusters = Clusters::of(rows);
    let pairs: Vec<JudgedPair> = judgements.iter().filter_map(|judgement| whole(judgement, &clusters)).collect();
    let is = |verdict| judgements.iter().filter(|j| [j.arm_first, j.arm_second].contains(&verdict)).count();
    let name = format!("judged {} {} {}-{}", asked.checksum, asked.template_hash, asked.arm, asked.baseline);
    let found = analysis::wins(&pairs, run.spec.evaluation.bootstrap_resamples, Streams::new(run.spec.seed).statistics(&name));
    let [win_rate, first_position, agreement] =
        [&found.win_rate, &found.first_position, &found.agreement].map(|share| share.as_ref().map(figures::share));
    let mut judged = Judged {
        available: paired(rows, &asked.arm, &asked.baseline).len(),
        judge: asked.judge,
        checksum: asked.checksum,
        engine: asked.engine,
        template: asked.template,
        template_hash: asked.template_hash,
        arm: asked.arm,
        baseline: asked.baseline,
        pairs: found.pairs,
        prompts: found.prompts,
        clusters: clusters.count(pairs.iter().map(|pair| &pair.prompt)),
        unparsed: is(Verdict::Unparsed),
        too_long: is(Verdict::TooLong),
        win_rate,
        first_position,
        agreement,
        began_at_ms,
        ended_at_ms,
        warnings: Vec::new(),
    };
    judged.warnings = warnings(&judged);
    judged
}

/// A pair with a verdict in both orders.
fn whole(judgement: &Judgement, clusters: &Clusters) -> Option<JudgedPair> {
    let choice = |verdict| match verdict {
        Verdict::First => Some(Choice::First),
        Verdict::Second => Some(Choice::Second),
        Verdict::Tie => Some(Choice::Tie),
        Verdict::Unparsed | Verdict::TooLong => None,
    };
    let (arm_first, arm_second) = choice(judgement.arm_first).zip(choice(judgement.arm_second))?;
    let prompt = judgement.prompt_index;
    Some(JudgedPair { prompt, cluster: clusters.numbers([&prompt])[0], arm_first, arm_second })
}

fn warnings(judged: &Judged) -> Vec<String> {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let mut warnings = Vec::new();
    let is_large = |share: f64| (share - 0.5).abs() >= LARGE_BIAS;
    let biased = judged
        .first_position
        .filter(|first| is_large(first.share) && first.interval.is_some_and(|i| i.low > 0.5 || i.high < 0.5))
        .map(|first| format!("{} of its verdicts that were no ties went to the answer that stood first", percent(first.share)));
    let unsteady = judged
        .agreement
        .filter(|agreement| agreement.share < LEAST_AGREEMENT)
        .map(|agreement| format!("it said the same in both orders of {} of the pairs", percent(agreement.share)));
    if biased.is_some() || unsteady.is_some() {
        let why: Vec<String> = unsteady.into_iter().chain(biased).collect();
        warnings.push(format!(
            "This judge follows the position more than the answers: {}. Its win rate says little; ask a larger model.",
            why.join(", and ")
        ));
    }
    if judged.unparsed > judged.pairs {
        let (n, all) = (judged.unparsed, judged.unparsed + judged.pairs);
        warnings.push(format!(
            "The judge gave no verdict that could be read on {n} of {all} pairs, and what is left may not stand for all. \
             Ask a model that follows instructions."
        ));
    }
    if judged.too_long > 0 {
        warnings.push(format!(
            "{} of the pairs were left out because the question is longer than the judge's context: the longest answers are missing. \
             Ask a model with a larger context.",
            judged.too_long
        ));
    }
    warnings
}
