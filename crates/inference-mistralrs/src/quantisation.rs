//! Quantisation while loading ("in situ").
use contract::{Error, Result};
use mistralrs::IsqType;

/// Values of `frozen.quantisation`: GGML's types, by bits per weight. mistral.rs knows more, which need a GPU or Apple's Metal.
pub const QUANTISATIONS: [&str; 10] = ["q8_0", "q8k", "q6k", "q5_0", "q5_1", "q5k", "q4_0", "q4_1", "q4k", "q3k"];

/// Refuses a quantisation that mistral.rs does not know, naming those it does. Small letters and capitals are the same.
pub fn check_quantisation(name: &str) -> Result<()> {
    parse(name).map(|_| ())
}

pub(crate) fn parse(name: &str) -> Result<IsqType> {
    let lower = name.to_lowercase();
    let known = QUANTISATIONS.contains(&lower.as_str());
    known.then(|| mistralrs::parse_isq_value(&lower, None).ok()).flatten().ok_or_else(|| {
        Error::spec(format!("frozen.quantisation is \"{name}\", which is not known; choose from {}", QUANTISATIONS.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_quantisation_is_one_of_mistralrs() {
        for name in QUANTISATIONS {
            assert!(check_quantisation(name).is_ok(), "{name}");
            assert!(check_quantisation(&name.to_uppercase()).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_unknown_one_is_refused_with_the_known_ones() {
        for name in ["q9_0", "", "4", "afq4"] {
            let error = check_quantisation(name).unwrap_err();
            assert_eq!(error.code, contract::Code::Spec);
            for known in QUANTISATIONS {
                assert!(error.message.contains(known), "{}", error.message);
            }
        }
    }
}
