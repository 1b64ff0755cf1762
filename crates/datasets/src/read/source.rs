//! Which files a path means, and of what kind they are.
use super::{Fields, Rows, columns_of, csv, json, jsonl, lines::Lines, parquet, unreadable};
use crate::checksum;
use crate::columns::Column;
use contract::data::is_about_rows;
use contract::desk::DataColumns;
use contract::{Error, Result};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

pub(crate) const KINDS: &str = "a .jsonl, .json, .csv or .parquet file (all but the last also gzipped)";

/// Rows after the first that are looked at for what columns hold: a row may have nothing in one.
const LOOKED_AT: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Jsonl,
    /// An array of objects.
    Json,
    Csv,
    Parquet,
}

#[derive(Debug)]
struct DataFile {
    path: PathBuf,
    kind: Kind,
    is_gzipped: bool,
}

/// One file, or several of one kind that are read one after another, in the order of their names.
#[derive(Debug)]
pub(crate) struct Source {
    files: Vec<DataFile>,
    /// As errors name it.
    pub name: String,
}

/// The file at `path`; where it is a folder, the data files in it; where its last part has stars, the files that fit them (`train-*.parquet`).
/// `advice` ends the sentence that there is none.
pub(crate) fn source(path: &Path, advice: &str) -> Result<Source> {
    let name = path.display().to_string();
    let paths = match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => within(path, "*")?,
        // A pipe or a device could block for ever or never end.
        Ok(found) if !found.is_file() => {
            return Err(Error::data(format!("{name} is not a regular file; write its content to {KINDS}")));
        }
        Ok(_) => vec![path.to_path_buf()],
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidInput) => {
            let folder = path.parent().filter(|folder| folder.is_dir());
            let pattern = path.file_name().map(|last| last.to_string_lossy()).filter(|last| last.contains('*'));
            match folder.zip(pattern) {
                Some((folder, pattern)) => within(folder, &pattern)?,
                None => return Err(Error::data(format!("there is no file {name}; {advice}"))),
            }
        }
        Err(e) => return Err(unreadable(&name, e)),
    };
    let files = paths.into_iter().map(DataFile::new).collect::<Result<Vec<_>>>()?;
    // What is in a .json file is told file by file.
    let by_name = |file: &DataFile| if file.kind == Kind::Json { Kind::Jsonl } else { file.kind };
    if let Some(other) = files.iter().find(|file| by_name(file) != by_name(&files[0])) {
        return Err(Error::data(format!(
            "{name} holds files of different kinds ({} and {}); name those that belong together, such as \"train-*.parquet\"",
            short(&files[0].path),
            short(&other.path)
        )));
    }
    Ok(Source { files, name })
}

/// The data files in a folder whose names fit a pattern, in the order of their names.
fn within(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|e| unreadable(&folder.display().to_string(), e))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file());
    let mut paths: Vec<_> =
        paths.filter(|path| holds_rows(path) && !short(path).starts_with('.')).filter(|path| fits(&short(path), pattern)).collect();
    let is_json = |path: &PathBuf| matches!(kind(path), Ok((Kind::Json, _)));
    // Beside files that can only hold rows, others in JSON say something else.
    if pattern == "*" && !paths.iter().all(is_json) {
        paths.retain(|path| !is_json(path));
    }
    paths.sort();
    if paths.is_empty() {
        let which = if pattern == "*" { String::new() } else { format!(" whose name fits {pattern}") };
        return Err(Error::data(format!("in the folder {} is no data file{which}; name {KINDS}", folder.display())));
    }
    Ok(paths)
}

/// Whether a name fits a pattern in which a star stands for any text.
fn fits(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((start, rest)) => name
            .strip_prefix(start)
            .is_some_and(|name| name.char_indices().map(|(i, _)| i).chain([name.len()]).any(|at| fits(&name[at..], rest))),
    }
}

fn short(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a file, by its name, is of a kind that is read, and not about the rows of others.
pub fn holds_rows(path: &Path) -> bool {
    kind(path).is_ok() && !is_about_rows(&short(path))
}

/// What a file holds by its name, and whether it is gzipped.
fn kind(path: &Path) -> Result<(Kind, bool)> {
    let name = path.display();
    let lower = short(path).to_ascii_lowercase();
    let (plain, is_gzipped) = lower.strip_suffix(".gz").map_or((lower.as_str(), false), |plain| (plain, true));
    let extension = Path::new(plain).extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
    match extension.as_str() {
        "jsonl" | "ndjson" => Ok((Kind::Jsonl, is_gzipped)),
        "csv" => Ok((Kind::Csv, is_gzipped)),
        "parquet" if !is_gzipped => Ok((Kind::Parquet, false)),
        "parquet" => Err(Error::data(format!("{name} is a gzipped Parquet file, which has to be read in any order; unpack it first"))),
        "bz2" | "xz" | "zst" | "zip" => {
            Err(Error::data(format!("{name} is compressed with .{extension}; unpack it, or gzip it, to {KINDS}")))
        }
        "json" => Ok((Kind::Json, is_gzipped)),
        "" => Err(Error::data(format!("{name} has no extension to tell its kind by; it must be {KINDS}"))),
        other => Err(Error::data(format!("{name} is a .{other} file, which cannot be read; it must be {KINDS}"))),
    }
}

impl DataFile {
    fn new(path: PathBuf) -> Result<Self> {
        let (kind, is_gzipped) = kind(&path)?;
        let mut file = Self { path, kind, is_gzipped };
        if kind == Kind::Json && !json::is_array(file.text()?.fill_buf().map_err(|e| unreadable(&file.name(), e))?) {
            file.kind = Kind::Jsonl;
        }
        Ok(file)
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Its rows. `columns` are those that are looked at; all of a JSONL file are.
    fn rows(&self, columns: &[Column<'_>]) -> Result<Rows> {
        match self.kind {
            Kind::Parquet => parquet::rows(self.open()?, &self.name(), columns),
            Kind::Csv => csv::rows(self.lines()?, columns),
            Kind::Json => Ok(json::rows(self.text()?, self.name())),
            Kind::Jsonl => Ok(jsonl::rows(self.lines()?)),
        }
    }

    fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|e| unreadable(&self.name(), e))
    }

    fn lines(&self) -> Result<Lines> {
        Ok(Lines::new(self.text()?, self.name()))
    }

    /// What a file that is text holds.
    fn text(&self) -> Result<Box<dyn BufRead>> {
        let mut file = self.open()?;
        if self.is_gzipped {
            self.check_gzip(&mut file)?;
        }
        let mut reader: Box<dyn BufRead> = match self.is_gzipped {
            true => Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file))),
            false => Box::new(BufReader::with_capacity(1 << 16, file)),
        };
        self.check_start(reader.fill_buf().map_err(|e| unreadable(&self.name(), e))?)?;
        Ok(reader)
    }

    /// Refuses a file that is called .gz and is not.
    fn check_gzip(&self, file: &mut File) -> Result<()> {
        let unreadable = |e| unreadable(&self.name(), e);
        let mut start = [0; 2];
        let length = file.read(&mut start).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        match start[..length] {
            [0x1f, 0x8b] | [] => Ok(()),
            _ => Err(Error::data(format!("{} is not compressed with gzip whatever its name says; take .gz off its name", self.name()))),
        }
    }

    /// Refuses a file whose first bytes show that it is not text.
    fn check_start(&self, start: &[u8]) -> Result<()> {
        let name = self.name();
        if start.starts_with(&[0x1f, 0x8b]) {
            return Err(Error::data(format!("{name} is compressed with gzip whatever its name says; add .gz to its name")));
        }
        if start.starts_with(b"PAR1") {
            return Err(Error::data(format!("{name} is a Parquet file whatever its name says; let its name end in .parquet")));
        }
        if start.starts_with(&[0xff, 0xfe, 0, 0]) || start.starts_with(&[0, 0, 0xfe, 0xff]) {
            return Err(Error::data(format!("{name} is in UTF-32; save it as UTF-8")));
        }
        // Without a mark every other byte of what Europeans write is zero.
        let is_wide =
            |first: usize| start.len() >= 4 && start[first] != 0 && start[first + 2] != 0 && start[1 - first] == 0 && start[3 - first] == 0;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) || is_wide(0) || is_wide(1) {
            return Err(Error::data(format!("{name} is in UTF-16; save it as UTF-8")));
        }
        Ok(())
    }
}

impl Source {
    /// The rows of all files, each with the name of its file.
    pub fn rows<'a>(&'a self, columns: &'a [Column<'a>]) -> impl Iterator<Item = Result<(String, super::Row)>> + 'a {
        self.files.iter().flat_map(move |file| {
            let name = file.name();
            let (rows, failed) = match file.rows(columns) {
                Ok(rows) => (Some(rows), None),
                Err(e) => (None, Some(Err(e))),
            };
            failed.into_iter().chain(rows.into_iter().flatten().map(move |row| Ok((name.clone(), row?))))
        })
    }

    /// Columns that a spec may name: of a CSV file all; of others those that hold a text or messages where they first hold anything in the first rows.
    pub fn columns(&self) -> Result<DataColumns> {
        let first = &self.files[0];
        let name = first.name();
        if first.kind == Kind::Csv {
            let header = csv::header(first.lines()?)?;
            return Ok(DataColumns { prompts: header.clone(), clusters: header });
        }
        // Rows that cannot be read are counted elsewhere; where none of the first can be, the first says why.
        let (mut fields, mut wrong) = (None::<Fields>, None);
        for row in first.rows(&[])?.take(1 + LOOKED_AT) {
            let row = row?;
            let place = row.place();
            match row.fields("prompt") {
                Err(e) => drop(wrong.get_or_insert_with(|| Error::data(format!("{name}, {place}: {e}")))),
                Ok(row) => {
                    let known = fields.get_or_insert_default();
                    for (name, value) in row {
                        match known.get_mut(&name) {
                            Some(known) if known.is_null() => *known = value,
                            Some(_) => {}
                            None => drop(known.insert(name, value)),
                        }
                    }
                }
            }
        }
        let fields = fields.ok_or_else(|| wrong.unwrap_or_else(|| empty(&name)))?;
        Ok(columns_of(&fields))
    }

    /// Hex SHA-256 of the file's bytes; of several files, of their names and sums.
    pub fn checksum(&self) -> Result<String> {
        let sum = |file: &DataFile| checksum::of_file(&file.path).map_err(|e| unreadable(&file.name(), e));
        match self.files.as_slice() {
            [file] => sum(file),
            files => {
                let sums = files.iter().map(|file| Ok(format!("{}  {}\n", sum(file)?, short(&file.path)))).collect::<Result<String>>()?;
                Ok(checksum::of_bytes(sums.as_bytes()))
            }
        }
    }

    pub fn is_one_file(&self) -> bool {
        self.files.len() == 1
    }

    /// Whether numbers count lines, or rows; over several files they count rows.
    pub fn counts(&self) -> &'static str {
        if !self.is_one_file() || matches!(self.files[0].kind, Kind::Parquet | Kind::Json) { "row" } else { "line" }
    }
}

/// A file without anything to read.
pub(crate) fn empty(name: &str) -> Error {
    Error::data(format!("{name} is empty; it must hold prompts"))
}
