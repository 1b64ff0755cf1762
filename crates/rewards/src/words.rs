//! Words, their stems, and how rare they are: what topicality is counted in.
use rust_stemmers::{Algorithm, Stemmer};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use unicode_segmentation::UnicodeSegmentation;

/// Words that carry no subject: function words, verbs that only ask for an answer, and the small change of conversation.
const STOP: &str = "a about above across actually after again all almost along already also although always am among an and another any anybody \
    anyone anything are around as ask at away back be became because become been before being below between both but by can cannot come could \
    day did do does doing done down during each either else enough etc even ever every everyone everything explain far few first for from \
    get gets getting give given gives go goes going gone good got great had has have having he hello help helpful her here hers herself hey hi him \
    himself his how however i if in instead into is it its itself just keep kind know let like likely lot lots made make makes making many may \
    maybe me might mine more most much must my myself need needed needs neither never no nobody nor not nothing now of off often oh ok okay \
    on once one only onto or other others our ours ourselves out over own perhaps please put quite rather really said same say see seem \
    seems several shall she should since so some somebody someone something sometimes soon still such suggest sure take tell than thank \
    thanks that the their theirs them themselves then there therefore these they thing things think this those though through thus to together \
    too toward towards try under until up upon us use used uses using usually very via want wants was way we well went were what whatever \
    when whenever where whereas wherever whether which while who whoever whom whose why will wish with within without would write wrote yes yet you \
    your yours yourself yourselves describe recommend provide im ive id etc vs eg ie e.g i.e";

/// Words that say what kind of answer is wanted rather than what about. They count only where a prompt has nothing else.
const FORM: &str = "advice answer article best better brief briefly bullet bullets caption clear clearly compare compose concise concisely create define \
    detail detailed details difference differences discuss draft easily easy email essay example examples fact facts generate guide haiku idea \
    ideas imagine instruction instructions invent joke kinds letter limerick line lines list long main mean meaning means message mention name \
    note offer outline paragraph paragraphs people person phrase plan plain poem point points prompt propose question questions reason reasons \
    reply respond response rewrite sentence sentences share short show simple simply slogan speech state statement step steps story \
    suggestion suggestions summarize summary talk teach term terms tip tips toast topic type types verse ways word words work works";

const NUMBERS: [&str; 11] = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

static STEMMER: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));
static STOP_STEMS: LazyLock<HashSet<String>> = LazyLock::new(|| STOP.split_whitespace().map(stem).collect());
static FORM_STEMS: LazyLock<HashSet<String>> = LazyLock::new(|| FORM.split_whitespace().map(stem).collect());

/// log10 of the uses of a stem's commonest word in a thousand million words.
static FREQUENCY: LazyLock<HashMap<String, f64>> = LazyLock::new(|| {
    let mut by_stem = HashMap::new();
    for line in include_str!("../data/word_frequency.txt").lines() {
        let mut pieces = line.split(' ');
        let Some(step) = pieces.next().and_then(|s| s.parse::<f64>().ok()) else { continue };
        // Commonest first, so the first word of a stem is the one to keep.
        pieces.for_each(|word| {
            by_stem.entry(stem(word)).or_insert(step);
        });
    }
    by_stem
});

/// What a word is to a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Stop,
    Form,
    Content,
}

pub(crate) fn role(stem: &str) -> Role {
    if STOP_STEMS.contains(stem) {
        Role::Stop
    } else if FORM_STEMS.contains(stem) {
        Role::Form
    } else {
        Role::Content
    }
}

/// The stems of a text in order, stop words included (Unicode word boundaries, UAX 29).
pub(crate) fn stems(text: &str) -> Vec<String> {
    text.unicode_words().filter_map(before_apostrophe).map(|word| stem(&word)).collect()
}

/// The stems of a text as [`stems`] gives them, and which of them start a sentence (UAX 29).
pub(crate) fn sentences(text: &str) -> (Vec<String>, Vec<usize>) {
    let (mut all, mut starts) = (Vec::new(), Vec::new());
    let mut boundaries = text.split_sentence_bound_indices().map(|(at, _)| at).peekable();
    for (at, word) in text.unicode_word_indices() {
        let mut starts_here = false;
        while boundaries.next_if(|boundary| *boundary <= at).is_some() {
            starts_here = true;
        }
        if starts_here {
            starts.push(all.len());
        }
        all.extend(before_apostrophe(word).map(|word| stem(&word)));
    }
    starts.dedup();
    starts.retain(|start| *start < all.len());
    (all, starts)
}

/// "France's" is France, "I'm" is I; "don't" says nothing of the subject.
fn before_apostrophe(word: &str) -> Option<String> {
    let lower = word.to_lowercase();
    match lower.split_once(['\'', '’']) {
        Some((head, tail)) if tail == "t" && head.ends_with('n') => None,
        Some((head, _)) => Some(head.to_owned()),
        None => Some(lower),
    }
}

/// Snowball's English stem of a word in lower case, after bringing British and American spellings and numbers together. Words of other
/// scripts, and what is too long to be a word, stay as they are.
fn stem(word: &str) -> String {
    if let Some(number) = NUMBERS.iter().position(|n| *n == word) {
        return (number + 2).to_string();
    }
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return word.replace(',', "");
    }
    if !word.is_ascii() || word.len() > 40 {
        return word.to_owned();
    }
    STEMMER.stem(&american(word)).into_owned()
}

/// colour → color, organise → organize, centre → center. Both texts are spelt so, hence words that it disfigures ("hour") still match.
fn american(word: &str) -> String {
    let mut word = word.replace("our", "or").replace("isation", "ization");
    for (british, american) in
        [("ise", "ize"), ("ised", "ized"), ("ises", "izes"), ("ising", "izing"), ("yse", "yze"), ("tre", "ter"), ("tres", "ters")]
    {
        if word.len() > british.len() + 2
            && let Some(head) = word.strip_suffix(british)
        {
            word = format!("{head}{american}");
            break;
        }
    }
    word
}

/// How much naming a stem says about the subject, in \[0.2, 1\]: its information content. 1 for words used less than ten times in a
/// million, 0.2 for those used a thousand times or more, linear in the logarithm between. Numbers count by their digits: 0.3, 0.6, 1.
pub(crate) fn rarity(stem: &str) -> f64 {
    if stem.chars().all(|c| c.is_ascii_digit()) {
        return [0.3, 0.6].get(stem.len().saturating_sub(1)).copied().unwrap_or(1.0);
    }
    FREQUENCY.get(stem).map_or(1.0, |log10| (1.0 - 0.4 * (log10 - 4.0)).clamp(0.2, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_bring_forms_together() {
        assert_eq!(stems("Growing tomatoes grows"), stems("grow TOMATO grow"));
        assert_eq!(stems("organise the colours of the centre"), stems("organizing the color of the centers"));
        assert_eq!(stems("France’s 1,000 don't three"), ["franc", "1000", "3"]);
        assert_eq!(stems("état 日本 3.5"), ["état", "日", "本", "3.5"]);
    }

    #[test]
    fn rare_words_weigh_more() {
        let weight = |w: &str| rarity(&stem(w));
        assert!(weight("photosynthesis") == 1.0 && weight("time") == 0.2);
        assert!(weight("tomato") > weight("water") && weight("water") > weight("people"));
        assert_eq!((rarity("3"), rarity("15"), rarity("1969")), (0.3, 0.6, 1.0));
    }

    #[test]
    fn roles() {
        let of = |w: &str| role(&stem(w));
        assert_eq!((of("Explain".to_lowercase().as_str()), of("tips"), of("volcano")), (Role::Stop, Role::Form, Role::Content));
        assert_eq!((of("would"), of("summarise"), of("guitar")), (Role::Stop, Role::Form, Role::Content));
    }
}
