//! Does the answer speak of what the prompt asks about? And does a rewrite still ask it?
use crate::words::{Role, rarity, role, sentences, stems};
use std::collections::{HashMap, HashSet};

/// Topicality of an answer to a prompt that has no content word ("What is it?"): there is nothing to hold the answer against.
pub const NEUTRAL: f64 = 0.5;

/// Weight of named content beyond which an answer is as topical as can be: about three rare words. Short answers cannot name everything.
const ENOUGH: f64 = 2.5;
/// Share of a shorter prompt's content that is as topical as can be.
const ENOUGH_SHARE: f64 = 0.6;
/// Words in a row, from the start of a sentence of the prompt, that make a copy rather than a phrase in common.
const COPIED_RUN: usize = 5;

/// How much of what the prompt asks about the answer speaks of, in \[0, 1\].
///
/// With w(s) the rarity of a stem, W the weight of the prompt's distinct content stems and M that of those found in the answer:
///
/// topicality = min(1, M / min(2.5, max(0.6·W, max w))) · (1 − echo·max(0, 1 − own / repeated)),
///
/// where echo is the share of M that the answer names only while it copies a sentence of the prompt from its start (five words at least,
/// or the whole sentence), own the number of distinct content stems that the answer adds, and repeated the number of those it takes
/// from the prompt. So repeating the prompt is worth nothing, and repeating it before a real answer costs nothing. An answer without
/// words gives 0; a prompt without content words gives [`NEUTRAL`]. Reasons and known weaknesses: `docs/algorithms/rewards.md`.
pub fn topicality(prompt: &str, answer: &str) -> f64 {
    let ((asked, starts), said) = (sentences(prompt), stems(answer));
    if said.is_empty() {
        return 0.0;
    }
    let content = content(&asked);
    if content.is_empty() {
        return NEUTRAL;
    }
    let copied = copied(&asked, &starts, &said);
    // Each stem of the answer, and whether it stands anywhere outside a copied sentence.
    let mut named: HashMap<&str, bool> = HashMap::new();
    for (stem, is_copied) in said.iter().zip(copied) {
        *named.entry(stem).or_insert(false) |= !is_copied;
    }
    let (mut all, mut heaviest, mut matched, mut echoed, mut repeated) = (0.0, 0.0_f64, 0.0, 0.0, 0_usize);
    for (stem, weight) in &content {
        all += weight;
        heaviest = heaviest.max(*weight);
        if let Some(outside) = named.get(stem) {
            matched += weight;
            echoed += if *outside { 0.0 } else { *weight };
            repeated += 1;
        }
    }
    if repeated == 0 {
        return 0.0;
    }
    let enough = ENOUGH.min((ENOUGH_SHARE * all).max(heaviest));
    let own = named.keys().filter(|s| role(s) == Role::Content && !content.iter().any(|(c, _)| c == *s)).count();
    let discount = echoed / matched * (1.0 - own as f64 / repeated as f64).max(0.0);
    (matched / enough).min(1.0) * (1.0 - discount)
}

/// How close a rewrite stays to its prompt, in \[0, 1\]: 1 when all content words of the prompt are in the rewrite.
///
/// The share of the prompt's distinct content stems, weighted by rarity, that are in the rewrite; words of form ("poem", "tips") count here, since
/// asking for another form is another request. A prompt of stop words only is compared by those; one without any word gives 1.
pub fn closeness(prompt: &str, rewrite: &str) -> f64 {
    let (asked, kept) = (stems(prompt), stems(rewrite));
    let mut wanted = distinct(&asked, |s| role(s) != Role::Stop);
    if wanted.is_empty() {
        wanted = distinct(&asked, |_| true);
    }
    let kept: HashSet<&str> = kept.iter().map(String::as_str).collect();
    let all: f64 = wanted.iter().map(|(_, w)| w).sum();
    if all == 0.0 {
        return 1.0;
    }
    // The sum runs in the same order as `all`, so that keeping everything gives 1 exactly.
    wanted.iter().filter(|(s, _)| kept.contains(s)).map(|(_, w)| w).sum::<f64>() / all
}

/// Distinct content stems with their rarity; words of form where there is nothing else ("What is a poem?").
fn content(stems: &[String]) -> Vec<(&str, f64)> {
    let content = distinct(stems, |s| role(s) == Role::Content);
    if content.is_empty() { distinct(stems, |s| role(s) == Role::Form) } else { content }
}

fn distinct(stems: &[String], keep: impl Fn(&str) -> bool) -> Vec<(&str, f64)> {
    let mut seen = HashSet::new();
    stems.iter().map(String::as_str).filter(|s| keep(s) && seen.insert(*s)).map(|s| (s, rarity(s))).collect()
}

/// For each word of `said`, whether it belongs to a copy of a sentence of `asked` from its start, at least [`COPIED_RUN`] words or the
/// whole sentence long, and as far as the copy goes on.
///
/// A copy from the middle of a sentence is no sign of an echo: "Paris is the capital of France" answers "What is the capital of France?".
fn copied(asked: &[String], starts: &[usize], said: &[String]) -> Vec<bool> {
    let ends = starts.iter().skip(1).copied().chain([asked.len()]);
    // Sentences by their first word; `head` is how much of one makes a copy.
    let mut sentences: HashMap<&str, Vec<&[String]>> = HashMap::new();
    let mut heads = HashSet::new();
    for (&start, end) in starts.iter().zip(ends) {
        let head = &asked[start..end.min(start + COPIED_RUN)];
        if heads.insert(head) {
            sentences.entry(&head[0]).or_default().push(&asked[start..]);
        }
    }
    let mut marks = vec![false; said.len()];
    let mut at = 0;
    while at < said.len() {
        let candidates = sentences.get(said[at].as_str()).map_or(&[][..], Vec::as_slice);
        let run = |from: &&[String]| from.iter().zip(&said[at..]).take_while(|(a, s)| a == s).count();
        let longest = candidates.iter().map(run).max().unwrap_or(0);
        let is_copy = longest >= COPIED_RUN || (1..=longest).any(|n| heads.contains(&said[at..at + n]));
        if is_copy {
            marks[at..at + longest].fill(true);
            at += longest;
        } else {
            at += 1;
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOMATOES: &str = "What are some tips for growing tomatoes on a small balcony?";

    #[test]
    fn on_topic_beats_half_on_topic_beats_off_topic() {
        let full = topicality(TOMATOES, "Choose a sunny balcony, grow a dwarf tomato in a deep pot, and water it every morning.");
        let half = topicality(TOMATOES, "Growing vegetables is fun! Water them often and feed them once a week.");
        let none = topicality(TOMATOES, "Hey there, I just love your enthusiasm! You are wonderful and I am so happy to chat.");
        assert!(full == 1.0 && half > 0.1 && half < 0.6 && none == 0.0, "{full} {half} {none}");
    }

    #[test]
    fn generic_words_count_less() {
        let rare = topicality("How do people at home repair a broken accordion?", "An accordion has reeds and bellows.");
        let generic = topicality("How do people at home repair a broken accordion?", "At home one can do lots.");
        assert!(rare > 2.0 * generic && generic > 0.0, "{rare} {generic}");
    }

    #[test]
    fn short_answers_to_long_prompts_saturate() {
        let prompt = "My grandmother left me a rusty cast-iron skillet, a chipped enamel kettle and a box of tarnished silver spoons. Which of \
                      them can I restore with vinegar, baking soda and patience, and which should a professional handle?";
        let answer = "Vinegar lifts rust from a skillet; never scrub silver hard. Leave chipped enamel to a specialist.";
        assert_eq!(topicality(prompt, answer), 1.0);
    }

    #[test]
    fn repeating_the_prompt_earns_nothing() {
        assert_eq!(topicality(TOMATOES, TOMATOES), 0.0);
        assert_eq!(topicality(TOMATOES, &format!("Sure! {}", TOMATOES.to_uppercase())), 0.0);
        assert_eq!(topicality("I love volcanoes. How do they erupt?", "How do they erupt? I love volcanoes!"), 0.0);
        assert_eq!(topicality("Explain photosynthesis", "Explain photosynthesis."), 0.0);
        assert_eq!(topicality("Photosynthesis", "photosynthesis photosynthesis photosynthesis!"), 0.0);
        let padded = topicality(TOMATOES, &format!("{TOMATOES} Wonderful."));
        assert!(padded < 0.5, "{padded}");
    }

    #[test]
    fn repeating_the_prompt_before_an_answer_costs_nothing() {
        let answer = "The best way to learn to play the guitar is to practise simple chords every day, slowly, with a metronome and a patient teacher.";
        assert_eq!(topicality("What is the best way to learn to play the guitar?", answer), 1.0);
        assert_eq!(topicality("What is the capital of France?", "Paris is the capital of France."), 1.0);
        assert_eq!(
            topicality("What is the largest planet in the solar system?", "Jupiter is the largest planet in the solar system."),
            1.0
        );
        let restated = format!("{TOMATOES} Choose dwarf varieties, deep pots, rich compost and plenty of sunlight.");
        assert_eq!(topicality(TOMATOES, &restated), 1.0);
    }

    #[test]
    fn nothing_asked_nothing_said() {
        assert_eq!(topicality("", "An answer."), NEUTRAL);
        assert_eq!(topicality("What is it?", "An answer."), NEUTRAL);
        assert_eq!(topicality("What is it?", " ... !"), 0.0);
        assert_eq!(topicality(TOMATOES, ""), 0.0);
        assert!(topicality("What is a poem?", "A poem is made of lines and images.") > 0.9);
    }

    #[test]
    fn numbers_count() {
        let prompt = "What happened in 1969?";
        assert!(topicality(prompt, "In 1969 Apollo 11 landed on the moon.") > topicality(prompt, "Apollo 11 landed on the moon."));
    }

    #[test]
    fn closeness_counts_what_is_kept() {
        let prompt = "Write a short poem about autumn in Edinburgh.";
        assert_eq!(closeness(prompt, prompt), 1.0);
        assert_eq!(closeness(prompt, "Please give me a lovely, warm, short poem on Edinburgh's autumn!"), 1.0);
        let drifted = closeness(prompt, "Write a cheerful poem about love.");
        assert!(drifted > 0.0 && drifted < 0.4, "{drifted}");
        assert_eq!(closeness(prompt, "Hey there, how are you today?"), 0.0);
        assert_eq!(closeness(prompt, ""), 0.0);
        assert_eq!((closeness("", "anything"), closeness("Who are you?", "Who are you?"), closeness("Who are you?", "")), (1.0, 1.0, 0.0));
    }
}
