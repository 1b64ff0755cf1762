//! A key, which nothing prints.
use reqwest::header::HeaderValue;

/// A key. It has no `Debug` and no `Display`, and is shown to nobody but the machine that it is for.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// None for a text that cannot be a key: empty, or with characters that no header can carry.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())).then(|| Self(text.into()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// `Authorization`, marked so that no log of the HTTP library shows it.
    pub fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// A text of who was asked, without the key, which some repeat in what they say.
    pub fn taken_out_of(&self, text: String) -> String {
        if text.contains(&self.0) { text.replace(&self.0, "[key]") } else { text }
    }
}

/// [`Secret::taken_out_of`] where there may be no key.
pub fn without(secret: Option<&Secret>, text: String) -> String {
    match secret {
        Some(secret) => secret.taken_out_of(text),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word_and_is_taken_out_of_what_is_said() {
        assert!(Secret::new(" \n").is_none() && Secret::new("two words").is_none() && Secret::new("schlüssel").is_none());
        let secret = Secret::new("sk-abc\n").unwrap();
        assert_eq!(secret.taken_out_of("Incorrect API key provided: sk-abc.".into()), "Incorrect API key provided: [key].");
        assert!(!format!("{:?}", secret.header().unwrap()).contains("abc"));
    }
}
