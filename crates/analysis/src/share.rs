//! Shares of prompts, such as a win rate, with intervals.
use crate::resampling::{Interval, percentiles, total};

/// A share with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// In 0..=1.
    pub share: f64,
    /// 95 % percentile-bootstrap interval over clusters. Where all k clusters have the share 0, or all have 1, no resample differs, and
    /// the exact interval of Clopper and Pearson (1934) for k trials stands in: its far end is 1 − 0.025^(1/k), or 0.025^(1/k). None
    /// where all clusters have the same share in between, or there is no resample: nothing says how precise it is then.
    pub interval: Option<Interval>,
}

/// Σ `part` / Σ `whole`, two columns of the clusters' rows, with the interval from the resampled totals of these rows. None where the
/// whole is 0 or the share is not finite.
pub(crate) fn share<const M: usize>(rows: &[[f64; M]], drawn: &[[f64; M]], part: usize, whole: usize) -> Option<Share> {
    let sum = total(rows);
    let share = Some(sum[part] / sum[whole]).filter(|s| s.is_finite())?;
    // A cluster without a case, such as a prompt whose verdicts are all ties, tells nothing about the share.
    let clusters = rows.iter().filter(|r| r[whole] > 0.0).count();
    let far = 0.025_f64.powf(1.0 / clusters as f64);
    let same = rows.iter().filter(|r| r[whole] > 0.0).all(|r| r[part] * sum[whole] == r[whole] * sum[part]);
    let interval = if share == 0.0 {
        Some(Interval { low: 0.0, high: 1.0 - far })
    } else if share == 1.0 {
        Some(Interval { low: far, high: 1.0 })
    } else if same {
        None
    } else {
        percentiles(&drawn.iter().map(|d| d[part] / d[whole]).collect::<Vec<f64>>(), 0.99)
    };
    Some(Share { share, interval })
}
