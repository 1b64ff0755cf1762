//! What a DeBERTa model is said to take against what it asks the allocator for, byte for byte: what the system counts has the holes of what came before
//! in it, which are a tenth of a model this small and different each time. Alone in its program: the allocator is the program's.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
#[path = "memory/counted.rs"]
mod counted;
mod memory;
use counted::beyond;
use lm::{Deberta, DebertaFolder, Device, Message, Precision, Stream, Tensor};
use memory::Phases;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// A model of random weights with the tokenizer of the fixture: a twelfth of DeBERTa-v3-base's layers.
fn folder(place: &Path) -> DebertaFolder {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/deberta-v3");
    let mut config: Value = serde_json::from_slice(&std::fs::read(fixture.join("config.json")).unwrap()).unwrap();
    let sizes = json!({"hidden_size": 768, "pooler_hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 1, "num_attention_heads": 12,
        "max_position_embeddings": 512, "position_buckets": 256});
    for (key, value) in sizes.as_object().unwrap() {
        config[key] = value.clone();
    }
    std::fs::write(place.join("config.json"), config.to_string()).unwrap();
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(fixture.join(file), place.join(file)).unwrap();
    }
    let shape = lm::DebertaConfig::parse(&config.to_string(), place).unwrap();
    let mut stream = Stream::new(1);
    let tensors = shape.tensors().into_iter().map(|(name, shape)| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| (0.02 * stream.normal()) as f32).collect();
        (name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
    });
    candle_core::safetensors::save(&tensors.collect::<HashMap<_, _>>(), place.join("model.safetensors")).unwrap();
    DebertaFolder::open(place).unwrap()
}

#[test]
fn an_encoder_takes_what_it_is_said_to_take() {
    let place = tempfile::tempdir().unwrap();
    let folder = folder(place.path());
    let mut found = Phases::default();
    for (kind, precision) in [("f32", Precision::F32), ("bf16", Precision::Bf16)] {
        let footprint = folder.footprint(precision);
        let (held, model) = beyond(|| Deberta::load(&folder, &Device::Cpu, precision).unwrap());
        found.note(&format!("loading, {kind}"), footprint.weights + footprint.reading(), held);
        for (words, texts) in [(100, 12), (480, 4)] {
            let said = |role: &str, content: String| Message { role: role.into(), content };
            let conversation = || vec![said("user", "what is a sea?".into()), said("assistant", "water ".repeat(words))];
            let conversations: Vec<Vec<Message>> = (0..texts).map(|_| conversation()).collect();
            let tokens = model.pair_tokens(&conversations[0]).unwrap().len() as u64;
            let (took, _) = beyond(|| model.score(&conversations).unwrap());
            found.note(
                &format!("{texts} of {tokens} tokens, {kind}"),
                footprint.weights + footprint.scoring(texts, tokens),
                footprint.weights as f64 + took,
            );
        }
    }
    // Products take some megabytes to lay matrices out in, by the processor's caches.
    found.check(0.1);
}
