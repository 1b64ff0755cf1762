//! JSON Lines: one JSON object a line, the prompt under the key that the spec names. Blank lines are passed over.
use crate::columns;
use crate::file::{Row, check_cluster, check_prompt};
use contract::desk::DataColumns;
use contract::{Error, Result};
use serde_json::{Map, Value};

/// The prompts of all lines, in their order, with what they belong to where a key is named for it.
pub(crate) fn rows(text: &str, name: &str, column: &str, cluster_column: Option<&str>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    // `lines` takes LF and CRLF; a lone CR is white space to JSON, so that such a file reads as one malformed line.
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let refuse = |wrong: String| Error::data(format!("{name}, line {}: {wrong}", i + 1));
        let mut object = object(line, column).map_err(refuse)?;
        let cluster = match cluster_column {
            Some(column) => Some(check_cluster(&cluster(&object, column).map_err(refuse)?, name, i + 1, column)?),
            None => None,
        };
        let prompt = take(&mut object, column).map_err(refuse)?;
        check_prompt(&prompt, name, i + 1, column)?;
        rows.push(Row { prompt, cluster });
    }
    Ok(rows)
}

/// The keys of the first line that hold a string, and those that hold a string or a whole number.
pub(crate) fn names(text: &str, name: &str) -> Result<DataColumns> {
    let first = text.lines().enumerate().find(|(_, line)| !line.trim().is_empty());
    let (i, line) = first.ok_or_else(|| Error::data(format!("{name} is empty; it must hold prompts")))?;
    let object = object(line, "prompt").map_err(|wrong| Error::data(format!("{name}, line {}: {wrong}", i + 1)))?;
    let names = |fits: fn(&Value) -> bool| object.iter().filter(|(_, value)| fits(value)).map(|(key, _)| key.clone()).collect();
    Ok(DataColumns { prompts: names(Value::is_string), clusters: names(|value| value.is_string() || is_whole(value)) })
}

fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64()
}

/// What a line says that its prompt belongs to, or what is wrong with it.
fn cluster(object: &Map<String, Value>, column: &str) -> Result<String, String> {
    match object.get(column) {
        Some(Value::String(cluster)) => Ok(cluster.clone()),
        Some(value) if is_whole(value) => Ok(value.to_string()),
        Some(other) => Err(format!(
            "{column:?} holds {}, not text or a whole number; say what the prompt belongs to, or give it a name that no other has",
            describe(other)
        )),
        None => Err(missing(object, column, columns::CLUSTER)),
    }
}

fn object(line: &str, column: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(Value::Array(_)) => Err(format!("holds a JSON array; {}", wanted(column))),
        Ok(other) => Err(format!("holds {}, not an object; {}", describe(&other), wanted(column))),
        Err(e) => Err(syntax(&e, column)),
    }
}

fn take(object: &mut Map<String, Value>, column: &str) -> Result<String, String> {
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
        None => Err(missing(object, column, columns::PROMPT)),
    }
}

fn missing(object: &Map<String, Value>, column: &str, wanted: &str) -> String {
    format!("has no key {column:?}; its keys are {}: {wanted}", columns::list(object.keys().map(String::as_str)))
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
