//! The built-in engine on a real model: `ALIGNPRO_TEST_MODEL` names the folder of SmolLM2-135M-Instruct.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
use contract::Code;
use inference::{AnswerDecoding, AnswerRequest, BuiltIn, Cached, FrozenModel, LOG_PROB_TOLERANCE, admit};
use lm::{Device, Llama, LoadTime, ModelFolder, Offloaded};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The tests share one copy of the model, and use it one after the other.
fn model() -> MutexGuard<'static, BuiltIn> {
    static MODEL: OnceLock<Mutex<BuiltIn>> = OnceLock::new();
    MODEL.get_or_init(|| Mutex::new(load())).lock().unwrap_or_else(PoisonError::into_inner)
}

fn load() -> BuiltIn {
    let path = std::env::var_os("ALIGNPRO_TEST_MODEL")
        .unwrap_or_else(|| panic!("set ALIGNPRO_TEST_MODEL to the folder of SmolLM2-135M-Instruct (`make test` does)"));
    let folder = ModelFolder::open(&PathBuf::from(path)).unwrap();
    BuiltIn::new(Llama::load(&folder, &Device::Cpu, lm::Precision::F32).unwrap(), &folder).unwrap()
}

fn requests(prompts: &[(&str, u64)]) -> Vec<AnswerRequest> {
    prompts.iter().map(|&(prompt, seed)| AnswerRequest::new(prompt, seed)).collect()
}

fn decoding(temperature: f64, max_tokens: usize) -> AnswerDecoding {
    AnswerDecoding { max_tokens, temperature, top_p: 1.0, top_k: 0 }
}

fn go_on(_done: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn it_answers_and_says_what_was_cut() {
    let batch = requests(&[("What is the capital of France?", 0), ("Write a long story about a lighthouse.", 0)]);
    let answers = model().answer(&batch, &decoding(0.0, 12), &mut go_on).unwrap();
    assert_eq!(answers[0].text, "The capital of France is Paris.");
    assert!(!answers[0].truncated && answers[0].tokens.len() < 12, "{:?}", answers[0]);
    assert!(answers[1].truncated && answers[1].tokens.len() == 12, "{:?}", answers[1]);
    for answer in &answers {
        assert_eq!(answer.tokens.len(), answer.log_probs.len());
        assert!(answer.log_probs.iter().all(|p| p.is_finite() && *p <= 0.0));
    }
}

/// A small one of letters: what is held here are weights that come and go.
#[test]
fn an_offloaded_model_says_the_same_and_rests_when_it_is_told_to() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures/tiny-untied");
    let own = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&fixture).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), own.path().join(entry.file_name())).unwrap();
    }
    let (folder, spent, loads) = (ModelFolder::open(own.path()).unwrap(), LoadTime::default(), Arc::new(AtomicUsize::new(0)));
    let (known, counted) = (folder.clone(), loads.clone());
    let load = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Llama::load(&known, &Device::Cpu, lm::Precision::F32)
    };
    let mut held = BuiltIn::new(load().unwrap(), &folder).unwrap();
    let mut offloaded = BuiltIn::new(Offloaded::new(own.path(), &spent, load).unwrap(), &folder).unwrap();
    assert_eq!((offloaded.context(), offloaded.identity()), (held.context(), held.identity()));
    let (batch, drawn) = (requests(&[("a", 1), ("b", 2)]), decoding(1.0, 7));
    let expected = held.answer(&batch, &drawn, &mut go_on).unwrap();
    // One load is of the model that is held. The other stays until it is told to rest.
    for loaded in [2, 3, 4] {
        for _ in 0..2 {
            assert_eq!(offloaded.answer(&batch, &drawn, &mut go_on).unwrap(), expected);
            assert_eq!(loads.load(Ordering::Relaxed), loaded);
        }
        offloaded.rest();
    }
    held.rest();
    assert_eq!(held.answer(&batch, &drawn, &mut go_on).unwrap(), expected, "one that is held has nothing to give back");
    assert!(spent.seconds() > 0.0);
    let weights = own.path().join("model.safetensors");
    std::fs::write(&weights, [std::fs::read(&weights).unwrap(), vec![0]].concat()).unwrap();
    let changed = offloaded.answer(&batch, &drawn, &mut go_on).unwrap_err();
    assert!(changed.code == Code::Model && changed.message.contains("model.safetensors has changed"), "{changed}");
}

#[test]
fn a_system_prompt_is_heard() {
    let mut model = model();
    let asked = AnswerRequest::new("Who are you?", 0);
    let pirate = AnswerRequest { system: Some("You are a pirate, and every sentence of yours begins with Arr.".into()), ..asked.clone() };
    let answers = model.answer(&[asked, pirate.clone()], &decoding(0.0, 16), &mut go_on).unwrap();
    assert_ne!(answers[1].text, answers[0].text);
    // In a batch with the same prompt after another system prompt it is what it is alone.
    assert_eq!(model.answer(&[pirate], &decoding(0.0, 16), &mut go_on).unwrap()[0].tokens, answers[1].tokens);
    let tokens = |system| model.prompt_tokens(Some(system), "Who are you?").unwrap();
    assert_eq!(
        tokens("Be brief. Be brief.") - tokens("Be brief."),
        tokens("Be brief. Be brief. Be brief.") - tokens("Be brief. Be brief.")
    );
}

#[test]
fn a_seed_decides_an_answer_wherever_it_stands_in_a_batch() {
    let mut model = model();
    let sampled = decoding(1.0, 8);
    let batch = requests(&[("Name a river.", 1), ("Name a river.", 2), ("Name a fruit.", 1), ("Name a river.", 1), ("Name a river.", 3)]);
    let answers = model.answer(&batch, &sampled, &mut go_on).unwrap();
    assert_eq!(answers[0], answers[3]);
    assert!(answers[0].tokens != answers[1].tokens || answers[0].tokens != answers[4].tokens);
    let alone = model.answer(&batch[2..3], &sampled, &mut go_on).unwrap();
    assert_eq!(alone[0].tokens, answers[2].tokens);
    for (a, b) in alone[0].log_probs.iter().zip(&answers[2].log_probs) {
        assert!(f64::from((a - b).abs()) <= LOG_PROB_TOLERANCE);
    }
}

#[test]
fn a_prompt_must_leave_room_for_its_answer() {
    let text = "again and again ".repeat(3000);
    let error = model().answer(&requests(&[("Hello!", 0), (&text, 0)]), &decoding(0.0, 8), &mut go_on).unwrap_err();
    assert_eq!(error.code, Code::Data);
    assert!(error.message.contains("again and again") && error.message.contains("8192"), "{}", error.message);
}

#[test]
fn it_stops_when_asked() {
    let error = model().answer(&requests(&[("Hello!", 0)]), &decoding(0.0, 2000), &mut |_| ControlFlow::Break(())).unwrap_err();
    assert_eq!(error.code, Code::Stopped);
}

#[test]
fn its_proof_can_be_stopped() {
    let mut asked = 0;
    let mut stop_at_the_third = |done| {
        asked += 1;
        if done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let error = admit(Box::new(load()), &mut stop_at_the_third).map(|_| ()).unwrap_err();
    assert_eq!(error.code, Code::Stopped);
    assert!(asked > 2, "every decoding step asks");
}

#[test]
fn it_passes_the_proof_and_its_answers_are_remembered() {
    let (admitted, proof) = admit(Box::new(load()), &mut go_on).unwrap();
    assert!(proof.batched, "{}", proof.detail);
    let mut cached = Cached::new(admitted, Cached::<dyn FrozenModel>::DEFAULT_MAX_BYTES);
    let batch = requests(&[("Name a river.", 1), ("Name a fruit.", 1)]);
    let first = cached.answer(&batch, &decoding(0.7, 8), &mut go_on).unwrap();
    assert_eq!(cached.answer(&batch, &decoding(0.7, 8), &mut go_on).unwrap(), first);
    assert_eq!((cached.hits(), cached.misses()), (2, 2));
}

#[test]
fn how_likely_an_answer_begins_with_a_word_is_how_often_it_does() {
    let mut model = model();
    let words = ["The", "1", "5"].map(String::from);
    let prompts = ["What is the capital of France?", "Say a number from 1 to 5. Reply with one number and nothing else."].map(String::from);
    let likely = model.first_words(&prompts, &words).unwrap();
    // Greedily it is the likeliest token, and there is hardly another that is spelled so.
    let greedy = model.answer(&requests(&[(&prompts[0], 0)]), &decoding(0.0, 1), &mut go_on).unwrap().remove(0);
    let greedy = f64::from(greedy.log_probs[0]).exp();
    assert!(likely[0][0] >= greedy - 1e-4 && likely[0][0] < greedy + 0.02, "{likely:?} {greedy}");
    assert!(likely.iter().all(|of_prompt| of_prompt.iter().all(|p| (0.0..=1.0).contains(p)) && of_prompt.iter().sum::<f64>() <= 1.0));
    // One by one, and in another order.
    for (prompt, expected) in prompts.iter().zip(&likely) {
        let alone = model.first_words(std::slice::from_ref(prompt), &words).unwrap();
        assert!(alone[0].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{alone:?} {expected:?}");
    }
    let draws: Vec<AnswerRequest> = (0..400).map(|seed| AnswerRequest::new(prompts[1].clone(), seed)).collect();
    // Two tokens: white space before a digit is a token of its own in this vocabulary.
    let drawn = model.answer(&draws, &decoding(1.0, 2), &mut go_on).unwrap();
    for (word, p) in words.iter().zip(&likely[1]).skip(1) {
        let share = drawn.iter().filter(|answer| answer.text.trim_start().starts_with(word)).count() as f64 / 400.0;
        assert!((share - p).abs() < 4.0 * (p * (1.0 - p) / 400.0).sqrt() + 0.005, "{word}: {share} of the draws, {p}");
    }
    let unknown = model.first_words(&prompts, &["no such token".to_owned()]).unwrap_err();
    assert!(unknown.message.contains("has no token for"), "{unknown}");
}
