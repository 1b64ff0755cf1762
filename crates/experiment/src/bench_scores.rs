//! Scores of the answers of a file, for a bench: those that cannot be scored are left out and counted, and some are scored once more.
use crate::figures;
use contract::bench::{Bounded, Repeat};
use contract::{Code, Error, Result};
use datasets::feedback::Turn;
use lm::Message;
use rewards::{Reward, Score, Scorer};
use std::ops::ControlFlow;
use std::time::Instant;

/// Resamples of every interval of a bench.
pub(crate) const RESAMPLES: usize = 2000;
/// Name of the rule that the longer answer is the better one.
pub(crate) const LENGTH: &str = "length";
/// Answers that are scored together.
const BATCH: usize = 16;
/// Answers that are scored once more where something outside of this program scores.
const REPEATED: usize = 64;

/// What is scored as one: both answers of a pair, or an answer with its label.
pub(crate) trait Entry {
    /// What messages call it.
    const WHAT: &'static str;
    /// How many answers it has.
    const ANSWERS: usize;
    fn line(&self) -> usize;
    fn conversations(&self) -> Vec<Vec<Message>>;
}

/// What was said before an answer, with the answer.
pub(crate) fn conversation(before: &[Turn], answer: &str) -> Vec<Message> {
    let message = |role: &str, content: &str| Message { role: role.into(), content: content.into() };
    before.iter().map(|turn| message(&turn.role, &turn.content)).chain([message("assistant", answer)]).collect()
}

/// [`datasets::word_count`].
pub(crate) fn words(text: &str) -> f64 {
    datasets::word_count(text) as f64
}

pub(crate) fn share(share: analysis::Share) -> Bounded {
    Bounded { value: share.share, interval: figures::interval(share.interval) }
}

pub(crate) fn correlation(correlation: analysis::Correlation) -> Bounded {
    Bounded { value: correlation.value, interval: figures::interval(correlation.interval) }
}

/// The scores of one entry.
pub(crate) struct Scored {
    /// Its place among the entries.
    pub at: usize,
    /// Of each of its answers.
    pub scores: Vec<Score>,
}

/// The scores of all entries that could be scored.
pub(crate) struct Scores {
    /// At least one.
    pub scored: Vec<Scored>,
    pub unscored: usize,
    /// Why the first of these was not.
    pub because: Option<String>,
    pub answers_per_second: f64,
}

impl Scores {
    /// Scores every entry; `counts` is what their numbers count, lines or rows. `on_progress` hears how many are done, and can break ([`contract::Code::Stopped`]).
    ///
    /// # Errors
    /// [`contract::Code::Reward`] where no entry could be scored: with the first reason.
    pub fn of<E: Entry>(
        reward: &Reward,
        entries: &[E],
        counts: &str,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Self> {
        let begun = Instant::now();
        let (mut scored, mut unscored, mut because, mut done) = (Vec::new(), 0, None, 0);
        for batch in entries.chunks(BATCH / E::ANSWERS) {
            for (entry, outcome) in batch.iter().zip(score_each(reward, batch, done)) {
                match outcome {
                    Ok(entry) => scored.push(entry),
                    // A command or a service that is gone would fail every entry.
                    Err(e) if e.code == Code::Paused => return Err(Error { code: Code::Reward, ..e }),
                    Err(e) if e.code == Code::Stopped => return Err(e),
                    Err(e) => {
                        unscored += 1;
                        because.get_or_insert_with(|| format!("{counts} {}: {}", entry.line(), e.message));
                    }
                }
            }
            done += batch.len();
            if on_progress(done).is_break() {
                return Err(Error::stopped(format!("Stopped before all {}s were scored; nothing is kept of it.", E::WHAT)));
            }
        }
        if scored.is_empty() {
            return Err(Error::reward(format!("No {} could be scored; {}", E::WHAT, because.unwrap_or_default())));
        }
        let answers_per_second = (E::ANSWERS * scored.len()) as f64 / begun.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
        Ok(Self { scored, unscored, because, answers_per_second })
    }

    /// The parts of the reward.
    pub fn parts(&self) -> Vec<String> {
        self.scored.first().map(|entry| entry.scores[0].parts.keys().cloned().collect()).unwrap_or_default()
    }

    /// The first entries, scored once more from the last to the first, in the order of `scored`; None where nothing outside of this program scores, or it
    /// fails the second time.
    pub fn again<E: Entry>(&self, reward: &Reward, entries: &[E]) -> Option<Vec<Vec<Score>>> {
        reward.has_scorers().then_some(())?;
        let first: Vec<&E> = self.scored.iter().take(REPEATED / E::ANSWERS).map(|entry| &entries[entry.at]).collect();
        let mut scores = Vec::new();
        for batch in first.iter().rev().collect::<Vec<_>>().chunks(BATCH / E::ANSWERS) {
            let turned = batch.iter().flat_map(|entry| entry.conversations().into_iter().rev()).collect::<Vec<_>>();
            scores.extend(reward.score_conversations(&turned).ok()?);
        }
        scores.reverse();
        Some(scores.chunks_exact(E::ANSWERS).map(<[Score]>::to_vec).collect())
    }

    /// How the second scores of a part differ from the first.
    pub fn repeat(&self, part: &str, again: &[Vec<Score>], scorer: &dyn Scorer) -> Option<Repeat> {
        let pairs = self.scored.iter().zip(again).flat_map(|(first, second)| first.scores.iter().zip(second));
        let differences = pairs.map(|(a, b)| Some((a.parts.get(part)? - b.parts.get(part)?).abs())).collect::<Option<Vec<f64>>>()?;
        Some(Repeat {
            answers: differences.len(),
            differ: differences.iter().filter(|difference| **difference > 0.0).count(),
            largest_difference: differences.iter().copied().fold(0.0, f64::max),
            score_mass: scorer.score_mass(),
        })
    }
}

/// Scores of each entry. One answer that is too long is no reason to leave the others out.
fn score_each<E: Entry>(reward: &Reward, entries: &[E], first: usize) -> Vec<Result<Scored>> {
    match score(reward, entries, first) {
        Ok(scored) => scored.into_iter().map(Ok).collect(),
        Err(e) if entries.len() < 2 || matches!(e.code, Code::Paused | Code::Stopped) => vec![Err(e)],
        Err(_) => (first..).zip(entries).flat_map(|(at, entry)| score_each(reward, std::slice::from_ref(entry), at)).collect(),
    }
}

fn score<E: Entry>(reward: &Reward, entries: &[E], first: usize) -> Result<Vec<Scored>> {
    let scores = reward.score_conversations(&entries.iter().flat_map(E::conversations).collect::<Vec<_>>())?;
    if scores.len() != entries.len() * E::ANSWERS {
        return Err(Error::internal(format!("Not every {} got its scores.", E::WHAT)));
    }
    Ok((first..).zip(scores.chunks_exact(E::ANSWERS)).map(|(at, scores)| Scored { at, scores: scores.to_vec() }).collect())
}
