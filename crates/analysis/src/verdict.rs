//! What the comparisons say, in one plain sentence.
use crate::{Interval, Paired};

/// What a paired comparison lets us claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The whole interval of the difference lies above 0.
    Better,
    /// The whole interval lies below 0.
    Worse,
    /// The interval holds 0.
    Unclear,
    /// Fewer than two prompts or clusters of them, or rewards that are not finite: there is no interval to judge by.
    Unknown,
}

impl Finding {
    /// What an interval of a difference, or of a log ratio, says.
    pub(crate) fn of(interval: Interval) -> Self {
        if !(interval.low.is_finite() && interval.high.is_finite()) {
            Self::Unknown
        } else if interval.low > 0.0 {
            Self::Better
        } else if interval.high < 0.0 {
            Self::Worse
        } else {
            Self::Unclear
        }
    }
}

impl Paired {
    /// A claim is made only where the interval excludes 0 and at least two prompts, in two clusters, were compared.
    pub fn finding(&self) -> Finding {
        if self.clusters < 2 { Finding::Unknown } else { Finding::of(self.interval) }
    }

    /// About how many prompts would let a true difference of the size seen here stand out: the interval's half width shrinks with the
    /// square root of the number of prompts. None where no difference was seen.
    fn prompts_to_tell(&self) -> Option<f64> {
        let half_width = (self.interval.high - self.interval.low) / 2.0;
        let needed = self.prompts as f64 * (half_width / self.mean_difference).powi(2);
        (needed.is_finite() && needed > 0.0).then(|| needed.max(self.prompts as f64 + 1.0))
    }
}

/// One sentence: whether the tuned prompter is better or worse than the raw prompt and than the untuned prompter, or cannot be told
/// apart from them, with difference, interval, p and number of prompts, and what to do next where that is not clear.
///
/// Whether a difference is claimed is decided by the interval alone ([`Paired::finding`]); where p says otherwise at the 5 % level, the
/// sentence calls the case borderline.
pub fn verdict(against_raw: &Paired, against_untuned: &Paired) -> String {
    let findings = (against_raw.finding(), against_untuned.finding());
    if findings.0 == Finding::Unknown || findings.1 == Finding::Unknown {
        return format!(
            "The arms cannot be compared on {}: at least 2 test prompts{} with a finite reward in every arm are needed.",
            prompts(against_raw, against_untuned),
            if against_raw.clusters < against_raw.prompts { " of different clusters" } else { "" }
        );
    }
    let raw = format!("the raw prompt ({})", figures(against_raw));
    let untuned = format!("the untuned prompter ({})", figures(against_untuned));
    let joined = join(claim, findings, &raw, &untuned);
    format!("On {} the tuned prompter {joined}{}.", prompts(against_raw, against_untuned), advice(against_raw, against_untuned))
}

/// Two claims as the middle of a sentence; `words` says what a finding is, up to the baseline that follows.
pub(crate) fn join(words: fn(Finding) -> &'static str, findings: (Finding, Finding), raw: &str, untuned: &str) -> String {
    let first = words(findings.0);
    match findings {
        (Finding::Unclear, Finding::Unclear) => format!("{first} {raw}, nor from {untuned}"),
        (a, b) if a == b => format!("{first} {raw} and than {untuned}"),
        (_, b) => format!("{first} {raw} but {} {untuned}", words(b)),
    }
}

pub(crate) fn claim(finding: Finding) -> &'static str {
    match finding {
        Finding::Better => "is better than",
        Finding::Worse => "is worse than",
        Finding::Unclear | Finding::Unknown => "cannot be told apart from",
    }
}

fn prompts(a: &Paired, b: &Paired) -> String {
    if (a.prompts, a.clusters) == (b.prompts, b.clusters) {
        return test_prompts(a.prompts, a.clusters);
    }
    format!("{} and {}", test_prompts(a.prompts, a.clusters), test_prompts(b.prompts, b.clusters))
}

/// "96 test prompts", "96 test prompts in 24 clusters".
pub(crate) fn test_prompts(prompts: usize, clusters: usize) -> String {
    let of = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    let within = if clusters < prompts { format!(" in {}", of(clusters, "cluster")) } else { String::new() };
    format!("{}{within}", of(prompts, "test prompt"))
}

fn figures(paired: &Paired) -> String {
    let p = if paired.p_value < 0.001 { "p < 0.001".into() } else { format!("p = {:.3}", paired.p_value) };
    let borderline = (paired.p_value < 0.05) == (paired.finding() == Finding::Unclear);
    format!(
        "mean reward {:+.3}, 95 % interval {:+.3} to {:+.3}, {p}{}",
        paired.mean_difference,
        paired.interval.low,
        paired.interval.high,
        if borderline { ", borderline" } else { "" }
    )
}

/// What to do next, as the end of the sentence; empty where there is nothing to do.
fn advice(against_raw: &Paired, against_untuned: &Paired) -> String {
    if against_untuned.finding() == Finding::Worse {
        return ": the training did harm, so try a lower training.learning_rate or a higher training.kl_coefficient".into();
    }
    let unclear: Vec<&Paired> = [against_raw, against_untuned].into_iter().filter(|p| p.finding() == Finding::Unclear).collect();
    if unclear.is_empty() {
        return String::new();
    }
    let needed = unclear.iter().map(|p| p.prompts_to_tell()).try_fold(0.0, |most: f64, n| n.map(|n| most.max(n)));
    match needed {
        // Beyond twenty times the prompts there are, "more prompts" is no longer practical advice.
        Some(n) if n <= 20.0 * against_raw.prompts as f64 => format!(
            ": to tell, raise data.test to about {} prompts{}, which is what a difference of this size needs, or train longer",
            round_up(n),
            if against_raw.clusters < against_raw.prompts { ", in as many more clusters" } else { "" }
        ),
        _ => {
            ": a difference this small is out of reach of more prompts, so train longer, or look for a reward that training can move".into()
        }
    }
}

/// Rounds up to two significant digits.
fn round_up(n: f64) -> u64 {
    let step = 10_f64.powi((n.log10().floor() as i32 - 1).max(0));
    ((n / step).ceil() * step) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paired(mean_difference: f64, low: f64, high: f64, p_value: f64) -> Paired {
        let interval = Interval { low, high };
        let (accelerated, effect_size, improvement) = (None, None, None);
        Paired { prompts: 96, clusters: 96, mean_difference, interval, p_value, accelerated, effect_size, improvement }
    }

    #[test]
    fn better_than_both() {
        assert_eq!(
            verdict(&paired(0.21, 0.15, 0.27, 0.0001), &paired(0.1, 0.04, 0.16, 0.002)),
            "On 96 test prompts the tuned prompter is better than the raw prompt (mean reward +0.210, 95 % interval +0.150 to +0.270, \
             p < 0.001) and than the untuned prompter (mean reward +0.100, 95 % interval +0.040 to +0.160, p = 0.002)."
        );
    }

    #[test]
    fn better_than_one_says_how_many_prompts_the_other_needs() {
        let text = verdict(&paired(0.21, 0.15, 0.27, 0.0001), &paired(0.03, -0.03, 0.09, 0.3));
        assert!(text.contains("is better than the raw prompt (") && text.contains("but cannot be told apart from the untuned prompter ("));
        assert!(text.ends_with("raise data.test to about 390 prompts, which is what a difference of this size needs, or train longer."));
    }

    #[test]
    fn neither_and_nothing_at_all() {
        let text = verdict(&paired(0.0, 0.0, 0.0, 1.0), &paired(0.0001, -0.1, 0.1, 0.9));
        assert!(text.contains("cannot be told apart from the raw prompt (") && text.contains(", nor from the untuned prompter ("));
        assert!(text.contains("out of reach of more prompts"), "{text}");
    }

    #[test]
    fn clusters_are_named_where_there_are_fewer_than_prompts() {
        let clustered = |d: f64| Paired { clusters: 24, ..paired(d, d - 0.06, d + 0.06, 0.3) };
        let text = verdict(&clustered(0.21), &clustered(0.03));
        assert!(text.starts_with("On 96 test prompts in 24 clusters the tuned prompter is better than the raw prompt ("), "{text}");
        assert!(text.contains("to about 390 prompts, in as many more clusters, which"), "{text}");
        let one = Paired { clusters: 1, ..paired(0.2, 0.2, 0.2, 1.0) };
        let text = verdict(&one, &one);
        assert!(text.contains("on 96 test prompts in 1 cluster: at least 2 test prompts of different clusters with"), "{text}");
    }

    #[test]
    fn worse_than_untuned_is_called_harm() {
        let text = verdict(&paired(0.2, 0.1, 0.3, 0.001), &paired(-0.2, -0.3, -0.1, 0.001));
        assert!(text.contains("but is worse than the untuned prompter") && text.contains("the training did harm"), "{text}");
    }

    #[test]
    fn interval_decides_and_a_dissenting_p_is_named() {
        let narrow = verdict(&paired(0.1, 0.001, 0.2, 0.052), &paired(0.1, 0.05, 0.15, 0.001));
        assert!(
            narrow.contains("is better than the raw prompt (mean reward +0.100, 95 % interval +0.001 to +0.200, p = 0.052, borderline)")
        );
        let missed = verdict(&paired(0.1, 0.05, 0.15, 0.001), &paired(0.1, -0.001, 0.2, 0.049));
        assert!(missed.contains("cannot be told apart from the untuned prompter") && missed.contains("p = 0.049, borderline)"));
    }

    #[test]
    fn one_prompt_or_nan_makes_no_claim() {
        let one = Paired { prompts: 1, clusters: 1, ..paired(0.5, 0.5, 0.5, 1.0) };
        assert_eq!(one.finding(), Finding::Unknown);
        assert!(verdict(&one, &one).starts_with("The arms cannot be compared on 1 test prompt:"));
        let nan = paired(f64::NAN, f64::NAN, f64::NAN, 1.0);
        assert!(verdict(&nan, &paired(0.1, 0.05, 0.15, 0.01)).starts_with("The arms cannot be compared"));
    }
}
