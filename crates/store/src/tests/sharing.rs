//! Runs written to a file and merged from one.
use super::rows::*;
use super::{new_path, new_store};
use crate::{Fact, Judgement, Run, Split, Store, export, share};
use contract::desk::{RunChange, Share};
use contract::event::{Event, Status};
use contract::report::{Instruction, Report};
use std::path::Path;

/// A folder that is nobody's business.
const HOME: &str = "/home/me/secret project";
const ALL: Share = Share { texts: true, prompters: true };

/// A run with rows in every table.
async fn whole_run(store: &Store, name: &str) -> i64 {
    let run = store.create_run(&new_run(name)).await.unwrap();
    let fact = |key: &str, value: &str| Fact { key: key.into(), value: value.into() };
    store.set_facts(run, &[fact("machine.cpu", "fast"), fact("spec.folder", HOME), fact("model.prompter.path", HOME)]).await.unwrap();
    store.set_status(run, Status::Running, None).await.unwrap();
    let event = Event::Iteration { iteration: 1, reward_mean: 0.5, kl: 0.1 };
    store.commit_iteration(run, TUNED, &iteration(1), &episodes(1, 4), &[event], Some(&checkpoint(1))).await.unwrap();
    store.commit_iteration(run, ORACLE, &iteration(2), &episodes(2, 3), &[], Some(&checkpoint(2))).await.unwrap();
    store.commit_iteration(run, INSTRUCTION, &iteration(3), &[], &[], Some(&search(3))).await.unwrap();
    let answers = ["raw", "tuned", "oracle", "rewrite_pool", "answer_pool"].map(|arm| answer(Split::Test, 1, arm, 0, 0));
    store.commit_evaluation(run, &answers, &[]).await.unwrap();
    store.commit_judgements(run, &asked("oracle"), &judgements()).await.unwrap();
    let found = Instruction { text: "Secret instruction".into(), score: 0.5, n: 8, tried: 3 };
    store.append(run, &Event::Instruction(found)).await.unwrap();
    store.put_report(run, &report(run)).await.unwrap();
    store.set_status(run, Status::Finished, None).await.unwrap();
    let tags = Some(vec!["paper".into()]);
    store.change(&[run], &RunChange { tags, notes: Some("Mine.".into()), ..RunChange::default() }).await.unwrap();
    run
}

/// All that a run is, without the number that it has here.
async fn everything(store: &Store, run: i64) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut report = store.report(run).await.unwrap();
    if let Some(report) = &mut report {
        assert_eq!(report.run, run);
        report.run = 0;
    }
    let mut trained = Vec::new();
    for arm in [TUNED, ORACLE, INSTRUCTION] {
        let episodes = format!("{:?}", store.episodes(run, arm, None).await.unwrap());
        trained.push((store.iterations(run, arm, 1).await.unwrap(), episodes, store.adapter(run, arm).await.unwrap()));
    }
    (
        Run { id: 0, ..store.run(run).await.unwrap() },
        store.facts(run).await.unwrap().into_iter().filter(|fact| fact.value != HOME).collect::<Vec<_>>(),
        trained,
        // As text: a reward that is NaN equals itself.
        format!("{:?}", store.evaluation(run, None).await.unwrap()),
        store.judgings(run).await.unwrap(),
        store.events_after(run, 0).await.unwrap().into_iter().map(|event| (event.at_ms, event.event)).collect::<Vec<_>>(),
        report,
    )
}

fn files_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn every_table_of_runs_is_copied() {
    let (_folder, store) = new_store().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c ON c.name = 'run' WHERE t.type = 'table' ORDER BY 1",
    )
    .fetch_all(&store.pool)
    .await
    .unwrap();
    let mut copied = share::TABLES;
    copied.sort_unstable();
    assert_eq!(tables, copied);
}

#[tokio::test]
async fn a_run_goes_through_a_file_into_another_database() {
    let (folder, mine) = new_store().await;
    whole_run(&mine, "left at home").await;
    let run = whole_run(&mine, "shared").await;
    let file = folder.path().join("it's 100% ?#.alignpro");
    export(&[(&mine, vec![run])], ALL, &file).await.unwrap();
    assert!(
        !files_in(folder.path()).iter().any(|name| name.contains(".alignpro-") || name.contains(".alignpro-wal")),
        "nothing is left over"
    );

    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(HOME.len()).any(|window| window == HOME.as_bytes()), "a folder of this machine is in the file");
    let foreign = Store::open_foreign(&file).await.unwrap();
    let found = foreign.runs().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(everything(&foreign, found[0].id).await, everything(&mine, run).await);
    for (arm, adapter) in [(TUNED, checkpoint(1)), (ORACLE, checkpoint(2)), (INSTRUCTION, search(3))] {
        assert!(foreign.checkpoint(found[0].id, arm).await.unwrap().is_none(), "nobody goes on with a finished run");
        assert_eq!(foreign.adapter(found[0].id, arm).await.unwrap(), Some(tested(&adapter)));
    }
    foreign.set_status(found[0].id, Status::Failed, None).await.unwrap_err();

    let (_other_folder, theirs) = new_store().await;
    let own = whole_run(&theirs, "a colleague's").await;
    let before = everything(&theirs, own).await;
    let merged = theirs.merge(&foreign).await.unwrap();
    assert_eq!((merged.added.as_slice(), merged.known), (&[2][..], 0));
    assert_eq!(everything(&theirs, 2).await, everything(&mine, run).await);
    // Nothing twice, nothing overwritten.
    let again = theirs.merge(&foreign).await.unwrap();
    assert_eq!((again.added.len(), again.known), (0, 1));
    theirs.change(&[2], &RunChange { name: Some("renamed here".into()), ..RunChange::default() }).await.unwrap();
    theirs.merge(&foreign).await.unwrap();
    assert_eq!(theirs.run(2).await.unwrap().name, "renamed here");
    assert_eq!(theirs.report(2).await.unwrap().unwrap().name, "renamed here");
    assert_eq!(everything(&theirs, own).await, before);
    foreign.close().await;
    assert_eq!(std::fs::read(&file).unwrap(), bytes, "a file that is read is not written to");

    // From several databases at once, one run in both of them.
    let both = folder.path().join("both.alignpro");
    export(&[(&theirs, vec![1, 2]), (&mine, vec![run])], ALL, &both).await.unwrap();
    assert_eq!(Store::open_foreign(&both).await.unwrap().runs().await.unwrap().len(), 2);
    let taken = export(&[(&mine, vec![run])], ALL, &both).await.unwrap_err();
    assert_eq!(taken.detail.as_deref(), Some("exists"), "{taken}");
    let missing = export(&[(&mine, vec![7])], ALL, &folder.path().join("none.alignpro")).await.unwrap_err();
    assert!(missing.message.contains("no run 7"), "{missing}");
    let nowhere = export(&[(&mine, vec![run])], ALL, &folder.path().join("no/folder.alignpro")).await.unwrap_err();
    assert!(nowhere.message.contains("folder.alignpro"), "{nowhere}");
    assert!(!folder.path().join("none.alignpro").exists());
}

fn assert_no_secrets(file: &[u8]) {
    for secret in ["prompt 0", "prompt 1", "rewrite 1", "rewrite 2", "answer of", "Secret instruction", "Secret reason"] {
        assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret:?} is in the file");
    }
}

#[tokio::test]
async fn texts_and_prompters_stay_at_home() {
    let (folder, store) = new_store().await;
    let run = whole_run(&store, "private").await;
    let file = folder.path().join("numbers.alignpro");
    export(&[(&store, vec![run])], Share { texts: false, prompters: false }, &file).await.unwrap();
    let bytes = std::fs::read(&file).unwrap();
    assert_no_secrets(&bytes);
    let shared = Store::open_foreign(&file).await.unwrap();
    let found = shared.run(1).await.unwrap();
    assert_eq!((found.without_texts, found.has_adapter), (true, false));
    for (arm, count) in [(TUNED, 4), (ORACLE, 3), (INSTRUCTION, 0)] {
        assert_eq!(shared.adapter(1, arm).await.unwrap(), None);
        assert_eq!(shared.iterations(1, arm, 1).await.unwrap(), store.iterations(run, arm, 1).await.unwrap());
        let (here, there) = (store.episodes(run, arm, None).await.unwrap(), shared.episodes(1, arm, None).await.unwrap());
        assert_eq!((here.len(), there.len()), (count, count));
        assert!(here.iter().zip(&there).all(|(a, b)| a.reward.to_bits() == b.reward.to_bits() && b.prompt.is_empty()));
    }
    let raw = shared.evaluation(1, None).await.unwrap();
    assert!(
        raw.len() == 5
            && raw
                .iter()
                .all(|answer| answer.answer.is_empty() && answer.system.as_ref().is_none_or(String::is_empty) && answer.cluster == Some(0))
    );
    // What a judge chose stays, and how it was asked; what it wrote goes, but for that it was not asked.
    let (here, there) = (store.judgings(run).await.unwrap().remove(0), shared.judgings(1).await.unwrap().remove(0));
    assert_eq!((&there.asked, there.began_at_ms, there.ended_at_ms), (&here.asked, here.began_at_ms, here.ended_at_ms));
    let empty = |text: &Option<String>| text.as_ref().map(|_| String::new());
    let left = here.judgements.iter().map(|j| Judgement {
        arm_first_text: empty(&j.arm_first_text),
        arm_second_text: empty(&j.arm_second_text),
        ..j.clone()
    });
    assert_eq!(there.judgements, left.collect::<Vec<_>>());
    // The numbers of a report stay, bit for bit.
    let (mut here, there) = (store.report(run).await.unwrap().unwrap(), shared.report(1).await.unwrap().unwrap());
    here.instruction.as_mut().unwrap().text.clear();
    assert_eq!(Report { run: 1, ..here }, there);
}

#[tokio::test]
async fn prompters_go_without_the_texts() {
    let (folder, store) = new_store().await;
    let finished = whole_run(&store, "finished").await;
    let stopped = whole_run(&store, "stopped").await;
    store.set_status(stopped, Status::Stopped, None).await.unwrap();
    let file = folder.path().join("prompters.alignpro");
    export(&[(&store, vec![finished, stopped])], Share { texts: false, prompters: true }, &file).await.unwrap();
    assert_no_secrets(&std::fs::read(&file).unwrap());
    let shared = Store::open_foreign(&file).await.unwrap();
    for (arm, checkpoint) in [(TUNED, checkpoint(1)), (ORACLE, checkpoint(2))] {
        for run in [1, 2] {
            assert_eq!(shared.adapter(run, arm).await.unwrap(), Some(tested(&checkpoint)));
        }
        assert_eq!(shared.checkpoint(1, arm).await.unwrap(), None);
        assert_eq!(shared.checkpoint(2, arm).await.unwrap(), Some(checkpoint), "it can be gone on with");
    }
    for run in [1, 2] {
        assert_eq!(shared.checkpoint(run, INSTRUCTION).await.unwrap(), None, "a search keeps texts");
        assert_eq!(shared.iterations(run, INSTRUCTION, 1).await.unwrap(), [iteration(3)]);
    }
}

#[tokio::test]
async fn a_run_that_has_not_ended_is_shared_as_interrupted() {
    let (folder, store) = new_store().await;
    let run = store.create_run(&new_run("going on")).await.unwrap();
    store.set_status(run, Status::Running, None).await.unwrap();
    store.commit_iteration(run, TUNED, &iteration(1), &episodes(1, 4), &[], Some(&checkpoint(1))).await.unwrap();
    store.put_checkpoint(run, ORACLE, &checkpoint(2)).await.unwrap();
    store.put_checkpoint(run, INSTRUCTION, &search(3)).await.unwrap();
    let file = folder.path().join("half.alignpro");
    export(&[(&store, vec![run])], ALL, &file).await.unwrap();
    let (_other, theirs) = new_store().await;
    theirs.merge(&Store::open_foreign(&file).await.unwrap()).await.unwrap();
    let merged = theirs.run(1).await.unwrap();
    assert_eq!((merged.status, merged.message.as_deref()), (Status::Interrupted, Some("It had not ended when it was shared.")));
    for (arm, checkpoint) in [(TUNED, checkpoint(1)), (ORACLE, checkpoint(2)), (INSTRUCTION, search(3))] {
        assert_eq!(theirs.checkpoint(1, arm).await.unwrap(), Some(checkpoint), "it can be gone on with");
    }
}

#[tokio::test]
async fn a_whole_database_that_is_in_use_can_be_opened_and_merged() {
    let (_folder, path) = new_path();
    let busy = Store::open(&path).await.unwrap();
    let run = whole_run(&busy, "in the log").await;
    let deleted = whole_run(&busy, "deleted").await;
    busy.change(&[deleted], &RunChange { deleted: Some(true), ..RunChange::default() }).await.unwrap();
    let foreign = Store::open_foreign(&path).await.unwrap();
    assert_eq!(everything(&foreign, run).await, everything(&busy, run).await);
    let (_other, theirs) = new_store().await;
    assert_eq!(theirs.merge(&foreign).await.unwrap().added.len(), 1, "what its owner deleted is not taken");
    assert!(busy.is_same(&path) && !theirs.is_same(&path));
}
