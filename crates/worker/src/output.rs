//! What people and programs see: results on standard output, everything else on standard error.
use contract::{Code, Error, Result};
use serde::Serialize;
use std::io::{ErrorKind, Write};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Text,
    /// One JSON document.
    Json,
}

impl Output {
    /// Writes a command's result: `value` as JSON, or `text`. A reader that went away is no error.
    pub fn result<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Result<()> {
        let mut written = match self {
            Self::Json => {
                serde_json::to_string_pretty(value).map_err(|e| Error::internal("The result cannot be written as JSON.").with_detail(e))?
            }
            Self::Text => text(),
        };
        if !written.ends_with('\n') {
            written.push('\n');
        }
        write(&written)
    }

    /// One JSON document on one line, before the command's result; nothing for people.
    pub fn line<T: Serialize>(self, value: &T) -> Result<()> {
        match (self, serde_json::to_value(value)) {
            (Self::Text, _) => Ok(()),
            (Self::Json, Ok(value)) => write(&format!("{value}\n")),
            (Self::Json, Err(e)) => Err(Error::internal("The result cannot be written as JSON.").with_detail(e)),
        }
    }

    /// A failed command: `error: …` on standard error, or `{"error": …}` as the one JSON document.
    pub fn failure(self, error: &Error) {
        match self {
            Self::Json => {
                let _ = self.result(&serde_json::json!({ "error": error }), String::new);
            }
            Self::Text => {
                note(&format!("error: {}", printable(&error.message)));
                if let Some(detail) = &error.detail {
                    note(&format!("  detail: {}", printable(detail).trim_end().replace('\n', "\n  ")));
                }
                if error.code == Code::Internal {
                    note("  This is a fault of the program; please report it with the command and the lines above.");
                }
            }
        }
    }
}

fn write(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::io("The result could not be written to standard output.").with_detail(e)),
        _ => Ok(()),
    }
}

/// A line on standard error. Nobody may be listening; that is no error.
pub fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Text of models and files as a terminal may show it: control characters other than line breaks and tabs are made visible, so
/// that no text can move the cursor or change colours.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// The same on one line, cut to `width` characters.
pub fn one_line(text: &str, width: usize) -> String {
    let line = printable(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= width {
        return line;
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\nc\td\r\u{9b}"), "a\u{fffd}[31mb\nc\td\u{fffd}\u{fffd}");
        assert_eq!(one_line("  one\n two   three ", 9), "one two …");
        assert_eq!(one_line("übung", 5), "übung");
    }
}
