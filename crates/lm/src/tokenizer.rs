//! Text to tokens and back, and the chat template.
use crate::chat_template::{ChatTemplate, NamedTokens};
use crate::{Error, Result};
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
    /// None of an encoder, which is given texts and no conversation.
    template: Option<ChatTemplate>,
    named: NamedTokens,
    file: String,
}

/// Breaks up what looks like a special token inside a message. A noncharacter: Unicode keeps it for uses like this one, and no text that is
/// meant to be exchanged holds it.
const BREAK: char = '\u{fdd0}';

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
        Self::read(folder, |named| ChatTemplate::open(folder, named).map(Some))
    }

    /// The same without a chat template, of a model that is given texts and no conversation: [`Self::text`].
    ///
    /// # Errors
    /// [`Error::Model`] when a file is missing or damaged.
    pub fn open_for_texts(folder: &Path) -> Result<Self> {
        Self::read(folder, |_| Ok(None))
    }

    fn read(folder: &Path, template: impl FnOnce(NamedTokens) -> Result<Option<ChatTemplate>>) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let file = path.display().to_string();
        if !path.is_file() {
            let other = ["spm.model", "tokenizer.model"].into_iter().find(|name| folder.join(name).is_file());
            let hint = other.map_or_else(String::new, |name| {
                format!(", and {name} is not read here; `AutoTokenizer.from_pretrained(folder).save_pretrained(folder)` of transformers makes it")
            });
            return Err(Error::Model(format!("{file} is missing; a model folder needs its fast tokenizer in this file{hint}")));
        }
        let bytes = std::fs::read(&path).map_err(|error| Error::Model(format!("{file} cannot be read: {error}")))?;
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|error| Error::Model(format!("{file} is not a tokenizer that can be read ({error}); fetch the file again")))?;
        // A tokenizer may come with settings for training batches, which would cut or lengthen texts here.
        tokenizer.with_padding(None).with_truncation(None).map_err(|error| Error::Model(format!("{file}: {error}")))?;
        let named = NamedTokens::read(folder)?;
        let template = template(named.clone())?;
        Ok(Self::of(tokenizer, template, named, file))
    }

    /// `file` is what errors name.
    pub(crate) fn of(tokenizer: tokenizers::Tokenizer, template: Option<ChatTemplate>, named: NamedTokens, file: String) -> Self {
        let added = tokenizer.get_added_tokens_decoder();
        let special = || added.values().filter(|token| token.special && !token.content.is_empty());
        Self(Arc::new(Inner {
            guarded: OnceLock::new(),
            special: special().map(|token| token.content.clone()).collect(),
            normalises_special: tokenizer.get_normalizer().is_some() && special().any(|token| token.normalized),
            template,
            named,
            file,
            tokenizer,
        }))
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
        let template = self.0.template.as_ref();
        template.ok_or_else(|| self.failed(&"it was opened without a chat template".into()))?.render(messages, add_generation_prompt)
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
        self.marked_tokens(&text, looks_special)
    }

    /// Tokens of a text alone, in which nothing becomes a special token, as in a message of [`Self::chat`].
    pub fn text(&self, text: &str) -> Result<Vec<u32>> {
        let marked = self.marked(text)?;
        self.marked_tokens(&marked, marked.len() != text.len())
    }

    fn marked_tokens(&self, text: &str, looks_special: bool) -> Result<Vec<u32>> {
        if looks_special || self.0.normalises_special { self.tokens(self.guarded()?, text) } else { self.encode(text) }
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

    /// The tokens at the beginning of a pair of texts and at the end of each: those that `tokenizer_config.json` names, or BERT's.
    pub(crate) fn around_texts(&self) -> Option<[u32; 2]> {
        let named = &self.0.named;
        Some([self.token(named.cls_token.as_deref().unwrap_or("[CLS]"))?, self.token(named.sep_token.as_deref().unwrap_or("[SEP]"))?])
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

/// A decoded text without a last character of which only the first bytes are there.
fn whole_characters(text: &str) -> &str {
    text.trim_end_matches('\u{FFFD}')
}
