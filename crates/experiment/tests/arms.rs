//! Arms beside the training: what they choose, what they cost, and that an interrupted run ends like one left alone.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A helper that fails should fail its test.

mod common;

use common::World;
use contract::event::{Event, Phase, Status};
use contract::{Spec, arm};
use experiment::evaluation::{Plan, evaluate, of_prompter};
use experiment::streams::Streams;
use experiment::{Arm, Outcome, Pipeline, metrics, oracle, report};
use inference::BuiltIn;
use lm::{Device, Llama, ModelFolder};
use rewards::Reward;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use store::{Checkpoint, Episode, EvaluationAnswer, Split};

const ALL: &str = "iterations = 3\nwarmup_iterations = 0\nkl_coefficient = 0.3\n[arms]\noptimum = true\nbest_rewrite = true\nbest_answer = true\ninstruction = true\noracle = true\n\
                   rewrites_per_prompt = 6\nanswers_per_rewrite = 3\nbest_of_answers = 4";

/// Test rows of an arm, by prompt.
fn of<'a>(rows: &'a [EvaluationAnswer], arm: &str) -> BTreeMap<usize, Vec<&'a EvaluationAnswer>> {
    let mut found: BTreeMap<usize, Vec<&EvaluationAnswer>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.arm == arm && row.split == Split::Test) {
        found.entry(row.prompt_index).or_default().push(row);
    }
    found
}

fn means(rows: &[&EvaluationAnswer], answers: usize) -> Vec<f64> {
    rows.chunks(answers).map(|of| of.iter().map(|row| row.reward).sum::<f64>() / of.len() as f64).collect()
}

#[test]
fn arms_that_choose_do_so_from_what_was_drawn() {
    let world = World::new(ALL);
    let report = world.finish();
    let rows = world.facts().evaluation;
    let names: Vec<(&str, usize)> = report.arms.iter().map(|a| (a.name.as_str(), a.n)).collect();
    let arms = ["raw", "untuned", "tuned", "optimum", "best_rewrite", "best_answer", "instruction", "oracle"];
    assert_eq!(names, arms.map(|name| (name, 10)));

    let (pool, best) = (of(&rows, arm::REWRITE_POOL), of(&rows, arm::BEST_REWRITE));
    for (prompt, drawn) in &pool {
        assert_eq!(drawn.len(), 6 * 3);
        for answers in drawn.chunks(3) {
            assert!(answers.iter().all(|row| (&row.rewrite, row.rewrite_seed) == (&answers[0].rewrite, answers[0].rewrite_seed)));
            assert_eq!(answers.iter().map(|row| row.answer_seed).collect::<BTreeSet<_>>().len(), 3);
        }
        let means = means(drawn, 3);
        let first_best = (0..6).rev().max_by(|&a, &b| means[a].total_cmp(&means[b])).unwrap();
        assert!(best[prompt].iter().all(|row| row.rewrite == drawn[3 * first_best].rewrite && row.kl.is_none()));
        // Weights exp(R̂/λ) of the rewrite that was drawn.
        let weights: Vec<f64> = means.iter().map(|mean| (mean / 0.3).exp()).collect();
        for row in &of(&rows, arm::OPTIMUM)[prompt] {
            let kl = |k: usize| (6.0 * weights[k] / weights.iter().sum::<f64>()).ln();
            let k = (0..6).find(|&k| drawn[3 * k].rewrite == row.rewrite && (kl(k) - row.kl.unwrap()).abs() < 1e-9);
            assert!(k.is_some(), "{row:?}");
        }
        let raw: Vec<u64> = of(&rows, arm::RAW)[prompt].iter().map(|row| row.answer_seed).collect();
        assert_eq!(raw, of(&rows, arm::OPTIMUM)[prompt].iter().map(|row| row.answer_seed).collect::<Vec<_>>(), "seeds of all arms");
    }
    let drawn = of(&rows, arm::ANSWER_POOL);
    for (prompt, kept) in of(&rows, arm::BEST_ANSWER) {
        for (row, of) in kept.iter().zip(drawn[&prompt].chunks(4)) {
            let best = of.iter().map(|row| row.reward).fold(f64::NEG_INFINITY, f64::max);
            assert_eq!((row.reward, row.rewrite.is_none()), (best, true));
            assert!(of.iter().any(|drawn| (&drawn.answer, drawn.answer_seed) == (&row.answer, row.answer_seed)));
        }
        assert_eq!(drawn[&prompt].len(), 4 * kept.len());
    }
}

#[test]
fn costs_gaps_and_theory_are_reported() {
    let world = World::new(ALL);
    let report = world.finish();
    let cost = |name: &str| report.costs.iter().find(|cost| cost.arm == name).unwrap();
    assert_eq!(report.costs.len(), 8);
    let [tuned, search, oracle] = ["tuned", "instruction", "oracle"].map(|name| cost(name).preparation.unwrap());
    assert_eq!([tuned, search, oracle].map(|spent| spent.reward_calls), [3 * 12; 3], "an equal number of reward calls");
    assert!(tuned.tokens > 0 && oracle.seconds > 0.0 && oracle.joules == Some(2.0 * 3.0), "{oracle:?}");
    assert!(["raw", "untuned", "optimum", "best_answer"].iter().all(|name| cost(name).preparation.is_none()));
    // 5 prompts with 18 answers in the pool, and two of the arm's own.
    assert_eq!(cost("optimum").answering.reward_calls, 5 * 18 + 10);
    assert_eq!((cost("best_answer").answering.reward_calls, cost("raw").answering.reward_calls), (5 * 2 * 4, 10));
    let serving = cost("optimum").serving;
    assert_eq!((serving.rewrites, serving.answers, serving.reward_calls), (6.0, 19.0, 18.0));
    let serving = cost("best_answer").serving;
    assert_eq!((serving.rewrites, serving.answers, serving.reward_calls), (0.0, 4.0, 4.0));
    // The parrot's answer to a prompt of four words has five tokens.
    assert_eq!((cost("raw").serving.tokens, serving.tokens), (5.0, 4.0 * 5.0));

    assert_eq!(report.gaps.iter().map(|gap| gap.baseline.as_str()).collect::<Vec<_>>(), ["raw", "untuned"]);
    for gap in &report.gaps {
        let mean = |name: &str| report.arms.iter().find(|a| a.name == name).unwrap().reward_mean;
        assert!((gap.width.unwrap() - (mean("oracle") - mean(&gap.baseline))).abs() < 1e-12);
        assert_eq!(gap.share.is_some(), gap.withheld.is_none());
    }
    let found = report.instruction.unwrap();
    let message = |row: &EvaluationAnswer| experiment::instruction::message(&found.text, &row.prompt);
    let rows = of(&world.facts().evaluation, arm::INSTRUCTION).into_values().flatten().cloned().collect::<Vec<_>>();
    assert!(
        found.tried > 1 && rows.iter().all(|row| row.rewrite.as_ref() == Some(&message(row)) && row.rewrite_tokens.is_none()),
        "{found:?}"
    );
    let theory = report.theory.unwrap();
    assert_eq!((theory.lambda, theory.prompts, theory.rewrites, theory.answers), (0.3, 5, 6, 3));
    assert!((1.0..=6.0).contains(&theory.effective_rewrites) && theory.kl.mean <= 6f64.ln());
    assert_eq!(theory.convergence.iter().map(|point| point.k).collect::<Vec<_>>(), [1, 2, 4, 6]);
    assert_eq!(theory.best_answers.iter().map(|best| best.n).collect::<Vec<_>>(), [1, 2, 4, 8]);
    assert_eq!(theory.by_prompt.len(), 5);
    let tuned = theory.tuned.unwrap();
    assert!(tuned.shortfall.is_some_and(|estimate| estimate.mean >= 0.0));
    // λ·log Z less J of ρ_sft is λ·KL(ρ_sft‖ρ*), never negative.
    assert!(theory.objective.mean >= theory.untuned_reward.mean);
}

/// The weight with which the pool's rewrites stand for the tuned prompter's is that of a prompter that training has hardly moved.
#[test]
fn the_pool_knows_how_likely_the_tuned_prompter_finds_its_rewrites() {
    let mut still = World::new(ALL);
    still.spec.training.learning_rate = 1e-30;
    let moved = World::new(ALL);
    let ratios = |world: &World| {
        world.finish();
        of(&world.facts().evaluation, arm::REWRITE_POOL).values().flatten().map(|row| row.kl.unwrap()).collect::<Vec<f64>>()
    };
    let (still, moved) = (ratios(&still), ratios(&moved));
    // Decoding and the pass of the loss agree: f32 sums in another order.
    assert!(still.iter().all(|ratio| ratio.abs() < 1e-3), "{still:?}");
    assert!(moved.iter().any(|ratio| ratio.abs() > 0.05), "{moved:?}");
}

/// What an interruption must not change, of the other trainings too.
type Trained = (Vec<(usize, metrics::Metrics)>, Vec<Episode>, Option<Checkpoint>);

fn trained(world: &World, arm: &str) -> Trained {
    let block = world.runtime.handle();
    let iterations = block.block_on(world.store.iterations(world.run, arm, 1)).unwrap();
    let untimed = |row: store::Iteration| {
        (row.iteration, row.metrics.into_iter().filter(|(name, _)| !metrics::is_timing(name)).collect::<metrics::Metrics>())
    };
    let episodes = block.block_on(world.store.episodes(world.run, arm, None)).unwrap();
    let checkpoint = block.block_on(world.store.checkpoint(world.run, arm)).unwrap();
    (iterations.into_iter().map(untimed).collect(), comparable(episodes), checkpoint)
}

/// NaN (an oracle's episode has no closeness) equals nothing.
fn comparable(episodes: Vec<Episode>) -> Vec<Episode> {
    episodes.into_iter().map(|e| Episode { closeness: if e.closeness.is_nan() { -1.0 } else { e.closeness }, ..e }).collect()
}

#[test]
fn a_run_with_all_arms_resumes_bit_for_bit() {
    let alone = World::new(ALL);
    let expected = alone.finish();
    let disturbed = World::new(ALL);
    let stops: [&dyn Fn(Phase, usize) -> bool; 5] = [
        &|phase, done| phase == Phase::Train && done == 2,
        &|phase, done| phase == Phase::Search && done == 2,
        &|phase, done| phase == Phase::Oracle && done == 1,
        // In the pool of rewrites, and among the best of them.
        &|phase, done| phase == Phase::Evaluate && done >= 40,
        &|phase, done| phase == Phase::Evaluate && done >= 115,
    ];
    for stop in stops {
        let outcome = disturbed.go(usize::MAX, &mut |p| stop(p.phase, p.done)).unwrap();
        assert_eq!((outcome, disturbed.status()), (Outcome::Stopped, Status::Stopped));
    }
    // The engine dies in the pool of answers.
    disturbed.go(2, &mut |_| false).unwrap_err();
    let report = disturbed.finish();
    assert_eq!(disturbed.facts(), alone.facts());
    for arm in [arm::ORACLE, arm::INSTRUCTION] {
        assert_eq!(trained(&disturbed, arm), trained(&alone, arm), "{arm}");
    }
    assert_eq!(
        (report.arms, report.comparisons, report.theory, report.gaps),
        (expected.arms, expected.comparisons, expected.theory, expected.gaps)
    );

    let (iterations, episodes, checkpoint) = trained(&alone, arm::ORACLE);
    assert_eq!((iterations.len(), episodes.len(), checkpoint.unwrap().iteration), (3, 36, 3));
    assert!(episodes.iter().all(|e| e.rewrite.is_empty() && e.rewrite_tokens == 0 && e.answer_tokens > 0));
    let names: BTreeSet<&String> = iterations[0].1.keys().collect();
    assert!(names.iter().all(|name| !name.contains("rewrite") && *name != "closeness"), "{names:?}");
    assert!(iterations[0].1["kl"].unwrap().abs() < 1e-4, "an untrained adapter is π_F");
}

/// Before its first step the oracle is the frozen model: the same answers, token by token, from the same seeds.
#[test]
fn an_untrained_oracle_answers_as_the_frozen_model() {
    let mut world = World::new("iterations = 1\nwarmup_iterations = 0\n[arms]\noracle = true");
    let folder = ModelFolder::open(&world.folder.path().join("tiny")).unwrap();
    let load = || Llama::load(&folder, &Device::Cpu, lm::Precision::F32).unwrap();
    (world.spec.frozen.temperature, world.spec.frozen.max_answer_tokens) = (0.8, 7);
    let spec = &world.spec;
    let reward = || Reward::new(&spec.reward).unwrap();
    let frozen = BuiltIn::new(load(), &folder).unwrap();
    let mut raw = Pipeline::new(spec, world.prompter(), Box::new(frozen), reward());
    let mut oracle = oracle::pipeline(&oracle::training_spec(spec), world.oracle(), reward());
    let adapter = oracle.prompter.untrained_adapter(5).unwrap();
    let prompts = world.prepared().splits.test;
    let streams = Streams::new(1);
    let (split, answers_per_prompt, answers_per_batch) = (Split::Test, 3, 4);
    let plan = Plan { split, iteration: 0, prompts: &prompts, clusters: None, answers_per_prompt, answers_per_batch, streams };
    let collect = |name: &str, answering: &mut experiment::evaluation::Answering<'_>| {
        let mut rows = Vec::new();
        let mut commit = |chunk: &[EvaluationAnswer], _| {
            rows.extend_from_slice(chunk);
            Ok(())
        };
        evaluate(name, &plan, &[], answering, &mut commit, &mut |_| ControlFlow::Continue(())).unwrap();
        rows
    };
    let raw = collect(arm::RAW, &mut of_prompter(&mut raw, Arm::Raw, &plan));
    let oracle = collect(arm::ORACLE, &mut oracle::answering(&mut oracle, &adapter, &plan));
    assert_eq!(raw.len(), 15);
    for (raw, oracle) in raw.iter().zip(&oracle) {
        assert_eq!((oracle.arm.as_str(), oracle.kl.unwrap().abs() < 1e-4), (arm::ORACLE, true));
        assert_eq!(&EvaluationAnswer { arm: arm::RAW.into(), kl: None, ..oracle.clone() }, raw);
    }
}

#[test]
fn any_arm_can_be_switched_off() {
    let without = |off: &str| World::new(&format!("iterations = 2\nwarmup_iterations = 0\n[arms]\nbest_rewrite = true\n{off}"));
    let world = without("tuned = false");
    let report = world.finish();
    assert_eq!(report.arms.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["raw", "untuned", "best_rewrite"]);
    assert!(report.verdict.contains("without the tuned arm"), "{}", report.verdict);
    assert!(world.iterations().is_empty() && world.facts().checkpoint.is_none());
    let pairs: Vec<_> = report.comparisons.iter().map(|c| (c.arm.as_str(), c.baseline.as_str())).collect();
    assert_eq!(pairs, [("untuned", "raw"), ("best_rewrite", "raw")]);
    let theory = report.theory.unwrap();
    assert_eq!((theory.tuned, theory.lambda), (None, world.spec.training.kl_coefficient));
    assert_eq!(phases(&world), [Phase::Load, Phase::Baselines, Phase::Evaluate]);

    let world = without("raw = false\nuntuned = false");
    let report = world.finish();
    assert_eq!(report.arms.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["tuned", "best_rewrite"]);
    assert!(report.verdict.contains("without the raw and the untuned arm"), "{}", report.verdict);
    assert_eq!(phases(&world), [Phase::Load, Phase::Train, Phase::Evaluate]);
}

fn phases(world: &World) -> Vec<Phase> {
    let events = world.runtime.block_on(world.store.events_after(world.run, 0)).unwrap();
    events.iter().filter_map(|e| if let Event::Phase { phase, .. } = e.event { Some(phase) } else { None }).collect()
}

/// The oracle's fate is not the run's.
#[test]
fn an_oracle_that_diverges_is_left_out() {
    let world = World::new("iterations = 3\nwarmup_iterations = 0\nupdates_per_batch = 4\n[arms]\ntuned = false\noracle = true");
    let mut spec = world.spec.clone();
    spec.prompter.lora.alpha = 1e38;
    let world = World { spec, ..world };
    let report = world.finish();
    assert_eq!(report.arms.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["raw", "untuned"]);
    assert!(report.warnings.iter().any(|w| w.contains("The oracle, iteration 1") && w.contains("left out")), "{:?}", report.warnings);
}

#[test]
fn seeds_count_a_lost_oracle_as_no_gain() {
    let seeds: Vec<experiment::analyse::Seed> = [1, 2]
        .into_iter()
        .map(|seed| {
            let world = World::new(&ALL.replace("iterations = 3", "iterations = 1"));
            let spec = Spec { seed, ..world.spec.clone() };
            let world = World { spec: spec.clone(), ..world };
            world.finish();
            let mut run = world.runtime.block_on(world.store.run(world.run)).unwrap();
            (run.spec, run.id) = (spec, i64::try_from(seed).unwrap());
            let rows = world.runtime.block_on(world.store.evaluation(world.run, Some(Split::Test))).unwrap();
            let lost = |row: &EvaluationAnswer| seed == 1 || row.arm != arm::ORACLE;
            experiment::analyse::Seed { run, rows: rows.into_iter().filter(lost).collect() }
        })
        .collect();
    let found = experiment::analyse::compute(seeds).unwrap();
    let names: Vec<_> = found.arms.iter().map(|a| (a.arm.as_str(), a.reward.seeds, a.reward.failed)).collect();
    let whole = |name| (name, 2, 0);
    let expected = ["raw", "untuned", "tuned", "optimum", "best_rewrite", "best_answer", "instruction"].map(whole);
    assert_eq!(names, [&expected[..], &[("oracle", 2, 1)]].concat());
    assert_eq!(found.comparisons.len(), report::COMPARISONS.len());
    assert_eq!(found.gaps.len(), 2);
}
