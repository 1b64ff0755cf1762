//! What judges said.
use super::new_store;
use super::rows::*;
use crate::{Asked, Judgement, Verdict};

#[tokio::test]
async fn judgements_come_in_batches_and_none_is_replaced() {
    let (_folder, store) = new_store().await;
    let run = store.create_run(&new_run("judged")).await.unwrap();
    assert_eq!(store.judgings(run).await.unwrap(), []);
    let (all, tuned) = (judgements(), asked("tuned"));
    store.commit_judgements(run, &tuned, &all[1..]).await.unwrap();
    // Another worker that was asked the same, and heard something else.
    let other = Judgement { arm_first: Verdict::Tie, ..all[1].clone() };
    store.commit_judgements(run, &tuned, &[all[0].clone(), other]).await.unwrap();
    let found = store.judgings(run).await.unwrap();
    assert_eq!(found.iter().map(|judging| (&judging.asked, &judging.judgements)).collect::<Vec<_>>(), [(&tuned, &all)]);
    assert!(found[0].began_at_ms > 0 && found[0].began_at_ms <= found[0].ended_at_ms);

    // Whatever differs in how it was asked is kept apart, and a run's from another's.
    let others = [
        asked("oracle"),
        Asked { checksum: "other".into(), ..tuned.clone() },
        Asked { engine: "other".into(), ..tuned.clone() },
        Asked { template_hash: "other".into(), ..tuned.clone() },
        Asked { baseline: "untuned".into(), ..tuned.clone() },
    ];
    for other in &others {
        store.commit_judgements(run, other, &all[..1]).await.unwrap();
    }
    let second = store.create_run(&new_run("second")).await.unwrap();
    store.commit_judgements(second, &tuned, &all[..1]).await.unwrap();
    let found = store.judgings(run).await.unwrap();
    assert_eq!(found.iter().map(|judging| judging.judgements.len()).collect::<Vec<_>>(), [3, 1, 1, 1, 1, 1]);
    assert!(found[1..].iter().map(|judging| &judging.asked).eq(&others));
    assert_eq!(store.judgings(second).await.unwrap().len(), 1);
}
