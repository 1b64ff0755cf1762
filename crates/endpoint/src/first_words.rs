//! How likely an answer begins with certain words, by the likeliest first tokens that an endpoint tells of.
use crate::failure::{Failure, Remedy};
use crate::journal::{Question, unknown};
use crate::model::{Ask, Endpoint, Trouble, check_served};
use crate::wire::{Alternative, Dialect, Reply};
use contract::{Error, Result};
use inference::{AnswerDecoding, AnswerRequest};
use std::ops::ControlFlow;

/// As many as the protocol allows; some servers allow [`FEWER_ALTERNATIVES`].
pub const MOST_ALTERNATIVES: usize = 20;
const FEWER_ALTERNATIVES: usize = 5;
/// Probabilities are those before any sampling.
const ONE_TOKEN: AnswerDecoding = AnswerDecoding { max_tokens: 1, temperature: 1.0, top_p: 1.0, top_k: 0 };

impl Endpoint {
    /// [`inference::FrozenModel::first_words`]. What is not among the likeliest tokens counts as impossible.
    pub(crate) fn first_words_of(&mut self, prompts: &[String], words: &[String]) -> Result<Vec<Vec<f64>>> {
        let requests: Vec<AnswerRequest> = prompts.iter().map(|prompt| AnswerRequest::new(prompt.clone(), 0)).collect();
        let firsts = loop {
            match self.likely_firsts(&requests) {
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
        if said.contains("max_completion_tokens") && !self.dialect.max_completion_tokens {
            self.dialect = Dialect { max_completion_tokens: true, ..self.dialect };
        } else if said.contains("seed") && self.dialect.seed {
            self.dialect = Dialect { seed: false, ..self.dialect };
        } else if self.alternatives > FEWER_ALTERNATIVES {
            self.alternatives = FEWER_ALTERNATIVES;
        } else {
            return false;
        }
        true
    }

    /// The likeliest first tokens of an answer to each request.
    fn likely_firsts(&mut self, requests: &[AnswerRequest]) -> Result<Vec<Vec<Alternative>>, Trouble> {
        // What is asked again in another call, as reliability is measured, is a new question where nothing is kept.
        let remembers = self.journal.has_name();
        let questions: Vec<Question> = requests.iter().map(|request| Question::of_first(&self.identity, request, &ONE_TOKEN)).collect();
        let missing = unknown(&questions, |question| remembers && self.journal.has(question));
        let ask = |&i: &usize| Ask { request: &requests[i], decoding: &ONE_TOKEN, dialect: self.dialect, alternatives: self.alternatives };
        let asks: Vec<Ask<'_>> = missing.iter().map(ask).collect();
        let (journal, served, who) = (&mut self.journal, &mut self.served, self.asker.client.who());
        let mut on_reply = |index: usize, reply: Reply, cost| {
            let tells = if reply.first.is_empty() { Err(does_not_tell(&who)) } else { Ok(()) };
            journal.accept(check_served(&who, served, &reply).and(tells), cost)?;
            journal.keep_first(&questions[missing[index]], reply.first, cost)
        };
        self.asker.ask(&asks, self.at_once, &mut on_reply, &mut |_| ControlFlow::Continue(()))?;
        let lost = || Error::internal("An answer to a judge's question is gone.");
        let firsts = questions.iter().map(|question| self.journal.recall_first(question)?.ok_or_else(lost));
        firsts.collect::<Result<_>>().map_err(Trouble::Other)
    }
}

fn does_not_tell(who: &str) -> Error {
    Error::engine(format!(
        "{who} does not tell the likeliest tokens of an answer (top_logprobs), from which a judge's score is computed; choose an endpoint that does (vLLM, \
         llama.cpp), or a model on this machine."
    ))
}
