//! JSON Lines: one JSON object a line, the prompt under the key that the spec names. Blank lines are passed over.
use crate::columns;
use crate::file::check_prompt;
use contract::{Error, Result};
use serde_json::{Map, Value};

/// The prompts of all lines, in their order.
pub(crate) fn prompts(text: &str, name: &str, column: &str) -> Result<Vec<String>> {
    let mut prompts = Vec::new();
    // `lines` takes LF and CRLF; a lone CR is white space to JSON, so that such a file reads as one malformed line.
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let prompt = prompt(line, column).map_err(|wrong| Error::data(format!("{name}, line {}: {wrong}", i + 1)))?;
        check_prompt(&prompt, name, i + 1, column)?;
        prompts.push(prompt);
    }
    Ok(prompts)
}

/// The keys of the first line that hold a string.
pub(crate) fn names(text: &str, name: &str) -> Result<Vec<String>> {
    let first = text.lines().enumerate().find(|(_, line)| !line.trim().is_empty());
    let (i, line) = first.ok_or_else(|| Error::data(format!("{name} is empty; it must hold prompts")))?;
    let object = object(line, "prompt").map_err(|wrong| Error::data(format!("{name}, line {}: {wrong}", i + 1)))?;
    Ok(object.into_iter().filter(|(_, value)| value.is_string()).map(|(key, _)| key).collect())
}

/// The prompt of one line, or what is wrong with the line.
fn prompt(line: &str, column: &str) -> Result<String, String> {
    take(object(line, column)?, column)
}

fn object(line: &str, column: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(Value::Array(_)) => Err(format!("holds a JSON array; {}", wanted(column))),
        Ok(other) => Err(format!("holds {}, not an object; {}", describe(&other), wanted(column))),
        Err(e) => Err(syntax(&e, column)),
    }
}

fn take(mut object: Map<String, Value>, column: &str) -> Result<String, String> {
    match object.remove(column) {
        Some(Value::String(prompt)) => Ok(prompt),
        Some(Value::Array(items)) => Err(format!(
            "{column:?} holds an array of {}, not one string; write the prompt, such as the first turn of a conversation, \
             as a string under a key of its own and name that key in data.column",
            items.len()
        )),
        Some(other) => {
            Err(format!("{column:?} holds {}, not a string; every prompt must be text between quotation marks", describe(&other)))
        }
        None => Err(format!(
            "has no key {column:?}; its keys are {}: name the one with the prompts in data.column",
            columns::list(object.keys().map(String::as_str))
        )),
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn wanted(column: &str) -> String {
    let key = Value::from(column);
    format!("each line must be one whole object, such as {{{key}: \"...\"}}")
}

/// serde_json counts lines within the text it is given, which is always one line here: only the column is of use.
fn syntax(error: &serde_json::Error, column: &str) -> String {
    let text = error.to_string();
    let cause = text.split(" at line ").next().unwrap_or(&text);
    format!("is not valid JSON at column {} ({cause}); {}", error.column(), wanted(column))
}
