//! A judge as a part of a reward: it is asked for a number by a rubric, and what counts is the expectation over the numbers that it may say, not the one
//! that it happens to say (G-Eval; Liu et al. 2023, arXiv 2303.16634).
use super::question::{filled, shown};
use contract::bench::ScoreMass;
use contract::{Error, Result};
use inference::FrozenModel;
use lm::Message;
use rewards::{Lengths, Scorer};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Of the answers of a batch, at most so many may get no number, and two always: a batch is scored again as it was where a run goes on, so that the rule
/// says the same then.
const MOST_SILENT: f64 = 0.1;

/// Probability that has fallen on numbers, over all answers so far that got one.
#[derive(Debug, Clone, Copy)]
struct Seen {
    answers: usize,
    sum: f64,
    least: f64,
    /// Answers that got no number, and so the lowest.
    silent: usize,
}

impl Seen {
    const NOTHING: Self = Self { answers: 0, sum: 0.0, least: 1.0, silent: 0 };
}

/// A frozen model that scores by a rubric. Equal answers get equal scores as far as the model answers alike.
pub struct ScoreJudge<M: FrozenModel + ?Sized = dyn FrozenModel> {
    model: Mutex<Box<M>>,
    scale: Scale,
    seen: Mutex<Seen>,
    /// Whether an answer that gets no number gets the lowest.
    goes_on: AtomicBool,
}

impl<M: FrozenModel + ?Sized> ScoreJudge<M> {
    /// # Errors
    /// Where the model does not tell how likely an answer begins with a number, or with these hardly ever: found with one question.
    pub fn new(model: Box<M>, scale: Scale) -> Result<Self> {
        let judge = Self { model: Mutex::new(model), scale, seen: Mutex::new(Seen::NOTHING), goes_on: AtomicBool::new(false) };
        let trial = [Message::user("What is the capital of France?"), Message { role: "assistant".into(), content: "Paris.".into() }];
        judge.score(&[trial.to_vec()])?;
        Ok(Self { seen: Mutex::new(Seen::NOTHING), ..judge })
    }

    /// From now on an answer that gets no number gets the lowest, as long as few do: one answer that leads the judge astray must not end a run, and nothing
    /// is won by writing such.
    pub fn go_on_without_number(&self) {
        self.goes_on.store(true, Ordering::Relaxed);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Nothing that happens under it can fail half-way.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model that is asked.
    ///
    /// # Errors
    /// After a panic in the model, of which nothing is asked any more.
    pub fn model(&self) -> Result<MutexGuard<'_, Box<M>>> {
        self.model.lock().map_err(|_| Error::internal("The judge met a fault before."))
    }

    fn question(&self, conversation: &[Message]) -> String {
        let (answer, before) = conversation.split_last().map_or(("", conversation), |(last, before)| (last.content.as_str(), before));
        let prompt = shown(before);
        let Scale { rubric, lowest, highest } = &self.scale;
        let (lowest, highest) = (lowest.to_string(), highest.to_string());
        filled(
            TEMPLATE,
            &[("{rubric}", rubric), ("{prompt}", &prompt), ("{answer}", answer), ("{lowest}", &lowest), ("{highest}", &highest)],
        )
    }

    /// Σ s·p(s) / Σ p(s) over the numbers s of the scale, which have the probabilities `likely`; none where too little falls on them.
    fn expectation(&self, likely: &[f64]) -> Option<f64> {
        let mass: f64 = likely.iter().sum();
        let mut seen = self.seen();
        if !(mass.is_finite() && mass >= LEAST_MASS) {
            seen.silent += 1;
            return None;
        }
        *seen = Seen { answers: seen.answers + 1, sum: seen.sum + mass, least: seen.least.min(mass), ..*seen };
        Some((self.scale.lowest..).zip(likely).map(|(score, p)| f64::from(score) * p).sum::<f64>() / mass)
    }

    /// That so many of the answers got no number.
    fn silent(&self, silent: usize, answers: usize) -> Error {
        let Scale { lowest, highest, .. } = self.scale;
        Error::reward(format!(
            "the judge would not say a number from {lowest} to {highest} of {silent} of {answers} answers (these have a probability below {LEAST_MASS:.0e} \
             together), so that no score can be computed. Choose a model that follows instructions, or ask for less in the rubric."
        ))
    }
}

impl<M: FrozenModel + ?Sized> Scorer for ScoreJudge<M> {
    fn score(&self, conversations: &[Vec<Message>]) -> Result<Vec<f64>> {
        let questions: Vec<String> = conversations.iter().map(|conversation| self.question(conversation)).collect();
        let numbers: Vec<String> = (self.scale.lowest..=self.scale.highest).map(|number| number.to_string()).collect();
        let likely = {
            let mut model = self.model()?;
            let likely = model.first_words(&questions, &numbers)?;
            model.rest();
            likely
        };
        let scores: Vec<Option<f64>> = likely.iter().map(|likely| self.expectation(likely)).collect();
        let silent = scores.iter().filter(|score| score.is_none()).count();
        let most = if self.goes_on.load(Ordering::Relaxed) { (MOST_SILENT * scores.len() as f64).max(2.0) } else { 0.0 };
        if silent as f64 > most {
            return Err(self.silent(silent, scores.len()));
        }
        Ok(scores.into_iter().map(|score| score.unwrap_or(f64::from(self.scale.lowest))).collect())
    }

    fn lengths(&self, conversations: &[Vec<Message>]) -> Result<Option<Lengths>> {
        let model = self.model()?;
        let length = |conversation: &Vec<Message>| model.prompt_tokens(None, &self.question(conversation));
        let each = conversations.iter().map(length).collect::<Result<_>>()?;
        // And one that it says.
        Ok(Some(Lengths { each, context: model.context().saturating_sub(1) }))
    }

    fn remark(&self) -> Option<String> {
        let Seen { answers, silent, .. } = *self.seen();
        let (all, lowest) = (answers + silent, self.scale.lowest);
        let silent = (silent > 0).then(|| format!("the judge gave {silent} of {all} answers no number; they got the lowest, {lowest}."));
        let noticed = self.model().map(|model| model.remarks()).unwrap_or_default();
        let said: Vec<String> = silent.into_iter().chain(noticed).collect();
        (!said.is_empty()).then(|| said.join(" "))
    }

    fn score_mass(&self) -> Option<ScoreMass> {
        let seen = *self.seen();
        (seen.answers > 0).then(|| ScoreMass { mean: seen.sum / seen.answers as f64, least: seen.least })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inference::{Answer, AnswerDecoding, AnswerRequest};
    use std::ops::ControlFlow;

    /// Says numbers with these probabilities, or none to whatever holds "astray", and remembers what it was asked.
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
            Ok(prompts.iter().map(|prompt| if prompt.contains("astray") { vec![0.0; 3] } else { self.0.clone() }).collect())
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
    fn in_a_run_few_answers_may_get_no_number_and_many_may_not() {
        let judge = judge(&[0.0, 0.0, 0.9]).0.unwrap();
        let answers = |good: usize| [vec![pair("x", "good"); good], vec![pair("x", "astray")]].concat();
        assert!(judge.score(&answers(1)).unwrap_err().message.contains("from 1 to 3"), "not where scores are only looked at");
        assert!(judge.remark().is_some());
        let judge = ScoreJudge { seen: Mutex::new(Seen::NOTHING), ..judge };
        judge.go_on_without_number();
        assert_eq!(judge.score(&answers(30)).unwrap()[29..], [3.0, 1.0]);
        assert_eq!(judge.remark().unwrap(), "the judge gave 1 of 31 answers no number; they got the lowest, 1.");
        assert!((judge.score_mass().unwrap().mean - 0.9).abs() < 1e-12);
        assert_eq!(judge.score(&vec![pair("x", "astray"); 2]).unwrap(), [1.0, 1.0]);
        let message = judge.score(&vec![pair("x", "astray"); 5]).unwrap_err().message;
        assert!(message.contains("of 5 of 5 answers"), "{message}");
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
