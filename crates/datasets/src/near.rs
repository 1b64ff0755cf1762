//! Prompts that are nearly the same: what share of their word triples they have in common (Jaccard similarity of 3-word shingles; Broder 1997).
use contract::data::NearPair;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Sets of word triples of prompts, in which those of a similar prompt can be found.
///
/// Two sets with a similarity of t or more have a member in common among the first |A| − ⌈t·|A|⌉ + 1 of each, whatever the order that both are in
/// (prefix filtering; Chaudhuri et al. 2006): only those are looked up. The order is that of their hashes.
pub(crate) struct Near {
    threshold: f64,
    sets: Vec<Vec<u64>>,
    /// Numbers of the sets that have a triple among their first ones.
    by_triple: HashMap<u64, Vec<usize>>,
}

impl Near {
    /// `threshold` is in (0, 1].
    pub fn new(threshold: f64) -> Self {
        Self { threshold, sets: Vec::new(), by_triple: HashMap::new() }
    }

    /// The sets of all these prompts.
    pub fn of<'a>(threshold: f64, prompts: impl Iterator<Item = &'a str>) -> Self {
        let mut near = Self::new(threshold);
        prompts.for_each(|prompt| near.add(prompt));
        near
    }

    /// How many of some other prompts have a similar one among these, whose texts `text` gives, and the most similar pair.
    pub fn among<'a, 'b>(&self, others: impl Iterator<Item = &'a str>, text: impl Fn(usize) -> &'b str) -> (usize, Option<NearPair>) {
        let (mut count, mut nearest) = (0, None::<(&str, usize, f64)>);
        for prompt in others {
            let Some((i, similarity)) = self.find(prompt) else { continue };
            count += 1;
            if nearest.is_none_or(|(_, _, most)| similarity > most) {
                nearest = Some((prompt, i, similarity));
            }
        }
        let pair =
            |(prompt, i, similarity): (&str, usize, f64)| NearPair { prompt: prompt.into(), in_training: text(i).into(), similarity };
        (count, nearest.map(pair))
    }

    /// The most similar of the prompts that were added, by the order of adding, and the similarity; None below the threshold.
    pub fn find(&self, prompt: &str) -> Option<(usize, f64)> {
        let set = triples(prompt);
        let mut candidates: Vec<usize> = self.first(&set).filter_map(|triple| self.by_triple.get(triple)).flatten().copied().collect();
        candidates.sort_unstable();
        candidates.dedup();
        let similar = candidates.into_iter().map(|i| (i, similarity(&set, &self.sets[i]))).filter(|(_, s)| *s >= self.threshold);
        similar.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    }

    pub fn add(&mut self, prompt: &str) {
        let set = triples(prompt);
        let first: Vec<u64> = self.first(&set).copied().collect();
        for triple in first {
            self.by_triple.entry(triple).or_default().push(self.sets.len());
        }
        self.sets.push(set);
    }

    fn first<'a>(&self, set: &'a [u64]) -> impl Iterator<Item = &'a u64> {
        // The product may lie a rounding above a whole number; a prefix that is one too long loses nothing.
        let common = (self.threshold * set.len() as f64 - 1e-9).ceil().max(1.0) as usize;
        set.iter().take(set.len() + 1 - common.min(set.len()))
    }
}

/// Hashes of the triples of neighbouring words, in increasing order, each once. Words are runs of letters and digits in lower case; where a script sets
/// no spaces a character is a word. A prompt of fewer than three words is one triple.
fn triples(prompt: &str) -> Vec<u64> {
    let words = words(&prompt.to_lowercase());
    let hash = |words: &[String]| {
        // The same on every machine for one version of the standard library; nothing of it is kept.
        let mut hasher = DefaultHasher::new();
        words.hash(&mut hasher);
        hasher.finish()
    };
    let mut triples: Vec<u64> = if words.len() < 3 { vec![hash(&words)] } else { words.windows(3).map(hash).collect() };
    triples.sort_unstable();
    triples.dedup();
    triples
}

fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut goes_on = false;
    for c in text.chars() {
        if is_a_word(c) {
            words.push(c.into());
            goes_on = false;
        } else if !c.is_alphanumeric() {
            goes_on = false;
        } else {
            match words.last_mut().filter(|_| goes_on) {
                Some(word) => word.push(c),
                None => words.push(c.into()),
            }
            goes_on = true;
        }
    }
    words
}

/// How many words a text has, as filters and lengths count them: what white space separates; where a script sets no spaces, each character.
pub fn word_count(text: &str) -> usize {
    let of_piece = |piece: &str| {
        let alone = piece.chars().filter(|c| is_a_word(*c)).count();
        let has_others = piece.chars().any(|c| c.is_alphanumeric() && !is_a_word(c));
        alone + usize::from(alone == 0 || has_others)
    };
    text.split_whitespace().map(of_piece).sum()
}

/// Thai, Lao, Khmer and Burmese letters, kana and Han.
fn is_a_word(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// Of two sets in increasing order: what they share of what both have.
fn similarity(a: &[u64], b: &[u64]) -> f64 {
    let (mut i, mut j, mut common) = (0, 0, 0_usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, common) = (i + 1, j + 1, common + 1),
        }
    }
    common as f64 / (a.len() + b.len() - common) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(a: &str, b: &str) -> f64 {
        similarity(&triples(a), &triples(b))
    }

    #[test]
    fn similarity_is_the_share_of_common_triples() {
        assert_eq!(of("What is the capital of France?", "what is THE capital, of France"), 1.0);
        // "what is the", "is the capital", "the capital of" of five different ones.
        assert_eq!(of("What is the capital of France?", "What is the capital of Spain?"), 3.0 / 5.0);
        assert_eq!(of("Hi", "hi!"), 1.0);
        assert_eq!(of("Hi", "Ho"), 0.0);
        assert_eq!(of("请讲一个故事", "请讲一个故事。"), 1.0);
        assert_eq!(of("请讲一个故事", "请讲一个笑话"), 2.0 / 6.0);
    }

    #[test]
    fn words_are_counted_in_every_script() {
        assert_eq!(["", " ", "Hi - don't!", "naïve  cafés\n\n"].map(word_count), [0, 0, 3, 2]);
        assert_eq!(["请讲一个故事。", "用 Rust 写", "iPhone手机"].map(word_count), [6, 3, 3]);
    }

    proptest! {
        #[test]
        fn nothing_similar_is_missed(
            prompts in prop::collection::vec(prop::collection::vec(0..4_u8, 1..14), 1..40),
            threshold in 0.05..1.0_f64,
        ) {
            let prompts: Vec<String> = prompts.iter().map(|p| p.iter().map(|w| format!("w{w} ")).collect()).collect();
            let mut near = Near::new(threshold);
            for (n, prompt) in prompts.iter().enumerate() {
                let best = prompts[..n].iter().map(|other| of(prompt, other)).fold(0.0, f64::max);
                let found = near.find(prompt).map(|(_, similarity)| similarity);
                prop_assert_eq!(found, (best >= threshold).then_some(best));
                near.add(prompt);
            }
        }
    }
}
