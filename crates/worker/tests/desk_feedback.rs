//! Rewards held against feedback, and reward models trained on it, as the window asks for it.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use contract::Code;
use contract::bench::{BenchProgress, RewardTrainingNews, ToBenchReward, ToTrainReward};
use contract::feedback::{FeedbackBench, FeedbackColumns, FeedbackFilter, Held, LabelBin};
use contract::reward::{Reward, RewardPart, RewardProgram};
use desk::{Desk, Work};
use home::Home;
use serde_json::json;
use std::path::{Path, PathBuf};
use tests::{Lab, MODEL, argument};

const PROGRAM: &str = env!("CARGO_BIN_EXE_alignpro");

fn desk(lab: &Lab) -> Desk {
    Desk::new(Home::at(&lab.path("home")), None, PROGRAM.into())
}

/// People choose the polite answer, whatever is asked.
fn pairs(lab: &Lab) -> PathBuf {
    let subjects = ["bread", "rain", "cats", "chess", "tea", "rivers", "maps", "owls", "soup", "trains", "paint", "salt"];
    let line = |subject: &&str| {
        let chosen = format!("Gladly! {subject} is a fine subject, thank you.");
        json!({"prompt": format!("Tell me about {subject}."), "chosen": chosen, "rejected": "Go away, you fool."}).to_string() + "\n"
    };
    lab.write("pairs.jsonl", subjects.iter().map(line).collect::<String>() + "not a pair\n")
}

fn reward(program: RewardProgram) -> Reward {
    Reward { parts: vec![RewardPart { name: None, weight: 1.0, program }] }
}

fn against(file: &Path, columns: &FeedbackColumns) -> ToBenchReward {
    ToBenchReward { file: argument(file).into(), columns: columns.clone(), filter: all(), only: None, seed: 0 }
}

fn all() -> FeedbackFilter {
    FeedbackFilter::default()
}

fn none() -> FeedbackColumns {
    FeedbackColumns::default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reward_is_held_against_pairs_as_the_command_line_does() {
    let lab = Lab::empty(PROGRAM);
    let (desk, file) = (desk(&lab), pairs(&lab));
    let seen = desk.feedback(file.clone(), none(), all()).await.unwrap();
    assert_eq!((seen.columns.prompt.as_deref(), seen.columns.chosen.as_deref()), (Some("prompt"), Some("chosen")));
    assert_eq!((seen.texts, seen.numbers.len()), (vec!["prompt".into(), "chosen".into(), "rejected".into()], 0));
    let Held::Pairs { pairs, repeated: 0, better: None, left_out, examples } = seen.holds else { panic!("{:?}", seen.holds) };
    assert_eq!((pairs, left_out.rows, examples.len()), (12, 1, 5));
    assert_eq!((&examples[0].prompt[..], examples[0].earlier), ("Tell me about bread.", 0));

    let mut told = Vec::new();
    let found =
        desk.bench_reward(reward(RewardProgram::Sentiment), &against(&file, &none()), |progress| told.push(progress)).await.unwrap();
    assert_eq!(told, [BenchProgress { scored: 8, total: 12 }, BenchProgress { scored: 12, total: 12 }]);
    let FeedbackBench::Pairs(found) = found else { panic!("{found:?}") };
    let spec = lab.tiny_spec("tiny.toml", |text| text);
    let printed = lab.json(&["reward", "bench", &spec, argument(&file)]);
    let of = |name: &str| printed["rewards"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    for found in found.rewards.iter().filter(|one| one.name != "reward") {
        assert_eq!(serde_json::to_value(found).unwrap(), of(&found.name));
    }

    let some = ToBenchReward { only: Some(7), seed: 3, ..against(&file, &none()) };
    let FeedbackBench::Pairs(drawn) = desk.bench_reward(reward(RewardProgram::Sentiment), &some, |_| ()).await.unwrap() else { panic!() };
    assert_eq!((drawn.pairs, drawn.drawn_of, found.drawn_of), (7, Some(12), None));
    let printed = lab.json(&["reward", "bench", &spec, argument(&file), "--only", "7", "--seed", "3"]);
    assert_eq!(
        serde_json::to_value(drawn.rewards[1].clone()).unwrap(),
        printed["rewards"].as_array().unwrap().iter().find(|one| one["name"] == drawn.rewards[1].name.as_str()).unwrap().clone()
    );

    let polite = FeedbackFilter { max_words: Some(8), language: Some("en".into()), ..all() };
    let Held::Pairs { pairs, left_out, .. } = desk.feedback(file.clone(), none(), polite.clone()).await.unwrap().holds else { panic!() };
    assert_eq!((pairs, left_out.wrong_length, left_out.rows), (12, 0, 1));
    let short = FeedbackFilter { max_words: Some(7), ..polite };
    let Held::Unclear { why } = desk.feedback(file.clone(), none(), short.clone()).await.unwrap().holds else { panic!("none is so short") };
    assert!(why.contains("12 are of another length"), "{why}");
    let of_short = ToBenchReward { filter: short, ..against(&file, &none()) };
    let refused = desk.bench_reward(reward(RewardProgram::Sentiment), &of_short, |_| ()).await.unwrap_err();
    assert!(refused.message.contains("12 are of another length"), "{refused}");
    let unknown = FeedbackFilter { language: Some("xx".into()), ..all() };
    let Held::Unclear { why } = desk.feedback(file.clone(), none(), unknown).await.unwrap().holds else { panic!("no language") };
    assert!(why.contains("\"xx\""), "{why}");

    let command = RewardProgram::Command { command: vec!["true".into()], timeout_seconds: 5, memory_mb: 0 };
    let refused = desk.bench_reward(reward(command), &against(&file, &none()), |_| ()).await.unwrap_err();
    assert!(refused.code == Code::Reward && refused.message.contains("agreed"), "{refused}");
    let relative = desk.feedback("pairs.jsonl".into(), none(), all()).await.unwrap_err();
    assert!(relative.message.contains("whole path"), "{relative}");
    assert!(desk.feedback(lab.path("absent.jsonl"), none(), all()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_is_chosen_where_it_is_unclear() {
    let lab = Lab::empty(PROGRAM);
    let desk = desk(&lab);
    let line = |i: u32| {
        json!({"prompt": format!("Number {}?", i / 2), "reply": "So. ".repeat(i as usize + 1), "good": i % 2, "kind": 1}).to_string() + "\n"
    };
    let file = lab.write("labelled.jsonl", (0..24).map(line).collect::<String>());
    let seen = desk.feedback(file.clone(), none(), all()).await.unwrap();
    let Held::Unclear { why } = &seen.holds else { panic!("{:?}", seen.holds) };
    assert!(why.contains("\"reply\"") && seen.columns == FeedbackColumns { prompt: Some("prompt".into()), ..none() }, "{why}");
    assert_eq!((seen.texts, seen.numbers), (vec!["prompt".to_owned(), "reply".into()], vec!["good".to_owned(), "kind".into()]));

    let mut named = FeedbackColumns { response: Some("reply".into()), ..none() };
    let Held::Unclear { why } = desk.feedback(file.clone(), named.clone(), all()).await.unwrap().holds else { panic!("several labels") };
    assert!(why.contains("\"good\" and \"kind\""), "{why}");
    named.label = Some("good".into());
    let seen = desk.feedback(file.clone(), named.clone(), all()).await.unwrap();
    let Held::Labelled { answers: 24, prompts: 12, labels, examples, .. } = seen.holds else { panic!("{:?}", seen.holds) };
    assert_eq!(labels, [0.0, 1.0].map(|label| LabelBin { low: label, high: label, answers: 12 }));
    assert_eq!((examples.len(), &examples[1].prompt[..], examples[1].label), (5, "Number 0?", 1.0));

    let found = desk
        .bench_reward(reward(RewardProgram::LengthBand { min_words: 100, max_words: 200 }), &against(&file, &named), |_| ())
        .await
        .unwrap();
    let FeedbackBench::Labelled(found) = found else { panic!("{found:?}") };
    assert_eq!((found.answers, found.pairs, &found.label[..]), (24, 12, "good"));
    // The longer answer of each prompt is the good one.
    let length = found.rewards.last().unwrap();
    assert_eq!((length.on_pairs.unwrap().value, length.values), (1.0, 24));
    assert!(length.auc.is_some_and(|auc| auc.interval.is_some()), "{length:?}");

    let text = FeedbackColumns { label: Some("prompt".into()), ..named };
    let Held::Unclear { why } = desk.feedback(file, text, all()).await.unwrap().holds else { panic!("a text is no label") };
    assert!(why.contains("holds no answer with a label"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reward_model_is_trained_or_stopped() {
    let lab = Lab::new(PROGRAM);
    let desk = desk(&lab);
    let asked = ToTrainReward {
        pairs: argument(&pairs(&lab)).into(),
        columns: none(),
        filter: all(),
        near_duplicates: None,
        name: "polite".into(),
        base: MODEL.into(),
        seed: 0,
        epochs: 1,
        only: None,
        held_out: 0.25,
        learning_rate: 1e-3,
        max_tokens: 512,
        checkpointing: false,
    };
    let stopped = desk.train_reward(&asked, |_| desk.leave(&Work::RewardTraining)).await.unwrap_err();
    assert_eq!((stopped.code, lab.path("home/models/polite").exists()), (Code::Stopped, false));

    let mut told = Vec::new();
    let trained = desk.train_reward(&asked, |news| told.push(news)).await.unwrap();
    assert_eq!((trained.pairs, trained.steps, trained.held_out.pairs), (9, 2, 3));
    let steps = told.iter().filter(|news| matches!(news, RewardTrainingNews::Step { steps: 2, loss, .. } if loss.is_finite())).count();
    assert_eq!(steps, 2, "{told:?}");
    assert!(matches!(told.last(), Some(RewardTrainingNews::Measuring { scored: 3, total: 3 })), "{told:?}");
    assert!(desk.examine().await.unwrap().models.iter().any(|model| model.name == "polite" && model.is_reward_model));
    assert!(desk.train_reward(&asked, |_| ()).await.unwrap_err().message.contains("is there already"));
}
