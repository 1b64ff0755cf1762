//! What was said before an answer, and the answer: texts, transcripts or lists of messages.
use super::mapping::Before;
use crate::columns::quote;
use crate::conversation::{Turn, describe, joined, turns, written};
use crate::read::{Fields, found};
use serde_json::Value;

/// A value that is there ([`found`]).
pub(super) fn get<'a>(row: &'a Fields, column: &str) -> Option<&'a Value> {
    found(row, column).filter(|value| !value.is_null())
}

pub(super) fn needed<'a>(row: &'a Fields, column: &str) -> Result<&'a Value, String> {
    get(row, column).ok_or_else(|| format!("has no {}", quote(column)))
}

/// Whether it can be what was said: a text or messages.
pub(super) fn is_said(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(items) => !items.is_empty() && turns(value).is_ok(),
        _ => false,
    }
}

/// A number; true is 1 and false 0, as texts too (CSV has no other kind of value).
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(is) => Some(f64::from(u8::from(*is))),
        Value::String(text) => match text.trim() {
            truth if truth.eq_ignore_ascii_case("true") => Some(1.0),
            truth if truth.eq_ignore_ascii_case("false") => Some(0.0),
            text => text.parse().ok(),
        },
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

/// What stands in the columns before the answers.
pub(super) struct Beginning {
    system: Option<String>,
    prompt: Option<Vec<Turn>>,
}

impl Beginning {
    pub fn of(row: &Fields, columns: &Before) -> Result<Self, String> {
        let system = match columns.system.as_deref().and_then(|column| Some((column, get(row, column)?))) {
            None => None,
            Some((_, Value::String(text))) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Some((column, other)) => return Err(format!("{} holds {}, not text", quote(column), describe(other))),
        };
        let prompt = columns.prompt.as_deref().and_then(|column| get(row, column));
        let mut prompt = prompt.map(prompt_in).transpose()?;
        let input = match columns.input.as_deref().and_then(|column| Some((column, get(row, column)?))) {
            None => None,
            Some((_, Value::String(text))) => Some(text),
            Some((column, other)) => return Err(format!("{} holds {}, not text", quote(column), describe(other))),
        };
        if let (Some(input), Some(last)) = (input, prompt.as_mut().and_then(|turns| turns.last_mut())) {
            last.content = joined(&last.content, input);
        }
        Ok(Self { system, prompt })
    }

    /// What was said before an answer, which ends with the user's message, and the answer.
    pub fn conversation(&self, value: &Value) -> Result<(Vec<Turn>, String), String> {
        let (mut before, answer) = conversation(value, self.prompt.as_deref())?;
        if before.last().is_none_or(|turn| turn.role != "user") {
            return Err("no message of the user stands before the answer".into());
        }
        if asked(&before).trim().is_empty() {
            return Err("the user's message before the answer is empty".into());
        }
        // A conversation with a system prompt of its own keeps it.
        if let Some(system) = self.system.as_ref().filter(|_| before[0].role != "system") {
            before.insert(0, Turn { role: "system".into(), content: system.clone() });
        }
        Ok((before, answer))
    }
}

/// What the user said last, of what ends with it.
pub(super) fn asked(before: &[Turn]) -> &str {
    before.last().map_or("", |turn| &turn.content)
}

/// What was asked, as a text or as messages.
fn prompt_in(value: &Value) -> Result<Vec<Turn>, String> {
    match value {
        Value::String(text) => Ok(written(text).unwrap_or_else(|| vec![Turn { role: "user".into(), content: text.clone() }])),
        other => messages(other),
    }
}

/// What was said before the last answer, and the answer.
fn conversation(value: &Value, prompt: Option<&[Turn]>) -> Result<(Vec<Turn>, String), String> {
    let mut all = match (value, prompt) {
        (Value::String(text), None) => {
            written(text).ok_or("is a text that is no transcript (\"\\n\\nHuman: …\"), and there is no prompt beside it")?
        }
        (Value::String(text), Some(prompt)) => match written(text) {
            Some(whole) => whole,
            None if text.trim().is_empty() => return Err("its answer is empty".into()),
            None => return Ok((prompt.to_vec(), text.clone())),
        },
        (list, _) => messages(list)?,
    };
    match all.pop() {
        Some(last) if last.role == "assistant" && !last.content.trim().is_empty() => match prompt {
            // Messages may hold the answer alone.
            Some(prompt) if all.is_empty() => Ok((prompt.to_vec(), last.content)),
            _ => Ok((all, last.content)),
        },
        _ => Err("a conversation does not end with an answer of the assistant".into()),
    }
}

fn messages(value: &Value) -> Result<Vec<Turn>, String> {
    turns(value).map_err(|wrong| format!("holds {wrong}"))
}
