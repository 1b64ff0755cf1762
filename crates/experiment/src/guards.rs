//! Guards: what can silently go wrong in a training, noticed, with its cause and what to do about it.
//!
//! A guard fires when its condition begins to hold and is silent while it goes on; it can fire again once the condition has
//! been away for [`CALM`] iterations.
use crate::metrics::{Metrics, SAME_REWARD, mean};
use contract::event::Event;
use contract::spec::{Algorithm, RewardPart, Spec};
use contract::{arm, report};
use rewards::Score;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Guards that other modules know by name.
pub const KL_EXPLOSION: &str = "kl_explosion";
pub const NOT_FINITE: &str = "not_finite";
/// Iterations without the condition after which a guard may fire again.
pub const CALM: usize = 3;
/// Iterations whose mean is the starting point that drift is measured from, and as many are what is held against it: a single batch of few
/// prompts says more about those prompts than about the prompter.
pub const WINDOW: usize = 3;
/// Shares of a batch above which a guard fires.
pub const ZERO_SPREAD_SHARE: f64 = 0.5;
pub const TRUNCATED_SHARE: f64 = 0.5;
pub const EMPTY_SHARE: f64 = 0.1;
/// Rewrites this many times longer or shorter than at the start.
pub const LENGTH_FACTOR: f64 = 2.0;
/// Divergence of a whole rewrite, in nats, that is an explosion whatever λ is.
pub const KL_LIMIT: f64 = 50.0;
/// A divergence this many times the mean of the three iterations before, and above [`KL_JUMP_FLOOR`] nats, is a jump.
pub const KL_JUMP: f64 = 4.0;
pub const KL_JUMP_FLOOR: f64 = 5.0;
/// How far closeness may fall while the reward rises.
pub const CLOSENESS_MARGIN: f64 = 0.15;
/// How far the topicality of answers may fall while the reward rises.
pub const TOPICALITY_MARGIN: f64 = 0.05;
/// A reward that rose by less is not called a gain: the mean of a few prompts moves as far by chance.
pub const REWARD_MARGIN: f64 = 0.05;

/// What the guards remember; part of a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Guards {
    /// Guards whose condition holds, with how many iterations it has been away.
    active: BTreeMap<String, usize>,
    /// Watched metrics of the first and of the latest [`WINDOW`] iterations.
    first: Vec<BTreeMap<String, f64>>,
    latest: Vec<BTreeMap<String, f64>>,
    /// Smallest and largest reward of any answer so far.
    reward_range: Option<(f64, f64)>,
}

/// A guard whose condition holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    pub guard: &'static str,
    pub cause: String,
    pub remedy: String,
}

impl Alarm {
    fn new(guard: &'static str, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { guard, cause: cause.into(), remedy: remedy.into() }
    }

    /// As an event of the run.
    pub fn event(&self, iteration: Option<usize>) -> Event {
        Event::Guard { iteration, guard: self.guard.into(), cause: self.cause.clone(), remedy: self.remedy.clone() }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

impl Guards {
    /// Looks at the metrics of an iteration and returns the guards that begin to hold.
    pub fn observe(&mut self, iteration: usize, metrics: &Metrics, spec: &Spec) -> Vec<Event> {
        let get = |name: &str| metrics.get(name).copied().flatten();
        if let (Some(low), Some(high)) = (get("reward_min"), get("reward_max")) {
            let (least, most) = self.reward_range.unwrap_or((low, high));
            self.reward_range = Some((least.min(low), most.max(high)));
        }
        let mut alarms = alarms_of_batch(&get, spec);
        alarms.extend(self.kl_alarm(&get, spec));
        let followed = ["rewrite_tokens", "closeness", "topicality", "reward_mean", "kl"].map(String::from);
        let followed = followed.into_iter().chain(watched_parts(spec).map(|label| part_metric(&label)));
        let now: BTreeMap<String, f64> = followed.filter_map(|name| Some((name.clone(), get(&name)?))).collect();
        if self.first.len() < WINDOW {
            self.first.push(now.clone());
        }
        self.latest.push(now);
        if self.latest.len() > WINDOW {
            self.latest.remove(0);
            alarms.extend(self.drift_alarms());
            alarms.extend(self.overoptimisation(spec));
        }
        self.fire(iteration, &alarms)
    }

    fn fire(&mut self, iteration: usize, alarms: &[Alarm]) -> Vec<Event> {
        self.active.retain(|guard, away| {
            *away = if alarms.iter().any(|a| a.guard == guard) { 0 } else { *away + 1 };
            *away < CALM
        });
        let mut events = Vec::new();
        for alarm in alarms {
            if self.active.insert(alarm.guard.into(), 0).is_none() {
                events.push(alarm.event(Some(iteration)));
            }
        }
        events
    }

    fn kl_alarm(&self, get: &dyn Fn(&str) -> Option<f64>, spec: &Spec) -> Option<Alarm> {
        let kl = get("kl")?;
        // Adapted where there is a target.
        let kl_coefficient = get("kl_coefficient").unwrap_or(spec.training.kl_coefficient);
        let remedy = if spec.training.kl_target.is_some() {
            "Raise training.kl_gain or training.kl_coefficient, or lower training.kl_target, training.learning_rate or training.updates_per_batch."
        } else {
            "Raise training.kl_coefficient, or lower training.learning_rate or training.updates_per_batch."
        };
        let before = mean_of(&self.latest, "kl").unwrap_or(0.0);
        let span = self.reward_range.map_or(0.0, |(low, high)| high - low);
        let cause = if kl > KL_LIMIT {
            format!("The divergence from the untuned prompter is {kl:.1} nats for a whole rewrite: hardly anything of it is left.")
        } else if span > SAME_REWARD && kl_coefficient * kl > span {
            let price = kl_coefficient * kl;
            format!(
                "The divergence of {kl:.1} nats costs {price:.2}, more than the {span:.2} that lie between the worst and the best reward seen."
            )
        } else if self.latest.len() == WINDOW && kl > KL_JUMP_FLOOR && kl > KL_JUMP * before {
            format!("The divergence from the untuned prompter jumped from {before:.1} to {kl:.1} nats.")
        } else {
            return None;
        };
        Some(Alarm::new(KL_EXPLOSION, cause, remedy))
    }

    /// The reward rises while a part that is only watched falls.
    fn overoptimisation(&self, spec: &Spec) -> Option<Alarm> {
        let both = |name: &str| mean_of(&self.first, name).zip(mean_of(&self.latest, name));
        let (before, reward) = both("reward_mean").filter(|(before, reward)| *reward > before + REWARD_MARGIN)?;
        let fallen = |label: String| {
            let (then, now) = both(&part_metric(&label)).filter(|(then, now)| *now < then - REWARD_MARGIN)?;
            Some(format!("{label} fell from {then:.2} to {now:.2}"))
        };
        let fallen: Vec<String> = watched_parts(spec).filter_map(fallen).collect();
        (!fallen.is_empty()).then(|| parted(&format!("The reward rose from {before:.2} to {reward:.2}"), &fallen))
    }

    /// The latest iterations against the first.
    fn drift_alarms(&self) -> Vec<Alarm> {
        let both = |name: &str| mean_of(&self.first, name).zip(mean_of(&self.latest, name));
        let mut alarms = Vec::new();
        if let Some((then, now)) = both("rewrite_tokens")
            && then > 0.0
            && !(1.0 / LENGTH_FACTOR..=LENGTH_FACTOR).contains(&(now / then))
        {
            let way = if now > then { "longer" } else { "shorter" };
            alarms.push(Alarm::new(
                "length_drift",
                format!("Rewrites have become much {way}: {now:.1} tokens on average, {then:.1} at the start."),
                "Read some rewrites. If the reward pays for length itself, add a length_band part; otherwise raise training.kl_coefficient.",
            ));
        }
        if let Some((reward_then, reward)) = both("reward_mean")
            && reward > reward_then + REWARD_MARGIN
        {
            let kept = [("closeness", "the closeness of rewrites to their prompts"), ("topicality", "the topicality of answers")];
            let fallen: Vec<String> = kept
                .into_iter()
                .filter_map(|(name, what)| both(name).map(|(then, now)| (what, then, now)))
                .filter(|(_, then, now)| *now < then - CLOSENESS_MARGIN)
                .map(|(what, then, now)| format!("{what} fell from {then:.2} to {now:.2}"))
                .collect();
            if !fallen.is_empty() {
                alarms.push(leaving(
                    format!("The reward rose from {reward_then:.2} to {reward:.2} while {}", fallen.join(" and ")),
                    KEEP_CLOSE,
                ));
            }
        }
        alarms
    }
}

/// Labels of the parts of the reward that nothing is trained on.
fn watched_parts(spec: &Spec) -> impl Iterator<Item = String> {
    spec.reward.parts.iter().filter(|part| part.is_watched()).map(RewardPart::label)
}

/// Name of a part's metric.
fn part_metric(label: &str) -> String {
    format!("reward_part.{label}")
}

/// Conditions that one batch alone shows.
fn alarms_of_batch(get: &dyn Fn(&str) -> Option<f64>, spec: &Spec) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    let above = |name: &str, limit: f64| get(name).filter(|share| *share > limit);
    let constant = get("reward_min").zip(get("reward_max")).is_some_and(|(low, high)| high - low < SAME_REWARD);
    if constant {
        let value = get("reward_min").unwrap_or(0.0);
        alarms.push(Alarm::new(
            "constant_reward",
            format!("Every answer of the batch got the same reward, {value:.3}: there is nothing to learn from it."),
            "Check the reward on a few answers; choose one that tells these answers apart, or another part beside it.",
        ));
    // PPO compares with its value head, not within the group.
    } else if spec.training.algorithm != Algorithm::Ppo
        && let Some(share) = above("zero_spread_groups", ZERO_SPREAD_SHARE)
    {
        alarms.push(Alarm::new(
            "zero_spread_groups",
            format!("In {} of the groups all rewrites got the same reward, so these groups teach nothing.", percent(share)),
            "Raise prompter.temperature or training.group_size, or use a reward with finer steps.",
        ));
    }
    if let Some(share) = above("truncated_rewrites", TRUNCATED_SHARE) {
        let limit = spec.prompter.max_rewrite_tokens;
        alarms.push(Alarm::new(
            "truncated_rewrites",
            format!("{} of the rewrites were cut at {limit} tokens, so the frozen model saw unfinished text.", percent(share)),
            "Raise prompter.max_rewrite_tokens, or ask for short rewrites in prompter.meta_prompt.",
        ));
    }
    if let Some(share) = above("empty_rewrites", EMPTY_SHARE) {
        alarms.push(Alarm::new(
            "empty_rewrites",
            format!("{} of the rewrites were empty, so the frozen model answered an empty message.", percent(share)),
            "Make prompter.meta_prompt ask more clearly for a rewritten prompt, or raise training.kl_coefficient.",
        ));
    }
    alarms
}

/// What helps where the untuned prompter keeps to the subject better than the tuned one.
const KEEP_CLOSE: &str =
    "Give the reward a part that looks at the prompt (topicality), raise that part's weight, or raise training.kl_coefficient.";
/// What helps where the untuned prompter keeps to it no better: staying closer to that one would not bring the subject back.
const ASK_BETTER: &str = "The untuned prompter keeps to the subject no better, so prompter.meta_prompt or prompter.rewrite_template leads away \
                          from it: change these, or give the reward a part that looks at the prompt (topicality) or more weight to it.";

fn parted(risen: &str, fallen: &[String]) -> Alarm {
    Alarm::new(
        "overoptimisation",
        format!("{risen} while {}, which nothing is trained on: what is trained on may be exploited.", fallen.join(" and ")),
        "Read some answers. Raise training.kl_coefficient, train for fewer iterations (training.keep, training.patience), or train on the watched part too.",
    )
}

/// After the evaluation: the tuned arm is better than a baseline, and worse in a part of the reward that nothing was trained on, each by more
/// than its interval says chance may do.
pub fn of_comparisons(comparisons: &[report::Comparison]) -> Vec<Alarm> {
    let gained =
        comparisons.iter().filter(|c| c.arm == arm::TUNED && [arm::RAW, arm::UNTUNED].contains(&c.baseline.as_str()) && c.ci_low > 0.0);
    gained
        .filter_map(|c| {
            let fell = |w: &&report::WatchedDifference| w.interval.is_some_and(|interval| interval.high < 0.0);
            let fallen: Vec<String> = c.watched.iter().filter(fell).map(|w| format!("{} fell by {:.2}", w.label, -w.difference)).collect();
            let risen = format!("On the test prompts the reward rose by {:.2} over the {} arm", c.mean_difference, c.baseline);
            (!fallen.is_empty()).then(|| parted(&risen, &fallen))
        })
        .collect()
}

fn leaving(what: String, remedy: &str) -> Alarm {
    Alarm::new("leaving_the_subject", format!("{what}: the gain may come from leaving the subject."), remedy)
}

/// The guard that ends a training: the loss or its gradient is not a finite number.
pub fn not_finite(loss: f64, gradient_norm: f64) -> Alarm {
    Alarm::new(
        NOT_FINITE,
        format!(
            "The loss is {loss} and the norm of its gradient {gradient_norm}; a step with these would destroy the adapter, so none was made."
        ),
        "Start a run with a lower training.learning_rate, a higher training.kl_coefficient or a single update per batch.",
    )
}

/// Of so many clusters of test prompts every interval is too narrow.
const FEW_CLUSTERS: usize = 10;

/// After the evaluation: are there enough clusters of prompts to tell by, and does the tuned arm's gain over a baseline come from leaving the
/// subject? The latter looks at the topicality of answers and, against the untuned arm, at closeness; the raw arm rewrites nothing.
pub fn of_arms(arms: &[report::Arm]) -> Vec<Alarm> {
    let clusters = arms.iter().filter_map(|arm| arm.clusters).min();
    let few = clusters.filter(|clusters| *clusters <= FEW_CLUSTERS).map(|clusters| {
        Alarm::new(
            "few_clusters",
            format!("The test prompts are in {clusters} clusters, and intervals of {FEW_CLUSTERS} or fewer are too narrow."),
            "Raise data.test where there are prompts of other clusters, or read the intervals as the least there is to doubt.",
        )
    });
    few.into_iter().chain(off_the_subject(arms)).collect()
}

fn off_the_subject(arms: &[report::Arm]) -> Vec<Alarm> {
    let find = |name: &str| arms.iter().find(|a| a.name == name);
    let Some(tuned) = find(arm::TUNED) else { return Vec::new() };
    let untuned = find(arm::UNTUNED).and_then(|a| a.answer_topicality);
    let keeps_no_better = untuned.zip(tuned.answer_topicality).is_some_and(|(before, after)| before <= after);
    let remedy = if keeps_no_better { ASK_BETTER } else { KEEP_CLOSE };
    let baselines = [arm::RAW, arm::UNTUNED].into_iter().filter_map(find);
    baselines.filter_map(|baseline| left_the_subject(baseline, tuned, remedy)).collect()
}

fn left_the_subject(baseline: &report::Arm, tuned: &report::Arm, remedy: &str) -> Option<Alarm> {
    if tuned.reward_mean <= baseline.reward_mean + REWARD_MARGIN {
        return None;
    }
    let mut fallen = Vec::new();
    if let (Some(before), Some(after)) = (baseline.answer_topicality, tuned.answer_topicality)
        && after < before - TOPICALITY_MARGIN
    {
        fallen.push(format!("the topicality of answers fell from {before:.2} to {after:.2}"));
    }
    if let (Some(before), Some(after)) = (baseline.rewrite_closeness, tuned.rewrite_closeness)
        && after < before - CLOSENESS_MARGIN
    {
        fallen.push(format!("the closeness of rewrites fell from {before:.2} to {after:.2}"));
    }
    let (name, before, after) = (&baseline.name, baseline.reward_mean, tuned.reward_mean);
    (!fallen.is_empty()).then(|| {
        let what =
            format!("On the test prompts the reward rose from {before:.2} ({name}) to {after:.2} (tuned) while {}", fallen.join(" and "));
        leaving(what, remedy)
    })
}

/// The reward, or a part of it, that is the same for every answer of every arm.
pub fn constant_rewards(scores: &[Score]) -> Vec<Alarm> {
    rewards::diagnose(scores).into_iter().map(|finding| Alarm::new("constant_reward", finding.cause, finding.remedy)).collect()
}

fn mean_of(iterations: &[BTreeMap<String, f64>], name: &str) -> Option<f64> {
    mean(iterations.iter().filter_map(|metrics| metrics.get(name).copied()))
}
