//! `kill -9` loses no row that was acknowledged, and leaves no part of one that was not; a dead worker's lock is free.
use super::children::{EPISODES, Part};
use super::rows::*;
use super::{mix, new_path};
use crate::Store;
use contract::Code;
use contract::event::{Event, Status};

#[tokio::test]
async fn killed_at_any_moment_every_acknowledged_row_is_there() {
    let (_folder, path) = new_path();
    let store = Store::open(&path).await.unwrap();
    store.create_run(&new_run("killed")).await.unwrap();
    store.set_status(1, Status::Running, None).await.unwrap();
    store.close().await;
    let mut acknowledged = 0;
    for round in 0..8 {
        let mut worker = Part::start("commit", &path);
        let wait_for = acknowledged + 1 + mix(round) as usize % 12;
        while acknowledged < wait_for {
            acknowledged = worker.next().expect("the worker commits until it is killed").parse().unwrap();
        }
        worker.kill();
        // What it still said between our last look and its end counts too.
        while let Some(said) = worker.next() {
            acknowledged = said.parse().unwrap();
        }
        let store = Store::open(&path).await.unwrap();
        let health: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&store.pool).await.unwrap();
        assert_eq!(health, "ok");
        let done = store.run(1).await.unwrap().iterations_done;
        // One may have been committed without its acknowledgement.
        assert!(done == acknowledged || done == acknowledged + 1, "{done} of {acknowledged}");
        assert_eq!(store.iterations(1, TUNED, 1).await.unwrap(), (1..=done).map(iteration).collect::<Vec<_>>());
        let all: Vec<_> = (1..=done).flat_map(|number| episodes(number, EPISODES)).collect();
        assert!(store.episodes(1, TUNED, None).await.unwrap() == all);
        assert!(store.checkpoint(1, TUNED).await.unwrap() == Some(checkpoint(done)));
        let events = store.events_after(1, 0).await.unwrap();
        let told = events.iter().filter(|e| matches!(e.event, Event::Iteration { .. })).count();
        assert_eq!(told, done, "an event for every iteration and for none that is not there");

        assert_eq!(store.mark_interrupted().await.unwrap(), [1]);
        let run = store.run(1).await.unwrap();
        assert_eq!(run.status, Status::Interrupted);
        assert!(run.message.unwrap().contains("alignpro resume 1"));
        assert_eq!(store.mark_interrupted().await.unwrap(), [0; 0], "once is enough");
        store.set_status(1, Status::Running, None).await.unwrap();
        acknowledged = done;
    }
}

#[tokio::test]
async fn two_workers_on_one_run() {
    let (folder, path) = new_path();
    let store = Store::open(&path).await.unwrap();
    let run = store.create_run(&new_run("contended")).await.unwrap();
    store.set_status(run, Status::Running, None).await.unwrap();
    let mut worker = Part::start("hold", &path);
    assert_eq!(worker.next().unwrap(), "held");
    let error = store.lock(run).unwrap_err();
    assert_eq!(error.code, Code::Busy);
    assert!(error.message.contains(&format!("process id {}", worker.id())) && error.message.contains("Run 1"), "{error}");
    assert_eq!(store.mark_interrupted().await.unwrap(), [0; 0], "its worker lives");
    assert_eq!(Part::start("hold", &path).next().unwrap(), "refused");
    // Another run is free.
    drop(store.lock(run + 1).unwrap());

    worker.kill();
    assert_eq!(store.mark_interrupted().await.unwrap(), [run]);
    let lock = store.lock(run).unwrap();
    assert_eq!(store.lock(run).unwrap_err().code, Code::Busy, "also within one process");
    assert_eq!(Part::start("hold", &path).next().unwrap(), "refused");
    drop(lock);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".lock")), "{left:?}");
    assert_eq!(Part::start("hold", &path).next().unwrap(), "held");
}

#[tokio::test]
async fn only_running_runs_are_interrupted() {
    let (_folder, path) = new_path();
    let store = Store::open(&path).await.unwrap();
    let mut running = Vec::new();
    for (n, status) in
        [Status::Running, Status::Created, Status::Stopped, Status::Running, Status::Failed, Status::Finished].into_iter().enumerate()
    {
        let run = store.create_run(&new_run(&n.to_string())).await.unwrap();
        if status != Status::Created {
            store.set_status(run, status, None).await.unwrap();
        }
        if status == Status::Running {
            running.push(run);
        }
    }
    assert_eq!(store.mark_interrupted().await.unwrap(), running);
    let last = store.events_after(running[0], 0).await.unwrap().pop().unwrap();
    assert!(matches!(last.event, Event::Status { status: Status::Interrupted, message: Some(_) }));
}

#[tokio::test]
async fn a_run_that_no_worker_took_is_interrupted() {
    let (_folder, path) = new_path();
    let store = Store::open(&path).await.unwrap();
    let [old, held, _new] = [
        store.create_run(&new_run("old")).await.unwrap(),
        store.create_run(&new_run("held")).await.unwrap(),
        store.create_run(&new_run("new")).await.unwrap(),
    ];
    sqlx::query("UPDATE runs SET created_at_ms = created_at_ms - 61000 WHERE id <= ?").bind(held).execute(&store.pool).await.unwrap();
    let _lock = store.lock(held).unwrap();
    assert_eq!(store.mark_interrupted().await.unwrap(), [old]);
    assert_eq!(store.run(old).await.unwrap().status, Status::Interrupted);
}

/// Many take and give back one lock, each removing its file: there is never more than one holder.
#[test]
fn a_lock_that_changes_hands_has_one_holder() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_folder, path) = new_path();
    let store = runtime.block_on(Store::open(&path)).unwrap();
    let holders = std::sync::atomic::AtomicUsize::new(0);
    let taken = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    if let Ok(lock) = store.lock(1) {
                        assert_eq!(holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        taken.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        drop(lock);
                    }
                }
            });
        }
    });
    assert!(taken.into_inner() > 0);
}
