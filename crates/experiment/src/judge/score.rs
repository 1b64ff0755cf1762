//! A judge as a part of a reward: it is asked for a number by a rubric, and what counts is the expectation over the numbers that it may say, not the one
//! that it happens to say (G-Eval; Liu et al. 2023, arXiv 2303.16634).
use super::question::filled;
use contract::bench::ScoreMass;
use contract::{Error, Result};
use inference::FrozenModel;
use lm::Message;
use rewards::Scorer;
use std::sync::{Mutex, PoisonError};

/// What a judge is asked, as one user message.
const TEMPLATE: &str = "\
You are an impartial judge. Below are a rubric, a prompt and an answer to it. Rate the answer by the rubric alone. Its length is no merit.

[Rubric]
{rubric}
[End of the rubric]

[Prompt]
{prompt}
[End of the prompt]

[Answer]
{answer}
[End of the answer]

How good is the answer by the rubric, from {lowest} (worst) to {highest} (best)? Reply with one number and nothing else.";

/// Below so much probability of all numbers together there is no score: the judge would say something else.
const LEAST_MASS: f64 = 1e-4;

/// By what a judge scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    pub rubric: String,
    /// One digit each, the first below the second.
    pub lowest: u32,
    pub highest: u32,
}

/// Probability that has fallen on numbers, over all answers so far.
#[derive(Debug, Clone, Copy)]
struct Seen {
    answers: usize,
    sum: f64,
    least: f64,
}

/// A frozen model that scores by a rubric. Equal answers get equal scores as far as the model answers alike.
pub struct ScoreJudge {
    model: Mutex<Box<dyn FrozenModel>>,
    scale: Scale,
    seen: Mutex<Seen>,
}

impl ScoreJudge {
    /// # Errors
    /// Where the model does not tell how likely an answer begins with a number, or with these hardly ever: found with one question.
    pub fn new(model: Box<dyn FrozenModel>, scale: Scale) -> Result<Self> {
        let judge = Self { model: Mutex::new(model), scale, seen: Mutex::new(Seen { answers: 0, sum: 0.0, least: 1.0 }) };
        let trial = [Message::user("What is the capital of France?"), Message { role: "assistant".into(), content: "Paris.".into() }];
        judge.score(&[trial.to_vec()])?;
        Ok(Self { seen: Mutex::new(Seen { answers: 0, sum: 0.0, least: 1.0 }), ..judge })
    }

    fn question(&self, conversation: &[Message]) -> String {
        let (answer, before) = conversation.split_last().map_or(("", conversation), |(last, before)| (last.content.as_str(), before));
        let prompt = match before {
            [only] if only.role == "user" => only.content.clone(),
            all => all.iter().map(|message| format!("{}: {}", message.role, message.content)).collect::<Vec<_>>().join("\n\n"),
        };
        let Scale { rubric, lowest, highest } = &self.scale;
        let (lowest, highest) = (lowest.to_string(), highest.to_string());
        filled(
            TEMPLATE,
            &[("{rubric}", rubric), ("{prompt}", &prompt), ("{answer}", answer), ("{lowest}", &lowest), ("{highest}", &highest)],
        )
    }

    /// Σ s·p(s) / Σ p(s) over the numbers s of the scale, which have the probabilities `likely`.
    fn expectation(&self, likely: &[f64]) -> Result<f64> {
        let mass: f64 = likely.iter().sum();
        if !(mass.is_finite() && mass >= LEAST_MASS) {
            let Scale { lowest, highest, .. } = self.scale;
            return Err(Error::reward(format!(
                "the judge would say a number from {lowest} to {highest} with a probability of {mass:.1e} only, from which no score can be computed. Choose a \
                 model that follows instructions, or ask for less in the rubric."
            )));
        }
        // Nothing in here can fail half-way.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Seen { answers: seen.answers + 1, sum: seen.sum + mass, least: seen.least.min(mass) };
        Ok((self.scale.lowest..).zip(likely).map(|(score, p)| f64::from(score) * p).sum::<f64>() / mass)
    }
}

impl Scorer for ScoreJudge {
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        let questions: Vec<String> = conversations.iter().map(|conversation| self.question(conversation)).collect();
        let numbers: Vec<String> = (self.scale.lowest..=self.scale.highest).map(|number| number.to_string()).collect();
        // After a panic in the model nothing is asked of it any more.
        let mut model = self.model.lock().map_err(|_| Error::internal("The judge met a fault before."))?;
        model.first_words(&questions, &numbers)?.iter().map(|likely| self.expectation(likely)).collect()
    }

    fn score_mass(&self) -> Option<ScoreMass> {
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.answers > 0).then(|| ScoreMass { mean: seen.sum / seen.answers as f64, least: seen.least })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inference::{Answer, AnswerDecoding, AnswerRequest};
    use std::ops::ControlFlow;

    /// Says numbers with these probabilities, and remembers what it was asked.
    struct Says(Vec<f64>, std::sync::Arc<Mutex<Vec<String>>>);

    impl FrozenModel for Says {
        fn describe(&self) -> String {
            "a stand-in".into()
        }
        fn identity(&self) -> &str {
            "stand-in"
        }
        fn context(&self) -> usize {
            1000
        }
        fn prompt_tokens(&self, _system: Option<&str>, _prompt: &str) -> Result<usize> {
            Ok(1)
        }
        fn answer(
            &mut self,
            _requests: &[AnswerRequest],
            _decoding: &AnswerDecoding,
            _on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
        ) -> Result<Vec<Answer>> {
            unreachable!("a judge writes nothing")
        }
        fn first_words(&mut self, prompts: &[String], words: &[String]) -> Result<Vec<Vec<f64>>> {
            assert_eq!(words, ["1", "2", "3"]);
            self.1.lock().unwrap().extend_from_slice(prompts);
            Ok(vec![self.0.clone(); prompts.len()])
        }
    }

    fn judge(likely: &[f64]) -> (Result<ScoreJudge>, std::sync::Arc<Mutex<Vec<String>>>) {
        let asked = std::sync::Arc::default();
        let scale = Scale { rubric: "Kind {answer}.".into(), lowest: 1, highest: 3 };
        (ScoreJudge::new(Box::new(Says(likely.to_vec(), std::sync::Arc::clone(&asked))), scale), asked)
    }

    fn pair(prompt: &str, answer: &str) -> Vec<Message> {
        vec![Message::user(prompt), Message { role: "assistant".into(), content: answer.into() }]
    }

    #[test]
    fn a_score_is_the_expectation_over_what_the_judge_may_say() {
        let (judge, asked) = judge(&[0.1, 0.0, 0.3]);
        let judge = judge.unwrap();
        assert!(judge.score_mass().is_none(), "the trial does not count");
        let scores = judge.score(&[pair("x {answer}", "y")]).unwrap();
        assert!((scores[0] - (0.1 + 3.0 * 0.3) / 0.4).abs() < 1e-12);
        let mass = judge.score_mass().unwrap();
        assert!((mass.mean - 0.4).abs() < 1e-12 && (mass.least - 0.4).abs() < 1e-12);
        let question = asked.lock().unwrap().last().unwrap().clone();
        // Marks in texts stay what they are.
        assert!(question.contains("[Rubric]\nKind {answer}.\n") && question.contains("[Prompt]\nx {answer}\n"), "{question}");
        assert!(question.contains("[Answer]\ny\n") && question.contains("from 1 (worst) to 3 (best)"), "{question}");
    }

    #[test]
    fn the_whole_conversation_is_shown() {
        let (judge, asked) = judge(&[0.1, 0.2, 0.3]);
        let system = Message { role: "system".into(), content: "Be brief.".into() };
        judge.unwrap().score(&[[vec![system], pair("x", "y")].concat()]).unwrap();
        assert!(asked.lock().unwrap().last().unwrap().contains("[Prompt]\nsystem: Be brief.\n\nuser: x\n[End"));
    }

    #[test]
    fn a_judge_that_says_something_else_has_no_score() {
        for likely in [[0.0; 3], [1e-6; 3], [f64::NAN; 3]] {
            assert!(judge(&likely).0.err().unwrap().message.contains("from 1 to 3"));
        }
    }
}
