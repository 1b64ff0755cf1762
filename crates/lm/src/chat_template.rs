//! Chat templates: Jinja as transformers sets it up, with what templates use of Python.
use crate::config::Json;
use crate::folder::read_text;
use crate::tokenizer::Message;
use crate::{Error, Result};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, ErrorKind, State, UndefinedBehavior, Value, context};
use minijinja_contrib::pycompat;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::io::{Result as Written, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The chat template of a Hugging Face folder, with the tokens that it may name.
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    named: NamedTokens,
    /// The file that it is from.
    file: PathBuf,
}

/// Special tokens that chat templates know by name; one that is not set is not defined, as in transformers.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct NamedTokens {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bos_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) eos_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pad_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unk_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sep_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cls_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mask_token: Option<String>,
}

impl NamedTokens {
    /// From `tokenizer_config.json`, where a token is a text or an object with the text under `content`.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(CONFIG);
        let text = read_text(&path)?.unwrap_or_else(|| "{}".into());
        let config = Json::parse(&text, &path)?;
        let text = |key: &str| {
            let value = config.get(key)?;
            value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_owned)
        };
        Ok(Self {
            bos_token: text("bos_token"),
            eos_token: text("eos_token"),
            pad_token: text("pad_token"),
            unk_token: text("unk_token"),
            sep_token: text("sep_token"),
            cls_token: text("cls_token"),
            mask_token: text("mask_token"),
        })
    }
}

const CONFIG: &str = "tokenizer_config.json";
const TEMPLATE_FILE: &str = "chat_template.jinja";
/// Name of the template in its environment.
const TEMPLATE: &str = "chat template";

impl ChatTemplate {
    /// Reads `chat_template.jinja`, or else `chat_template` of `tokenizer_config.json`: a text, or a list of which the one named "default" counts.
    ///
    /// # Errors
    /// [`Error::Model`] when there is none, or it is no Jinja.
    pub(crate) fn open(folder: &Path, named: NamedTokens) -> Result<Self> {
        let (file, text) = find(folder)?;
        Self::of(&text, named, file)
    }

    /// From a text that stands in `file`.
    pub(crate) fn of(text: &str, named: NamedTokens, file: PathBuf) -> Result<Self> {
        let wrong = |error: minijinja::Error| {
            let hint = match error.detail() {
                Some(detail) if detail.contains("statement break") || detail.contains("statement continue") => {
                    "; `break` and `continue` are not supported here: put a template without them into chat_template.jinja"
                }
                _ => "",
            };
            Error::Model(format!("the chat template in {} cannot be read: {error}{hint}", file.display()))
        };
        let mut environment = jinja();
        environment.add_template_owned(TEMPLATE, without_generation_tags(text)).map_err(wrong)?;
        Ok(Self { environment, named, file })
    }

    /// See [`crate::Tokenizer::render`].
    pub(crate) fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let messages: Vec<&Message> = messages.iter().collect();
        self.written(&messages, add_generation_prompt).map_err(|error| {
            let reason = error.detail().map_or_else(|| error.to_string(), str::to_owned);
            let others: Vec<&Message> = messages.iter().copied().filter(|message| message.role != "system").collect();
            let is_for_the_system = others.len() < messages.len() && self.written(&others, add_generation_prompt).is_ok();
            let what = if is_for_the_system { "takes no system message such as this one" } else { "does not take this conversation" };
            Error::Model(format!("the chat template in {} {what}: {reason}", self.file.display()))
        })
    }

    fn written(&self, messages: &[&Message], add_generation_prompt: bool) -> Result<String, minijinja::Error> {
        let none = Value::from(());
        let values = context! { messages, add_generation_prompt, tools => none, documents => none, ..Value::from_serialize(&self.named) };
        let template = self.environment.get_template(TEMPLATE)?;
        // The interpreter panics on an empty text backwards (`''[::-1]`), and a template is data.
        let fault = |_| Err(minijinja::Error::new(ErrorKind::InvalidOperation, "it asks for what its interpreter fails at"));
        catch_unwind(AssertUnwindSafe(|| template.render(values))).unwrap_or_else(fault)
    }
}

/// The text of the chat template, with its file; `chat_template.jinja` goes before `tokenizer_config.json`, as in transformers.
fn find(folder: &Path) -> Result<(PathBuf, String)> {
    let file = folder.join(TEMPLATE_FILE);
    if let Some(template) = read_text(&file)? {
        return Ok((file, template));
    }
    let path = folder.join(CONFIG);
    let text = read_text(&path)?.unwrap_or_else(|| "{}".into());
    let config = Json::parse(&text, &path)?;
    match config.get("chat_template") {
        Some(serde_json::Value::String(template)) => Ok((path.clone(), template.clone())),
        Some(serde_json::Value::Array(templates)) => {
            let default = templates.iter().find(|template| template["name"] == "default");
            let text = default.and_then(|template| template["template"].as_str());
            let names: Vec<&str> = templates.iter().filter_map(|template| template["name"].as_str()).collect();
            let reason = || {
                let names = names.join(", ");
                format!("names several ({names}) and none of them \"default\"; put the one that is meant into {}", file.display())
            };
            text.map(|text| (path.clone(), text.to_owned())).ok_or_else(|| config.wrong("chat_template", &reason()))
        }
        _ => Err(Error::Model(format!(
            "{} has no chat template, so the model cannot be asked anything; choose an instruction-tuned model, or put the template into \
             {} (`chat_template.jinja`, or the key `chat_template` in `tokenizer_config.json`)",
            folder.display(),
            file.display()
        ))),
    }
}

/// `{% generation %}` … `{% endgeneration %}` mark what the model has written, for training elsewhere. Here they are a block of its own, which renders
/// what it holds, and whose variables end with it, as in transformers.
fn without_generation_tags(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let end = tag.find("%}").map_or(tag.len(), |end| end + 2);
        let (tag, after) = tag.split_at(end);
        let word = tag.trim_matches(['{', '%', '}', '-', '+', ' ', '\n', '\t']);
        match word {
            "generation" => out.push_str(&tag.replace(word, "with")),
            "endgeneration" => out.push_str(&tag.replace(word, "endwith")),
            _ => out.push_str(tag),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Jinja as transformers sets it up.
fn jinja() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_unknown_method_callback(method);
    environment.add_filter("trim", |text: String, characters: Option<String>| strip(&text, characters.as_deref(), true, true).to_owned());
    environment.add_filter("tojson", to_json);
    environment.add_function("raise_exception", |reason: String| -> Result<String, minijinja::Error> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, reason))
    });
    environment.add_function("strftime_now", |format: String| fixed_day(&format));
    environment
}

/// Methods of Python's values.
fn method(state: &State, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, minijinja::Error> {
    let (Some(text), ValueKind::String) = (value.as_str(), value.kind()) else {
        return pycompat::unknown_method_callback(state, value, name, arguments);
    };
    let characters = match arguments {
        [] => None,
        [one] => one.as_str(),
        _ => return pycompat::unknown_method_callback(state, value, name, arguments),
    };
    let (start, end) = match name {
        "strip" => (true, true),
        "lstrip" => (true, false),
        "rstrip" => (false, true),
        "split" if characters.is_none() => {
            return Ok(Value::from_iter(text.split(is_python_space).filter(|word| !word.is_empty())));
        }
        _ => return pycompat::unknown_method_callback(state, value, name, arguments),
    };
    Ok(Value::from(strip(text, characters, start, end)))
}

/// Python's idea of white space: Unicode's, and the separators of ASCII.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// Without white space, or without `characters`, at its ends.
fn strip<'a>(text: &'a str, characters: Option<&str>, start: bool, end: bool) -> &'a str {
    let goes = |c: char| characters.map_or_else(|| is_python_space(c), |set| set.contains(c));
    let text = if start { text.trim_start_matches(goes) } else { text };
    if end { text.trim_end_matches(goes) } else { text }
}

/// A value as Python's `json.dumps` writes it: a space after commas and colons, nothing escaped for HTML.
fn to_json(value: &Value, arguments: Kwargs) -> Result<String, minijinja::Error> {
    let indent: Option<usize> = arguments.get("indent")?;
    let only_ascii: Option<bool> = arguments.get("ensure_ascii")?;
    let _sorted_anyway: Option<bool> = arguments.get("sort_keys")?;
    arguments.assert_all_used()?;
    let mut out = Vec::new();
    let written = match indent {
        Some(width) => {
            let indent = " ".repeat(width);
            value.serialize(&mut Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(indent.as_bytes())))
        }
        None => value.serialize(&mut Serializer::with_formatter(&mut out, Spaced)),
    };
    let failed = |error: String| minijinja::Error::new(ErrorKind::InvalidOperation, format!("a value cannot be written as JSON: {error}"));
    written.map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(out).map_err(|error| failed(error.to_string()))?;
    if only_ascii == Some(true) { Ok(text.chars().map(escaped).collect()) } else { Ok(text) }
}

/// A character of JSON, in ASCII.
fn escaped(character: char) -> String {
    if character.is_ascii() {
        return character.into();
    }
    let mut units = [0; 2];
    character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// Python's separators.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Written<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Written<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> Written<()> {
        writer.write_all(b": ")
    }
}

/// Friday, 26 July 2024, midnight, in the words of `strftime`. What is no directive stays as it is.
fn fixed_day(format: &str) -> String {
    let mut out = String::with_capacity(format.len());
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let directive = &rest[at..];
        match DIRECTIVES.iter().find(|(name, _)| directive[1..].starts_with(name)) {
            Some((name, value)) => {
                out.push_str(value);
                rest = &directive[1 + name.len()..];
            }
            None => {
                out.push('%');
                rest = &directive[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

const DIRECTIVES: [(&str, &str); 29] = [
    ("-d", "26"),
    ("-m", "7"),
    ("-H", "0"),
    ("-I", "12"),
    ("-M", "0"),
    ("-S", "0"),
    ("-j", "208"),
    ("d", "26"),
    ("e", "26"),
    ("m", "07"),
    ("Y", "2024"),
    ("y", "24"),
    ("B", "July"),
    ("b", "Jul"),
    ("A", "Friday"),
    ("a", "Fri"),
    ("j", "208"),
    ("H", "00"),
    ("I", "12"),
    ("M", "00"),
    ("S", "00"),
    ("f", "000000"),
    ("p", "AM"),
    ("F", "2024-07-26"),
    ("D", "07/26/24"),
    ("T", "00:00:00"),
    ("Z", ""),
    ("z", ""),
    ("%", "%"),
];
