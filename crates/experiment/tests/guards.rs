//! Each guard fires on its condition, says why and what to do, and is then silent until the condition has gone and come back.
#![allow(clippy::expect_used)] // A helper that fails should fail its test.

use contract::Spec;
use contract::event::Event;
use contract::report::Arm;
use experiment::guards::{self, Guards};
use experiment::metrics::Metrics;
use std::collections::BTreeMap;

fn spec() -> Spec {
    let text = r#"
        name = "guards"
        prompter.model = "m"
        frozen.model = "m"
        reward.parts = [{ kind = "sentiment" }, { kind = "topicality", name = "on_topic" }]
        training.kl_coefficient = 0.1
    "#;
    experiment::spec::parse(text, "guards.toml").expect("a good spec")
}

/// Metrics of a healthy iteration, with changes.
fn metrics(changes: &[(&str, f64)]) -> Metrics {
    let healthy = [
        ("reward_mean", 0.5),
        ("reward_min", 0.0),
        ("reward_max", 1.0),
        ("kl", 1.0),
        ("closeness", 0.8),
        ("rewrite_tokens", 20.0),
        ("truncated_rewrites", 0.1),
        ("empty_rewrites", 0.0),
        ("zero_spread_groups", 0.0),
        ("topicality", 0.6),
    ];
    healthy.iter().chain(changes).map(|(name, value)| (name.to_string(), Some(*value))).collect()
}

fn names(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| match event {
            Event::Guard { guard, cause, remedy, .. } => {
                assert!(cause.ends_with('.') && remedy.ends_with('.'), "sentences: {cause} {remedy}");
                guard.clone()
            }
            other => panic!("not a guard: {other:?}"),
        })
        .collect()
}

/// Guards that fire in three iterations after four healthy ones.
fn after_healthy(changes: &[(&str, f64)]) -> Vec<String> {
    let (mut guards, spec) = (Guards::default(), spec());
    for i in 1..5 {
        assert!(guards.observe(i, &metrics(&[]), &spec).is_empty());
    }
    names(&(5..8).flat_map(|i| guards.observe(i, &metrics(changes), &spec)).collect::<Vec<_>>())
}

#[test]
fn each_condition_has_its_guard() {
    let cases: [(&str, &[(&str, f64)]); 10] = [
        ("constant_reward", &[("reward_min", 0.5), ("reward_max", 0.5), ("zero_spread_groups", 1.0)]),
        ("zero_spread_groups", &[("zero_spread_groups", 0.75)]),
        ("truncated_rewrites", &[("truncated_rewrites", 0.6)]),
        ("empty_rewrites", &[("empty_rewrites", 0.2)]),
        ("kl_explosion", &[("kl", 60.0)]),
        // Costs 1.2, while rewards differ by 1 at most.
        ("kl_explosion", &[("kl", 12.0)]),
        // From 1 to 6 nats at once.
        ("kl_explosion", &[("kl", 6.0)]),
        ("length_drift", &[("rewrite_tokens", 45.0)]),
        ("leaving_the_subject", &[("reward_mean", 0.7), ("closeness", 0.6)]),
        ("leaving_the_subject", &[("reward_mean", 0.7), ("topicality", 0.4)]),
    ];
    for (guard, changes) in cases {
        assert_eq!(after_healthy(changes), [guard], "{changes:?}");
    }
    assert!(after_healthy(&[("reward_mean", 0.4), ("closeness", 0.6)]).is_empty(), "no gain, nothing to suspect");
    let (mut guards, spec) = (Guards::default(), spec());
    let healthy = metrics(&[]);
    let strayed = metrics(&[("reward_mean", 0.7), ("closeness", 0.6)]);
    let fired: Vec<Event> = (1..9).flat_map(|i| guards.observe(i, if i == 5 { &strayed } else { &healthy }, &spec)).collect();
    assert!(fired.is_empty(), "one batch of other prompts is no drift: {fired:?}");
}

#[test]
fn a_guard_fires_once_until_its_condition_has_gone() {
    let (mut guards, spec) = (Guards::default(), spec());
    let (bad, good) = (metrics(&[("truncated_rewrites", 0.9)]), metrics(&[]));
    let mut fired = Vec::new();
    let course = [&bad, &bad, &good, &bad, &bad, &good, &good, &good, &bad];
    for (i, metrics) in course.into_iter().enumerate() {
        // Its memory survives a checkpoint.
        let json = serde_json::to_string(&guards).expect("guards are data");
        guards = serde_json::from_str(&json).expect("what was just written");
        if !guards.observe(i + 1, metrics, &spec).is_empty() {
            fired.push(i + 1);
        }
    }
    assert_eq!(fired, [1, 9]);
}

#[test]
fn a_gain_that_leaves_the_subject_is_called_one() {
    let arm = |name: &str, reward: f64, topicality: f64, closeness: f64| Arm {
        name: name.into(),
        n: 10,
        prompts: 5,
        clusters: None,
        reward_mean: reward,
        reward_ci_low: reward,
        reward_ci_high: reward,
        reward_variance: None,
        between_prompt_variance: None,
        within_prompt_variance: None,
        components: None,
        // No part of this reward looks at the prompt; the guard does.
        reward_parts: BTreeMap::from([("sentiment".into(), 0.5)]),
        answer_topicality: Some(topicality),
        rewrite_closeness: (name != "raw").then_some(closeness),
        rewrite_tokens: None,
        answer_tokens: 1.0,
        truncated_rewrites: None,
        truncated_answers: 0.0,
    };
    let alarms = |tuned: (f64, f64, f64)| {
        let arms = [arm("raw", 0.6, 0.7, 0.0), arm("untuned", 0.5, 0.6, 0.8), arm("tuned", tuned.0, tuned.1, tuned.2)];
        guards::of_arms(&arms).into_iter().map(|alarm| format!("{} {}", alarm.cause, alarm.remedy)).collect::<Vec<_>>()
    };
    assert!(alarms((0.9, 0.66, 0.7)).is_empty());
    assert!(alarms((0.4, 0.2, 0.1)).is_empty(), "no gain");
    assert!(alarms((0.53, 0.2, 0.1)).is_empty(), "no gain worth the name");
    let against_raw = alarms((0.9, 0.58, 0.7));
    assert!(against_raw.len() == 1 && against_raw[0].contains("from 0.60 (raw)"), "{against_raw:?}");
    assert!(against_raw[0].contains("or raise training.kl_coefficient"), "{against_raw:?}");
    let meta_prompt = &alarms((0.9, 0.62, 0.7))[0];
    assert!(meta_prompt.contains("change these") && !meta_prompt.contains("kl_coefficient"), "{meta_prompt}");
    let cause = &alarms((0.58, 0.4, 0.5))[0];
    assert!(
        cause.contains("the topicality of answers fell from 0.60 to 0.40 and the closeness of rewrites fell from 0.80 to 0.50"),
        "{cause}"
    );
    let of = |clusters: [Option<usize>; 2]| {
        let arms = clusters.map(|clusters| Arm { clusters, ..arm("raw", 0.6, 0.7, 0.0) });
        guards::of_arms(&arms).iter().map(|alarm| (alarm.guard, alarm.cause.clone())).collect::<Vec<_>>()
    };
    assert_eq!((of([None; 2]), of([Some(24), Some(11)])), (vec![], vec![]));
    let [(guard, cause)] = &of([Some(24), Some(4)])[..] else { panic!("four clusters are few") };
    assert!(*guard == "few_clusters" && cause.starts_with("The test prompts are in 4 clusters"), "{cause}");
}

#[test]
fn a_part_that_never_changes_is_said() {
    let score = |total: f64| rewards::Score { total, parts: BTreeMap::from([("a".into(), total), ("b".into(), 0.0)]) };
    let alarms = guards::constant_rewards(&[score(1.0), score(2.0)]);
    assert!(alarms.len() == 1 && alarms[0].guard == "constant_reward" && alarms[0].cause.contains("\"b\""), "{alarms:?}");
}

#[test]
fn a_watched_part_that_falls_while_the_reward_rises_is_noticed() {
    let mut spec = spec();
    spec.reward.parts[1].weight = 0.0;
    let mut guards = Guards::default();
    let mut fired = Vec::new();
    for i in 0..10 {
        let part = 0.6 - 0.05 * f64::from(i);
        let now = metrics(&[("reward_mean", 0.5 + 0.05 * f64::from(i)), ("reward_part.on_topic", part)]);
        fired.extend(guards.observe(i as usize + 1, &now, &spec));
    }
    assert_eq!(names(&fired), ["overoptimisation"]);
    let Event::Guard { cause, .. } = &fired[0] else { panic!("a guard") };
    assert!(cause.contains("on_topic fell"), "{cause}");
    spec.reward.parts[1].weight = 0.5;
    let mut guards = Guards::default();
    for i in 0..10 {
        let now = metrics(&[("reward_mean", 0.5 + 0.05 * f64::from(i)), ("reward_part.on_topic", 0.6 - 0.05 * f64::from(i))]);
        assert!(guards.observe(i as usize + 1, &now, &spec).is_empty(), "what is trained on may be traded");
    }
}
