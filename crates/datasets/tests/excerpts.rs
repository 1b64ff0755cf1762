//! Real data, where it is: a folder with excerpts of published data sets, which are not ours to ship, named by `ALIGNPRO_TEST_DATA`.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // The lint sees only functions that are marked as tests; what is left out should be seen.
use contract::data::Data;
use contract::feedback::FeedbackColumns;
use datasets::feedback::{Feedback, Look};
use std::path::PathBuf;

fn excerpt(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ALIGNPRO_TEST_DATA").map(PathBuf::from);
    let file = folder.map(|folder| folder.join(name)).filter(|file| file.is_file());
    if file.is_none() {
        eprintln!("not looked at: {name} (no ALIGNPRO_TEST_DATA with it)");
    }
    file
}

#[test]
fn people_s_preferences_on_harmlessness_are_read() {
    let Some(file) = excerpt("hh-rlhf-harmless-test.jsonl.gz") else { return };
    let look = Look::at(&file).unwrap();
    let mapping = look.mapping(&FeedbackColumns::default()).unwrap();
    let Feedback::Pairs(found) = look.read(&mapping, None).unwrap() else { panic!("they are pairs") };
    assert_eq!((found.pairs.len() + found.skipped.rows + found.repeated, found.skipped.rows), (2312, 4), "{:?}", found.skipped);
    assert!(found.pairs.iter().all(|pair| pair.before.len() % 2 == 1 && pair.before[0].role == "user"));
    // The first question of each conversation, as prompts.
    let spec =
        Data { source: file.display().to_string(), column: "chosen".into(), train: 1000, validation: 100, test: 200, ..Data::default() };
    let splits = datasets::load(&spec, std::path::Path::new("/")).unwrap();
    assert_eq!((splits.census.rows, splits.census.malformed), (2312, 0));
    assert!(splits.train.iter().all(|prompt| !prompt.text.contains("Assistant:")));
}

#[test]
fn questions_of_two_turns_are_read_by_their_first() {
    let Some(file) = excerpt("mt-bench-questions.jsonl") else { return };
    let spec = Data {
        source: file.display().to_string(),
        column: "turns".into(),
        cluster_column: Some("category".into()),
        train: 20,
        validation: 0,
        test: 20,
        ..Data::default()
    };
    let splits = datasets::load(&spec, std::path::Path::new("/")).unwrap();
    assert_eq!((splits.census.rows, splits.census.distinct, splits.test_clusters()), (80, 80, Some(2)));
}
