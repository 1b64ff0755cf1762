//! What is read from an answer of `/chat/completions`. Servers differ: what is not needed may be missing, null or of another kind.
use crate::wire::not_the_protocol;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
struct Completion {
    #[serde(default, deserialize_with = "if_readable")]
    model: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    system_fingerprint: Option<String>,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Value,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default, deserialize_with = "if_readable")]
    message: Option<Message>,
    #[serde(default, deserialize_with = "if_readable")]
    finish_reason: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    logprobs: Option<LogProbs>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Value,
}

#[derive(Deserialize)]
struct LogProbs {
    #[serde(default)]
    content: Option<Vec<Token>>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: Value,
    /// Null where a server has no number for it: JSON knows no infinite ones.
    #[serde(default)]
    logprob: Option<f32>,
    /// Its text's, as the protocol has it; mistral.rs 0.8 has the text itself here where `token` is a number.
    #[serde(default)]
    bytes: Value,
    #[serde(default, deserialize_with = "if_readable")]
    top_logprobs: Option<Vec<Token>>,
}

/// None of what is not of this kind.
fn if_readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

impl Token {
    fn text(&self) -> String {
        self.token.as_str().or(self.bytes.as_str()).unwrap_or_default().into()
    }

    fn likely(&self) -> &[Self] {
        self.top_logprobs.as_deref().unwrap_or_default()
    }

    fn make_natural(&mut self) {
        self.logprob = self.logprob.map(|logarithm| logarithm * std::f32::consts::LN_10);
        self.top_logprobs.iter_mut().flatten().for_each(Self::make_natural);
    }
}

/// mistral.rs 0.8 has logarithms to the base of 10 (`prob.log(10.0)` in its sampler), and is told by numbers in the place of tokens' texts.
fn is_to_the_base_of_ten(given: &[Token]) -> bool {
    given.iter().flat_map(Token::likely).any(|token| token.token.is_number())
}

/// A probability may come out a little above 1.
const MOST_LOG_PROB: f32 = 1e-3;

/// A token that might have stood in a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    pub token: String,
    pub logprob: f32,
}

/// Tokens that a request cost, as the endpoint counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
}

impl Usage {
    /// None where either is not told, or is no number of tokens.
    fn of(given: &Value) -> Option<Self> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // rounded down, from 0 to the largest
        let whole = |number: f64| (number >= 0.0).then_some(number as u64);
        let count = |name: &str| given[name].as_u64().or_else(|| given[name].as_f64().and_then(whole));
        Some(Self { prompt_tokens: count("prompt_tokens")?, completion_tokens: count("completion_tokens")? })
    }
}

/// An answer as it came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    pub text: String,
    /// Its tokens as texts, and their log-probabilities; both empty where none are given.
    pub tokens: Vec<String>,
    pub log_probs: Vec<f32>,
    /// The likeliest first tokens, where they were asked for and are given.
    pub first: Vec<Alternative>,
    pub truncated: bool,
    /// A content filter kept it back, or what would have followed.
    pub withheld: bool,
    pub usage: Option<Usage>,
    pub model: Option<String>,
    pub fingerprint: Option<String>,
}

impl Reply {
    /// Of a request that a content filter refused: no text.
    pub fn withheld() -> Self {
        Self { withheld: true, ..Self::default() }
    }
}

/// Reads an answer, or says in a clause what is wrong with it.
pub fn reply(text: &str) -> Result<Reply, String> {
    let completion: Completion = serde_json::from_str(text).map_err(|e| not_the_protocol(text, &e))?;
    let Some(choice) = completion.choices.into_iter().next() else { return Err("it holds no choice".into()) };
    let mut given = choice.logprobs.and_then(|given| given.content).unwrap_or_default();
    if given.iter().any(|token| token.logprob.is_some_and(|logarithm| !logarithm.is_finite())) {
        return Err("it holds a log-probability that is not a finite number".into());
    }
    if is_to_the_base_of_ten(&given) {
        given.iter_mut().for_each(Token::make_natural);
    }
    // Of greedy answers mistral.rs 0.8 gives the logarithm of what is no probability: of such numbers nothing is used.
    if given.iter().any(|token| token.logprob.is_some_and(|logarithm| logarithm > MOST_LOG_PROB)) {
        given.clear();
    }
    let alternative = |token: &Token| Some(Alternative { token: token.text(), logprob: token.logprob? });
    let first = given.first().map(|token| token.likely().iter().filter_map(alternative).collect()).unwrap_or_default();
    // One for each token, or none.
    let whole: Option<Vec<(String, f32)>> = given.iter().map(|token| Some((token.text(), token.logprob?))).collect();
    let (tokens, log_probs) = whole.unwrap_or_default().into_iter().unzip();
    let text = match (choice.message.map(|message| text_of(message.content)).transpose()?.flatten(), &choice.finish_reason) {
        (Some(text), _) => text,
        (None, Some(reason)) if reason == "error" => return Err("it ends with an error".into()),
        // Refused, or not a word.
        (None, Some(_)) => String::new(),
        (None, None) => return Err("it holds no text".into()),
    };
    // Some write the reason of the filter behind it.
    let withheld = choice.finish_reason.as_ref().is_some_and(|reason| reason.starts_with("content_filter"));
    Ok(Reply {
        text,
        tokens,
        log_probs,
        first,
        truncated: choice.finish_reason.as_deref() == Some("length"),
        withheld,
        usage: Usage::of(&completion.usage),
        model: completion.model,
        fingerprint: completion.system_fingerprint,
    })
}

/// A message's text: as it stands, or in parts, of which those that hold something else (what a model thinks) are left out.
fn text_of(content: Value) -> Result<Option<String>, String> {
    match content {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Array(parts) => Ok(Some(parts.iter().filter_map(|part| part.as_str().or(part["text"].as_str())).collect())),
        _ => Err("its content is neither a text nor a list of parts".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// An answer with this in the place of its only choice, or beside it.
    fn read(choice: Value, usage: Value) -> Result<Reply, String> {
        reply(&json!({ "choices": [choice], "usage": usage }).to_string())
    }

    #[test]
    fn answers_are_read_and_lies_are_named() {
        let whole = r#"{"model":"m-2","choices":[{"message":{"content":"Yes."},"finish_reason":"length",
            "logprobs":{"content":[{"token":"Yes","logprob":-0.5},{"token":".","logprob":-0.25}]}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
        let read = reply(whole).unwrap();
        assert_eq!((read.text.as_str(), read.truncated, read.log_probs), ("Yes.", true, vec![-0.5, -0.25]));
        assert_eq!(read.usage, Some(Usage { prompt_tokens: 3, completion_tokens: 2 }));
        for (lie, word) in [
            ("<html>", "HTML"),
            ("", "empty"),
            ("{\"choices\":[]}", "no choice"),
            ("{\"ok\":true}", "not of this protocol"),
            ("{\"choices\":[{\"mess", "not JSON"),
            (r#"{"choices":[{"message":{}}]}"#, "no text"),
            (r#"{"choices":[{"message":{"content":{"text":"Yes."}}}]}"#, "neither a text nor a list"),
            (r#"{"choices":[{"message":{"content":"4"},"logprobs":{"content":[{"token":"4","logprob":-1e300}]}}]}"#, "not a finite number"),
        ] {
            assert!(reply(lie).unwrap_err().contains(word), "{lie}: {}", reply(lie).unwrap_err());
        }
    }

    #[test]
    fn a_text_may_come_in_parts() {
        let parts =
            json!([{ "type": "thinking", "thinking": [{ "type": "text", "text": "Hm." }] }, { "type": "text", "text": "Ye" }, "s."]);
        assert_eq!(read(json!({ "message": { "content": parts } }), Value::Null).unwrap().text, "Yes.");
        assert_eq!(read(json!({ "message": { "content": [] } }), Value::Null).unwrap().text, "");
    }

    #[test]
    fn counts_may_be_any_numbers_and_what_is_none_is_not_counted() {
        let choice = json!({ "message": { "content": "Yes." } });
        let usage = |usage: Value| read(choice.clone(), usage).unwrap().usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens));
        assert_eq!(usage(json!({ "prompt_tokens": 3.0, "completion_tokens": 2.9 })), Some((3, 2)));
        assert_eq!(usage(json!({ "prompt_tokens": 1e30, "completion_tokens": 0 })), Some((u64::MAX, 0)));
        for unknown in [
            json!({ "prompt_tokens": -1, "completion_tokens": 2 }),
            json!({ "prompt_tokens": 3, "completion_tokens": -0.5 }),
            json!({ "prompt_tokens": 3, "completion_tokens": null }),
            json!({ "prompt_tokens": "3" }),
            json!([]),
            json!("none"),
            Value::Null,
        ] {
            assert_eq!(usage(unknown.clone()), None, "{unknown}");
        }
    }

    #[test]
    fn log_probabilities_without_numbers_are_as_none() {
        let of = |content: Value| read(json!({ "message": { "content": "4" }, "logprobs": { "content": content } }), Value::Null).unwrap();
        let token = |logprob: Value| json!({ "token": "4", "logprob": logprob, "top_logprobs": null });
        let reply = of(json!([token(json!(-0.5)), token(Value::Null)]));
        assert_eq!((reply.tokens, reply.log_probs, reply.first), (Vec::new(), Vec::new(), Vec::new()));
        let likely = json!([{ "token": "4", "logprob": -0.5 }, { "token": "5", "logprob": null }]);
        let reply = of(json!([{ "token": "4", "logprob": -0.5, "top_logprobs": likely }]));
        assert_eq!((reply.log_probs, reply.first), (vec![-0.5], vec![Alternative { token: "4".into(), logprob: -0.5 }]));
        for other in [json!("none"), json!({ "content": [1, 2] }), json!({ "tokens": ["4"], "token_logprobs": [null] })] {
            let reply = read(json!({ "message": { "content": "4" }, "logprobs": other }), Value::Null).unwrap();
            assert_eq!((reply.text.as_str(), reply.log_probs), ("4", Vec::new()));
        }
    }

    #[test]
    fn what_a_filter_keeps_back_is_told_from_silence() {
        for (reason, withheld) in [("content_filter", true), ("content_filter: SAFETY", true), ("stop", false), ("length", false)] {
            for message in [json!({ "content": null }), json!({ "content": "" }), Value::Null] {
                let reply = read(json!({ "message": message, "finish_reason": reason }), Value::Null).unwrap();
                assert_eq!((reply.text.as_str(), reply.withheld), ("", withheld), "{reason}");
            }
        }
    }
}
