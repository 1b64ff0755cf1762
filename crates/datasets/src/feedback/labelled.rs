//! Answers with labels: what people, or a model in their place, thought of each.
use super::mapping::Answers;
use super::said::{Beginning, asked, needed, number};
use super::{Feedback, Look, Mapping, Outcome, Preference, Preferences, Room, SHOWN, Survey, Turn, Wanted};
use crate::checksum::fingerprint;
use crate::columns::quote;
use crate::conversation::describe;
use contract::feedback::{LabelBin, LeftOut};
use contract::{Error, Result};
use serde_json::Value;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// Values that a distribution tells one by one; beyond them, so many ranges.
const MOST_VALUES: usize = 12;
const BINS: usize = 12;

/// An answer and its label.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledAnswer {
    /// Number of its line, from 1 on.
    pub line: usize,
    /// Place of its prompt in [`Labelled::prompts`].
    pub prompt: usize,
    pub answer: String,
    /// Finite.
    pub label: f64,
}

/// A file of answers with labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// The label's column.
    pub label: String,
    /// What was said before the answers, each once; ends with the user's message.
    pub prompts: Vec<Vec<Turn>>,
    pub answers: Vec<LabelledAnswer>,
    /// Of how many these answers were drawn; None where they are all.
    pub drawn_of: Option<usize>,
    /// Rows that are left out, or answers of their lists.
    pub skipped: LeftOut,
    /// Whether [`LabelledAnswer::line`] counts lines, or rows.
    pub counts: &'static str,
    /// Hex SHA-256 of the file's bytes.
    pub checksum: String,
}

/// Answers to one prompt that are made pairs of; more of them would be mostly pairs of that prompt.
const PAIRED: usize = 8;

impl Labelled {
    /// Its answers in pairs: of those to the same prompt, of which the first eight count, any two with different labels, the one with the higher label chosen.
    ///
    /// # Errors
    /// [`contract::Code::Data`] where there is no such pair; `name` is the file's.
    pub fn into_pairs(self, name: &str) -> Result<Preferences> {
        let mut of_prompts: Vec<Vec<LabelledAnswer>> = self.prompts.iter().map(|_| Vec::new()).collect();
        for answer in self.answers {
            let of_prompt = &mut of_prompts[answer.prompt];
            if of_prompt.len() < PAIRED {
                of_prompt.push(answer);
            }
        }
        let (mut pairs, mut known) = (Vec::new(), HashSet::new());
        let mut repeated = 0;
        for (before, answers) in self.prompts.iter().zip(&of_prompts) {
            let twos = answers.iter().enumerate().flat_map(|(i, first)| answers[i + 1..].iter().map(move |second| (first, second)));
            for (first, second) in twos.filter(|(first, second)| first.label != second.label && first.answer != second.answer) {
                let (better, worse) = if first.label > second.label { (first, second) } else { (second, first) };
                let pair =
                    Preference { line: better.line, before: before.clone(), chosen: better.answer.clone(), rejected: worse.answer.clone() };
                if known.insert(pair.fingerprint()) { pairs.push(pair) } else { repeated += 1 }
            }
        }
        if pairs.is_empty() {
            return Err(Error::data(format!(
                "{name} has no two answers to the same prompt that differ in {}, so that no pair can be made of them to train on; name another label, or a file of pairs",
                quote(&self.label)
            )));
        }
        Ok(Preferences { pairs, drawn_of: None, repeated, skipped: self.skipped, counts: self.counts, checksum: self.checksum })
    }
}

/// How many labels have which value: each where there are few values, otherwise ranges of like width.
fn distribution(mut labels: Vec<f64>) -> Vec<LabelBin> {
    labels.sort_unstable_by(f64::total_cmp);
    let values: Vec<&[f64]> = labels.chunk_by(|a, b| a == b).take(MOST_VALUES + 1).collect();
    if values.len() <= MOST_VALUES {
        return values.into_iter().map(|same| LabelBin { low: same[0], high: same[0], answers: same.len() }).collect();
    }
    let (least, most) = (labels[0], labels[labels.len() - 1]);
    let edge = |i: usize| least + (most - least) * i as f64 / BINS as f64;
    let below = |i: usize| if i == BINS { labels.len() } else { labels.partition_point(|label| *label < edge(i)) };
    (0..BINS).map(|i| LabelBin { low: edge(i), high: edge(i + 1), answers: below(i + 1) - below(i) }).collect()
}

pub(super) fn survey(look: &Look, mapping: &Mapping) -> Result<Survey> {
    let (mut labels, mut prompt_of, mut prompts) = (Vec::new(), Vec::new(), HashMap::new());
    let mut see = |before: &[Turn], label: f64| {
        let next = prompts.len() as u32;
        let texts = before.iter().flat_map(|turn| [turn.role.as_bytes(), turn.content.as_bytes()]);
        prompt_of.push(*prompts.entry(fingerprint(texts)).or_insert(next));
        labels.push(label);
    };
    let first = each(look, mapping, Wanted::First(SHOWN), &mut see)?;
    let (entries, labels) = (labels.len(), distribution(labels));
    Ok(Survey { entries, prompts: prompts.len(), prompt_of, labels, first: Feedback::Labelled(first) })
}

pub(super) fn read(look: &Look, mapping: &Mapping, wanted: Wanted<'_>) -> Result<Labelled> {
    each(look, mapping, wanted, &mut |_, _| ())
}

/// The answers that are wanted; `see` hears of each there is what was said before it, and its label.
fn each(look: &Look, mapping: &Mapping, wanted: Wanted<'_>, see: &mut dyn FnMut(&[Turn], f64)) -> Result<Labelled> {
    let Answers::Labelled { response, label } = &mapping.answers else {
        return Err(Error::internal("A file of pairs was read as one of labelled answers."));
    };
    let (mut answers, mut prompts, mut entries, mut room) = (Vec::new(), HashMap::new(), 0, Room::default());
    let skipped = look.each_row(mapping, |row, line| {
        let (before, answer) = Beginning::of(row, &mapping.before)?.conversation(needed(row, response)?)?;
        let label = label_in(label, needed(row, label)?)?;
        if let Some(why) = look.leaves_out(asked(&before), &[&answer]) {
            return Ok(why);
        }
        see(&before, label);
        entries += 1;
        if !wanted.has(entries - 1) {
            return Ok(Outcome::GoesOn);
        }
        let next = prompts.len();
        let mut outcome = room.take(std::iter::once(&*answer));
        let prompt = match prompts.entry(before) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                outcome = room.take(new.key().iter().map(|turn| turn.content.as_str()));
                *new.insert(next)
            }
        };
        answers.push(LabelledAnswer { line, prompt, answer, label });
        Ok(outcome)
    })?;
    if entries == 0 {
        return Err(look.nothing("answer with a label", &skipped));
    }
    let mut prompts: Vec<(Vec<Turn>, usize)> = prompts.into_iter().collect();
    prompts.sort_unstable_by_key(|(_, place)| *place);
    let prompts = prompts.into_iter().map(|(prompt, _)| prompt).collect();
    let (drawn_of, counts) = (wanted.drawn_of(entries), look.source.counts());
    Ok(Labelled { label: label.clone(), prompts, answers, drawn_of, skipped, counts, checksum: look.source.checksum()? })
}

fn label_in(column: &str, value: &Value) -> Result<f64, String> {
    let wrong = || match value {
        Value::String(text) => format!("{} is {}, not a number", quote(column), quote(text)),
        other => format!("{} holds {}, not a number", quote(column), describe(other)),
    };
    number(value).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::feedback::FeedbackColumns;

    fn load(name: &str, text: &str, named: &FeedbackColumns) -> Result<(FeedbackColumns, Labelled)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let look = Look::at(&path)?;
        let mapping = look.mapping(named)?;
        assert!(mapping.is_labelled(), "{mapping:?}");
        Ok((mapping.columns(), read(&look, &mapping, Wanted::All)?))
    }

    fn by_itself(name: &str, text: &str) -> Labelled {
        load(name, text, &FeedbackColumns::default()).unwrap().1
    }

    fn surveyed(text: &str) -> Survey {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, text).unwrap();
        let look = Look::at(&path).unwrap();
        look.survey(&look.mapping(&FeedbackColumns::default()).unwrap()).unwrap()
    }

    /// Answers by turns to two prompts: the survey tells of all, shows the first, and of those that are drawn only their prompts are there.
    #[test]
    fn a_survey_tells_of_all_and_a_part_can_be_drawn() {
        let line = |i: usize| {
            format!("{{\"prompt\": \"{}\", \"response\": \"r{i}\", \"label\": {i}}}\n", if i.is_multiple_of(2) { "Why?" } else { "How?" })
        };
        let text = (0..9).map(line).collect::<String>();
        let survey = surveyed(&text);
        let Feedback::Labelled(first) = survey.first else { panic!() };
        assert_eq!((survey.entries, survey.prompts, survey.labels.len(), first.answers.len()), (9, 2, 9, SHOWN));
        assert_eq!(survey.prompt_of, [0, 1, 0, 1, 0, 1, 0, 1, 0]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, text).unwrap();
        let look = Look::at(&path).unwrap();
        let mapping = look.mapping(&FeedbackColumns::default()).unwrap();
        let drawn = read(&look, &mapping, Wanted::Drawn(&[3, 7].into())).unwrap();
        assert_eq!((labels(&drawn), drawn.prompts.len(), drawn.answers[0].prompt, drawn.drawn_of), (vec![3.0, 7.0], 1, 0, Some(9)));
    }

    fn label(name: &str) -> FeedbackColumns {
        FeedbackColumns { label: Some(name.into()), ..FeedbackColumns::default() }
    }

    fn labels(found: &Labelled) -> Vec<f64> {
        found.answers.iter().map(|answer| answer.label).collect()
    }

    const HELPSTEER: &str = r#"{"prompt": "Why?", "response": "Because.", "helpfulness": 3, "correctness": 4}
{"prompt": "Why?", "response": "No idea.", "helpfulness": 1, "correctness": 2}
{"prompt": "How?", "response": "So.", "helpfulness": 2, "correctness": null}
"#;

    #[test]
    fn answers_to_one_prompt_stand_together() {
        let (columns, found) = load("a.jsonl", HELPSTEER, &label("helpfulness")).unwrap();
        assert_eq!((columns.prompt.as_deref(), columns.response.as_deref()), (Some("prompt"), Some("response")));
        assert_eq!(found.answers.iter().map(|answer| (answer.line, answer.prompt)).collect::<Vec<_>>(), [(1, 0), (2, 0), (3, 1)]);
        assert_eq!((labels(&found), found.prompts.len()), (vec![3.0, 1.0, 2.0], 2));
        let (_, found) = load("a.jsonl", HELPSTEER, &label("correctness")).unwrap();
        assert_eq!(
            (labels(&found), found.skipped.rows, &found.skipped.reasons[..]),
            (vec![4.0, 2.0], 1, &["line 3 has no \"correctness\"".to_owned()][..])
        );
    }

    #[test]
    fn answers_with_other_labels_make_pairs() {
        let line = |prompt: &str, answer: &str, label: u32| {
            format!("{{\"prompt\": \"{prompt}\", \"response\": \"{answer}\", \"label\": {label}}}\n")
        };
        let told = [("Why?", "a", 1), ("How?", "x", 2), ("Why?", "b", 3), ("Why?", "c", 3), ("How?", "y", 2), ("Why?", "a", 3)];
        let text = told.iter().map(|(prompt, answer, label)| line(prompt, answer, *label)).collect::<String>();
        let pairs = by_itself("a.jsonl", &text).into_pairs("a.jsonl").unwrap();
        let said: Vec<_> =
            pairs.pairs.iter().map(|pair| (pair.line, &pair.before[0].content[..], &pair.chosen[..], &pair.rejected[..])).collect();
        assert_eq!(said, [(3, "Why?", "b", "a"), (4, "Why?", "c", "a")], "not of like labels, and of no answer with itself");
        let none = by_itself("a.jsonl", &text.lines().take(2).map(|line| format!("{line}\n")).collect::<String>());
        let message = none.into_pairs("a.jsonl").unwrap_err().message;
        assert!(message.contains("no two answers") && message.contains("\"label\""), "{message}");
        let many = (0..100).map(|i| line("Why?", &format!("r{i}"), i)).collect::<String>();
        assert_eq!(by_itself("a.jsonl", &many).into_pairs("a.jsonl").unwrap().pairs.len(), PAIRED * (PAIRED - 1) / 2);
    }

    #[test]
    fn which_label_is_meant_has_to_be_said_where_several_could_be() {
        let message = |text: &str, named: &FeedbackColumns| load("a.jsonl", text, named).unwrap_err().message;
        let several = message(HELPSTEER, &FeedbackColumns::default());
        assert!(several.contains("\"helpfulness\" and \"correctness\"") && several.contains("--label"), "{several}");
        let absent = message(HELPSTEER, &label("kindness"));
        assert!(absent.contains("no column \"kindness\"") && absent.contains("\"correctness\""), "{absent}");
        let text = message(
            &HELPSTEER.replace("correctness\": 4", "correctness\": \"good\"").replace("correctness\": 2", "correctness\": []"),
            &label("correctness"),
        );
        assert!(text.contains("line 1 \"correctness\" is \"good\", not a number"), "{text}");
        assert!(
            message(r#"{"prompt": "Why?", "response": "So."}"#, &FeedbackColumns::default()).contains("no number that could be a label")
        );
    }

    #[test]
    fn truth_and_texts_are_numbers_and_a_known_name_is_taken() {
        let kto = r#"{"prompt": "Why?", "completion": "So.", "label": true, "length": 3}
{"prompt": [{"role": "user", "content": "Why?"}], "completion": [{"role": "assistant", "content": "No."}], "label": false, "length": 3}"#;
        let found = by_itself("a.jsonl", kto);
        assert_eq!((labels(&found), found.prompts.len(), &found.label[..]), (vec![1.0, 0.0], 1, "label"));
        let csv = by_itself("a.csv", "id,system,question,answer,stars\n1,Be brief.,Why?,So.,4.5\n2,,Why?,No.,\n3,,Why?,Maybe.,True\n");
        assert_eq!((labels(&csv), csv.prompts.len(), csv.skipped.rows), (vec![4.5, 1.0], 2, 1));
        assert_eq!(csv.prompts[0].iter().map(|turn| &turn.role[..]).collect::<Vec<_>>(), ["system", "user"]);
    }

    #[test]
    fn a_row_may_hold_a_list_of_answers() {
        let row = r#"{"instruction": "Why?", "completions": [
            {"response": "So.", "overall_score": 7.5, "fine-grained_score": 4}, {"response": "No.", "overall_score": null, "fine-grained_score": 1}, {"response": "Yes.", "overall_score": "3"}]}"#;
        let text = format!("{}\n{{\"instruction\": \"How?\", \"completions\": []}}\n", row.replace('\n', " "));
        let (columns, found) = load("a.jsonl", &text, &FeedbackColumns::default()).unwrap();
        assert_eq!((labels(&found), found.prompts.len()), (vec![7.5, 3.0], 1));
        assert_eq!((columns.prompt.as_deref(), columns.label.as_deref()), (Some("instruction"), Some("overall_score")));
        assert_eq!(found.skipped.rows, 2);
        assert!(found.skipped.reasons[0].starts_with("line 1 ") && found.skipped.reasons[1].starts_with("line 2 "), "{:?}", found.skipped);
        let (_, finely) = load("a.jsonl", &text, &label("fine-grained_score")).unwrap();
        assert_eq!(labels(&finely), [4.0, 1.0]);
    }

    /// As UltraFeedback's annotations lie, and as texts.
    #[test]
    fn a_label_may_lie_deeper() {
        let text = r#"{"instruction": "Why?", "completions": [{"response": "So.", "annotations": {"helpfulness": {"Rating": "4", "Rationale": "Good."}, "truth": {"Rating": "2"}}}, {"response": "No.", "annotations": {"helpfulness": {"Rating": "N/A"}, "truth": {"Rating": "5"}}}]}"#;
        let (_, found) = load("a.jsonl", text, &label("annotations.truth.Rating")).unwrap();
        assert_eq!(labels(&found), [2.0, 5.0]);
        let (_, found) = load("a.jsonl", text, &label("annotations.helpfulness.Rating")).unwrap();
        assert_eq!((labels(&found), found.skipped.rows), (vec![4.0], 1));
        assert!(found.skipped.reasons[0].contains("\"annotations.helpfulness.Rating\" is \"N/A\", not a number"), "{:?}", found.skipped);
        let alone = r#"{"prompt": "Why?", "response": "So.", "scores": {"kind.ness": 3}}"#;
        assert_eq!(by_itself("a.jsonl", alone).label, "scores.kind.ness");
        let beside = alone.replace("\"scores\"", "\"stars\": 5, \"scores\"");
        assert_eq!(by_itself("a.jsonl", &beside).label, "stars");
    }

    #[test]
    fn labels_are_told_one_by_one_or_in_ranges() {
        let file = |labels: &[f64]| {
            let line = |label: &f64| format!("{{\"prompt\": \"Why?\", \"response\": \"So.\", \"label\": {label}}}\n");
            surveyed(&labels.iter().map(line).collect::<String>()).labels
        };
        let few = file(&[1.0, 0.0, 1.0]);
        assert_eq!(few, [LabelBin { low: 0.0, high: 0.0, answers: 1 }, LabelBin { low: 1.0, high: 1.0, answers: 2 }]);
        let many = file(&(0..=24).map(f64::from).collect::<Vec<_>>());
        assert_eq!(
            (many.len(), many[0], many[11]),
            (12, LabelBin { low: 0.0, high: 2.0, answers: 2 }, LabelBin { low: 22.0, high: 24.0, answers: 3 })
        );
    }
}
