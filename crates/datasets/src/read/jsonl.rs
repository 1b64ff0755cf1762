//! JSON Lines: one JSON object a line. Blank lines are passed over.
use super::lines::{LONGEST_LINE, Lines, is_blank, text};
use super::{Fields, Raw, Row, Rows};
use crate::conversation::describe;
use serde_json::Value;

/// The rows of all lines.
pub(super) fn rows(mut lines: Lines) -> Rows {
    let mut is_over = false;
    Box::new(std::iter::from_fn(move || {
        while !is_over {
            let (mut bytes, number) = (Vec::new(), lines.number);
            match lines.append_or_pass(&mut bytes) {
                Ok(true) if bytes.len() > LONGEST_LINE => return Some(Ok(Row { number, counts: "line", raw: Raw::TooLong })),
                Ok(true) if is_blank(&bytes) => {}
                Ok(true) => return Some(Ok(Row { number, counts: "line", raw: Raw::Json(bytes) })),
                Ok(false) => is_over = true,
                Err(e) => {
                    is_over = true;
                    return Some(Err(e));
                }
            }
        }
        None
    }))
}

/// The object on a line, or in an array. A lone CR is white space to JSON, so that a file with no other line end reads as one malformed line.
pub(super) fn fields(line: &[u8], column: &str) -> Result<Fields, String> {
    // Before what stands in an array is the line end behind the comma.
    match serde_json::from_str(text(line)?.trim_start()) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(Value::Array(_)) => Err(format!("holds a JSON array; {}; a file that is one array of them is called .json", wanted(column))),
        Ok(other) => Err(format!("holds {}, not an object; {}", describe(&other), wanted(column))),
        Err(e) => Err(syntax(&e, column)),
    }
}

fn wanted(column: &str) -> String {
    let key = Value::from(column);
    format!(
        "each row must be one whole object, such as {{{key}: \"...\"}}, on a line of its own; a .json file may also be an array of them"
    )
}

/// Of JSON Lines a text is one line, and only the column is of use; in an array an object may stand on several.
fn syntax(error: &serde_json::Error, column: &str) -> String {
    let text = error.to_string();
    let cause = text.split(" at line ").next().unwrap_or(&text);
    let line = if error.line() > 1 { format!("its line {}, ", error.line()) } else { String::new() };
    format!("is not valid JSON at {line}column {} ({cause}); {}", error.column(), wanted(column))
}
