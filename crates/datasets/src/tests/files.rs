//! What files may look like, and what bad ones get.
use super::Given;
use contract::Code;
use contract::data::Data;

const TWO: &str = "{\"prompt\": \"How are you?\"}\n{\"prompt\": \"Why is that?\"}\n";

#[test]
fn jsonl_is_read() {
    for name in ["p.jsonl", "p.ndjson", "P.JSONL"] {
        assert_eq!(Given::file(name, TWO).prompts(), ["How are you?", "Why is that?"]);
    }
}

#[test]
fn jsonl_with_bom_crlf_blank_lines_and_no_last_line_end_is_read() {
    let content = format!("\u{feff}{}", TWO.trim_end().replace('\n', "\r\n\r\n"));
    assert_eq!(Given::file("p.jsonl", content).prompts(), ["How are you?", "Why is that?"]);
}

#[test]
fn a_prompt_is_kept_exactly() {
    let content = "{\"q\": \" Two\\n lines \", \"prompt\": 3}\n{\"q\": \"\\u00fc \\ud83c\\udf3b\"}";
    assert_eq!(Given::file("p.jsonl", content).column("q").prompts(), [" Two\n lines ", "ü 🌻"]);
}

#[test]
fn csv_is_read() {
    let content = "id,prompt,note\n1,\"Say \"\"hi\"\", please\",x\n2,\"Two\nlines\",\"\"\n\n3,5\" or 6\"?,y";
    for content in [content.to_owned(), format!("\u{feff}{content}"), content.replace('\n', "\r\n")] {
        let given = Given::file("p.csv", &content).counts(2, 0, 1);
        let prompts: Vec<_> = given.prompts().into_iter().map(|p| p.replace('\r', "")).collect();
        assert_eq!(prompts, ["5\" or 6\"?", "Say \"hi\", please", "Two\nlines"]);
    }
}

#[test]
fn malformed_jsonl_names_the_line() {
    let cases: [(&str, &[&str]); 12] = [
        ("{\"prompt\": \"a\"}\n{\"prompt\": \"b\"", &["line 2", "not valid JSON at column 14", "EOF", "{\"prompt\": \"...\"}"]),
        ("{\"prompt\": \"a\"}\r\n\r\nhello", &["line 3", "not valid JSON at column 1 "]),
        ("{\"prompt\": \"a\"} {\"prompt\": \"b\"}", &["line 1", "not valid JSON", "trailing characters"]),
        ("[\"a\", \"b\"]", &["line 1", "JSON array", "one whole object", ".json file"]),
        ("{}", &["line 1", "no key \"prompt\": the row is empty"]),
        ("\"a\"", &["line 1", "a string, not an object"]),
        ("{\"prompt\": 7}", &["line 1", "\"prompt\" holds a number, not text or a conversation"]),
        ("{\"prompt\": \"a\"}\n{\"prompt\": null}", &["line 2", "\"prompt\" holds null"]),
        ("{\"prompt\": {\"text\": \"a\"}}", &["line 1", "holds an object"]),
        ("{\"prompt\": [1, 2]}", &["line 1", "holds no list of", "content"]),
        ("{\"prompt\": \"a\"}\n{\"text\": \"b\", \"id\": 1}", &["line 2", "no key \"prompt\"", "\"id\"", "\"text\"", "data.column"]),
        ("{\"prompt\": \"a\"}\n{\"prompt\": \" \\n\"}", &["line 2", "is empty"]),
    ];
    for (content, parts) in cases {
        Given::file("p.jsonl", content).refused(parts);
    }
}

#[test]
fn malformed_csv_names_the_line() {
    let cases: [(&str, &[&str]); 9] = [
        ("id,text\n1,a\n", &["line 1", "no column \"prompt\"", "\"id\" and \"text\"", "data.column"]),
        ("id;prompt\n1;a\n", &["line 1", "no column \"prompt\"", "semicolons"]),
        ("prompt,prompt\na,b\n", &["line 1", "two columns"]),
        ("prompt,id\na,1\n\nb, or c,2\n", &["line 4", "3 fields where the header has 2"]),
        ("prompt,id\na,1\nb\n", &["line 3", "1 fields where the header has 2"]),
        ("prompt,id\n\"a\nb\",1\n  ,2\n", &["line 4", "is empty"]),
        ("prompt,id\na,1\n\"b,2\nc,3\n", &["line 3", "never closed"]),
        ("prompt,id\na,1\n\"b\" c,2\n", &["line 3", "text follows a closing quotation mark"]),
        ("prompt,id\n", &["has no rows"]),
    ];
    for (content, parts) in cases {
        Given::file("p.csv", content).refused(parts);
        Given::file("p.csv", content.replace('\n', "\r\n")).refused(parts);
        Given::file("p.csv", format!("\u{feff}{content}")).refused(parts);
    }
}

#[test]
fn empty_files_are_refused() {
    for name in ["p.jsonl", "p.csv"] {
        for content in ["", "\n \r\n", "\u{feff}"] {
            Given::file(name, content).refused(&["is empty"]);
        }
    }
}

#[test]
fn other_encodings_are_refused() {
    Given::file("p.jsonl", b"{\"prompt\": \"a\"}\r\n{\"prompt\": \"caf\xe9\"}").refused(&["line 2", "not valid UTF-8 (byte 0xe9)"]);
    Given::file("p.csv", b"prompt\na\n\ncaf\xe9").refused(&["line 4", "not valid UTF-8"]);
    Given::file("p.jsonl", b"\xff\xfe{\0").refused(&["UTF-16"]);
    Given::file("p.jsonl", b"{\0\"\0p\0").refused(&["UTF-16"]);
    Given::file("p.json", b"\0[\0{\0\"").refused(&["UTF-16"]);
    Given::file("p.jsonl", b"\xff\xfe\0\0{\0\0\0").refused(&["UTF-32"]);
    Given::file("p.jsonl.gz", TWO).refused(&["is not compressed with gzip", "take .gz off"]);
    Given::file("p.jsonl", b"\x1f\x8b\x08\0").refused(&["gzip", "add .gz to its name"]);
    Given::file("p.csv", b"PAR1 and more").refused(&["Parquet", "end in .parquet"]);
}

#[test]
fn other_kinds_of_file_are_refused() {
    Given::file("p.jsonl.zst", "x").refused(&["compressed with .zst", ".jsonl, .json, .csv or .parquet"]);
    Given::file("p.parquet.gz", "x").refused(&["gzipped Parquet file"]);
    Given::file("p.txt", "x").refused(&[".txt file", ".jsonl, .json, .csv or .parquet"]);
    Given::file("prompts", "x").refused(&["no extension"]);
}

#[test]
fn a_missing_file_and_a_folder_are_refused() {
    let mut given = Given::file("p.jsonl", TWO);
    given.spec.source = "other.jsonl".into();
    given.refused(&["there is no file", "\"shipped\"", "relative to the spec file"]);
    std::fs::create_dir(given.folder.path().join("folder.jsonl")).unwrap();
    given.spec.source = "folder.jsonl".into();
    given.refused(&["in the folder", "is no data file"]);
    given.spec.source = "p.jsonl/q.jsonl".into();
    given.refused(&["there is no file"]);
}

#[cfg(unix)]
#[test]
fn a_device_is_refused_unread() {
    let spec = Data { source: "/dev/zero".into(), ..Data::default() };
    let error = crate::load(&spec, std::path::Path::new("")).unwrap_err();
    assert_eq!(error.code, Code::Data);
    assert!(error.message.contains("not a regular file"), "{error}");
}

#[test]
fn an_absolute_path_is_taken_as_it_is() {
    let given = Given::file("p.jsonl", TWO);
    let spec = Data { source: given.path().display().to_string(), ..given.spec.clone() };
    assert_eq!(crate::load(&spec, std::path::Path::new("elsewhere")).unwrap(), given.load().unwrap());
}

#[test]
fn too_few_distinct_prompts_are_counted() {
    let content = "prompt\nOne\ntwo\n  ONE \nthree\n";
    Given::file("p.csv", content).counts(2, 1, 1).refused(&["3 distinct prompts in 4 lines", "1 equal to an earlier one", "2 + 1 + 1 = 4"]);
    Given::file("p.csv", content).counts(usize::MAX, 1, 1).refused(&["3 distinct prompts"]);
}

#[test]
fn of_equal_prompts_the_first_is_kept() {
    let content = "prompt\nWhy  so?\nWHAT NOW?\nwhy so?\n\u{a0}What\u{a0}now?\n";
    assert_eq!(Given::file("p.csv", content).prompts(), ["WHAT NOW?", "Why  so?"]);
}

#[test]
fn many_columns_are_cut_in_the_message() {
    let header: Vec<_> = (0..40).map(|i| format!("c{i}")).collect();
    Given::file("p.csv", header.join(",")).refused(&["\"c11\" and 28 more"]);
}

#[test]
fn the_columns_that_can_hold_prompts() {
    let of = |name, content: &str| Given::file(name, content).columns();
    let csv = of("p.csv", "id,\"the prompt\",note\n1,a,b").unwrap();
    assert_eq!((&csv.prompts[..], &csv.clusters), (&["id", "the prompt", "note"].map(String::from)[..], &csv.prompts));
    let jsonl = "\n{\"id\": 3, \"turns\": [\"a\"], \"q\": \"Why?\", \"a\": \"So.\", \"x\": 1.5}\nnot JSON";
    let jsonl = of("p.jsonl", jsonl).unwrap();
    assert_eq!(
        (jsonl.prompts, jsonl.clusters),
        (vec!["turns".to_owned(), "q".into(), "a".into()], vec!["id".to_owned(), "q".into(), "a".into()])
    );
    let late = of("p.jsonl", "not JSON\n[1]\n{\"question\": \"Why?\"}").unwrap();
    assert_eq!(late.prompts, ["question"], "the first rows may be such as cannot be read");
    assert!(of("p.jsonl", "[1]").unwrap_err().message.contains("line 1"));
    assert!(of("p.csv", " \n").unwrap_err().message.contains("is empty"));
    assert_eq!(of("p.json", "[{\"q\": \"Why?\"}]").unwrap().prompts, ["q"]);
}
