//! How pairs go to a command or a service of the user's own, and scores come back.
use crate::reward::last;
use lm::Message;
use serde::Serialize;
use serde_json::Value;

/// A pair that is to be scored.
#[derive(Debug, Serialize)]
pub struct Asked<'a> {
    /// Counts on through a run, so that no score can be taken for one of another batch.
    pub id: u64,
    /// The last message of the user, and the answer to it.
    pub prompt: &'a str,
    pub answer: &'a str,
    /// The whole conversation, where it is more than these two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<&'a [Message]>,
    /// To a command: how many pairs of the batch follow. After 0 nothing comes until all scores are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<usize>,
}

impl<'a> Asked<'a> {
    /// The last message of a conversation.
    pub fn of(id: u64, conversation: &'a [Message]) -> Self {
        let pair = last(conversation);
        let is_pair = matches!(conversation, [user, assistant] if user.role == "user" && assistant.role == "assistant");
        Self { id, prompt: pair.prompt, answer: pair.answer, messages: (!is_pair).then_some(conversation), left: None }
    }
}

/// The scores of a batch as they come in, in any order.
pub struct Awaited {
    first: u64,
    scores: Vec<Option<f64>>,
    missing: usize,
}

impl Awaited {
    /// Of so many pairs, numbered from `first` on.
    pub fn new(first: u64, pairs: usize) -> Self {
        Self { first, scores: vec![None; pairs], missing: pairs }
    }

    /// Pairs without a score.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// One score as text, or a clause that says what is wrong with it.
    pub fn take_text(&mut self, text: &str) -> Result<(), String> {
        let value: Value = serde_json::from_str(text).map_err(|e| not_json(text, &e))?;
        self.take(&value)
    }

    /// The same of a parsed one: `{"id": 3, "score": 0.5}`.
    pub fn take(&mut self, value: &Value) -> Result<(), String> {
        let Some(given) = value.get("id") else { return Err("has no \"id\"".into()) };
        let Some(id) = given.as_u64() else { return Err(format!("has the id {given}, which no pair has")) };
        let score = match value.get("score") {
            None => return Err(format!("has no \"score\" (id {id})")),
            Some(score) => score.as_f64().filter(|score| score.is_finite()),
        };
        let Some(score) = score else { return Err(format!("gives id {id} a score that is not a finite number")) };
        let at = id.checked_sub(self.first).and_then(|at| usize::try_from(at).ok()).and_then(|at| self.scores.get_mut(at));
        match at {
            None => Err(format!("has the id {id}, which is none of this batch")),
            Some(Some(_)) => Err(format!("scores id {id} for the second time")),
            Some(place) => {
                *place = Some(score);
                self.missing -= 1;
                Ok(())
            }
        }
    }

    /// The scores in the order of the pairs; None where one is missing.
    pub fn whole(self) -> Option<Vec<f64>> {
        self.scores.into_iter().collect()
    }
}

/// What a text is that should have been JSON. Python writes NaN and Infinity, which JSON does not have.
pub fn not_json(text: &str, error: &serde_json::Error) -> String {
    let is_no_number = ["NaN", "Infinity"].iter().any(|word| text.contains(word)) || error.to_string().contains("out of range");
    let what = if is_no_number && text.trim_start().starts_with('{') { "holds a score that is not a finite number" } else { "is not JSON" };
    what.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(texts: &[&str]) -> String {
        let mut awaited = Awaited::new(5, 2);
        texts.iter().find_map(|text| awaited.take_text(text).err()).unwrap()
    }

    #[test]
    fn scores_come_in_any_order() {
        let mut awaited = Awaited::new(5, 2);
        awaited.take_text(r#"{"id": 6, "score": 1, "why": "short"}"#).unwrap();
        assert_eq!(awaited.missing(), 1);
        awaited.take_text(r#"{"score": -0.5, "id": 5}"#).unwrap();
        assert_eq!(awaited.whole(), Some(vec![-0.5, 1.0]));
        assert_eq!(Awaited::new(0, 1).whole(), None);
    }

    #[test]
    fn what_is_wrong_with_a_score_is_said() {
        for (texts, said) in [
            (&["Loading …"][..], "is not JSON"),
            (&["[1, 2]"], "has no \"id\""),
            (&[r#"{"id": "5", "score": 1}"#], "which no pair has"),
            (&[r#"{"id": 5}"#], "has no \"score\" (id 5)"),
            (&[r#"{"id": 5, "score": null}"#], "not a finite number"),
            (&[r#"{"id": 5, "score": NaN}"#], "not a finite number"),
            (&[r#"{"id": 5, "score": -Infinity}"#], "not a finite number"),
            (&[r#"{"id": 5, "score": 1e999}"#], "not a finite number"),
            (&[r#"{"id": 5, "score": "0.5"}"#], "not a finite number"),
            (&[r#"{"id": 4, "score": 1}"#], "none of this batch"),
            (&[r#"{"id": 7, "score": 1}"#], "none of this batch"),
            (&[r#"{"id": 5, "score": 1}"#, r#"{"id": 5, "score": 1}"#], "for the second time"),
        ] {
            assert!(clause(texts).contains(said), "{texts:?}: {}", clause(texts));
        }
    }

    #[test]
    fn a_conversation_is_sent_whole_where_it_is_more_than_a_pair() {
        let message = |role: &str, content: &str| Message { role: role.into(), content: content.into() };
        let pair = [message("user", "x"), message("assistant", "y")];
        assert_eq!(serde_json::to_string(&Asked::of(3, &pair)).unwrap(), r#"{"id":3,"prompt":"x","answer":"y"}"#);
        let more = [message("system", "s"), pair[0].clone(), pair[1].clone()];
        let sent: Value = serde_json::to_value(Asked { left: Some(0), ..Asked::of(3, &more) }).unwrap();
        assert_eq!((&sent["messages"][0]["role"], &sent["prompt"], &sent["left"]), (&"system".into(), &"x".into(), &0.into()));
    }
}
