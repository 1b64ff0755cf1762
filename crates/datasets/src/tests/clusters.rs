//! Prompts that belong together stay together, and what a bad column of clusters gets.
use super::{Given, texts};
use crate::split::Order;
use crate::{Clusters, Splits};
use contract::Code;
use contract::data::{Census, Data, Prompt};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Clusters of these sizes, their prompts in turns: "2.1" is the second prompt of the third cluster.
fn rows(sizes: &[usize]) -> Vec<(usize, String)> {
    let most = sizes.iter().copied().max().unwrap_or(0);
    let turn = |n: usize| sizes.iter().enumerate().filter(move |(_, size)| n < **size).map(move |(c, _)| (c, n));
    let row = |(c, n): (usize, usize)| (c, format!("{c}.{n}"));
    (0..most).flat_map(turn).map(row).collect()
}

fn asked(train: usize, validation: usize, test: usize, split_seed: u64) -> Data {
    Data { cluster_column: Some("user".into()), train, validation, test, split_seed, ..Data::default() }
}

fn drawn(sizes: &[usize], spec: &Data) -> Result<Splits, contract::Error> {
    let (clusters, prompts): (Vec<usize>, Vec<String>) = rows(sizes).into_iter().unzip();
    let drawn = Order::new(prompts.len(), Some(&clusters), spec.split_seed).draw(spec, "prompts.csv", |_| Ok(true))?;
    let of = |numbers: &[usize]| numbers.iter().map(|&n| Prompt::from(prompts[n].as_str())).collect();
    let (train, validation, test) = (of(&drawn.train), of(&drawn.validation), of(&drawn.test));
    Ok(Splits { train, validation, test, clusters: Some(drawn.clusters), source_checksum: String::new(), census: Census::default() })
}

/// Each split's prompts with the numbers of their clusters.
fn parts(splits: &Splits) -> [(&Vec<Prompt>, &Vec<usize>); 3] {
    let Clusters { train, validation, test, .. } = splits.clusters.as_ref().unwrap();
    [(&splits.test, test), (&splits.validation, validation), (&splits.train, train)]
}

/// The cluster that a prompt of [`rows`] was put into.
fn put_into(prompt: &Prompt) -> usize {
    prompt.text.split_once('.').unwrap().0.parse().unwrap()
}

proptest! {
    #[test]
    fn no_cluster_is_in_two_splits_and_counts_are_exact(
        sizes in prop::collection::vec(1..9_usize, 3..30),
        shares in (0.1..0.5_f64, 0.0..0.4_f64, 0.1..0.5_f64),
        seed in any::<u64>(),
    ) {
        let n = sizes.iter().sum::<usize>() as f64;
        let spec = asked((shares.0 * n) as usize, (shares.1 * n) as usize, (shares.2 * n) as usize, seed);
        // Too few clusters for what is asked: another test's.
        let Ok(splits) = drawn(&sizes, &spec) else { return Ok(()) };
        prop_assert_eq!((splits.train.len(), splits.validation.len(), splits.test.len()), (spec.train, spec.validation, spec.test));
        let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        let (mut next, mut cut) = (0, 0);
        for (prompts, clusters) in parts(&splits) {
            prop_assert_eq!(prompts.len(), clusters.len());
            let here: BTreeSet<usize> = clusters.iter().copied().collect();
            // Numbered as they were drawn, split by split.
            prop_assert!(here.iter().copied().eq(next..next + here.len()));
            next += here.len();
            for (prompt, number) in prompts.iter().zip(clusters) {
                prop_assert!(taken.insert(prompt.text.clone()));
                prop_assert_eq!(*numbers.entry(put_into(prompt)).or_insert(*number), *number, "one number for each cluster");
            }
            // Whole clusters, but for the last.
            let size = |number: usize| sizes[*numbers.iter().find(|(_, n)| **n == number).unwrap().0];
            for number in &here {
                let missing = size(*number) - clusters.iter().filter(|c| *c == number).count();
                prop_assert!(missing == 0 || Some(number) == here.last());
                cut += missing;
            }
        }
        prop_assert_eq!(numbers.values().collect::<BTreeSet<_>>().len(), numbers.len(), "no number for two clusters");
        prop_assert_eq!(splits.clusters.unwrap().unused, cut);
    }

    #[test]
    fn what_is_drawn_first_does_not_depend_on_what_is_drawn_later(
        train in 0..30_usize, validation in 0..20_usize, seed in any::<u64>(),
    ) {
        let sizes: Vec<usize> = (0..40).map(|c| 1 + c % 5).collect();
        let (one, other) = (drawn(&sizes, &asked(train, validation, 20, seed)).unwrap(), drawn(&sizes, &asked(5, 5, 20, seed)).unwrap());
        prop_assert_eq!(parts(&one)[0], parts(&other)[0]);
        let more = drawn(&sizes, &asked(40, validation, 20, seed)).unwrap();
        prop_assert_eq!(parts(&one)[1], parts(&more)[1]);
        prop_assert_eq!(&more.train[..train], &one.train[..]);
    }

    #[test]
    fn clusters_of_one_are_no_clusters(n in 2..60_usize, seed in any::<u64>()) {
        let spec = asked(n / 3, n / 5, n / 3, seed);
        prop_assume!(spec.test > 1);
        let alone = drawn(&vec![1; n], &spec).unwrap();
        let none = Order::new(n, None, seed).draw(&Data { cluster_column: None, ..spec }, "prompts.csv", |_| Ok(true)).unwrap();
        let of = |numbers: &[usize]| numbers.iter().map(|n| format!("{n}.0")).collect::<Vec<_>>();
        prop_assert_eq!((texts(&alone.test), texts(&alone.validation), texts(&alone.train)), (of(&none.test), of(&none.validation), of(&none.train)));
    }
}

/// As of the draw of prompts: the same on all machines and in all versions. From a second implementation (ChaCha8 in Python).
#[test]
fn the_draw_of_clusters_is_pinned() {
    let splits = drawn(&[1, 2, 3, 4, 3, 2, 1], &asked(4, 2, 5, 7)).unwrap();
    assert_eq!(texts(&splits.test), ["6.0", "4.1", "4.0", "4.2", "3.0"]);
    assert_eq!(texts(&splits.validation), ["1.0", "1.1"]);
    assert_eq!(texts(&splits.train), ["0.0", "2.2", "2.0", "2.1"]);
}

#[test]
fn every_cluster_is_as_likely_whatever_its_size() {
    // One large cluster among nine small ones is in a test split of about one in ten of the draws in which it comes first.
    let sizes = [20, 1, 1, 1, 1, 1, 1, 1, 1, 1];
    let first = |seed| put_into(&drawn(&sizes, &asked(0, 0, 2, seed)).map_or_else(|_| "0.0".into(), |splits| splits.test[0].clone()));
    let large = (0..2000).filter(|seed| first(*seed) == 0).count();
    // Four binomial standard errors of 200 are 54.
    assert!((146..=254).contains(&large), "{large}");
}

#[test]
fn clusters_are_read_from_both_kinds_of_file() {
    let jsonl = "{\"prompt\": \"a\", \"user\": 7}\n{\"prompt\": \"b\", \"user\": \" 7 \"}\n{\"user\": \"x\", \"prompt\": \"c\"}\n";
    let csv = "user,prompt\n7,a\n\" 7\",b\nx,c\n";
    for (name, content) in [("p.jsonl", jsonl), ("p.csv", csv)] {
        let splits = Given::file(name, content).counts(0, 0, 3).clusters("user").load().unwrap();
        let clusters = splits.clusters.unwrap().test;
        let of = |prompt: &str| clusters[splits.test.iter().position(|p| p.text == prompt).unwrap()];
        assert!(of("a") == of("b") && of("a") != of("c"), "{:?} {clusters:?}", splits.test);
        assert!(Given::file(name, content).load().unwrap().clusters.is_none());
    }
}

#[test]
fn of_equal_prompts_the_first_counts_with_its_cluster() {
    let csv = "user,prompt\nx,Why?\ny,WHY?\ny,How?\n";
    let splits = Given::file("p.csv", csv).counts(0, 0, 2).clusters("user").load().unwrap();
    assert_eq!(Clusters::count(&splits.clusters.unwrap().test), 2);
    assert!(splits.test.contains(&"Why?".into()));
}

#[test]
fn a_prompt_without_a_cluster_names_its_line() {
    let cases: [(&str, &str, &[&str]); 8] = [
        ("p.csv", "prompt,user\na,1\n\nb,\n", &["line 4", "\"user\" is empty", "a name that no other has"]),
        ("p.csv", "prompt,user\na,1\nb, \n", &["line 3", "\"user\" is empty"]),
        ("p.csv", "prompt,id\na,1\n", &["line 1", "no column \"user\"", "\"prompt\" and \"id\"", "data.cluster_column"]),
        ("p.csv", "prompt,user,user\na,1,2\n", &["line 1", "two columns are called \"user\""]),
        ("p.jsonl", "{\"prompt\": \"a\", \"user\": 1}\n{\"prompt\": \"b\"}", &["line 2", "no key \"user\"", "data.cluster_column"]),
        ("p.jsonl", "{\"prompt\": \"a\", \"user\": \"\"}", &["line 1", "\"user\" is empty"]),
        ("p.jsonl", "{\"prompt\": \"a\", \"user\": null}", &["line 1", "\"user\" holds null, not text or a whole number"]),
        ("p.jsonl", "{\"prompt\": \"a\", \"user\": 1.5}", &["line 1", "\"user\" holds a number, not text or a whole number"]),
    ];
    for (name, content, parts) in cases {
        Given::file(name, content).clusters("user").refused(parts);
    }
}

#[test]
fn too_few_clusters_are_counted() {
    let csv = |sizes: &[usize]| {
        let rows = rows(sizes).into_iter().map(|row| format!("{},user {}\n", row.1, row.0));
        std::iter::once("prompt,user\n".to_owned()).chain(rows).collect::<String>()
    };
    let given =
        |sizes: &[usize], train, validation, test| Given::file("p.csv", csv(sizes)).counts(train, validation, test).clusters("user");
    // Enough prompts, but the test takes three of the four clusters, and a part of the third.
    given(&[4; 4], 5, 0, 9).refused(&["16 distinct prompts in 4 clusters", "4 are left of the 5 that data.train", "3 prompts are unused"]);
    given(&[8; 2], 1, 1, 9).refused(&["0 are left of the 1 that data.validation"]);
    given(&[8; 2], 2, 0, 8).refused(&["the 8 test prompts all have the same \"user\"", "raise data.test"]);
    given(&[2; 3], 4, 1, 3).refused(&["6 distinct prompts", "4 + 1 + 3 = 8"]);
}

#[test]
fn shipped_prompts_have_no_clusters() {
    let spec = Data { cluster_column: Some("topic".into()), ..Data::default() };
    let error = crate::load(&spec, Path::new("")).unwrap_err();
    assert!(error.code == Code::Data && error.message.starts_with("data.cluster_column"), "{error}");
}
