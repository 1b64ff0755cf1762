//! Splits never overlap, do not move, and their checksums tell them apart.
use super::Given;
use crate::split::{Order, normalised};
use crate::{Checksums, Splits};
use contract::data::{Census, Data, Prompt};
use proptest::prelude::*;
use std::collections::HashSet;

fn asked(train: usize, validation: usize, test: usize, split_seed: u64) -> Data {
    Data { train, validation, test, split_seed, ..Data::default() }
}

fn drawn(prompts: &[String], spec: &Data) -> Splits {
    let mut seen = HashSet::new();
    let distinct: Vec<&String> = prompts.iter().filter(|p| seen.insert(normalised(p))).collect();
    let drawn = Order::new(distinct.len(), None, spec.split_seed).draw(spec, "prompts.csv", |_| Ok(true)).unwrap();
    let of = |numbers: &[usize]| numbers.iter().map(|&n| Prompt::from(distinct[n].as_str())).collect();
    let (train, validation, test) = (of(&drawn.train), of(&drawn.validation), of(&drawn.test));
    Splits { train, validation, test, clusters: None, source_checksum: String::new(), census: Census::default() }
}

fn numbered(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("Prompt {i}")).collect()
}

proptest! {
    #[test]
    fn splits_are_distinct_and_as_large_as_asked(
        prompts in prop::collection::vec("[aAbB]{1,3}[ \t]{0,2}[cC]?", 1..120),
        shares in (0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64),
        seed in any::<u64>(),
    ) {
        let distinct: HashSet<_> = prompts.iter().map(|p| normalised(p)).collect();
        let n = distinct.len() as f64;
        let total = (shares.0 + shares.1 + shares.2).max(1.0);
        let part = |share: f64| (share / total * n) as usize;
        let spec = asked(part(shares.0), part(shares.1), part(shares.2), seed);
        let splits = drawn(&prompts, &spec);
        prop_assert_eq!((splits.train.len(), splits.validation.len(), splits.test.len()), (spec.train, spec.validation, spec.test));
        let all: Vec<_> = [&splits.train[..], &splits.validation, &splits.test].concat();
        prop_assert!(all.iter().all(|p| prompts.contains(&p.text)));
        let different: HashSet<_> = all.iter().map(|p| normalised(&p.text)).collect();
        prop_assert_eq!(different.len(), all.len());
    }

    #[test]
    fn the_test_split_stays_when_the_others_change(train in 0..30_usize, validation in 0..30_usize, seed in any::<u64>()) {
        let prompts = numbered(80);
        let one = drawn(&prompts, &asked(train, validation, 20, seed));
        let other = drawn(&prompts, &asked(5, 5, 20, seed));
        prop_assert_eq!(one.test, other.test);
    }

    #[test]
    fn any_text_survives_both_kinds_of_file(texts in prop::collection::hash_set("\\PC*[^\\s\\pC]\\PC*(\n[a-z\",]+)?", 2..8)) {
        let distinct: HashSet<_> = texts.iter().map(|t| normalised(t)).collect();
        prop_assume!(distinct.len() == texts.len());
        let mut jsonl = String::new();
        let mut csv = ::csv::Writer::from_writer(Vec::new());
        csv.write_record(["id", "prompt"]).unwrap();
        for text in &texts {
            jsonl += &(serde_json::json!({ "id": 1, "prompt": text }).to_string() + "\n");
            csv.write_record(["1", text]).unwrap();
        }
        let mut expected: Vec<_> = texts.iter().cloned().collect();
        expected.sort();
        let rest = texts.len() - 1;
        prop_assert_eq!(&Given::file("p.jsonl", jsonl).counts(rest, 0, 1).prompts(), &expected);
        prop_assert_eq!(&Given::file("p.csv", csv.into_inner().unwrap()).counts(rest, 0, 1).prompts(), &expected);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(prop::sample::select(b"\"\",\r\n{}[]:prompt\\ \xc3\xa9".to_vec()), 0..60)) {
        for (name, start) in [("p.csv", "prompt,id\n"), ("p.jsonl", "{\"prompt\": \"a\"}\n")] {
            let _ = Given::file(name, [start.as_bytes(), &bytes].concat()).load();
        }
    }
}

/// The draw is part of every result on a user's own file: it must be the same on all machines and in all versions. The figures
/// come from a second implementation (ChaCha8 in Python, after RFC 8439 with eight rounds and a 64-bit counter).
#[test]
fn the_draw_is_pinned() {
    let splits = drawn(&numbered(10), &asked(4, 2, 3, 7));
    let numbers = |prompts: &[Prompt]| prompts.iter().map(|p| p.text[7..].parse::<u8>().unwrap()).collect::<Vec<_>>();
    assert_eq!((numbers(&splits.test), numbers(&splits.validation), numbers(&splits.train)), (vec![5, 3, 9], vec![8, 1], vec![6, 2, 0, 4]));
}

#[test]
fn another_seed_draws_other_splits() {
    let prompts = numbered(50);
    assert_ne!(drawn(&prompts, &asked(20, 5, 20, 0)).test, drawn(&prompts, &asked(20, 5, 20, 1)).test);
}

#[test]
fn checksums_are_sha256_of_length_prefixed_prompts() {
    let splits = |train: &[&str]| Splits {
        train: train.iter().map(|&p| p.into()).collect(),
        validation: vec![],
        test: vec!["Hi".into()],
        clusters: None,
        source_checksum: "abc".into(),
        census: Census::default(),
    };
    // printf '\2\0\0\0\0\0\0\0Hi' | sha256sum, and of nothing.
    let expected = Checksums {
        source: "abc".into(),
        train: "f5035319e98cfa5d84329a1d154d7d2cfb1f08f235164eca41f420283ee15e67".into(),
        validation: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
        test: "f5035319e98cfa5d84329a1d154d7d2cfb1f08f235164eca41f420283ee15e67".into(),
    };
    assert_eq!(splits(&["Hi"]).checksums(), expected);
    assert_ne!(splits(&["ab", "c"]).checksums().train, splits(&["a", "bc"]).checksums().train);
    assert_ne!(splits(&["a", "b"]).checksums().train, splits(&["b", "a"]).checksums().train);
}

#[test]
fn the_source_checksum_is_that_of_the_file() {
    // printf 'prompt\na\nb\n' | sha256sum
    let splits = Given::file("p.csv", "prompt\na\nb\n").load().unwrap();
    assert_eq!(splits.checksums().source, "647aba825d5937d814dc1b95095663f8056547ff9a887cd05a33572460c367ac");
}
