//! The search for an instruction: on planted candidates whose true rewards are known, on a tiny model with a parrot, and on the real model.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A helper that fails should fail its test.

mod common;

use common::{Parrot, World};
use contract::data::Prompt;
use contract::{Code, Spec};
use experiment::instruction::{Candidate, Round, Search, Shape, collect, message, request, round};
use experiment::prepare::{Prepared, Reader, TokensOf};
use experiment::{Pipeline, Prompter, Rewrite, metrics, prepare};
use inference::{BuiltIn, FrozenModel};
use lm::{Device, Llama, ModelFolder, Stream};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where rewards come from: the candidate, the prompt and chance.
struct Planted {
    /// True gain of the prompt alone.
    alone: f64,
    /// True gain of the nth proposal.
    gain: fn(usize, &mut Stream) -> f64,
    /// Standard deviations between prompts and of chance.
    prompts: f64,
    noise: f64,
}

/// Gains that scatter by 0.1, in rewards that scatter by 0.3 between and by 0.4 within prompts: a test of four prompts is wrong by 0.2.
const SCATTERED: Planted = Planted { alone: 0.0, gain: |_, stream| 0.1 * stream.normal(), prompts: 0.3, noise: 0.4 };

/// True gains of what the search keeps, and of what has the highest plain mean, with the score of the one and the mean of the other.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kept {
    gain: f64,
    score: f64,
    plain_gain: f64,
    plain_mean: f64,
}

impl Planted {
    /// A round on prompts of its own; `gains` are the true ones of all candidates. Returns each slot's candidate and mean reward.
    fn round(&self, search: &mut Search, gains: &mut Vec<f64>, stream: &mut Stream) -> Vec<(usize, f64)> {
        let Shape { slots, prompts, .. } = search.shape();
        let proposals = (0..search.wanted()).map(|_| {
            gains.push((self.gain)(gains.len(), stream));
            Candidate { text: format!("{}", gains.len() - 1), seed: 0 }
        });
        let proposals = proposals.collect();
        let plan = search.plan(&search.standings(), proposals);
        let mut rewards = Vec::new();
        for _ in 0..prompts {
            let prompt = self.prompts * stream.normal();
            rewards.extend(plan.slots.iter().map(|&candidate| gains[candidate] + prompt + self.noise * stream.normal()));
        }
        search.learn(&plan, &rewards).unwrap();
        let mean = |slot: usize| rewards.iter().skip(slot).step_by(slots).sum::<f64>() / prompts as f64;
        plan.slots.iter().enumerate().map(|(slot, &candidate)| (candidate, mean(slot))).collect()
    }

    fn play(&self, shape: Shape, seed: u64) -> Kept {
        let (mut stream, mut search, mut gains) = (Stream::new(seed), Search::new(shape), vec![self.alone]);
        let mut plain: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for _ in 0..shape.rounds {
            let tests = self.round(&mut search, &mut gains, &mut stream);
            assert_eq!(tests.len(), shape.slots, "each round makes the same number of reward calls");
            tests.into_iter().for_each(|(candidate, mean)| plain.entry(candidate).or_default().push(mean));
        }
        let found = search.found().unwrap();
        let number = if found.text.is_empty() { 0 } else { found.text.parse().unwrap() };
        assert_eq!((found.n, found.tried), (plain[&number].len() * shape.prompts, gains.len()));
        assert_eq!(plain.values().map(Vec::len).sum::<usize>(), shape.rounds * shape.slots);
        let mean = |candidate: &usize| plain[candidate].iter().sum::<f64>() / plain[candidate].len() as f64;
        let highest = *plain.keys().max_by(|a, b| mean(a).total_cmp(&mean(b))).unwrap();
        Kept { gain: gains[number], score: found.score, plain_gain: gains[highest], plain_mean: mean(&highest) }
    }

    /// Mean over 100 searches, which are the same every time.
    fn mean(&self, shape: Shape) -> Kept {
        let kept: Vec<Kept> = (0..100).map(|seed| self.play(shape, seed)).collect();
        let mean = |of: fn(&Kept) -> f64| kept.iter().map(of).sum::<f64>() / 100.0;
        Kept { gain: mean(|k| k.gain), score: mean(|k| k.score), plain_gain: mean(|k| k.plain_gain), plain_mean: mean(|k| k.plain_mean) }
    }
}

const fn shape(rounds: usize, slots: usize, prompts: usize) -> Shape {
    Shape { rounds, slots, prompts }
}

/// What a search leaves that is rewarded by `reward` of its number of the candidate.
fn search_with(shape: Shape, reward: fn(usize) -> f64) -> Search {
    let (mut search, mut gains) = (Search::new(shape), vec![reward(0)]);
    for _ in 0..shape.rounds {
        let known = gains.len();
        gains.extend((known..known + search.wanted()).map(reward));
        let proposals = (known..gains.len()).map(|i| Candidate { text: format!("{i}"), seed: 0 }).collect();
        let plan = search.plan(&search.standings(), proposals);
        let rewards: Vec<f64> = (0..shape.prompts).flat_map(|_| plan.slots.iter().map(|&c| gains[c])).collect();
        search.learn(&plan, &rewards).unwrap();
    }
    search
}

/// Limits stand 0.02 (about three standard errors) below what 100 searches gave. What is kept is not far from the best of all candidates (about 0.2); what
/// has the highest plain mean is worse, and that mean is far too high, while the score is a little too low.
#[test]
fn finds_a_good_instruction_and_says_how_good() {
    for (shape, least) in [(shape(24, 4, 4), 0.15), (shape(40, 2, 4), 0.11), (shape(40, 1, 8), 0.10), (shape(10, 8, 8), 0.16)] {
        let kept = SCATTERED.mean(shape);
        assert!(kept.gain > least, "{shape:?}: {kept:?}");
        assert!(kept.plain_gain < kept.gain - 0.02, "{shape:?}: {kept:?}");
        assert!((kept.score - kept.gain).abs() < 0.04 && kept.plain_mean > kept.plain_gain + 0.1, "{shape:?}: {kept:?}");
    }
}

/// One instruction is better than all others, which equal the prompt alone, by one and by two standard errors of one test (0.2). The share of 100
/// searches that keep it.
#[test]
fn finds_the_one_that_is_better() {
    let one = Planted { gain: |n, _| if n == 7 { 0.2 } else { 0.0 }, ..SCATTERED };
    let large = Planted { gain: |n, _| if n == 7 { 0.4 } else { 0.0 }, ..SCATTERED };
    let (one, large) = (one.mean(shape(40, 4, 4)), large.mean(shape(40, 4, 4)));
    assert!(one.gain / 0.2 > 0.45 && large.gain / 0.4 > 0.8, "{one:?} {large:?}");
}

/// The prompt alone is better than every instruction, or all are worth the same.
#[test]
fn keeps_the_prompt_alone_where_instructions_do_harm() {
    let harmful = Planted { alone: 0.2, gain: |_, _| 0.0, ..SCATTERED };
    let useless = Planted { gain: |_, _| 0.0, ..SCATTERED };
    for shape in [shape(40, 4, 4), shape(40, 2, 4), shape(40, 1, 8)] {
        let (harmful, useless) = (harmful.mean(shape), useless.mean(shape));
        assert!(harmful.gain / 0.2 > 0.85, "{shape:?}: {harmful:?}");
        assert!(useless.score < 0.05 && useless.plain_mean > 0.1, "{shape:?}: {useless:?}");
    }
    let equal = search_with(shape(8, 4, 2), |_| 0.5).found().unwrap();
    assert_eq!((equal.text.as_str(), equal.score), ("", 0.5), "of equals the prompt alone is kept");
}

/// How many proposals each round takes, and that the prompt alone is tested every fourth round.
#[test]
fn slots_are_split_between_proposals_and_tests() {
    let cases: [(Shape, &[usize]); 6] = [
        (shape(8, 4, 2), &[3, 2, 2, 2, 2, 2, 0, 0]),
        (shape(8, 3, 1), &[2, 2, 1, 2, 1, 2, 0, 0]),
        (shape(8, 2, 2), &[1, 1, 1, 1, 1, 1, 0, 0]),
        (shape(8, 1, 2), &[0, 1, 0, 1, 0, 1, 0, 0]),
        (shape(1, 4, 2), &[3]),
        (shape(1, 1, 2), &[0]),
    ];
    for (shape, expected) in cases {
        let mut search = Search::new(shape);
        for (round, &expected) in expected.iter().enumerate() {
            assert_eq!(search.wanted(), expected, "{shape:?}, round {}", round + 1);
            let proposals = (0..expected).map(|i| Candidate { text: format!("{round} {i}"), seed: 1 }).collect();
            let plan = search.plan(&search.standings(), proposals);
            assert_eq!((plan.round, plan.slots.len()), (round + 1, shape.slots));
            let tested: BTreeSet<usize> = plan.slots.iter().copied().collect();
            assert_eq!(tested.len(), shape.slots, "{shape:?}: {plan:?}");
            assert!(!round.is_multiple_of(4) || tested.contains(&0), "{shape:?}: {plan:?}");
            // Those that are worse the later they came.
            let rewards: Vec<f64> = (0..shape.answers()).map(|i| -(plan.slots[i % shape.slots] as f64)).collect();
            let advantages = search.learn(&plan, &rewards).unwrap();
            assert!(advantages.iter().sum::<f64>().abs() < 1e-9 || shape.slots == 1, "{advantages:?}");
        }
        let found = search.found().unwrap();
        assert_eq!(found.text, "", "{shape:?}: {found:?}");
        assert_eq!(found.tried, 1 + expected.iter().sum::<usize>());
    }
    let best = search_with(shape(8, 2, 2), |n| n as f64).found().unwrap();
    assert!(best.text == "6" && best.n >= 4 && best.score > 5.0, "{best:?}");
    let long = search_with(shape(150, 8, 1), |n| if n == 40 { 1.0 } else { 0.0 });
    assert!(long.found().unwrap().tried <= 256 + 8 && long.found().unwrap().text == "40", "{:?}", long.found());
}

#[test]
fn rewards_of_another_round_are_refused() {
    let mut search = Search::new(shape(3, 2, 2));
    assert_eq!(search.found(), None);
    let plan = search.plan(&search.standings(), vec![Candidate { text: "Be kind.".into(), seed: 5 }]);
    let before = search.clone();
    assert!(search.learn(&plan, &[0.0; 3]).unwrap_err().message.contains("not those of its next round"));
    assert_eq!(search, before);
    search.learn(&plan, &[1.0, 0.0, 1.0, 0.0]).unwrap();
    assert_eq!(search.learn(&plan, &[0.0; 4]).unwrap_err().code, Code::Internal);
    assert!(search.knows(" be\n KIND. ") && search.knows("") && search.knows(" ") && !search.knows("Be kind"));
}

/// Written as JSON in the middle and read back, a search goes on to the same numbers, bit for bit.
#[test]
fn goes_on_from_its_json() {
    let (mut stream, mut gains, mut search) = (Stream::new(5), vec![0.0], Search::new(shape(12, 4, 3)));
    for _ in 0..5 {
        SCATTERED.round(&mut search, &mut gains, &mut stream);
    }
    let text = serde_json::to_string(&search).unwrap();
    let mut again: Search = serde_json::from_str(&text).unwrap();
    assert!(again == search && serde_json::to_string(&again).unwrap() == text);
    for i in 0..7 {
        let (mut left, mut right) = (Stream::new(i), Stream::new(i));
        let mut same = gains.clone();
        assert_eq!(SCATTERED.round(&mut search, &mut gains, &mut left), SCATTERED.round(&mut again, &mut same, &mut right));
    }
    assert!(search == again && search.found() == again.found());
}

fn written(text: &str) -> Rewrite {
    let (tokens, empty, truncated) = (vec![0; 3], text.is_empty(), text.ends_with("and"));
    Rewrite { text: text.into(), tokens, log_probs: Vec::new(), entropies: Vec::new(), reference: Vec::new(), truncated, empty }
}

/// Empty proposals and those that are known are drawn again three times with new seeds; then their slots go to re-tests.
#[test]
fn empty_and_known_proposals_are_drawn_again() {
    let search = Search::new(shape(4, 4, 2));
    let texts = ["", "Be kind.", "be  KIND.", "", "Be brief and", "Be brief and", "", "Be kind."];
    let mut asked = Vec::new();
    let proposals = collect(&search, &mut |draws| {
        asked.push(draws.clone());
        Ok(draws.map(|draw| (100 + draw as u64, written(texts[draw]))).collect())
    });
    let proposals = proposals.unwrap();
    assert_eq!(asked, [0..3, 3..5, 5..6, 6..7]);
    let new: Vec<(&str, u64)> = proposals.new.iter().map(|c| (c.text.as_str(), c.seed)).collect();
    assert_eq!(new, [("Be kind.", 101), ("Be brief and", 104)]);
    assert_eq!((proposals.drawn, proposals.tokens, proposals.truncated), (7, 21, 2));
    let plan = search.plan(&search.standings(), proposals.new);
    assert_eq!(plan.slots, [1, 2, 0, 0], "the prompt alone takes what is left");

    let nothing = collect(&search, &mut |draws| Ok(draws.map(|_| (0, written(""))).collect())).unwrap();
    assert_eq!((nothing.new.len(), nothing.drawn), (0, 12));
    assert_eq!(search.plan(&search.standings(), nothing.new).slots, [0; 4]);
    let error = collect(&search, &mut |_| Err(contract::Error::engine("gone"))).unwrap_err();
    assert_eq!(error.message, "gone");
}

#[test]
fn the_prompter_sees_the_best_so_far() {
    assert_eq!(request("Write one.{tried} Now.", &[]), "Write one. Now.");
    assert_eq!(
        request("Write one.{tried}\n\nNow.", &[("Be {tried}.", -0.25), ("Be kind.", 0.12345)]),
        "Write one.\n\nInstructions that were tried, the best last, with their scores (higher is better):\n\nInstruction: Be {tried}.\nScore: \
         -0.250\n\nInstruction: Be kind.\nScore: 0.123\n\nNow."
    );
    assert_eq!((message("", "Why?"), message("Be kind.", "Why?")), ("Why?".into(), "Be kind.\n\nWhy?".into()));

    let search = search_with(shape(8, 4, 2), |n| [0.5, 0.1, 0.9, 0.3, 0.8, 0.2, 0.7, 0.4, 0.6][n.min(8)]);
    let standings = search.standings();
    let shown: Vec<&str> = search.shown(&standings).into_iter().map(|(text, _)| text).collect();
    assert_eq!((shown.len(), &shown[4..]), (6, &["4", "2"][..]), "the prompt alone is no instruction");
    assert_eq!(search.found().unwrap().text, "2");
}

/// A tiny run that searches.
fn tiny() -> World {
    let mut world = World::new("iterations = 6\nwarmup_iterations = 0");
    world.spec.arms.instruction = true;
    world
}

fn tiny_pipeline(world: &World, fail_at: usize) -> (Pipeline, Arc<AtomicUsize>, Vec<Prompt>) {
    let (prepared, calls) = (world.prepared(), Arc::new(AtomicUsize::new(0)));
    let frozen = Box::new(Parrot { calls: calls.clone(), fail_at });
    (Pipeline::new(&world.spec, world.prompter(), frozen, prepared.reward), calls, prepared.splits.train)
}

fn on(_: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A round without what a clock says.
fn facts(mut round: Round) -> Round {
    round.metrics.retain(|name, _| !metrics::is_timing(name));
    round.spent.seconds = 0.0;
    round
}

#[test]
fn rounds_make_as_many_reward_calls_as_the_training_and_leave_its_rows() {
    let world = tiny();
    let (mut pipeline, calls, train) = tiny_pipeline(&world, usize::MAX);
    let t = &world.spec.training;
    let (mut search, mut reward_calls, mut texts) = (Search::new(Shape::of(t)), 0, BTreeSet::new());
    for number in 1..=t.iterations {
        let mut heard = 0;
        let mut hear = |done| {
            heard = done;
            ControlFlow::Continue(())
        };
        let round = round(&mut search, &mut pipeline, &world.spec, &train, &mut hear).unwrap();
        assert!(heard > 8, "the last batch of four was heard of: {heard}");
        let indices = experiment::streams::Streams::new(world.spec.seed).prompts(number, train.len(), 3);
        assert_eq!((round.round, round.episodes.len(), search.rounds()), (number, 12, number));
        for (i, e) in round.episodes.iter().enumerate() {
            assert_eq!((e.iteration, e.index, e.prompt_index), (number, i, indices[i / 4]));
            assert_eq!(e.prompt, train[e.prompt_index].text);
            let instruction = e.rewrite.strip_suffix(&e.prompt).unwrap().trim_end();
            assert_eq!(e.rewrite, message(instruction, &e.prompt));
            assert_eq!(e.rewrite_seed == 0, instruction.is_empty());
            assert!(e.answer.starts_with(&e.rewrite) && (e.kl, e.rewrite_tokens) == (0.0, 0) && e.closeness == 1.0, "{e:?}");
            texts.insert(instruction.to_string());
        }
        for answers in round.episodes.chunks(4) {
            assert!(answers.iter().map(|e| e.advantage).sum::<f64>().abs() < 1e-12);
        }
        let m = |name: &str| round.metrics[name].unwrap();
        let mean = round.episodes.iter().map(|e| e.reward).sum::<f64>() / 12.0;
        assert!((m("reward_mean") - mean).abs() < 1e-12 && m("best_score") >= m("prompt_alone_score") - 1e-9);
        let answered: usize = round.episodes.iter().map(|e| e.answer_tokens).sum();
        assert_eq!(m("answer_tokens"), answered as f64 / 12.0);
        let proposed = round.metrics["proposal_tokens"].map_or(0.0, |tokens| tokens * m("proposals_drawn"));
        assert_eq!(round.spent.tokens, answered + proposed.round() as usize);
        assert!(round.spent.joules.is_none() && round.spent.seconds > 0.0 && m("seconds_propose") >= 0.0);
        reward_calls += round.spent.reward_calls;
    }
    assert_eq!(reward_calls, t.iterations * t.prompts_per_iteration * t.group_size);
    assert_eq!(calls.load(Ordering::SeqCst), 18, "three batches of four answers a round");
    let found = search.found().unwrap();
    assert_eq!(found.tried, texts.len());
    assert!(texts.contains(&found.text) && found.n > 0 && found.n.is_multiple_of(3), "{found:?}");
    let error = round(&mut search, &mut pipeline, &world.spec, &train, &mut on).unwrap_err();
    assert!(error.message.contains("round 7 of 6"), "{}", error.message);
}

/// Killed in a round or between rounds, with models loaded anew, a search comes to the same rows.
#[test]
fn a_round_that_is_done_again_is_the_same() {
    let world = tiny();
    let run = |search: &mut Search, (pipeline, _, train): &mut (Pipeline, Arc<AtomicUsize>, Vec<Prompt>)| {
        round(search, pipeline, &world.spec, train, &mut on).map(facts)
    };
    let (mut alone, mut models) = (Search::new(Shape::of(&world.spec.training)), tiny_pipeline(&world, usize::MAX));
    let rounds: Vec<Round> = (0..6).map(|_| run(&mut alone, &mut models).unwrap()).collect();

    let mut search = Search::new(Shape::of(&world.spec.training));
    for (number, expected) in rounds.iter().enumerate() {
        let before = search.clone();
        let error = run(&mut search, &mut tiny_pipeline(&world, number % 3)).unwrap_err();
        assert!(error.message.contains("flown away") && search == before);
        let (mut pipeline, _, train) = tiny_pipeline(&world, usize::MAX);
        let error =
            round(&mut search, &mut pipeline, &world.spec, &train, &mut |done| if done > 5 { ControlFlow::Break(()) } else { on(done) });
        assert!(error.unwrap_err().code == Code::Stopped && search == before);
        search = serde_json::from_str(&serde_json::to_string(&search).unwrap()).unwrap();
        assert_eq!(run(&mut search, &mut tiny_pipeline(&world, usize::MAX)).unwrap(), *expected);
    }
    assert_eq!(search, alone);
}

#[test]
fn what_does_not_fit_before_a_prompt_is_named() {
    let world = tiny();
    let (mut prepared, prompter) = (world.prepared(), world.prompter());
    let parrot = Parrot { calls: Arc::default(), fail_at: usize::MAX };
    prepared.spec.arms.instruction_request = "write {tried}".into();
    prepared.check_lengths(&prompter, &parrot).unwrap();
    // 75 words with an answer of 48 fit into 128, but not with six more before them.
    prepared.splits.test[1] = "why ".repeat(75).as_str().into();
    let message = prepared.check_lengths(&prompter, &parrot).unwrap_err().message;
    assert!(
        message.contains("Prompt 2 of the test split") && message.contains("an instruction with prompter.max_rewrite_tokens = 6"),
        "{message}"
    );
    let frozen = |system: Option<&str>, prompt: &str| parrot.prompt_tokens(system, prompt);
    let [prompter_reads, frozen_reads] = [prompter.context(), parrot.context()];
    let longest = |prepared: &Prepared| {
        let prompter = Reader { reads: prompter.wording(), context: prompter_reads };
        prepared.longest(&prompter, &Reader { reads: &frozen as &TokensOf<'_>, context: frozen_reads }).unwrap()
    };
    let with = longest(&prepared);
    prepared.spec.arms.instruction = false;
    prepared.check_lengths(&prompter, &parrot).unwrap();
    let without = longest(&prepared);
    assert!(with.frozen == 76 + 6 + 48 && without.frozen == 75 + 48 && with.prompter >= without.prompter, "{with:?} {without:?}");

    prepared.spec.arms.instruction = true;
    prepared.splits.test[1] = "why".into();
    prepared.spec.arms.instruction_request = format!("{}{{tried}}", "write ".repeat(130));
    let message = prepared.check_lengths(&prompter, &parrot).unwrap_err().message;
    assert!(message.contains("arms.instruction_request is too long") && message.contains("context holds 128"), "{message}");
}

const REAL: &str = r#"
name = "real model"
seed = 2
[data]
train = 8
validation = 2
test = 2
[prompter]
model = "smollm2-135m-instruct"
max_rewrite_tokens = 16
temperature = 0.7
lora = { rank = 4, alpha = 8.0, targets = ["q_proj", "v_proj"] }
[frozen]
model = "smollm2-135m-instruct"
max_answer_tokens = 12
[reward]
parts = [{ kind = "sentiment" }, { kind = "topicality" }]
[training]
iterations = 3
warmup_iterations = 0
prompts_per_iteration = 2
group_size = 3
[arms]
instruction = true
"#;

fn real_pipeline(spec: &Spec, folder: &ModelFolder, model: &Llama, reward: rewards::Reward) -> Pipeline {
    let tokenizer = Arc::new(folder.tokenizer().unwrap());
    let prompter = Prompter::new(model.clone(), tokenizer, folder.stop_tokens.clone(), spec.prompter.clone()).unwrap();
    Pipeline::new(spec, prompter, Box::new(BuiltIn::new(model.clone(), folder).unwrap()), reward)
}

/// The real model proposes instructions, sees them with their scores, and a search that is taken up again is the same, bit for bit.
#[test]
fn the_real_model_searches_and_resumes_bit_for_bit() {
    let folder = std::env::var_os("ALIGNPRO_TEST_MODEL");
    let folder =
        PathBuf::from(folder.expect("set ALIGNPRO_TEST_MODEL to the folder of the imported SmolLM2-135M-Instruct (`make test` does)"));
    let folder = ModelFolder::open(&folder).unwrap();
    let model = Llama::load(&folder, &Device::Cpu, lm::Precision::F32).unwrap();
    let search_in = |rounds: usize, search: &mut Search| -> Vec<Round> {
        let prepared = prepare::from_text(REAL, "real.toml", std::path::Path::new(".")).unwrap();
        let (spec, train) = (prepared.spec.clone(), prepared.splits.train.clone());
        let frozen = BuiltIn::new(model.clone(), &folder).unwrap();
        let mut pipeline = real_pipeline(&spec, &folder, &model, rewards::Reward::new(&spec.reward).unwrap());
        prepared.check_lengths(&pipeline.prompter, &frozen).unwrap();
        (0..rounds).map(|_| facts(round(search, &mut pipeline, &spec, &train, &mut on).unwrap())).collect()
    };
    let new = Search::new(shape(3, 3, 2));
    let (mut alone, mut resumed) = (new.clone(), new);
    let rounds = search_in(3, &mut alone);
    let mut again = search_in(1, &mut resumed);
    resumed = serde_json::from_str(&serde_json::to_string(&resumed).unwrap()).unwrap();
    again.extend(search_in(2, &mut resumed));
    assert_eq!((&rounds, &alone), (&again, &resumed));

    assert!(rounds.iter().all(|r| r.episodes.len() == 6 && r.spent.reward_calls == 6), "{rounds:?}");
    assert!(alone.standings().tried() >= 3, "the model proposed nothing new: {alone:?}");
    let instructions: BTreeSet<&str> = rounds.iter().flat_map(|r| &r.episodes).filter_map(|e| e.rewrite.strip_suffix(&e.prompt)).collect();
    assert_eq!(instructions.len(), alone.standings().tried(), "each candidate was tested: {instructions:?}");
}
