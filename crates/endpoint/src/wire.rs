//! The protocol: what is sent to `/chat/completions` and what is read from it, from `/models` and from errors.
use inference::{AnswerDecoding, AnswerRequest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What an endpoint takes, as far as endpoints differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    pub log_probs: bool,
    pub seed: bool,
    /// The newer name of `max_tokens`.
    pub max_completion_tokens: bool,
}

impl Dialect {
    /// What is tried first.
    pub const WHOLE: Self = Self { log_probs: true, seed: true, max_completion_tokens: false };

    /// What to try when an endpoint refuses a request with these words; None where there is nothing left.
    pub fn without(self, said: &str) -> Option<Self> {
        if said.contains("max_completion_tokens") && !self.max_completion_tokens {
            Some(Self { max_completion_tokens: true, ..self })
        } else if said.contains("seed") && self.seed {
            Some(Self { seed: false, ..self })
        } else if self.log_probs {
            // Some say no more than that something is wrong.
            Some(Self { log_probs: false, ..self })
        } else {
            None
        }
    }
}

/// The seed as it is sent: servers take as few as 31 bits.
pub fn sent_seed(seed: u64) -> u32 {
    #[allow(clippy::cast_possible_truncation)] // its purpose
    let folded = (seed ^ (seed >> 32)) as u32;
    folded & 0x7fff_ffff
}

/// The user's message, after the system's where there is one.
fn messages(request: &AnswerRequest) -> Vec<Value> {
    let message = |role: &str, content: &str| json!({ "role": role, "content": content });
    let system = request.system.as_deref().map(|text| message("system", text));
    system.into_iter().chain([message("user", &request.prompt)]).collect()
}

/// The body of a request for an answer. `alternatives` asks for the likeliest tokens at each place, so many.
pub fn body(model: &str, request: &AnswerRequest, decoding: &AnswerDecoding, dialect: Dialect, alternatives: usize) -> Value {
    let mut body = json!({
        "model": model,
        "messages": messages(request),
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "stream": false,
    });
    let limit = if dialect.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    body[limit] = decoding.max_tokens.into();
    // Nothing is drawn greedily.
    if dialect.seed && decoding.temperature > 0.0 {
        body["seed"] = sent_seed(request.seed).into();
    }
    if dialect.log_probs {
        body["logprobs"] = true.into();
    }
    if alternatives > 0 {
        body["logprobs"] = true.into();
        body["top_logprobs"] = alternatives.into();
    }
    // Not of the protocol, but servers of open models take it.
    if decoding.top_k > 0 {
        body["top_k"] = decoding.top_k.into();
    }
    body
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    system_fingerprint: Option<String>,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<LogProbs>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize)]
struct LogProbs {
    #[serde(default)]
    content: Option<Vec<Token>>,
}

#[derive(Deserialize)]
struct Token {
    logprob: f32,
    #[serde(default)]
    top_logprobs: Vec<Alternative>,
}

/// A token that might have stood in a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    pub token: String,
    pub logprob: f32,
}

/// Tokens that a request cost, as the endpoint counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Usage {
    pub prompt_tokens: u64,
    #[serde(default)]
    pub completion_tokens: u64,
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub text: String,
    /// Empty where none are given.
    pub log_probs: Vec<f32>,
    /// The likeliest first tokens, where they were asked for and are given.
    pub first: Vec<Alternative>,
    pub truncated: bool,
    pub usage: Option<Usage>,
    pub model: Option<String>,
    pub fingerprint: Option<String>,
}

/// Reads an answer, or says in a clause what is wrong with it.
pub fn reply(text: &str) -> Result<Reply, String> {
    let completion: Completion = serde_json::from_str(text).map_err(|e| not_the_protocol(text, &e))?;
    let Some(choice) = completion.choices.into_iter().next() else { return Err("it holds no choice".into()) };
    let mut log_probs = choice.logprobs.and_then(|given| given.content).unwrap_or_default();
    let first = log_probs.first_mut().map(|token| std::mem::take(&mut token.top_logprobs)).unwrap_or_default();
    let log_probs: Vec<f32> = log_probs.into_iter().map(|token| token.logprob).collect();
    if log_probs.iter().any(|l| !l.is_finite()) {
        return Err("it holds a log-probability that is not a finite number".into());
    }
    let text = match (choice.message.content, &choice.finish_reason) {
        (Some(text), _) => text,
        // Refused, or not a word.
        (None, Some(_)) => String::new(),
        (None, None) => return Err("it holds no text".into()),
    };
    Ok(Reply {
        text,
        log_probs,
        first,
        truncated: choice.finish_reason.as_deref() == Some("length"),
        usage: completion.usage,
        model: completion.model,
        fingerprint: completion.system_fingerprint,
    })
}

/// What a text is that should have been JSON of the protocol.
pub fn not_the_protocol(text: &str, error: &serde_json::Error) -> String {
    let start = text.trim_start();
    if start.starts_with('<') {
        "it is a web page (HTML)".into()
    } else if start.is_empty() {
        "it is empty".into()
    } else if error.is_data() {
        format!("it is JSON, but not of this protocol ({error})")
    } else {
        "it is not JSON".into()
    }
}

/// JSON with as few escapes as there can be: what is looked for in it could hide behind one. None of what is no JSON.
pub fn unescaped(text: &str) -> Option<String> {
    serde_json::from_str::<Value>(text).ok().map(|value| value.to_string())
}

/// What an endpoint says of a request that it did not answer: its sentence, cut to a length that fits below a message, and its own word for the kind.
pub fn complaint(text: &str) -> (String, String) {
    let parsed: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let inner = if parsed["error"].is_object() { &parsed["error"] } else { &parsed };
    let words = |value: &Value| value.as_str().map(String::from);
    let said = ["message", "error", "detail", "msg"].into_iter().find_map(|name| words(&inner[name]));
    let kind = [words(&inner["code"]), words(&inner["type"])].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let page = text.trim_start().starts_with('<');
    let said = said.unwrap_or_else(|| if page { String::new() } else { text.trim().to_owned() });
    (said.chars().take(400).collect(), kind)
}

/// A model that is served.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Served {
    pub id: String,
    #[serde(default)]
    root: Option<Value>,
    #[serde(default)]
    owned_by: Option<Value>,
    #[serde(default)]
    created: Option<Value>,
    #[serde(default)]
    max_model_len: Option<usize>,
    #[serde(default)]
    meta: Option<Value>,
}

impl Served {
    /// Tokens that the model holds, where the server says so.
    pub fn context(&self) -> Option<usize> {
        self.max_model_len
    }

    /// What else it says of the model: `owned by vllm, root Qwen/Qwen2.5-7B, created 1750000000`.
    pub fn version(&self) -> Vec<String> {
        let plain = |value: &Option<Value>| match value {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let parameters = self.meta.as_ref().and_then(|meta| meta["n_params"].as_u64()).map(|n| n.to_string());
        let named = [("owned by", plain(&self.owned_by)), ("root", plain(&self.root)), ("parameters", parameters)];
        let mut all: Vec<String> = named.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect();
        // vLLM and llama.cpp write the time of the question there.
        if !all.iter().any(|part| part == "owned by vllm" || part == "owned by llamacpp") {
            all.extend(plain(&self.created).filter(|time| time != "0").map(|time| format!("created {time}")));
        }
        all
    }
}

/// The models in an answer of `/models`.
pub fn models(text: &str) -> Result<Vec<Served>, String> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Served>,
    }
    serde_json::from_str(text).map(|list: List| list.data).map_err(|e| not_the_protocol(text, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> AnswerRequest {
        AnswerRequest::new("Hi", u64::MAX - 5)
    }

    fn decoding(temperature: f64) -> AnswerDecoding {
        AnswerDecoding { max_tokens: 8, temperature, top_p: 0.9, top_k: 0 }
    }

    #[test]
    fn a_request_holds_what_the_spec_says_and_no_more() {
        let sent = body("m", &request(), &decoding(0.7), Dialect::WHOLE, 0);
        assert_eq!(sent["messages"], json!([{ "role": "user", "content": "Hi" }]));
        assert_eq!((&sent["max_tokens"], &sent["temperature"], &sent["top_p"]), (&json!(8), &json!(0.7), &json!(0.9)));
        assert!(sent["seed"].as_u64().is_some_and(|seed| seed < 1 << 31) && sent["top_k"].is_null());
        let after_system = AnswerRequest { system: Some("Be brief.".into()), ..request() };
        let messages = json!([{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Hi" }]);
        assert_eq!(body("m", &after_system, &decoding(0.7), Dialect::WHOLE, 0)["messages"], messages);
        assert!(body("m", &request(), &decoding(0.0), Dialect::WHOLE, 0)["seed"].is_null());
        let newer = Dialect { max_completion_tokens: true, log_probs: false, seed: false };
        let sent = body("m", &request(), &decoding(0.7), newer, 0);
        assert!(sent["max_tokens"].is_null() && sent["max_completion_tokens"] == 8 && sent["seed"].is_null() && sent["logprobs"].is_null());
    }

    #[test]
    fn likely_first_tokens_are_asked_for_and_read() {
        let sent = body("m", &request(), &decoding(1.0), Dialect { log_probs: false, ..Dialect::WHOLE }, 20);
        assert_eq!((&sent["logprobs"], &sent["top_logprobs"]), (&json!(true), &json!(20)));
        let given = r#"{"choices":[{"message":{"content":"4"},"finish_reason":"length","logprobs":{"content":[
            {"token":"4","logprob":-0.5,"top_logprobs":[{"token":"4","logprob":-0.5},{"token":" 5","logprob":-1.5}]}]}}]}"#;
        let first: Vec<_> = reply(given).unwrap().first.into_iter().map(|a| (a.token, a.logprob)).collect();
        assert_eq!(first, [("4".to_owned(), -0.5), (" 5".to_owned(), -1.5)]);
    }

    #[test]
    fn what_an_endpoint_refuses_is_left_out() {
        let whole = Dialect::WHOLE;
        assert_eq!(whole.without("use 'max_completion_tokens' instead").unwrap(), Dialect { max_completion_tokens: true, ..whole });
        assert_eq!(whole.without("Unrecognized argument: seed").unwrap(), Dialect { seed: false, ..whole });
        let less = whole.without("bad request").unwrap();
        assert_eq!(less, Dialect { log_probs: false, ..whole });
        assert_eq!(less.without("bad request"), None);
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
        ] {
            assert!(reply(lie).unwrap_err().contains(word), "{lie}: {}", reply(lie).unwrap_err());
        }
    }

    #[test]
    fn complaints_of_several_servers_are_read() {
        for text in [
            r#"{"error":{"message":"No.","code":"x"}}"#,
            r#"{"error":"No."}"#,
            r#"{"object":"error","message":"No."}"#,
            r#"{"detail":"No."}"#,
            "No.",
        ] {
            assert_eq!(complaint(text).0, "No.", "{text}");
        }
        assert_eq!(complaint("<html>No.</html>").0, "");
    }
}
