//! What a person changes about runs.
use super::new_store;
use super::rows::*;
use crate::Store;
use contract::desk::RunChange;
use contract::event::Status;

async fn with_runs(n: usize) -> (tempfile::TempDir, Store) {
    let (folder, store) = new_store().await;
    for run in 0..n {
        store.create_run(&new_run(&format!("run {run}"))).await.unwrap();
    }
    (folder, store)
}

fn nothing() -> RunChange {
    RunChange::default()
}

fn deleted(deleted: bool) -> RunChange {
    RunChange { deleted: Some(deleted), ..nothing() }
}

#[tokio::test]
async fn names_notes_and_tags() {
    let (_folder, store) = with_runs(2).await;
    let tags = ["  paper ", "draft", "paper"].map(String::from).to_vec();
    let change =
        RunChange { name: Some(" New ".into()), notes: Some(AWKWARD.into()), tags: Some(tags), archived: Some(true), deleted: None };
    store.change(&[1], &change).await.unwrap();
    let run = store.run(1).await.unwrap();
    assert_eq!((run.name.as_str(), run.notes.as_str(), run.archived), ("New", AWKWARD, true));
    assert_eq!(run.tags, ["draft", "paper"]);
    // What is not named stays, and so does the other run.
    store.change(&[1], &RunChange { archived: Some(false), ..nothing() }).await.unwrap();
    let run = store.run(1).await.unwrap();
    assert_eq!((run.name.as_str(), run.tags.len(), run.archived), ("New", 2, false));
    let other = store.run(2).await.unwrap();
    assert_eq!((other.name.as_str(), other.tags.len(), other.notes.as_str()), ("run 1", 0, ""));
    assert_ne!(run.uid, other.uid);

    let refused = [
        RunChange { name: Some("  ".into()), ..nothing() },
        RunChange { name: Some("n".repeat(201)), ..nothing() },
        RunChange { tags: Some(vec!["fine".into(), String::new()]), ..nothing() },
        RunChange { tags: Some(vec!["t".repeat(61)]), ..nothing() },
    ];
    for change in refused {
        store.change(&[1, 2], &change).await.unwrap_err();
    }
    assert_eq!(store.run(1).await.unwrap(), run, "all or nothing");
}

#[tokio::test]
async fn a_deleted_run_comes_back_until_it_is_removed() {
    let (_folder, store) = with_runs(2).await;
    store.commit_iteration(1, TUNED, &iteration(1), &episodes(1, 4), &[], Some(&checkpoint(1))).await.unwrap();
    let refused = store.remove(&[1]).await.unwrap_err();
    assert!(refused.message.contains("not deleted"), "{refused}");
    store.change(&[1], &deleted(true)).await.unwrap();
    let since = store.run(1).await.unwrap().deleted_at_ms.unwrap();
    store.change(&[1], &deleted(true)).await.unwrap();
    assert_eq!(store.run(1).await.unwrap().deleted_at_ms, Some(since));
    store.change(&[1], &deleted(false)).await.unwrap();
    assert!(store.run(1).await.unwrap().is_kept());
    assert_eq!(store.episodes(1, TUNED, None).await.unwrap().len(), 4);

    store.change(&[1], &deleted(true)).await.unwrap();
    assert_eq!(store.remove_deleted_before(since).await.unwrap(), 0);
    assert_eq!(store.remove_deleted_before(i64::MAX).await.unwrap(), 1);
    assert_eq!(store.runs().await.unwrap().len(), 1);
    for table in ["episodes", "iterations", "checkpoint_parts", "iteration_metrics"] {
        let left: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(&store.pool).await.unwrap();
        assert_eq!(left, 0, "{table}");
    }
    // Its number is never given again, nor is its spec kept.
    assert_eq!(store.create_run(&new_run("third")).await.unwrap(), 3);
    let specs: i64 = sqlx::query_scalar("SELECT count(*) FROM specs").fetch_one(&store.pool).await.unwrap();
    assert_eq!(specs, 2);
}

#[tokio::test]
async fn a_run_that_a_worker_has_is_not_deleted() {
    let (_folder, store) = with_runs(3).await;
    store.set_status(1, Status::Running, None).await.unwrap();
    store.set_status(2, Status::Waiting, None).await.unwrap();
    for run in [1, 2] {
        let refused = store.change(&[3, run], &deleted(true)).await.unwrap_err();
        assert!(refused.message.contains("stop it"), "{refused}");
    }
    assert!(store.run(3).await.unwrap().is_kept());
    // Only one that waits can be withdrawn.
    assert!(!store.withdraw(1).await.unwrap());
    assert!(store.withdraw(2).await.unwrap());
    assert!(!store.withdraw(2).await.unwrap());
    assert_eq!(store.run(2).await.unwrap().status, Status::Stopped);
    assert_eq!(store.run(1).await.unwrap().status, Status::Running);
    // A worker that is gone leaves both to whoever looks.
    store.set_status(2, Status::Waiting, None).await.unwrap();
    assert_eq!(store.mark_interrupted().await.unwrap(), [1, 2]);
    assert!(store.run(2).await.unwrap().message.unwrap().contains("before its turn"));
}
