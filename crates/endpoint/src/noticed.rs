//! What is noticed of answers as they come, that whoever reads them should know.
use crate::completion::Reply;

/// Tokens more than were asked for that are no more than another way to count (the end of the text, what begins an answer).
const COUNTED_OTHERWISE: u64 = 2;

/// What is noticed of an endpoint's answers.
pub struct Noticed {
    /// The endpoint as a sentence begins with it.
    who: String,
    /// Of the server's configuration, as the first answer that tells one has it.
    fingerprint: Option<String>,
    has_other_fingerprint: bool,
    /// By so many tokens the longest answers went beyond what was asked for.
    excess: u64,
    /// A sentence each, of what nobody has been told yet.
    news: Vec<String>,
}

impl Noticed {
    pub fn new(who: String) -> Self {
        Self { who, fingerprint: None, has_other_fingerprint: false, excess: 0, news: Vec::new() }
    }

    pub fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// What is new since the last time.
    pub fn take_news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }

    /// Tokens that an answer may have which is asked for with at most `most`: answers differ in length, so twice as many more as were seen.
    pub fn longest(&self, most: u64) -> u64 {
        most.saturating_add(self.excess.saturating_mul(2))
    }

    /// Looks at an answer of `written` tokens, of which at most `most` were asked for.
    pub fn see(&mut self, reply: &Reply, written: u64, most: u64) {
        let is_counted = reply.usage.is_some() || !reply.log_probs.is_empty();
        // Four bytes a token are wrong by a factor for some texts.
        let allowed = if is_counted { most.saturating_add(COUNTED_OTHERWISE) } else { most.saturating_mul(2).saturating_add(8) };
        if written > allowed {
            if self.excess == 0 {
                self.news.push(format!(
                    "{} does not keep to the longest answer that it is asked for (max_tokens): one of {written} tokens came where {most} were to be the \
                     most. Answers are taken as they come, and more of a budget is set aside for each. Set a limit at the server, or choose another.",
                    self.who
                ));
            }
            self.excess = self.excess.max(written - most);
        }
        let Some(now) = &reply.fingerprint else { return };
        let before = self.fingerprint.get_or_insert_with(|| now.clone());
        if before != now && !self.has_other_fingerprint {
            self.has_other_fingerprint = true;
            self.news.push(format!(
                "{} calls its configuration \"{now}\" in an answer (system_fingerprint), and \"{before}\" before: it was changed in the meantime, or several \
                 answer under one name. What was answered before and after may not compare.",
                self.who
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::completion::Usage;

    fn counted(completion_tokens: u64, fingerprint: &str) -> Reply {
        let usage = Some(Usage { prompt_tokens: 5, completion_tokens });
        Reply { usage, fingerprint: Some(fingerprint.into()), ..Reply::default() }
    }

    #[test]
    fn an_answer_that_is_too_long_is_said_once_and_expected_from_then_on() {
        let mut noticed = Noticed::new("It".into());
        noticed.see(&counted(8, "a"), 8, 6);
        // Twelve words of eight letters, say.
        noticed.see(&Reply::default(), 20, 6);
        assert_eq!((noticed.take_news(), noticed.longest(6)), (Vec::new(), 6), "ways to count");
        noticed.see(&counted(300, "a"), 300, 24);
        noticed.see(&counted(310, "a"), 310, 24);
        let news = noticed.take_news();
        assert!(news.len() == 1 && news[0].contains("one of 300 tokens came where 24 were to be the most"), "{news:?}");
        assert_eq!((noticed.longest(6), noticed.longest(u64::MAX)), (6 + 2 * 286, u64::MAX));
        assert_eq!(noticed.take_news(), Vec::<String>::new());
    }

    #[test]
    fn another_fingerprint_is_said_once() {
        let mut noticed = Noticed::new("It".into());
        noticed.see(&Reply::default(), 1, 6);
        assert_eq!(noticed.fingerprint(), None);
        for fingerprint in ["a", "a", "b", "a", "c"] {
            noticed.see(&counted(1, fingerprint), 1, 6);
        }
        let news = noticed.take_news();
        assert!(news.len() == 1 && news[0].contains("\"b\" in an answer") && news[0].contains("\"a\" before"), "{news:?}");
        assert_eq!(noticed.fingerprint(), Some("a"));
    }
}
