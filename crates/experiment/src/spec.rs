//! Specs as text: parsing with helpful refusals, the canonical form, its hash.
use contract::{Error, Result, Spec};
use sha2::{Digest, Sha256};

/// Reads a spec from TOML, or from JSON if the text begins with `{`, and checks its values. `origin` names the text in errors (the
/// file's path as the user wrote it). Fails with [`contract::Code::Spec`]: an unknown key with its path, line and the nearest known
/// key; a value of the wrong type with what would fit; all impossible values at once.
pub fn parse(text: &str, origin: &str) -> Result<Spec> {
    let spec = if text.trim_start().starts_with('{') { parse_json(text, origin) } else { parse_toml(text, origin) }?;
    check(&spec, origin)?;
    Ok(spec)
}

/// Refuses impossible values, all in one error: the first in the message when there is only one, a list in `detail` when there are more.
pub fn check(spec: &Spec, origin: &str) -> Result<()> {
    let problems: Vec<String> = spec.problems().into_iter().map(|p| format!("{} {}", p.path, p.message)).collect();
    match problems.as_slice() {
        [] => Ok(()),
        [only] => Err(Error::spec(format!("{origin}: {only}."))),
        many => Err(Error::spec(format!("{origin}: {} values cannot work: {}.", many.len(), many.join("; ")))),
    }
}

/// The spec as JSON with sorted keys, every default written out and no white space: equal specs give equal bytes.
pub fn canonical_json(spec: &Spec) -> Result<String> {
    let value = serde_json::to_value(spec).map_err(|e| Error::internal("The spec cannot be written as JSON.").with_detail(e))?;
    let mut text = String::new();
    write_sorted(&value, &mut text);
    Ok(text)
}

/// Hex SHA-256 of [`canonical_json`].
pub fn hash(spec: &Spec) -> Result<String> {
    Ok(Sha256::digest(canonical_json(spec)?).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The hash of the spec without what may differ between the seeds of one experiment: name and seed.
pub fn experiment(spec: &Spec) -> Result<String> {
    hash(&apart_from_seed(spec))
}

fn apart_from_seed(spec: &Spec) -> Spec {
    Spec { name: String::new(), seed: 0, ..spec.clone() }
}

/// The first key, name and seed aside, in which two specs differ, with the value of each; None for seeds of one experiment.
pub fn difference(a: &Spec, b: &Spec) -> Result<Option<(String, String, String)>> {
    let value = |spec: &Spec| serde_json::to_value(spec).map_err(|e| Error::internal("The spec cannot be written as JSON.").with_detail(e));
    Ok(differing(String::new(), &value(&apart_from_seed(a))?, &value(&apart_from_seed(b))?))
}

fn differing(path: String, a: &serde_json::Value, b: &serde_json::Value) -> Option<(String, String, String)> {
    use serde_json::Value::{Array, Null, Object};
    match (a, b) {
        _ if a == b => None,
        (Object(x), Object(y)) => {
            let keys: std::collections::BTreeSet<&String> = x.keys().chain(y.keys()).collect();
            let below = |key: &str| if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
            keys.into_iter().find_map(|key| differing(below(key), x.get(key).unwrap_or(&Null), y.get(key).unwrap_or(&Null)))
        }
        (Array(x), Array(y)) if x.len() == y.len() => {
            x.iter().zip(y).enumerate().find_map(|(i, (x, y))| differing(format!("{path}[{i}]"), x, y))
        }
        _ => Some((path, a.to_string(), b.to_string())),
    }
}

/// The spec as TOML with every default written out; [`parse`] reads it back to an equal spec.
pub fn to_toml(spec: &Spec) -> Result<String> {
    toml::to_string_pretty(spec).map_err(|e| Error::internal("The spec cannot be written as TOML.").with_detail(e))
}

/// Written by hand because serde_json's maps keep insertion order as soon as any crate of the build asks for that.
fn write_sorted(value: &serde_json::Value, text: &mut String) {
    match value {
        serde_json::Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            for (i, key) in keys.into_iter().enumerate() {
                text.push(if i == 0 { '{' } else { ',' });
                text.push_str(&serde_json::Value::from(key.as_str()).to_string());
                text.push(':');
                write_sorted(&map[key], text);
            }
            text.push_str(if map.is_empty() { "{}" } else { "}" });
        }
        serde_json::Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write_sorted(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

fn parse_toml(text: &str, origin: &str) -> Result<Spec> {
    let line_of = |e: &toml::de::Error| e.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
    let deserializer = toml::Deserializer::parse(text).map_err(|e| syntax(origin, line_of(&e), "TOML", e.message()))?;
    serde_path_to_error::deserialize(deserializer)
        .map_err(|e| explain(origin, &e.path().to_string(), line_of(e.inner()), e.inner().message()))
}

fn parse_json(text: &str, origin: &str) -> Result<Spec> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let plain = |e: &serde_json::Error| {
        let full = e.to_string();
        full.rfind(" at line ").map_or(full.clone(), |end| full[..end].to_string())
    };
    let spec = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let (line, message) = (Some(e.inner().line()), plain(e.inner()));
        if e.inner().is_data() { explain(origin, &e.path().to_string(), line, &message) } else { syntax(origin, line, "JSON", &message) }
    })?;
    deserializer.end().map_err(|e| syntax(origin, Some(e.line()), "JSON", &plain(&e)))?;
    Ok(spec)
}

fn place(origin: &str, line: Option<usize>) -> String {
    line.map_or_else(|| origin.to_string(), |line| format!("{origin}, line {line}"))
}

fn syntax(origin: &str, line: Option<usize>, format: &str, message: &str) -> Error {
    let message = message.trim().replace('\n', ", ");
    Error::spec(format!("{} is not valid {format}: {message}.", place(origin, line)))
}

/// Turns serde's message about the value at `path` into a sentence. Serde's wording ("unknown field `a`, expected one of `b`, `c`",
/// "missing field `a`", "invalid type: string \"x\", expected usize") has been stable since 1.0; a wording that is not recognised
/// is passed on as it is.
fn explain(origin: &str, path: &str, line: Option<usize>, message: &str) -> Error {
    let place = place(origin, line);
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let at = |key: &str| match path {
        "." | "" => key.to_string(),
        // The path may already end with the key that is wrong.
        _ if path == key || path.ends_with(&format!(".{key}")) => path.to_string(),
        _ => format!("{path}.{key}"),
    };
    let sentence = if message.starts_with("unknown field") && !quoted.is_empty() {
        format!("{place}: {} is not a key of the spec; {}", at(quoted[0]), suggestion(quoted[0], &quoted[1..]))
    } else if message.starts_with("missing field") && !quoted.is_empty() {
        format!("{place}: {} is missing; it has no default, so the spec must say it.", at(quoted[0]))
    } else if message.starts_with("unknown variant") && !quoted.is_empty() {
        format!("{place}: {path} is \"{}\"; {}", quoted[0], suggestion(quoted[0], &quoted[1..]))
    } else if message.starts_with("duplicate") {
        format!("{place}: {message}; write it once.")
    } else if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    {
        format!("{place}: {path} is {}; it must be {}.", found.replace('`', ""), fits(expected))
    } else {
        format!("{place}: {path}: {message}.")
    };
    Error::spec(sentence)
}

/// "did you mean …?" for a near miss, otherwise all that would fit.
fn suggestion(wrong: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|k| (distance(wrong, k), *k)).min();
    if let Some((steps, key)) = nearest
        && steps <= 1 + wrong.len() / 4
    {
        return format!("did you mean \"{key}\"?");
    }
    if let Some(table) = home_of(wrong) {
        return format!("it belongs under [{table}].");
    }
    format!("known here: {}.", known.join(", "))
}

/// The table that does know the key, for keys written in the wrong place.
fn home_of(key: &str) -> Option<&'static str> {
    use contract::spec::{Data, Evaluation, Lora, Training};
    let has = |value: Result<serde_json::Value, serde_json::Error>| value.is_ok_and(|v| v.get(key).is_some());
    if has(serde_json::to_value(Training::default())) {
        Some("training")
    } else if has(serde_json::to_value(Evaluation::default())) {
        Some("evaluation")
    } else if has(serde_json::to_value(Data::default())) {
        Some("data")
    } else if has(serde_json::to_value(Lora::default())) {
        Some("prompter.lora")
    } else {
        match key {
            "max_answer_tokens" | "engine" | "quantisation" | "paged_attention" | "top_p" | "top_k" => Some("frozen"),
            "max_rewrite_tokens" | "meta_prompt" | "rewrite_template" | "ends_after" | "lora" => Some("prompter"),
            "parts" => Some("reward"),
            // Left out of the default above.
            "cluster_column" => Some("data"),
            "normalise_by" | "clip_ratio_high" | "kl_in_loss" | "kl_target" | "kl_gain" => Some("training"),
            "gae_lambda" | "value_clip" | "value_learning_rate" | "checkpointing" => Some("training"),
            _ => None,
        }
    }
}

/// Serde's name of a type, in words.
fn fits(expected: &str) -> String {
    match expected {
        "usize" | "u64" | "u32" => "a whole number, 0 or more".into(),
        "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" => "text in quotes".into(),
        "a sequence" => "a list in [ ]".into(),
        other if other.starts_with("struct ") => "a table of keys".into(),
        other => other.replace('`', ""),
    }
}

/// Optimal string alignment distance: insertions, deletions, changes and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = change.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(table[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    table[a.len()][b.len()]
}
