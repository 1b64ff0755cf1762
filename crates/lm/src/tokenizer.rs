//! Text to tokens and back, and the chat template.
use crate::config::Json;
use crate::{Error, Result};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, context};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `user`, `assistant` or `system`; what else is allowed is up to the chat template.
    pub role: String,
    pub content: String,
}

impl Message {
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user".into(), content: content.into() }
    }

    /// What a user asks, after the system message where there is one.
    pub fn asked(system: Option<&str>, prompt: &str) -> Vec<Self> {
        let system = system.map(|text| Self { role: "system".into(), content: text.into() });
        system.into_iter().chain([Self::user(prompt)]).collect()
    }
}

/// A tokenizer with its chat template. Cheap to clone.
#[derive(Clone)]
pub struct Tokenizer(Arc<Inner>);

struct Inner {
    tokenizer: tokenizers::Tokenizer,
    /// Made when it is first needed; see [`Tokenizer::chat`].
    guarded: OnceLock<Result<tokenizers::Tokenizer, String>>,
    /// Texts that stand for special tokens.
    special: Vec<String>,
    /// Whether text could become a special token by being normalised.
    normalises_special: bool,
    templates: Environment<'static>,
    named: NamedTokens,
    file: String,
}

/// Special tokens that chat templates know by name.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct NamedTokens {
    bos_token: Option<String>,
    pub(crate) eos_token: Option<String>,
    pad_token: Option<String>,
    unk_token: Option<String>,
}

impl NamedTokens {
    /// From `tokenizer_config.json`, where a token is a text or an object with the text under `content`.
    fn read(config: &Json<'_>) -> Self {
        let text = |key: &str| {
            let value = config.get(key)?;
            value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_owned)
        };
        Self { bos_token: text("bos_token"), eos_token: text("eos_token"), pad_token: text("pad_token"), unk_token: text("unk_token") }
    }
}

/// Breaks up what looks like a special token inside a message. A noncharacter: Unicode keeps it for uses like this one, and no text that is
/// meant to be exchanged holds it.
const BREAK: char = '\u{fdd0}';

/// Name of the chat template in its environment.
const TEMPLATE: &str = "chat template";

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer({}, {} tokens)", self.0.file, self.vocabulary_size())
    }
}

impl Tokenizer {
    /// Reads `tokenizer.json`, `tokenizer_config.json` and, if it is there, `chat_template.jinja` of a Hugging Face folder.
    ///
    /// # Errors
    /// [`Error::Model`] when a file is missing or damaged, or when there is no chat template.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let file = path.display().to_string();
        if !path.is_file() {
            return Err(Error::Model(format!("{file} is missing; a model folder needs its fast tokenizer in this file")));
        }
        let bytes = std::fs::read(&path).map_err(|error| Error::Model(format!("{file} cannot be read: {error}")))?;
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|error| Error::Model(format!("{file} is not a tokenizer that can be read ({error}); fetch the file again")))?;
        // A tokenizer may come with settings for training batches, which would cut or lengthen texts here.
        tokenizer.with_padding(None).with_truncation(None).map_err(|error| Error::Model(format!("{file}: {error}")))?;
        let (named, template) = read_template(folder)?;
        let added = tokenizer.get_added_tokens_decoder();
        let special = || added.values().filter(|token| token.special && !token.content.is_empty());
        Ok(Self(Arc::new(Inner {
            guarded: OnceLock::new(),
            special: special().map(|token| token.content.clone()).collect(),
            normalises_special: tokenizer.get_normalizer().is_some() && special().any(|token| token.normalized),
            templates: environment(template, folder)?,
            named,
            file,
            tokenizer,
        })))
    }

    /// Tokens of `text`; special tokens written in the text become their ids, none are added.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.tokens(&self.0.tokenizer, text)
    }

    /// Text of `tokens` without special tokens. Bytes that are no whole character become U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        self.0.tokenizer.decode(tokens, true).map_err(|error| self.failed(&error))
    }

    /// The same of a text that goes on: without a last character of which only the first bytes are there.
    pub fn decode_beginning(&self, tokens: &[u32]) -> Result<String> {
        Ok(whole_characters(&self.decode(tokens)?).to_owned())
    }

    /// Tokens, special ones left out, in whose own text `text` stands.
    ///
    /// # Errors
    /// [`Error::Model`] when the tokenizer cannot tell a token's text.
    pub fn tokens_with(&self, text: &str) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for token in 0..self.vocabulary_size() as u32 {
            if self.decode(&[token])?.contains(text) {
                found.push(token);
            }
        }
        Ok(found)
    }

    /// The conversation as the chat template writes it, as transformers' `apply_chat_template` does, with one exception:
    /// `strftime_now` tells the same day always, 26 July 2024 (the day that Llama's templates fall back to), because a prompt must
    /// not depend on the day on which a run is started or resumed.
    ///
    /// # Errors
    /// [`Error::Model`] when the template refuses the conversation (such as two messages of one role in a row).
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let inner = &self.0;
        let none = minijinja::Value::from(());
        let values = context! {
            messages, add_generation_prompt, tools => none, documents => none, ..minijinja::Value::from_serialize(&inner.named)
        };
        inner.templates.get_template(TEMPLATE).and_then(|template| template.render(values)).map_err(|error| {
            let reason = error.detail().map_or_else(|| error.to_string(), str::to_owned);
            Error::Model(format!("the chat template of {} does not take this conversation: {reason}", inner.file))
        })
    }

    /// Tokens that ask the model to answer `messages`: rendered and encoded. Text inside a message that looks like a special
    /// token is encoded as ordinary text, so that no message can end its turn or speak for another role. (Added tokens that their tokenizer
    /// does not call special, `<think>` for one, count as ordinary text, as they do in transformers.)
    ///
    /// Where a message holds such text, a mark is put into it before the template is rendered; the tokenizer finds its special tokens in
    /// the marked text and drops the marks before it looks for anything else.
    pub fn chat(&self, messages: &[Message]) -> Result<Vec<u32>> {
        self.rendered_tokens(messages, true)
    }

    /// The same of a conversation that is over: nobody is asked for an answer.
    pub fn conversation(&self, messages: &[Message]) -> Result<Vec<u32>> {
        self.rendered_tokens(messages, false)
    }

    fn rendered_tokens(&self, messages: &[Message], add_generation_prompt: bool) -> Result<Vec<u32>> {
        let mut looks_special = false;
        let marked = messages.iter().map(|message| {
            let content = self.marked(&message.content)?;
            looks_special |= content.len() != message.content.len();
            Ok(Message { role: message.role.clone(), content })
        });
        let marked = marked.collect::<Result<Vec<_>>>()?;
        let text = self.render(&marked, add_generation_prompt)?;
        if looks_special || self.0.normalises_special { self.tokens(self.guarded()?, &text) } else { self.encode(&text) }
    }

    /// One more than the highest token.
    pub fn vocabulary_size(&self) -> usize {
        // Usually the number of tokens; more where ids are left out.
        let vocabulary = self.0.tokenizer.get_vocab(true);
        vocabulary.values().max().map_or(0, |highest| *highest as usize + 1)
    }

    /// The token with this text, if there is one.
    pub fn token(&self, text: &str) -> Option<u32> {
        self.0.tokenizer.token_to_id(text)
    }

    /// The token that `tokenizer_config.json` calls the end of a text.
    pub(crate) fn end(&self) -> Option<u32> {
        self.0.named.eos_token.as_deref().and_then(|text| self.token(text))
    }

    fn tokens(&self, tokenizer: &tokenizers::Tokenizer, text: &str) -> Result<Vec<u32>> {
        tokenizer.encode_fast(text, false).map(|encoding| encoding.get_ids().to_vec()).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &tokenizers::Error) -> Error {
        Error::Model(format!("the tokenizer {} failed: {error}", self.0.file))
    }

    /// `text` with a mark after the first character of everything that looks like a special token.
    fn marked(&self, text: &str) -> Result<String> {
        let mut marked = String::with_capacity(text.len());
        for (at, character) in text.char_indices() {
            marked.push(character);
            if let Some(special) = self.0.special.iter().find(|special| text[at..].starts_with(special.as_str())) {
                if special.len() == character.len_utf8() {
                    return Err(Error::Model(format!(
                        "a message holds {special:?}, which the tokenizer {} takes for a command",
                        self.0.file
                    )));
                }
                marked.push(BREAK);
            }
        }
        Ok(marked)
    }

    /// The same tokenizer, except that special tokens are looked for in the text as it stands only, and that marks are dropped after
    /// that.
    fn guarded(&self) -> Result<&tokenizers::Tokenizer> {
        let build = || -> std::result::Result<tokenizers::Tokenizer, Box<dyn std::error::Error + Send + Sync>> {
            let mut json: Value = serde_json::from_str(&self.0.tokenizer.to_string(false)?)?;
            for token in json["added_tokens"].as_array_mut().into_iter().flatten().filter(|token| token["special"] == true) {
                token["normalized"] = false.into();
            }
            let drop_marks = serde_json::json!({"type": "Replace", "pattern": {"String": BREAK}, "content": ""});
            json["normalizer"] = match json["normalizer"].take() {
                Value::Null => drop_marks,
                normalizer => serde_json::json!({"type": "Sequence", "normalizers": [drop_marks, normalizer]}),
            };
            tokenizers::Tokenizer::from_bytes(serde_json::to_vec(&json)?)
        };
        let guarded = self.0.guarded.get_or_init(|| build().map_err(|error| error.to_string()));
        guarded.as_ref().map_err(|error| Error::Model(format!("the tokenizer {} failed: {error}", self.0.file)))
    }
}

/// The named tokens and the text of the chat template; `chat_template.jinja` goes before `tokenizer_config.json`, as in transformers.
fn read_template(folder: &Path) -> Result<(NamedTokens, String)> {
    let path = folder.join("tokenizer_config.json");
    let read = |path: &Path| match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Model(format!("{} cannot be read: {error}", path.display()))),
    };
    let text = read(&path)?.unwrap_or_else(|| "{}".into());
    let config = Json::parse(&text, &path)?;
    let named = NamedTokens::read(&config);
    if let Some(template) = read(&folder.join("chat_template.jinja"))? {
        return Ok((named, template));
    }
    let template = match config.get("chat_template") {
        Some(Value::String(template)) => Some(template.as_str()),
        Some(Value::Array(templates)) => {
            let default = templates.iter().find(|template| template["name"] == "default");
            default.and_then(|template| template["template"].as_str())
        }
        _ => None,
    };
    match template {
        Some(template) => Ok((named, template.to_owned())),
        None => Err(Error::Model(format!(
            "{} has no chat template, so the model cannot be asked anything; choose an instruction-tuned model, or put the template into \
             {} (`chat_template.jinja`, or the key `chat_template` in `tokenizer_config.json`)",
            folder.display(),
            folder.join("chat_template.jinja").display()
        ))),
    }
}

/// Jinja as transformers sets it up.
fn environment(template: String, folder: &Path) -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |reason: String| -> Result<String, minijinja::Error> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, reason))
    });
    environment.add_function("strftime_now", |format: String| fixed_day(&format));
    environment
        .add_template_owned(TEMPLATE, template)
        .map_err(|error| Error::Model(format!("the chat template in {} cannot be read: {error}", folder.display())))?;
    Ok(environment)
}

/// Friday, 26 July 2024, midnight, in the words of `strftime`.
fn fixed_day(format: &str) -> String {
    let parts = [
        ("%-d", "26"),
        ("%-m", "7"),
        ("%d", "26"),
        ("%m", "07"),
        ("%Y", "2024"),
        ("%y", "24"),
        ("%B", "July"),
        ("%b", "Jul"),
        ("%A", "Friday"),
        ("%a", "Fri"),
        ("%j", "208"),
        ("%H", "00"),
        ("%M", "00"),
        ("%S", "00"),
        ("%%", "%"),
    ];
    parts.iter().fold(format.to_owned(), |text, (directive, value)| text.replace(directive, value))
}

/// A decoded text without a last character of which only the first bytes are there.
pub fn whole_characters(text: &str) -> &str {
    text.trim_end_matches('\u{FFFD}')
}
