//! What repositories are called.
use contract::{Code, Error, Result};

/// The longest that the hub gives.
const LONGEST: usize = 96;

/// `owner/name` or, of some old repositories, `name` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(String);

impl Id {
    /// # Errors
    /// [`Code::Spec`] for what cannot be one, with what it should look like.
    pub fn parse(text: &str) -> Result<Self> {
        let is_part = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        let is_id = text.len() <= LONGEST && text.split('/').count() <= 2 && text.split('/').all(is_part) && !text.contains("..");
        if is_id {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(
            Code::Spec,
            format!(
                "\"{text}\" names no repository of the hub: write owner/name, such as Qwen/Qwen2.5-0.5B-Instruct. `alignpro hub search TEXT` finds them."
            ),
        ))
    }

    /// The whole.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without its owner.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_an_owner_and_a_name() {
        for good in ["Qwen/Qwen2.5-0.5B-Instruct", "gpt2", "openbmb/UltraFeedback"] {
            assert_eq!(Id::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(Id::parse("a/b").unwrap().name(), "b");
        for bad in ["", "/", "a/", "a/b/c", "../x", "a/..", "a b/c", "https://h/a", "a/b?x", "a/-b", "ü/x"] {
            assert_eq!(Id::parse(bad).unwrap_err().code, Code::Spec, "{bad:?}");
        }
    }
}
