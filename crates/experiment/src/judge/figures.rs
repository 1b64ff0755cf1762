//! What stored judgements say, of the arms and of the judge.
use super::matched;
use crate::clusters::Clusters;
use crate::figures;
use crate::streams::Streams;
use analysis::{Choice, JudgedPair};
use contract::Result;
use contract::figures::ShareOfPrompts;
use contract::judged::Judged;
use std::collections::BTreeMap;
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
    let longer: Longer = matched(rows, &asked.arm, &asked.baseline).into_iter().map(arm_is_longer).collect();
    let pairs: Vec<JudgedPair> = judgements.iter().filter_map(|judgement| whole(judgement, &clusters, &longer)).collect();
    let is = |verdict| judgements.iter().filter(|j| [j.arm_first, j.arm_second].contains(&verdict)).count();
    let name = format!("judged {} {} {}-{}", asked.checksum, asked.template_hash, asked.arm, asked.baseline);
    let found = analysis::wins(&pairs, run.spec.evaluation.bootstrap_resamples, Streams::new(run.spec.seed).statistics(&name));
    let [win_rate, first_position, agreement, to_longer] =
        [&found.win_rate, &found.first_position, &found.agreement, &found.longer].map(|share| share.as_ref().map(figures::share));
    let of_different: Vec<bool> = pairs.iter().filter_map(|pair| pair.arm_is_longer).collect();
    let arm_is_longer =
        (!of_different.is_empty()).then(|| of_different.iter().filter(|is| **is).count() as f64 / of_different.len() as f64);
    let mut judged = Judged {
        available: longer.len(),
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
        longer: to_longer,
        arm_is_longer,
        began_at_ms,
        ended_at_ms,
        warnings: Vec::new(),
    };
    judged.warnings = warnings(&judged);
    judged
}

/// By prompt and number of the answers, whether the arm's is the longer one; None where both are as long.
type Longer = BTreeMap<(usize, usize), Option<bool>>;

/// In tokens, which a run that is shared without its texts has too.
fn arm_is_longer((ours, theirs): (&EvaluationAnswer, &EvaluationAnswer)) -> ((usize, usize), Option<bool>) {
    let is_longer = (ours.answer_tokens != theirs.answer_tokens).then_some(ours.answer_tokens > theirs.answer_tokens);
    ((ours.prompt_index, ours.answer_index), is_longer)
}

/// A pair with a verdict in both orders.
fn whole(judgement: &Judgement, clusters: &Clusters, longer: &Longer) -> Option<JudgedPair> {
    let choice = |verdict| match verdict {
        Verdict::First => Some(Choice::First),
        Verdict::Second => Some(Choice::Second),
        Verdict::Tie => Some(Choice::Tie),
        Verdict::Unparsed | Verdict::TooLong => None,
    };
    let (arm_first, arm_second) = choice(judgement.arm_first).zip(choice(judgement.arm_second))?;
    let prompt = judgement.prompt_index;
    let arm_is_longer = longer.get(&(prompt, judgement.answer_index)).copied().flatten();
    Some(JudgedPair { prompt, cluster: clusters.numbers([&prompt])[0], arm_first, arm_second, arm_is_longer })
}

fn warnings(judged: &Judged) -> Vec<String> {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let mut warnings = Vec::new();
    let is_large = |of: &ShareOfPrompts| (of.share - 0.5).abs() >= LARGE_BIAS && of.interval.is_some_and(|i| i.low > 0.5 || i.high < 0.5);
    let biased = judged
        .first_position
        .filter(is_large)
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
    // Where both arms are as often the longer one, a liking for length cancels.
    if let Some((longer, arm)) = judged.longer.filter(is_large).zip(judged.arm_is_longer)
        && longer.share > 0.5
        && (arm - 0.5).abs() >= LARGE_BIAS
    {
        let (who, often) = if arm > 0.5 { (&judged.arm, arm) } else { (&judged.baseline, 1.0 - arm) };
        warnings.push(format!(
            "{} of the verdicts that were no ties went to the longer answer, and the {who} arm's is the longer one in {} of the pairs: a part of the win rate \
             may be a liking for length. Compare it with the difference of rewards at equal length.",
            percent(longer.share),
            percent(often)
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
