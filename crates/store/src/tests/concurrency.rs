//! Several processes and tasks on one file.
use super::children::{EPISODES, Part};
use super::rows::*;
use super::{new_path, new_store};
use crate::Store;
use contract::event::Event;

/// Whoever comes first makes the file; the others find it, or wait for it.
#[tokio::test]
async fn many_processes_open_a_new_file_at_once() {
    for _ in 0..6 {
        let (folder, path) = new_path();
        let mut openers: Vec<_> = (0..6).map(|_| Part::start("open", &path)).collect();
        for opener in &mut openers {
            assert_eq!(opener.next().unwrap(), "opened");
        }
        let store = Store::open_existing(&path).await.unwrap();
        let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(&store.pool).await.unwrap();
        assert_eq!(applied as usize, crate::schema::MIGRATIONS.iter().count());
        let backups = std::fs::read_dir(folder.path()).unwrap().filter(|e| e.as_ref().unwrap().path().extension() == Some("bak".as_ref()));
        assert_eq!(backups.count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_open_a_new_file_at_once() {
    for _ in 0..10 {
        let (_folder, path) = new_path();
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { Store::open(&path).await.map(drop) })
            })
            .collect();
        for opener in openers {
            opener.await.unwrap().unwrap();
        }
    }
}

/// A window that reads while another process's worker writes sees whole iterations, and each event once, in order.
#[tokio::test]
async fn a_reader_beside_a_writer_sees_whole_iterations() {
    let (_folder, path) = new_path();
    let store = Store::open(&path).await.unwrap();
    store.create_run(&new_run("read")).await.unwrap();
    let mut worker = Part::start("commit", &path);
    let (mut sequence, mut seen) = (0, Vec::new());
    while seen.len() < 40 {
        for stored in store.events_after(1, sequence).await.unwrap() {
            assert!(stored.sequence > sequence);
            sequence = stored.sequence;
            let Event::Iteration { iteration: number, .. } = stored.event else { panic!("another event") };
            // Who was told can read it.
            assert!(store.episodes(1, TUNED, Some(number)).await.unwrap() == episodes(number, EPISODES));
            seen.push(number);
        }
        for row in store.iterations(1, TUNED, 1).await.unwrap() {
            assert_eq!(row, iteration(row.iteration), "with all its metrics");
        }
        let found = store.checkpoint(1, TUNED).await.unwrap();
        assert!(found.is_none_or(|c| c == checkpoint(c.iteration)));
    }
    worker.kill();
    assert_eq!(seen, (1..=seen.len()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_wait_for_one_another() {
    let (_folder, store) = new_store().await;
    let other = Store::open(store.path()).await.unwrap();
    let run = store.create_run(&new_run("many")).await.unwrap();
    let writers: Vec<_> = (0..10)
        .map(|n| {
            let store = if n % 2 == 0 { store.clone() } else { other.clone() };
            tokio::spawn(async move {
                for _ in 0..20 {
                    store.append(run, &Event::Note { message: n.to_string() }).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let events = store.events_after(run, 0).await.unwrap();
    assert_eq!(events.len(), 200);
    assert!(events.is_sorted_by_key(|e| e.sequence));
}

/// A window's commands run on any thread: every future of the store can be sent to another (checked by the compiler).
#[tokio::test]
async fn futures_can_be_sent_between_threads() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let (_folder, store) = new_store().await;
    let run = send(store.create_run(&new_run("sent"))).await.unwrap();
    send(store.commit_iteration(run, TUNED, &iteration(1), &episodes(1, 1), &[], Some(&checkpoint(1)))).await.unwrap();
    send(store.commit_evaluation(run, &[], &[])).await.unwrap();
    send(store.mark_interrupted()).await.unwrap();
    send(store.iterations(run, TUNED, 1)).await.unwrap();
    send(store.episodes(run, TUNED, None)).await.unwrap();
    send(store.evaluation(run, None)).await.unwrap();
    send(store.events_after(run, 0)).await.unwrap();
    send(store.checkpoint(run, TUNED)).await.unwrap();
    send(Store::open_existing(store.path())).await.unwrap();
}
