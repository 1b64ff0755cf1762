//! What a run leaves, to be compared with another's.
#![allow(dead_code, clippy::unwrap_used)] // Each test file uses what it needs; a helper that fails should fail its test.
use contract::arm;
use contract::event::Status;
use std::path::Path;
use store::{Checkpoint, Episode, EvaluationAnswer, Store};

/// All of a run that must not depend on when it was interrupted.
#[derive(PartialEq)]
pub struct Kept {
    pub episodes: Vec<Episode>,
    pub answers: Vec<EvaluationAnswer>,
    metrics: Vec<Vec<(String, Option<u64>)>>,
    pub checkpoint: Option<Checkpoint>,
    arms: String,
}

pub fn kept(database: &Path) -> Kept {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::open_existing(database).await.unwrap();
        assert_eq!(store.run(1).await.unwrap().status, Status::Finished);
        let report = store.report(1).await.unwrap().unwrap();
        let metrics = store.iterations(1, arm::TUNED, 1).await.unwrap().into_iter().map(|iteration| {
            // Times and memory are the machine's, all else is the run's.
            let own = iteration.metrics.into_iter().filter(|(name, _)| !experiment::metrics::is_timing(name));
            own.map(|(name, value)| (name, value.map(f64::to_bits))).collect()
        });
        Kept {
            metrics: metrics.collect(),
            episodes: store.episodes(1, arm::TUNED, None).await.unwrap(),
            answers: store.evaluation(1, None).await.unwrap(),
            checkpoint: store.checkpoint(1, arm::TUNED).await.unwrap(),
            arms: format!("{:?} {:?} {}", report.arms, report.comparisons, report.verdict),
        }
    })
}

/// Panics where two runs are not equal bit for bit.
pub fn assert_equal(uninterrupted: &Kept, other: &Kept, how: &str) {
    assert!(uninterrupted.episodes == other.episodes, "{how}: the episodes differ");
    assert!(uninterrupted.metrics == other.metrics, "{how}: the metrics differ");
    assert!(uninterrupted.answers == other.answers, "{how}: the evaluation differs");
    assert!(uninterrupted.checkpoint == other.checkpoint, "{how}: adapter or optimiser differ");
    assert_eq!(uninterrupted.arms, other.arms, "{how}");
}
