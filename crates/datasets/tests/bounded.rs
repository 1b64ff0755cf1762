//! However large a file is, little of it is in memory: told of files of 64 MB, of which 8 are the bound. Alone in its program: the allocator is the program's.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
#[path = "../../lm/tests/memory/counted.rs"]
mod counted;
use contract::data::Data;
use contract::feedback::FeedbackColumns;
use counted::beyond;
use datasets::feedback::Look;
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

const ROWS: usize = 16_000;
const BOUND: f64 = 8e6;

/// Rows of 4 kB, each between what stands before and behind a row.
fn write(path: &Path, [first, between, last]: [&str; 3]) {
    let mut out = BufWriter::new(File::create(path).unwrap());
    out.write_all(first.as_bytes()).unwrap();
    for i in 0..ROWS {
        let (separator, answer) = (if i == 0 { "" } else { between }, format!("{i} ").repeat(600));
        write!(out, "{separator}{{\"prompt\": \"Why {i}?\", \"chosen\": \"{answer}\", \"rejected\": \"b\"}}").unwrap();
    }
    out.write_all(last.as_bytes()).unwrap();
    out.into_inner().unwrap().sync_all().unwrap();
}

#[test]
fn a_large_file_is_never_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    for (name, layout) in [("a.jsonl", ["", "\n", "\n"]), ("a.json", ["[", ",\n", "]"])] {
        let path = folder.path().join(name);
        write(&path, layout);
        assert!(std::fs::metadata(&path).unwrap().len() > 50_000_000);
        let spec = Data { source: name.into(), train: 200, validation: 20, test: 100, ..Data::default() };
        let (took, splits) = beyond(|| datasets::load(&spec, folder.path()).unwrap());
        assert_eq!((splits.census.distinct, splits.train.len()), (ROWS, 200));
        assert!(took < BOUND, "{name}: prompts took {took} bytes");

        let look = Look::at(&path).unwrap();
        let mapping = look.mapping(&FeedbackColumns::default()).unwrap();
        let (took, survey) = beyond(|| look.survey(&mapping).unwrap());
        assert_eq!(survey.entries, ROWS);
        assert!(took < BOUND, "{name}: a survey took {took} bytes");
        let drawn: HashSet<usize> = (0..100).map(|i| 150 * i).collect();
        let (took, _) = beyond(|| look.read(&mapping, Some(&drawn)).unwrap());
        assert!(took < BOUND, "{name}: a part took {took} bytes");
    }
}
