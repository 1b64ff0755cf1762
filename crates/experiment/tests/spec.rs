//! Specs as people write them, and what wrong ones are told.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.

use contract::spec::{RewardPart, RewardProgram};
use experiment::spec::{canonical_json, hash, parse, to_toml};

const GOOD: &str = r#"name = "first"
seed = 3

[prompter]
model = "smollm2-135m-instruct"

[frozen]
model = "smollm2-135m-instruct"

[reward]
[[reward.parts]]
kind = "sentiment"
weight = 0.5
[[reward.parts]]
kind = "length_band"
name = "short"
min_words = 5
max_words = 40
[[reward.parts]]
kind = "regex"
pattern = "(?i)thank"

[training]
iterations = 10
"#;

fn refusal(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    parse(&GOOD.replacen(from, to, 1), "a.toml").unwrap_err().message
}

#[test]
fn defaults_are_filled_in_and_parts_keep_their_flat_shape() {
    let spec = parse(GOOD, "a.toml").unwrap();
    assert_eq!((spec.training.iterations, spec.training.group_size), (10, 4));
    assert_eq!(spec.reward.parts[0], RewardPart { name: None, weight: 0.5, program: RewardProgram::Sentiment });
    assert_eq!(spec.reward.parts[1].label(), "short");
    assert_eq!(spec.reward.parts[2].program, RewardProgram::Regex { pattern: "(?i)thank".into(), forbid: false });
}

#[test]
fn toml_and_json_round_trip_to_the_same_hash() {
    let spec = parse(GOOD, "a.toml").unwrap();
    let (toml, json) = (to_toml(&spec).unwrap(), canonical_json(&spec).unwrap());
    assert!(toml.contains("kl_coefficient") && toml.contains("meta_prompt"), "defaults are written out: {toml}");
    for text in [toml, json.clone()] {
        let again = parse(&text, "again").unwrap();
        assert_eq!(again, spec);
        assert_eq!(hash(&again).unwrap(), hash(&spec).unwrap());
    }
    assert!(json.starts_with("{\"data\":{\"column\":\"prompt\""), "sorted keys, no white space: {json}");
    assert_eq!(hash(&spec).unwrap().len(), 64);
    let mut other = spec.clone();
    other.seed += 1;
    assert_ne!(hash(&other).unwrap(), hash(&spec).unwrap());
}

#[test]
fn a_column_of_clusters_is_left_out_where_there_is_none_and_checked_where_there_is() {
    let spec = parse(GOOD, "a.toml").unwrap();
    assert!(!to_toml(&spec).unwrap().contains("cluster") && !canonical_json(&spec).unwrap().contains("cluster"));
    let with =
        |data: contract::spec::Data| contract::Spec { data: contract::spec::Data { source: "p.csv".into(), ..data }, ..spec.clone() };
    let clustered = with(contract::spec::Data { cluster_column: Some("user".into()), ..spec.data.clone() });
    assert!(clustered.problems().is_empty());
    assert_eq!(parse(&to_toml(&clustered).unwrap(), "again").unwrap(), clustered);
    assert_ne!(hash(&clustered).unwrap(), hash(&with(spec.data.clone())).unwrap());
    let problem = |spec: &contract::Spec| spec.problems().into_iter().map(|p| format!("{} {}", p.path, p.message)).collect::<Vec<_>>();
    for (column, source, wanted) in [
        ("", "p.csv", "data.cluster_column is empty; name the column"),
        ("prompt", "p.csv", "data.cluster_column is the column of the prompts"),
        ("topic", "shipped", "data.cluster_column is for a file of your own"),
    ] {
        let mut wrong = clustered.clone();
        (wrong.data.cluster_column, wrong.data.source) = (Some(column.into()), source.into());
        let [only] = &problem(&wrong)[..] else { panic!("{:?}", problem(&wrong)) };
        assert!(only.starts_with(wanted), "{only}");
    }
    let message = refusal("iterations = 10", "cluster_column = \"user\"");
    assert!(message.ends_with("training.cluster_column is not a key of the spec; it belongs under [data]."), "{message}");
}

#[test]
fn unknown_keys_get_their_path_line_and_the_nearest_known_key() {
    assert_eq!(
        refusal("iterations = 10", "iteratons = 10"),
        "a.toml, line 24: training.iteratons is not a key of the spec; did you mean \"iterations\"?"
    );
    assert_eq!(refusal("seed = 3", "sead = 3"), "a.toml, line 2: sead is not a key of the spec; did you mean \"seed\"?");
    let message = refusal("iterations = 10", "max_answer_tokens = 10");
    assert!(message.ends_with("training.max_answer_tokens is not a key of the spec; it belongs under [frozen]."), "{message}");
    let message = refusal("iterations = 10", "colour = 10");
    assert!(message.contains("known here: algorithm, iterations"), "{message}");
}

#[test]
fn unknown_keys_inside_reward_parts_are_refused_too() {
    let message = refusal("weight = 0.5", "wieght = 0.5");
    assert!(message.contains("reward.parts[0].wieght is not a key of the spec; did you mean \"weight\"?"), "{message}");
    let message = refusal("weight = 0.5", "pattern = \"x\"");
    assert!(message.contains("reward.parts[0].pattern is not a key of the spec; known here: name, weight, kind."), "{message}");
    let message = refusal("min_words = 5\n", "");
    assert!(message.contains("reward.parts[1].min_words is missing"), "{message}");
    let message = refusal("kind = \"sentiment\"", "kind = \"sentimant\"");
    assert!(message.contains("reward.parts[0].kind is \"sentimant\"; did you mean \"sentiment\"?"), "{message}");
}

#[test]
fn wrong_types_and_missing_keys_say_what_would_fit() {
    assert_eq!(
        refusal("iterations = 10", "iterations = \"ten\""),
        "a.toml, line 24: training.iterations is string \"ten\"; it must be a whole number, 0 or more."
    );
    let message = refusal("iterations = 10", "iterations = -1");
    assert!(message.contains("training.iterations is integer -1; it must be a whole number, 0 or more."), "{message}");
    let message = refusal("iterations = 10", "kl_coefficient = \"small\"");
    assert!(message.contains("it must be a number."), "{message}");
    let message = refusal("[frozen]\nmodel = \"smollm2-135m-instruct\"", "[frozen]");
    assert!(message.contains("frozen.model is missing"), "{message}");
    let message = refusal("name = \"first\"", "name = first");
    assert!(message.contains("a.toml, line 1 is not valid TOML"), "{message}");
}

#[test]
fn all_impossible_values_are_listed_at_once() {
    let message = refusal("iterations = 10", "iterations = 0\ngroup_size = 1\nclip_ratio = 2.0");
    for part in ["training.iterations is 0; it must be at least 1", "training.group_size is 1", "training.clip_ratio is 2"] {
        assert!(message.contains(part), "{part} in {message}");
    }
    let message = refusal("iterations = 10", "learning_rate = nan");
    assert!(message.contains("training.learning_rate is NaN"), "{message}");
}

/// Keys that came later do not change what a spec without them is called: a stored run stays the run of its spec.
#[test]
fn a_spec_keeps_its_hash() {
    let spec = parse(GOOD, "a.toml").unwrap();
    assert_eq!(hash(&spec).unwrap(), "4a4c60a8192bde31c2a150b4dfba6320f6e0d84cf3b95ea0768bfe68a972d713");
    let with = |line: &str| parse(&GOOD.replacen("iterations = 10", &format!("iterations = 10\n{line}"), 1), "a.toml").unwrap();
    assert_eq!(with("algorithm = \"grpo\"\nkl_in_loss = false"), spec);
    for line in [
        "algorithm = \"rloo\"",
        "kl_target = 4.0",
        "normalise_by = \"batch_tokens\"",
        "clip_ratio_high = 0.28",
        "kl_in_loss = true",
        "algorithm = \"ppo\"\ngae_lambda = 0.9",
        "validate_every_iterations = 5\nkeep = \"best\"\npatience = 3",
        "[arms]\noracle = true\noracle_kl_coefficient = 0.5",
    ] {
        let other = with(line);
        assert_ne!(hash(&other).unwrap(), hash(&spec).unwrap(), "{line}");
        assert_eq!(parse(&to_toml(&other).unwrap(), "again").unwrap(), other, "{line}");
    }
}

#[test]
fn arms_that_cannot_run_are_refused() {
    let with = |lines: &str| refusal("iterations = 10", &format!("iterations = 10\n[arms]\n{lines}"));
    assert!(with("raw = false\nuntuned = false\ntuned = false").contains("arms has every arm switched off; switch at least one on"));
    let message = with("optimum = true\nrewrites_per_prompt = 1\nanswers_per_rewrite = 0\nbest_answer = true\nbest_of_answers = 1");
    for part in
        ["rewrites_per_prompt is 1; it must be at least 2", "answers_per_rewrite is 0", "best_of_answers is 1; it must be at least 2"]
    {
        assert!(message.contains(&format!("arms.{part}")), "{message}");
    }
    assert!(with("instruction = true\ninstruction_request = \"Write one.\"").contains("must contain {tried} exactly once"));
    assert!(with("oracle_kl_coefficient = -1.0").contains("arms.oracle_kl_coefficient is -1; it must be at least 0"));
    assert!(with("orakle = true").contains("did you mean \"oracle\"?"));
    // What is not run may be anything.
    let idle = GOOD.replacen("iterations = 10", "iterations = 10\n[arms]\nrewrites_per_prompt = 1", 1);
    assert!(parse(&idle, "a.toml").is_ok());
    for (from, to, wanted) in [
        ("[frozen]\n", "[frozen]\ntop_k = 5\n", "needs frozen.temperature above 0, top_p = 1 and top_k = 0"),
        ("[frozen]\n", "[frozen]\nquantisation = \"q4k\"\n", "needs frozen.quantisation left out"),
    ] {
        let text = GOOD.replacen("iterations = 10", "iterations = 10\n[arms]\noracle = true", 1).replacen(from, to, 1);
        let message = parse(&text, "a.toml").unwrap_err().message;
        assert!(message.contains(wanted), "{message}");
    }
}

#[test]
fn validations_have_to_be_there_to_choose_by() {
    let with = |lines: &str| refusal("iterations = 10", &format!("iterations = 10\n{lines}"));
    let message = with("keep = \"best\"\npatience = 2");
    assert!(
        message.contains("training.keep looks at validations, of which there are none") && message.contains("training.patience"),
        "{message}"
    );
    assert!(with("validate_every_iterations = 5\npatience = 0").contains("training.patience is 0; it must be at least 1"));
}

#[test]
fn a_part_can_be_watched_but_not_all() {
    let watched = GOOD.replacen("weight = 0.5", "weight = 0.0", 1);
    assert!(parse(&watched, "a.toml").unwrap().reward.parts[0].is_watched());
    let none = watched
        .replace("kind = \"length_band\"", "kind = \"length_band\"\nweight = 0.0")
        .replace("kind = \"regex\"", "kind = \"regex\"\nweight = 0.0");
    let message = parse(&none, "a.toml").unwrap_err().message;
    assert!(message.contains("reward.parts has weights of 0 only"), "{message}");
}

#[test]
fn options_of_another_algorithm_are_refused() {
    let with = |lines: &str| refusal("iterations = 10", &format!("iterations = 10\n{lines}"));
    let message = with("algorithm = \"rloo\"\nscale_by_length = true\nclip_ratio_high = 0.3");
    for key in ["scale_by_length", "clip_ratio_high"] {
        let expected = format!(
            "training.{key} is an option of algorithm = \"grpo\", but training.algorithm is \"rloo\"; leave it out, or choose \"grpo\""
        );
        assert!(message.contains(&expected), "{message}");
    }
    let message = with("gae_lambda = 0.9\nvalue_clip = 0.1\nvalue_learning_rate = 0.1");
    for key in ["gae_lambda", "value_clip", "value_learning_rate"] {
        assert!(
            message.contains(&format!("training.{key} is an option of algorithm = \"ppo\", but training.algorithm is \"grpo\"")),
            "{message}"
        );
    }
    let message = with("algorithm = \"ppo\"\ngae_lambda = 1.5\nvalue_clip = 0.0\nvalue_learning_rate = 2.0");
    for problem in
        ["gae_lambda is 1.5; it must be at least 0", "value_clip is 0; it must be above 0", "value_learning_rate is 2; it must be above 0"]
    {
        assert!(message.contains(problem), "{message}");
    }
    let message = with("algorithm = \"rlo\"");
    assert!(message.contains("training.algorithm is \"rlo\"; did you mean \"rloo\"?"), "{message}");
    let message = with("normalise_by = \"words\"");
    assert!(message.contains("training.normalise_by is \"words\"; known here: batch_tokens, longest_rewrite."), "{message}");
    let message = with("scale_by_length = true\nnormalise_by = \"batch_tokens\"");
    assert!(message.contains("training.normalise_by contradicts scale_by_length = true"), "{message}");
    let message = with("clip_ratio_high = 0.1");
    assert!(message.contains("training.clip_ratio_high is 0.1; it must be a number, at least clip_ratio (0.2)"), "{message}");
}

#[test]
fn a_target_of_the_divergence_needs_a_lambda_to_start_from() {
    let with = |lines: &str| refusal("iterations = 10", &format!("iterations = 10\n{lines}"));
    assert!(with("kl_target = 4.0\nkl_coefficient = 0.0").contains("training.kl_coefficient is 0; with kl_target it is where λ starts"));
    assert!(with("kl_target = -1.0").contains("training.kl_target is -1; it must be above 0 (nats per rewrite)"));
    assert!(with("kl_gain = 0.2").contains("training.kl_gain says how fast λ follows training.kl_target, which is not given"));
    assert!(with("kl_target = 4.0\nkl_gain = 3.0").contains("training.kl_gain is 3; it must be above 0 and at most 1"));
    assert!(refusal("seed = 3", "kl_target = 3.0").contains("kl_target is not a key of the spec; it belongs under [training]."));
}

#[test]
fn a_template_holds_the_output_once_and_the_prompt_at_most_once() {
    let model = "[prompter]\nmodel = \"smollm2-135m-instruct\"";
    let with = |template: &str| refusal(model, &format!("{model}\nrewrite_template = \"{template}\""));
    assert!(with("{prompt} and nothing else").contains("prompter.rewrite_template must contain {output} exactly once"));
    assert!(with("{output} {prompt} {prompt}").contains("prompter.rewrite_template contains {prompt} more than once"));
}

#[test]
fn what_ends_a_rewrite_is_not_empty() {
    let model = "[prompter]\nmodel = \"smollm2-135m-instruct\"";
    assert!(refusal(model, &format!("{model}\nends_after = [\".\", \"\"]")).contains("prompter.ends_after contains an empty text"));
}

#[test]
fn json_is_refused_as_helpfully() {
    let spec = parse(GOOD, "a.toml").unwrap();
    let json = serde_json::to_string_pretty(&spec).unwrap();
    let message = parse(&json.replacen("\"iterations\"", "\"iteratons\"", 1), "a.json").unwrap_err().message;
    assert!(
        message.starts_with("a.json, line ") && message.contains("training.iteratons is not a key of the spec; did you mean"),
        "{message}"
    );
    let message = parse(&json.replacen("\"iterations\": 10", "\"iterations\": \"ten\"", 1), "a.json").unwrap_err().message;
    assert!(message.contains("training.iterations is string \"ten\"; it must be a whole number"), "{message}");
    let message = parse("{\"name\": ", "a.json").unwrap_err().message;
    assert!(message.contains("a.json, line 1 is not valid JSON: EOF"), "{message}");
    assert!(parse(&format!("{json} x"), "a.json").unwrap_err().message.contains("not valid JSON"));
}
