//! What a design could find, from runs in a real database, held against `analysis::power` on the stored rows.
#![allow(clippy::expect_used)] // A helper that fails should fail its test.

mod rows;

use analysis::{Noise, Plan, components, doubling, smallest_detectable};
use contract::design::{DesignPower, Question};
use contract::event::Status;
use contract::seeds::Power;
use contract::{Code, Spec};
use experiment::analyse::{Seed, compute as analyse};
use experiment::design::{USUAL_DEVIATION, compute, precedent};
use std::collections::BTreeMap;
use std::path::Path;
use store::{EvaluationAnswer, NewRun, Split, Store};
use tokio::runtime::Runtime;

struct Lab {
    runtime: Runtime,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let (folder, runtime) = (tempfile::tempdir().expect("a folder"), Runtime::new().expect("a runtime"));
        let store = runtime.block_on(Store::open(&folder.path().join("runs.db"))).expect("a new database");
        Self { runtime, store, _folder: folder }
    }

    /// With the shipped finished run as run 1.
    fn with_example() -> Self {
        let lab = Self::new();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/finished.alignpro");
        let example = lab.runtime.block_on(Store::open_foreign(&file)).expect("the shipped run");
        lab.runtime.block_on(lab.store.merge(&example)).expect("the shipped run");
        lab
    }

    fn add(&self, spec: Spec, rows: &[EvaluationAnswer], status: Status) -> i64 {
        let new = NewRun { spec_hash: experiment::spec::hash(&spec).expect("a hash"), spec, program_version: "1".into(), facts: vec![] };
        self.runtime.block_on(async {
            let run = self.store.create_run(&new).await.expect("a run");
            self.store.commit_evaluation(run, rows, &[]).await.expect("its rows");
            self.store.set_status(run, status, None).await.expect("its end");
            run
        })
    }

    fn spec(&self, run: i64) -> Spec {
        self.runtime.block_on(self.store.run(run)).expect("a run").spec
    }

    fn rows(&self, run: i64) -> Vec<EvaluationAnswer> {
        self.runtime.block_on(self.store.evaluation(run, Some(Split::Test))).expect("rows")
    }

    fn design(&self, spec: &Spec, seeds: usize, deviation: Option<f64>) -> DesignPower {
        let precedent = self.runtime.block_on(precedent(&self.store, spec, Path::new("/"), seeds)).expect("no error");
        compute(spec, seeds, precedent.as_ref(), deviation, None).expect("a design")
    }

    /// Two more seeds of the shipped run that did better and worse.
    fn more_seeds(&self) -> Vec<i64> {
        let (spec, rows) = (self.spec(1), self.rows(1));
        let moved = |gain: f64| {
            let mut rows = rows.clone();
            for row in rows.iter_mut().filter(|row| row.arm == "tuned") {
                row.reward += gain * (1 + row.prompt_index % 3) as f64;
            }
            rows
        };
        [(2, 0.05), (3, -0.12)].map(|(seed, gain)| self.add(Spec { seed, ..spec.clone() }, &moved(gain), Status::Finished)).to_vec()
    }
}

/// `tuned − baseline` by prompt, a rewrite for each answer, by hand.
fn differences(rows: &[EvaluationAnswer], baseline: &str) -> Vec<Vec<Vec<f64>>> {
    let of = |arm: &str| -> BTreeMap<(usize, usize), f64> {
        rows.iter().filter(|row| row.arm == arm).map(|row| ((row.prompt_index, row.answer_index), row.reward)).collect()
    };
    let (tuned, baseline) = (of("tuned"), of(baseline));
    let mut prompts: BTreeMap<usize, Vec<Vec<f64>>> = BTreeMap::new();
    for ((prompt, answer), reward) in &tuned {
        prompts.entry(*prompt).or_default().push(vec![reward - baseline[&(*prompt, *answer)]]);
    }
    prompts.into_values().collect()
}

fn power(noise: &Noise, plan: Plan) -> Power {
    let found = doubling(noise, plan, 0.05, 0.8).expect("differences vary");
    let difference = |d: Option<analysis::Detectable>| d.map(|d| d.difference);
    Power {
        smallest: found.now.difference,
        twice_prompts: difference(found.prompts),
        twice_answers: difference(found.rewrites),
        twice_seeds: difference(found.seeds),
    }
}

#[test]
fn one_run_tells_what_one_prompter_is_found_by() {
    let lab = Lab::with_example();
    let (spec, rows) = (lab.spec(1), lab.rows(1));
    let design = lab.design(&spec, 1, None);
    let learned = design.learned.clone().expect("the shipped run");
    assert_eq!((learned.runs, learned.same_data, learned.same_reward, design.question), (vec![1], true, true, Question::Prompter));
    for (pair, baseline) in design.pairs.iter().zip(["raw", "untuned"]) {
        let noise = Noise::from(&components(&[differences(&rows, baseline)], 0, 1));
        let plan = Plan { seeds: 1, prompts: 96, rewrites: 2, answers: 1 };
        assert_eq!((pair.baseline.as_str(), pair.power), (baseline, Some(power(&noise, plan))));
        // The same, for it does not matter how n came about.
        for at in &pair.by_prompts {
            let alone = smallest_detectable(&noise, Plan { prompts: at.prompts, ..plan }, 0.05, 0.8).expect("differences vary");
            assert_eq!(at.smallest, alone.difference);
        }
        assert!(pair.by_prompts.iter().any(|at| at.prompts == 96 && Some(at.smallest) == pair.power.map(|p| p.smallest)), "{pair:?}");
        assert!(pair.by_prompts.windows(2).all(|two| two[1].prompts > two[0].prompts && two[1].smallest < two[0].smallest));
        // A difference that is found in 80 % is 2.8 standard errors, of which the run's own interval is 3.92 wide.
        let own = experiment::report::compute(&lab.runtime.block_on(lab.store.run(1)).expect("a run"), &rows, &[]);
        let c = own.comparisons.iter().find(|c| c.arm == "tuned" && c.baseline == baseline).expect("a comparison");
        let rough = (c.ci_high - c.ci_low) / 3.92 * 2.8;
        assert!((pair.power.expect("a figure").smallest / rough - 1.0).abs() < 0.05, "{pair:?} {rough}");
    }
    assert!(
        design.finding.starts_with("This design finds a difference of 0.")
            && design.finding.contains("as they did in run 1: the same models, data and reward"),
        "{}",
        design.finding
    );
    // Another plan than that of the precedent.
    let mut wider = spec;
    (wider.data.test, wider.evaluation.answers_per_prompt) = (300, 5);
    let noise = Noise::from(&components(&[differences(&rows, "raw")], 0, 1));
    let plan = Plan { seeds: 1, prompts: 300, rewrites: 5, answers: 1 };
    assert_eq!(lab.design(&wider, 1, None).pairs[0].power, Some(power(&noise, plan)));
}

#[test]
fn several_seeds_tell_what_training_is_found_by() {
    let lab = Lab::with_example();
    let more = lab.more_seeds();
    let spec = lab.spec(1);
    let design = lab.design(&spec, 3, None);
    assert_eq!(
        (design.question, design.learned.clone().expect("three seeds").runs),
        (Question::Training, [vec![1], more.clone()].concat())
    );
    // As many seeds as there were: what is said after them.
    let run = |id: i64| lab.runtime.block_on(lab.store.run(id)).expect("a run");
    let seeds = [vec![1], more].concat().into_iter().map(|id| Seed { run: run(id), rows: lab.rows(id) }).collect();
    let report = analyse(seeds).expect("three seeds");
    for pair in &design.pairs {
        let after = report.comparisons.iter().find(|c| (&c.arm, &c.baseline) == (&pair.arm, &pair.baseline)).expect("the same pair");
        assert_eq!(pair.power, after.power);
    }
    assert!(design.finding.starts_with("Over its 3 seeds this design") && design.notes[0].starts_with("3 seeds say little"), "{design:?}");
    let (three, ten) = (design.pairs[0].power.expect("a figure"), lab.design(&spec, 10, None).pairs[0].power.expect("a figure"));
    assert!(ten.smallest < three.smallest && three.twice_seeds.is_some());
    // One seed of the same asks of its prompter, for whom how seeds differ is no noise.
    let one = lab.design(&spec, 1, None);
    assert_eq!((one.question, one.learned.expect("three seeds").runs.len()), (Question::Prompter, 3));
    assert!(one.pairs[0].power.is_some_and(|p| p.smallest < three.smallest && p.twice_seeds.is_none()));
}

#[test]
fn one_seed_says_nothing_of_seeds() {
    let lab = Lab::with_example();
    let spec = lab.spec(1);
    let (one, five) = (lab.design(&spec, 1, None), lab.design(&spec, 5, None));
    assert_eq!((five.question, five.pairs.clone()), (Question::Prompter, one.pairs));
    assert!(five.finding.starts_with("Each seed of this design finds"), "{}", five.finding);
    assert!(five.notes[0].contains("one finished seed to learn from") && five.notes[0].contains("over all 5 seeds"), "{:?}", five.notes);
}

#[test]
fn clusters_are_counted_where_the_plan_has_some() {
    let lab = Lab::new();
    let planned = small(|spec| spec.data.cluster_column = Some("user".into())).0;
    let of = |clusters: Option<usize>, deviation: Option<f64>| {
        let precedent = lab.runtime.block_on(precedent(&lab.store, &planned, Path::new("/"), 1)).expect("no error");
        compute(&planned, 1, precedent.as_ref(), deviation, clusters).expect("a design")
    };
    // Nothing says how alike the prompts of a cluster are: each cluster is one prompt.
    let mut three = planned.clone();
    three.data.test = 3;
    let (assumed, alone) = (of(Some(3), Some(0.2)), compute(&three, 1, None, Some(0.2), None).expect("a design"));
    assert_eq!((assumed.prompts, assumed.clusters, assumed.pairs[0].power), (6, Some(3), alone.pairs[0].power));
    assert!(assumed.finding.contains("This design, with 3 clusters of test prompts, finds"), "{}", assumed.finding);
    assert!(
        assumed.notes.iter().any(|note| note.starts_with("How alike the prompts of one cluster are is not known")),
        "{:?}",
        assumed.notes
    );
    assert!(assumed.pairs[0].by_prompts.iter().any(|at| at.prompts == 6 && Some(at.smallest) == alone.pairs[0].power.map(|p| p.smallest)));
    assert!(of(Some(1), None).finding.starts_with("With one cluster"));

    // A run without clusters, and then one with them, which is the nearer.
    let (spec, rows) = small(|_| ());
    lab.add(spec, &rows, Status::Finished);
    assert!(of(Some(3), None).notes.iter().any(|note| note.contains("each cluster is counted as one prompt")));
    let rows: Vec<EvaluationAnswer> = rows.into_iter().map(|row| EvaluationAnswer { cluster: Some(row.prompt_index / 2), ..row }).collect();
    let run = lab.add(planned.clone(), &rows, Status::Finished);
    lab.add(Spec { seed: 9, ..small(|_| ()).0 }, &small(|_| ()).1, Status::Finished);
    let design = of(Some(3), None);
    assert_eq!(design.learned.clone().expect("the run with clusters").runs, [run]);
    let run = lab.runtime.block_on(lab.store.run(run)).expect("a run");
    let after = analyse(vec![Seed { run, rows }]).expect("one seed");
    for pair in &design.pairs {
        let after = after.comparisons.iter().find(|c| (&c.arm, &c.baseline) == (&pair.arm, &pair.baseline)).expect("the same pair");
        assert_eq!(pair.power, after.power, "what is said after the run");
    }
    assert!(design.notes.iter().any(|note| note.starts_with("Counted are clusters of prompts")), "{:?}", design.notes);
    assert!(!design.notes.iter().any(|note| note.contains("with one answer to a prompt")), "{:?}", design.notes);
    // Twice the clusters find what twice the prompts do.
    assert_eq!(of(Some(6), None).pairs[0].power.map(|p| p.smallest), design.pairs[0].power.and_then(|p| p.twice_prompts));
}

/// The run of `rows`, whose tuned arm gains more on later prompts.
fn small(change: impl Fn(&mut Spec)) -> (Spec, Vec<EvaluationAnswer>) {
    let mut spec = rows::run().spec;
    change(&mut spec);
    let gain = |arm: &str, iteration: usize, gain: f64| {
        let row = |i: usize| rows::row(arm, iteration, i / 2, i % 2, gain * (i / 2) as f64 + [0.1, -0.2, 0.15][i % 3]);
        (0..12).map(row).collect::<Vec<_>>()
    };
    (spec, [gain("raw", 0, 0.0), gain("untuned", 0, 0.02), gain("tuned", 7, 0.1)].concat())
}

#[test]
fn the_nearest_runs_come_first_and_of_these_the_newest() {
    let lab = Lab::new();
    let add = |seed: u64, status: Status, change: &dyn Fn(&mut Spec)| {
        let (spec, rows) = small(change);
        lab.add(Spec { seed, ..spec }, &rows, status)
    };
    let planned = small(|_| ()).0;
    let chosen =
        |seeds: usize| lab.design(&planned, seeds, None).learned.map(|learned| (learned.runs, learned.same_data, learned.same_reward));
    let other_reward = |spec: &mut Spec| spec.reward.parts[0].weight = 0.5;
    let other_data = |spec: &mut Spec| spec.data.source = "/data/p.jsonl".into();
    add(1, Status::Finished, &|spec| spec.frozen.model = "another".into());
    add(1, Status::Stopped, &|_| ());
    add(1, Status::Failed, &|_| ());
    assert_eq!(chosen(1), None);
    let neither = add(1, Status::Finished, &|spec| {
        other_reward(spec);
        other_data(spec);
    });
    assert_eq!(chosen(1), Some((vec![neither], false, false)));
    let data = add(1, Status::Finished, &other_reward);
    assert_eq!(chosen(1), Some((vec![data], true, false)));
    assert!(lab.design(&planned, 1, None).notes[0].contains("another unit"));
    let reward = add(1, Status::Finished, &other_data);
    let _newer = add(2, Status::Finished, &other_reward);
    assert_eq!(chosen(1), Some((vec![reward], false, true)));
    // Another name or a watched part are no other reward.
    let alike = add(1, Status::Finished, &|spec| {
        let watched = contract::spec::RewardPart { name: None, weight: 0.0, program: contract::spec::RewardProgram::Readability };
        spec.reward.parts.push(watched);
        spec.reward.parts[0].name = Some("mood".into());
    });
    assert_eq!(chosen(1), Some((vec![alike], true, true)));
    let second = add(2, Status::Finished, &|_| ());
    assert_eq!(chosen(1), Some((vec![second], true, true)), "the newest");
    let third = add(3, Status::Finished, &|_| ());
    let newest = add(1, Status::Finished, &|spec| spec.training.kl_coefficient = 0.5);
    assert_eq!((chosen(1), chosen(2)), (Some((vec![newest], true, true)), Some((vec![second, third], true, true))));
    // The same seed again counts once, the newest of them; what was deleted, not at all.
    let again = add(3, Status::Finished, &|_| ());
    assert_eq!(chosen(2), Some((vec![second, again], true, true)));
    let deleted = contract::desk::RunChange { deleted: Some(true), ..Default::default() };
    lab.runtime.block_on(lab.store.change(&[second, third, again], &deleted)).expect("deleted");
    assert_eq!(chosen(2), Some((vec![newest], true, true)));
}

#[test]
fn runs_that_cannot_be_learned_from_are_passed_over() {
    let lab = Lab::new();
    let (spec, whole) = small(|_| ());
    let older = lab.add(spec.clone(), &whole, Status::Finished);
    let without_tuned: Vec<_> = whole.iter().filter(|row| row.arm != "tuned").cloned().collect();
    lab.add(Spec { seed: 1, ..small(|spec| spec.training.kl_coefficient = 0.1).0 }, &without_tuned, Status::Finished);
    assert_eq!(lab.design(&spec, 1, None).learned.expect("the older").runs, [older]);
    // Of seeds that were tested on different prompts the newest alone.
    let mut moved = whole.clone();
    moved.iter_mut().for_each(|row| row.prompt = "another".into());
    let newer = lab.add(Spec { seed: 9, ..spec.clone() }, &moved, Status::Finished);
    assert_eq!(lab.design(&spec, 2, None).learned.expect("the newer").runs, [newer]);
    // Without one of the arms, and with one answer to a prompt.
    let (other, rows) = small(|spec| spec.frozen.model = "single".into());
    let single: Vec<_> = rows.into_iter().filter(|row| row.arm != "untuned" && row.answer_index == 0).collect();
    lab.add(other.clone(), &single, Status::Finished);
    let design = lab.design(&other, 1, None);
    assert!(design.pairs[0].power.is_some_and(|p| p.twice_answers.is_none() && p.twice_prompts.is_some()), "{design:?}");
    assert!(design.pairs[1].power.is_none() && design.pairs[1].by_prompts.is_empty());
    assert!(
        design.notes.iter().any(|n| n.starts_with("Of tuned − untuned nothing")) && design.notes.iter().any(|n| n.contains("one answer"))
    );
}

#[test]
fn without_a_precedent_it_is_said_what_is_assumed() {
    let lab = Lab::new();
    let spec = small(|spec| spec.data.test = 96).0;
    let usual = lab.design(&spec, 1, None);
    let by = |deviation: f64| {
        let noise = Noise { seed: 0.0, prompt: deviation * deviation, interaction: 0.0, rewrite: 0.0, answer: 0.0 };
        smallest_detectable(&noise, Plan { seeds: 1, prompts: 96, rewrites: 1, answers: 1 }, 0.05, 0.8).expect("a figure").difference
    };
    // The components of docs/results.md: prompt, seed × prompt, and one of two answers.
    let components: f64 = 0.062 + 0.049 + 0.249 / 2.0;
    assert!((components.sqrt() - USUAL_DEVIATION).abs() < 0.005);
    for (design, deviation, is_usual) in [(&usual, USUAL_DEVIATION, true), (&lab.design(&spec, 1, Some(0.2)), 0.2, false)] {
        let assumed = design.assumed.expect("an assumption");
        assert_eq!((assumed.deviation, assumed.is_usual, design.learned.is_none()), (deviation, is_usual, true));
        let power = design.pairs[0].power.expect("a figure");
        assert_eq!((power.smallest, power.twice_answers, power.twice_seeds), (by(deviation), None, None));
        assert!(design.notes[0].starts_with("Assumed, not measured: ") && design.finding.contains("as is assumed"), "{design:?}");
    }
    assert!(usual.notes[0].contains("docs/results.md"));
    // What is given comes before what was run.
    let (spec, rows) = small(|_| ());
    lab.add(spec.clone(), &rows, Status::Finished);
    let given = lab.design(&spec, 4, Some(0.3));
    assert!(given.learned.is_none() && given.question == Question::Prompter && given.notes[1].contains("nothing was run"), "{given:?}");
    for wrong in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        assert_eq!(compute(&spec, 1, None, Some(wrong), None).expect_err("no deviation").code, Code::Spec);
    }
    assert_eq!(compute(&spec, 0, None, None, None).expect_err("no seed").code, Code::Spec);
}

#[test]
fn what_cannot_be_found_is_said() {
    let lab = Lab::new();
    let one = lab.design(&small(|spec| spec.data.test = 1).0, 1, None);
    assert!(one.pairs.iter().all(|pair| pair.power.is_none()) && one.finding.contains("raise data.test"), "{}", one.finding);
    let alone = lab.design(&small(|spec| spec.arms.tuned = false).0, 1, None);
    assert!(alone.pairs.is_empty() && alone.finding.contains("no tuned prompter beside a baseline"), "{}", alone.finding);
    let mut flat = small(|_| ());
    flat.1.iter_mut().for_each(|row| row.reward = 0.5);
    lab.add(flat.0.clone(), &flat.1, Status::Finished);
    let design = lab.design(&flat.0, 1, None);
    assert!(design.pairs[0].power.is_none() && design.finding.contains("do not vary"), "{}", design.finding);
}
