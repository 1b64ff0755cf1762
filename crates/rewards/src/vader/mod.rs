//! VADER, a sentiment score by lexicon and rules (Hutto and Gilbert, ICWSM 2014), rule for rule as in Python's `vaderSentiment` 3.3.2.
//!
//! The crates that carry VADER in Rust differ from it (no rule for "no", other rules for capitals, "least" and "but", an older lexicon): both
//! of them on 168 of our 311 fixtures. Odd rules of the original are kept, since the score is compared with published ones; each says so.
mod lexicon;

use lexicon::{booster, idiom, negates, valence};
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

/// What capitals add to a word among words in small letters.
const CAPITALS: f64 = 0.733;
/// What a negation multiplies valence by.
const NEGATED: f64 = -0.74;
/// Approximates the largest sum expected, in the normalisation of the compound score.
const ALPHA: f64 = 15.0;

/// A token as the rules see it.
struct Token {
    lower: String,
    capitals: bool,
    valence: Option<f64>,
}

/// Compound sentiment of a text in \[-1, 1\], rounded to four decimals as the original does; 0 for a text without words.
pub fn compound(text: &str) -> f64 {
    let text = describe_emojis(text);
    let tokens = tokenize(&text);
    let capitals_differ = tokens.iter().any(|t| t.capitals) && tokens.iter().any(|t| !t.capitals);
    let mut sentiments: Vec<f64> = (0..tokens.len()).map(|i| sentiment(&tokens, i, capitals_differ)).collect();
    weigh_around_but(&tokens, &mut sentiments);
    let mut sum: f64 = sentiments.iter().sum();
    if sum > 0.0 {
        sum += emphasis(&text);
    } else if sum < 0.0 {
        sum -= emphasis(&text);
    }
    let score = (sum / (sum * sum + ALPHA).sqrt()).clamp(-1.0, 1.0);
    // Through text, because that rounds exact ties as Python does; adding 0 turns -0 into 0.
    format!("{score:.4}").parse().unwrap_or(score) + 0.0
}

/// Puts the description of each emoji in its place. As in the original, no space follows it.
fn describe_emojis(text: &str) -> String {
    let mut described = String::with_capacity(text.len());
    let mut after_space = true;
    for character in text.chars() {
        if let Some(description) = lexicon::emoji(character) {
            if !after_space {
                described.push(' ');
            }
            described.push_str(description);
            after_space = false;
        } else {
            described.push(character);
            after_space = character == ' ';
        }
    }
    described
}

fn tokenize(text: &str) -> Vec<Token> {
    // Python's white space: Unicode's, and the four information separators.
    text.split(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let stripped = piece.trim_matches(|c: char| c.is_ascii_punctuation());
            // What is left of two characters or fewer was probably an emoticon.
            let word = if stripped.chars().nth(2).is_none() { piece } else { stripped };
            let lower = word.to_lowercase();
            Token { capitals: all_capitals(word), valence: valence(&lower), lower }
        })
        .collect()
}

/// Python's `str.isupper`: an upper-case letter, and none in lower or title case.
fn all_capitals(word: &str) -> bool {
    let title = |c: char| !c.is_uppercase() && !c.is_lowercase() && !c.to_lowercase().eq([c]) && !c.to_uppercase().eq([c]);
    word.chars().any(char::is_uppercase) && !word.chars().any(|c| c.is_lowercase() || title(c))
}

/// The valence of token i among its neighbours.
fn sentiment(tokens: &[Token], i: usize, capitals_differ: bool) -> f64 {
    let token = &tokens[i];
    let word = |j: usize| tokens[j].lower.as_str();
    if booster(&token.lower).is_some() || (token.lower == "kind" && i + 1 < tokens.len() && word(i + 1) == "of") {
        return 0.0;
    }
    let Some(own) = token.valence else { return 0.0 };
    let mut valence = own;
    // "no" before a word of the lexicon negates that word and has no valence itself.
    if token.lower == "no" && tokens.get(i + 1).is_some_and(|next| next.valence.is_some()) {
        valence = 0.0;
    }
    if (i > 0 && word(i - 1) == "no")
        || (i > 1 && word(i - 2) == "no")
        || (i > 2 && word(i - 3) == "no" && matches!(word(i - 1), "or" | "nor"))
    {
        valence = own * NEGATED;
    }
    if token.capitals && capitals_differ {
        valence += if valence > 0.0 { CAPITALS } else { -CAPITALS };
    }
    for distance in 1..=3.min(i) {
        let before = &tokens[i - distance];
        if before.valence.is_some() {
            continue;
        }
        valence += boost(before, valence, capitals_differ) * [1.0, 0.95, 0.9][distance - 1];
        valence = negate(tokens, i, distance, valence);
        if distance == 3 {
            valence = idioms(tokens, i, valence);
        }
    }
    least(tokens, i, valence)
}

/// What a degree adverb before a word adds to its valence.
fn boost(adverb: &Token, valence: f64, capitals_differ: bool) -> f64 {
    let Some(amount) = booster(&adverb.lower) else { return 0.0 };
    let signed = if valence < 0.0 { -amount } else { amount };
    match (adverb.capitals && capitals_differ, valence > 0.0) {
        (false, _) => signed,
        (true, true) => signed + CAPITALS,
        (true, false) => signed - CAPITALS,
    }
}

/// Negation by the word `distance` places before token i.
fn negate(tokens: &[Token], i: usize, distance: usize, valence: f64) -> f64 {
    let back = |n: usize| tokens[i - n].lower.as_str();
    let so = |n: usize| matches!(back(n), "so" | "this");
    // The original's precedence of `and` over `or`: at distance 3, "so" or "this" just before the word is enough without "never".
    let intensified = match distance {
        2 => back(2) == "never" && so(1),
        3 => (back(3) == "never" && so(2)) || so(1),
        _ => false,
    };
    let undoubted = match distance {
        2 => back(2) == "without" && back(1) == "doubt",
        3 => back(3) == "without" && (back(2) == "doubt" || back(1) == "doubt"),
        _ => false,
    };
    if intensified {
        valence * 1.25
    } else if !undoubted && negates(back(distance)) {
        valence * NEGATED
    } else {
        valence
    }
}

/// Idioms around token i, which has at least three tokens before it, and dampeners of two words before it.
fn idioms(tokens: &[Token], i: usize, mut valence: f64) -> f64 {
    let phrase = |from: usize, to: usize| tokens[from..=to].iter().map(|t| t.lower.as_str()).collect::<Vec<_>>().join(" ");
    let before = [(i - 1, i), (i - 2, i), (i - 2, i - 1), (i - 3, i - 1), (i - 3, i - 2)];
    if let Some(found) = before.iter().find_map(|&(from, to)| idiom(&phrase(from, to))) {
        valence = found;
    }
    for to in [i + 1, i + 2] {
        if to < tokens.len()
            && let Some(found) = idiom(&phrase(i, to))
        {
            valence = found;
        }
    }
    let dampened = [(i - 3, i - 1), (i - 3, i - 2), (i - 2, i - 1)].into_iter().filter_map(|(from, to)| booster(&phrase(from, to)));
    dampened.fold(valence, |v, amount| v + amount)
}

/// "least" before a word negates it, unless it is "at least" or "very least".
fn least(tokens: &[Token], i: usize, valence: f64) -> f64 {
    let follows_least = i > 0 && tokens[i - 1].lower == "least" && tokens[i - 1].valence.is_none();
    let softened = i > 1 && matches!(tokens[i - 2].lower.as_str(), "at" | "very");
    if follows_least && !softened { valence * NEGATED } else { valence }
}

/// What stands before the first "but" counts half, what stands after it one and a half times.
///
/// The original looks each value up by its first occurrence in the list that it is changing, so of equal values the first may be changed
/// twice and the second not at all. Scores agree only if that is done too.
fn weigh_around_but(tokens: &[Token], sentiments: &mut [f64]) {
    let Some(but) = tokens.iter().position(|t| t.lower == "but") else { return };
    // Adding 0 makes -0 the same key as 0.
    let key = |value: f64| (value + 0.0).to_bits();
    // The places of each value, so that a very long text does not take the square of its length.
    let mut places: HashMap<u64, BTreeSet<usize>> = HashMap::new();
    for (at, value) in sentiments.iter().enumerate() {
        places.entry(key(*value)).or_default().insert(at);
    }
    for at in 0..sentiments.len() {
        let value = sentiments[at];
        let Some(first) = places.get(&key(value)).and_then(BTreeSet::first).copied() else { continue };
        let changed = match first.cmp(&but) {
            Ordering::Less => value * 0.5,
            Ordering::Greater => value * 1.5,
            Ordering::Equal => value,
        };
        if key(changed) != key(value) {
            places.entry(key(value)).and_modify(|set| _ = set.remove(&first));
            places.entry(key(changed)).or_default().insert(first);
            sentiments[first] = changed;
        }
    }
}

/// What exclamation and question marks add to the size of the sum.
fn emphasis(text: &str) -> f64 {
    let exclamations = text.matches('!').count().min(4) as f64 * 0.292;
    let questions = match text.matches('?').count() {
        0 | 1 => 0.0,
        n @ 2..=3 => n as f64 * 0.18,
        _ => 0.96,
    };
    exclamations + questions
}
