//! Feedback on answers: pairs of which one was chosen, or answers with labels.
//!
//! JSON Lines, as they are or gzipped, CSV, or Parquet. [`Look::at`] a file says which columns it has, [`Look::mapping`] which of them are what, and [`Look::read`] reads it.
//! What was said is a text, a transcript ("\n\nHuman: …\n\nAssistant: …", as Anthropic's hh-rlhf has them) or a list of messages (`role`, `content`); a row
//! may hold a list of answers to its prompt, as UltraFeedback's `completions`.
mod labelled;
mod mapping;
mod preferences;
mod said;

use crate::columns::Column;
pub use crate::conversation::Turn;
use crate::read::{Fields, KINDS, Source, source};
use contract::feedback::FeedbackColumns;
use contract::{Error, Result};
pub use labelled::{Labelled, LabelledAnswer};
use mapping::Answers;
pub use mapping::Mapping;
pub use preferences::{Preference, Preferences};
use serde_json::Value;
use std::path::Path;

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

/// A file, or several ([`crate::load`]), of which the first rows were looked at.
#[derive(Debug)]
pub struct Look {
    source: Source,
    /// In their order; those of a list of answers after the others.
    columns: Vec<Seen>,
    /// The column with a list of answers.
    list: Option<String>,
}

/// What a column was seen to hold.
#[derive(Debug, Default)]
struct Seen {
    name: String,
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
        let lower = self.name.to_ascii_lowercase();
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
        let mut look = Self { columns: Vec::new(), list: None, source };
        let mut wrong = None;
        let (mut rows, mut listed) = (0, Vec::new());
        for row in look.source.rows(&[]).take(LOOKED_AT) {
            let (_, row) = row?;
            let number = row.number;
            match row.fields("prompt") {
                Err(why) => drop(wrong.get_or_insert(format!("{} {number} {why}", look.source.counts()))),
                Ok(fields) => {
                    rows += 1;
                    for (name, value) in &fields {
                        let is_list = LISTS.contains(&&**name) && each(value).next().is_some();
                        if is_list && look.list.get_or_insert_with(|| name.clone()) == name {
                            each(value).flatten().for_each(|(name, value)| see(&mut listed, name, value));
                        }
                        see(&mut look.columns, name, value);
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
        look.columns.retain(|column| !listed.iter().any(|other: &Seen| other.name == column.name));
        look.columns.extend(listed.into_iter().map(|column| Seen { is_listed: true, ..column }));
        Ok(look)
    }

    /// Columns in which something can have been said.
    pub fn texts(&self) -> Vec<String> {
        self.columns.iter().filter(|column| column.is_said).map(|column| column.name.clone()).collect()
    }

    /// Columns that could be a label.
    pub fn numbers(&self) -> Vec<String> {
        self.columns.iter().filter(|column| column.is_label()).map(|column| column.name.clone()).collect()
    }

    /// Reads the file row by row. Rows that hold neither a pair nor a labelled answer are left out and counted.
    ///
    /// # Errors
    /// [`contract::Code::Data`] where it is damaged, or no row holds one: with the first row's reason. [`contract::Code::Io`] where it cannot be read.
    pub fn read(&self, mapping: &Mapping) -> Result<Feedback> {
        Ok(match &mapping.answers {
            Answers::Pair { .. } => Feedback::Pairs(preferences::read(self, mapping)?),
            Answers::Labelled { .. } => Feedback::Labelled(labelled::read(self, mapping)?),
        })
    }

    fn find(&self, name: &str, also_listed: bool) -> Option<&Seen> {
        self.columns.iter().find(|column| column.name == name && (also_listed || !column.is_listed))
    }

    /// Every row, with its number; those of which `take` says what is wrong are given back.
    fn each_row(&self, mapping: &Mapping, mut take: impl FnMut(&Fields, usize) -> Result<(), String>) -> Result<Vec<(usize, String)>> {
        let names = mapping.names();
        let list = self.list.as_deref().filter(|_| names.iter().any(|name| self.columns.iter().any(|c| c.name == *name && c.is_listed)));
        let of_rows = names.iter().copied().filter(|name| self.find(name, false).is_some()).chain(list);
        let columns: Vec<Column<'_>> = of_rows.map(Column::feedback).collect();
        let mut skipped = Vec::new();
        for (at, row) in self.source.rows(&columns).enumerate() {
            let (_, row) = row?;
            // Of several files no line has a number of its own.
            let number = if self.source.is_one_file() { row.number } else { at + 1 };
            match row.fields(names.first().copied().unwrap_or("prompt")) {
                Err(why) => skipped.push((number, why)),
                Ok(fields) => {
                    let rows = list.map_or_else(Vec::new, |list| unfolded(&fields, list));
                    if list.is_some() && rows.is_empty() {
                        skipped.push((number, "has no answer in its list".into()));
                    }
                    let rows = if list.is_some() { &rows[..] } else { std::slice::from_ref(&fields) };
                    skipped.extend(rows.iter().filter_map(|row| Some((number, take(row, number).err()?))));
                }
            }
        }
        Ok(skipped)
    }

    /// That nothing was found.
    fn nothing(&self, what: &str, skipped: &[(usize, String)]) -> Error {
        let (name, number) = (&self.source.name, self.source.counts());
        match skipped.first() {
            None => Error::data(format!("{name} is empty; it must hold {what}s")),
            Some((at, why)) => Error::data(format!("{name} holds no {what}; {number} {at}: {why}")),
        }
    }
}

/// The pairs of a file, for what can do nothing with labels, and which columns they were read from.
///
/// # Errors
/// As [`Look::at`], [`Look::mapping`] and [`Look::read`]; [`contract::Code::Data`] where the file holds labelled answers.
pub fn pairs(path: &Path, named: &FeedbackColumns) -> Result<(Preferences, Mapping)> {
    let look = Look::at(path)?;
    let mapping = look.mapping(named)?;
    if mapping.is_labelled() {
        return Err(Error::data(format!(
            "{} holds answers with labels, not pairs; a reward model is trained on pairs of answers of which one was chosen: name a file of pairs, or its columns with \
             --chosen-column and --rejected-column",
            path.display()
        )));
    }
    Ok((preferences::read(&look, &mapping)?, mapping))
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

fn see(columns: &mut Vec<Seen>, name: &str, value: &Value) {
    let at = columns.iter().position(|column| column.name == name).unwrap_or_else(|| {
        columns.push(Seen { name: name.to_owned(), ..Seen::default() });
        columns.len() - 1
    });
    let column = &mut columns[at];
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
