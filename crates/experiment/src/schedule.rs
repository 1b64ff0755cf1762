//! The learning rate of each iteration.
use contract::spec::{Schedule, Training};

/// Learning rate of `iteration` (from 1). It rises linearly over the warm-up, whose last iteration has the full rate; after it, linear
/// and cosine schedules fall towards 0, which they would reach one iteration after the last, so that no iteration is wasted.
pub fn learning_rate(training: &Training, iteration: usize) -> f64 {
    let warmup = training.warmup_iterations;
    if iteration <= warmup {
        return training.learning_rate * iteration as f64 / warmup as f64;
    }
    let left = training.iterations.saturating_sub(warmup).max(1);
    let done = (iteration - warmup - 1) as f64 / left as f64;
    training.learning_rate
        * match training.schedule {
            Schedule::Constant => 1.0,
            Schedule::Linear => (1.0 - done).max(0.0),
            Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos()),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: Schedule) -> Vec<f64> {
        let training = Training { iterations: 6, warmup_iterations: 2, learning_rate: 1.0, schedule, ..Training::default() };
        (1..=6).map(|i| learning_rate(&training, i)).collect()
    }

    #[test]
    fn warms_up_then_follows_the_schedule() {
        assert_eq!(rates(Schedule::Constant), [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(rates(Schedule::Linear), [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]);
        let cosine = rates(Schedule::Cosine);
        assert!((cosine[4] - 0.5).abs() < 1e-12 && cosine[5] > 0.0 && cosine.windows(2).skip(2).all(|w| w[1] < w[0]));
    }

    #[test]
    fn no_warmup_starts_at_the_full_rate() {
        let training = Training { warmup_iterations: 0, learning_rate: 3e-4, ..Training::default() };
        assert_eq!(learning_rate(&training, 1), 3e-4);
    }
}
