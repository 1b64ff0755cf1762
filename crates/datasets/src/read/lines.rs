//! A text file line by line.
use super::unreadable;
use contract::{Error, Result};
use std::io::BufRead;

/// Longest line that is read: a conversation has some thousand words, and a file without line ends would fill the memory.
pub(crate) const LONGEST_LINE: usize = 16 << 20;

/// Lines of a file, with what ends them. A byte-order mark is passed over.
pub(crate) struct Lines {
    reader: Box<dyn BufRead>,
    pub name: String,
    /// Number of the line that comes next.
    pub number: usize,
    /// Whether a lone CR ends a line too, as in CSV.
    pub ends_at_cr: bool,
}

impl Lines {
    pub fn new(reader: Box<dyn BufRead>, name: String) -> Self {
        Self { reader, name, number: 1, ends_at_cr: false }
    }

    /// Adds the next line to `bytes`; false at the end of the file.
    ///
    /// # Errors
    /// Where the file cannot be read, or `bytes` becomes longer than [`LONGEST_LINE`].
    pub fn append(&mut self, bytes: &mut Vec<u8>) -> Result<bool> {
        let number = self.number;
        let found = self.append_or_pass(bytes)?;
        if bytes.len() > LONGEST_LINE {
            return Err(Error::data(format!(
                "{}, line {number}: is longer than {} MB; write one row a line, and close quotation marks",
                self.name,
                LONGEST_LINE >> 20
            )));
        }
        Ok(found)
    }

    /// The same; of a line that is too long, as `bytes` then is, the rest is passed over.
    pub fn append_or_pass(&mut self, bytes: &mut Vec<u8>) -> Result<bool> {
        let before = bytes.len();
        loop {
            let found = self.reader.fill_buf().map_err(|e| unreadable(&self.name, e))?;
            if found.is_empty() {
                break;
            }
            // A CR at the end of what is buffered waits for what comes after it.
            if self.ends_at_cr && bytes.len() > before && bytes.ends_with(b"\r") && found[0] != b'\n' {
                break;
            }
            let end = found.iter().position(|&byte| byte == b'\n' || (self.ends_at_cr && byte == b'\r'));
            let is_cr = end.is_some_and(|at| found[at] == b'\r');
            let taken = end.map_or(found.len(), |at| at + 1);
            if bytes.len() <= LONGEST_LINE {
                bytes.extend_from_slice(&found[..taken]);
            }
            self.reader.consume(taken);
            if end.is_some() && !is_cr {
                break;
            }
        }
        if bytes.len() == before {
            return Ok(false);
        }
        if self.number == 1 && bytes[before..].starts_with("\u{feff}".as_bytes()) {
            bytes.drain(before..before + 3);
        }
        self.number += 1;
        Ok(true)
    }
}

/// A line as text, without what ends it.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map(|text| text.trim_end_matches(['\r', '\n'])).map_err(|e| {
        let byte = bytes.get(e.valid_up_to()).copied().unwrap_or_default();
        format!("is not valid UTF-8 (byte 0x{byte:02x}); save the file as UTF-8")
    })
}

/// Whether nothing but white space stands in it.
pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.trim().is_empty())
}
