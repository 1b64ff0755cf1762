//! The fifth rule of the design: an engine proves that it answers prompts together as it answers them one by one.
use crate::{Answer, AnswerDecoding, AnswerRequest, FrozenModel};
use contract::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// What the engine is asked. Six prompts have the same number of (common) words, so that engines which batch only what is equally
/// long do batch them: where they mix up rows, those six show it. A very short and a long one show what goes wrong between rows of
/// different length.
pub const PROOF_PROMPTS: [&str; 8] = [
    "What is the capital city of France?",
    "What is the best way to relax?",
    "Why does the sky look so blue?",
    "Hello!",
    "How many legs does a spider have?",
    "Who was the first man in space?",
    "My neighbour's dog barks all night and I have an exam tomorrow. What could I do about it, without making an enemy of him?",
    "Where do birds go in the winter?",
];

/// Tokens of each answer: enough for a wrong key or value to show in the tokens after it, few enough for a slow engine.
const PROOF_TOKENS: usize = 16;

/// Largest difference between log-probabilities (nats) that rounding can explain. A batch changes the order of floating-point
/// sums and nothing else: in f32, over some tens of layers, that moves a log-probability by about 1e-5 and at most 1e-4. An
/// engine that reads another row's keys or values moves it by tenths or more. 1e-3 lies well between.
pub const LOG_PROB_TOLERANCE: f64 = 1e-3;

/// The same where products are in bf16: each is rounded to one part in 256, by the batch in one direction or the other, which moves a log-probability
/// by some hundredths. Where two tokens are that near to each other another one may be taken, and the texts part.
pub const BF16_LOG_PROB_TOLERANCE: f64 = 0.1;

/// The same where everything is in bf16, what runs through the blocks and the logits too. Logits of 16 to 32 are then an eighth apart: this is four such
/// steps. Seen on models with random weights: 0.25. A row that reads another's keys moves log-probabilities by one and two.
pub const ALL_BF16_LOG_PROB_TOLERANCE: f64 = 0.5;

/// What the proof found; kept with the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// [`FrozenModel::describe`] of the engine that was tried.
    pub engine: String,
    pub prompts: usize,
    /// Together and one by one agree: the engine may answer several requests at a time.
    pub batched: bool,
    /// Largest difference of a token's log-probability, in nats; null where one was not a number, or an endpoint gives none.
    pub max_log_prob_difference: Option<f64>,
    /// How many of the prompts got another text.
    pub texts_differ: usize,
    /// The finding in one sentence.
    pub detail: String,
}

/// Asks `model` the eight prompts greedily, one by one and then together, and compares. A slow engine takes most of a minute for it, so
/// `on_progress`, which hears how many of the 16 answers are done, can break ([`contract::Code::Stopped`]).
pub fn prove(model: &mut dyn FrozenModel, on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>) -> Result<Proof> {
    let requests: Vec<AnswerRequest> = PROOF_PROMPTS.iter().map(|&p| AnswerRequest::new(p, 0)).collect();
    let decoding = AnswerDecoding { max_tokens: PROOF_TOKENS, temperature: 0.0, top_p: 1.0, top_k: 0 };
    let mut alone = Vec::with_capacity(requests.len());
    for (done, request) in requests.iter().enumerate() {
        alone.extend(model.answer(std::slice::from_ref(request), &decoding, &mut |one| on_progress(done + one))?);
    }
    let together = model.answer(&requests, &decoding, &mut |more| on_progress(requests.len() + more))?;
    let engine = model.describe();
    if alone.len() != requests.len() || together.len() != requests.len() {
        return Err(Error::engine(format!(
            "{engine} gave {} answers one by one and {} together to {} prompts; this is a fault in the engine",
            alone.len(),
            together.len(),
            requests.len()
        )));
    }
    if alone.iter().any(|answer| answer.log_probs.iter().any(|l| !l.is_finite())) {
        return Err(Error::engine(format!(
            "{engine} gave a token whose log-probability is not a finite number: its weights or their quantisation are broken. Fetch the model again, or choose another"
        )));
    }
    Ok(compare(engine, &alone, &together, model.rounding()))
}

/// Whether rounding explains that one token was taken here and another there: each is the likeliest where it was taken, so that neither distribution has
/// room for both if one of them is sure. In nats: the two log-probabilities, and what rounding moves one by at most.
pub fn parts_by_rounding(one: f32, other: f32, rounding: f64) -> bool {
    let fit = |a: f32, b: f32| f64::from(a).exp() + (f64::from(b) - rounding).exp() <= 1.0;
    fit(one, other) && fit(other, one)
}

/// Up to where the texts part, the token included at which they do: what stands after it answers something else.
fn compare(engine: String, alone: &[Answer], together: &[Answer], rounding: f64) -> Proof {
    let pairs = || alone.iter().zip(together);
    let texts_differ = pairs().filter(|(a, b)| a.text != b.text || a.tokens != b.tokens || a.truncated != b.truncated).count();
    let differences = pairs().flat_map(|(a, b)| {
        let common = a.tokens.iter().zip(&b.tokens).take_while(|(a, b)| a == b).count();
        a.log_probs.iter().zip(&b.log_probs).take(common + 1).map(|(a, b)| f64::from((a - b).abs()))
    });
    // −∞ minus −∞ is not a number either; no token with probability 0 can be drawn.
    let max_log_prob_difference = differences.into_iter().try_fold(0.0, |max: f64, d| d.is_finite().then_some(max.max(d)));
    let complete = pairs().all(|(a, b)| a.log_probs.len() == a.tokens.len() && b.log_probs.len() == b.tokens.len());
    let parting = |(a, b): (&Answer, &Answer)| {
        let at = a.tokens.iter().zip(&b.tokens).position(|(a, b)| a != b)?;
        Some(parts_by_rounding(*a.log_probs.get(at)?, *b.log_probs.get(at)?, rounding))
    };
    let may_part = rounding > LOG_PROB_TOLERANCE && pairs().filter_map(parting).all(|by_rounding| by_rounding);
    let batched = (texts_differ == 0 || may_part) && complete && max_log_prob_difference.is_some_and(|d| d <= rounding);
    let n = alone.len();
    let largest = match max_log_prob_difference {
        Some(difference) => format!("log-probabilities differ by at most {difference:.1e}"),
        None => "a log-probability is not a number".into(),
    };
    let detail = if batched {
        let parted =
            if texts_differ == 0 { String::new() } else { format!(", {texts_differ} of the texts part where two tokens are as likely") };
        format!("{engine} answers {n} prompts together as it does one by one ({largest}{parted}), so it works in batches")
    } else {
        format!(
            "{engine} does not answer {n} prompts together as it does one by one ({texts_differ} texts differ, {largest}; \
             rounding explains {rounding:.0e}), so it works one by one"
        )
    };
    Proof { engine, prompts: n, batched, max_log_prob_difference, texts_differ, detail }
}

/// An engine that is given one request at a time, because it failed the proof.
pub struct OneByOne<M: FrozenModel + ?Sized>(Box<M>);

impl<M: FrozenModel + ?Sized> OneByOne<M> {
    pub fn new(model: Box<M>) -> Self {
        Self(model)
    }
}

impl<M: FrozenModel + ?Sized> FrozenModel for OneByOne<M> {
    fn describe(&self) -> String {
        format!("{}, one by one", self.0.describe())
    }

    fn identity(&self) -> &str {
        self.0.identity()
    }

    fn context(&self) -> usize {
        self.0.context()
    }

    fn prompt_tokens(&self, system: Option<&str>, prompt: &str) -> Result<usize> {
        self.0.prompt_tokens(system, prompt)
    }

    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(requests.len());
        for (done, request) in requests.iter().enumerate() {
            // The engine's own count (0 or 1) is added, so that it can be stopped within an answer too.
            answers.extend(self.0.answer(std::slice::from_ref(request), decoding, &mut |one| on_progress(done + one))?);
        }
        Ok(answers)
    }

    fn first_words(&mut self, prompts: &[String], words: &[String]) -> Result<Vec<Vec<f64>>> {
        let each = prompts.iter().map(|prompt| self.0.first_words(std::slice::from_ref(prompt), words));
        Ok(each.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    fn rest(&mut self) {
        self.0.rest();
    }

    fn stream(&mut self, request: &AnswerRequest, decoding: &AnswerDecoding, on_text: &mut dyn FnMut(&str)) -> Result<Answer> {
        self.0.stream(request, decoding, on_text)
    }
}

/// Lets an engine [`prove`] itself: as it is if it passes, one request at a time if not. The proof goes into the run's record.
pub fn admit(
    mut model: Box<dyn FrozenModel>,
    on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(Box<dyn FrozenModel>, Proof)> {
    let proof = prove(model.as_mut(), on_progress)?;
    if proof.batched { Ok((model, proof)) } else { Ok((Box::new(OneByOne::new(model)), proof)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, decoding, quiet, requests};

    #[test]
    fn the_prompts_are_eight_and_differ() {
        let mut different = PROOF_PROMPTS.to_vec();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), 8);
        assert_eq!(PROOF_PROMPTS.iter().filter(|prompt| prompt.split(' ').count() == 7).count(), 6);
    }

    #[test]
    fn a_sound_engine_works_in_batches() {
        let (model, proof) = admit(Box::new(Fake::sound()), &mut quiet).unwrap();
        assert!(proof.batched, "{}", proof.detail);
        assert_eq!((proof.prompts, proof.texts_differ, proof.max_log_prob_difference), (8, 0, Some(0.0)));
        assert_eq!(model.describe(), "fake");
    }

    #[test]
    fn an_engine_that_mixes_answers_is_caught_and_then_answers_rightly() {
        let (mut model, proof) = admit(Box::new(Fake::mixing()), &mut quiet).unwrap();
        assert!(!proof.batched);
        assert_eq!(proof.texts_differ, 8);
        assert!(proof.detail.contains("one by one"), "{}", proof.detail);
        let batch = requests(&[("a", 1), ("b", 2), ("c", 3)]);
        let mut heard = Vec::new();
        let answers = model.answer(&batch, &decoding(0.7), &mut |done| {
            heard.push(done);
            ControlFlow::Continue(())
        });
        assert_eq!(answers.unwrap(), Fake::sound().answer(&batch, &decoding(0.7), &mut quiet).unwrap());
        assert_eq!(heard, [1, 2, 3]);
        assert_eq!((model.describe().as_str(), model.identity()), ("fake, one by one", "fake-1"));
    }

    #[test]
    fn rounding_passes_and_anything_larger_does_not() {
        assert!(prove(&mut Fake::imprecise(1e-4), &mut quiet).unwrap().batched);
        let proof = prove(&mut Fake::imprecise(1e-2), &mut quiet).unwrap();
        assert!(!proof.batched && proof.texts_differ == 0);
        assert!(proof.max_log_prob_difference.is_some_and(|d| (d - 1e-2).abs() < 1e-5), "{proof:?}");
    }

    #[test]
    fn in_bf16_texts_may_part_where_two_tokens_are_as_likely_and_nowhere_else() {
        let answer = |tokens: &[u32], log_probs: &[f32]| Answer {
            text: format!("{tokens:?}"),
            tokens: tokens.to_vec(),
            log_probs: log_probs.to_vec(),
            truncated: false,
        };
        let alone = [answer(&[1, 2, 3], &[-0.1, -0.7, -0.2])];
        let compared = |other, rounding| compare("engine".into(), &alone, &[other], rounding);
        // After the second token it is another text, of which nothing is compared.
        let parted = || answer(&[1, 9, 8], &[-0.12, -0.69, -3.0]);
        let proof = compared(parted(), BF16_LOG_PROB_TOLERANCE);
        assert!(proof.batched && proof.texts_differ == 1 && proof.detail.contains("1 of the texts part"), "{proof:?}");
        assert!(proof.max_log_prob_difference.is_some_and(|d| (d - 0.02).abs() < 1e-6), "{proof:?}");
        assert!(!compared(parted(), LOG_PROB_TOLERANCE).batched, "in f32 texts are the same");
        assert!(!compared(answer(&[1, 9, 8], &[-0.1, -0.3, -0.1]), BF16_LOG_PROB_TOLERANCE).batched, "the other token is far more likely");
        assert!(!compared(answer(&[1, 2, 3], &[-0.1, -0.7, -0.4]), BF16_LOG_PROB_TOLERANCE).batched, "tenths are another row's");
        assert!(!compared(answer(&[9, 2, 3], &[-0.12, -0.7, -0.2]), BF16_LOG_PROB_TOLERANCE).batched, "both are sure, of different tokens");
    }

    #[test]
    fn not_a_number_is_no_proof_and_is_json() {
        let error = prove(&mut Fake::not_a_number(), &mut quiet).unwrap_err();
        assert!(error.code == contract::Code::Engine && error.message.contains("not a finite number"), "{error:?}");
        let proof = prove(&mut Fake::imprecise(f32::NAN), &mut quiet).unwrap();
        assert_eq!((proof.batched, proof.max_log_prob_difference), (false, None));
        let json = serde_json::to_string(&proof).unwrap();
        assert_eq!(serde_json::from_str::<Proof>(&json).unwrap(), proof);
    }

    #[test]
    fn a_lost_answer_is_an_error() {
        assert_eq!(admit(Box::new(Fake::forgetful()), &mut quiet).map(|_| ()).unwrap_err().code, contract::Code::Engine);
    }

    #[test]
    fn one_by_one_stops_when_asked() {
        let mut model = OneByOne::new(Box::new(Fake::sound()));
        let error = model.answer(&requests(&[("a", 1), ("b", 1)]), &decoding(0.0), &mut |_| ControlFlow::Break(())).unwrap_err();
        assert_eq!(error.code, contract::Code::Stopped);
        assert_eq!(model.0.computed, 1);
    }
}
