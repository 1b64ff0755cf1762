//! Every kind of file gives the same prompts, and what is wrong in one does not end the reading.
use super::{Given, texts};
use crate::feedback::{Feedback, Look};
use contract::Code;
use contract::data::Prompt;
use contract::feedback::FeedbackColumns;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;
use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A Parquet file of `scripts/fixtures_parquet.py`, of which all 60 prompts are asked for.
fn parquet(name: &str, column: &str) -> Given {
    let mut given = Given::file("unused.jsonl", "").counts(40, 10, 10).column(column);
    given.spec.source = fixture(name).display().to_string();
    given
}

fn gzipped(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// As the script writes them.
fn plants() -> Vec<String> {
    let mut all: Vec<_> = (0..60).map(|i| format!("How do I take care of plant number {i} in winter?\nIt likes the sun. 🌻")).collect();
    all.sort();
    all
}

#[test]
fn json_in_its_layouts() {
    let rows: Vec<_> = plants().into_iter().map(|prompt| serde_json::json!({ "prompt": prompt })).collect();
    let lines = rows.iter().map(|row| format!("{row}\n")).collect::<String>();
    let [compact, pretty] = [serde_json::to_string(&rows), serde_json::to_string_pretty(&rows)].map(Result::unwrap);
    for (name, content) in [("p.json", compact), ("p.json", pretty.clone()), ("p.json", lines)] {
        assert_eq!(Given::file(name, content).counts(40, 10, 10).prompts(), plants());
    }
    assert_eq!(Given::file("p.json.gz", gzipped(&pretty)).counts(40, 10, 10).prompts(), plants());
    assert_eq!(Given::file("p.json", &pretty).columns().unwrap().prompts, ["prompt"]);

    let given = Given::file("p.json", r#"[{"prompt": "a"}, 3, {"prompt": "b"}, {"prompt": null}]"#);
    let census = given.load().unwrap().census;
    assert_eq!((census.rows, census.malformed), (4, 2));
    assert!(census.malformed_examples[0].contains("row 2: holds a number"), "{census:?}");
    // A line that is too long is a row that cannot be read; in an array it may be many rows, of which one has an open quotation mark.
    let long = "x".repeat(17 << 20);
    let census = Given::file("p.jsonl", format!("{{\"prompt\": \"a\"}}\n{long}\n{{\"prompt\": \"b\"}}")).load().unwrap().census;
    assert_eq!((census.rows, census.malformed), (3, 1));
    assert!(census.malformed_examples[0].contains("line 2: is longer than 16 MB"), "{census:?}");
    Given::file("p.json", format!(r#"[{{"prompt": "a"}}, {{"prompt": "{long}"}}, {{"prompt": "b"}}]"#)).refused(&["row 2", "never closed"]);
    Given::file("p.json", "[{\"prompt\": \"a\"},\n{\n \"prompt\" \"b\"}]").counts(1, 0, 1).refused(&["row 2", "at its line 2, column"]);
    Given::file("p.json", "[]").refused(&["is empty"]);
    Given::file("p.json", "{\n  \"data\": []\n}").refused(&["line 1", "not valid JSON"]);
    Given::file("p.json", pretty.trim_end_matches([']', '\n', '}', ' '])).counts(40, 10, 10).refused(&["row 60", "ends before its array"]);
}

/// Of a folder, what says something about rows is none of them; nor is other JSON, where there are files that can only be rows.
#[test]
fn a_folder_of_json_is_its_rows() {
    let mut given = Given::file("train.json", r#"[{"prompt": "a"}, {"prompt": "b"}]"#);
    let folder = given.folder.path().to_path_buf();
    let add = |name: &str, content: &str| std::fs::write(folder.join(name), content).unwrap();
    add("dataset_infos.json", "{}");
    given.spec.source = ".".into();
    assert_eq!(given.prompts(), ["a", "b"]);
    add("rows.jsonl", "{\"prompt\": \"c\"}\n{\"prompt\": \"d\"}\n");
    assert_eq!(given.prompts(), ["c", "d"]);
    given.spec.source = "t*.json".into();
    assert_eq!(given.prompts(), ["a", "b"]);
    add("train-2.json", "{\"prompt\": \"e\"}\n");
    assert_eq!(Given { spec: given.spec.clone(), ..given }.counts(1, 1, 1).prompts(), ["a", "b", "e"], "an array and an object a line");
}

#[test]
fn parquet_in_the_layouts_of_public_data_sets() {
    for (name, column) in [
        ("ultrafeedback.parquet", "prompt"),
        ("ultrafeedback.parquet", "chosen"),
        ("helpsteer.parquet", "prompt"),
        ("orca.parquet", "question"),
        ("bytes.parquet", "prompt"),
    ] {
        let given = parquet(name, column);
        assert_eq!(given.prompts(), plants(), "{name}");
        let census = given.load().unwrap().census;
        assert_eq!((census.rows, census.malformed, census.distinct), (60, 0, 60));
    }
    let columns = parquet("ultrafeedback.parquet", "prompt").columns().unwrap();
    assert_eq!(
        (columns.prompts, columns.clusters),
        (["prompt", "chosen", "rejected"].map(String::from).to_vec(), vec!["prompt".to_owned()])
    );
    let columns = parquet("helpsteer.parquet", "prompt").columns().unwrap();
    assert_eq!(columns.clusters, ["prompt", "response", "helpfulness"]);
    // Its first row has no system prompt.
    assert_eq!(parquet("orca.parquet", "question").columns().unwrap().clusters, ["system_prompt", "question", "response"]);
}

#[test]
fn the_kind_of_file_does_not_change_the_draw() {
    let line = |prompt: &String| serde_json::json!({ "prompt": prompt }).to_string() + "\n";
    // In the order of the script, as the Parquet files are.
    let lines: String =
        (0..60).map(|i| line(&format!("How do I take care of plant number {i} in winter?\nIt likes the sun. 🌻"))).collect();
    let jsonl = Given::file("p.jsonl", &lines).counts(40, 10, 10).load().unwrap();
    let packed = Given::file("p.jsonl.gz", gzipped(&lines)).counts(40, 10, 10).load().unwrap();
    let parquet = parquet("helpsteer.parquet", "prompt").load().unwrap();
    assert_eq!((&jsonl.test, &jsonl.validation, &jsonl.train), (&packed.test, &packed.validation, &packed.train));
    assert_eq!((&jsonl.test, &jsonl.validation, &jsonl.train), (&parquet.test, &parquet.validation, &parquet.train));
}

#[test]
fn holes_and_missing_columns_of_parquet() {
    parquet("holes.parquet", "prompt").refused(&["59 distinct prompts in 60 rows", "row 8", "\"prompt\" holds null"]);
    let given = parquet("holes.parquet", "prompt").counts(30, 10, 12).clusters("topic");
    let splits = given.load().unwrap();
    assert_eq!((splits.census.malformed, splits.test_clusters()), (1, Some(2)));
    assert!(splits.census.malformed_examples[0].ends_with("row 8: \"prompt\" holds null, not text or a conversation"));
    parquet("holes.parquet", "question").refused(&["no column \"question\", only \"prompt\" and \"topic\"", "data.column"]);
}

/// As some of the hub's data sets have them.
#[test]
fn a_column_may_lie_within_objects() {
    let mut packed = parquet("nested.parquet", "row.prompt");
    assert_eq!(packed.prompts(), plants());
    let columns = packed.columns().unwrap();
    assert_eq!(
        (columns.prompts, columns.clusters),
        (vec!["row.prompt".into(), "row.about.topic".into()], vec!["id".into(), "row.prompt".into(), "row.about.topic".into()])
    );
    packed = packed.counts(30, 10, 12).clusters("row.about.topic");
    assert_eq!(packed.load().unwrap().test_clusters(), Some(2));
    parquet("nested.parquet", "rows.prompt").refused(&["no column \"rows.prompt\", only \"id\" and \"row\""]);
    packed.spec.system_column = Some("row.sytem".into());
    packed.refused(&["no column \"row.sytem\"", "data.system_column"]);
    let row = |i: usize| {
        serde_json::json!({ "data": { "prompt": format!("p{i}"), "by.whom": { "name": "x" } }, "a.b": format!("q{i}") }).to_string() + "\n"
    };
    let rows: String = (0..2).map(row).collect();
    assert_eq!(Given::file("p.jsonl", &rows).column("data.prompt").prompts(), ["p0", "p1"]);
    assert_eq!(Given::file("p.jsonl", &rows).column("a.b").prompts(), ["q0", "q1"], "a dot in a name is a dot");
    assert_eq!(Given::file("p.jsonl", &rows).columns().unwrap().prompts, ["data.prompt", "data.by.whom.name", "a.b"]);
    Given::file("p.jsonl", &rows).column("data.nothing").refused(&["there is no key \"data.nothing\""]);
}

#[test]
fn system_prompts_come_from_a_column_or_a_conversation() {
    let mut given = parquet("orca.parquet", "question");
    let none = given.load().unwrap();
    assert!(none.census.with_system == 0 && none.test.iter().all(|prompt| prompt.system.is_none()));
    given.spec.system_column = Some("system_prompt".into());
    let splits = given.load().unwrap();
    let all = [&splits.train[..], &splits.validation, &splits.test].concat();
    // The script leaves every third row without one.
    assert_eq!((splits.census.with_system, all.iter().filter(|prompt| prompt.system.is_some()).count()), (40, 40));
    assert!(all.iter().all(|prompt| prompt.system.as_deref().is_none_or(|system| system == "You are a gardener.")));
    assert_eq!(texts(&splits.test), texts(&none.test), "the draw is of the texts");
    assert_ne!(splits.checksums().test, none.checksums().test);
    let line = |system: &str| {
        format!(
            "{{\"messages\": [{{\"role\": \"system\", \"content\": \"{system}\"}}, {{\"role\": \"user\", \"content\": \"{system}?\"}}]}}\n"
        )
    };
    let talks = Given::file("p.jsonl", [line("a"), line(" b\\n")].concat()).column("messages").load().unwrap();
    let mut systems: Vec<_> = [talks.train, talks.test].concat().into_iter().map(|prompt| prompt.system.unwrap().to_string()).collect();
    systems.sort();
    assert_eq!(systems, ["a", "b"]);
    given.spec.system_column = Some("nothing".into());
    given.refused(&["no column \"nothing\"", "data.system_column"]);
}

#[test]
fn an_instruction_goes_on_with_its_input() {
    let rows = [
        "{\"instruction\": \"Sum up.\", \"input\": \"A text.\"}",
        "{\"instruction\": \"Sum up.\", \"input\": \"\"}",
        "{\"instruction\": \"Sum up.\", \"input\": \"More.\"}",
    ];
    let mut given = Given::file("p.jsonl", rows.join("\n")).column("instruction");
    given.spec.input_column = Some("input".into());
    (given.spec.train, given.spec.validation, given.spec.test) = (1, 0, 2);
    let splits = given.load().unwrap();
    let mut all = texts(&[&splits.train[..], &splits.test].concat());
    all.sort_unstable();
    assert_eq!(all, ["Sum up.", "Sum up.\n\nA text.", "Sum up.\n\nMore."]);
}

#[test]
fn pairs_are_read_from_parquet() {
    let look = Look::at(&fixture("ultrafeedback.parquet")).unwrap();
    let mapping = look.mapping(&FeedbackColumns::default()).unwrap();
    let Feedback::Pairs(found) = look.read(&mapping, None).unwrap() else { panic!() };
    assert_eq!((found.pairs.len(), found.skipped.rows), (60, 0));
    assert_eq!((found.pairs[3].chosen.as_str(), found.pairs[3].rejected.as_str()), ("Water it 3.", "Burn it 3."));
    assert_eq!(found.pairs[3].before.len(), 1);
    let none = Look::at(&fixture("orca.parquet")).unwrap().mapping(&FeedbackColumns::default()).unwrap_err().message;
    assert!(none.contains("no number that could be a label"), "{none}");
}

#[test]
fn several_files_are_one_source() {
    let given = Given::file("train-2.jsonl", "{\"prompt\": \"c\"}\n{\"prompt\": \"A\"}\n");
    let add = |name: &str, content: &str| std::fs::write(given.folder.path().join(name), content).unwrap();
    add("train-1.jsonl", "{\"prompt\": \"a\"}\n\n{\"prompt\": \"b\"}\n");
    add("test.jsonl", "{\"prompt\": \"d\"}\n");
    add("README.md", "# Of the data");
    let of = |source: &str, n: usize| {
        let mut spec = given.spec.clone();
        (spec.source, spec.train) = (source.into(), n - 1);
        crate::load(&spec, given.folder.path())
    };
    let sorted = |splits: crate::Splits| {
        let mut all = texts(&[splits.train, splits.test].concat());
        all.sort();
        all
    };
    assert_eq!(sorted(of("train-*.jsonl", 3).unwrap()), ["a", "b", "c"]);
    assert_eq!(sorted(of(".", 4).unwrap()), ["a", "b", "c", "d"]);
    assert_eq!(of("train-*.jsonl", 3).unwrap().census.repeated, 1);
    assert_ne!(of("train-*.jsonl", 3).unwrap().source_checksum, of(".", 3).unwrap().source_checksum);
    assert!(of("dev-*.jsonl", 3).unwrap_err().message.contains("no data file whose name fits dev-*.jsonl"));
    add("other.csv", "prompt\ne\n");
    assert!(of(".", 3).unwrap_err().message.contains("different kinds (other.csv and test.jsonl)"));
    add("train-3.jsonl", "{\"prompt\": \"e\"}\nnonsense\n");
    let census = of("train-*.jsonl", 3).unwrap().census;
    assert!(census.malformed_examples[0].contains("train-3.jsonl, line 2: is not valid JSON"), "{census:?}");
}

#[test]
fn malformed_rows_are_counted_and_the_rest_is_used() {
    let lines = "{\"prompt\": \"a\"}\nnonsense\n{\"prompt\": 3}\n{\"prompt\": \"b\"}\n{\"prompt\": \" A\"}\n{\"question\": \"c\"}\n";
    let given = Given::file("p.jsonl", lines);
    assert_eq!(given.prompts(), ["a", "b"]);
    let census = given.load().unwrap().census;
    assert_eq!((census.rows, census.malformed, census.repeated, census.distinct), (6, 3, 1, 2));
    assert_eq!(census.malformed_examples.len(), 3);
    assert!(census.malformed_examples[2].contains("line 6: there is no key \"prompt\", only \"question\""));
    assert_eq!(census.left_out().unwrap(), "3 without a prompt that can be read, 1 equal to an earlier one");
    let many: String = "x\n".repeat(50) + lines;
    assert_eq!(Given::file("p.jsonl", many).load().unwrap().census.malformed_examples.len(), 5);
}

#[test]
fn filters_leave_prompts_out() {
    let lines = [
        "Hi!",
        "What is the best way to protect my garden from frost?",
        "Wie kann ich meinen Garten im Winter am besten vor Frost schützen?",
        "Why?",
    ];
    let lines: String = lines.iter().map(|prompt| serde_json::json!({ "prompt": prompt }).to_string() + "\n").collect();
    let with = |change: fn(&mut contract::data::Data)| {
        let mut given = Given::file("p.jsonl", &lines);
        change(&mut given.spec);
        given
    };
    let long = with(|data| data.min_words = Some(2));
    assert_eq!((long.prompts().len(), long.load().unwrap().census.wrong_length), (2, 2));
    assert_eq!(with(|data| data.max_words = Some(1)).prompts(), ["Hi!", "Why?"]);
    let english = with(|data| (data.language, data.train) = (Some("en".into()), 2));
    assert_eq!((english.prompts().len(), english.load().unwrap().census.wrong_language), (3, 1));
    with(|data| (data.language, data.train) = (Some("de".into()), 3)).refused(&["3 distinct prompts", "1 in another language"]);
    let unknown = with(|data| data.language = Some("zz".into())).load().unwrap_err();
    assert_eq!(unknown.code, Code::Spec);
}

#[test]
fn near_duplicates_are_found_and_left_out() {
    let prompts: Vec<String> = (0..30)
        .flat_map(|i| {
            let text = format!("Please tell me in a few words how one takes good care of plant number {i} in the cold months of winter");
            [text.clone() + ".", text + ", thank you!"]
        })
        .collect();
    let lines: String = prompts.iter().map(|prompt| serde_json::json!({ "prompt": prompt }).to_string() + "\n").collect();
    let mut given = Given::file("p.jsonl", lines).counts(30, 5, 15);
    let all = given.load().unwrap();
    assert!(all.census.near_in_training > 5 && all.census.near_duplicates == 0, "{:?}", all.census);
    let twin = |prompt: &Prompt| prompt.text.strip_suffix(", thank you!").or(prompt.text.strip_suffix('.')).unwrap().to_owned();
    let near = all.test.iter().filter(|test| all.validation.iter().any(|other| twin(test) == twin(other))).count();
    assert!(all.census.near_in_validation >= near, "{near} twins, {:?}", all.census);
    let nearest = all.census.nearest.unwrap();
    assert!(nearest.similarity >= 0.8 && nearest.prompt != nearest.in_training);
    // The number alone is too little to tell two plants apart: three of 19 triples.
    given.spec.near_duplicates = Some(0.9);
    let given = given.counts(15, 5, 10);
    let apart = given.load().unwrap();
    assert_eq!((apart.test.len(), apart.train.len()), (10, 15));
    assert!(apart.census.near_duplicates > 0);
    let number = |prompt: &Prompt| prompt.text.split("number ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let mut numbers: Vec<String> = [&apart.train[..], &apart.validation, &apart.test].concat().iter().map(number).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 30, "one of each two");
    given.counts(20, 5, 10).refused(&["60 distinct prompts", "30 are near-duplicates of others"]);
}

#[test]
fn damaged_files_are_refused() {
    let whole = std::fs::read(fixture("ultrafeedback.parquet")).unwrap();
    let given = Given::file("p.parquet", &whole[..whole.len() / 2]).counts(20, 0, 20);
    given.refused(&["cannot be read as Parquet"]);
    let mut packed = gzipped("{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n");
    packed.truncate(packed.len() / 2);
    let error = Given::file("p.jsonl.gz", packed).load().unwrap_err();
    assert!(error.code == Code::Io && error.message.contains("p.jsonl.gz"), "{error}");
    let long = Given::file("p.jsonl", vec![b' '; (16 << 20) + 1]);
    long.refused(&["longer than 16 MB"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever a disk or a download does to a file, it is read or refused.
    #[test]
    fn no_damage_makes_the_reading_of_parquet_panic(places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), which in 0..5_usize) {
        let name = ["ultrafeedback", "helpsteer", "orca", "holes", "bytes"][which];
        let mut bytes = std::fs::read(fixture(&format!("{name}.parquet"))).unwrap();
        for (place, value) in places {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        let _ = Given::file("p.parquet", &bytes).column(if name == "orca" { "question" } else { "prompt" }).load();
    }
}
