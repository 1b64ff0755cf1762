//! What is asked as a model reads it, and whether it fits into the model with its answer.
use crate::AnswerRequest;
use contract::{Error, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// Tokens of every request, as `tokens` has them of a system prompt and a prompt. Equal ones are encoded once, and share theirs.
///
/// # Errors
/// [`contract::Code::Data`] of a prompt that leaves no room for `max_tokens` of answer in a model that knows `context` positions.
pub fn encoded(
    requests: &[AnswerRequest],
    max_tokens: usize,
    context: usize,
    tokens: impl Fn(Option<&str>, &str) -> Result<Vec<u32>>,
) -> Result<Vec<Arc<[u32]>>> {
    let mut known: HashMap<(Option<&str>, &str), Arc<[u32]>> = HashMap::new();
    let mut encoded = Vec::with_capacity(requests.len());
    for request in requests {
        let key = (request.system.as_deref(), request.prompt.as_str());
        let prompt = match known.get(&key) {
            Some(tokens) => tokens.clone(),
            None => {
                let tokens: Arc<[u32]> = tokens(key.0, key.1)?.into();
                check_length(&request.prompt, tokens.len(), max_tokens, context)?;
                known.insert(key, tokens.clone());
                tokens
            }
        };
        encoded.push(prompt);
    }
    Ok(encoded)
}

/// Checks that a prompt of `prompt_tokens` tokens (chat template included) leaves room for `max_tokens` of answer in a model that
/// knows `context` positions. The error names the prompt by its first words, because a data set has many.
pub(crate) fn check_length(prompt: &str, prompt_tokens: usize, max_tokens: usize, context: usize) -> Result<()> {
    if prompt_tokens + max_tokens <= context {
        return Ok(());
    }
    Err(Error::data(format!(
        "the prompt that begins \"{}\" is {prompt_tokens} tokens long with the chat template; with max_answer_tokens = {max_tokens} that is {}, \
         and the model's context holds {context}: shorten the prompt or allow shorter answers",
        first_words(prompt),
        prompt_tokens + max_tokens
    )))
}

/// The first eight words, at most 60 characters.
fn first_words(prompt: &str) -> String {
    let words = prompt.split_whitespace().take(8).collect::<Vec<_>>().join(" ");
    let short: String = words.chars().take(60).collect();
    if short.len() < prompt.trim().len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_that_just_fits_is_accepted() {
        assert!(check_length("hello", 52, 48, 100).is_ok());
    }

    #[test]
    fn the_error_names_the_prompt_and_the_numbers() {
        let error = check_length("Tell me everything about the long history of the humble potato", 53, 48, 100).unwrap_err();
        assert_eq!(error.code, contract::Code::Data);
        for part in ["Tell me everything about the long history of…", "53 tokens", "max_answer_tokens = 48", "101", "100"] {
            assert!(error.message.contains(part), "{part:?} is missing in: {}", error.message);
        }
    }

    #[test]
    fn words_of_any_script_are_cut_between_characters() {
        let error = check_length(&"詩".repeat(500), 500, 1, 100).unwrap_err();
        assert!(error.message.contains(&format!("{}…", "詩".repeat(60))));
    }
}
