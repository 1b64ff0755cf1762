//! Tokens and chats against Python's transformers (fixtures by scripts/fixtures_lm.py), and messages that try to speak for others.
#![allow(clippy::unwrap_used, clippy::expect_used)]
use lm::{Message, ModelFolder, Stream, Tokenizer};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn real_model() -> ModelFolder {
    let folder = std::env::var_os("ALIGNPRO_TEST_MODEL")
        .expect("ALIGNPRO_TEST_MODEL is not set: run `make test`, which fetches the embedded model and names its folder there");
    ModelFolder::open(Path::new(&folder)).unwrap()
}

/// The tokenizer of the small untied model with changed files.
fn changed(change: impl FnOnce(&mut Value, &mut Value)) -> Tokenizer {
    let read = |name: &str| serde_json::from_slice::<Value>(&fs::read(fixtures().join("tiny-untied").join(name)).unwrap()).unwrap();
    let (mut tokenizer, mut config) = (read("tokenizer.json"), read("tokenizer_config.json"));
    change(&mut tokenizer, &mut config);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    Tokenizer::open(folder.path()).unwrap()
}

fn with_template(template: &str) -> Tokenizer {
    changed(|_, config| config["chat_template"] = json!(template))
}

fn messages(turns: &[(&str, &str)]) -> Vec<Message> {
    turns.iter().map(|(role, content)| Message { role: (*role).into(), content: (*content).into() }).collect()
}

#[test]
fn real_model_tokens_equal_those_of_transformers() {
    let tokenizer = real_model().tokenizer().unwrap();
    let expected: Value = serde_json::from_slice(&fs::read(fixtures().join("smollm2-tokens.json")).unwrap()).unwrap();
    let texts = expected["texts"].as_array().unwrap();
    assert!(texts.len() >= 60);
    for entry in texts {
        let text = entry["text"].as_str().unwrap();
        let tokens: Vec<u32> = serde_json::from_value(entry["tokens"].clone()).unwrap();
        assert_eq!(tokenizer.encode(text).unwrap(), tokens, "{text:?}");
        assert_eq!(tokenizer.decode(&tokens).unwrap(), entry["decoded"].as_str().unwrap(), "{text:?}");
    }
}

#[test]
fn real_model_tokens_are_found_by_their_text() {
    let tokenizer = real_model().tokenizer().unwrap();
    let closing = tokenizer.tokens_with("!").unwrap();
    for (text, closes) in
        [("Hello!", true), ("Oh!!!", true), ("the end.", false), ("why?", false), ("and so on", false), ("<|im_end|>", false)]
    {
        assert_eq!(closing.contains(tokenizer.encode(text).unwrap().last().unwrap()), closes, "{text}");
    }
    assert_eq!(tokenizer.tokens_with("no such token").unwrap(), [0; 0]);
}

#[test]
fn real_model_chats_equal_those_of_transformers() {
    let tokenizer = real_model().tokenizer().unwrap();
    let expected: Value = serde_json::from_slice(&fs::read(fixtures().join("smollm2-tokens.json")).unwrap()).unwrap();
    for entry in expected["chats"].as_array().unwrap() {
        let messages: Vec<Message> = serde_json::from_value(entry["messages"].clone()).unwrap();
        let ask = entry["add_generation_prompt"].as_bool().unwrap();
        let rendered = tokenizer.render(&messages, ask).unwrap();
        assert_eq!(rendered, entry["rendered"].as_str().unwrap());
        let tokens: Vec<u32> = serde_json::from_value(entry["tokens"].clone()).unwrap();
        assert_eq!(tokenizer.encode(&rendered).unwrap(), tokens);
        if ask {
            assert_eq!(tokenizer.chat(&messages).unwrap(), tokens);
        }
    }
}

/// The expected tokens come from transformers with `split_special_tokens`.
#[test]
fn real_model_messages_cannot_end_their_turn() {
    let tokenizer = real_model().tokenizer().unwrap();
    let expected: Value = serde_json::from_slice(&fs::read(fixtures().join("smollm2-tokens.json")).unwrap()).unwrap();
    for entry in expected["attacks"].as_array().unwrap() {
        let content = entry["content"].as_str().unwrap();
        let tokens: Vec<u32> = serde_json::from_value(entry["tokens"].clone()).unwrap();
        assert_eq!(tokenizer.chat(&[Message::user(content)]).unwrap(), tokens, "{content:?}");
        assert!(tokenizer.decode(&tokens).unwrap().contains(&format!("user\n{content}\nassistant\n")));
    }
}

/// Messages put together at random from what special tokens and the template are made of.
#[test]
fn no_message_makes_special_tokens() {
    let folder = fixtures().join("tiny-untied");
    let tokenizer = Tokenizer::open(&folder).unwrap();
    let parts = ["<|im_end|>", "<|im_start|>", "<|endoftext|>", "<", "|", "im_end", ">", "<|", "|>", "user\n", " ", "\n", "a", "\u{fdd0}"];
    let mut stream = Stream::new(17);
    for _ in 0..2000 {
        let content: String = (0..stream.below(9)).map(|_| parts[stream.below(parts.len() as u64) as usize]).collect();
        let tokens = tokenizer.chat(&[Message::user(content.clone())]).unwrap();
        let special: Vec<u32> = tokens.iter().copied().filter(|token| *token < 3).collect();
        assert_eq!(special, [1, 2, 1], "{content:?}");
    }
}

/// A tokenizer whose special tokens are looked for in normalised text, where full-width letters have become plain ones.
#[test]
fn normalised_text_makes_no_special_tokens() {
    let tokenizer = changed(|tokenizer, _| {
        tokenizer["normalizer"] = json!({"type": "NFKC"});
        for token in tokenizer["added_tokens"].as_array_mut().unwrap() {
            token["normalized"] = json!(true);
        }
    });
    let wide = "\u{ff1c}|im_end|\u{ff1e}";
    assert_eq!(tokenizer.encode(wide).unwrap(), [2]);
    let tokens = tokenizer.chat(&[Message::user(wide)]).unwrap();
    assert_eq!(tokens.iter().filter(|token| **token == 2).count(), 1);
}

#[test]
fn a_special_token_of_one_character_is_refused_in_messages() {
    let tokenizer = changed(|tokenizer, _| {
        let token =
            json!({"id": 0, "content": "§", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true});
        tokenizer["added_tokens"][0] = token;
        let vocabulary = tokenizer["model"]["vocab"].as_object_mut().unwrap();
        vocabulary.remove("<|endoftext|>");
        vocabulary.insert("§".into(), json!(0));
    });
    let error = tokenizer.chat(&[Message::user("see § 3")]).unwrap_err().to_string();
    assert!(error.contains('§'), "{error}");
}

#[test]
fn templates_have_what_transformers_gives_them() {
    let hi = messages(&[("user", " Hi ")]);
    let render = |template: &str| with_template(template).render(&hi, true).unwrap();
    // Lines with a block alone leave no blank line (trim_blocks, lstrip_blocks); one newline at the end is dropped.
    assert_eq!(render("{% for m in messages %}\n  {% if true %}\n{{ m.role }}\n  {% endif %}\n{% endfor %}\nend\n"), "user\nend");
    assert_eq!(render("{{ bos_token }}{{ messages[0]['content'].strip() }}{{ eos_token }}"), "<|im_start|>Hi<|im_end|>");
    assert_eq!(render("{{ messages[-1].content | trim | upper }}{{ messages | length }}"), "HI1");
    assert_eq!(
        render("{% if tools is none and not documents %}none{% endif %}{% if not custom is defined %} undefined{% endif %}"),
        "none undefined"
    );
    assert_eq!(render("{% set ns = namespace(n=1) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}"), "2");
    assert_eq!(render("{{ '<b>' + messages[0].content.split('i')[0] }}"), "<b> H");
    assert_eq!(render("{{ strftime_now('%d %b %Y') }}, {{ strftime_now('%Y-%m-%d') }}"), "26 Jul 2024, 2024-07-26");
}

#[test]
fn a_template_can_refuse_a_conversation() {
    let tokenizer = with_template("{% if messages[0].role != 'user' %}{{ raise_exception('begin with the user') }}{% endif %}ok");
    assert_eq!(tokenizer.render(&messages(&[("user", "a")]), false).unwrap(), "ok");
    let error = tokenizer.render(&messages(&[("system", "a")]), false).unwrap_err().to_string();
    assert!(error.contains("begin with the user") && error.contains("tokenizer_config.json"), "{error}");
}

#[test]
fn training_settings_of_a_tokenizer_are_dropped() {
    let tokenizer = changed(|tokenizer, _| {
        tokenizer["truncation"] = json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
        tokenizer["padding"] = json!({"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "x"});
    });
    assert_eq!(tokenizer.encode("abcd").unwrap().len(), 4);
    assert_eq!(tokenizer.vocabulary_size(), 62);
    assert_eq!(tokenizer.token("<|im_end|>"), Some(2));
}
