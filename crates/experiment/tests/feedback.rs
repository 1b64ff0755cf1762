//! A part of a file of feedback, drawn by a seed.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use contract::Code;
use contract::feedback::FeedbackColumns;
use datasets::feedback::{Feedback, Labelled, Look, Mapping, Preferences};
use experiment::feedback::read;
use std::path::Path;

fn look(path: &Path, rows: impl Iterator<Item = String>) -> (Look, Mapping) {
    std::fs::write(path, rows.collect::<String>()).unwrap();
    let look = Look::at(path).unwrap();
    let mapping = look.mapping(&FeedbackColumns::default()).unwrap();
    (look, mapping)
}

fn pair(i: usize) -> String {
    format!("{{\"prompt\": \"Why {i}?\", \"chosen\": \"a\", \"rejected\": \"b\"}}\n")
}

fn pairs(read: Feedback) -> Preferences {
    let Feedback::Pairs(found) = read else { panic!("{read:?}") };
    found
}

fn labelled(read: Feedback) -> Labelled {
    let Feedback::Labelled(found) = read else { panic!("{read:?}") };
    found
}

#[test]
fn a_seed_draws_the_same_part_and_another_seed_another() {
    let folder = tempfile::tempdir().unwrap();
    let (look, mapping) = look(&folder.path().join("a.jsonl"), (0..200).map(pair));
    let drawn = |only, seed| pairs(read(&look, &mapping, only, seed).unwrap());
    assert_eq!((drawn(None, 0).pairs.len(), drawn(None, 0).drawn_of), (200, None));
    assert_eq!((drawn(Some(500), 0).pairs.len(), drawn(Some(500), 0).drawn_of), (200, None), "there are no more");
    let first = drawn(Some(20), 0);
    assert_eq!((first.pairs.len(), first.drawn_of, &first), (20, Some(200), &drawn(Some(20), 0)));
    assert!(first.pairs.is_sorted_by_key(|pair| pair.line), "in the order of the file");
    assert_ne!(first.pairs, drawn(Some(20), 1).pairs);
}

/// Four answers to each prompt, which stand far from each other: what is drawn can be compared.
#[test]
fn answers_are_drawn_with_all_of_their_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let answer = |i: usize| format!("{{\"prompt\": \"Why {}?\", \"response\": \"r{i}\", \"label\": {}}}\n", i % 50, i / 50);
    let (look, mapping) = look(&folder.path().join("a.jsonl"), (0..200).map(answer));
    let drawn = labelled(read(&look, &mapping, Some(30), 0).unwrap());
    assert_eq!((drawn.answers.len(), drawn.prompts.len(), drawn.drawn_of), (28, 7, Some(200)), "whole prompts, as long as they fit");
    for prompt in 0..7 {
        let labels: Vec<f64> = drawn.answers.iter().filter(|answer| answer.prompt == prompt).map(|answer| answer.label).collect();
        assert_eq!(labels, [0.0, 1.0, 2.0, 3.0]);
    }
}

#[test]
fn of_a_prompt_with_more_answers_than_are_wanted_a_part_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let answer = |i: usize| format!("{{\"prompt\": \"Why?\", \"response\": \"r{i}\", \"label\": {i}}}\n");
    let (look, mapping) = look(&folder.path().join("a.jsonl"), (0..200).map(answer));
    let drawn = |seed| labelled(read(&look, &mapping, Some(20), seed).unwrap());
    assert_eq!((drawn(0).answers.len(), drawn(0).prompts.len(), drawn(0).drawn_of), (20, 1, Some(200)));
    assert_ne!(drawn(0).answers, drawn(1).answers);
}

#[test]
fn a_file_that_changes_between_two_readings_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let (look, mapping) = look(&path, (0..200).map(pair));
    // Reading asks now and then whether to stop: here, in the second reading, the file gets longer.
    static PATH: std::sync::Mutex<Option<(std::path::PathBuf, u32)>> = std::sync::Mutex::new(None);
    *PATH.lock().unwrap() = Some((path, 0));
    let look = look.until(|| {
        let mut state = PATH.lock().unwrap();
        let (path, times) = state.as_mut().unwrap();
        *times += 1;
        if *times == 2 {
            std::fs::write(path, (0..300).map(pair).collect::<String>()).unwrap();
        }
        false
    });
    let refused = read(&look, &mapping, Some(20), 0).unwrap_err();
    assert!(refused.code == Code::Data && refused.message.contains("was changed while it was read"), "{refused}");
}
