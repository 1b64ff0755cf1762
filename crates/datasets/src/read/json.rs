//! JSON: an array of objects, read one after another.
use super::lines::{LONGEST_LINE, is_blank};
use super::{Raw, Row, Rows, unreadable};
use contract::{Error, Result};
use std::io::BufRead;

/// Whether a text that begins so is an array. What is not may have an object on each line.
pub(super) fn is_array(start: &[u8]) -> bool {
    start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start).trim_ascii_start().first() == Some(&b'[')
}

/// The members of the array, numbered from 1 on.
pub(super) fn rows(reader: Box<dyn BufRead>, name: String) -> Rows {
    let mut members = Members { reader, name, number: 0, place: Place::Before };
    Box::new(std::iter::from_fn(move || {
        let next = members.next().transpose();
        if !matches!(next, Some(Ok(_))) {
            members.place = Place::Behind;
        }
        next
    }))
}

struct Members {
    reader: Box<dyn BufRead>,
    name: String,
    /// Of the member that was read last.
    number: usize,
    place: Place,
}

/// Where reading stands.
#[derive(PartialEq)]
enum Place {
    Before,
    Within,
    Behind,
}

impl Members {
    /// The next member, whatever is in it; None behind the last one.
    fn next(&mut self) -> Result<Option<Row>> {
        if self.place == Place::Before {
            self.take_while(&mut Vec::new(), |byte| byte != b'[')?;
            self.place = Place::Within;
        }
        if self.place == Place::Behind {
            return Ok(None);
        }
        let (mut raw, mut depth, mut is_text, mut is_escaped) = (Vec::new(), 0_usize, false, false);
        let end = self.take_while(&mut raw, |byte| {
            if is_text {
                is_text = byte != b'"' || is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                return true;
            }
            match byte {
                b',' | b']' if depth == 0 => return false,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b'"' => is_text = true,
                _ => {}
            }
            true
        })?;
        self.number += 1;
        if end == b']' {
            self.place = Place::Behind;
            self.check_rest()?;
            // Nothing stands between the brackets, or behind a last comma.
            if is_blank(&raw) {
                return Ok(None);
            }
        }
        Ok(Some(Row { number: self.number, counts: "row", raw: Raw::Json(raw) }))
    }

    /// Adds what comes up to the first byte that does not go on to `taken`, and gives that byte.
    fn take_while(&mut self, taken: &mut Vec<u8>, mut goes_on: impl FnMut(u8) -> bool) -> Result<u8> {
        loop {
            let found = self.reader.fill_buf().map_err(|e| unreadable(&self.name, e))?;
            if found.is_empty() {
                let (name, number) = (&self.name, self.number + 1);
                return Err(Error::data(format!(
                    "{name}, row {number}: the file ends before its array does: it was cut off, or a quotation mark or a bracket of this row is never closed"
                )));
            }
            let end = found.iter().position(|&byte| !goes_on(byte));
            let length = end.unwrap_or(found.len());
            taken.extend_from_slice(&found[..length]);
            let byte = end.map(|at| found[at]);
            self.reader.consume(length + usize::from(byte.is_some()));
            // Where a quotation mark is open too many rows would be one, which nobody would miss: that ends the reading.
            if taken.len() > LONGEST_LINE {
                let (name, number, most) = (&self.name, self.number + 1, LONGEST_LINE >> 20);
                return Err(Error::data(format!(
                    "{name}, row {number}: is longer than {most} MB; a quotation mark or a bracket of it is never closed"
                )));
            }
            if let Some(byte) = byte {
                return Ok(byte);
            }
        }
    }

    /// Nothing may stand behind the array: it would be lost unsaid.
    fn check_rest(&mut self) -> Result<()> {
        loop {
            let found = self.reader.fill_buf().map_err(|e| unreadable(&self.name, e))?;
            if found.is_empty() {
                return Ok(());
            }
            if !found.trim_ascii().is_empty() {
                return Err(Error::data(format!("{}: something stands behind its array; write all rows into one array", self.name)));
            }
            let length = found.len();
            self.reader.consume(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::io::{BufReader, Cursor};

    /// What stands in each row, or the message of the error that ends them.
    fn read(text: &str, buffer: usize) -> Result<Vec<Value>, String> {
        let reader = Box::new(BufReader::with_capacity(buffer, Cursor::new(text.as_bytes().to_vec())));
        let rows = rows(reader, "p.json".into()).enumerate().map(|(i, row)| {
            let row = row.map_err(|e| e.message)?;
            assert_eq!(row.number, i + 1);
            row.fields("prompt").map(Value::Object)
        });
        rows.collect()
    }

    proptest! {
        #[test]
        fn every_array_is_read(
            texts in prop::collection::vec("[a\\\\\"\\[\\]{},: \n🌻]{0,12}", 0..6), pretty: bool, buffer in 1..40_usize, space in "[ \r\n]{0,3}",
        ) {
            let members: Vec<Value> = texts.iter().map(|text| json!({"prompt": text, text: [[], {}, 1, null, {"t": [text]}]})).collect();
            let array = Value::from(members.clone());
            let text = if pretty { serde_json::to_string_pretty(&array) } else { serde_json::to_string(&array) }.unwrap();
            let text = [&space, &text, &space].map(String::as_str).concat();
            prop_assert!(is_array(text.as_bytes()));
            prop_assert_eq!(read(&text, buffer), Ok(members));
        }
    }

    #[test]
    fn what_is_no_array_of_objects_is_said() {
        let message = |text: &str| read(text, 8).unwrap_err();
        assert!(message(r#"[{"a": 1}, {"a": "b"#).contains("row 2: the file ends before its array does"));
        assert!(message(r#"[{"a": 1}"#).contains("the file ends before"));
        assert!(message(r#"[{"a": 1}] [{"a": 2}]"#).contains("stands behind its array"));
        assert!(message("[1]").contains("a number, not an object"));
        assert!(message(r#"[{"a" 1}]"#).contains("not valid JSON"));
        assert_eq!(read("[]", 8), Ok(Vec::new()));
        assert_eq!(read(r#"[{"a": 1},]"#, 8), Ok(vec![json!({"a": 1})]), "a last comma does no harm");
        assert!(message(&format!("[\"{}\"]", "x".repeat(LONGEST_LINE))).contains("is longer than 16 MB"));
        assert!(!is_array(b"{}") && !is_array(b" ") && is_array("\u{feff}\n[".as_bytes()));
    }
}
