//! Pairwise verdicts of a judge, who saw each pair of answers in both orders.
use crate::resampling::{RESAMPLES, by_cluster, stream, totals};
use crate::share::{Share, share};
use std::collections::BTreeSet;

/// What the judge chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    First,
    Second,
    Tie,
}

/// One pair of answers, the arm's and the baseline's, judged twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JudgedPair {
    /// The prompt that both answer: pairs of one prompt are not independent.
    pub prompt: usize,
    /// Pairs of prompts that belong together are not either; the prompt itself where none do.
    pub cluster: usize,
    /// The choice when the arm's answer stood first.
    pub arm_first: Choice,
    /// The choice when it stood second.
    pub arm_second: Choice,
    /// Whether the arm's answer is the longer one; None where both are as long.
    pub arm_is_longer: Option<bool>,
}

/// What the verdicts say, about the arms and about the judge.
#[derive(Debug, Clone, PartialEq)]
pub struct Wins {
    pub pairs: usize,
    pub prompts: usize,
    /// Independent units that were resampled.
    pub clusters: usize,
    /// Share of verdicts for the arm, ties as half, over both orders of every pair: 0.5 is no difference. A judge's preference for a
    /// position cancels, because the arm stood as often first as second.
    pub win_rate: Option<Share>,
    /// Share of the verdicts that are no ties which went to the first position: 0.5 is no bias. None where all are ties.
    pub first_position: Option<Share>,
    /// Share of pairs on which the judge said the same in both orders, a tie twice included.
    pub agreement: Option<Share>,
    /// Share of the verdicts that are no ties, on answers of different length, which went to the longer one. None where there are none. It is no bias by
    /// itself: the longer answer may be the better one.
    pub longer: Option<Share>,
}

/// Win rate, position bias and the judge's agreement with itself; intervals resample whole clusters of prompts. A pair judged in one order only
/// belongs into neither figure: leave it out, and say how many there were.
///
/// Degenerate: no pair leaves every share None.
pub fn wins(pairs: &[JudgedPair], resamples: usize, seed: u64) -> Wins {
    let clusters: Vec<usize> = pairs.iter().map(|pair| pair.cluster).collect();
    let rows = by_cluster(pairs.iter().map(counts), &clusters);
    let drawn = totals(&rows, resamples, &mut stream(seed, RESAMPLES));
    Wins {
        pairs: pairs.len(),
        prompts: pairs.iter().map(|pair| pair.prompt).collect::<BTreeSet<_>>().len(),
        clusters: rows.len(),
        win_rate: share(&rows, &drawn, 0, 1),
        first_position: share(&rows, &drawn, 2, 3),
        agreement: share(&rows, &drawn, 4, 5),
        longer: share(&rows, &drawn, 6, 7),
    }
}

/// Of one pair: verdicts for the arm and all, verdicts for the first position and those that are no ties, agreements and pairs, verdicts for the longer
/// answer and those that are no ties where there is one.
fn counts(pair: &JudgedPair) -> [f64; 8] {
    let choices = [pair.arm_first, pair.arm_second];
    let times = |wanted: Choice| choices.iter().filter(|c| **c == wanted).count() as f64;
    let one_if = |so: bool| f64::from(u8::from(so));
    let wins = one_if(pair.arm_first == Choice::First) + one_if(pair.arm_second == Choice::Second);
    let decided = 2.0 - times(Choice::Tie);
    let (longer, of_different) = match pair.arm_is_longer {
        Some(true) => (wins, decided),
        Some(false) => (decided - wins, decided),
        None => (0.0, 0.0),
    };
    let same = match pair.arm_first {
        Choice::First => pair.arm_second == Choice::Second,
        Choice::Second => pair.arm_second == Choice::First,
        Choice::Tie => pair.arm_second == Choice::Tie,
    };
    [wins + times(Choice::Tie) / 2.0, 2.0, times(Choice::First), decided, one_if(same), 1.0, longer, of_different]
}
