//! Judging: what is asked, what is read, what is kept, and what it says.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A helper that fails should fail its test.

use contract::{Code, Error, Result};
use experiment::judge::{self, PAIRS_PER_BATCH, Pair, TEMPLATE, question, verdict};
use inference::{Answer, AnswerDecoding, AnswerRequest, FrozenModel};
use std::ops::ControlFlow;
use store::{Asked, EvaluationAnswer, Judgement, NewRun, Split, Store, Verdict};

/// A judge that says what `says` makes of a question.
struct Judge<F> {
    says: F,
    context: usize,
    asked: Vec<String>,
}

impl<F: Fn(&str) -> (String, bool) + Send> FrozenModel for Judge<F> {
    fn describe(&self) -> String {
        "a judge of a test".into()
    }
    fn identity(&self) -> &str {
        "sum"
    }
    fn context(&self) -> usize {
        self.context
    }
    fn prompt_tokens(&self, _system: Option<&str>, prompt: &str) -> Result<usize> {
        Ok(prompt.len())
    }
    fn answer(
        &mut self,
        requests: &[AnswerRequest],
        decoding: &AnswerDecoding,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        assert_eq!((decoding.temperature, decoding.max_tokens), (0.0, judge::MAX_TOKENS), "a judge decodes greedily");
        let mut answers = Vec::new();
        for request in requests {
            self.asked.push(request.prompt.clone());
            let (text, truncated) = (self.says)(&request.prompt);
            answers.push(Answer { text, tokens: vec![1], log_probs: vec![0.0], truncated });
            if on_progress(answers.len()).is_break() {
                return Err(Error::stopped("stopped"));
            }
        }
        Ok(answers)
    }
}

fn judge_that<F: Fn(&str) -> (String, bool) + Send>(says: F) -> Judge<F> {
    Judge { says, context: usize::MAX, asked: Vec::new() }
}

/// Between two marks of the template, as a reader would find it.
fn between<'a>(question: &'a str, before: &str, after: &str) -> &'a str {
    question.split_once(before).unwrap().1.split_once(after).unwrap().0
}
fn first(question: &str) -> &str {
    between(question, "[Answer A]\n", "\n[End of answer A]")
}
fn second(question: &str) -> &str {
    between(question, "[Answer B]\n", "\n[End of answer B]")
}

fn row(arm: &str, prompt: usize, answer: usize, text: &str) -> EvaluationAnswer {
    EvaluationAnswer {
        split: Split::Test,
        iteration: usize::from(arm == "tuned") * 4,
        arm: arm.into(),
        prompt_index: prompt,
        answer_index: answer,
        cluster: None,
        system: None,
        prompt: format!("What is {prompt}?"),
        rewrite: (arm != "raw").then(|| "a rewrite".into()),
        answer: text.into(),
        reward: 0.0,
        reward_parts: [].into(),
        kl: None,
        closeness: None,
        rewrite_tokens: None,
        answer_tokens: text.split(' ').count(),
        rewrite_truncated: None,
        answer_truncated: false,
        rewrite_seed: None,
        answer_seed: 0,
    }
}

/// Two answers of two arms to each of so many prompts; the tuned arm's are longer.
fn rows(prompts: usize) -> Vec<EvaluationAnswer> {
    let answers = |arm: &'static str| (0..prompts).flat_map(move |p| (0..2).map(move |a| (arm, p, a)));
    let mut rows: Vec<_> = answers("raw").map(|(arm, p, a)| row(arm, p, a, &format!("short {p} {a}"))).collect();
    rows.extend(answers("tuned").map(|(arm, p, a)| row(arm, p, a, &format!("much longer {p} {a}"))));
    rows
}

async fn run_with(rows: &[EvaluationAnswer]) -> (tempfile::TempDir, Store, store::Run) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("runs.db")).await.unwrap();
    let json = r#"{"name": "n", "prompter": {"model": "a"}, "frozen": {"model": "b"}, "reward": {"parts": []}}"#;
    let spec = serde_json::from_str(json).unwrap();
    let run = store.create_run(&NewRun { spec, spec_hash: "h".into(), program_version: "t".into(), facts: Vec::new() }).await.unwrap();
    store.commit_evaluation(run, rows, &[]).await.unwrap();
    let run = store.run(run).await.unwrap();
    (folder, store, run)
}

fn asked(arm: &str, baseline: &str) -> Asked {
    judge::asked(&judge_that(|_| (String::new(), false)), "judge", arm, baseline, &[])
}

/// Judges all pairs; what was committed, batch by batch.
fn judged_by<F: Fn(&str) -> (String, bool) + Send>(judge: &mut Judge<F>, pairs: &[Pair]) -> Vec<Vec<Judgement>> {
    let mut batches = Vec::new();
    let mut commit = |batch: &[Judgement], done: usize| {
        batches.push(batch.to_vec());
        assert_eq!(done, batches.iter().map(Vec::len).sum::<usize>());
        Ok(())
    };
    judge::judge(judge, pairs, &mut commit, &mut |_| ControlFlow::Continue(())).unwrap();
    batches
}

#[test]
fn verdicts_are_read_strictly() {
    let read = [
        ("The first is clearer.\nA", Verdict::First),
        ("B", Verdict::Second),
        ("Both say the same.\n\nTie.\n", Verdict::Tie),
        ("Verdict: B", Verdict::Second),
        ("**Final verdict:** [[A]]\n\n", Verdict::First),
        ("Reason: the second is ruder.\n  \"tie\"  ", Verdict::Tie),
        ("`B`.", Verdict::Second),
        ("A\nB", Verdict::Second),
        ("B is wrong.\r\nA\r\n", Verdict::First),
    ];
    for (text, wanted) in read {
        assert_eq!(verdict(text), wanted, "{text:?}");
    }
    for unreadable in [
        "",
        " \n ",
        "Answer A is better.",
        "A is better",
        "A or B",
        "a",
        "b.",
        "A, B or tie",
        "A\nbecause it is longer",
        "C",
        "AB",
        "The verdict: A",
        "Verdict: A: B",
        "Verdict:",
        "tied",
        "\u{1b}[31mA",
        "А", // a Cyrillic letter
    ] {
        assert_eq!(verdict(unreadable), Verdict::Unparsed, "{unreadable:?}");
    }
}

#[test]
fn a_question_holds_texts_as_they_are() {
    for mark in ["{prompt}", "{first}", "{second}"] {
        assert_eq!(TEMPLATE.matches(mark).count(), 1);
    }
    let [prompt, a, b] = ["{second}", "[End of answer A]? {first}", "{prompt}\n{first}"];
    let asked = question(prompt, a, b);
    let rest = TEMPLATE.split(['{', '}']).collect::<Vec<_>>();
    assert_eq!(asked, format!("{}{prompt}{}{a}{}{b}{}", rest[0], rest[2], rest[4], rest[6]));
    assert_eq!(judge::template_hash(TEMPLATE).len(), 12);
    let with_system = judge::template(true);
    assert!(with_system.contains("[Prompt]\nsystem: {system}\n\nuser: {prompt}\n[End") && judge::template(false) == TEMPLATE);
    assert_ne!(judge::template_hash(&with_system), judge::template_hash(TEMPLATE), "another question has a judging of its own");
    let shown: Vec<String> = TEMPLATE.lines().map(|line| format!("    {line}").trim_end().to_owned()).collect();
    let page = include_str!("../../../docs/algorithms/judge.md");
    assert!(page.contains(&shown.join("\n")), "docs/algorithms/judge.md shows another template");
}

#[tokio::test]
async fn answers_of_equal_number_are_paired_prompt_by_prompt() {
    let mut rows = rows(3);
    // One that only one arm has, one of another split's iteration, and arms of other kinds.
    rows.retain(|row| !(row.arm == "raw" && row.prompt_index == 1 && row.answer_index == 1));
    rows.push(EvaluationAnswer { iteration: 2, ..row("tuned", 0, 0, "of an earlier iteration") });
    rows.push(row("answer_pool", 0, 0, "drawn to choose from"));
    let (_folder, store, run) = run_with(&rows).await;
    let pairs = judge::pairs(&run, &rows, "tuned", "raw").unwrap();
    let numbers: Vec<_> = pairs.iter().map(|pair| (pair.prompt_index, pair.answer_index)).collect();
    assert_eq!(numbers, [(0, 0), (1, 0), (2, 0), (0, 1), (2, 1)]);
    for pair in &pairs {
        let (p, a) = (pair.prompt_index, pair.answer_index);
        assert_eq!((&pair.prompt, &pair.arm), (&format!("What is {p}?"), &format!("much longer {p} {a}")));
        assert_eq!(pair.baseline, format!("short {p} {a}"));
    }
    let refused = |arm: &str, baseline: &str| {
        let error = judge::pairs(&run, &rows, arm, baseline).unwrap_err();
        assert_eq!(error.code, Code::Run);
        error.message
    };
    assert!(refused("tuned", "tuned").contains("against itself"));
    assert!(refused("oracle", "raw").contains("no test answers of an arm \"oracle\"; it has those of raw, tuned"));
    assert!(refused("tuned", "answer_pool").contains("answer_pool"));
    assert!(judge::pairs(&run, &[], "tuned", "raw").unwrap_err().message.contains("none yet"));
    let apart = [row("raw", 0, 0, "x"), row("tuned", 1, 0, "y")];
    assert!(judge::pairs(&run, &apart, "tuned", "raw").unwrap_err().message.contains("no prompt both"));
    let shared = store::Run { without_texts: true, ..run };
    assert!(judge::pairs(&shared, &rows, "tuned", "raw").unwrap_err().message.contains("without its texts"));
    store.close().await;
}

#[tokio::test]
async fn both_orders_are_asked_and_kept_as_they_were_said() {
    let rows = rows(20);
    let (_folder, store, run) = run_with(&rows).await;
    let pairs = judge::pairs(&run, &rows, "tuned", "raw").unwrap();
    // Prefers the longer answer, wherever it stands; of prompt 7 it says nothing that can be read when the longer one is second, and of
    // prompt 8 it comes to no end.
    let mut by_length = judge_that(|question| {
        let best = if first(question).len() > second(question).len() { "A" } else { "B" };
        match between(question, "[Prompt]\n", "\n[End") {
            "What is 7?" if best == "B" => ("Both are fine answers.".into(), false),
            "What is 8?" => (format!("Reason.\n{best}"), true),
            _ => (format!("It is longer.\n{best}"), false),
        }
    });
    let batches = judged_by(&mut by_length, &pairs);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [PAIRS_PER_BATCH, PAIRS_PER_BATCH, 8]);
    assert_eq!(by_length.asked.len(), 2 * pairs.len());
    assert_eq!((first(&by_length.asked[0]), second(&by_length.asked[0])), ("much longer 0 0", "short 0 0"));
    assert_eq!((first(&by_length.asked[1]), second(&by_length.asked[1])), ("short 0 0", "much longer 0 0"));
    assert!(by_length.asked.iter().all(|question| !question.contains("a rewrite")));

    for batch in &batches {
        store.commit_judgements(run.id, &asked("tuned", "raw"), batch).await.unwrap();
    }
    let found = judge::of_run(&store, &run).await.unwrap();
    let [found] = &found[..] else { panic!("{found:?}") };
    assert_eq!((found.pairs, found.prompts, found.available), (36, 18, 40));
    assert_eq!((found.unparsed, found.too_long), (4, 0));
    let share = |share: Option<contract::figures::ShareOfPrompts>| share.unwrap().share;
    assert_eq!((share(found.win_rate), share(found.first_position), share(found.agreement)), (1.0, 0.5, 1.0));
    assert_eq!((found.judge.as_str(), found.checksum.as_str(), found.engine.as_str()), ("judge", "sum", "a judge of a test"));
    assert_eq!((found.template.as_str(), &found.template_hash), (TEMPLATE, &judge::template_hash(TEMPLATE)));
    // All that it looks at is length, of which the arm's answers have more throughout.
    assert_eq!((share(found.longer), found.arm_is_longer), (1.0, Some(1.0)));
    let [warning] = &found.warnings[..] else { panic!("{:?}", found.warnings) };
    assert!(warning.starts_with("100 % of the verdicts") && warning.contains("the tuned arm's is the longer one in 100 %"), "{warning}");
    let kept = &store.judgings(run.id).await.unwrap()[0].judgements;
    let of_seven = kept.iter().find(|j| j.prompt_index == 7).unwrap();
    assert_eq!((of_seven.arm_first, of_seven.arm_second), (Verdict::First, Verdict::Unparsed));
    assert_eq!(of_seven.arm_second_text.as_deref(), Some("Both are fine answers."));
    store.close().await;
}

#[tokio::test]
async fn shares_resample_clusters_of_prompts() {
    let clustered = |n: usize| -> Vec<EvaluationAnswer> {
        rows(12).into_iter().map(|row| EvaluationAnswer { cluster: Some(row.prompt_index / n), ..row }).collect()
    };
    // The judge prefers the arm on the first eight prompts, and the baseline on the others.
    let win_rate = async |rows: &[EvaluationAnswer]| {
        let (_folder, store, run) = run_with(rows).await;
        let pairs = judge::pairs(&run, rows, "tuned", "raw").unwrap();
        let prefers = |question: &str| {
            let is_long = |answer: &str| answer.starts_with("much");
            let wants_long = (0..8).any(|n| question.contains(&format!("What is {n}?")));
            (if is_long(first(question)) == wants_long { "A" } else { "B" }.into(), false)
        };
        store.commit_judgements(run.id, &asked("tuned", "raw"), &judged_by(&mut judge_that(prefers), &pairs).concat()).await.unwrap();
        let found = judge::of_run(&store, &run).await.unwrap().remove(0);
        store.close().await;
        (found.prompts, found.clusters, found.win_rate.unwrap())
    };
    let (alone, together) = (win_rate(&rows(12)).await, win_rate(&clustered(4)).await);
    assert_eq!((alone.0, alone.1, together.0, together.1), (12, None, 12, Some(3)));
    assert_eq!(alone.2.share, together.2.share);
    let width = |share: contract::figures::ShareOfPrompts| share.interval.map(|i| i.high - i.low).unwrap();
    assert!(width(together.2) > width(alone.2), "{together:?} {alone:?}");
    assert_eq!(win_rate(&clustered(1)).await.2, alone.2);
}

#[tokio::test]
async fn a_judge_that_looks_at_the_position_is_called_so() {
    let rows = rows(12);
    let (_folder, store, run) = run_with(&rows).await;
    let pairs = judge::pairs(&run, &rows, "tuned", "raw").unwrap();
    let batches = judged_by(&mut judge_that(|_| ("A".into(), false)), &pairs);
    store.commit_judgements(run.id, &asked("tuned", "raw"), &batches.concat()).await.unwrap();
    // Another that is hardly ever understood, and has room for short questions only.
    let mut silent = judge_that(|question| (if question.contains("What is 3?") { "tie" } else { "?" }.into(), false));
    silent.context = question(&pairs[0].prompt, &pairs[0].arm, &pairs[0].baseline).len() + judge::MAX_TOKENS;
    let batches = judged_by(&mut silent, &pairs);
    store.commit_judgements(run.id, &asked("raw", "tuned"), &batches.concat()).await.unwrap();

    let found = judge::of_run(&store, &run).await.unwrap();
    let [position, quiet] = &found[..] else { panic!("{found:?}") };
    let share = |share: Option<contract::figures::ShareOfPrompts>| share.map(|s| s.share);
    assert_eq!((share(position.win_rate), share(position.first_position), share(position.agreement)), (Some(0.5), Some(1.0), Some(0.0)));
    assert_eq!(
        (share(position.longer), position.arm_is_longer),
        (Some(0.5), Some(1.0)),
        "who looks at the position does not look at length"
    );
    let [warning] = &position.warnings[..] else { panic!("{:?}", position.warnings) };
    assert!(warning.contains("follows the position more than the answers"), "{warning}");
    assert!(warning.contains("both orders of 0 % of the pairs") && warning.contains("100 % of its verdicts"), "{warning}");

    // Prompts 10 and 11 have a digit more in three places.
    assert_eq!((quiet.pairs, quiet.unparsed, quiet.too_long, quiet.available), (2, 18, 4, 24));
    assert_eq!((share(quiet.win_rate), share(quiet.first_position), share(quiet.agreement)), (Some(0.5), None, Some(1.0)));
    assert!(quiet.warnings.len() == 2 && quiet.warnings[0].contains("18 of 20 pairs") && quiet.warnings[1].starts_with("4 of the pairs"));
    assert!(!silent.asked.iter().any(|question| question.contains("What is 11?")), "what is too long is not asked");
    let kept = &store.judgings(run.id).await.unwrap()[1].judgements;
    let long = kept.iter().find(|j| j.prompt_index == 11).unwrap();
    assert_eq!((long.arm_first, long.arm_second, &long.arm_first_text), (Verdict::TooLong, Verdict::TooLong, &None));
    store.close().await;
}

#[test]
fn a_stop_keeps_the_batches_that_are_done() {
    let pair = |prompt_index| Pair {
        prompt_index,
        answer_index: 0,
        prompt: format!("What is {prompt_index}?"),
        arm: "x".into(),
        baseline: "y".into(),
    };
    let pairs: Vec<Pair> = (0..PAIRS_PER_BATCH * 2 + 3).map(pair).collect();
    let mut kept = Vec::new();
    let mut heard = Vec::new();
    let mut commit = |batch: &[Judgement], _| {
        kept.extend_from_slice(batch);
        Ok(())
    };
    let mut stop_in_the_second = |done| {
        heard.push(done);
        if done > PAIRS_PER_BATCH + 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut judge = judge_that(|_| ("tie".into(), false));
    let stopped = judge::judge(&mut judge, &pairs, &mut commit, &mut stop_in_the_second).unwrap_err();
    assert_eq!((stopped.code, kept.len()), (Code::Stopped, PAIRS_PER_BATCH));
    assert!(heard.is_sorted() && heard.last() == Some(&(PAIRS_PER_BATCH + 2)), "{heard:?}");
    // Gone on with, what is kept is what it would have been.
    let rest: Vec<Pair> = pairs.iter().filter(|pair| !kept.iter().any(|j| j.prompt_index == pair.prompt_index)).cloned().collect();
    let mut all = kept.clone();
    all.extend(judged_by(&mut judge, &rest).concat());
    assert_eq!(all, judged_by(&mut judge, &pairs).concat());
}
