//! What a judge is asked, and what it said.
use lm::Message;
use sha2::{Digest, Sha256};
use store::Verdict;

/// What a judge is asked, as one user message. Whoever changes it gets another [`template_hash`], and so a judging of its own.
pub const TEMPLATE: &str = "\
You are an impartial judge. Below are a prompt and two answers to it, A and B. Decide which answer serves the person who wrote the prompt \
better: helpful, correct, to the point, and in a fitting tone. Neither the order in which the answers stand nor their length is a merit. \
If neither is better, it is a tie.

[Prompt]
{prompt}
[End of the prompt]

[Answer A]
{first}
[End of answer A]

[Answer B]
{second}
[End of answer B]

Which answer is better? Reply with one word: A, B or tie.";

/// Tokens that a judge may write: a verdict, and room for one that cannot help saying a sentence before it.
pub const MAX_TOKENS: usize = 32;

/// What comes of the template: the texts stand where it says, and nothing in them is taken for a part of it.
pub fn question(prompt: &str, first: &str, second: &str) -> String {
    filled(TEMPLATE, &[("{prompt}", prompt), ("{first}", first), ("{second}", second)])
}

/// What was said before an answer, for a judge: the user's message alone as it is, else who said what.
pub(super) fn shown(before: &[Message]) -> String {
    match before {
        [only] if only.role == "user" => only.content.clone(),
        all => all.iter().map(|message| format!("{}: {}", message.role, message.content)).collect::<Vec<_>>().join("\n\n"),
    }
}

/// A template with texts in the place of its marks, each of which stands in it once, in this order. Nothing in a text is taken for a mark.
pub(super) fn filled(template: &str, texts: &[(&str, &str)]) -> String {
    let (mut whole, mut rest) = (String::new(), template);
    for (mark, text) in texts {
        let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
        whole.push_str(before);
        whole.push_str(text);
        rest = after;
    }
    whole + rest
}

/// The template; of prompts before some of which a system prompt stands, with how that is shown.
pub fn template(with_system: bool) -> String {
    if with_system { TEMPLATE.replace("{prompt}", "system: {system}\n\nuser: {prompt}") } else { TEMPLATE.into() }
}

/// The first twelve hex digits of a template's SHA-256.
pub fn template_hash(template: &str) -> String {
    Sha256::digest(template).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The verdict that a text ends in: its last line is `A`, `B` or `tie`, perhaps after `Verdict:`, in brackets, quotation marks, bold, or
/// with a full stop. Anything else is no verdict: a text that only names an answer may say anything of it.
pub fn verdict(text: &str) -> Verdict {
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let bare = |text: &str| text.trim_matches(|c: char| c.is_whitespace() || "*_[]()\"'`.".contains(c)).to_owned();
    let said = bare(last);
    let said = match said.split_once(':') {
        Some((label, rest)) if ["verdict", "final verdict"].contains(&bare(label).to_lowercase().as_str()) => bare(rest),
        _ => said,
    };
    match said.as_str() {
        "A" => Verdict::First,
        "B" => Verdict::Second,
        tie if tie.eq_ignore_ascii_case("tie") => Verdict::Tie,
        _ => Verdict::Unparsed,
    }
}
