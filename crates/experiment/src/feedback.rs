//! Which part of a file of feedback is used.
use contract::Result;
use datasets::feedback::{Feedback, Look, Mapping};
use lm::{Stream, stream};
use std::collections::HashSet;

/// All that a file holds, or so many of its pairs or answers, drawn by the seed and in the order of the file. What is not drawn is never in memory. Of answers
/// prompts are drawn with all of theirs, until they are enough: it is answers to one prompt that a reward is to tell apart.
///
/// # Errors
/// As [`Look::read`]; [`contract::Code::Data`] where the file changes meanwhile.
pub fn read(look: &Look, mapping: &Mapping, only: Option<usize>, seed: u64) -> Result<Feedback> {
    let Some(most) = only else { return look.read(mapping, None) };
    let survey = look.survey(mapping)?;
    let mut stream = Stream::new(stream::seed(seed, "pairs drawn", &[]));
    let drawn: HashSet<usize> = match &survey.first {
        _ if survey.entries <= most => return look.read(mapping, None),
        Feedback::Pairs(_) => stream.permutation(survey.entries).into_iter().take(most).collect(),
        Feedback::Labelled(_) => {
            let mut answers = vec![0; survey.prompts];
            survey.prompt_of.iter().for_each(|&prompt| answers[prompt as usize] += 1);
            let mut many = 0;
            let is_drawn = |prompt: &usize| {
                let is_wanted = many < most;
                many += answers[*prompt];
                is_wanted
            };
            let prompts: HashSet<usize> = stream.permutation(survey.prompts).into_iter().take_while(is_drawn).collect();
            let of_drawn = survey.prompt_of.iter().enumerate().filter(|(_, prompt)| prompts.contains(&(**prompt as usize)));
            of_drawn.map(|(place, _)| place).collect()
        }
    };
    let read = look.read(mapping, Some(&drawn))?;
    if read.checksum() == survey.first.checksum() { Ok(read) } else { Err(look.changed()) }
}
