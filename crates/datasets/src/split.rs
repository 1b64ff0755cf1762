//! Which prompts are for training, which for choosing, which for the result.
use crate::Splits;
use contract::spec::Data;
use contract::{Error, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::HashSet;

/// Draws the splits that `spec` asks for from the distinct prompts among `prompts`.
pub(crate) fn draw(prompts: Vec<String>, spec: &Data, name: &str, source_checksum: String) -> Result<Splits> {
    let rows = prompts.len();
    let mut prompts = distinct(prompts);
    let wanted = spec.train.saturating_add(spec.validation).saturating_add(spec.test);
    if prompts.len() < wanted {
        let repeated = if prompts.len() < rows { format!(" among {rows}") } else { String::new() };
        return Err(Error::data(format!(
            "{name} has {} distinct prompts{repeated}, but data.train, data.validation and data.test ask for {} + {} + {} = {wanted}; \
             ask for fewer or add prompts",
            prompts.len(),
            spec.train,
            spec.validation,
            spec.test
        )));
    }
    shuffle(&mut prompts, spec.split_seed);
    let mut drawn = prompts.into_iter();
    // The order matters: what is drawn first does not depend on how much is drawn later.
    let test = drawn.by_ref().take(spec.test).collect();
    let validation = drawn.by_ref().take(spec.validation).collect();
    let train = drawn.take(spec.train).collect();
    Ok(Splits { train, validation, test, source_checksum })
}

/// The first of each set of prompts that are equal after [`normalised`].
fn distinct(prompts: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    prompts.into_iter().filter(|prompt| seen.insert(normalised(prompt))).collect()
}

/// Lower case, with single spaces between words and none around them: prompts that are equal so count as one.
pub fn normalised(prompt: &str) -> String {
    prompt.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Fisher-Yates with the high word of a 64 × 64-bit product as index: written out, so that no new version of a library and no
/// machine draws other splits. The bias is below n / 2⁶⁴.
fn shuffle(prompts: &mut [String], seed: u64) {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(key);
    for last in (1..prompts.len()).rev() {
        let product = u128::from(random.next_u64()) * (last as u128 + 1);
        // Below last + 1, so it fits.
        prompts.swap(last, (product >> 64) as usize);
    }
}
