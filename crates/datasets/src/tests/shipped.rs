//! The shipped prompts keep what `examples/README.md` promises.
use crate::shipped::{CONTENT, Prompt, Split, prompts};
use contract::Code;
use contract::data::Data;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Words that two prompts may share without being alike.
const COMMON: &str = "a an and are as at be been but by can do does did for from had has have he her his how i if in into is it its me my \
    no not of on one or our she should so than that the their them then there they this to up us was we were what when where which who \
    why will with without would write explain tell name give list you your";

/// Jaccard index of content words above which two prompts are near-duplicates.
const ALIKE: f64 = 0.6;

fn of(all: &[Prompt], split: Split) -> Vec<&Prompt> {
    all.iter().filter(|p| p.split == split).collect()
}

fn content_words(prompt: &str) -> HashSet<String> {
    let lower = prompt.to_lowercase();
    let common: HashSet<_> = COMMON.split_whitespace().collect();
    lower
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|w| w.trim_matches('\''))
        .filter(|w| !w.is_empty() && !common.contains(w))
        .map(str::to_owned)
        .collect()
}

#[test]
fn counts_are_as_promised_and_topics_are_balanced() {
    let all = prompts().unwrap();
    let topics: HashSet<_> = all.iter().map(|p| p.topic.as_str()).collect();
    assert_eq!(topics.len(), 20);
    for (split, count, per_topic) in [(Split::Train, 256, 12..=13), (Split::Validation, 48, 2..=3), (Split::Test, 96, 4..=5)] {
        let mut counts = BTreeMap::new();
        for prompt in of(&all, split) {
            *counts.entry(prompt.topic.as_str()).or_insert(0) += 1;
        }
        assert_eq!(counts.values().sum::<usize>(), count);
        assert!(topics.iter().all(|t| per_topic.contains(&counts[t])), "{split:?}: {counts:?}");
    }
}

#[test]
fn no_prompt_is_like_another() {
    let all = prompts().unwrap();
    let words: Vec<_> = all.iter().map(|p| content_words(&p.prompt)).collect();
    for i in 0..all.len() {
        assert!(!words[i].is_empty(), "{}", all[i].prompt);
        for j in 0..i {
            let shared = words[i].intersection(&words[j]).count() as f64;
            let either = words[i].union(&words[j]).count() as f64;
            assert!(shared / either <= ALIKE, "{}\n{}", all[i].prompt, all[j].prompt);
        }
    }
}

#[test]
fn prompts_are_plain_and_of_the_promised_length() {
    let all = prompts().unwrap();
    for Prompt { prompt, topic, .. } in &all {
        assert!(prompt.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{prompt}");
        assert!(prompt.trim() == prompt && !prompt.contains("  ") && !topic.is_empty(), "{prompt}");
        assert!((4..=45).contains(&prompt.split(' ').count()), "{prompt}");
        assert!(prompt.ends_with(['.', '?', '!', '"']), "{prompt}");
    }
    let usual = all.iter().filter(|p| (8..=20).contains(&p.prompt.split(' ').count())).count();
    assert!(usual * 4 >= all.len() * 3, "{usual}");
}

/// The program's own splits are those of the file, in its order, and its file reader finds the same prompts in it.
#[test]
fn the_default_spec_takes_them_all() {
    let splits = crate::load(&Data::default(), Path::new("nowhere")).unwrap();
    assert_eq!((splits.train.len(), splits.validation.len(), splits.test.len()), (256, 48, 96));
    let taken: HashSet<_> = [&splits.train[..], &splits.validation, &splits.test].concat().into_iter().map(|prompt| prompt.text).collect();
    let as_file: HashSet<_> = super::Given::file("prompts.jsonl", CONTENT).counts(256, 48, 96).prompts().into_iter().collect();
    assert_eq!((as_file.len(), taken), (400, as_file));
}

#[test]
fn smaller_counts_take_the_first_and_ignore_the_seed() {
    let all = crate::load(&Data::default(), Path::new("")).unwrap();
    let some = crate::load(&Data { train: 8, validation: 0, test: 4, split_seed: 9, ..Data::default() }, Path::new("")).unwrap();
    assert_eq!((&some.train[..], &some.validation[..], &some.test[..]), (&all.train[..8], &[][..], &all.test[..4]));
    assert_eq!(some.source_checksum, all.source_checksum);
}

#[test]
fn asking_for_too_many_or_another_column_is_refused() {
    let cases = [
        (Data { train: 257, ..Data::default() }, "data.train is 257, but there are 256"),
        (Data { validation: 100, ..Data::default() }, "data.validation is 100, but there are 48"),
        (Data { test: 97, ..Data::default() }, "data.test is 97, but there are 96"),
        (Data { column: "topic".into(), ..Data::default() }, "data.column is \"topic\""),
    ];
    for (spec, part) in cases {
        let error = crate::load(&spec, Path::new("")).unwrap_err();
        assert_eq!(error.code, Code::Data);
        assert!(error.message.contains(part), "{error}");
    }
}
