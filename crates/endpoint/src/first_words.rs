//! How likely an answer begins with certain words, by the likeliest first tokens that an endpoint tells of.
use crate::completion::{Alternative, Reply};
use crate::failure::{Failure, Remedy};
use crate::journal::{Question, unknown};
use crate::model::{Ask, Endpoint, Trouble, answer, check_served};
use contract::{Error, Result};
use inference::{ALL_BF16_LOG_PROB_TOLERANCE, AnswerDecoding, AnswerRequest, PROOF_PROMPTS};
use std::ops::ControlFlow;

/// As many as the protocol allows; some servers allow [`FEWER_ALTERNATIVES`].
pub const MOST_ALTERNATIVES: usize = 20;
const FEWER_ALTERNATIVES: usize = 5;
/// Probabilities are those before any sampling.
const ONE_TOKEN: AnswerDecoding = AnswerDecoding { max_tokens: 1, temperature: 1.0, top_p: 1.0, top_k: 0 };

/// Likeliest tokens of a question that are compared: those further down come and go with rounding.
const COMPARED: usize = 3;
/// Probabilities sum up to 1, and f32 rounds. Logarithms to the base of 10 that are taken for natural ones sum up to more with any two tokens.
const MOST_PROBABILITY: f64 = 1.001;

impl Endpoint {
    /// [`inference::FrozenModel::first_words`]. What is not among the likeliest tokens counts as impossible.
    pub(crate) fn first_words_of(&mut self, prompts: &[String], words: &[String]) -> Result<Vec<Vec<f64>>> {
        let requests: Vec<AnswerRequest> = prompts.iter().map(|prompt| AnswerRequest::new(prompt.clone(), 0)).collect();
        let questions: Vec<Question> = requests.iter().map(|request| Question::of_first(&self.identity, request, &ONE_TOKEN)).collect();
        // What is asked again in another call, as reliability is measured, is a new question where nothing is kept.
        let remembers = self.journal.has_name();
        let firsts = loop {
            let missing = unknown(&questions, |question| remembers && self.journal.has(question));
            // One question alone is asked alone.
            let proved = if missing.len() > 1 { self.prove_firsts() } else { Ok(()) };
            match proved.and_then(|()| self.likely_firsts(&requests, &questions, &missing)) {
                Ok(firsts) => break firsts,
                Err(Trouble::Failed(Failure { remedy: Remedy::None, message, detail })) => {
                    let refused = Failure { remedy: Remedy::None, message, detail };
                    if !self.ask_for_less(refused.detail.as_deref().unwrap_or_default()) {
                        return Err(refused.of_run());
                    }
                }
                Err(trouble) => return Err(trouble.of_run()),
            }
        };
        let likely = |first: &Vec<Alternative>, word: &String| {
            let same = first.iter().filter(|alternative| alternative.token.trim() == word);
            same.map(|alternative| f64::from(alternative.logprob).exp()).sum()
        };
        Ok(firsts.iter().map(|first| words.iter().map(|word| likely(first, word)).collect()).collect())
    }

    /// Whether there is anything left to ask for less of, after a refusal with these words.
    fn ask_for_less(&mut self, said: &str) -> bool {
        if let Some(less) = self.dialect.without_named(said) {
            self.dialect = less;
        } else if self.alternatives > FEWER_ALTERNATIVES {
            self.alternatives = FEWER_ALTERNATIVES;
        } else {
            return false;
        }
        true
    }

    /// Once, before the first: whether the likeliest first tokens are the same for questions that are asked together as for one by one, as far as rounding
    /// in half precision goes. Where they are not, it is asked one by one from now on.
    fn prove_firsts(&mut self) -> Result<(), Trouble> {
        if self.has_proved_firsts || self.at_once <= 1 {
            return Ok(());
        }
        let requests = PROOF_PROMPTS.map(|prompt| AnswerRequest::new(prompt, 0));
        let alone = self.try_firsts(&requests, 1)?;
        let together = self.try_firsts(&requests, self.at_once)?;
        let differ = |firsts: &[Vec<Alternative>]| alone.iter().zip(firsts).filter(|(a, b)| !are_alike(a, b)).count();
        // One by one once more: where that differs too, asking one by one would gain nothing.
        if differ(&together) > 0 && differ(&self.try_firsts(&requests, 1)?) == 0 {
            self.at_once = 1;
            self.asker.client.tell(&format!(
                "{} gives other likely tokens to {} of {} questions that are asked together than one by one, so that it is asked one by one.",
                self.asker.client.who(),
                differ(&together),
                requests.len()
            ));
        }
        self.has_proved_firsts = true;
        Ok(())
    }

    fn try_firsts(&mut self, requests: &[AnswerRequest], at_once: usize) -> Result<Vec<Vec<Alternative>>, Trouble> {
        let replies = self.try_out(requests, &ONE_TOKEN, self.alternatives, at_once, &mut |_| ControlFlow::Continue(()))?;
        Ok(replies.into_iter().map(|reply| reply.first).collect())
    }

    /// The likeliest first tokens of an answer to each request, of which the `missing` ones are asked.
    fn likely_firsts(
        &mut self,
        requests: &[AnswerRequest],
        questions: &[Question],
        missing: &[usize],
    ) -> Result<Vec<Vec<Alternative>>, Trouble> {
        let ask = |&i: &usize| Ask { request: &requests[i], decoding: &ONE_TOKEN, dialect: self.dialect, alternatives: self.alternatives };
        let asks: Vec<Ask<'_>> = missing.iter().map(ask).collect();
        let (journal, served, who) = (&mut self.journal, &mut self.served, self.asker.client.who());
        let mut on_reply = |index: usize, reply: Reply, cost| {
            let question = &questions[missing[index]];
            journal.accept(check_served(&who, served, &reply).and(check_first(&who, &reply)), cost)?;
            if tells_none(&reply) {
                return journal.keep_withheld(question, &answer(reply, cost), cost);
            }
            journal.keep_first(question, reply.first, cost)
        };
        let asked = self.asker.ask(&asks, self.at_once, &mut on_reply, &mut |_| ControlFlow::Continue(()));
        self.tell_news();
        asked?;
        let lost = || Error::internal("An answer to a judge's question is gone.");
        let firsts = questions.iter().map(|question| self.journal.recall_first(question)?.ok_or_else(lost));
        firsts.collect::<Result<_>>().map_err(Trouble::Other)
    }
}

/// Whether the likeliest tokens of one list are in the other, as likely but for rounding.
fn are_alike(one: &[Alternative], other: &[Alternative]) -> bool {
    // vLLM has the one that was drawn first.
    let mut likeliest: Vec<&Alternative> = one.iter().collect();
    likeliest.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
    likeliest.into_iter().take(COMPARED).all(|a| {
        let same = other.iter().find(|b| b.token == a.token);
        same.is_some_and(|b| f64::from((a.logprob - b.logprob).abs()) <= ALL_BF16_LOG_PROB_TOLERANCE)
    })
}

/// Whether a content filter is the reason why no likely tokens are told: the judge says nothing then.
fn tells_none(reply: &Reply) -> bool {
    reply.withheld && reply.first.is_empty()
}

/// Refuses what is no list of likely tokens.
pub(crate) fn check_first(who: &str, reply: &Reply) -> Result<()> {
    let sum: f64 = reply.first.iter().map(|alternative| f64::from(alternative.logprob).exp()).sum();
    match () {
        () if tells_none(reply) => Ok(()),
        () if reply.first.is_empty() => Err(does_not_tell(who)),
        () if sum > MOST_PROBABILITY => Err(Error::engine(format!(
            "{who} gives likeliest tokens whose probabilities sum up to {sum:.2}: what it calls log-probabilities are none, and no score can be computed from \
             them. Choose another server (vLLM, llama.cpp), or a model on this machine."
        ))),
        () => Ok(()),
    }
}

fn does_not_tell(who: &str) -> Error {
    Error::engine(format!(
        "{who} does not tell the likeliest tokens of an answer (top_logprobs), from which a judge's score is computed; choose an endpoint that does (vLLM, \
         llama.cpp), or a model on this machine."
    ))
}
