//! Preferences of people: pairs of answers to the same conversation, of which one was chosen.
use super::mapping::{Answers, Says};
use super::said::{Beginning, asked, needed, number};
use super::{Look, Mapping, Outcome, Room, Turn, Wanted};
use crate::checksum::{Fingerprint, fingerprint};
use crate::columns::quote;
use crate::read::Fields;
use contract::Result;
use contract::feedback::LeftOut;
use std::collections::HashSet;

/// Two answers to one conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// Number of its line, from 1 on.
    pub line: usize,
    /// What was said before; ends with the user's message.
    pub before: Vec<Turn>,
    pub chosen: String,
    pub rejected: String,
}

/// A file of preferences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    pub pairs: Vec<Preference>,
    /// Of how many these were drawn; None where they are all.
    pub drawn_of: Option<usize>,
    /// Pairs that say what an earlier one says, and do not count.
    pub repeated: usize,
    pub skipped: LeftOut,
    /// Whether [`Preference::line`] counts lines, or rows.
    pub counts: &'static str,
    /// Hex SHA-256 of the file's bytes.
    pub checksum: String,
}

/// Those that are wanted, and how many there are.
pub(super) fn read(look: &Look, mapping: &Mapping, wanted: Wanted<'_>) -> Result<(Preferences, usize)> {
    let (mut pairs, mut known, mut repeated, mut room) = (Vec::new(), HashSet::new(), 0, Room::default());
    let skipped = look.each_row(mapping, |row, line| {
        let pair = pair(row, mapping, line)?;
        if let Some(why) = look.leaves_out(asked(&pair.before), &[&pair.chosen, &pair.rejected]) {
            return Ok(why);
        }
        let place = known.len();
        if !known.insert(pair.fingerprint()) {
            repeated += 1;
        } else if wanted.has(place) {
            let before = pair.before.iter().map(|turn| turn.content.as_str());
            let outcome = room.take(before.chain([&*pair.chosen, &*pair.rejected]));
            pairs.push(pair);
            return Ok(outcome);
        }
        Ok(Outcome::GoesOn)
    })?;
    let entries = known.len();
    if entries == 0 {
        return Err(look.nothing("pair", &skipped));
    }
    let counts = look.source.counts();
    Ok((Preferences { pairs, drawn_of: wanted.drawn_of(entries), repeated, skipped, counts, checksum: look.source.checksum()? }, entries))
}

impl Preference {
    /// The user's first message, by which conversations are told apart.
    pub fn beginning(&self) -> Option<&str> {
        self.before.iter().find(|turn| turn.role == "user").map(|turn| turn.content.as_str())
    }

    /// What tells a pair from others that are not equal to it.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let turns = self.before.iter().flat_map(|turn| [&turn.role, &turn.content]);
        fingerprint(turns.chain([&self.chosen, &self.rejected]).map(String::as_bytes))
    }
}

fn pair(row: &Fields, mapping: &Mapping, line: usize) -> Result<Preference, String> {
    let Answers::Pair { chosen, rejected, better } = &mapping.answers else { return Err("holds no pair".into()) };
    let mut answers = [needed(row, chosen)?, needed(row, rejected)?];
    if let Some((column, says)) = better
        && is_second(row, column, *says)?
    {
        answers.reverse();
    }
    let beginning = Beginning::of(row, &mapping.before)?;
    let [(before, chosen), (other, rejected)] = [beginning.conversation(answers[0])?, beginning.conversation(answers[1])?];
    if before != other {
        return Err("its conversations differ before the last answer".into());
    }
    if chosen == rejected {
        return Err("its two answers are the same".into());
    }
    Ok(Preference { line, before, chosen, rejected })
}

/// Whether the second of two answers is the better one.
fn is_second(row: &Fields, column: &str, says: Says) -> Result<bool, String> {
    let value = needed(row, column)?;
    let second = match (says, value.as_str(), number(value)) {
        (Says::Model, Some("model_a"), _) => Some(false),
        (Says::Model, Some("model_b"), _) => Some(true),
        (Says::Sign, _, Some(strength)) if strength != 0.0 => Some(strength > 0.0),
        (Says::Place, _, Some(place)) if place == 0.0 || place == 1.0 => Some(place == 1.0),
        (Says::OneIsFirst, _, Some(first)) if first == 0.0 || first == 1.0 => Some(first == 0.0),
        _ => None,
    };
    second.ok_or_else(|| format!("{} is {value}, which makes neither answer the better one", quote(column)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feedback::Feedback;
    use contract::feedback::FeedbackColumns;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;
    use std::path::Path;

    fn load(name: &str, bytes: &[u8]) -> Result<Preferences> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_pairs(&path, &FeedbackColumns::default())
    }

    fn read_pairs(path: &Path, named: &FeedbackColumns) -> Result<Preferences> {
        let look = Look::at(path)?;
        let mapping = look.mapping(named)?;
        Ok(read(&look, &mapping, Wanted::All)?.0)
    }

    fn turn(role: &str, content: &str) -> Turn {
        Turn { role: role.into(), content: content.into() }
    }

    const HH: &str = r#"{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: Why?\n\nAssistant: Because.", "rejected": "\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: Why?\n\nAssistant: No idea."}"#;
    const FLAT: &str = r#"{"prompt": "Why?", "chosen": "Because.", "rejected": "No idea."}"#;
    const MESSAGES: &str = r#"{"prompt": "Why?", "chosen": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}], "rejected": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "No idea."}]}"#;
    const ANSWERS: &str = r#"{"prompt": [{"role": "user", "content": "Why?"}], "chosen": [{"role": "assistant", "content": "Because."}], "rejected": [{"role": "assistant", "content": "No idea."}]}"#;

    #[test]
    fn every_layout_is_the_same_pair() {
        let alone = |text: &str| load("a.jsonl", text.as_bytes()).unwrap().pairs.remove(0);
        let all = [HH, FLAT, MESSAGES, ANSWERS].map(alone);
        assert!(all.iter().all(|pair| (pair.chosen.as_str(), pair.rejected.as_str()) == ("Because.", "No idea.")));
        assert_eq!(all[0].before, [turn("user", "Hi"), turn("assistant", "Hello!"), turn("user", "Why?")]);
        assert!(all[1..].iter().all(|pair| pair.before == [turn("user", "Why?")]));

        let found = load("a.jsonl", [HH, "", FLAT, MESSAGES, ANSWERS].join("\n").as_bytes()).unwrap();
        assert_eq!((found.skipped.rows, found.repeated), (0, 2), "one that is written in another way is the same pair");
        assert_eq!(found.pairs.iter().map(|pair| pair.line).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn a_gzipped_file_is_the_same() {
        let plain = load("a.jsonl", format!("{HH}\r\n{FLAT}\n").as_bytes()).unwrap();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(format!("{HH}\r\n{FLAT}\n").as_bytes()).unwrap();
        let bytes = encoder.finish().unwrap();
        let packed = load("a.JSONL.gz", &bytes).unwrap();
        assert_eq!(packed.pairs, plain.pairs);
        assert_ne!(packed.checksum, plain.checksum);
        let damaged = load("a.jsonl.gz", &bytes[..bytes.len() / 2]).unwrap_err();
        assert!(damaged.message.contains("a.jsonl.gz") && damaged.message.contains("whole"), "{damaged}");
    }

    #[test]
    fn what_is_no_pair_is_left_out_with_its_reason() {
        let lines = [
            FLAT,
            "{",
            "[]",
            r#"{"prompt": "Why?", "chosen": "a"}"#,
            r#"{"prompt": "Why?", "chosen": "a", "rejected": "a"}"#,
            r#"{"chosen": "a", "rejected": "b"}"#,
            r#"{"chosen": "\n\nHuman: Hi\n\nAssistant: a", "rejected": "\n\nHuman: Ho\n\nAssistant: b"}"#,
            r#"{"chosen": "\n\nHuman: Hi", "rejected": "\n\nHuman: Hi"}"#,
            r#"{"prompt": "Why?", "chosen": 3, "rejected": "b"}"#,
            r#"{"chosen": "\n\nAssistant: a", "rejected": "\n\nAssistant: b"}"#,
            r#"{"prompt": " ", "chosen": "a", "rejected": "b"}"#,
        ];
        let found = load("a.jsonl", lines.join("\n").as_bytes()).unwrap();
        assert_eq!(found.pairs.len(), 1);
        let expected = [
            (2, "not valid JSON"),
            (3, "JSON array"),
            (4, "no \"rejected\""),
            (5, "are the same"),
            (6, "no transcript"),
            (7, "differ before"),
            (8, "does not end with an answer"),
            (9, "a number, not messages"),
            (10, "no message of the user"),
            (11, "before the answer is empty"),
        ];
        assert_eq!((found.skipped.rows, found.skipped.reasons.len()), (expected.len(), expected.len()));
        for (why, (at, part)) in found.skipped.reasons.iter().zip(expected) {
            assert!(why.starts_with(&format!("line {at} ")) && why.contains(part), "line {at}: {why}");
        }
    }

    #[test]
    fn files_without_pairs_are_refused() {
        let message = |name: &str, text: &str| load(name, text.as_bytes()).unwrap_err().message;
        assert!(message("a.txt", "x").contains(".parquet"));
        assert!(message("a.jsonl", "\n\n").contains("is empty"));
        assert!(message("a.jsonl", "{}").contains("neither pairs nor answers with labels"));
        let absent = read_pairs(Path::new("/nowhere/a.jsonl"), &FeedbackColumns::default()).unwrap_err();
        assert!(absent.message.contains("there is no file"), "{absent}");
        assert!(load("a.jsonl", &vec![b' '; (16 << 20) + 1]).unwrap_err().message.contains("longer than 16 MB"));
        let much = (0..20).map(|i| format!("{{\"prompt\": \"{i}\", \"chosen\": \"{}\", \"rejected\": \"b\"}}\n", "a".repeat(4000)));
        assert!(message("a.jsonl", &much.collect::<String>()).contains("draw a part of it, or a smaller one (--only)"));
    }

    fn only(text: &str, named: &FeedbackColumns) -> Result<Preference> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, text).unwrap();
        let mut found = read_pairs(&path, named)?;
        assert_eq!(found.pairs.len(), 1, "{found:?}");
        Ok(found.pairs.remove(0))
    }

    #[test]
    fn the_names_that_data_sets_use_are_known() {
        let because = |text: &str| {
            let pair = only(text, &FeedbackColumns::default()).unwrap();
            assert_eq!((&pair.chosen[..], &pair.rejected[..]), ("Because.", "No idea."), "{text}");
            pair.before
        };
        let why = [turn("user", "Why?")];
        for text in [
            r#"{"question": "Why?", "chosen": "Because.", "rejected": "No idea."}"#,
            r#"{"instruction": "Why?", "chosen_response": "Because.", "rejected_response": "No idea.", "chosen_rating": 5, "rejected_rating": 1}"#,
            r#"{"qid": 4, "question": "Why?", "response_j": "Because.", "response_k": "No idea."}"#,
            r#"{"prompt": "Why?", "response_0": "No idea.", "response_1": "Because.", "better_response_id": 1, "safer_response_id": 0}"#,
            r#"{"prompt": "Why?", "response_1": "Because.", "response_2": "No idea.", "preference_strength": -2}"#,
            r#"{"context": [{"role": "user", "content": "Why?"}], "response1": "No idea.", "response2": "Because.", "overall_preference": 1}"#,
            r#"{"history": "Why?", "human_ref_A": "Because.", "human_ref_B": "No idea.", "labels": 1, "score_A": 9, "score_B": 2}"#,
            r#"{"conversation_a": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "No idea."}], "conversation_b": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}], "winner": "model_b"}"#,
        ] {
            assert_eq!(because(text), why, "{text}");
        }
        let alpaca = because(r#"{"instruction": "Why?", "input": "The sky.", "chosen": "Because.", "rejected": "No idea."}"#);
        assert_eq!(alpaca, [turn("user", "Why?\n\nThe sky.")]);
        assert_eq!(because(r#"{"instruction": "Why?", "input": "", "chosen": "Because.", "rejected": "No idea."}"#), why);
        let orca = because(r#"{"system": "Be brief.", "question": "Why?", "chosen": "Because.", "rejected": "No idea."}"#);
        assert_eq!(orca, [turn("system", "Be brief."), turn("user", "Why?")]);
        let twice = because(
            &MESSAGES.replace("[{\"role\": \"user\"", "[{\"role\": \"system\", \"content\": \"Hm.\"}, {\"role\": \"user\"").replacen(
                '{',
                "{\"system\": \"Be brief.\", ",
                1,
            ),
        );
        assert_eq!(twice, [turn("system", "Hm."), turn("user", "Why?")], "a conversation keeps its own");
    }

    #[test]
    fn what_was_said_before_does_not_count_again_and_a_part_can_be_drawn() {
        let pair = |i: usize| format!("{{\"prompt\": \"Why {i}?\", \"chosen\": \"a\", \"rejected\": \"b\"}}\n");
        let turned = pair(3).replace("\"a\"", "\"c\"").replace("\"b\"", "\"a\"").replace("\"c\"", "\"b\"");
        let text: String = (0..40).map(pair).chain([pair(3), "{\n".into(), turned, pair(7)]).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, text).unwrap();
        let look = Look::at(&path).unwrap();
        let mapping = look.mapping(&FeedbackColumns::default()).unwrap();
        let whole = read_pairs(&path, &FeedbackColumns::default()).unwrap();
        assert_eq!(
            (whole.pairs.len(), whole.repeated, whole.skipped.rows, whole.drawn_of),
            (41, 2, 1, None),
            "turned round it says another thing"
        );

        let survey = look.survey(&mapping).unwrap();
        let Feedback::Pairs(first) = survey.first else { panic!() };
        assert_eq!((survey.entries, &first.pairs[..], first.repeated), (41, &whole.pairs[..5], 2));
        let Feedback::Pairs(drawn) = look.read(&mapping, Some(&HashSet::from([40, 3, 17]))).unwrap() else { panic!() };
        assert_eq!(drawn.pairs, [3, 17, 40].map(|i: usize| whole.pairs[i].clone()));
        assert_eq!((drawn.drawn_of, drawn.checksum), (Some(41), whole.checksum));
    }

    #[test]
    fn where_neither_answer_is_better_there_is_no_pair() {
        let tie = r#"{"prompt": "Why?", "response_1": "a", "response_2": "b", "preference_strength": 0}"#;
        let told = load("a.jsonl", format!("{tie}\n{}\n", tie.replace(": 0", ": 1")).as_bytes()).unwrap();
        assert_eq!((told.pairs.len(), &told.pairs[0].chosen[..]), (1, "b"));
        assert!(told.skipped.reasons[0].contains("\"preference_strength\" is 0"), "{:?}", told.skipped);
    }

    #[test]
    fn columns_can_be_named() {
        let text = r#"{"q": "Why?", "good": "Because.", "bad": "No idea.", "prompt": "no"}"#;
        let name = |name: &str| Some(name.to_owned());
        let named = FeedbackColumns { prompt: name("q"), chosen: name("good"), rejected: name("bad"), ..FeedbackColumns::default() };
        let pair = only(text, &named).unwrap();
        assert_eq!((pair.before, &pair.chosen[..], &pair.rejected[..]), (vec![turn("user", "Why?")], "Because.", "No idea."));
        let message = |named: FeedbackColumns| only(text, &named).unwrap_err().message;
        let absent = message(FeedbackColumns { chosen: name("best"), ..named.clone() });
        assert!(absent.contains("no column \"best\"") && absent.contains("\"q\", \"good\", \"bad\" and \"prompt\""), "{absent}");
        let half = message(FeedbackColumns { rejected: None, ..named.clone() });
        assert!(half.contains("--rejected-column"), "{half}");
        assert!(message(FeedbackColumns { rejected: name("good"), ..named.clone() }).contains("cannot be both"));
        assert!(message(FeedbackColumns { label: name("q"), ..named }).contains("one of both"));
    }
}
