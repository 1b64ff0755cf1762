//! Conversations as data sets write them: lists of messages, of texts, or transcripts.
use contract::data::Prompt;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Turn {
    /// `user`, `assistant` or `system`; another where the data has another.
    pub role: String,
    pub content: String,
}

impl Turn {
    /// A message in either of the two usual spellings, `role` and `content` or `from` and `value`. What it says is a text, or a list of parts that are.
    fn of(value: &Value) -> Result<Self, String> {
        let either = |keys: [&str; 2]| keys.into_iter().find_map(|key| value.get(key).filter(|value| !value.is_null()));
        let (Some(Value::String(speaker)), Some(said)) = (either(["role", "from"]), either(["content", "value"])) else {
            return Err("no list of {\"role\": …, \"content\": …}".into());
        };
        let role = match speaker.as_str() {
            "human" | "prompter" => "user",
            "gpt" | "chatbot" | "bot" | "model" => "assistant",
            other => other,
        };
        let content = match said {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let text = |part: &Value| part["text"].as_str().filter(|_| part["type"] == "text").map(str::to_owned);
                parts.iter().map(text).collect::<Option<String>>().ok_or("a list of messages one of which is more than text")?
            }
            other => return Err(format!("a list of messages one of which holds {}, not text", describe(other))),
        };
        Ok(Self { role: role.into(), content })
    }
}

/// What a field asks: its text; of a conversation the first message of the user, with the system prompt before it.
pub(crate) fn asked(value: &Value) -> Result<Prompt, String> {
    let conversation = match value {
        Value::String(text) => match written(text) {
            Some(conversation) => conversation,
            None => return Ok(Prompt::from(text.as_str())),
        },
        Value::Array(items) if items.first().is_some_and(Value::is_string) => {
            // Turns without speakers: the user begins.
            return Ok(Prompt::from(items[0].as_str().unwrap_or_default()));
        }
        Value::Array(_) => turns(value)?,
        other => return Err(format!("{}, not text or a conversation", describe(other))),
    };
    let first = conversation.iter().position(|turn| turn.role == "user").ok_or("a conversation without a message of the user")?;
    let system: Vec<&str> = conversation[..first].iter().filter(|turn| turn.role == "system").map(|turn| turn.content.trim()).collect();
    Ok(Prompt { system: system_prompt(&system.join("\n\n")), text: conversation[first].content.clone() })
}

/// A prompt and what it goes on with, which may be nothing.
pub(crate) fn joined(prompt: &str, input: &str) -> String {
    match input.trim() {
        "" => prompt.to_owned(),
        input => format!("{}\n\n{input}", prompt.trim_end()),
    }
}

/// A system prompt, without the white space around it; None where nothing is left.
pub(crate) fn system_prompt(text: &str) -> Option<Arc<str>> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(Arc::from)
}

/// A list of messages.
pub(crate) fn turns(value: &Value) -> Result<Vec<Turn>, String> {
    value.as_array().ok_or_else(|| format!("{}, not messages", describe(value)))?.iter().map(Turn::of).collect()
}

/// A conversation that is written as one text: a transcript, or the JSON of messages, as CSV has it. None where it is neither.
pub(crate) fn written(text: &str) -> Option<Vec<Turn>> {
    transcript(text).or_else(|| {
        let text = text.trim();
        let messages = text.starts_with("[{").then(|| serde_json::from_str(text).ok()).flatten()?;
        turns(&messages).ok()
    })
}

/// A text of turns that begin with "\n\nHuman:" and "\n\nAssistant:", of which the first may stand at the very beginning; None where
/// it does not begin with one.
fn transcript(text: &str) -> Option<Vec<Turn>> {
    const SPEAKERS: [(&str, &str); 2] = [("\n\nHuman:", "user"), ("\n\nAssistant:", "assistant")];
    let mut turns: Vec<Turn> = Vec::new();
    // Where an answer follows, a question at the beginning is no chance.
    let begins = text.trim_start().starts_with("Human:") && text.contains(SPEAKERS[1].0);
    let padded = if begins { Cow::from(format!("\n\n{}", text.trim_start())) } else { Cow::from(text) };
    let mut rest = &*padded;
    while !rest.is_empty() {
        let (mark, role) = SPEAKERS.into_iter().find(|(mark, _)| rest.starts_with(mark))?;
        rest = &rest[mark.len()..];
        let end = SPEAKERS.iter().filter_map(|(mark, _)| rest.find(mark)).min().unwrap_or(rest.len());
        let content = rest[..end].trim().to_owned();
        rest = &rest[end..];
        match turns.last_mut() {
            // Who speaks twice says one thing.
            Some(last) if last.role == role => last.content = format!("{}\n\n{content}", last.content),
            _ => turns.push(Turn { role: role.into(), content }),
        }
    }
    (!turns.is_empty()).then_some(turns)
}

/// What a JSON value is, for people.
pub(crate) fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: Value) -> (Option<String>, String) {
        let Prompt { system, text } = asked(&value).unwrap();
        (system.map(|system| system.to_string()), text)
    }

    #[test]
    fn every_layout_asks_the_same() {
        let why = |system: Option<&str>| (system.map(String::from), "Why?".to_owned());
        assert_eq!(of(json!("Why?")), why(None));
        assert_eq!(of(json!("\n\nHuman: Why?\n\nAssistant: So.\n\nHuman: And?")), why(None));
        assert_eq!(of(json!("Human: Why?\n\nAssistant: So.")), why(None));
        assert_eq!(of(json!("Human: Why?")), (None, "Human: Why?".into()), "a text");
        assert_eq!(
            of(json!(r#"[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]"#)),
            why(Some("Be brief."))
        );
        assert_eq!(of(json!("[{]")), (None, "[{]".into()));
        assert_eq!(of(json!(r#"[{"a": 1}] is JSON"#)), (None, r#"[{"a": 1}] is JSON"#.into()));
        assert_eq!(of(json!(["Why?", "And?"])), why(None));
        assert_eq!(of(json!([{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}])), why(None));
        assert_eq!(of(json!([{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "Why?"}])), why(Some("Be brief.")));
        assert_eq!(
            of(json!([{"from": "system", "value": "Be brief."}, {"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}])),
            why(Some("Be brief."))
        );
        // As Parquet has both spellings side by side.
        assert_eq!(of(json!([{"role": null, "content": null, "from": "human", "value": "Why?"}])), why(None));
        let parts = json!([{"type": "text", "text": "Wh"}, {"type": "text", "text": "y?"}]);
        assert_eq!(of(json!([{"role": "user", "content": parts}])), why(None));
        assert_eq!(of(json!([{"role": "system", "content": ""}, {"role": "user", "content": "Why?"}])), why(None));
    }

    #[test]
    fn what_asks_nothing_is_said() {
        let wrong = |value: Value| asked(&value).unwrap_err();
        assert!(wrong(json!(3)).contains("a number, not text"));
        assert!(wrong(json!({"text": "a"})).contains("an object, not text"));
        assert!(wrong(json!([])).contains("without a message of the user"));
        assert!(wrong(json!([{"role": "assistant", "content": "So."}])).contains("without a message of the user"));
        assert!(wrong(json!([{"text": "Why?"}])).contains("no list of"));
        assert!(wrong(json!([{"role": "user", "content": 3}])).contains("holds a number"));
        assert!(wrong(json!([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}])).contains("more than text"));
    }
}
