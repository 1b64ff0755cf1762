//! What an endpoint can be relied on for, found by some thirty small requests: the proof that every engine gives, as far as one can that is elsewhere.
use crate::client::Client;
use crate::completion::Reply;
use crate::failure::{Failure, Remedy};
use crate::first_words::check_first;
use crate::model::{Ask, Endpoint, Trouble, check_served, reach};
use crate::protocol::Protocol;
use crate::wire::Dialect;
use contract::endpoint::{Endpoint as Settings, EndpointFindings, Seeds};
use contract::{Error, Result};
use inference::{
    ALL_BF16_LOG_PROB_TOLERANCE, AnswerDecoding, AnswerRequest, FrozenModel, LOG_PROB_TOLERANCE, PROOF_PROMPTS, Proof, parts_by_rounding,
};
use network::Secret;
use std::ops::ControlFlow;
use std::time::Instant;
use tokio::runtime::Handle;

/// What has many likely answers, so that two draws are hardly ever the same.
const DRAWN: &str = "Write one sentence about the sea.";
/// Of an answer that has room for some thinking before it.
const LONG_ENOUGH: usize = 1024;
const DRAWING: AnswerDecoding = AnswerDecoding { max_tokens: 24, temperature: 1.0, top_p: 1.0, top_k: 0 };

fn drawn(seed: u64) -> AnswerRequest {
    AnswerRequest::new(DRAWN, seed)
}

/// Requests of [`Endpoint::probe`], at most: four draws, and the proof's prompts three times. What is refused is not counted.
pub const PROBE_REQUESTS: usize = 4 + 3 * PROOF_PROMPTS.len();
/// Of each answer of the proof, as for other engines.
const PROOF_TOKENS: usize = 16;

type OnProgress<'a> = &'a mut dyn FnMut(usize) -> ControlFlow<()>;

/// The names of the models that an endpoint serves; None where it has no such list.
pub fn listed(settings: &Settings, secret: Option<Secret>, handle: &Handle) -> Result<Option<Vec<String>>> {
    let client = Client::new(settings, Protocol::Answers, "", secret, Box::new(|_| ()))?;
    let models = reach(handle, &client).map_err(Failure::of_command)?;
    Ok(models.map(|(models, _)| models.into_iter().map(|served| served.id).collect()))
}

/// How the answers to the proof's prompts compare.
struct Compared {
    /// How many texts differ.
    texts: usize,
    /// Largest difference of a log-probability, up to where texts part, the token included at which they do; None where not all are given.
    log_prob: Option<f64>,
    /// Whether no text parts but where two tokens are as likely.
    parts_by_rounding: bool,
}

impl Compared {
    fn of(a: &[Reply], b: &[Reply]) -> Self {
        let pairs = || a.iter().zip(b);
        let differ = |(a, b): &(&Reply, &Reply)| a.text != b.text || a.truncated != b.truncated;
        let common = |a: &Reply, b: &Reply| a.tokens.iter().zip(&b.tokens).take_while(|(a, b)| a == b).count();
        let differences = pairs().flat_map(|(a, b)| {
            a.log_probs.iter().zip(&b.log_probs).take(common(a, b) + 1).map(|(a, b)| f64::from((a - b).abs())).collect::<Vec<_>>()
        });
        let is_given = pairs().all(|(a, b)| [a, b].iter().all(|reply| reply.text.is_empty() || !reply.log_probs.is_empty()));
        let by_rounding = |(a, b): (&Reply, &Reply)| {
            let at = common(a, b);
            match (a.log_probs.get(at), b.log_probs.get(at)) {
                (Some(one), Some(other)) => parts_by_rounding(*one, *other, ALL_BF16_LOG_PROB_TOLERANCE),
                // One ends where the other goes on. How likely the end was is not told: as likely as what stands in its place, but for rounding.
                (Some(only), None) | (None, Some(only)) if at > 0 => {
                    parts_by_rounding(*only, *only - ALL_BF16_LOG_PROB_TOLERANCE as f32, ALL_BF16_LOG_PROB_TOLERANCE)
                }
                _ => false,
            }
        };
        Self {
            texts: pairs().filter(differ).count(),
            log_prob: differences.reduce(f64::max).filter(|_| is_given),
            parts_by_rounding: pairs().filter(differ).all(by_rounding),
        }
    }

    /// The same answers, but for the order of sums in f32.
    fn agree(&self) -> bool {
        self.texts == 0 && self.log_prob.is_none_or(|difference| difference <= LOG_PROB_TOLERANCE)
    }

    /// No more apart than an engine explains in which everything is in bf16, as servers of large models mostly are.
    fn agree_but_for_rounding(&self) -> bool {
        self.parts_by_rounding && self.log_prob.is_some_and(|difference| difference <= ALL_BF16_LOG_PROB_TOLERANCE)
    }
}

/// What the proof came to.
struct Proved {
    repeats: bool,
    together: bool,
    /// None where answers hold no text: a model that thinks for longer than they may be.
    compared: Option<Compared>,
    seconds: f64,
}

impl Endpoint {
    /// Finds out what the endpoint can be relied on for; it then works one by one if it answers otherwise when asked together. `on_progress` hears at
    /// every look, and can break ([`contract::Code::Stopped`]).
    pub fn probe(&mut self, on_progress: OnProgress<'_>) -> Result<(EndpointFindings, Proof)> {
        let (seeds, usage) = self.try_seeds(on_progress)?;
        let proved = self.try_together(on_progress)?;
        if let Some(decoding) = &self.decoding {
            self.check_decoding(decoding)?;
        }
        if !proved.together && proved.repeats {
            self.at_once = 1;
        }
        let findings = EndpointFindings {
            url: self.asker.client.url().into(),
            model: self.asker.client.model.clone(),
            served: self.served.clone().unwrap_or_else(|| self.asker.client.model.clone()),
            version: self.version(),
            context: self.listed.as_ref().and_then(|listed| listed.context()),
            seeds,
            log_probs: self.dialect.log_probs && proved.compared.as_ref().is_none_or(|compared| compared.log_prob.is_some()),
            greedy: self.dialect.temperature,
            usage,
            compared: proved.compared.is_some(),
            repeats: proved.repeats,
            together: proved.together,
            seconds_per_answer: proved.seconds,
            spent: self.asker.account.spent(),
            remarks: Vec::new(),
        };
        let news = self.asker.noticed.take_news();
        let findings = EndpointFindings { remarks: remarks(&findings, self.at_once).into_iter().chain(news).collect(), ..findings };
        let proof = self.proof(&proved);
        Ok((findings, proof))
    }

    fn version(&self) -> Option<String> {
        let mut parts: Vec<String> = self.program.iter().map(|program| format!("server {program}")).collect();
        parts.extend(self.listed.iter().flat_map(|listed| listed.version()));
        parts.extend(self.asker.noticed.fingerprint().map(|fingerprint| format!("fingerprint {fingerprint}")));
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Finds out with one request what the endpoint takes, and asks one by one from then on: for who wants a few answers and no proof.
    pub fn learn(&mut self, on_progress: OnProgress<'_>) -> Result<()> {
        self.at_once = 1;
        self.first_draw(on_progress).map(drop)
    }

    /// One answer, to a request without what the endpoint refuses.
    fn first_draw(&mut self, on_progress: OnProgress<'_>) -> Result<Vec<Reply>> {
        let first = self.try_with_less(&[drawn(1)], |_| DRAWING, on_progress)?;
        // Some take the wish for log-probabilities and give none.
        self.dialect.log_probs &= first.iter().all(|reply| !reply.log_probs.is_empty());
        Ok(first)
    }

    /// Answers one by one, to requests without what the endpoint refuses; `decoding` is that of what it has not refused yet.
    fn try_with_less(
        &mut self,
        requests: &[AnswerRequest],
        decoding: impl Fn(Dialect) -> AnswerDecoding,
        on_progress: OnProgress<'_>,
    ) -> Result<Vec<Reply>> {
        loop {
            match self.try_out(requests, &decoding(self.dialect), 0, 1, on_progress) {
                Err(Trouble::Failed(Failure { remedy: Remedy::None, message, detail })) => {
                    let refused = Failure { remedy: Remedy::None, message, detail };
                    let Some(less) = self.dialect.without(refused.detail.as_deref().unwrap_or_default()) else {
                        return Err(refused.of_run());
                    };
                    self.dialect = less;
                }
                other => return other.map_err(Trouble::of_run),
            }
        }
    }

    /// Draws three times, twice with the same seed. Also whether the endpoint counts tokens. Texts that are empty say nothing of seeds: a model that thinks
    /// before it answers is given more room.
    fn try_seeds(&mut self, on_progress: OnProgress<'_>) -> Result<(Seeds, bool)> {
        let mut first = self.first_draw(on_progress)?;
        let mut decoding = DRAWING;
        if first.iter().any(|reply| reply.text.is_empty() && reply.truncated) {
            decoding.max_tokens = LONG_ENOUGH;
            first = self.try_out(&[drawn(1)], &decoding, 0, 1, on_progress).map_err(Trouble::of_run)?;
        }
        let more = self.try_out(&[drawn(1), drawn(2)], &decoding, 0, 1, on_progress).map_err(Trouble::of_run)?;
        let texts: Vec<&str> = first.iter().chain(&more).map(|reply| reply.text.as_str()).collect();
        let seeds = match texts[..] {
            ["", ..] => Seeds::Ignored,
            [a, b, c] if a == b && b == c => Seeds::Constant,
            [a, b, _] if a == b && self.dialect.seed => Seeds::Kept,
            _ => Seeds::Ignored,
        };
        Ok((seeds, first.iter().chain(&more).all(|reply| reply.withheld || reply.usage.is_some())))
    }

    /// Asks the proof's prompts greedily (where nothing is greedy, with one seed), one by one and together; and one by one once more where that differs, to
    /// see whether it is the asking together that makes the difference.
    fn try_together(&mut self, on_progress: OnProgress<'_>) -> Result<Proved> {
        let requests = PROOF_PROMPTS.map(|prompt| AnswerRequest::new(prompt, 0));
        let decoding = |dialect: Dialect| {
            let temperature = if dialect.temperature { 0.0 } else { 1.0 };
            AnswerDecoding { max_tokens: PROOF_TOKENS, temperature, top_p: 1.0, top_k: 0 }
        };
        let begun = Instant::now();
        let alone = self.try_with_less(&requests, decoding, on_progress)?;
        let decoding = decoding(self.dialect);
        let seconds = begun.elapsed().as_secs_f64() / requests.len() as f64;
        if alone.iter().all(|reply| reply.text.is_empty()) {
            return Ok(Proved { repeats: false, together: false, compared: None, seconds });
        }
        let at_once = self.at_once;
        let together = self.try_out(&requests, &decoding, 0, at_once, on_progress).map_err(Trouble::of_run)?;
        let compared = Compared::of(&alone, &together);
        let together = compared.agree() || compared.agree_but_for_rounding();
        // Asked one by one both times, nothing else can have made a difference; and what rounding explains is asked together from now on.
        let repeats = compared.agree()
            || !together && at_once > 1 && {
                let again = self.try_out(&requests, &decoding, 0, 1, on_progress).map_err(Trouble::of_run)?;
                Compared::of(&alone, &again).agree()
            };
        Ok(Proved { repeats, together, compared: Some(compared), seconds })
    }

    /// Asks without remembering the answers; their cost is kept. `alternatives` as in [`Ask`]: where any are asked for, an answer has to tell them.
    pub(crate) fn try_out(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        alternatives: usize,
        at_once: usize,
        on_progress: OnProgress<'_>,
    ) -> Result<Vec<Reply>, Trouble> {
        let asks: Vec<Ask<'_>> = requests.iter().map(|request| Ask { request, decoding, dialect: self.dialect, alternatives }).collect();
        let mut replies: Vec<Option<Reply>> = vec![None; asks.len()];
        let (journal, served, who) = (&mut self.journal, &mut self.served, self.asker.client.who());
        let mut on_reply = |index: usize, reply: Reply, cost| {
            journal.keep(None, cost)?;
            check_served(&who, served, &reply)?;
            if alternatives > 0 {
                check_first(&who, &reply)?;
            }
            replies[index] = Some(reply);
            Ok(())
        };
        self.asker.ask(&asks, at_once, &mut on_reply, on_progress)?;
        let whole: Option<Vec<Reply>> = replies.into_iter().collect();
        whole.ok_or_else(|| Trouble::Other(Error::internal("An answer to the proof is gone.")))
    }

    fn proof(&self, proved: &Proved) -> Proof {
        let (engine, n) = (self.describe(), PROOF_PROMPTS.len());
        let Some(compared) = &proved.compared else {
            let detail = format!(
                "{engine} gave no text within {PROOF_TOKENS} tokens, as models do that reason before they answer, so that there was nothing to compare: up to {} \
                 are asked at a time",
                self.at_once
            );
            return Proof { engine, prompts: n, batched: true, max_log_prob_difference: None, texts_differ: 0, detail };
        };
        let differ = compared.texts;
        let log_probs = match compared.log_prob {
            Some(difference) => format!("log-probabilities differ by at most {difference:.1e}"),
            None => "log-probabilities are not given".into(),
        };
        let parted = if differ == 0 { String::new() } else { format!(", {differ} of the texts part where two tokens are as likely") };
        let at_a_time = match self.at_once {
            1 => "it is asked one by one".into(),
            most => format!("up to {most} are asked at a time"),
        };
        let detail = match (proved.together, proved.repeats) {
            (true, true) if self.at_once == 1 => format!("{engine} gives the same answers to {n} prompts twice ({log_probs}); {at_a_time}"),
            (true, true) => format!("{engine} answers {n} prompts together as it does one by one ({log_probs}), so {at_a_time}"),
            (true, false) if self.at_once == 1 => {
                format!(
                    "{engine} gives the same answers to {n} prompts twice but for rounding in half precision ({log_probs}{parted}); {at_a_time}"
                )
            }
            (true, false) => format!(
                "{engine} answers {n} prompts together as it does one by one but for rounding in half precision ({log_probs}{parted}), so {at_a_time}"
            ),
            (false, true) => format!(
                "{engine} does not answer {n} prompts together as it does one by one ({differ} texts differ, {log_probs}), so it is asked one by one"
            ),
            (false, false) if !self.dialect.temperature => {
                format!("{engine} draws every answer, so that there is nothing to compare: {at_a_time}")
            }
            (false, false) => format!(
                "{engine} does not give the same greedy answers twice, whether asked together or one by one ({differ} of {n} texts differ, {log_probs}), so \
                 asking one by one would gain nothing: {at_a_time}"
            ),
        };
        Proof {
            engine,
            prompts: n,
            batched: proved.together || !proved.repeats,
            max_log_prob_difference: compared.log_prob,
            texts_differ: differ,
            detail,
        }
    }
}

/// What a person should know before relying on it.
fn remarks(found: &EndpointFindings, at_once: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut say = |text: &str| all.push(text.to_owned());
    if found.served != found.model {
        say(&format!("The model that was asked for as \"{}\" answers as \"{}\".", found.model, found.served));
    }
    match found.seeds {
        Seeds::Kept => {}
        Seeds::Ignored if !found.compared => {}
        Seeds::Ignored => say(
            "It does not keep seeds: the same run would get other answers the next time. Answers are kept as they come, so that stopping and going on \
             changes nothing.",
        ),
        Seeds::Constant => say(
            "Different seeds get the same answer although it should be drawn: with a temperature above 0, several answers to one prompt say no more than \
             one. Choose another endpoint, or temperature = 0.",
        ),
    }
    if !found.compared {
        say(
            "Its short answers hold no text, as those of models that reason before they answer: nothing could be compared, and the same run may find other \
             figures the next time. What it thinks counts against max_answer_tokens and the budget.",
        );
    }
    if !found.greedy {
        say(
            "It takes no temperature: every answer is drawn, at its own. A run needs temperature = 1 under [frozen], and a judge of pairs has to be another model.",
        );
    } else if found.compared {
        of_comparison(found, at_once).into_iter().for_each(&mut say);
    }
    if !found.log_probs && found.compared {
        say("It gives no log-probabilities, or numbers that are none, so that texts alone were compared.");
    }
    if !found.usage {
        say("It does not count tokens, so that cost and budget go by an estimate of four bytes a token.");
    }
    all
}

/// Of answers to the same questions, one by one and together.
fn of_comparison(found: &EndpointFindings, at_once: usize) -> Option<&'static str> {
    match (found.together, found.repeats) {
        (true, true) => None,
        (true, false) if at_once > 1 => Some(
            "Its answers depend on what is asked beside them, by no more than rounding in half precision explains: the same run would find slightly \
             different figures the next time. With requests_at_once = 1 they mostly do not, which takes longer.",
        ),
        (_, false) => Some(
            "The same question does not always get the same greedy answer: the same run would find slightly different figures the next time.",
        ),
        (false, true) => {
            Some("Questions asked together are answered otherwise than one by one, so that it is asked one by one, which takes longer.")
        }
    }
}
