//! Quantisation while loading ("in situ").
use contract::{Error, Result};
use lm::Stored;
use mistralrs::IsqType;

/// Values of `frozen.quantisation`: GGML's types, by bits per weight. mistral.rs knows more, which need a GPU or Apple's Metal.
pub const QUANTISATIONS: [&str; 10] = ["q8_0", "q8k", "q6k", "q5_0", "q5_1", "q5k", "q4_0", "q4_1", "q4k", "q3k"];

/// Refuses a quantisation that mistral.rs does not know, naming those it does. Small letters and capitals are the same.
pub fn check_quantisation(name: &str) -> Result<()> {
    parse(name).map(|_| ())
}

/// GGML's types: the numbers of a block, its bytes, and what takes the place of a type whose blocks do not fit into a row, as in mistral.rs.
const BLOCKS: [(&str, u64, u64, Option<&str>); 11] = [
    ("q8_0", 32, 34, None),
    ("q8_1", 32, 36, None),
    ("q8k", 256, 292, Some("q8_1")),
    ("q6k", 256, 210, Some("q5_1")),
    ("q5_0", 32, 22, None),
    ("q5_1", 32, 24, None),
    ("q5k", 256, 176, Some("q5_0")),
    ("q4_0", 32, 18, None),
    ("q4_1", 32, 20, None),
    ("q4k", 256, 144, Some("q4_1")),
    ("q3k", 256, 110, Some("q4_0")),
];

/// Bytes of a tensor that is quantised; none where it stays as it is: no matrix, or its rows are no whole blocks.
pub(crate) fn bytes(name: &str, tensor: &Stored) -> Option<u64> {
    let (_, numbers, bytes, other) = BLOCKS.into_iter().find(|(known, ..)| name.eq_ignore_ascii_case(known))?;
    let row = tensor.shape.last().copied().filter(|_| tensor.shape.len() > 1)? as u64;
    if row.is_multiple_of(numbers) { Some(tensor.numbers() / numbers * bytes) } else { self::bytes(other?, tensor) }
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
    fn each_has_its_bytes_and_falls_back_where_rows_are_no_whole_blocks() {
        let matrix = |shape: &[usize]| Stored { name: "w".into(), shape: shape.to_vec(), bytes: 0 };
        for name in QUANTISATIONS {
            let bits = bytes(name, &matrix(&[2, 512])).unwrap() as f64 / 128.0;
            let named = f64::from(name.chars().find_map(|c| c.to_digit(10)).unwrap());
            assert!((named..named + 1.2).contains(&bits), "{name}: {bits}");
        }
        assert_eq!(bytes("Q4K", &matrix(&[2, 576])), bytes("q4_1", &matrix(&[2, 576])));
        assert_eq!((bytes("q4_1", &matrix(&[2, 33])), bytes("q8_0", &matrix(&[64]))), (None, None));
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
