//! Answers that were given before.
use crate::{Answer, AnswerDecoding, AnswerRequest, FrozenModel};
use contract::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

/// All that determines an answer. The seed of a greedy answer is left out (0): it draws nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    identity: Arc<str>,
    prompt: Arc<str>,
    system: Option<Arc<str>>,
    max_tokens: usize,
    /// Bits of the decoding's numbers, because `f64` has no `Eq`.
    temperature: u64,
    top_p: u64,
    top_k: usize,
    seed: u64,
}

impl Key {
    fn new(identity: &Arc<str>, request: &AnswerRequest, decoding: &AnswerDecoding) -> Self {
        let greedy = decoding.temperature <= 0.0;
        Self {
            identity: identity.clone(),
            prompt: request.prompt.as_str().into(),
            system: request.system.clone(),
            max_tokens: decoding.max_tokens,
            temperature: decoding.temperature.to_bits(),
            top_p: decoding.top_p.to_bits(),
            top_k: decoding.top_k,
            seed: if greedy { 0 } else { request.seed },
        }
    }
}

struct Entry {
    answer: Arc<Answer>,
    bytes: usize,
    /// When it was last asked for, on the cache's own clock.
    used: u64,
}

/// A frozen model with a memory: a request that was answered before, or that stands twice in a batch, is not computed again.
/// Keyed by the model's identity, prompt, decoding and seed; the entry that was not asked for longest goes first.
///
/// An engine may round differently in a batch of another size, so what the cache holds can show in the last bits of a
/// log-probability. Where a resumed run must equal an uninterrupted one bit for bit, [`Cached::clear`] it wherever a run can
/// resume.
pub struct Cached<M: FrozenModel + ?Sized> {
    entries: HashMap<Key, Entry>,
    /// Keys by when they were last asked for.
    order: BTreeMap<u64, Key>,
    clock: u64,
    bytes: usize,
    max_bytes: usize,
    hits: u64,
    misses: u64,
    identity: Arc<str>,
    inner: Box<M>,
}

impl<M: FrozenModel + ?Sized> Cached<M> {
    /// Memory that holds some 100,000 answers of 48 tokens.
    pub const DEFAULT_MAX_BYTES: usize = 96 << 20;

    /// `max_bytes` bounds prompts and answers together; 0 keeps nothing, but still answers repeats inside a batch.
    pub fn new(inner: Box<M>, max_bytes: usize) -> Self {
        let identity = inner.identity().into();
        Self { entries: HashMap::new(), order: BTreeMap::new(), clock: 0, bytes: 0, max_bytes, hits: 0, misses: 0, identity, inner }
    }

    /// Requests answered without computing them, repeats inside a batch included.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// Requests that had to be computed.
    pub fn misses(&self) -> u64 {
        self.misses
    }

    /// Forgets every answer; the counts stay.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
        self.bytes = 0;
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn recall(&mut self, key: &Key) -> Option<Arc<Answer>> {
        let now = self.tick();
        let entry = self.entries.get_mut(key)?;
        self.order.remove(&entry.used);
        entry.used = now;
        self.order.insert(now, key.clone());
        Some(entry.answer.clone())
    }

    fn remember(&mut self, key: Key, answer: Arc<Answer>) {
        // Two copies of the key share the prompt; 256 stands for the maps' own overhead.
        let bytes = key.prompt.len() + answer.text.len() + 8 * answer.tokens.len() + 256;
        if bytes > self.max_bytes {
            return;
        }
        let used = self.tick();
        self.order.insert(used, key.clone());
        if let Some(replaced) = self.entries.insert(key, Entry { answer, bytes, used }) {
            self.order.remove(&replaced.used);
            self.bytes -= replaced.bytes;
        }
        self.bytes += bytes;
        while self.bytes > self.max_bytes
            && let Some((_, oldest)) = self.order.pop_first()
            && let Some(entry) = self.entries.remove(&oldest)
        {
            self.bytes -= entry.bytes;
        }
    }

    /// Computes what is missing and remembers it. `known`: how many requests of the batch need no computing.
    fn compute(
        &mut self,
        missing: Vec<(Key, AnswerRequest)>,
        decoding: &AnswerDecoding,
        known: usize,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<HashMap<Key, Arc<Answer>>> {
        if missing.is_empty() {
            return match on_progress(known) {
                ControlFlow::Continue(()) => Ok(HashMap::new()),
                ControlFlow::Break(()) => Err(Error::stopped("stopped")),
            };
        }
        let (keys, requests): (Vec<_>, Vec<_>) = missing.into_iter().unzip();
        let answers = self.inner.answer(&requests, decoding, &mut |done| on_progress(known + done))?;
        if answers.len() != requests.len() {
            let (engine, asked, got) = (self.inner.describe(), requests.len(), answers.len());
            return Err(Error::engine(format!("{engine} gave {got} answers to {asked} prompts; this is a fault in the engine")));
        }
        self.misses += answers.len() as u64;
        let computed: HashMap<_, _> = keys.into_iter().zip(answers.into_iter().map(Arc::new)).collect();
        Ok(computed)
    }
}

impl<M: FrozenModel + ?Sized> FrozenModel for Cached<M> {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn identity(&self) -> &str {
        self.inner.identity()
    }

    fn context(&self) -> usize {
        self.inner.context()
    }

    fn prompt_tokens(&self, system: Option<&str>, prompt: &str) -> Result<usize> {
        self.inner.prompt_tokens(system, prompt)
    }

    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        let keys: Vec<Key> = requests.iter().map(|request| Key::new(&self.identity, request, decoding)).collect();
        // None: the first of its kind in this batch, being computed.
        let mut found: HashMap<Key, Option<Arc<Answer>>> = HashMap::new();
        let mut missing = Vec::new();
        for (key, request) in keys.iter().zip(requests) {
            if !found.contains_key(key) {
                let recalled = self.recall(key);
                if recalled.is_none() {
                    missing.push((key.clone(), request.clone()));
                }
                found.insert(key.clone(), recalled);
            }
        }
        let known = requests.len() - missing.len();
        let order: Vec<Key> = missing.iter().map(|(key, _)| key.clone()).collect();
        let computed = self.compute(missing, decoding, known, on_progress)?;
        self.hits += known as u64;
        let answers = keys
            .iter()
            .map(|key| {
                let answer = found.get(key).and_then(Option::as_ref).or_else(|| computed.get(key));
                answer.map(|answer| Answer::clone(answer)).ok_or_else(|| Error::internal("the cache lost an answer"))
            })
            .collect::<Result<Vec<_>>>()?;
        // In the batch's order, so that what is forgotten first does not depend on a hash map's order.
        for key in order {
            if let Some(answer) = computed.get(&key) {
                self.remember(key, answer.clone());
            }
        }
        Ok(answers)
    }

    fn first_words(&mut self, prompts: &[String], words: &[String]) -> Result<Vec<Vec<f64>>> {
        self.inner.first_words(prompts, words)
    }

    fn remarks(&self) -> Vec<String> {
        self.inner.remarks()
    }

    fn rest(&mut self) {
        self.inner.rest();
    }

    /// Computed always: who wants to see an answer grow is not served by its end.
    fn stream(&mut self, request: &AnswerRequest, decoding: &AnswerDecoding, on_text: &mut dyn FnMut(&str)) -> Result<Answer> {
        self.inner.stream(request, decoding, on_text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, decoding, quiet, requests};

    fn cached(max_bytes: usize) -> Cached<Fake> {
        Cached::new(Box::new(Fake::sound()), max_bytes)
    }

    #[test]
    fn repeats_are_computed_once_within_a_batch_and_over_batches() {
        let mut model = cached(1 << 20);
        let batch = requests(&[("a", 1), ("b", 1), ("a", 1), ("a", 2)]);
        let first = model.answer(&batch, &decoding(0.7), &mut quiet).unwrap();
        assert_eq!(first, Fake::sound().answer(&batch, &decoding(0.7), &mut quiet).unwrap());
        assert_eq!((model.hits(), model.misses()), (1, 3));
        assert_eq!(model.answer(&batch, &decoding(0.7), &mut quiet).unwrap(), first);
        assert_eq!((model.hits(), model.misses()), (5, 3));
        assert_eq!(model.inner.computed, 3);
    }

    #[test]
    fn another_decoding_is_another_answer() {
        let mut model = cached(1 << 20);
        let batch = requests(&[("a", 1)]);
        model.answer(&batch, &decoding(0.7), &mut quiet).unwrap();
        for other in [
            decoding(0.8),
            AnswerDecoding { max_tokens: 9, ..decoding(0.7) },
            AnswerDecoding { top_p: 0.5, ..decoding(0.7) },
            AnswerDecoding { top_k: 3, ..decoding(0.7) },
        ] {
            model.answer(&batch, &other, &mut quiet).unwrap();
        }
        assert_eq!((model.hits(), model.misses()), (0, 5));
    }

    #[test]
    fn another_system_prompt_is_another_answer() {
        let mut model = cached(1 << 20);
        let request = requests(&[("a", 1)]).remove(0);
        let after = |system: &str| AnswerRequest { system: Some(system.into()), ..request.clone() };
        model.answer(&[request.clone(), after("b"), after("c"), after("b")], &decoding(0.7), &mut quiet).unwrap();
        assert_eq!((model.hits(), model.misses()), (1, 3));
    }

    #[test]
    fn a_greedy_answer_has_no_seed() {
        let mut model = cached(1 << 20);
        model.answer(&requests(&[("a", 1), ("a", 2)]), &decoding(0.0), &mut quiet).unwrap();
        assert_eq!((model.hits(), model.misses()), (1, 1));
    }

    #[test]
    fn memory_is_bounded_and_the_entry_unused_longest_goes_first() {
        let mut model = cached(3 * 320);
        for prompt in ["a", "b", "c", "a", "d"] {
            model.answer(&requests(&[(prompt, 1)]), &decoding(0.7), &mut quiet).unwrap();
        }
        assert!(model.bytes <= model.max_bytes && model.entries.len() == model.order.len());
        assert_eq!((model.hits(), model.entries.len()), (1, 3));
        model.answer(&requests(&[("a", 1), ("c", 1), ("d", 1)]), &decoding(0.7), &mut quiet).unwrap();
        assert_eq!(model.hits(), 4, "b was the oldest");
        model.answer(&requests(&[("b", 1)]), &decoding(0.7), &mut quiet).unwrap();
        assert_eq!(model.hits(), 4);
    }

    #[test]
    fn without_memory_repeats_inside_a_batch_are_still_answered_once() {
        let mut model = cached(0);
        let batch = requests(&[("a", 1), ("a", 1)]);
        for _ in 0..2 {
            model.answer(&batch, &decoding(0.7), &mut quiet).unwrap();
        }
        assert_eq!((model.hits(), model.misses(), model.entries.len()), (2, 2, 0));
    }

    #[test]
    fn forgetting_is_complete() {
        let mut model = cached(1 << 20);
        model.answer(&requests(&[("a", 1)]), &decoding(0.7), &mut quiet).unwrap();
        model.clear();
        assert_eq!((model.bytes, model.entries.len(), model.order.len()), (0, 0, 0));
        model.answer(&requests(&[("a", 1)]), &decoding(0.7), &mut quiet).unwrap();
        assert_eq!(model.misses(), 2);
    }

    #[test]
    fn progress_counts_known_answers_and_a_break_keeps_nothing() {
        let mut model = cached(1 << 20);
        model.answer(&requests(&[("a", 1)]), &decoding(0.7), &mut quiet).unwrap();
        let mut heard = Vec::new();
        let batch = requests(&[("a", 1), ("b", 1), ("c", 1)]);
        let stop_at_two = &mut |done| {
            heard.push(done);
            if done >= 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let error = model.answer(&batch, &decoding(0.7), stop_at_two).unwrap_err();
        assert_eq!((error.code, heard), (contract::Code::Stopped, vec![2]));
        assert_eq!(model.entries.len(), 1);
        let all_known = model.answer(&requests(&[("a", 1)]), &decoding(0.7), &mut |_| ControlFlow::Break(()));
        assert_eq!(all_known.unwrap_err().code, contract::Code::Stopped);
    }

    #[test]
    fn an_engine_that_loses_an_answer_is_caught() {
        let mut model = Cached::new(Box::new(Fake::forgetful()), 1 << 20);
        let error = model.answer(&requests(&[("a", 1), ("b", 1)]), &decoding(0.7), &mut quiet).unwrap_err();
        assert!(error.message.contains("gave 1 answers to 2 prompts"), "{}", error.message);
    }
}
