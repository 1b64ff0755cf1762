//! Rewards held against preferences, and reward models trained on them, as the window asks for it.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use contract::Code;
use contract::bench::{BenchProgress, RewardTrainingNews, ToTrainReward};
use contract::reward::{Reward, RewardPart, RewardProgram};
use desk::{Desk, Work};
use home::Home;
use serde_json::json;
use std::path::PathBuf;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_reward_is_held_against_pairs_as_the_command_line_does() {
    let lab = Lab::empty(PROGRAM);
    let (desk, file) = (desk(&lab), pairs(&lab));
    let seen = desk.pairs(file.clone()).await.unwrap();
    assert_eq!((seen.pairs, seen.skipped, seen.examples.len()), (12, 1, 5));
    assert_eq!((&seen.examples[0].prompt[..], seen.examples[0].earlier), ("Tell me about bread.", 0));

    let mut told = Vec::new();
    let found = desk.bench_reward(reward(RewardProgram::Sentiment), &file, |progress| told.push(progress)).await.unwrap();
    assert_eq!(told, [BenchProgress { scored: 8, total: 12 }, BenchProgress { scored: 12, total: 12 }]);
    let spec = lab.tiny_spec("tiny.toml", |text| text);
    let printed = lab.json(&["reward", "bench", &spec, argument(&file)]);
    let of = |name: &str| printed["rewards"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    for found in found.rewards.iter().filter(|one| one.name != "reward") {
        assert_eq!(serde_json::to_value(found).unwrap(), of(&found.name));
    }

    let command = RewardProgram::Command { command: vec!["true".into()], timeout_seconds: 5, memory_mb: 0 };
    let refused = desk.bench_reward(reward(command), &file, |_| ()).await.unwrap_err();
    assert!(refused.code == Code::Reward && refused.message.contains("agreed"), "{refused}");
    let relative = desk.pairs("pairs.jsonl".into()).await.unwrap_err();
    assert!(relative.message.contains("whole path"), "{relative}");
    assert!(desk.pairs(lab.path("prompts.jsonl")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reward_model_is_trained_or_stopped() {
    let lab = Lab::new(PROGRAM);
    let desk = desk(&lab);
    let asked = ToTrainReward {
        pairs: argument(&pairs(&lab)).into(),
        name: "polite".into(),
        base: MODEL.into(),
        seed: 0,
        epochs: 1,
        only: None,
        held_out: 0.25,
        learning_rate: 1e-3,
        max_tokens: 512,
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
