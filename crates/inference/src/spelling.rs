//! How a vocabulary spells a short word at the beginning of an answer.
use contract::{Error, Result};
use lm::Tokenizer;
use std::collections::HashMap;

/// What was found of the words that were asked for.
#[derive(Default)]
pub struct Spellings(HashMap<String, Vec<Vec<u32>>>);

impl Spellings {
    pub fn get(&self, word: &str) -> Option<Vec<Vec<u32>>> {
        self.0.get(word).cloned()
    }

    /// Keeps what was found.
    ///
    /// # Errors
    /// [`contract::Code::Engine`] where it is nothing: `engine` cannot say the word.
    pub fn keep(&mut self, word: &str, found: Vec<Vec<u32>>, engine: &str) -> Result<Vec<Vec<u32>>> {
        if found.is_empty() {
            return Err(Error::engine(format!("{engine} has no token for \"{word}\", which a judge must be able to say.")));
        }
        self.0.insert(word.into(), found.clone());
        Ok(found)
    }
}

/// The token sequences that say a word, told by all of a vocabulary; none where no token is the word by itself.
///
/// # Errors
/// Where the tokenizer cannot decode a token of its own.
pub fn spellings_of(word: &str, tokenizer: &Tokenizer) -> Result<Vec<Vec<u32>>> {
    let mut alone = Vec::new();
    for token in tokenizer.tokens_with(word)? {
        if tokenizer.decode(&[token])?.trim() == word {
            alone.push(token);
        }
    }
    spellings(word, &alone, &|text| Ok(tokenizer.encode(text)?), &|tokens| Ok(tokenizer.decode(tokens)?))
}

/// Texts of a word that a tokenizer is asked for: after white space many vocabularies write it otherwise.
fn texts_of(word: &str) -> [String; 2] {
    [word.to_owned(), format!(" {word}")]
}

/// The token sequences that say a word, white space before it aside: each of `alone`, the tokens that are the word by themselves, and a token of white space
/// with one of them after it where the tokenizer writes it so (SentencePiece with digits of their own: "▁", "5"; Qwen2: "Ġ", "5").
///
/// # Errors
/// Those of `encode` and `decode`.
fn spellings(
    word: &str,
    alone: &[u32],
    encode: &dyn Fn(&str) -> Result<Vec<u32>>,
    decode: &dyn Fn(&[u32]) -> Result<String>,
) -> Result<Vec<Vec<u32>>> {
    let mut found: Vec<Vec<u32>> = alone.iter().map(|token| vec![*token]).collect();
    for text in texts_of(word) {
        let tokens = encode(&text)?;
        if let [space, last] = tokens[..]
            && alone.contains(&last)
            && !alone.contains(&space)
            && decode(&[space])?.trim().is_empty()
            && !found.contains(&tokens)
        {
            found.push(tokens);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_may_be_a_token_of_its_own() {
        // As Llama 2 has it: 7 is white space, 5 the digit, 15 the digit with white space in one.
        let encode = |text: &str| Ok(if text.starts_with(' ') { vec![7, 7, 5] } else { vec![7, 5] });
        let decode = |tokens: &[u32]| Ok(if tokens == [7] { String::new() } else { "5".into() });
        assert_eq!(spellings("5", &[5, 15], &encode, &decode).unwrap(), [vec![5], vec![15], vec![7, 5]]);
        // As SmolLM2 has it.
        let encode = |text: &str| Ok(if text.starts_with(' ') { vec![7, 5] } else { vec![5] });
        assert_eq!(spellings("5", &[5], &encode, &decode).unwrap(), [vec![5], vec![7, 5]]);
        // What stands before is no white space.
        let decode = |_: &[u32]| Ok("x".into());
        assert_eq!(spellings("5", &[5], &encode, &decode).unwrap(), [vec![5]]);
    }
}
