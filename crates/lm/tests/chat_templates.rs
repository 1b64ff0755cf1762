//! Chat templates of real models against transformers (fixtures by scripts/fixtures_templates.py), byte for byte, refusals included.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
use lm::{Message, Tokenizer};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A folder with the tokenizer of a small model and these files.
fn folder(files: &[(&str, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixtures().join("tiny-untied/tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
    folder
}

fn open(files: &[(&str, String)]) -> Result<Tokenizer, String> {
    Tokenizer::open(folder(files).path()).map_err(|error| error.to_string())
}

#[test]
fn conversations_are_rendered_as_transformers_renders_them() {
    let folder_of_templates = fixtures().join("templates");
    let reference: Value = serde_json::from_slice(&fs::read(folder_of_templates.join("reference.json")).unwrap()).unwrap();
    let (mut compared, mut refused) = (0, 0);
    for (name, expected) in reference["templates"].as_object().unwrap() {
        let config = json!({"bos_token": expected["bos_token"], "eos_token": expected["eos_token"]}).to_string();
        let template = fs::read_to_string(folder_of_templates.join(format!("{name}.jinja"))).unwrap();
        let tokenizer = open(&[("tokenizer_config.json", config), ("chat_template.jinja", template)]).unwrap();
        for (conversation, texts) in expected["rendered"].as_object().unwrap() {
            let turns: Vec<(String, String)> = serde_json::from_value(reference["conversations"][conversation].clone()).unwrap();
            let messages: Vec<Message> = turns.into_iter().map(|(role, content)| Message { role, content }).collect();
            for (i, text) in texts.as_array().unwrap().iter().enumerate() {
                compared += 1;
                match (text, tokenizer.render(&messages, i == 1)) {
                    (Value::String(text), Ok(rendered)) => assert_eq!(rendered, *text, "{name}: {conversation}"),
                    (Value::Object(refusal), Err(error)) => {
                        refused += 1;
                        let (error, reason) = (error.to_string(), refusal["refused"].as_str().unwrap_or(""));
                        assert!(error.contains(reason) && error.contains("chat_template.jinja"), "{name}: {conversation}: {error}");
                    }
                    (text, rendered) => panic!("{name}: {conversation}: {rendered:?}, but transformers {text}"),
                }
            }
        }
    }
    assert!(compared > 700 && refused > 40, "{compared} compared, {refused} of them refused");
}

#[test]
fn a_refused_system_message_is_named() {
    let template = fs::read_to_string(fixtures().join("templates/mistral-7b-v0.2.jinja")).unwrap();
    let config = json!({"bos_token": "<s>", "eos_token": "</s>", "chat_template": template}).to_string();
    let tokenizer = open(&[("tokenizer_config.json", config)]).unwrap();
    let error = tokenizer.render(&Message::asked(Some("Be kind."), "Hi"), true).unwrap_err().to_string();
    assert!(error.contains("tokenizer_config.json takes no system message") && error.contains("roles must alternate"), "{error}");
    let error = tokenizer.render(&[Message::user("a"), Message::user("b")], true).unwrap_err().to_string();
    assert!(error.contains("does not take this conversation"), "{error}");
}

#[test]
fn a_template_is_found_where_transformers_finds_it() {
    let config = |template: Value| ("tokenizer_config.json", json!({"eos_token": "x", "chat_template": template}).to_string());
    let render = |files: &[(&str, String)]| open(files).unwrap().render(&[Message::user("Hi")], true).unwrap();
    let named = json!([{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "named {{ eos_token }}"}]);
    assert_eq!(render(&[config(json!("text"))]), "text");
    assert_eq!(render(&[config(named.clone())]), "named x");
    assert_eq!(render(&[config(named), ("chat_template.jinja", "file".into())]), "file");
    let error = open(&[config(json!([{"name": "rag", "template": "a"}, {"name": "tool_use", "template": "b"}]))]).unwrap_err();
    assert!(error.contains("rag, tool_use") && error.contains("chat_template.jinja"), "{error}");
    assert!(open(&[]).unwrap_err().contains("has no chat template"));
    assert!(open(&[config(json!("{% if %}"))]).unwrap_err().contains("cannot be read"));
    let error = open(&[config(json!("{% for m in messages %}{% break %}{% endfor %}"))]).unwrap_err();
    assert!(error.contains("`break` and `continue` are not supported"), "{error}");
}

#[test]
fn a_fault_of_the_interpreter_is_an_error() {
    let config = json!({"chat_template": "{{ messages[0].content[::-1] }}"}).to_string();
    let tokenizer = open(&[("tokenizer_config.json", config)]).unwrap();
    assert_eq!(tokenizer.render(&[Message::user("ab")], true).unwrap(), "ba");
    assert!(tokenizer.render(&[Message::user("")], true).unwrap_err().to_string().contains("its interpreter fails"));
}

/// The day on which a run is started or resumed must not change what a model reads.
#[test]
fn todays_date_is_in_no_conversation() {
    let template = fs::read_to_string(fixtures().join("templates/llama-3.2.jinja")).unwrap();
    let tokenizer = open(&[("tokenizer_config.json", "{}".into()), ("chat_template.jinja", template)]).unwrap();
    assert!(tokenizer.render(&[Message::user("Hi")], true).unwrap().contains("Today Date: 26 Jul 2024"));
}
