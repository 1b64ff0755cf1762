//! What the window asks for, with the real worker and no window.
#![allow(clippy::unwrap_used, clippy::expect_used)] // The lint sees only functions that are marked as tests.
use contract::desk::{Merged, ModelPlace, RunChange, RunNews, Settings, Share, Tried, TryNews};
use contract::event::{Event, Phase, Status};
use contract::theory::{Theory, TheoryWorld};
use contract::{Code, Spec};
use desk::Desk;
use home::Home;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tests::{Lab, MODEL};

const PROGRAM: &str = env!("CARGO_BIN_EXE_alignpro");
/// Not a measure of speed: a machine that is busy may take long.
const PATIENCE: Duration = Duration::from_secs(600);

fn desk(lab: &Lab) -> Desk {
    Desk::new(Home::at(&lab.path("home")), None, PROGRAM.into())
}

fn tiny(lab: &Lab, change: impl Fn(&mut Spec)) -> Spec {
    let file = lab.tiny_spec("tiny.toml", |text| text);
    let mut spec = experiment::spec::parse(&std::fs::read_to_string(file).unwrap(), "tiny.toml").unwrap();
    spec.data.source = lab.path("prompts.jsonl").to_str().unwrap().into();
    change(&mut spec);
    spec
}

async fn start(desk: &Desk, spec: Spec) -> i64 {
    desk.start(spec, 1).await.unwrap()[0]
}

/// Follows a run as a page does, until its news fit; all that it heard.
async fn follow(desk: &Desk, run: i64, fits: impl Fn(&RunNews) -> bool) -> RunNews {
    let begun = Instant::now();
    let mut all = desk.news(run, 0).await.unwrap();
    while !fits(&all) {
        assert!(begun.elapsed() < PATIENCE, "it did not come about: {all:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let more = desk.news(run, all.sequence).await.unwrap();
        assert!(more.events.iter().all(|event| event.sequence > all.sequence), "an event was told twice");
        all.events.extend(more.events);
        all.iterations.extend(more.iterations);
        (all.status, all.message, all.sequence) = (more.status, more.message, more.sequence);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_from_its_set_up_to_its_result() {
    let lab = Lab::new(PROGRAM);
    let desk = desk(&lab);
    assert_eq!(desk.runs().await.unwrap(), []);

    let run = start(&desk, tiny(&lab, |_| ())).await;
    let news = follow(&desk, run, |news| news.status == Status::Finished).await;
    let iterations: Vec<usize> = news.iterations.iter().map(|row| row.iteration).collect();
    assert_eq!(iterations, [1, 2, 3]);
    assert!(news.iterations.iter().all(|row| row.metrics.contains_key("reward_mean") && row.seconds > 0.0));
    for phase in [Phase::Load, Phase::Baselines, Phase::Train, Phase::Evaluate] {
        assert!(news.events.iter().any(|e| matches!(e.event, Event::Phase { phase: p, .. } if p == phase)), "{phase:?} is not told");
    }

    let detail = desk.run(run).await.unwrap();
    let report = detail.summary.report.unwrap();
    assert_eq!(report.arms.iter().map(|arm| (arm.name.as_str(), arm.n)).collect::<Vec<_>>(), [("raw", 16), ("untuned", 16), ("tuned", 16)]);
    assert_eq!(experiment::spec::parse(&detail.spec_toml, "its text").unwrap(), detail.spec);
    // A run that the window has written knows as much of its models and its machine as one of the command line.
    for key in ["model.prompter.checksum", "engine", "engine.proof", "machine.cpu", "data.test.checksum"] {
        assert!(detail.facts.iter().any(|fact| fact.key == key), "{key} is not among {:?}", detail.facts);
    }

    let samples = desk.samples(run).await.unwrap();
    assert_eq!(samples.len(), 8);
    assert!(samples.iter().all(|sample| sample.answers.len() == 6));
    let episodes = desk.episodes(run, 2).await.unwrap();
    assert_eq!(episodes.len(), 6);

    let mut told = Vec::new();
    let tried = desk.try_prompt(run, "--what is tea?", 0, |news| told.push(news)).await.unwrap();
    growing(&told, &tried);
    assert_eq!(tried.arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>(), ["raw", "untuned", "tuned"]);
    assert_eq!(tried.prompt, "--what is tea?");

    // Another seed is the same experiment; another λ is not.
    let seed = start(&desk, tiny(&lab, |spec| spec.seed = 4)).await;
    let other = start(&desk, tiny(&lab, |spec| spec.training.kl_coefficient = 0.5)).await;
    let runs = desk.runs().await.unwrap();
    let experiment = |id: i64| runs.iter().find(|run| run.id == id).unwrap().experiment.clone();
    assert_eq!(runs.len(), 3);
    assert_eq!(experiment(run), experiment(seed));
    assert_ne!(experiment(run), experiment(other));
    for id in [seed, other] {
        desk.stop(id).await.unwrap();
        follow(&desk, id, |news| news.status == Status::Stopped).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_stopped_killed_and_gone_on_with() {
    let lab = Lab::new(PROGRAM);
    let desk = desk(&lab);
    let run = start(&desk, tiny(&lab, |spec| spec.training.iterations = 30)).await;
    follow(&desk, run, |news| !news.iterations.is_empty()).await;
    desk.stop(run).await.unwrap();
    follow(&desk, run, |news| news.status == Status::Stopped).await;

    // The worker is a process of its own: another desk, as after a crash of the window, sees the same and goes on.
    let again = self::desk(&lab);
    again.resume(&[run]).await.unwrap();
    let news = follow(&again, run, |news| news.status == Status::Running && news.iterations.len() > 2).await;
    assert!(news.events.iter().any(|e| matches!(e.event, Event::Resumed { .. })));
    let refused = again.resume(&[run]).await.unwrap_err();
    assert!(refused.message.contains("running"), "{refused}");
    let worker = std::fs::read_to_string(lab.path(&format!("home/runs.db.run-{run}.lock"))).unwrap();
    assert!(Command::new("kill").args(["-KILL", worker.trim()]).status().unwrap().success());
    let news = follow(&again, run, |news| news.status == Status::Interrupted).await;
    assert!(news.message.unwrap().contains("gone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_seeds_wait_for_one_another() {
    let lab = Lab::new(PROGRAM);
    let desk = desk(&lab);
    let runs = desk.start(tiny(&lab, |spec| (spec.seed, spec.training.iterations) = (7, 1)), 3).await.unwrap();
    follow(&desk, runs[0], |news| news.status == Status::Running).await;
    follow(&desk, runs[2], |news| news.status == Status::Waiting).await;
    let load = desk.load(runs[0]).await.unwrap().unwrap();
    assert!(load.memory_bytes > 0 && load.memory_bytes < load.memory_total_bytes && load.cores > 0, "{load:?}");
    assert_eq!(desk.load(runs[2]).await.unwrap(), None);
    assert!(desk.log(runs[2]).unwrap().contains(&format!("run-{}.log", runs[0])));
    let [first, second, third] = runs[..] else { panic!() };
    let all = desk.runs().await.unwrap();
    assert_eq!(all.iter().map(|run| run.seed).collect::<Vec<_>>(), [9, 8, 7]);
    assert!(all.iter().all(|run| run.experiment == all[0].experiment));
    // One that waits is out at once, and may go on in a worker of its own before those before it have ended.
    desk.stop(third).await.unwrap();
    assert_eq!(desk.news(third, 0).await.unwrap().status, Status::Stopped);
    tokio::time::sleep(Duration::from_secs(1)).await;
    desk.resume(&[third]).await.unwrap();
    for run in runs {
        let news = follow(&desk, run, |news| news.status == Status::Finished).await;
        assert_eq!(news.iterations.len(), 1, "{run}");
    }
    let begun = |run: i64, all: &[contract::desk::RunSummary]| all.iter().find(|r| r.id == run).unwrap().started_at_ms.unwrap();
    let all = desk.runs().await.unwrap();
    assert!(begun(first, &all) < begun(second, &all));
    let too_many = desk.start(tiny(&lab, |_| ()), 0).await.unwrap_err();
    assert!(too_many.message.contains("1 to 100"), "{too_many}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_go_to_a_colleague_and_come_back() {
    let lab = Lab::new(PROGRAM);
    let desk = desk(&lab);
    let run = start(&desk, tiny(&lab, |_| ())).await;
    follow(&desk, run, |news| news.status == Status::Finished).await;
    let tags = RunChange { tags: Some(vec!["paper".into()]), name: Some("For Ada / you".into()), ..RunChange::default() };
    desk.change(&[run], &tags).await.unwrap();
    let downloads = lab.path("downloads");
    let share = Share { texts: true, prompters: true };
    let file = desk.export(&[run], share, &downloads).await.unwrap();
    assert_eq!(file, downloads.join("for-ada-you-seed-3.alignpro"));
    let second = desk.export(&[run], share, &downloads).await.unwrap();
    assert_eq!(second, downloads.join("for-ada-you-seed-3-2.alignpro"), "never over a file");

    // Her desk: the file beside her own runs, to look at.
    let hers = Desk::new(Home::at(&lab.path("hers")), None, PROGRAM.into());
    let open = hers.open_file(&file).await.unwrap();
    let [theirs] = open.runs[..] else { panic!("{open:?}") };
    assert!(theirs < 0);
    let listed = hers.runs().await.unwrap();
    let (mine, seen) = (desk.run(run).await.unwrap(), hers.run(theirs).await.unwrap());
    assert_eq!(listed, std::slice::from_ref(&seen.summary));
    assert_eq!((&seen.spec_toml, seen.summary.name.as_str()), (&mine.spec_toml, "For Ada / you"));
    assert_eq!(seen.summary.report.as_ref().unwrap().arms, mine.summary.report.as_ref().unwrap().arms);
    assert_eq!(hers.samples(theirs).await.unwrap(), desk.samples(run).await.unwrap());
    assert_eq!(hers.episodes(theirs, 2).await.unwrap(), desk.episodes(run, 2).await.unwrap());
    assert_eq!(hers.news(theirs, 0).await.unwrap().iterations, desk.news(run, 0).await.unwrap().iterations);
    for refused in [
        hers.change(&[theirs], &tags).await.unwrap_err(),
        hers.try_prompt(theirs, "Why?", 0, drop).await.unwrap_err(),
        hers.resume(&[theirs]).await.unwrap_err(),
        hers.stop(theirs).await.unwrap_err(),
    ] {
        assert!(refused.message.contains("merge"), "{refused}");
    }
    // From what she looks at she may export too.
    let third = hers.export(&[theirs], Share { texts: false, prompters: false }, &downloads).await.unwrap();
    assert!(third.metadata().unwrap().len() < file.metadata().unwrap().len());

    // Opened again, it is open once; merged, it is hers, with the prompter.
    let path = file.canonicalize().unwrap();
    let again = hers.open_file(&file).await.unwrap();
    let gone = hers.run(theirs).await.unwrap_err();
    assert!(gone.message.contains("no longer open"), "{gone}");
    assert_eq!(hers.files().await.unwrap(), [again]);
    assert_eq!(hers.merge(&path).await.unwrap(), Merged { added: vec![1], known: 0 });
    assert_eq!(hers.merge(&path).await.unwrap(), Merged { added: vec![], known: 1 });
    hers.close_file(&path).await.unwrap();
    assert_eq!((hers.files().await.unwrap().len(), hers.runs().await.unwrap().len()), (0, 1));
    std::os::unix::fs::symlink(lab.path("home/models"), lab.path("hers/models")).unwrap();
    let tried = hers.try_prompt(1, "What is tea?", 0, drop).await.unwrap();
    assert_eq!(tried, Tried { run: 1, ..desk.try_prompt(run, "What is tea?", 0, drop).await.unwrap() });
    let adapter = hers.export_adapter(1, &downloads).await.unwrap();
    assert!(adapter.join("adapter_model.safetensors").is_file(), "{}", adapter.display());

    let own = hers.open_file(&lab.path("hers/runs.db")).await.unwrap_err();
    assert!(own.message.contains("working in"), "{own}");
    let example = hers.open_example().await.unwrap();
    assert!(example.is_example);
    let shown = hers.run(example.runs[0]).await.unwrap().summary;
    assert_eq!((shown.status, shown.report.unwrap().arms.len()), (Status::Finished, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_says_so() {
    let lab = Lab::new(PROGRAM);
    let desk = desk(&lab);
    let relative = desk.start(tiny(&lab, |spec| spec.data.source = "prompts.jsonl".into()), 1).await.unwrap_err();
    assert_eq!(relative.code, Code::Spec);
    assert!(relative.message.contains("data.source"), "{relative}");
    let missing = desk.start(tiny(&lab, |spec| spec.data.source = "/nowhere/prompts.jsonl".into()), 1).await.unwrap_err();
    assert!(missing.message.contains("/nowhere/prompts.jsonl"), "{missing}");
    assert_eq!(desk.runs().await.unwrap(), [], "a refused experiment leaves no run");

    // Which models there are is the worker's to know: it says so in the run's news.
    let run = start(&desk, tiny(&lab, |spec| spec.frozen.model = "no-such-model".into())).await;
    let news = follow(&desk, run, |news| news.status == Status::Failed).await;
    assert!(news.message.unwrap().contains("no-such-model"));

    let homeless = Desk::new(Home::at(&lab.path("home")), None, lab.path("no-worker"));
    let gone = homeless.examine().await.unwrap_err();
    assert!(gone.message.contains("no-worker"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machine_and_drafts_are_looked_at() {
    let lab = Lab::new(PROGRAM);
    let desk = desk(&lab);
    let overview = desk.examine().await.unwrap();
    // Whatever other programs have on this machine.
    let installed = overview.models.iter().filter(|model| model.place == ModelPlace::Installed);
    assert_eq!(installed.map(|model| model.name.as_str()).collect::<Vec<_>>(), [MODEL]);
    assert_eq!(Path::new(&overview.database), lab.path("home/runs.db"));
    assert!(overview.checks.iter().any(|check| check.name == "processor"));

    assert!(Path::new(&overview.models_folder).is_dir() && overview.connections.is_empty());

    assert_eq!(desk.settings().unwrap(), Settings::default());
    desk.keep_settings(&Settings { threads: Some(1), ..Settings::default() }).unwrap();
    assert_eq!(desk.settings().unwrap().threads, Some(1));
    desk.keep_settings(&Settings { threads: Some(0), ..Settings::default() }).unwrap_err();

    let mine = lab.path("mine");
    std::fs::create_dir_all(&mine).unwrap();
    assert_eq!(desk.name_model_folder(&mine).unwrap().model_folders, [mine.display().to_string()]);
    assert_eq!(desk.settings().unwrap(), Settings { threads: Some(1), model_folders: vec![mine.display().to_string()] });
    let folders = desk.examine().await.unwrap().model_folders;
    assert!(folders.named == [mine.display().to_string()] && folders.searched.contains(&folders.named[0]), "{folders:?}");
    assert!(desk.name_model_folder(&lab.path("nothing")).unwrap_err().message.contains("There is no folder"));
    std::fs::remove_dir(&mine).unwrap();
    assert_eq!(desk.forget_model_folder(&mine).unwrap().model_folders, [""; 0], "be it there or not");
    assert!(desk.forget_model_folder(&mine).unwrap_err().message.contains("none of the folders that were named"));

    lab.write("home/settings.json", "{");
    assert!(desk.settings().unwrap_err().message.contains("settings.json"));

    let spec = desk.quickstart().unwrap();
    let draft = serde_json::to_value(&spec).unwrap();
    let checked = desk.check(draft.clone()).unwrap();
    assert_eq!(checked.problems, []);
    assert_eq!(experiment::spec::parse(&checked.toml, "its text").unwrap(), spec);
    let problem = |pointer: &str, value: serde_json::Value| {
        let mut wrong = draft.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        desk.check(wrong).unwrap().problems.into_iter().map(|problem| problem.path).collect::<Vec<_>>()
    };
    assert_eq!(problem("/training/group_size", 1.into()), ["training.group_size"]);
    assert_eq!(problem("/training/group_size", serde_json::Value::Null), ["training.group_size"]);
    assert_eq!(problem("/data/source", "prompts.jsonl".into()), ["data.source"]);
    let pattern = serde_json::json!([{ "kind": "regex", "pattern": "(", "weight": 1.0 }]);
    assert_eq!(problem("/reward/parts", pattern), ["reward.parts[0].pattern"]);

    // What it will take is measured; the tiny experiment's own figures are no measure of a test.
    let tiny = tiny(&lab, |_| ());
    let estimate = desk.estimate(tiny.clone()).await.unwrap();
    assert_eq!(
        estimate.phases.iter().map(|phase| phase.phase).collect::<Vec<_>>(),
        [Phase::Load, Phase::Baselines, Phase::Train, Phase::Evaluate]
    );
    assert!(estimate.phases.iter().all(|phase| phase.seconds.is_some_and(|seconds| seconds > 0.0)));
    let memory = &estimate.memory;
    assert!(memory.fits && memory.changes.is_empty() && memory.peak_bytes < memory.free_bytes, "{memory:?}");
    assert!(memory.phases.iter().all(|phase| phase.peak_bytes > 100 << 20 && phase.peak_bytes <= memory.peak_bytes), "{memory:?}");
    assert!(
        estimate.longest_prompter_tokens > 10 && estimate.frozen_context.is_some_and(|context| estimate.longest_frozen_tokens < context)
    );
    assert!([estimate.twice_prompts_seconds, estimate.twice_answers_seconds].iter().all(|more| more.is_some_and(|more| more > 0.0)));
    let design = desk.design(tiny.clone(), 3, None).await.unwrap();
    assert!(design.assumed.is_some_and(|assumed| assumed.is_usual) && design.pairs.iter().all(|pair| pair.power.is_some()), "{design:?}");
    let whole = lab.json(&["estimate", "tiny.toml", "--seeds", "3"]);
    assert_eq!((&whole["design"], whole["memory"]["fits"].as_bool()), (&serde_json::to_value(&design).unwrap(), Some(true)), "{whole}");
    let text = lab.text(&["estimate", "tiny.toml", "--deviation", "0.2"]);
    for expected in [
        "This design finds a difference of ",
        "twice the prompts",
        "time it adds",
        "Assumed, not measured: a standard deviation over prompts of 0.2",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    assert!(lab.error(&["estimate", "tiny.toml", "--deviation", "0"], 2, "spec").contains("above 0"));
    let (first, second) = tokio::join!(desk.estimate(tiny.clone()), desk.estimate(tiny.clone()));
    assert_eq!((first.unwrap_err().code, second.is_ok()), (Code::Stopped, true), "one that is overtaken ends");
    let mut missing = tiny.clone();
    missing.frozen.model = "no-such-model".into();
    assert!(desk.estimate(missing).await.unwrap_err().message.contains("no-such-model"));
    let columns = desk.columns(tiny.data).await.unwrap();
    assert_eq!((columns.prompts, columns.clusters), (vec!["prompt".to_owned()], vec!["prompt".to_owned()]));

    let preview = desk.preview(spec.data.clone()).await.unwrap();
    assert_eq!((preview.train, preview.validation, preview.test), (256, 48, 96));
    assert!(preview.median_words <= preview.longest_words && !preview.examples.is_empty());
    let score = desk.score(&spec.reward, "Why is bread good?", "Bread is wonderful.").unwrap();
    assert!(score.parts["sentiment"] > 0.5 && score.parts["topicality"] > 0.0, "{score:?}");
}

/// Every arm's texts grow to what they become, and then the arm is told whole.
fn growing(told: &[TryNews], tried: &Tried) {
    let mut told = told.iter();
    for arm in &tried.arms {
        let (mut rewrites, mut answers) = (vec![], vec![]);
        let whole = loop {
            match told.next().unwrap() {
                TryNews::Growing { name, rewrite, answer } => {
                    assert_eq!(*name, arm.name);
                    rewrites.extend(rewrite.as_deref());
                    answers.extend(answer.as_deref());
                }
                TryNews::Done(whole) => break whole,
            }
        };
        assert_eq!(whole, arm);
        assert!(answers.len() > 1 && answers.windows(2).all(|two| two[1].starts_with(two[0])), "{answers:?}");
        assert!(arm.answer.starts_with(answers[answers.len() - 1]), "{answers:?}");
        assert_eq!(rewrites.is_empty(), arm.rewrite.is_none());
        assert_eq!(rewrites.last().copied(), arm.rewrite.as_deref());
    }
    assert!(told.next().is_none());
}

#[test]
fn the_theory_is_that_of_the_command_line_and_needs_no_database() {
    let lab = Lab::empty(PROGRAM);
    let random = |prompts| TheoryWorld::Random { seed: 4, prompts, rewrites: 5, answers: 5 };
    let told = desk(&lab).theory(random(3), &[0.1, 2.0]).unwrap();
    let printed = lab.text(&["theory", "--seed", "4", "--lambda", "0.1,2", "--json"]);
    assert_eq!(printed.trim_end(), serde_json::to_string_pretty(&told).unwrap());
    // A number that is none would be a null, which no figure is read from.
    serde_json::from_str::<Theory>(&printed).unwrap();
    let text = lab.text(&["theory", "--lambda", "0.1"]);
    assert!(text.contains("0.1  0.771         1.404  0.631          0.113      0.745"), "{text}");
    let refused = desk(&lab).theory(random(20), &[0.1]).unwrap_err();
    let said = lab.error(&["theory", "--seed", "4", "--prompts", "20"], 2, "spec");
    assert_eq!((refused.code, said.contains(&refused.message)), (Code::Spec, true), "{said}");
    assert!(!lab.path("home/runs.db").exists());
}
