//! Text to tokens and back, and the chat template.
use crate::Result;
use serde::{Deserialize, Serialize};

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub role: String,
    pub content: String,
}

impl Message {
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user".into(), content: content.into() }
    }
}

/// A tokenizer with its chat template.
pub struct Tokenizer {}

impl Tokenizer {
    /// Tokens of `text`; special tokens written in the text become their ids, none are added.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        todo!("{text}")
    }
    /// Text of `tokens` without special tokens.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        todo!("{tokens:?}")
    }
    /// The conversation as the chat template writes it, as transformers' `apply_chat_template` does.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        todo!("{messages:?} {add_generation_prompt}")
    }
    /// Tokens that ask the model to answer `messages`: rendered and encoded. Text inside a message that looks like a special
    /// token must not become one.
    pub fn chat(&self, messages: &[Message]) -> Result<Vec<u32>> {
        todo!("{messages:?}")
    }
    pub fn vocabulary_size(&self) -> usize {
        todo!()
    }
}
