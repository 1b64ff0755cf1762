//! A file that grows by lines, each of which is there whole or not at all.
use crate::write_error;
use contract::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    start: u64,
    length: usize,
}

/// An open file of lines. One program at a time writes to it.
pub struct Lines {
    /// None for a file without a name, which is gone with this program.
    path: Option<PathBuf>,
    file: File,
    end: u64,
}

impl Lines {
    /// For what can be lost.
    pub fn unnamed() -> Result<Self> {
        let file = tempfile::tempfile().map_err(|e| Error::io("No temporary file can be made.").with_detail(e))?;
        Ok(Self { path: None, file, end: 0 })
    }

    /// Opens or makes a file; `on_line` hears its lines, without their ends. What a kill cut short is dropped.
    pub fn open(path: &Path, on_line: &mut dyn FnMut(Place, &[u8])) -> Result<Self> {
        let failed = |e: std::io::Error| write_error(path, &e);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let mut lines = Self { path: Some(path.into()), file, end: 0 };
        let mut reader = BufReader::new(lines.file.try_clone().map_err(failed)?);
        let mut text = Vec::new();
        loop {
            text.clear();
            let length = reader.read_until(b'\n', &mut text).map_err(failed)?;
            let Some(line) = text.strip_suffix(b"\n") else { break };
            on_line(Place { start: lines.end, length }, line);
            lines.end += length as u64;
        }
        lines.file.set_len(lines.end).map_err(failed)?;
        Ok(lines)
    }

    /// Whether it outlives this program.
    pub fn has_name(&self) -> bool {
        self.path.is_some()
    }

    /// Adds a line, which holds no line break.
    pub fn append(&mut self, mut line: Vec<u8>) -> Result<Place> {
        line.push(b'\n');
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(&line));
        written.map_err(|e| self.failed(&e))?;
        let place = Place { start: self.end, length: line.len() };
        self.end += line.len() as u64;
        Ok(place)
    }

    /// The line in a place, with its end.
    pub fn read(&mut self, place: Place) -> Result<Vec<u8>> {
        let mut text = vec![0; place.length];
        let read = self.file.seek(SeekFrom::Start(place.start)).and_then(|_| self.file.read_exact(&mut text));
        read.map_err(|e| self.failed(&e))?;
        Ok(text)
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        write_error(self.path.as_deref().unwrap_or(Path::new("A temporary file")), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_there_again_and_one_cut_short_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let mut lines = Lines::open(&path, &mut |_, _| panic!("nothing was written")).unwrap();
        let first = lines.append("ä first".into()).unwrap();
        lines.append("second".into()).unwrap();
        assert_eq!(lines.read(first).unwrap(), "ä first\n".as_bytes());
        drop(lines);
        // A kill in the middle of the last line.
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        let mut heard = Vec::new();
        let mut lines = Lines::open(&path, &mut |_, line| heard.push(line.to_vec())).unwrap();
        assert_eq!(heard, ["ä first".as_bytes()]);
        lines.append("again".into()).unwrap();
        drop(lines);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "ä first\nagain\n");
    }
}
