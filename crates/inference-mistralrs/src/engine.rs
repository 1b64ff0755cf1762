//! The engine.
use crate::draws::Draws;
use crate::files::Files;
use crate::load::{TOGETHER, load};
use crate::quantisation;
use contract::{Code, Error, Result};
use inference::{
    ALL_BF16_LOG_PROB_TOLERANCE, Answer, AnswerDecoding, AnswerRequest, FrozenModel, LOG_PROB_TOLERANCE, Spellings, encoded, spellings_of,
};
use lm::{Decoding, Message};
use mistralrs::{Model, NormalRequest, Request, RequestMessage, Response, SamplingParams, StopTokens};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Tokens of a page, as mistral.rs makes them by default.
const PAGE: usize = 32;

/// How often a waiting caller is asked whether to go on.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// A model run by mistral.rs. It must pass [`inference::admit`] before its answers count.
///
/// Runs on threads of its own and may be used on a plain thread or inside another tokio runtime.
pub struct MistralRs {
    model: Model,
    runtime: Option<Runtime>,
    files: Files,
    identity: String,
    description: String,
    /// Positions that the model knows, and has room for.
    context: usize,
    /// Tokens that there are pages for, with paged attention.
    paged: Option<usize>,
    spellings: Spellings,
}

impl MistralRs {
    /// Loads a Hugging Face folder or a GGUF file, on the GPU if there is one and mistral.rs was built for it. Folders are computed in f32
    /// on the CPU. `quantisation`: one of [`crate::QUANTISATIONS`], applied while loading; folders only. `paged`: tokens for whose keys and values there
    /// is to be room at once, in pages; on a GPU only.
    ///
    /// # Errors
    /// A sentence that names the file when it is missing, damaged, or of an architecture that mistral.rs does not run, and
    /// one that lists the known quantisations when it is none of them.
    pub fn load(path: &Path, quantisation: Option<&str>, paged: Option<usize>) -> Result<Self> {
        crate::check_pages(paged)?;
        let in_situ = quantisation.map(quantisation::parse).transpose()?;
        let files = Files::open(path)?;
        if in_situ.is_some() && files.is_quantised {
            let what = if files.is_gguf { "a GGUF file, which is" } else { "a folder whose weights are" };
            return Err(Error::spec(format!(
                "frozen.quantisation is set, but {} is {what} quantised already; remove frozen.quantisation or give a folder with weights in bf16",
                path.display()
            )));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|e| Error::engine("mistral.rs cannot start its threads").with_detail(e))?;
        let model = load(&runtime, &files, in_situ, paged)?;
        lm::memory::give_back();
        let context = model.max_sequence_length().ok().flatten().unwrap_or(usize::MAX).min(paged.unwrap_or(usize::MAX));
        let suffix = quantisation.map(str::to_lowercase);
        let identity = suffix.iter().fold(files.checksum.clone(), |identity, name| format!("{identity}+{name}"));
        let device = if crate::has_gpu() { "GPU" } else { "CPU" };
        let description = format!(
            "mistral.rs 0.8.1 on the {device}, {}",
            [Some(files.name.clone()), suffix, paged.map(|tokens| format!("pages for {tokens} tokens"))]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", ")
        );
        Ok(Self { model, runtime: Some(runtime), files, identity, description, context, paged, spellings: Spellings::default() })
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(future);
        }
    }

    /// A prompt in the chat template, after a system message where there is one.
    fn tokens(&self, system: Option<&str>, prompt: &str) -> Result<Vec<u32>> {
        Ok(self.files.tokenizer.chat(&Message::asked(system, prompt))?)
    }

    /// Runs every job. Sets `cancelled` when one fails or `on_progress` breaks.
    fn run(&self, jobs: Vec<Job>, cancelled: &AtomicBool, on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>) -> Result<Vec<Answer>> {
        let mut answers: Vec<Option<Answer>> = vec![None; jobs.len()];
        let mut before = 0;
        for wave in waves(jobs, self.paged) {
            let of_wave = wave.len();
            self.run_wave(wave, &mut answers, cancelled, &mut |ended| on_progress(before + ended))?;
            before += of_wave;
        }
        // Its threads keep what nothing else of the process can use.
        lm::memory::give_back();
        answers.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| Error::internal("an answer of mistral.rs was lost"))
    }

    /// Runs jobs [`TOGETHER`] at a time, and puts their answers where they belong.
    fn run_wave(
        &self,
        jobs: Vec<Job>,
        answers: &mut [Option<Answer>],
        cancelled: &AtomicBool,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<()> {
        let (sender, receiver) = channel();
        let mut failure: Option<Error> = None;
        let mut waiting = jobs.into_iter();
        let (mut started, mut ended) = (0, 0);
        loop {
            while failure.is_none()
                && started - ended < TOGETHER
                && let Some(job) = waiting.next()
            {
                self.start(job, sender.clone());
                started += 1;
            }
            // After a failure too, what is in flight is waited for: the next call must not find it beside its own requests.
            if ended == started {
                return failure.map_or(Ok(()), Err);
            }
            match receiver.recv_timeout(ASK_EVERY) {
                Ok((index, Ok(answer))) => (answers[index], ended) = (Some(answer), ended + 1),
                Ok((_, Err(error))) => (failure, ended) = (failure.or(Some(error)), ended + 1),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if failure.is_none() && on_progress(ended).is_break() {
                failure = Some(Error::stopped("stopped"));
            }
            cancelled.store(failure.is_some(), Ordering::Relaxed);
        }
    }

    /// Its parts that [`Self::run`] needs of each request.
    fn jobs(&self, requests: &[AnswerRequest], decoding: &AnswerDecoding, cancelled: &Arc<AtomicBool>) -> Result<Vec<Job>> {
        let prompts = encoded(requests, decoding.max_tokens, self.context, |system, prompt| self.tokens(system, prompt))?;
        let decoding = decoding.with_stop(self.files.stop.clone());
        let job = |(index, (prompt, request)): (usize, (Arc<[u32]>, &AnswerRequest))| {
            let draws = Arc::new(Draws::new(decoding.clone(), request.seed, cancelled.clone()));
            Job { index, prompt, decoding: decoding.clone(), draws }
        };
        Ok(prompts.into_iter().zip(requests).enumerate().map(job).collect())
    }

    /// Token sequences that say a word at the beginning of an answer.
    fn spellings(&mut self, word: &str) -> Result<Vec<Vec<u32>>> {
        if let Some(known) = self.spellings.get(word) {
            return Ok(known);
        }
        let found = spellings_of(word, &self.files.tokenizer)?;
        self.spellings.keep(word, found, &self.description)
    }

    /// How likely the next token after each prompt is each of `tokens`.
    fn likely_next(&self, prompts: &[Arc<[u32]>], tokens: &[u32]) -> Result<Vec<Vec<f64>>> {
        let cancelled = Arc::default();
        let decoding = Decoding { max_tokens: 1, temperature: 0.0, top_p: 1.0, top_k: 0, stop: self.files.stop.clone() };
        let job = |(index, prompt): (usize, &Arc<[u32]>)| {
            let draws = Arc::new(Draws::watching(decoding.clone(), 0, Arc::clone(&cancelled), tokens.to_vec()));
            Job { index, prompt: prompt.clone(), decoding: decoding.clone(), draws }
        };
        let jobs: Vec<Job> = prompts.iter().enumerate().map(job).collect();
        let draws: Vec<Arc<Draws>> = jobs.iter().map(|job| job.draws.clone()).collect();
        self.run(jobs, &cancelled, &mut |_| ControlFlow::Continue(()))?;
        Ok(draws.iter().map(|draws| draws.likely()).collect())
    }

    /// Starts one request; its result goes to `done` under its index.
    fn start(&self, job: Job, done: Sender<(usize, Result<Answer>)>) {
        let tokenizer = self.files.tokenizer.clone();
        let description = self.description.clone();
        let index = job.index;
        // From here and not from the task: mistral.rs gets requests in their order.
        let sent = send(&self.model, &job);
        self.spawn(async move {
            let work = tokio::spawn(async move {
                let ended = receive(sent?, &job.draws).await?;
                let text = tokenizer.decode(ended.shown())?;
                Ok(Answer { text, truncated: ended.truncated, tokens: ended.tokens, log_probs: ended.log_probs })
            });
            // A panic in mistral.rs ends the task, not this program.
            let result: Result<Answer> = work.await.unwrap_or_else(|e| Err(Error::engine("it panicked").with_detail(e)));
            let named = result.map_err(|e| match e.code {
                Code::Engine => Error { message: format!("{description} failed to answer: {}", e.message), ..e },
                _ => e,
            });
            // The receiver waits until every request that was started has ended.
            let _ = done.send((index, named));
        });
    }
}

impl Drop for MistralRs {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which panics inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl FrozenModel for MistralRs {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn identity(&self) -> &str {
        &self.identity
    }

    fn rounding(&self) -> f64 {
        if crate::has_gpu() { ALL_BF16_LOG_PROB_TOLERANCE } else { LOG_PROB_TOLERANCE }
    }

    fn context(&self) -> usize {
        self.context
    }

    fn prompt_tokens(&self, system: Option<&str>, prompt: &str) -> Result<usize> {
        Ok(self.tokens(system, prompt)?.len())
    }

    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        let cancelled = Arc::default();
        self.run(self.jobs(requests, decoding, &cancelled)?, &cancelled, on_progress)
    }

    fn first_words(&mut self, prompts: &[String], words: &[String]) -> Result<Vec<Vec<f64>>> {
        let spelled = words.iter().map(|word| self.spellings(word)).collect::<Result<Vec<_>>>()?;
        let ways = || spelled.iter().flatten();
        let longest = ways().map(Vec::len).max().unwrap_or(0);
        let requests: Vec<AnswerRequest> = prompts.iter().map(|prompt| AnswerRequest::new(prompt.as_str(), 0)).collect();
        let prompts = encoded(&requests, longest, self.context, |system, prompt| self.tokens(system, prompt))?;
        let distinct = |tokens: &mut dyn Iterator<Item = u32>| tokens.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        let firsts = distinct(&mut ways().filter_map(|way| way.first().copied()));
        let seconds = distinct(&mut ways().filter_map(|way| way.get(1).copied()));
        let of = |known: &[u32], likely: &[f64], token: u32| known.iter().position(|known| *known == token).map_or(0.0, |at| likely[at]);
        let likely = self.likely_next(&prompts, &firsts)?;
        // White space that is a token of its own, and what may follow it.
        let mut after: BTreeMap<u32, Vec<Vec<f64>>> = BTreeMap::new();
        for space in distinct(&mut ways().filter(|way| way.len() > 1).map(|way| way[0])) {
            let with_space: Vec<Arc<[u32]>> = prompts.iter().map(|prompt| prompt.iter().copied().chain([space]).collect()).collect();
            after.insert(space, self.likely_next(&with_space, &seconds)?);
        }
        let said = |prompt: usize, way: &Vec<u32>| match way[..] {
            [token] => of(&firsts, &likely[prompt], token),
            [space, token] => {
                of(&firsts, &likely[prompt], space) * after.get(&space).map_or(0.0, |then| of(&seconds, &then[prompt], token))
            }
            _ => 0.0,
        };
        let of_prompt = |prompt: usize| spelled.iter().map(|ways| ways.iter().map(|way| said(prompt, way)).sum()).collect();
        Ok((0..prompts.len()).map(of_prompt).collect())
    }

    fn stream(&mut self, request: &AnswerRequest, decoding: &AnswerDecoding, on_text: &mut dyn FnMut(&str)) -> Result<Answer> {
        let cancelled = Arc::default();
        let jobs = self.jobs(std::slice::from_ref(request), decoding, &cancelled)?;
        let draws = jobs.first().map(|job| job.draws.clone());
        let mut tell = |_| {
            let tokens = draws.as_ref().map(|draws| draws.tokens()).unwrap_or_default();
            // There are none before the first and after the last. What cannot be decoded is said of the whole answer.
            if !tokens.is_empty()
                && let Ok(text) = self.files.tokenizer.decode_beginning(&tokens)
            {
                on_text(&text);
            }
            ControlFlow::Continue(())
        };
        let answer = self.run(jobs, &cancelled, &mut tell)?.pop();
        answer.ok_or_else(|| Error::internal("an answer of mistral.rs was lost"))
    }
}

/// One request on its way.
struct Job {
    index: usize,
    prompt: Arc<[u32]>,
    decoding: Decoding,
    draws: Arc<Draws>,
}

/// Jobs that may be on their way together. With pages for `paged` tokens, those whose prompts are equally long and for which there is room: mistral.rs
/// decodes together what is equally long, and throws the pages of all others away, to compute them again.
fn waves(mut jobs: Vec<Job>, paged: Option<usize>) -> Vec<Vec<Job>> {
    let Some(room) = paged else { return vec![jobs] };
    jobs.sort_by_key(|job| job.prompt.len());
    let mut waves: Vec<Vec<Job>> = Vec::new();
    for job in jobs {
        let length = job.prompt.len();
        let fit = (room / (length + job.decoding.max_tokens).next_multiple_of(PAGE)).clamp(1, TOGETHER);
        match waves.last_mut() {
            Some(wave) if wave.len() < fit && wave.iter().all(|other| other.prompt.len() == length) => wave.push(job),
            _ => waves.push(vec![job]),
        }
    }
    waves
}

/// A continuation.
struct Ended {
    tokens: Vec<u32>,
    log_probs: Vec<f32>,
    truncated: bool,
}

impl Ended {
    /// The tokens of the text: all but the stop token.
    fn shown(&self) -> &[u32] {
        &self.tokens[..self.tokens.len() - usize::from(!self.truncated && !self.tokens.is_empty())]
    }
}

/// Hands a request to the engine; its response comes through the channel.
fn send(model: &Model, job: &Job) -> Result<tokio::sync::mpsc::Receiver<Response>> {
    let (response, responses) = tokio::sync::mpsc::channel(1);
    let stop = (!job.decoding.stop.is_empty()).then(|| StopTokens::Ids(job.decoding.stop.clone()));
    // One token is left of each step's logits, so the sampler need only look at the most probable one.
    let sampling = SamplingParams { top_k: Some(1), max_len: Some(job.decoding.max_tokens), stop_toks: stop, ..SamplingParams::neutral() };
    let prompt = RequestMessage::CompletionTokens(job.prompt.to_vec());
    let mut request = NormalRequest::new_simple(prompt, sampling, response, job.index, None, None);
    request.logits_processors = Some(vec![job.draws.clone()]);
    let sender = model.inner().get_sender(None).map_err(|e| Error::engine("it is not running").with_detail(e))?;
    // Its queue holds 10,000 requests, and no more than TOGETHER are on their way.
    sender.try_send(Request::Normal(Box::new(request))).map_err(|_| Error::engine("it takes no more requests"))?;
    Ok(responses)
}

async fn receive(mut responses: tokio::sync::mpsc::Receiver<Response>, draws: &Draws) -> Result<Ended> {
    let fault = |message: &str| Error::engine(message);
    let finish_reason = match responses.recv().await.ok_or_else(|| fault("it dropped a request"))? {
        Response::CompletionDone(done) => done.choices.into_iter().next().map(|choice| choice.finish_reason),
        Response::InternalError(e) | Response::ValidationError(e) => return Err(fault("it refused the request").with_detail(e)),
        Response::CompletionModelError(message, _) => return Err(fault("the model cannot be computed").with_detail(message)),
        _ => return Err(fault("it sent another kind of response than a completion")),
    };
    let (tokens, log_probs) = draws.take();
    Ok(Ended { tokens, log_probs, truncated: finish_reason.as_deref() == Some("length") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_pages_only_what_is_equally_long_and_has_room_is_together() {
        let job = |(index, length): (usize, usize)| {
            let decoding = Decoding { max_tokens: 10, temperature: 0.0, top_p: 1.0, top_k: 0, stop: vec![] };
            let draws = Arc::new(Draws::new(decoding.clone(), 0, Arc::default()));
            Job { index, prompt: vec![0; length].into(), decoding, draws }
        };
        let jobs = || [5, 40, 5, 40, 40, 5].into_iter().enumerate().map(job).collect::<Vec<_>>();
        let numbers = |waves: Vec<Vec<Job>>| waves.iter().map(|wave| wave.iter().map(|job| job.index).collect()).collect::<Vec<Vec<_>>>();
        assert_eq!(numbers(waves(jobs(), None)), [[0, 1, 2, 3, 4, 5]], "in their order");
        // A prompt of 5 with its answer takes a page of 32, one of 40 takes two.
        assert_eq!(numbers(waves(jobs(), Some(128))), [vec![0, 2, 5], vec![1, 3], vec![4]]);
        assert_eq!(numbers(waves(jobs(), Some(1))).len(), 6, "what is too long was refused before");
    }
}
