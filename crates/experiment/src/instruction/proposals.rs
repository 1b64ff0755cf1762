//! New instructions from the prompter.
use super::search::{Candidate, SHOWN, Search};
use crate::prompter::{Rewrite, Wording};
use contract::Result;

/// How often what is empty or known already is drawn again before its slot goes to a re-test.
const REDRAWS: usize = 3;

/// What was drawn for a round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proposals {
    /// New, and different from each other.
    pub new: Vec<Candidate>,
    /// Everything that was drawn, what was thrown away included: how many, their tokens, and how many were cut at the token limit.
    pub drawn: usize,
    pub tokens: usize,
    pub truncated: usize,
}

/// Draws until there are as many new instructions as the search wants, or three times more what failed. `draw` gets the numbers of the
/// draws within the round, from 0, and returns for each its seed and what the prompter wrote.
pub fn collect(search: &Search, draw: &mut dyn FnMut(std::ops::Range<usize>) -> Result<Vec<(u64, Rewrite)>>) -> Result<Proposals> {
    let wanted = search.wanted();
    let mut proposals = Proposals::default();
    for _ in 0..=REDRAWS {
        let missing = wanted - proposals.new.len();
        if missing == 0 {
            break;
        }
        let first = proposals.drawn;
        for (seed, written) in draw(first..first + missing)? {
            proposals.drawn += 1;
            proposals.tokens += written.tokens.len();
            proposals.truncated += usize::from(written.truncated);
            let normalised = datasets::normalised(&written.text);
            let is_new = !search.knows(&written.text) && proposals.new.iter().all(|c| datasets::normalised(&c.text) != normalised);
            if is_new {
                proposals.new.push(Candidate { text: written.text, seed });
            }
        }
    }
    Ok(proposals)
}

/// What asks for an instruction: the template with the instructions in `tried`, of which the best stands last.
pub fn request(template: &str, tried: &[(&str, f64)]) -> String {
    let mut list = String::new();
    if !tried.is_empty() {
        list.push_str("\n\nInstructions that were tried, the best last, with their scores (higher is better):");
    }
    for (text, score) in tried {
        list.push_str(&format!("\n\nInstruction: {text}\nScore: {score:.3}"));
    }
    template.replacen("{tried}", &list, 1)
}

/// Tokens of the longest request: with as many instructions as are ever shown, each as long as it can be.
pub fn longest_request(wording: &Wording, template: &str) -> Result<usize> {
    let around = wording.message(&request(template, &[("", -0.001); SHOWN]))?.len();
    Ok(around + SHOWN * wording.settings().max_rewrite_tokens)
}
