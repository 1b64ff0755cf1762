//! Which language a prompt is in.
use contract::{Error, Result};
use whatlang::Lang;

/// Codes of two letters (ISO 639-1) of the languages that can be told apart, whose codes of three letters are known to the library.
const SHORT: [(&str, &str); 69] = [
    ("af", "afr"),
    ("am", "amh"),
    ("ar", "ara"),
    ("az", "aze"),
    ("be", "bel"),
    ("bg", "bul"),
    ("bn", "ben"),
    ("ca", "cat"),
    ("cs", "ces"),
    ("cy", "cym"),
    ("da", "dan"),
    ("de", "deu"),
    ("el", "ell"),
    ("en", "eng"),
    ("eo", "epo"),
    ("es", "spa"),
    ("et", "est"),
    ("fa", "pes"),
    ("fi", "fin"),
    ("fr", "fra"),
    ("gu", "guj"),
    ("he", "heb"),
    ("hi", "hin"),
    ("hr", "hrv"),
    ("hu", "hun"),
    ("hy", "hye"),
    ("id", "ind"),
    ("it", "ita"),
    ("ja", "jpn"),
    ("jv", "jav"),
    ("ka", "kat"),
    ("km", "khm"),
    ("kn", "kan"),
    ("ko", "kor"),
    ("la", "lat"),
    ("lt", "lit"),
    ("lv", "lav"),
    ("mk", "mkd"),
    ("ml", "mal"),
    ("mr", "mar"),
    ("my", "mya"),
    ("nb", "nob"),
    ("ne", "nep"),
    ("nl", "nld"),
    ("no", "nob"),
    ("or", "ori"),
    ("pa", "pan"),
    ("pl", "pol"),
    ("pt", "por"),
    ("ro", "ron"),
    ("ru", "rus"),
    ("si", "sin"),
    ("sk", "slk"),
    ("sl", "slv"),
    ("sn", "sna"),
    ("sr", "srp"),
    ("sv", "swe"),
    ("ta", "tam"),
    ("te", "tel"),
    ("th", "tha"),
    ("tk", "tuk"),
    ("tl", "tgl"),
    ("tr", "tur"),
    ("uk", "ukr"),
    ("ur", "urd"),
    ("uz", "uzb"),
    ("vi", "vie"),
    ("yi", "yid"),
    ("zh", "cmn"),
];

/// The language of a code of two or three letters, which stands in the field `named`.
pub(crate) fn language(code: &str, named: &str) -> Result<Lang> {
    let long = SHORT.iter().find(|(short, _)| *short == code).map_or(code, |(_, long)| long);
    Lang::from_code(long).ok_or_else(|| {
        Error::spec(format!(
            "{named} is {code:?}, which is no language that can be told; write its ISO 639 code, such as \"en\", or leave it out"
        ))
    })
}

/// Whether a text is clearly in another language. Of a few words that cannot be told, and they are not.
pub(crate) fn is_other(text: &str, wanted: Lang) -> bool {
    whatlang::detect(text).is_some_and(|found| found.is_reliable() && found.lang() != wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_a_language() {
        for (short, long) in SHORT {
            assert_eq!(language(short, "data.language").unwrap(), language(long, "data.language").unwrap());
            assert_eq!(language(short, "data.language").unwrap().code(), long);
        }
        assert!(language("xx", "data.language").unwrap_err().message.contains("\"xx\""));
    }

    #[test]
    fn languages_are_told_apart() {
        let english = language("en", "data.language").unwrap();
        let other = [
            "Wie kann ich meinen Garten im Winter am besten vor Frost schützen?",
            "¿Cuál es la mejor manera de aprender a tocar la guitarra en casa?",
            "请给我讲一个关于小猫的故事。",
        ];
        assert!(other.iter().all(|text| is_other(text, english)));
        let kept = ["What is the best way to protect my garden from frost in the winter months?", "Hi!", "2 + 2 = ?", ""];
        assert!(kept.iter().all(|text| !is_other(text, english)));
    }
}
