//! CSV after RFC 4180: commas, a header row, fields with commas, line ends or quotation marks between quotation marks.
use crate::columns;
use crate::file::{Row, check_cluster, check_prompt, line_at};
use ::csv::{ErrorKind, Position, ReaderBuilder, StringRecord};
use contract::desk::DataColumns;
use contract::{Error, Result};

/// The prompts of all rows below the header, in their order, with what they belong to where a column is named for it. Blank lines are
/// passed over.
pub(crate) fn rows(text: &str, name: &str, column: &str, cluster_column: Option<&str>) -> Result<Vec<Row>> {
    check_quotes(text).map_err(|(position, wrong)| {
        let line = line_at(text.as_bytes(), position);
        Error::data(format!("{name}, line {line}: {wrong}"))
    })?;
    let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| row_error(&e, 1, name))?.clone();
    let index = find(&header, name, column, columns::PROMPT)?;
    let clusters = cluster_column.map(|column| Ok((column, find(&header, name, column, columns::CLUSTER)?))).transpose()?;
    let mut lines = LineCounter { text: text.as_bytes(), byte: 0, line: 1 };
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    loop {
        let more = reader.read_record(&mut record).map_err(|e| row_error(&e, lines.of(e.position()), name))?;
        if !more {
            return Ok(rows);
        }
        // The reader has checked that every row is as long as the header.
        let prompt = record.get(index).unwrap_or_default();
        let line = lines.of(record.position());
        check_prompt(prompt, name, line, column)?;
        let cluster =
            clusters.map(|(column, index)| check_cluster(record.get(index).unwrap_or_default(), name, line, column)).transpose()?;
        rows.push(Row { prompt: prompt.to_owned(), cluster });
    }
}

/// The header's names, each of which may hold anything.
pub(crate) fn names(text: &str, name: &str) -> Result<DataColumns> {
    let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| row_error(&e, 1, name))?;
    let names: Vec<String> = header.iter().map(String::from).collect();
    Ok(DataColumns { prompts: names.clone(), clusters: names })
}

/// Where the wanted column stands in the header; `wanted` ends a message.
fn find(header: &StringRecord, name: &str, column: &str, wanted: &str) -> Result<usize> {
    let mut places = header.iter().enumerate().filter(|(_, h)| *h == column).map(|(i, _)| i);
    match (places.next(), places.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => Err(Error::data(format!("{name}, line 1: two columns are called {column:?}; rename one of them"))),
        (None, _) => {
            let only = header.get(0).filter(|h| header.len() == 1 && h.contains([';', '\t']));
            let hint = if only.is_some() { " (is it separated by semicolons or tabs? Save it with commas)" } else { "" };
            Err(Error::data(format!(
                "{name}, line 1: there is no column {column:?}; the header names {}{hint}: {wanted}",
                columns::list(header.iter())
            )))
        }
    }
}

/// What is wrong with a row that the reader refused.
fn row_error(error: &::csv::Error, line: usize, name: &str) -> Error {
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => Error::data(format!(
            "{name}, line {line}: has {len} fields where the header has {expected_len}; put fields that contain a comma between \
             quotation marks"
        )),
        _ => Error::data(format!("{name}, line {line}: is not valid CSV")).with_detail(error),
    }
}

/// Finds quotation marks that the reader would let pass and thereby join rows or fields: one that is never closed, and
/// text after a closing one. Gives the byte where the quoted field starts, and what is wrong.
fn check_quotes(text: &str) -> Result<(), (usize, &'static str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut field_start = true;
    while at < bytes.len() {
        if field_start && bytes[at] == b'"' {
            let end = closing_quote(bytes, at).ok_or((at, "a field opens a quotation mark that is never closed"))?;
            at = end + 1;
            if !matches!(bytes.get(at), None | Some(b',' | b'\r' | b'\n')) {
                return Err((at, "text follows a closing quotation mark; write a quotation mark inside a field twice (\"\")"));
            }
            field_start = false;
            continue;
        }
        field_start = matches!(bytes[at], b',' | b'\r' | b'\n');
        at += 1;
    }
    Ok(())
}

/// The quotation mark that closes the one at `open`; two in a row are one character of the field.
fn closing_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// The line of a record. The reader's own count is one behind in files with CRLF and blank lines.
struct LineCounter<'a> {
    text: &'a [u8],
    byte: usize,
    line: usize,
}

impl LineCounter<'_> {
    fn of(&mut self, position: Option<&Position>) -> usize {
        let start = position.and_then(|p| usize::try_from(p.byte()).ok()).unwrap_or(0);
        let blank = self.text[start.min(self.text.len())..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let start = (start + blank).min(self.text.len());
        if start > self.byte {
            self.line += line_at(&self.text[self.byte..], start - self.byte) - 1;
            self.byte = start;
        }
        self.line
    }
}
