//! Worlds to look at and to test with.
use super::world::{Answer, Prompt, Rewrite, World, WorldError};
use crate::resampling::stream;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

/// A prompt as data: text, P(x), answers (text, r), π_F(y|x), and rewrites (text, ρ_sft, π_F(y|x')).
type Row = (&'static str, f64, &'static [(&'static str, f64)], &'static [f64], &'static [(&'static str, f64, &'static [f64])]);

/// Three prompts as a person might type them. The best rewrite is rare, the likeliest leaves the prompt as it is, one makes things worse,
/// and for the last prompt the frozen model could not do well without a rewrite.
const EXAMPLE: [Row; 3] = [
    (
        "tell me about tea",
        0.4,
        &[("A clear overview with examples.", 0.9), ("A list of facts.", 0.6), ("A rambling paragraph.", 0.3), ("“Tea is a drink.”", 0.1)],
        &[0.10, 0.25, 0.40, 0.25],
        &[
            ("tell me about tea", 0.40, &[0.10, 0.25, 0.40, 0.25]),
            ("Explain how tea is grown, made and drunk, with an example of each.", 0.07, &[0.65, 0.25, 0.08, 0.02]),
            ("List ten facts about tea.", 0.20, &[0.10, 0.80, 0.07, 0.03]),
            ("Tea?", 0.33, &[0.02, 0.08, 0.30, 0.60]),
        ],
    ),
    (
        "fix: he go to school",
        0.35,
        &[
            ("“He goes to school.” and why.", 1.0),
            ("“He goes to school.”", 0.8),
            ("“He went to school.”", 0.4),
            ("An essay about schools.", 0.0),
        ],
        &[0.15, 0.55, 0.20, 0.10],
        &[
            ("fix: he go to school", 0.50, &[0.15, 0.55, 0.20, 0.10]),
            ("Correct the grammar of “he go to school” and name the rule.", 0.10, &[0.80, 0.17, 0.02, 0.01]),
            ("Write about a boy who goes to school.", 0.30, &[0.01, 0.04, 0.05, 0.90]),
            ("Correct: “he go to school”", 0.10, &[0.10, 0.75, 0.14, 0.01]),
        ],
    ),
    (
        "what's 17 * 23",
        0.25,
        &[("391, step by step.", 1.0), ("391", 0.7), ("A wrong number.", 0.0)],
        &[0.02, 0.38, 0.60],
        &[
            ("what's 17 * 23", 0.55, &[0.02, 0.38, 0.60]),
            ("Work out 17 · 23 step by step.", 0.10, &[0.75, 0.10, 0.15]),
            ("Quickly, 17 times 23?", 0.35, &[0.01, 0.34, 0.65]),
        ],
    ),
];

impl World {
    /// The example world of the theory page; made up, to be read, with rewards from 0 to 1.
    ///
    /// # Errors
    /// None in practice: a test builds it.
    pub fn example() -> Result<Self, WorldError> {
        Self::new(EXAMPLE.iter().map(prompt).collect())
    }

    /// A random world: distributions uniform on their simplices, rewards uniform in 0…1, the same for the same arguments.
    ///
    /// # Errors
    /// One of the sizes is 0.
    pub fn random(seed: u64, prompts: usize, rewrites: usize, answers: usize) -> Result<Self, WorldError> {
        let mut random = stream(seed, 0);
        let shares = simplex(&mut random, prompts);
        let prompts = shares.into_iter().enumerate().map(|(x, probability)| Prompt {
            text: format!("prompt {x}"),
            probability,
            answers: (0..answers).map(|y| Answer { text: format!("answer {y}"), reward: uniform(&mut random) }).collect(),
            raw: simplex(&mut random, answers),
            rewrites: simplex(&mut random, rewrites)
                .into_iter()
                .enumerate()
                .map(|(i, probability)| Rewrite { text: format!("rewrite {i}"), probability, answers: simplex(&mut random, answers) })
                .collect(),
        });
        Self::new(prompts.collect())
    }
}

fn prompt(&(text, probability, answers, raw, rewrites): &Row) -> Prompt {
    Prompt {
        text: text.into(),
        probability,
        answers: answers.iter().map(|&(text, reward)| Answer { text: text.into(), reward }).collect(),
        raw: raw.to_vec(),
        rewrites: rewrites
            .iter()
            .map(|&(text, probability, answers)| Rewrite { text: text.into(), probability, answers: answers.to_vec() })
            .collect(),
    }
}

/// Exponential variates over their sum: uniform on the simplex.
fn simplex(random: &mut ChaCha8Rng, n: usize) -> Vec<f64> {
    let draws: Vec<f64> = (0..n).map(|_| -uniform(random).ln()).collect();
    let sum: f64 = draws.iter().sum();
    draws.into_iter().map(|draw| draw / sum).collect()
}

/// Uniform in (0, 1), never 0.
fn uniform(random: &mut ChaCha8Rng) -> f64 {
    ((random.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}
