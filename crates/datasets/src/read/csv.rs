//! CSV after RFC 4180: commas, a header row, fields with commas, line ends or quotation marks between quotation marks.
use super::lines::{Lines, is_blank, text};
use super::source::empty;
use super::{Fields, Raw, Row, Rows};
use crate::columns::Column;
use ::csv::{ReaderBuilder, StringRecord};
use contract::{Error, Result};
use serde_json::Value;
use std::rc::Rc;

/// The names in the first row.
pub(crate) struct Header {
    names: StringRecord,
}

/// The rows below the header, in which all `columns` must be. Blank lines are passed over.
pub(super) fn rows(lines: Lines, columns: &[Column<'_>]) -> Result<Rows> {
    let name = lines.name.clone();
    let (names, mut records) = open(lines)?;
    for column in columns {
        check(&names, &name, column)?;
    }
    let header = Rc::new(Header { names });
    Ok(Box::new(std::iter::from_fn(move || match records.next() {
        Ok(Some((number, bytes))) => Some(Ok(Row { number, counts: "line", raw: Raw::Csv(bytes, header.clone()) })),
        Ok(None) => None,
        Err(e) => Some(Err(e)),
    })))
}

/// The header's names, each of which may hold anything.
pub(super) fn header(lines: Lines) -> Result<Vec<String>> {
    Ok(open(lines)?.0.iter().map(String::from).collect())
}

/// The header, and what comes after it.
fn open(mut lines: Lines) -> Result<(StringRecord, Records)> {
    lines.ends_at_cr = true;
    let name = lines.name.clone();
    let mut records = Records { lines, is_over: false };
    let (number, bytes) = records.next()?.ok_or_else(|| empty(&name))?;
    let names = record(&bytes).map_err(|wrong| Error::data(format!("{name}, line {number}: {wrong}")))?;
    Ok((names, records))
}

impl Header {
    /// A row's fields by their names.
    pub fn fields(&self, bytes: &[u8]) -> Result<Fields, String> {
        let record = record(bytes)?;
        if record.len() != self.names.len() {
            return Err(format!(
                "has {} fields where the header has {}; put fields that contain a comma between quotation marks",
                record.len(),
                self.names.len()
            ));
        }
        Ok(self.names.iter().zip(&record).map(|(name, value)| (name.to_owned(), Value::from(value))).collect())
    }
}

fn record(bytes: &[u8]) -> Result<StringRecord, String> {
    let text = text(bytes)?;
    check_quotes(text)?;
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).buffer_capacity(text.len().max(1)).from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    reader.read_record(&mut record).map_err(|e| format!("is not valid CSV ({e})"))?;
    Ok(record)
}

/// Refuses a column that does not stand in the header once.
fn check(header: &StringRecord, name: &str, column: &Column<'_>) -> Result<()> {
    match header.iter().filter(|h| *h == column.name).count() {
        1 => Ok(()),
        0 => {
            let only = header.get(0).filter(|h| header.len() == 1 && h.contains([';', '\t']));
            let hint = if only.is_some() { " (is it separated by semicolons or tabs? Save it with commas)" } else { "" };
            Err(Error::data(format!("{name}, line 1: {}{hint}", column.missing("column", header.iter()))))
        }
        _ => Err(Error::data(format!("{name}, line 1: two columns are called {:?}; rename one of them", column.name))),
    }
}

/// Lines joined to rows: a quoted field may hold line ends.
struct Records {
    lines: Lines,
    is_over: bool,
}

impl Records {
    /// The next row that is not blank, and the number of its first line.
    fn next(&mut self) -> Result<Option<(usize, Vec<u8>)>> {
        while !self.is_over {
            let (mut bytes, number) = (Vec::new(), self.lines.number);
            let mut quotes = Quotes::default();
            let mut opened_at = number;
            loop {
                let (start, line) = (bytes.len(), self.lines.number);
                let more = self.lines.append(&mut bytes).inspect_err(|_| self.is_over = true)?;
                if !more {
                    self.is_over = true;
                    break;
                }
                let was_open = quotes.is_open();
                quotes.read(&bytes[start..]);
                if quotes.is_open() && (!was_open || quotes.reopened) {
                    opened_at = line;
                }
                if !quotes.is_open() {
                    break;
                }
            }
            if quotes.is_open() {
                return Err(Error::data(format!(
                    "{}, line {opened_at}: a field opens a quotation mark that is never closed",
                    self.lines.name
                )));
            }
            if !is_blank(&bytes) {
                return Ok(Some((number, bytes)));
            }
        }
        Ok(None)
    }
}

/// Whether a quoted field is open, byte by byte.
#[derive(Default)]
struct Quotes {
    place: Place,
    /// The field that is open was opened in what was read last.
    reopened: bool,
    /// Text follows a closing quotation mark somewhere.
    torn: bool,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Place {
    #[default]
    FieldStart,
    Plain,
    Quoted,
    /// After a quotation mark in a quoted field: it ends there, or another one makes both a character of it.
    AfterQuote,
}

impl Quotes {
    fn is_open(&self) -> bool {
        self.place == Place::Quoted
    }

    fn read(&mut self, bytes: &[u8]) {
        self.reopened = false;
        for byte in bytes {
            let before = self.place;
            self.place = match (before, byte) {
                (Place::FieldStart, b'"') => {
                    self.reopened = true;
                    Place::Quoted
                }
                (Place::AfterQuote, b'"') => Place::Quoted,
                (Place::Quoted, b'"') => Place::AfterQuote,
                (Place::Quoted, _) => Place::Quoted,
                (_, b',' | b'\r' | b'\n') => Place::FieldStart,
                _ => Place::Plain,
            };
            self.torn |= before == Place::AfterQuote && self.place == Place::Plain;
        }
    }
}

/// Refuses text after a closing quotation mark, which the reader would let pass and thereby join fields.
fn check_quotes(text: &str) -> Result<(), String> {
    let mut quotes = Quotes::default();
    quotes.read(text.as_bytes());
    if quotes.torn {
        return Err("text follows a closing quotation mark; write a quotation mark inside a field twice (\"\")".into());
    }
    Ok(())
}
