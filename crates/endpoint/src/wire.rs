//! The protocol: what is sent to `/chat/completions`, and what is read from `/models`.
use inference::{AnswerDecoding, AnswerRequest};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// What an endpoint takes, as far as endpoints differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    pub log_probs: bool,
    pub seed: bool,
    /// The newer name of `max_tokens`.
    pub max_completion_tokens: bool,
    /// Models that reason before they answer draw at a temperature of their own, 1, and take neither.
    pub temperature: bool,
    pub top_p: bool,
}

impl Dialect {
    /// What is tried first.
    pub const WHOLE: Self = Self { log_probs: true, seed: true, max_completion_tokens: false, temperature: true, top_p: true };

    /// What to try when an endpoint refuses a request with these words; None where there is nothing left.
    pub fn without(self, said: &str) -> Option<Self> {
        // Some say no more than that something is wrong.
        self.without_named(said).or(self.log_probs.then_some(Self { log_probs: false, ..self }))
    }

    /// The same of what these words name, log-probabilities aside.
    pub fn without_named(self, said: &str) -> Option<Self> {
        let named = |name: &str, is_sent: bool| is_sent && said.contains(name);
        if named("max_completion_tokens", !self.max_completion_tokens) {
            Some(Self { max_completion_tokens: true, ..self })
        } else if named("seed", self.seed) {
            Some(Self { seed: false, ..self })
        } else if named("top_p", self.top_p) {
            // Some take one of the two and name both.
            Some(Self { top_p: false, ..self })
        } else if named("temperature", self.temperature) {
            Some(Self { temperature: false, ..self })
        } else {
            None
        }
    }

    /// Whether what is sent says as much as `decoding`; or else the key whose value cannot be said.
    pub fn says(self, decoding: &AnswerDecoding) -> Result<(), &'static str> {
        match decoding {
            AnswerDecoding { temperature, .. } if !self.temperature && *temperature != 1.0 => Err("temperature"),
            AnswerDecoding { top_p, .. } if !self.top_p && *top_p != 1.0 => Err("top_p"),
            _ => Ok(()),
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
        "stream": false,
    });
    if dialect.temperature {
        body["temperature"] = decoding.temperature.into();
    }
    if dialect.top_p {
        body["top_p"] = decoding.top_p.into();
    }
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
        // llama.cpp tells what one of its slots holds.
        let of_slot = || self.meta.as_ref()?["n_ctx"].as_u64().and_then(|tokens| usize::try_from(tokens).ok());
        self.max_model_len.or_else(of_slot).filter(|tokens| *tokens > 0)
    }

    /// What else it says of the model: `owned by vllm, root Qwen/Qwen2.5-7B, created 1750000000`.
    pub fn version(&self) -> Vec<String> {
        let plain = |value: &Option<Value>| match value {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let told = |name: &str| plain(&self.meta.as_ref().map(|meta| meta[name].clone()));
        let named = [
            ("owned by", plain(&self.owned_by)),
            ("root", plain(&self.root)),
            ("parameters", told("n_params")),
            ("weights", told("ftype")),
        ];
        let mut all: Vec<String> = named.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect();
        // vLLM and llama.cpp write the time of the question there, mistral.rs that of its start.
        if !all.iter().any(|part| ["owned by vllm", "owned by llamacpp", "owned by local"].contains(&part.as_str())) {
            all.extend(plain(&self.created).filter(|time| time != "0").map(|time| format!("created {time}")));
        }
        all
    }
}

/// The models in an answer of `/models`.
pub fn models(text: &str) -> Result<Vec<Served>, String> {
    #[derive(Deserialize)]
    struct List {
        #[serde(deserialize_with = "none_or_more")]
        data: Vec<Served>,
    }
    serde_json::from_str(text).map(|list: List| list.data).map_err(|e| not_the_protocol(text, &e))
}

/// Ollama has null in the place of no model.
fn none_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Served>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::complaint::Complaint;
    use crate::completion::{Alternative, Usage, reply};

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
        let newer = Dialect { max_completion_tokens: true, log_probs: false, seed: false, temperature: false, top_p: false };
        let sent = body("m", &request(), &decoding(1.0), newer, 0);
        assert!(sent["max_tokens"].is_null() && sent["max_completion_tokens"] == 8 && sent["seed"].is_null() && sent["logprobs"].is_null());
        assert!(sent["temperature"].is_null() && sent["top_p"].is_null());
        assert_eq!((newer.says(&decoding(0.0)), newer.says(&decoding(1.0))), (Err("temperature"), Err("top_p")));
        assert_eq!(newer.says(&AnswerDecoding { top_p: 1.0, ..decoding(1.0) }), Ok(()));
        assert_eq!(Dialect::WHOLE.says(&decoding(0.0)), Ok(()));
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
        let only_one = "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.";
        assert_eq!(whole.without(only_one).unwrap(), Dialect { temperature: false, ..whole });
        let either = "`temperature` and `top_p` cannot both be specified for this model.";
        assert_eq!(whole.without(either).unwrap(), Dialect { top_p: false, ..whole });
        let less = whole.without("bad request").unwrap();
        assert_eq!(less, Dialect { log_probs: false, ..whole });
        assert_eq!(less.without("bad request"), None);
    }

    /// What servers answered, by `scripts/fixtures_servers.py`: of each its context, what it says of itself, and of what it refuses.
    #[test]
    fn real_servers_are_read() {
        for (text, context, version, too_long) in [
            (
                include_str!("../tests/fixtures/vllm-0.32.0.json"),
                Some(1024),
                "owned by vllm, root /models/smollm2",
                "maximum context length is 1024",
            ),
            (
                include_str!("../tests/fixtures/llama.cpp-b11434.json"),
                Some(2048),
                "owned by llamacpp, parameters 134515008, weights Q4_1",
                "exceeds the available context size",
            ),
        ] {
            let answers: Value = serde_json::from_str(text).unwrap();
            let of = |what: &str| answers[what]["body"].as_str().unwrap();
            let served = models(of("models")).unwrap();
            let found = served.iter().find(|served| served.id == "smollm2").unwrap();
            assert_eq!((found.context(), found.version().join(", ").as_str()), (context, version));
            let answer = reply(of("answer")).unwrap();
            assert_eq!(
                (answer.text.as_str(), answer.truncated, answer.log_probs.len(), answer.first.len()),
                ("The river that", true, 3, 5)
            );
            assert_eq!(answer.first[0], Alternative { token: "The".into(), logprob: answer.log_probs[0] });
            assert_eq!(answer.usage, Some(Usage { prompt_tokens: 34, completion_tokens: 3 }));
            assert!(answer.fingerprint.is_some() && answer.model.as_deref() == Some("smollm2"));
            let complaint = Complaint::of(of("too_long"));
            assert!(complaint.said.contains(too_long) && complaint.is_too_long(), "{complaint:?}");
            assert_eq!((&answers["too_long"]["status"], &answers["no_messages"]["status"]), (&json!(400), &json!(400)));
        }
    }

    /// `mistralrs serve`, whose list has the model twice, and whose logarithms are to another base.
    #[test]
    fn the_numbers_of_mistral_rs_are_understood() {
        let answers: Value = serde_json::from_str(include_str!("../tests/fixtures/mistralrs-0.8.1.json")).unwrap();
        let of = |what: &str| answers[what]["body"].as_str().unwrap();
        let served = models(of("models")).unwrap();
        assert_eq!(served.iter().map(|served| served.id.as_str()).collect::<Vec<_>>(), ["default", "/models/smollm2"]);
        assert_eq!((served[0].context(), served[0].version()), (None, vec!["owned by local".to_owned()]));
        let greedy = reply(of("answer")).unwrap();
        assert_eq!((greedy.text.as_str(), greedy.usage.unwrap().completion_tokens), ("The river that", 3));
        assert_eq!((greedy.log_probs.len(), greedy.tokens.len(), greedy.first.len()), (0, 0, 0), "logarithms of logits");
        let complaint = Complaint::of(of("too_long"));
        assert!(complaint.said.contains("Prompt sequence length is greater than 8192") && complaint.is_too_long());
    }

    /// The same model behind three servers, once as it is, once in bf16 and once in 4 bits, which moves a probability by some hundredths.
    #[test]
    fn likely_first_tokens_of_real_servers_agree() {
        let first = |text: &str| {
            let answers: Value = serde_json::from_str(text).unwrap();
            let first = reply(answers["drawn"]["body"].as_str().unwrap()).unwrap().first;
            first.into_iter().map(|one| (one.token, one.logprob.exp())).collect::<Vec<_>>()
        };
        let mistralrs = first(include_str!("../tests/fixtures/mistralrs-0.8.1.json"));
        assert_eq!(mistralrs[0].0, "The");
        for other in
            [include_str!("../tests/fixtures/vllm-0.32.0.json"), include_str!("../tests/fixtures/llama.cpp-b11434.json")].map(first)
        {
            for ((token, probability), (theirs, likely)) in mistralrs.iter().zip(&other).take(3) {
                assert!(token == theirs && (probability - likely).abs() < 0.05, "{mistralrs:?} {other:?}");
            }
        }
    }
}
