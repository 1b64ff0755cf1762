//! What is written is read back, bit for bit.
use super::rows::*;
use super::{mix, new_store};
use crate::{Fact, Split, Store};
use contract::Code;
use contract::desk::RunChange;
use contract::event::{Event, Phase, Status};

async fn with_run() -> (tempfile::TempDir, Store, i64) {
    let (folder, store) = new_store().await;
    let run = store.create_run(&new_run("first")).await.unwrap();
    (folder, store, run)
}

#[tokio::test]
async fn a_run_and_its_spec() {
    let (_folder, store, first) = with_run().await;
    let second = store.create_run(&new_run(AWKWARD)).await.unwrap();
    let again = store.create_run(&new_run("first")).await.unwrap();
    let runs = store.runs().await.unwrap();
    assert_eq!(runs.iter().map(|r| r.id).collect::<Vec<_>>(), [again, second, first]);
    let run = store.run(second).await.unwrap();
    assert_eq!(run, runs[1]);
    assert_eq!((run.name.as_str(), run.status, run.message, run.iterations_done), (AWKWARD, Status::Created, None, 0));
    assert_eq!((run.spec, run.spec_hash), (spec(AWKWARD), format!("hash of {AWKWARD}")));
    assert!(run.created_at_ms > 1_600_000_000_000 && run.started_at_ms.is_none() && run.finished_at_ms.is_none());
    // Content-addressed: the two runs of "first" share a row.
    let specs: i64 = sqlx::query_scalar("SELECT count(*) FROM specs").fetch_one(&store.pool).await.unwrap();
    assert_eq!(specs, 2);
}

#[tokio::test]
async fn one_hash_cannot_stand_for_two_specs() {
    let (_folder, store, _) = with_run().await;
    let mut other = new_run("other");
    other.spec_hash = new_run("first").spec_hash;
    assert_eq!(store.create_run(&other).await.unwrap_err().code, Code::Internal);
    let mut not_finite = new_run("NaN");
    not_finite.spec.training.learning_rate = f64::NAN;
    assert_eq!(store.create_run(&not_finite).await.unwrap_err().code, Code::Internal);
    assert_eq!(store.runs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn status_with_its_event_and_times() {
    let (_folder, store, run) = with_run().await;
    for (status, message) in [
        (Status::Running, None),
        (Status::Stopped, Some("asked to")),
        (Status::Running, None),
        (Status::Failed, Some(AWKWARD)),
        (Status::Interrupted, None),
        (Status::Finished, None),
    ] {
        store.set_status(run, status, message).await.unwrap();
        let found = store.run(run).await.unwrap();
        assert_eq!((found.status, found.message.as_deref()), (status, message));
        assert!(found.started_at_ms.is_some());
        assert_eq!(found.finished_at_ms.is_some(), status != Status::Running);
        let last = store.events_after(run, 0).await.unwrap().pop().unwrap();
        assert_eq!(last.event, Event::Status { status, message: message.map(String::from) });
    }
}

#[tokio::test]
async fn facts_are_replaced_by_key() {
    let (_folder, store, run) = with_run().await;
    let fact = |key: &str, value: &str| Fact { key: key.into(), value: value.into() };
    assert_eq!(store.facts(run).await.unwrap(), []);
    store.set_facts(run, &[fact("model.checksum", "1"), fact("machine.cpu", AWKWARD)]).await.unwrap();
    store.set_facts(run, &[fact("model.checksum", "2")]).await.unwrap();
    assert_eq!(store.facts(run).await.unwrap(), [fact("machine.cpu", AWKWARD), fact("model.checksum", "2")]);
}

#[tokio::test]
async fn a_request_to_stop() {
    let (_folder, store, run) = with_run().await;
    assert!(!store.stop_requested(run).await.unwrap());
    store.request_stop(run).await.unwrap();
    assert!(store.stop_requested(run).await.unwrap());
    store.clear_stop(run).await.unwrap();
    assert!(!store.stop_requested(run).await.unwrap());
}

#[tokio::test]
async fn every_kind_of_event() {
    let (_folder, store, run) = with_run().await;
    let other = store.create_run(&new_run("other")).await.unwrap();
    let (guard, cause, remedy) = ("zero_spread".into(), AWKWARD.into(), "larger groups".into());
    let events = [
        Event::Status { status: Status::Running, message: None },
        Event::Phase { phase: Phase::Train, total: 40 },
        Event::Progress { phase: Phase::Evaluate, done: 3, total: 96 },
        Event::Iteration { iteration: 1, reward_mean: real(1), kl: real(2) },
        Event::Guard { iteration: Some(3), guard, cause, remedy },
        Event::EngineProof { engine: "builtin".into(), batched: true, detail: "8 of 8".into() },
        Event::Checkpoint { iteration: 5 },
        Event::Resumed { iteration: 5 },
        Event::Note { message: AWKWARD.into() },
    ];
    let mut sequences = Vec::new();
    for event in &events {
        sequences.push(store.append(run, event).await.unwrap());
        store.append(other, event).await.unwrap();
    }
    assert!(sequences.is_sorted_by(|a, b| a < b));
    let all = store.events_after(run, 0).await.unwrap();
    assert_eq!(all.iter().map(|e| (e.sequence, e.run, &e.event)).collect::<Vec<_>>(), {
        sequences.iter().zip(&events).map(|(s, e)| (*s, run, e)).collect::<Vec<_>>()
    });
    assert_eq!(store.events_after(run, sequences[4]).await.unwrap(), all[5..]);
    assert_eq!(store.events_after(run, sequences[8]).await.unwrap(), []);
}

#[tokio::test]
async fn an_iteration_with_all_that_belongs_to_it() {
    let (_folder, store, run) = with_run().await;
    let events = [Event::Iteration { iteration: 1, reward_mean: 0.5, kl: 0.1 }, Event::Checkpoint { iteration: 1 }];
    store.commit_iteration(run, TUNED, &iteration(1), &episodes(1, 16), &events, Some(&checkpoint(1))).await.unwrap();
    store.commit_iteration(run, TUNED, &iteration(2), &episodes(2, 3), &[], None).await.unwrap();
    assert_eq!(store.iterations(run, TUNED, 1).await.unwrap(), [iteration(1), iteration(2)]);
    assert_eq!(store.episodes(run, TUNED, Some(1)).await.unwrap(), episodes(1, 16));
    assert_eq!(store.episodes(run, TUNED, Some(2)).await.unwrap(), episodes(2, 3));
    assert_eq!(store.episodes(run, TUNED, Some(3)).await.unwrap(), []);
    assert_eq!(store.episodes(run, TUNED, None).await.unwrap(), [episodes(1, 16), episodes(2, 3)].concat());
    assert_eq!(store.events_after(run, 0).await.unwrap().into_iter().map(|e| e.event).collect::<Vec<_>>(), events);
    assert_eq!(store.checkpoint(run, TUNED).await.unwrap(), Some(checkpoint(1)));
    assert_eq!(store.run(run).await.unwrap().iterations_done, 2);
    assert_eq!(store.iterations(run, TUNED, 2).await.unwrap(), [iteration(2)]);
    for of in [None, Some(run)] {
        assert_eq!(store.curves("reward_mean", TUNED, of).await.unwrap()[&run], [Some(real(1)), Some(real(2))]);
        assert_eq!(store.curves("loss", TUNED, of).await.unwrap()[&run], [None, None]);
        assert_eq!(store.curves("unknown", TUNED, of).await.unwrap().len(), 0);
    }
    assert_eq!(store.adapter(run, TUNED).await.unwrap(), Some(tested(&checkpoint(1))));
}

#[tokio::test]
async fn an_iteration_computed_again_replaces_the_earlier_one() {
    let (_folder, store, run) = with_run().await;
    store.commit_iteration(run, TUNED, &iteration(1), &episodes(1, 16), &[], None).await.unwrap();
    let mut again = iteration(1);
    again.metrics.remove("loss");
    again.seconds = 9.0;
    store.commit_iteration(run, TUNED, &again, &episodes(1, 2), &[], None).await.unwrap();
    assert_eq!(store.iterations(run, TUNED, 1).await.unwrap(), [again]);
    assert_eq!(store.episodes(run, TUNED, None).await.unwrap(), episodes(1, 2));
}

#[tokio::test]
async fn an_iteration_without_metrics() {
    let (_folder, store, run) = with_run().await;
    let mut bare = iteration(1);
    bare.metrics.clear();
    store.commit_iteration(run, TUNED, &bare, &[], &[], None).await.unwrap();
    assert_eq!(store.iterations(run, TUNED, 1).await.unwrap(), [bare]);
}

#[tokio::test]
async fn a_transaction_that_fails_leaves_nothing_behind() {
    let (_folder, store, run) = with_run().await;
    store.commit_iteration(run, TUNED, &iteration(1), &episodes(1, 4), &[], Some(&checkpoint(1))).await.unwrap();
    let mut twice = episodes(1, 4);
    twice[3].index = 0;
    let mut stray = episodes(1, 4);
    stray[3].iteration = 2;
    let mut huge_seed = episodes(1, 4);
    huge_seed[3].answer_seed = u64::MAX;
    let mut changed = iteration(1);
    changed.seconds = 99.0;
    for bad in [twice, stray, huge_seed] {
        let note = Event::Note { message: "half-way".into() };
        let error = store.commit_iteration(run, TUNED, &changed, &bad, &[note], Some(&checkpoint(2))).await.unwrap_err();
        assert_eq!(error.code, Code::Internal, "{error}");
    }
    let mut not_json = checkpoint(2);
    not_json.state = "{".into();
    assert_eq!(store.commit_iteration(run, TUNED, &changed, &[], &[], Some(&not_json)).await.unwrap_err().code, Code::Internal);
    assert_eq!(store.iterations(run, TUNED, 1).await.unwrap(), [iteration(1)]);
    assert_eq!(store.episodes(run, TUNED, None).await.unwrap(), episodes(1, 4));
    assert_eq!(store.checkpoint(run, TUNED).await.unwrap(), Some(checkpoint(1)));
    assert_eq!(store.events_after(run, 0).await.unwrap(), []);
}

#[tokio::test]
async fn the_newest_checkpoint_is_the_only_one() {
    let (_folder, store, run) = with_run().await;
    let other = store.create_run(&new_run("other")).await.unwrap();
    assert_eq!(store.checkpoint(run, TUNED).await.unwrap(), None);
    store.put_checkpoint(other, TUNED, &checkpoint(1)).await.unwrap();
    for number in [0, 5, 5, 10] {
        store.put_checkpoint(run, TUNED, &checkpoint(number)).await.unwrap();
        assert_eq!(store.checkpoint(run, TUNED).await.unwrap(), Some(checkpoint(number)));
    }
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM checkpoints").fetch_one(&store.pool).await.unwrap();
    assert_eq!(rows, 2, "one of each run");
    // Overwritten in place: a hundred more leave the file as large as it is.
    let pages = || async { sqlx::query_scalar::<_, i64>("PRAGMA page_count").fetch_one(&store.pool).await.unwrap() };
    let before = pages().await;
    for number in 10..110 {
        store.put_checkpoint(run, TUNED, &checkpoint(number)).await.unwrap();
    }
    assert_eq!(pages().await, before);
}

#[tokio::test]
async fn evaluation_answers_in_their_order() {
    let (_folder, store, run) = with_run().await;
    let mut expected = vec![answer(Split::Validation, 10, "tuned", 0, 0), answer(Split::Validation, 20, "tuned", 0, 0)];
    for arm in ["raw", "untuned"] {
        expected.extend((0..12).flat_map(|p| (0..2).map(move |a| answer(Split::Test, 0, arm, p, a))));
    }
    expected.push(answer(Split::Test, 20, "tuned", 3, 1));
    let mut shuffled = expected.clone();
    shuffled.sort_by_key(|a| mix((a.prompt_index * 7 + a.answer_index + a.iteration) as u64));
    let event = Event::Progress { phase: Phase::Evaluate, done: 1, total: 2 };
    store.commit_evaluation(run, &shuffled, std::slice::from_ref(&event)).await.unwrap();
    assert_eq!(store.evaluation(run, None).await.unwrap(), expected);
    assert_eq!(store.evaluation(run, Some(Split::Validation)).await.unwrap(), expected[..2]);
    assert_eq!(store.evaluation(run, Some(Split::Test)).await.unwrap(), expected[2..]);
    assert_eq!(store.events_after(run, 0).await.unwrap()[0].event, event);
    let mut replaced = expected[2].clone();
    replaced.answer = "another".into();
    store.commit_evaluation(run, std::slice::from_ref(&replaced), &[]).await.unwrap();
    expected[2] = replaced;
    assert_eq!(store.evaluation(run, None).await.unwrap(), expected);
}

#[tokio::test]
async fn a_report() {
    let (_folder, store, run) = with_run().await;
    assert_eq!(store.report(run).await.unwrap(), None);
    store.put_report(run, &report(run)).await.unwrap();
    let mut second = report(run);
    second.verdict = "tuned is better".into();
    second.name = "computed where the run was called otherwise".into();
    store.put_report(run, &second).await.unwrap();
    let mut not_finite = report(run);
    not_finite.comparisons[0].p_value = f64::NAN;
    assert_eq!(store.put_report(run, &not_finite).await.unwrap_err().code, Code::Internal);
    second.name = store.run(run).await.unwrap().name;
    assert_eq!(store.report(run).await.unwrap(), Some(second));
}

#[tokio::test]
async fn numbers_that_are_not_finite_are_null() {
    let (_folder, store, run) = with_run().await;
    for (n, bad) in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].into_iter().enumerate() {
        let number = n + 1;
        let mut row = iteration(number);
        row.metrics.insert("kl".into(), Some(bad));
        let mut episode = episode(number, 0);
        (episode.reward, episode.kl, episode.advantage, episode.closeness) = (bad, bad, bad, bad);
        episode.reward_parts.insert("sentiment".into(), bad);
        let event = Event::Iteration { iteration: number, reward_mean: bad, kl: 0.5 };
        store.commit_iteration(run, TUNED, &row, &[episode], &[event], None).await.unwrap();
        let mut answer = answer(Split::Test, 0, "tuned", n, 0);
        (answer.reward, answer.kl, answer.closeness) = (bad, Some(bad), Some(bad));
        store.commit_evaluation(run, &[answer], &[]).await.unwrap();

        assert_eq!(store.iterations(run, TUNED, 1).await.unwrap()[n].metrics["kl"], None);
        let read = store.episodes(run, TUNED, Some(number)).await.unwrap().remove(0);
        let numbers = [read.reward, read.kl, read.advantage, read.closeness, read.reward_parts["sentiment"]];
        assert!(numbers.iter().all(|v| v.is_nan()), "{numbers:?}");
        let read = store.evaluation(run, None).await.unwrap().remove(n);
        assert!(read.reward.is_nan() && read.kl.is_none() && read.closeness.is_none());
        let Event::Iteration { reward_mean, kl, .. } = store.events_after(run, 0).await.unwrap()[n].event else { panic!("another event") };
        assert!(reward_mean.is_nan() && kl == 0.5);
    }
}

/// SQLite and JSON both take decimal detours in places; resume needs every bit.
#[tokio::test]
async fn every_bit_of_a_number_survives() {
    let (_folder, store, run) = with_run().await;
    let mut batch = episodes(1, 2000);
    for (n, episode) in batch.iter_mut().enumerate() {
        episode.reward = real(n as u64 + 50_000);
        episode.reward_parts = [("part".to_owned(), real(n as u64 + 90_000))].into();
    }
    for (episode, value) in
        batch.iter_mut().zip([f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN, f64::EPSILON, 1e22, 9_007_199_254_740_993.0])
    {
        episode.reward = value;
        episode.reward_parts = [("part".to_owned(), value)].into();
    }
    store.commit_iteration(run, TUNED, &iteration(1), &batch, &[], None).await.unwrap();
    for (read, written) in store.episodes(run, TUNED, None).await.unwrap().iter().zip(&batch) {
        assert_eq!(read.reward.to_bits(), written.reward.to_bits());
        assert_eq!(read.reward_parts["part"].to_bits(), written.reward_parts["part"].to_bits());
    }
}

#[tokio::test]
async fn a_run_that_is_not_there() {
    let (_folder, store) = new_store().await;
    let message = store.run(7).await.unwrap_err().message;
    assert!(message.contains("no run 7") && message.contains("runs.db: it holds no runs yet"), "{message}");
    store.create_run(&new_run("only")).await.unwrap();
    assert!(store.run(7).await.unwrap_err().message.ends_with("the only one is 1"));
    store.create_run(&new_run("second")).await.unwrap();
    assert!(store.run(7).await.unwrap_err().message.ends_with("there are 1, 2"));

    let note = Event::Note { message: String::new() };
    let errors = [
        store.set_status(7, Status::Running, None).await.unwrap_err(),
        store.set_facts(7, &[]).await.unwrap_err(),
        store.facts(7).await.unwrap_err(),
        store.request_stop(7).await.unwrap_err(),
        store.stop_requested(7).await.unwrap_err(),
        store.clear_stop(7).await.unwrap_err(),
        store.append(7, &note).await.unwrap_err(),
        store.events_after(7, 0).await.unwrap_err(),
        store.commit_iteration(7, TUNED, &iteration(1), &[], &[], None).await.unwrap_err(),
        store.put_checkpoint(7, TUNED, &checkpoint(1)).await.unwrap_err(),
        store.checkpoint(7, TUNED).await.unwrap_err(),
        store.iterations(7, TUNED, 1).await.unwrap_err(),
        store.adapter(7, TUNED).await.unwrap_err(),
        store.change(&[1, 7], &RunChange { archived: Some(true), ..RunChange::default() }).await.unwrap_err(),
        store.remove(&[7]).await.unwrap_err(),
        store.episodes(7, TUNED, None).await.unwrap_err(),
        store.commit_evaluation(7, &[], &[]).await.unwrap_err(),
        store.evaluation(7, None).await.unwrap_err(),
        store.commit_judgements(7, &asked(TUNED), &judgements()).await.unwrap_err(),
        store.judgings(7).await.unwrap_err(),
        store.put_report(7, &report(7)).await.unwrap_err(),
        store.report(7).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.code, error.message.contains("there are 1, 2")), (Code::Run, true), "{error}");
    }
    for n in 3..=30 {
        store.create_run(&new_run(&n.to_string())).await.unwrap();
    }
    let message = store.run(31).await.unwrap_err().message;
    assert!(message.contains("of 30 runs the newest are 11, 12") && message.ends_with(" 30"), "{message}");
}
