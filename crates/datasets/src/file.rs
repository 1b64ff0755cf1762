//! From a path to a list of prompts: checks that hold for every kind of file.
use crate::{csv, jsonl};
use contract::desk::DataColumns;
use contract::spec::Data;
use contract::{Error, Result};
use std::io::ErrorKind;
use std::path::Path;

const KINDS: &str = "a .jsonl or .csv file";

/// The bytes of the data file at `path`; `source` is how the spec names it.
pub(crate) fn read(path: &Path, source: &str) -> Result<Vec<u8>> {
    let name = path.display();
    let metadata = std::fs::metadata(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidInput => Error::data(format!(
            "data.source is {source:?}, but there is no file {name}; write \"shipped\" or the path of {KINDS}, relative to the spec file"
        )),
        _ => unreadable(path, &e),
    })?;
    if metadata.is_dir() {
        return Err(Error::data(format!("data.source names the folder {name}; name {KINDS} inside it")));
    }
    // A pipe or a device could block for ever or never end.
    if !metadata.is_file() {
        return Err(Error::data(format!("data.source names {name}, which is not a regular file; write its content to {KINDS}")));
    }
    kind(path)?;
    std::fs::read(path).map_err(|e| unreadable(path, &e))
}

/// A prompt as its file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub prompt: String,
    /// What it belongs to; None where the spec names no column for it.
    pub cluster: Option<String>,
}

/// The prompts in the file's content, in its order, with repetitions, from the columns that `spec` names.
pub(crate) fn rows(bytes: &[u8], path: &Path, spec: &Data) -> Result<Vec<Row>> {
    let (name, text) = content(bytes, path)?;
    let cluster = spec.cluster_column.as_deref();
    let rows = match kind(path)? {
        Kind::Jsonl => jsonl::rows(text, &name, &spec.column, cluster)?,
        Kind::Csv => csv::rows(text, &name, &spec.column, cluster)?,
    };
    if rows.is_empty() {
        return Err(Error::data(format!("{name} has a header but no rows; it must hold prompts")));
    }
    Ok(rows)
}

/// The names of its columns that a spec may name.
pub(crate) fn columns(bytes: &[u8], path: &Path) -> Result<DataColumns> {
    let (name, text) = content(bytes, path)?;
    match kind(path)? {
        Kind::Jsonl => jsonl::names(text, &name),
        Kind::Csv => csv::names(text, &name),
    }
}

/// The file's name for sentences, and its text, which is not empty.
fn content<'a>(bytes: &'a [u8], path: &Path) -> Result<(String, &'a str)> {
    let name = path.display().to_string();
    let text = text(bytes, &name)?;
    if text.trim().is_empty() {
        return Err(Error::data(format!("{name} is empty; it must hold prompts")));
    }
    Ok((name, text))
}

/// Refuses a prompt without any visible character.
pub(crate) fn check_prompt(prompt: &str, name: &str, line: usize, column: &str) -> Result<()> {
    if prompt.trim().is_empty() {
        return Err(Error::data(format!("{name}, line {line}: the prompt in {column:?} is empty; write one or remove the line")));
    }
    Ok(())
}

/// What a prompt belongs to, without the white space around it. Refused where nothing is left: that a prompt stands alone has to be said by a
/// name of its own, or a forgotten one would make intervals too narrow unseen.
pub(crate) fn check_cluster(cluster: &str, name: &str, line: usize, column: &str) -> Result<String> {
    match cluster.trim() {
        "" => Err(Error::data(format!(
            "{name}, line {line}: {column:?} is empty; say what the prompt belongs to, or give it a name that no other has"
        ))),
        cluster => Ok(cluster.to_owned()),
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Jsonl,
    Csv,
}

fn kind(path: &Path) -> Result<Kind> {
    let name = path.display();
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "jsonl" | "ndjson" => Ok(Kind::Jsonl),
        "csv" => Ok(Kind::Csv),
        "gz" | "bz2" | "xz" | "zst" | "zip" => Err(Error::data(format!("{name} is compressed; unpack it first, to {KINDS}"))),
        "json" => {
            Err(Error::data(format!("{name} ends in .json; write one object a line, such as {{\"prompt\": \"...\"}}, to a .jsonl file")))
        }
        "" => Err(Error::data(format!("{name} has no extension to tell its kind by; data.source must be {KINDS}"))),
        other => Err(Error::data(format!("{name} is a .{other} file, which cannot be read; data.source must be {KINDS}"))),
    }
}

/// The content as text, without a byte-order mark.
fn text<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(Error::data(format!("{name} is compressed with gzip whatever its name says; unpack it first, to {KINDS}")));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Error::data(format!("{name} is in UTF-16; save it as UTF-8")));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = line_at(bytes, e.valid_up_to());
        let byte = bytes[e.valid_up_to()];
        Error::data(format!("{name}, line {line}: is not valid UTF-8 (byte 0x{byte:02x}); save the file as UTF-8"))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The line of a byte, counted from 1. A line ends at LF, CRLF or a lone CR.
pub(crate) fn line_at(bytes: &[u8], position: usize) -> usize {
    let ends = |i: usize| bytes[i] == b'\n' || (bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
    1 + (0..position).filter(|&i| ends(i)).count()
}

fn unreadable(path: &Path, cause: &std::io::Error) -> Error {
    Error::io(format!("{} cannot be read; check that you may read it and that its disk is there", path.display())).with_detail(cause)
}
