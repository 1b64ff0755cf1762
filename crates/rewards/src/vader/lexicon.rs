//! The word lists of VADER: valences, emojis, boosters, negations, idioms.
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// How far a booster raises, and a dampener lowers, the valence of the word after it.
const BOOST: f64 = 0.293;

const BOOSTERS: &str = "absolutely amazingly awfully completely considerable considerably decidedly deeply effing enormous enormously entirely especially \
    exceptional exceptionally extreme extremely fabulously flipping flippin frackin fracking fricking frickin frigging friggin fully \
    fuckin fucking fuggin fugging greatly hella highly hugely incredible incredibly intensely major majorly more most particularly \
    purely quite really remarkably so substantially thoroughly total totally tremendous tremendously uber unbelievably unusually utter \
    utterly very";
const DAMPENERS: &str = "almost barely hardly kinda kindof kind-of less little marginal marginally occasional occasionally partly scarce scarcely slight \
    slightly somewhat sorta sortof sort-of";
/// Dampeners of two words: the original finds them only in its check for idioms.
const DAMPENERS_OF_TWO: [&str; 3] = ["just enough", "kind of", "sort of"];

const NEGATIONS: &str = "aint arent cannot cant couldnt darent didnt doesnt ain't aren't can't couldn't daren't didn't doesn't dont hadnt hasnt havent isnt \
    mightnt mustnt neither don't hadn't hasn't haven't isn't mightn't mustn't neednt needn't never none nope nor not nothing nowhere \
    oughtnt shant shouldnt uhuh wasnt werent oughtn't shan't shouldn't uh-uh wasn't weren't without wont wouldnt won't wouldn't rarely \
    seldom despite";

/// Valences of phrases, which replace that of the word.
const IDIOMS: [(&str, f64); 9] = [
    ("the shit", 3.0),
    ("the bomb", 3.0),
    ("bad ass", 1.5),
    ("badass", 1.5),
    ("bus stop", 0.0),
    ("yeah right", -2.0),
    ("kiss of death", -1.5),
    ("to die for", 3.0),
    ("beating heart", 3.5),
];

static LEXICON: LazyLock<HashMap<&str, f64>> = LazyLock::new(|| {
    let lines = include_str!("../../data/vader_lexicon.tsv").lines();
    lines.filter_map(|line| line.split_once('\t').and_then(|(word, valence)| Some((word, valence.parse().ok()?)))).collect()
});
static EMOJI: LazyLock<HashMap<char, &str>> = LazyLock::new(|| {
    let lines = include_str!("../../data/vader_emoji.tsv").lines();
    lines.filter_map(|line| line.split_once('\t').and_then(|(emoji, text)| Some((emoji.chars().next()?, text)))).collect()
});
static BOOSTER: LazyLock<HashMap<&str, f64>> = LazyLock::new(|| {
    let (raise, lower) = (BOOSTERS.split_whitespace(), DAMPENERS.split_whitespace());
    raise.map(|w| (w, BOOST)).chain(lower.map(|w| (w, -BOOST))).chain(DAMPENERS_OF_TWO.map(|w| (w, -BOOST))).collect()
});
static NEGATION: LazyLock<HashSet<&str>> = LazyLock::new(|| NEGATIONS.split_whitespace().collect());

/// Mean valence of a word in lower case, from -4 to 4.
pub(super) fn valence(word: &str) -> Option<f64> {
    LEXICON.get(word).copied()
}

/// What an emoji shows, in words.
pub(super) fn emoji(character: char) -> Option<&'static str> {
    EMOJI.get(&character).copied()
}

/// What a degree adverb, in lower case, adds to the valence of the word after it.
pub(super) fn booster(phrase: &str) -> Option<f64> {
    BOOSTER.get(phrase).copied()
}

pub(super) fn negates(word: &str) -> bool {
    NEGATION.contains(word) || word.contains("n't")
}

/// Valence of an idiom in lower case.
pub(super) fn idiom(phrase: &str) -> Option<f64> {
    IDIOMS.iter().find(|(text, _)| *text == phrase).map(|(_, valence)| *valence)
}
