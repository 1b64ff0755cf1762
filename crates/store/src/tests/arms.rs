//! Several arms of one run, trained beside one another.
use super::rows::*;
use super::{mix, new_store};
use crate::{Checkpoint, Episode, Iteration, Split, Store};
use contract::{Code, arm};

const TRAINED: [&str; 3] = [TUNED, ORACLE, INSTRUCTION];

/// Rows of one iteration that differ from arm to arm.
fn rows(arm: &str, number: usize) -> (Iteration, Vec<Episode>) {
    let row = Iteration { seconds: arm.len() as f64, ..iteration(number) };
    let episodes = episodes(number, 4).into_iter().map(|episode| Episode { answer: format!("answer of {arm}"), ..episode });
    (row, episodes.collect())
}

fn kept(arm: &str, number: usize) -> Checkpoint {
    match arm {
        INSTRUCTION => search(number),
        _ => Checkpoint { state: format!("{{\"arm\":\"{arm}\"}}"), ..checkpoint(number) },
    }
}

async fn commit(store: &Store, run: i64, arm: &str, number: usize) {
    let (row, episodes) = rows(arm, number);
    store.commit_iteration(run, arm, &row, &episodes, &[], Some(&kept(arm, number))).await.unwrap();
}

/// That an arm holds its first iterations, its newest checkpoint, and nothing else.
async fn assert_holds(store: &Store, run: i64, arm: &str, count: usize) {
    let all: Vec<_> = (1..=count).map(|number| rows(arm, number)).collect();
    assert_eq!(store.iterations(run, arm, 1).await.unwrap(), all.iter().map(|(row, _)| row.clone()).collect::<Vec<_>>(), "{arm}");
    let episodes: Vec<_> = all.iter().flat_map(|(_, episodes)| episodes.clone()).collect();
    assert_eq!(store.episodes(run, arm, None).await.unwrap(), episodes, "{arm}");
    assert_eq!(store.episodes(run, arm, Some(count)).await.unwrap(), all.last().unwrap().1, "{arm}");
    let checkpoint = kept(arm, count);
    assert_eq!(store.adapter(run, arm).await.unwrap(), Some(tested(&checkpoint)), "{arm}");
    assert_eq!(store.checkpoint(run, arm).await.unwrap(), Some(checkpoint), "{arm}");
    for of in [None, Some(run)] {
        let wanted: Vec<_> = (1..=count).map(|number| Some(real(number as u64))).collect();
        assert_eq!(store.curves("reward_mean", arm, of).await.unwrap()[&run], wanted, "{arm}");
    }
}

#[tokio::test]
async fn arms_do_not_touch_one_another() {
    let (_folder, store) = new_store().await;
    let run = store.create_run(&new_run("three arms")).await.unwrap();
    let other = store.create_run(&new_run("another")).await.unwrap();
    commit(&store, other, TUNED, 1).await;
    // In turn, so that rows of one arm lie between those of the others.
    for number in 1..=3 {
        for arm in TRAINED.into_iter().take(4 - number) {
            commit(&store, run, arm, number).await;
        }
    }
    for (arm, count) in TRAINED.into_iter().zip([3, 2, 1]) {
        assert_holds(&store, run, arm, count).await;
    }
    // An iteration that is computed again, and a checkpoint alone, replace their own arm's.
    let bare = Iteration { metrics: Default::default(), ..rows(ORACLE, 1).0 };
    store.commit_iteration(run, ORACLE, &bare, &[], &[], None).await.unwrap();
    store.put_checkpoint(run, ORACLE, &checkpoint(9)).await.unwrap();
    assert_eq!(store.iterations(run, ORACLE, 1).await.unwrap(), [bare, rows(ORACLE, 2).0]);
    assert_eq!(store.episodes(run, ORACLE, None).await.unwrap(), rows(ORACLE, 2).1);
    assert_eq!(store.curves("reward_mean", ORACLE, Some(run)).await.unwrap()[&run], [Some(real(2))]);
    assert_eq!(store.checkpoint(run, ORACLE).await.unwrap(), Some(checkpoint(9)));
    assert_holds(&store, run, TUNED, 3).await;
    assert_holds(&store, run, INSTRUCTION, 1).await;
    assert_holds(&store, other, TUNED, 1).await;
    assert_eq!(store.checkpoint(other, ORACLE).await.unwrap(), None);
    assert_eq!(store.adapter(other, INSTRUCTION).await.unwrap(), None);
}

#[tokio::test]
async fn a_run_tells_of_its_prompter() {
    let (_folder, store) = new_store().await;
    let run = store.create_run(&new_run("others first")).await.unwrap();
    for arm in [ORACLE, INSTRUCTION] {
        commit(&store, run, arm, 1).await;
        commit(&store, run, arm, 2).await;
    }
    let before = store.run(run).await.unwrap();
    assert_eq!((before.has_adapter, before.iterations_done), (false, 0));
    assert_eq!(store.curves("reward_mean", TUNED, None).await.unwrap().len(), 0);
    commit(&store, run, TUNED, 1).await;
    let after = store.run(run).await.unwrap();
    assert_eq!((after.has_adapter, after.iterations_done), (true, 1));
}

#[tokio::test]
async fn an_arm_that_is_not_trained_has_no_rows() {
    let (_folder, store) = new_store().await;
    let run = store.create_run(&new_run("raw")).await.unwrap();
    for arm in ["", arm::RAW, "Tuned", AWKWARD] {
        let (row, episodes) = rows(arm, 1);
        let refused = store.commit_iteration(run, arm, &row, &episodes, &[], None).await.unwrap_err();
        assert_eq!(refused.code, Code::Internal, "{arm}");
        assert_eq!(store.put_checkpoint(run, arm, &checkpoint(1)).await.unwrap_err().code, Code::Internal, "{arm}");
        assert_eq!(store.iterations(run, arm, 1).await.unwrap(), []);
        assert_eq!(store.checkpoint(run, arm).await.unwrap(), None);
    }
}

#[tokio::test]
async fn evaluation_answers_in_the_order_of_their_arms() {
    let (_folder, store) = new_store().await;
    let run = store.create_run(&new_run("all arms")).await.unwrap();
    let names = arm::ALL.into_iter().chain([arm::REWRITE_POOL, arm::ANSWER_POOL, "another"]);
    let expected: Vec<_> = names.flat_map(|name| (0..2).map(move |prompt| answer(Split::Test, 0, name, prompt, 0))).collect();
    let mut shuffled = expected.clone();
    shuffled.sort_by_key(|answer| mix(answer.arm.len() as u64 * 7 + answer.prompt_index as u64));
    store.commit_evaluation(run, &shuffled, &[]).await.unwrap();
    assert_eq!(store.evaluation(run, None).await.unwrap(), expected);
}

/// A curve is read from one range of an index, and nothing of an arm by looking through the others.
#[tokio::test]
async fn rows_of_an_arm_are_one_range() {
    let (_folder, store) = new_store().await;
    let metrics = "SEARCH m USING COVERING INDEX metric_series (run=? AND arm=? AND name=?)";
    for (query, step) in [
        ("m.value FROM runs CROSS JOIN iteration_metrics", metrics),
        ("FROM iterations i LEFT JOIN", "SEARCH i USING PRIMARY KEY (run=? AND arm=? AND iteration>?)"),
        ("FROM iterations i LEFT JOIN", "SEARCH m USING PRIMARY KEY (run=? AND arm=? AND iteration=?) LEFT-JOIN"),
        (
            "FROM episodes WHERE",
            "SEARCH episodes USING INDEX sqlite_autoindex_episodes_1 (run=? AND arm=? AND iteration>? AND iteration<?)",
        ),
    ] {
        let plan = super::plan_of(&store, query).await;
        assert!(plan.iter().any(|found| found == step), "{query}: {plan:?}");
        assert!(!plan.iter().any(|found| found.contains("TEMP B-TREE FOR ORDER BY")), "{query}: {plan:?}");
    }
}
