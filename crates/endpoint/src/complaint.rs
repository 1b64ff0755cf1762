//! What an endpoint says of a request that it did not answer, and what that means: its own words for it differ from server to server.
use serde_json::Value;

/// What an endpoint says of a request that it did not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Complaint {
    /// Its sentence, cut to a length that fits below a message.
    pub said: String,
    /// Its own words, and numbers, for the kind.
    pub kind: String,
}

/// Of money that an account is out of.
const CREDIT: [&str; 11] = [
    "credit balance",
    "insufficient balance",
    "insufficient credit",
    "insufficient funds",
    "insufficient_balance",
    "more credits",
    "no credit",
    "not enough credit",
    "out of credit",
    "payment required",
    "payment_required",
];
/// Of a prompt and an answer that a model does not hold: OpenAI's and vLLM's words, llama.cpp's, mistral.rs's, Anthropic's, Google's.
const TOO_LONG: [&str; 8] = [
    "context_length",
    "exceed_context_size",
    "context length",
    "context size",
    "context window",
    "sequence length is greater",
    "prompt is too long",
    "exceeds the maximum number of tokens",
];
/// Of a prompt or an answer that a filter keeps back.
const WITHHELD: [&str; 6] =
    ["content_filter", "content_policy", "content filter", "content management policy", "content policy", "responsibleaipolicyviolation"];

/// Statuses by words for the kind, the more special first.
const STATUSES: [(&str, u16); 9] = [
    ("invalid_api_key", 401),
    ("authentication", 401),
    ("permission", 403),
    ("not_found", 404),
    ("rate_limit", 429),
    ("resource_exhausted", 429),
    ("invalid_request", 400),
    ("invalid_argument", 400),
    ("unsupported", 400),
];

impl Complaint {
    pub fn of(text: &str) -> Self {
        Self::read(&serde_json::from_str(text).unwrap_or(Value::Null), text)
    }

    /// Of what came as an answer; None where it names no error.
    pub fn in_answer(text: &str) -> Option<Self> {
        let parsed: Value = serde_json::from_str(text).ok()?;
        let whole = first(&parsed);
        let is_error = match &whole["error"] {
            Value::Object(_) => true,
            Value::String(said) => !said.trim().is_empty(),
            _ => whole["object"] == "error",
        };
        let of_choice = &whole["choices"][0];
        match is_error {
            true => Some(Self::read(&parsed, text)),
            // Gateways have what the model behind them said in its place.
            false => of_choice["error"].is_object().then(|| Self::read(of_choice, text)),
        }
    }

    fn read(parsed: &Value, text: &str) -> Self {
        let whole = first(parsed);
        let inner = if whole["error"].is_object() { &whole["error"] } else { whole };
        let words = |value: &Value| value.as_str().map(String::from);
        let number = |value: &Value| value.as_u64().map(|number| number.to_string());
        let said = ["message", "error", "detail", "msg"].into_iter().find_map(|name| words(&inner[name]));
        let kind = ["code", "type", "status"].into_iter().filter_map(|name| words(&inner[name]).or_else(|| number(&inner[name])));
        let page = text.trim_start().starts_with('<');
        let said = said.unwrap_or_else(|| if page { String::new() } else { text.trim().to_owned() });
        Self { said: said.chars().take(400).collect(), kind: kind.collect::<Vec<_>>().join(" ") }
    }

    /// The status that it should have come with; 200 where it does not tell.
    pub fn status(&self) -> u16 {
        let kind = self.kind.to_lowercase();
        let number = kind.split(' ').find_map(|word| word.parse().ok()).filter(|status| (300..600).contains(status));
        number.or_else(|| STATUSES.iter().find(|(word, _)| kind.contains(word)).map(|(_, status)| *status)).unwrap_or(200)
    }

    fn names(&self, words: &[&str]) -> bool {
        let all = format!("{} {}", self.kind, self.said).to_lowercase();
        words.iter().any(|word| all.contains(word))
    }

    pub fn is_out_of_quota(&self) -> bool {
        self.kind.contains("quota") || self.kind.contains("billing") || self.said.contains("insufficient_quota")
    }

    pub fn is_out_of_credit(&self) -> bool {
        self.names(&CREDIT)
    }

    pub fn is_too_long(&self) -> bool {
        self.names(&TOO_LONG)
    }

    pub fn is_withheld(&self) -> bool {
        self.names(&WITHHELD)
    }
}

/// Google has its errors in a list of one.
fn first(parsed: &Value) -> &Value {
    parsed.as_array().and_then(|list| list.first()).unwrap_or(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_of_several_servers_are_read() {
        for text in [
            r#"{"error":{"message":"No.","code":"x"}}"#,
            r#"[{"error":{"message":"No.","code":429,"status":"RESOURCE_EXHAUSTED"}}]"#,
            r#"{"error":"No."}"#,
            r#"{"object":"error","message":"No."}"#,
            r#"{"detail":"No."}"#,
            "No.",
        ] {
            assert_eq!(Complaint::of(text).said, "No.", "{text}");
        }
        assert_eq!(Complaint::of("<html>No.</html>").said, "");
        assert_eq!(
            Complaint::of(r#"[{"error":{"message":"No.","code":429,"status":"RESOURCE_EXHAUSTED"}}]"#).kind,
            "429 RESOURCE_EXHAUSTED"
        );
    }

    #[test]
    fn an_error_in_the_place_of_an_answer_is_found_with_its_status() {
        let status = |text: &str| Complaint::in_answer(text).map(|complaint| complaint.status());
        for (text, expected) in [
            (r#"{"error":"no credits left"}"#, 200),
            (r#"{"error":{"message":"slow down","code":429}}"#, 429),
            (r#"{"error":{"message":"slow down","code":"429"}}"#, 429),
            (r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#, 429),
            (r#"{"error":{"message":"wrong key","type":"invalid_request_error","code":"invalid_api_key"}}"#, 401),
            (r#"{"error":{"message":"no top_p","type":"invalid_request_error"}}"#, 400),
            (r#"{"error":{"message":"?","code":7}}"#, 200),
            (r#"{"object":"error","message":"no such model","code":404}"#, 404),
            (r#"{"choices":[{"finish_reason":"error","error":{"message":"overloaded","code":502}}]}"#, 502),
        ] {
            assert_eq!(status(text), Some(expected), "{text}");
        }
        for answer in [r#"{"error":null,"ok":true}"#, r#"{"error":""}"#, r#"{"answer":"Yes"}"#, "[]", "<html>", ""] {
            assert_eq!(status(answer), None, "{answer}");
        }
    }

    #[test]
    fn what_servers_mean_is_told_by_their_words() {
        let said = |said: &str| Complaint { said: said.into(), kind: String::new() };
        assert!(said("Your credit balance is too low to access the Anthropic API.").is_out_of_credit());
        assert!(said("This request requires more credits, or fewer max_tokens.").is_out_of_credit());
        assert!(!said("logprobs are not supported").is_out_of_credit());
        for too_long in [
            "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
            "the request exceeds the available context size (2048 tokens)",
            "Prompt sequence length is greater than 8192, perhaps consider using `truncate_sequence`?",
            "prompt is too long: 250000 tokens > 200000 maximum",
            "The input token count (40000) exceeds the maximum number of tokens allowed (32768).",
        ] {
            assert!(said(too_long).is_too_long(), "{too_long}");
        }
        assert!(!said("max_tokens is too large: 9000. This model supports at most 4096 completion tokens.").is_too_long());
        assert!(Complaint { said: "No.".into(), kind: "context_length_exceeded invalid_request_error".into() }.is_too_long());
        assert!(Complaint { said: "No.".into(), kind: "content_filter".into() }.is_withheld());
        let azure = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.";
        assert!(said(azure).is_withheld() && !said("'content' must be a text").is_withheld());
    }
}
