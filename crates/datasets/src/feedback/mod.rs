//! Feedback on answers: pairs of which one was chosen, or answers with labels.
//!
//! JSON Lines or JSON, CSV, or Parquet. [`Look::at`] a file says which columns it has, [`Look::mapping`] which of them are what, [`Look::survey`] how much it holds,
//! and [`Look::read`] reads it, or a part of it: no more than what is read is ever in memory.
//! What was said is a text, a transcript ("\n\nHuman: …\n\nAssistant: …", as Anthropic's hh-rlhf has them) or a list of messages (`role`, `content`); a row
//! may hold a list of answers to its prompt, as UltraFeedback's `completions`.
mod labelled;
mod mapping;
mod preferences;
mod said;

use crate::columns::Column;
pub use crate::conversation::Turn;
use crate::filter::Filter;
use crate::intake::changed;
use crate::near::Near;
use crate::read::{Fields, KINDS, MOST_NAMES, Source, source};
use crate::split::normalised;
use contract::data::{NEAR, NearPair};
use contract::feedback::{FeedbackFilter, LabelBin, LeftOut};
use contract::{Code, Error, Result};
pub use labelled::{Labelled, LabelledAnswer};
use mapping::Answers;
pub use mapping::Mapping;
pub use preferences::{Preference, Preferences};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Rows between two looks at whether to stop.
const ROWS_BETWEEN: usize = 256;
/// Text that is held at once, in bytes; of more a part has to be drawn.
const MOST_TEXT: usize = if cfg!(test) { 1 << 16 } else { 2 << 30 };
/// Reasons of rows without anything of use that are told.
const REASONS: usize = 10;
/// Pairs or answers that a survey shows.
const SHOWN: usize = 5;
/// Rows that are looked at for what columns hold.
const LOOKED_AT: usize = 100;
/// Lists of answers with what belongs to each.
const LISTS: [&str; 3] = ["completions", "responses", "answers"];

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Feedback {
    Pairs(Preferences),
    Labelled(Labelled),
}

impl Feedback {
    /// Hex SHA-256 of the file's bytes.
    pub fn checksum(&self) -> &str {
        match self {
            Self::Pairs(found) => &found.checksum,
            Self::Labelled(found) => &found.checksum,
        }
    }
}

/// How much a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Pairs, or answers.
    pub entries: usize,
    /// Of answers: different conversations that they answer.
    pub prompts: usize,
    /// Of answers: the number of each one's conversation, in their order from 0.
    pub prompt_of: Vec<u32>,
    /// Of answers: how many have which label.
    pub labels: Vec<LabelBin>,
    /// The first few, with what is left out of the whole file.
    pub first: Feedback,
}

/// What becomes of a pair or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    GoesOn,
    /// It is more than is held.
    NoRoom,
    WrongLength,
    WrongLanguage,
}

/// How much is held, in bytes.
#[derive(Default)]
struct Room(usize);

impl Room {
    /// Makes room for texts.
    fn take<'a>(&mut self, texts: impl Iterator<Item = &'a str>) -> Outcome {
        // What holds a short text is larger than it.
        const AROUND: usize = 64;
        self.0 = texts.fold(self.0, |held, text| held.saturating_add(text.len() + AROUND));
        if self.0 > MOST_TEXT { Outcome::NoRoom } else { Outcome::GoesOn }
    }
}

/// Which pairs or answers of a file are wanted, by their places among those that count.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    All,
    First(usize),
    Drawn(&'a HashSet<usize>),
}

impl Wanted<'_> {
    fn has(self, place: usize) -> bool {
        match self {
            Wanted::All => true,
            Wanted::First(count) => place < count,
            Wanted::Drawn(places) => places.contains(&place),
        }
    }

    /// Of how many they were drawn.
    fn drawn_of(self, entries: usize) -> Option<usize> {
        matches!(self, Wanted::Drawn(_)).then_some(entries)
    }
}

/// A file, or several ([`crate::load`]), of which the first rows were looked at.
#[derive(Debug)]
pub struct Look {
    source: Source,
    /// In their order; those of a list of answers after the others.
    columns: Vec<Seen>,
    /// The column with a list of answers.
    list: Option<String>,
    filter: Filter,
    /// Whether reading is to end.
    stop: fn() -> bool,
}

/// What a column was seen to hold.
#[derive(Debug, Default)]
struct Seen {
    /// Of what lies in an object, all names on the way to it with dots between.
    name: String,
    /// The column that it lies in.
    top: String,
    /// Of the answers in a list.
    is_listed: bool,
    /// Something in it can have been said.
    is_said: bool,
    has_number: bool,
    has_other: bool,
}

impl Seen {
    /// Numbers alone, and no number of a row.
    fn is_label(&self) -> bool {
        let lower = self.name.rsplit('.').next().unwrap_or(&self.name).to_ascii_lowercase();
        let counts_rows = matches!(&lower[..], "id" | "idx" | "index") || lower.ends_with("_id") || lower.starts_with("__");
        self.has_number && !self.has_other && !counts_rows
    }
}

impl Look {
    /// Looks at the first rows of a file.
    ///
    /// # Errors
    /// [`contract::Code::Data`] where the file is missing or of another kind, it is damaged, or none of its first rows can be read: with the first
    /// one's reason. [`contract::Code::Io`] where it cannot be read.
    pub fn at(path: &Path) -> Result<Self> {
        let source = source(path, &format!("name {KINDS} of pairs, or of answers with labels"))?;
        let mut look = Self { columns: Vec::new(), list: None, filter: Filter::default(), stop: || false, source };
        let mut wrong = None;
        let (mut rows, mut all, mut listed) = (0, Columns::default(), Columns::default());
        for row in look.source.rows(&[]).take(LOOKED_AT) {
            let (_, row) = row?;
            let place = row.place();
            match row.fields("prompt") {
                Err(why) => drop(wrong.get_or_insert(format!("{place} {why}"))),
                Ok(fields) => {
                    rows += 1;
                    for (name, value) in &fields {
                        let is_list = LISTS.contains(&&**name) && each(value).next().is_some();
                        if is_list && look.list.get_or_insert_with(|| name.clone()) == name {
                            each(value).flatten().for_each(|(name, value)| listed.see(name, name, value));
                        }
                        all.see(name, name, value);
                    }
                }
            }
        }
        let name = &look.source.name;
        match (rows, wrong) {
            (0, None) => return Err(Error::data(format!("{name} is empty; it must hold pairs, or answers with labels"))),
            (0, Some(wrong)) => return Err(Error::data(format!("{name} holds no row that can be read; {wrong}"))),
            _ => {}
        }
        // In a list an answer has its own; the row's is hidden by it.
        look.columns = all.seen;
        look.columns.retain(|column| !listed.places.contains_key(&column.name));
        look.columns.extend(listed.seen.into_iter().map(|column| Seen { is_listed: true, ..column }));
        Ok(look)
    }

    /// The same, which ends as [`contract::Code::Stopped`] once `stop` says so.
    pub fn until(self, stop: fn() -> bool) -> Self {
        Self { stop, ..self }
    }

    /// The same, of which only these pairs or answers count.
    ///
    /// # Errors
    /// [`contract::Code::Data`] where nothing could, or the language is none.
    pub fn keeping(self, wanted: &FeedbackFilter) -> Result<Self> {
        let FeedbackFilter { min_words, max_words, language } = wanted;
        if let (Some(least), Some(most)) = (*min_words, *max_words)
            && least > most
        {
            return Err(Error::data(format!("The fewest words of an answer are {least} and the most {most}; no answer has both.")));
        }
        let filter = Filter::new(*min_words, *max_words, language.as_deref(), "The language of the feedback");
        // Of a file that is looked at, others can be named.
        Ok(Self { filter: filter.map_err(|e| Error { code: Code::Data, ..e })?, ..self })
    }

    /// Why what was asked and answered does not count, if so.
    fn leaves_out(&self, asked: &str, answers: &[&str]) -> Option<Outcome> {
        if answers.iter().any(|answer| self.filter.has_wrong_length(answer)) {
            return Some(Outcome::WrongLength);
        }
        let is_other = |text: &str| self.filter.is_in_another_language(text);
        (is_other(asked) || answers.iter().any(|answer| is_other(answer))).then_some(Outcome::WrongLanguage)
    }

    /// That the file is another one than a moment ago.
    pub fn changed(&self) -> Error {
        changed(&self.source)
    }

    /// Columns in which something can have been said.
    pub fn texts(&self) -> Vec<String> {
        self.columns.iter().filter(|column| column.is_said).map(|column| column.name.clone()).collect()
    }

    /// Columns that could be a label.
    pub fn numbers(&self) -> Vec<String> {
        self.columns.iter().filter(|column| column.is_label()).map(|column| column.name.clone()).collect()
    }

    /// Goes over the file row by row and counts what it holds. Rows that hold neither a pair nor a labelled answer are left out and counted, and so are what
    /// [`Self::keeping`] leaves out and pairs that say what an earlier one says.
    ///
    /// # Errors
    /// [`contract::Code::Data`] where it is damaged, or no row holds one: with the first row's reason. [`contract::Code::Io`] where it cannot be read.
    pub fn survey(&self, mapping: &Mapping) -> Result<Survey> {
        match &mapping.answers {
            Answers::Pair { .. } => {
                let (first, entries) = preferences::read(self, mapping, Wanted::First(SHOWN))?;
                Ok(Survey { entries, prompts: 0, prompt_of: Vec::new(), labels: Vec::new(), first: Feedback::Pairs(first) })
            }
            Answers::Labelled { .. } => labelled::survey(self, mapping),
        }
    }

    /// Reads all that [`Self::survey`] counts, or what of it has one of the places `drawn`, counted from 0.
    ///
    /// # Errors
    /// As [`Self::survey`].
    pub fn read(&self, mapping: &Mapping, drawn: Option<&HashSet<usize>>) -> Result<Feedback> {
        let wanted = drawn.map_or(Wanted::All, Wanted::Drawn);
        Ok(match &mapping.answers {
            Answers::Pair { .. } => Feedback::Pairs(preferences::read(self, mapping, wanted)?.0),
            Answers::Labelled { .. } => Feedback::Labelled(labelled::read(self, mapping, wanted)?),
        })
    }

    fn find(&self, name: &str, also_listed: bool) -> Option<&Seen> {
        self.columns.iter().find(|column| column.name == name && (also_listed || !column.is_listed))
    }

    /// Every row, with its number, until `take` has no room for it; those of which it says what is wrong are counted.
    fn each_row(&self, mapping: &Mapping, mut take: impl FnMut(&Fields, usize) -> Result<Outcome, String>) -> Result<LeftOut> {
        let names = mapping.names();
        let list = self.list.as_deref().filter(|_| names.iter().any(|name| self.columns.iter().any(|c| c.name == *name && c.is_listed)));
        let of_rows = names.iter().filter_map(|name| Some(self.find(name, false)?.top.as_str())).chain(list);
        let columns: Vec<Column<'_>> = of_rows.map(Column::feedback).collect();
        let mut skipped = LeftOut::default();
        let mut filtered = (0, 0);
        let mut skip = |place: &dyn Fn() -> String, why: String| {
            skipped.rows += 1;
            if skipped.reasons.len() < REASONS {
                skipped.reasons.push(format!("{} {why}", place()));
            }
        };
        for (at, row) in self.source.rows(&columns).enumerate() {
            if at % ROWS_BETWEEN == 0 && (self.stop)() {
                return Err(Error::stopped(format!("Stopped while {} was read.", self.source.name)));
            }
            let (file, row) = row?;
            // Of several files no line has a number of its own.
            let is_alone = self.source.is_one_file();
            let number = if is_alone { row.number } else { at + 1 };
            let (own, noun) = (row.number, row.counts);
            let place = || if is_alone { format!("{noun} {own}") } else { format!("{file}, {noun} {own}") };
            match row.fields(names.first().copied().unwrap_or("prompt")) {
                Err(why) => skip(&place, why),
                Ok(fields) => {
                    let rows = list.map_or_else(Vec::new, |list| unfolded(&fields, list));
                    if list.is_some() && rows.is_empty() {
                        skip(&place, "has no answer in its list".into());
                    }
                    let rows = if list.is_some() { &rows[..] } else { std::slice::from_ref(&fields) };
                    for row in rows {
                        match take(row, number) {
                            Ok(Outcome::GoesOn) => {}
                            Ok(Outcome::NoRoom) => return Err(self.too_much()),
                            Ok(Outcome::WrongLength) => filtered.0 += 1,
                            Ok(Outcome::WrongLanguage) => filtered.1 += 1,
                            Err(why) => skip(&place, why),
                        }
                    }
                }
            }
        }
        (skipped.wrong_length, skipped.wrong_language) = filtered;
        Ok(skipped)
    }

    /// That it is more than is held.
    fn too_much(&self) -> Error {
        Error::data(format!(
            "{} gives more than {} GB of text, which is more than is held at once; draw a part of it, or a smaller one (--only)",
            self.source.name,
            MOST_TEXT >> 30
        ))
    }

    /// That nothing was found.
    fn nothing(&self, what: &str, skipped: &LeftOut) -> Error {
        let name = &self.source.name;
        match skipped.reasons.first() {
            _ if skipped.wrong_length + skipped.wrong_language > 0 => Error::data(format!(
                "{name} holds no {what} that counts: {} are of another length, {} in another language; allow others",
                skipped.wrong_length, skipped.wrong_language
            )),
            None => Error::data(format!("{name} is empty; it must hold {what}s")),
            Some(why) => Error::data(format!("{name} holds no {what}; {why}")),
        }
    }
}

/// Drops the pairs to train on whose first message is a near-duplicate of a held-out pair's (similarity from `threshold` on, in (0, 1]): how many.
pub fn leave_near_out(training: &mut Vec<Preference>, held_out: &[Preference], threshold: f64) -> usize {
    let (before, near) = (training.len(), Near::of(threshold, held_out.iter().filter_map(Preference::beginning)));
    training.retain(|pair| pair.beginning().is_none_or(|text| near.find(text).is_none()));
    before - training.len()
}

/// How many of the first messages of held-out pairs have a near-duplicate among those of other pairs, and the most similar such pair.
pub fn near_in_training(training: &[Preference], held_out: &[Preference]) -> (usize, Option<NearPair>) {
    fn beginnings(pairs: &[Preference]) -> Vec<&str> {
        let mut seen = HashSet::new();
        pairs.iter().filter_map(Preference::beginning).filter(|text| seen.insert(normalised(text))).collect()
    }
    let (training, held_out) = (beginnings(training), beginnings(held_out));
    let near = Near::of(NEAR, training.iter().copied());
    near.among(held_out.into_iter(), |i| training[i])
}

/// The objects in a list.
fn each(value: &Value) -> impl Iterator<Item = &Fields> {
    value.as_array().into_iter().flatten().filter_map(Value::as_object)
}

/// A row for each answer in its list.
fn unfolded(row: &Fields, list: &str) -> Vec<Fields> {
    let with = |answer: &Fields| {
        let rest = row.iter().filter(|(name, _)| *name != list);
        rest.chain(answer).map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    row.get(list).into_iter().flat_map(each).map(with).collect()
}

/// What was seen of columns, in their order.
#[derive(Default)]
struct Columns {
    seen: Vec<Seen>,
    places: HashMap<String, usize>,
}

impl Columns {
    /// Looks at a value in the column `top`, and where it is an object at what lies in it.
    fn see(&mut self, top: &str, name: &str, value: &Value) {
        if let Value::Object(inner) = value
            && inner.len() <= MOST_NAMES
        {
            return inner.iter().for_each(|(inner, value)| self.see(top, &format!("{name}.{inner}"), value));
        }
        let at = *self.places.entry(name.to_owned()).or_insert_with(|| {
            self.seen.push(Seen { name: name.to_owned(), top: top.to_owned(), ..Seen::default() });
            self.seen.len() - 1
        });
        let column = &mut self.seen[at];
        if !value.is_null() {
            column.is_said |= said::is_said(value);
            match said::number(value) {
                Some(_) => column.has_number = true,
                // Of CSV: a row without a label.
                None if value.as_str().is_some_and(|text| text.trim().is_empty()) => {}
                None => column.has_other = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::feedback::FeedbackColumns;

    /// Keys of counts by user, as some data sets have them, are no columns; and they are not looked for one by one among thousands.
    #[test]
    fn an_object_with_many_keys_is_a_value() {
        let votes = |n: usize| (0..n).map(|i| format!("\"u{i}\": 1")).collect::<Vec<_>>().join(", ");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let row = |n| format!("{{\"prompt\": \"Why?\", \"response\": \"So.\", \"votes\": {{{}}}, \"label\": 1}}\n", votes(n));
        std::fs::write(&path, row(2) + &row(1000)).unwrap();
        assert_eq!(Look::at(&path).unwrap().numbers(), ["votes.u0", "votes.u1", "label"]);
        std::fs::write(&path, row(1000)).unwrap();
        assert_eq!(Look::at(&path).unwrap().numbers(), ["label"]);
    }

    #[test]
    fn reading_stops_where_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, r#"{"prompt": "Why?", "chosen": "a", "rejected": "b"}"#).unwrap();
        let look = Look::at(&path).unwrap().until(|| true);
        let mapping = look.mapping(&FeedbackColumns::default()).unwrap();
        assert_eq!(look.survey(&mapping).unwrap_err().code, contract::Code::Stopped);
    }

    #[test]
    fn near_duplicates_among_held_out_pairs_are_found() {
        let pair = |text: &str| {
            let turn = |role: &str, content: &str| Turn { role: role.into(), content: content.into() };
            Preference { line: 1, before: vec![turn("system", "Hm."), turn("user", text)], chosen: "a".into(), rejected: "b".into() }
        };
        let training = ["How do I get a red wine stain out of a linen tablecloth?", "Why is the sky blue?"].map(pair);
        let held_out =
            ["How do I get a red wine stain out of a linen tablecloth now?", "Why is the SKY blue", "why is the sky blue?", "Hi"].map(pair);
        let (count, nearest) = near_in_training(&training, &held_out);
        assert_eq!(count, 3, "each first message once, but for capitals and spaces");
        let nearest = nearest.unwrap();
        assert_eq!((nearest.similarity, &nearest.in_training[..]), (1.0, "Why is the sky blue?"));
        assert_eq!(near_in_training(&training, &held_out[3..]), (0, None));

        let mut rest = training.to_vec();
        assert_eq!(leave_near_out(&mut rest, &held_out[..1], 0.95), 0, "not so near");
        assert_eq!(leave_near_out(&mut rest, &held_out, NEAR), 2);
        assert!(rest.is_empty());
    }
}
