//! Sentences on variances and on several seeds; the one on a run's means is in `verdict`.
use crate::verdict::{claim, join, test_prompts};
use crate::{Finding, OverSeeds, Spread};

/// One sentence on the claim that a trained prompter gives the least variance: whether the tuned prompter's rewards vary less or more than
/// the raw prompt's and the untuned prompter's, or cannot be told apart from them, with each ratio and its interval. The interval of the
/// log ratio decides.
pub fn variance_verdict(against_raw: &Spread, against_untuned: &Spread) -> String {
    let finding = |spread: &Spread| spread.interval.map_or(Finding::Unknown, Finding::of);
    let findings = (finding(against_raw), finding(against_untuned));
    if findings == (Finding::Unknown, Finding::Unknown) {
        return "The variances of the arms' rewards cannot be compared: too few of the test prompts' rewards differ.".into();
    }
    let words = |finding| match finding {
        Finding::Better => "is greater than",
        Finding::Worse => "is less than",
        Finding::Unclear => "cannot be told apart from",
        Finding::Unknown => "cannot be compared with",
    };
    let raw = format!("the raw prompt's{}", ratio(against_raw));
    let untuned = format!("the untuned prompter's{}", ratio(against_untuned));
    format!("The variance of the tuned prompter's rewards {}.", join(words, findings, &raw, &untuned))
}

fn ratio(spread: &Spread) -> String {
    match (spread.log_ratio, spread.interval) {
        (Some(log), Some(interval)) => {
            format!(" (ratio {:.2}, 95 % interval {:.2} to {:.2})", log.exp(), interval.low.exp(), interval.high.exp())
        }
        _ => String::new(),
    }
}

/// One sentence on paired differences over seeds: whether training makes the prompter better than the raw prompt and than the untuned
/// prompter. [`OverSeeds::reported`] decides. With one seed the sentence says that it is about this one prompter. There are as many `clusters` as
/// prompts where these do not belong together.
pub fn seeds_verdict(against_raw: &OverSeeds, against_untuned: &OverSeeds, prompts: usize, clusters: usize) -> String {
    let finding = |over: &OverSeeds| over.reported().map_or(Finding::Unknown, Finding::of);
    let findings = (finding(against_raw), finding(against_untuned));
    if findings.0 == Finding::Unknown || findings.1 == Finding::Unknown {
        return "The arms cannot be compared over seeds: at least 2 test prompts and a finished run with finite rewards are needed.".into();
    }
    let raw = format!("the raw prompt ({})", difference(against_raw));
    let untuned = format!("the untuned prompter ({})", difference(against_untuned));
    let claims = join(claim, findings, &raw, &untuned);
    let prompts = test_prompts(prompts, clusters);
    match against_raw.seeds {
        1 => format!(
            "With one seed, on {prompts}, this tuned prompter {claims}; whether training gives such prompters takes \
             three seeds or more."
        ),
        seeds => {
            let unclear = findings.0 == Finding::Unclear || findings.1 == Finding::Unclear;
            let advice = if unclear { ": to tell, train more seeds or test on more prompts" } else { "" };
            format!("Over {seeds} seeds on {prompts} the tuned prompter {claims}{advice}.")
        }
    }
}

fn difference(over: &OverSeeds) -> String {
    let Some((mean, interval)) = over.mean.zip(over.reported()) else { return String::new() };
    let by = if over.by_student() { "Student's t" } else { "bootstrap" };
    format!("mean difference {mean:+.3}, 95 % interval by {by} {:+.3} to {:+.3}", interval.low, interval.high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interval, Resampled};

    fn spread(log_ratio: f64, low: f64, high: f64) -> Spread {
        Spread { prompts: 96, log_ratio: Some(log_ratio), interval: Some(Interval { low, high }) }
    }

    fn over(seeds: usize, mean: f64, half: f64) -> OverSeeds {
        let around = |half: f64| Interval { low: mean - half, high: mean + half };
        OverSeeds {
            seeds,
            diverged: 0,
            mean: Some(mean),
            interval: Some(around(half / 2.0)),
            resampled: if seeds == 1 { Resampled::PromptsOnly } else { Resampled::SeedsAndPrompts },
            deviation: (seeds > 1).then_some(0.1),
            student: (seeds > 1).then(|| around(half)),
            p_value: None,
        }
    }

    #[test]
    fn the_variance_is_less_more_or_cannot_be_told_apart() {
        let ln = f64::ln;
        assert_eq!(
            variance_verdict(&spread(ln(0.5), ln(0.3), ln(0.8)), &spread(ln(0.9), ln(0.7), ln(1.2))),
            "The variance of the tuned prompter's rewards is less than the raw prompt's (ratio 0.50, 95 % interval 0.30 to 0.80) but \
             cannot be told apart from the untuned prompter's (ratio 0.90, 95 % interval 0.70 to 1.20)."
        );
        let more = variance_verdict(&spread(0.7, 0.1, 1.0), &spread(0.7, 0.1, 1.0));
        assert!(more.contains("is greater than the raw prompt's (") && more.contains(" and than the untuned prompter's ("), "{more}");
        let none = Spread { prompts: 2, log_ratio: None, interval: None };
        assert!(variance_verdict(&none, &none).contains("cannot be compared:"));
        let half = variance_verdict(&none, &spread(0.0, -0.5, 0.5));
        assert!(half.contains("cannot be compared with the raw prompt's but cannot be told apart from the untuned"), "{half}");
    }

    #[test]
    fn over_few_seeds_student_decides() {
        let text = seeds_verdict(&over(3, 0.2, 0.1), &over(3, 0.05, 0.08), 96, 96);
        assert_eq!(
            text,
            "Over 3 seeds on 96 test prompts the tuned prompter is better than the raw prompt (mean difference +0.200, 95 % interval by \
             Student's t +0.100 to +0.300) but cannot be told apart from the untuned prompter (mean difference +0.050, 95 % interval by \
             Student's t -0.030 to +0.130): to tell, train more seeds or test on more prompts."
        );
        let many = seeds_verdict(&over(12, 0.05, 0.08), &over(12, 0.05, 0.08), 96, 24);
        assert!(
            many.starts_with("Over 12 seeds on 96 test prompts in 24 clusters the tuned prompter is better than the raw prompt")
                && many.contains("interval by bootstrap +0.010 to +0.090"),
            "{many}"
        );
        // Both intervals are [0, 0]; the bootstrap's is the one reported.
        let alike = seeds_verdict(&over(12, 0.0, 0.0), &over(12, 0.0, 0.0), 96, 96);
        assert!(alike.contains("interval by bootstrap +0.000 to +0.000") && !alike.contains("Student's t"), "{alike}");
        let one = seeds_verdict(&over(1, 0.2, 0.1), &over(1, 0.2, 0.1), 1, 1);
        assert!(one.starts_with("With one seed, on 1 test prompt, this tuned prompter is better") && one.contains("three seeds"), "{one}");
        let none = OverSeeds { mean: None, interval: None, student: None, ..over(2, 0.0, 0.0) };
        assert!(seeds_verdict(&none, &none, 0, 0).starts_with("The arms cannot be compared over seeds"));
    }
}
