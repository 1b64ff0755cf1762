//! What each arm cost: reward calls, tokens, time and energy.
use crate::pools::Pool;
use crate::report::latest;
use contract::event::{Event, Spent, Stage};
use contract::report::{ArmCost, Serving};
use contract::{Spec, arm};
use std::time::Instant;
use store::{EvaluationAnswer, StoredEvent};

/// Joules that the machine has used since some moment, growing; None where it does not tell.
pub type Energy = Box<dyn FnMut() -> Option<f64> + Send>;

/// Measures pieces of work that follow one another.
pub struct Meter {
    energy: Energy,
    joules: Option<f64>,
    at: Instant,
}

impl Meter {
    pub fn new(mut energy: Energy) -> Self {
        let joules = energy();
        Self { energy, joules, at: Instant::now() }
    }

    /// Seconds and joules since the last call, or since [`Self::new`].
    pub fn lap(&mut self) -> (f64, Option<f64>) {
        let (joules, at) = ((self.energy)(), Instant::now());
        let used = joules.zip(self.joules).map(|(now, before)| now - before).filter(|used| *used >= 0.0);
        let seconds = (at - self.at).as_secs_f64();
        (self.joules, self.at) = (joules, at);
        (seconds, used)
    }
}

/// What a chunk of an arm's rows took, without time. Chosen rewrites were written for the pool, and chosen answers scored there.
pub fn of_rows(name: &str, rows: &[EvaluationAnswer]) -> Spent {
    if name == arm::BEST_ANSWER {
        return Spent::default();
    }
    let answers: usize = rows.iter().map(|row| row.answer_tokens).sum();
    let rewrites = if [arm::OPTIMUM, arm::BEST_REWRITE].contains(&name) { 0 } else { rewrite_tokens(rows.iter()) };
    Spent { reward_calls: rows.len(), tokens: answers + rewrites, ..Spent::default() }
}

/// Tokens of the rewrites in rows whose answers to one rewrite stand together.
fn rewrite_tokens<'a>(rows: impl Iterator<Item = &'a EvaluationAnswer>) -> usize {
    let mut last = None;
    rows.filter(|row| last.replace((row.prompt_index, row.rewrite_seed)) != Some((row.prompt_index, row.rewrite_seed)))
        .filter_map(|row| row.rewrite_tokens)
        .sum()
}

/// The costs of the arms that have answered, from a run's rows of the test split and its events. Empty for a run of a version that did not count.
pub fn of_arms(spec: &Spec, rows: &[EvaluationAnswer], events: &[StoredEvent]) -> Vec<ArmCost> {
    let spent = |name: &str, wanted: Stage| {
        let of_arm = events.iter().filter_map(|event| match &event.event {
            Event::Spent { arm, stage, spent } if arm == name && *stage == wanted => Some(*spent),
            _ => None,
        });
        of_arm.reduce(add)
    };
    let cost = |name: &&str| {
        let pool = match *name {
            arm::OPTIMUM | arm::BEST_REWRITE => spent(arm::REWRITE_POOL, Stage::Answer),
            arm::BEST_ANSWER => spent(arm::ANSWER_POOL, Stage::Answer),
            _ => None,
        };
        let answering = [spent(name, Stage::Answer), pool].into_iter().flatten().reduce(add)?;
        Some(ArmCost { arm: (*name).into(), preparation: spent(name, Stage::Prepare), answering, serving: serving(spec, rows, name)? })
    };
    arm::ALL.iter().filter_map(cost).collect()
}

fn add(a: Spent, b: Spent) -> Spent {
    Spent {
        reward_calls: a.reward_calls + b.reward_calls,
        tokens: a.tokens + b.tokens,
        seconds: a.seconds + b.seconds,
        // Unknown for a part is unknown for the whole.
        joules: a.joules.zip(b.joules).map(|(a, b)| a + b),
    }
}

/// None where the arm has no rows.
fn serving(spec: &Spec, rows: &[EvaluationAnswer], name: &str) -> Option<Serving> {
    let own = latest(rows, name);
    let n = own.len() as f64;
    if own.is_empty() {
        return None;
    }
    let answer = own.iter().map(|row| row.answer_tokens).sum::<usize>() as f64 / n;
    let alone = Serving { rewrites: 0.0, answers: 1.0, reward_calls: 0.0, tokens: answer };
    Some(match name {
        arm::UNTUNED | arm::TUNED => Serving { rewrites: 1.0, tokens: answer + rewrite_tokens(own.iter().copied()) as f64 / n, ..alone },
        arm::OPTIMUM | arm::BEST_REWRITE => {
            let (k, m) = (spec.arms.rewrites_per_prompt, spec.arms.answers_per_rewrite);
            let pool = Pool::of(rows, arm::REWRITE_POOL);
            let whole: Vec<_> = pool.whole(k * m).collect();
            let tokens: usize = whole
                .iter()
                .map(|(_, rows)| rewrite_tokens(rows.iter().copied()) + rows.iter().map(|r| r.answer_tokens).sum::<usize>())
                .sum();
            let calls = (k * m) as f64;
            let tokens = answer + tokens as f64 / whole.len().max(1) as f64;
            Serving { rewrites: k as f64, answers: calls + 1.0, reward_calls: calls, tokens }
        }
        arm::BEST_ANSWER => {
            let drawn: usize = rows.iter().filter(|row| row.arm == arm::ANSWER_POOL).map(|row| row.answer_tokens).sum();
            let each = spec.arms.best_of_answers as f64;
            Serving { rewrites: 0.0, answers: each, reward_calls: each, tokens: drawn as f64 / n }
        }
        _ => alone,
    })
}
