//! Rewards from which nothing can be learnt.
use crate::Score;
use std::collections::BTreeSet;

/// Values closer than this count as equal; rewards that differ less teach nothing.
const SAME: f64 = 1e-9;

/// Something degenerate about a reward, as two sentences for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub cause: String,
    pub remedy: String,
}

/// What is degenerate about some scores: the same total for all, or a part that is constant. Empty when nothing is wrong, or with fewer
/// than two scores, from which nothing can be told.
pub fn diagnose(scores: &[Score]) -> Vec<Finding> {
    if scores.len() < 2 {
        return Vec::new();
    }
    let labels: BTreeSet<&String> = scores.iter().flat_map(|s| s.parts.keys()).collect();
    let constants: Vec<(&String, f64)> = labels
        .iter()
        .filter_map(|label| constant(scores.iter().filter_map(|s| s.parts.get(*label)).copied()).map(|v| (*label, v)))
        .collect();
    let n = scores.len();
    let mut findings = Vec::new();
    if let Some(total) = constant(scores.iter().map(|s| s.total)) {
        let (why, remedy) = if constants.len() == labels.len() {
            ("every part is constant", "Choose a part that varies between answers.")
        } else {
            ("the parts vary but cancel each other", "Change the weights of the parts.")
        };
        let cause = format!("The reward is {total:.3} for all {n} answers, so there is nothing to learn from: {why}.");
        findings.push(Finding { cause, remedy: remedy.into() });
    }
    // With one part only, the sentence about the total has said it.
    if labels.len() > 1 {
        findings.extend(constants.iter().map(|(label, value)| Finding {
            cause: format!("The part \"{label}\" is {value:.3} for all {n} answers, so it guides nothing."),
            remedy: "Check its settings, or leave it out.".into(),
        }));
    }
    findings
}

/// The common value, if all are the same.
fn constant(mut values: impl Iterator<Item = f64>) -> Option<f64> {
    let first = values.next()?;
    values.all(|v| (v - first).abs() <= SAME).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(total: f64, parts: &[(&str, f64)]) -> Score {
        Score { total, parts: parts.iter().map(|(l, v)| ((*l).into(), *v)).collect() }
    }

    #[test]
    fn constant_totals_and_parts_are_said() {
        assert!(diagnose(&[]).is_empty() && diagnose(&[score(1.0, &[("a", 1.0)])]).is_empty());
        assert!(diagnose(&[score(1.0, &[("a", 1.0)]), score(2.0, &[("a", 2.0)])]).is_empty());
        let one_part = diagnose(&[score(0.5, &[("a", 0.5)]), score(0.5, &[("a", 0.5)])]);
        assert_eq!(one_part.len(), 1);
        assert!(one_part[0].cause.starts_with("The reward is 0.500 for all 2 answers"));
        let one_constant = diagnose(&[score(1.0, &[("a", 0.0), ("b", 1.0)]), score(2.0, &[("a", 0.0), ("b", 2.0)])]);
        assert_eq!(one_constant.len(), 1);
        assert!(one_constant[0].cause.starts_with("The part \"a\" is 0.000"));
        let cancelling = diagnose(&[score(0.0, &[("a", 1.0), ("b", 1.0)]), score(0.0, &[("a", 2.0), ("b", 2.0)])]);
        assert!(cancelling.len() == 1 && cancelling[0].cause.contains("cancel"));
    }
}
