//! Which part of a file of feedback is used.
use contract::Result;
use datasets::feedback::{Feedback, Look, Mapping, Preferences, Survey};
use lm::{Stream, stream};
use std::collections::HashSet;

/// All that a file holds, or at most so many of its pairs or answers, drawn by the seed and in the order of the file. What is not drawn is never in memory. Of
/// answers prompts are drawn with all of theirs, as long as these are not too many: it is answers to one prompt that a reward is to tell apart.
///
/// # Errors
/// As [`Look::read`]; [`contract::Code::Data`] where the file changes meanwhile.
pub fn read(look: &Look, mapping: &Mapping, only: Option<usize>, seed: u64) -> Result<Feedback> {
    let Some(most) = only else { return look.read(mapping, None) };
    let survey = look.survey(mapping)?;
    let mut stream = drawing(seed);
    let drawn: Option<HashSet<usize>> = match &survey.first {
        _ if survey.entries <= most => None,
        Feedback::Pairs(_) => Some(some(most, survey.entries, &mut stream)),
        Feedback::Labelled(_) => Some(of_prompts(&survey, most, &mut stream)),
    };
    let read = look.read(mapping, drawn.as_ref())?;
    if read.checksum() == survey.first.checksum() { Ok(read) } else { Err(look.changed()) }
}

/// The same in pairs, of which at most so many: answers with labels are paired first ([`Labelled::into_pairs`]). `name` is the file's.
///
/// # Errors
/// As [`read`]; [`contract::Code::Data`] where no two answers make a pair.
pub fn read_pairs(look: &Look, mapping: &Mapping, only: Option<usize>, seed: u64, name: &str) -> Result<Preferences> {
    match read(look, mapping, only.filter(|_| !mapping.is_labelled()), seed)? {
        Feedback::Pairs(pairs) => Ok(pairs),
        Feedback::Labelled(labelled) => {
            let mut found = labelled.into_pairs(name)?;
            let all = found.pairs.len();
            if let Some(most) = only.filter(|most| *most < all) {
                let drawn = some(most, all, &mut drawing(seed));
                let mut at = 0..all;
                found.pairs.retain(|_| at.next().is_some_and(|at| drawn.contains(&at)));
                found.drawn_of = Some(all);
            }
            Ok(found)
        }
    }
}

/// What draws a part of a file.
fn drawing(seed: u64) -> Stream {
    Stream::new(stream::seed(seed, "pairs drawn", &[]))
}

/// So many places of `all`.
fn some(most: usize, all: usize, stream: &mut Stream) -> HashSet<usize> {
    stream.permutation(all).into_iter().take(most).collect()
}

/// Places of answers to prompts that are drawn whole, `most` at most; of a first prompt with more answers than that, a part of them.
fn of_prompts(survey: &Survey, most: usize, stream: &mut Stream) -> HashSet<usize> {
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); survey.prompts];
    survey.prompt_of.iter().enumerate().for_each(|(place, &prompt)| places[prompt as usize].push(place));
    let mut drawn = HashSet::new();
    for prompt in stream.permutation(survey.prompts) {
        let answers = &places[prompt];
        if drawn.is_empty() && answers.len() > most {
            return stream.permutation(answers.len()).into_iter().take(most).map(|i| answers[i]).collect();
        }
        if drawn.len() + answers.len() > most {
            break;
        }
        drawn.extend(answers);
    }
    drawn
}
