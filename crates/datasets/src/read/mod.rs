//! From a path to rows, one at a time: however large a file is, only a row of it is in memory (of Parquet, a page of each column).
mod csv;
mod json;
mod jsonl;
mod lines;
mod parquet;
mod source;

use crate::conversation::describe;
use contract::desk::DataColumns;
use contract::{Error, Result};
use serde_json::{Map, Value};
pub use source::holds_rows;
pub(crate) use source::{KINDS, Source, source};

/// What a row holds: of JSON everything, of others the columns that were asked for.
pub(crate) type Fields = Map<String, Value>;

/// One row. It is parsed when its fields are asked for, so that rows that nobody wants cost little.
pub(crate) struct Row {
    /// Number of its line, or in a Parquet file or a JSON array of the row, from 1 on.
    pub number: usize,
    /// Which of the two.
    pub counts: &'static str,
    raw: Raw,
}

enum Raw {
    Json(Vec<u8>),
    Csv(Vec<u8>, std::rc::Rc<csv::Header>),
    Parquet(::parquet::record::Row),
    /// It is longer than [`lines::LONGEST_LINE`].
    TooLong,
}

impl Row {
    /// Where it stands.
    pub fn place(&self) -> String {
        format!("{} {}", self.counts, self.number)
    }

    /// Its fields, or what is wrong with it. `column` is the one that errors name as needed.
    pub fn fields(self, column: &str) -> Result<Fields, String> {
        match self.raw {
            Raw::Json(bytes) => jsonl::fields(&bytes, column),
            Raw::Csv(bytes, header) => header.fields(&bytes),
            Raw::Parquet(row) => Ok(parquet::fields(row)),
            Raw::TooLong => Err(format!("is longer than {} MB; write one row a line", lines::LONGEST_LINE >> 20)),
        }
    }
}

/// Rows in their order; the first error is the last item.
pub(crate) type Rows = Box<dyn Iterator<Item = Result<Row>>>;

/// In an object with more keys no columns are looked for: these are values, as in counts by user.
pub(crate) const MOST_NAMES: usize = 64;

/// What stands in the column of this name, or in an object, behind its name and a dot.
pub(crate) fn found<'a>(row: &'a Fields, column: &str) -> Option<&'a Value> {
    let within = || column.match_indices('.').find_map(|(dot, _)| found(row.get(&column[..dot])?.as_object()?, &column[dot + 1..]));
    row.get(column).or_else(within)
}

/// Columns of a file that a spec may name, from what they hold.
fn columns_of(fields: &Fields) -> DataColumns {
    let mut columns = DataColumns { prompts: Vec::new(), clusters: Vec::new() };
    see(fields, "", &mut columns);
    columns
}

/// What lies within objects stands behind their names, with dots.
fn see(fields: &Fields, before: &str, columns: &mut DataColumns) {
    for (key, value) in fields {
        let name = format!("{before}{key}");
        match value {
            Value::Object(inner) if inner.len() <= MOST_NAMES => see(inner, &format!("{name}."), columns),
            value => {
                if crate::conversation::asked(value).is_ok() {
                    columns.prompts.push(name.clone());
                }
                if is_name(value) {
                    columns.clusters.push(name);
                }
            }
        }
    }
}

/// Whether a value can say what a prompt belongs to.
fn is_name(value: &Value) -> bool {
    value.is_string() || value.is_i64() || value.is_u64()
}

/// A text or a whole number as text.
pub(crate) fn name_in(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        number if is_name(number) => Ok(number.to_string()),
        other => Err(format!("{}, not text or a whole number", describe(other))),
    }
}

fn unreadable(name: &str, cause: impl std::fmt::Display) -> Error {
    Error::io(format!("{name} cannot be read; check that you may read it, that it is whole and that its disk is there")).with_detail(cause)
}
