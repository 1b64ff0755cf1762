//! The figures of `analysis` as reports hold them. What is not finite becomes null: JSON has no NaN.
use contract::figures::{Component, Components, Interval, ShareOfPrompts, VarianceRatio};
use contract::report::GapClosed;

pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

pub(crate) fn interval(interval: Option<analysis::Interval>) -> Option<Interval> {
    let (low, high) = interval.and_then(|i| finite(i.low).zip(finite(i.high)))?;
    Some(Interval { low, high })
}

pub(crate) fn share(share: &analysis::Share) -> ShareOfPrompts {
    ShareOfPrompts { share: share.share, interval: interval(share.interval) }
}

/// From the log ratio, and a test on the answers that have the same number in both arms, one to a prompt, where there is one.
pub(crate) fn variance(spread: &analysis::Spread, tested: Option<&[Vec<f64>; 2]>) -> VarianceRatio {
    let raised = |i: analysis::Interval| analysis::Interval { low: i.low.exp(), high: i.high.exp() };
    VarianceRatio {
        ratio: spread.log_ratio.and_then(|log| finite(log.exp())),
        interval: interval(spread.interval.map(raised)),
        p_value: tested.and_then(|[arm, baseline]| analysis::brown_forsythe(&[arm, baseline])).map(|test| test.p_value),
    }
}

pub(crate) fn gap(baseline: &str, gap: &analysis::Gap) -> GapClosed {
    let closed = gap.closed.as_ref().ok();
    GapClosed {
        baseline: baseline.into(),
        width: gap.width.and_then(finite),
        width_interval: interval(gap.width_interval),
        share: closed.and_then(|closed| finite(closed.share)),
        interval: interval(closed.map(|closed| closed.interval)),
        withheld: gap.closed.as_ref().err().map(ToString::to_string),
    }
}

pub(crate) fn components(components: &analysis::Components) -> Components {
    let one = |c: Option<analysis::Component>| c.map(|c| Component { variance: c.variance, interval: interval(c.interval) });
    Components {
        seed: one(components.seed),
        prompt: one(components.prompt),
        interaction: one(components.interaction),
        rewrite: one(components.rewrite),
        answer: one(components.answer),
    }
}
