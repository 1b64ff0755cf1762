//! What makes a spec impossible to run, with the key's path and what would fit.
use crate::arm;
use crate::endpoint::Endpoint;
use crate::spec::{Algorithm, Engine, Keep, LORA_TARGETS, Problem, RewardPart, RewardProgram, Spec};

struct Checker(Vec<Problem>);

impl Checker {
    fn require(&mut self, ok: bool, path: impl Into<String>, message: impl Into<String>) {
        if !ok {
            self.0.push(Problem { path: path.into(), message: message.into() });
        }
    }
    fn at_least(&mut self, value: usize, least: usize, path: &str) {
        self.require(value >= least, path, format!("is {value}; it must be at least {least}"));
    }
    fn at_most(&mut self, value: usize, most: usize, path: &str) {
        self.require(value <= most, path, format!("is {value}; it must be at most {most}"));
    }
    fn within(&mut self, value: u64, least: u64, most: u64, path: &str) {
        self.require((least..=most).contains(&value), path, format!("is {value}; it must be at least {least} and at most {most}"));
    }
    /// Refuses options, named with whether they are given, that only `owner` has.
    fn options_of(&mut self, owner: Algorithm, chosen: Algorithm, options: &[(&str, bool)]) {
        let (owner_name, chosen_name) = (owner.name(), chosen.name());
        for (key, _) in options.iter().filter(|(_, is_given)| *is_given && owner != chosen) {
            let message = format!(
                "is an option of algorithm = \"{owner_name}\", but training.algorithm is \"{chosen_name}\"; leave it out, or choose \"{owner_name}\""
            );
            self.require(false, format!("training.{key}"), message);
        }
    }
    fn finite(&mut self, value: f64, ok: bool, path: &str, wanted: &str) {
        self.require(value.is_finite() && ok, path, format!("is {value}; it must be {wanted}"));
    }
}

impl Spec {
    /// Every impossible value, with its path; empty when the spec can run.
    pub fn problems(&self) -> Vec<Problem> {
        let mut c = Checker(Vec::new());
        c.require(!self.name.trim().is_empty(), "name", "is empty; give the experiment a name");
        c.require(i64::try_from(self.seed).is_ok(), "seed", format!("is {}; it must be at most {}", self.seed, i64::MAX));
        self.check_data(&mut c);
        self.check_models(&mut c);
        self.check_endpoint(&mut c);
        self.check_reward(&mut c);
        self.check_training(&mut c);
        self.check_algorithm(&mut c);
        self.check_divergence(&mut c);
        self.check_arms(&mut c);
        c.0
    }

    fn check_data(&self, c: &mut Checker) {
        let d = &self.data;
        c.require(!d.source.is_empty(), "data.source", "is empty; write \"shipped\" or the path of a .jsonl, .json, .csv or .parquet file");
        c.require(!d.column.is_empty(), "data.column", "is empty; name the column that holds the prompts");
        if let Some(column) = &d.cluster_column {
            let path = "data.cluster_column";
            c.require(!column.is_empty(), path, "is empty; name the column that says which prompts belong together, or leave it out");
            c.require(column.is_empty() || *column != d.column, path, "is the column of the prompts; name another one, or leave it out");
            c.require(d.source != "shipped", path, "is for a file of your own: the shipped prompts have no clusters; leave it out");
        }
        if let Some(column) = &d.input_column {
            let path = "data.input_column";
            c.require(!column.is_empty(), path, "is empty; name the column that prompts go on with, or leave it out");
            c.require(column.is_empty() || *column != d.column, path, "is the column of the prompts; name another one, or leave it out");
            let is_other = [&d.system_column, &d.cluster_column].into_iter().flatten().any(|other| other == column);
            c.require(!is_other, path, "is another column of this spec too; name another one, or leave it out");
            c.require(d.source != "shipped", path, "is for a file of your own: the shipped prompts are whole; leave it out");
        }
        if let Some(column) = &d.system_column {
            let path = "data.system_column";
            c.require(!column.is_empty(), path, "is empty; name the column that holds the system prompts, or leave it out");
            c.require(column.is_empty() || *column != d.column, path, "is the column of the prompts; name another one, or leave it out");
            c.require(d.source != "shipped", path, "is for a file of your own: the shipped prompts have no system prompts; leave it out");
        }
        if let (Some(least), Some(most)) = (d.min_words, d.max_words) {
            c.require(least <= most, "data.min_words", format!("is {least}, more than data.max_words, {most}; no prompt would be left"));
        }
        if let Some(language) = &d.language {
            let is_code = (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase());
            c.require(is_code, "data.language", format!("is {language:?}; it must be a code of ISO 639 in small letters, such as \"en\""));
        }
        if let Some(share) = d.near_duplicates {
            c.finite(share, share > 0.0 && share <= 1.0, "data.near_duplicates", "above 0 and at most 1, such as 0.8");
        }
        let chooses = d.min_words.is_some() || d.max_words.is_some() || d.language.is_some() || d.near_duplicates.is_some();
        let is_file = d.source != "shipped";
        c.require(is_file || !chooses, "data.source", "is \"shipped\", whose prompts are chosen already; leave the filters of [data] out");
        c.require(i64::try_from(d.split_seed).is_ok(), "data.split_seed", format!("is {}; it must be at most {}", d.split_seed, i64::MAX));
        c.at_least(d.train, 1, "data.train");
        c.at_least(d.test, 2, "data.test");
        if self.training.validate_every_iterations > 0 {
            c.at_least(d.validation, 2, "data.validation");
        }
    }

    fn check_models(&self, c: &mut Checker) {
        let (p, f) = (&self.prompter, &self.frozen);
        c.require(!p.model.is_empty(), "prompter.model", "is empty; name a model (`alignpro models list` shows them)");
        c.require(
            p.meta_prompt.matches("{prompt}").count() == 1,
            "prompter.meta_prompt",
            "must contain {prompt} exactly once: it stands for the user's prompt",
        );
        c.require(
            p.rewrite_template.matches("{output}").count() == 1,
            "prompter.rewrite_template",
            "must contain {output} exactly once: it stands for what the prompter wrote",
        );
        c.require(
            p.rewrite_template.matches("{prompt}").count() <= 1,
            "prompter.rewrite_template",
            "contains {prompt} more than once: it stands for the user's prompt",
        );
        c.require(
            p.ends_after.iter().all(|text| !text.is_empty()),
            "prompter.ends_after",
            "contains an empty text, after which everything would end",
        );
        c.at_least(p.max_rewrite_tokens, 1, "prompter.max_rewrite_tokens");
        c.at_most(p.max_rewrite_tokens, 4096, "prompter.max_rewrite_tokens");
        c.finite(p.temperature, p.temperature > 0.0 && p.temperature <= 10.0, "prompter.temperature", "above 0 and at most 10");
        c.at_least(p.lora.rank, 1, "prompter.lora.rank");
        c.at_most(p.lora.rank, 1024, "prompter.lora.rank");
        c.finite(p.lora.alpha, p.lora.alpha > 0.0, "prompter.lora.alpha", "above 0");
        c.finite(p.lora.dropout, (0.0..1.0).contains(&p.lora.dropout), "prompter.lora.dropout", "at least 0 and below 1");
        c.require(!p.lora.targets.is_empty(), "prompter.lora.targets", format!("is empty; choose from {}", LORA_TARGETS.join(", ")));
        for (i, target) in p.lora.targets.iter().enumerate() {
            let path = format!("prompter.lora.targets[{i}]");
            c.require(
                LORA_TARGETS.contains(&target.as_str()),
                path.clone(),
                format!("is \"{target}\"; choose from {}", LORA_TARGETS.join(", ")),
            );
            c.require(!p.lora.targets[..i].contains(target), path, format!("repeats \"{target}\""));
        }
        c.require(!f.model.is_empty(), "frozen.model", "is empty; name a model (`alignpro models list` shows them)");
        c.at_least(f.max_answer_tokens, 1, "frozen.max_answer_tokens");
        c.at_most(f.max_answer_tokens, 32_768, "frozen.max_answer_tokens");
        c.finite(f.temperature, (0.0..=10.0).contains(&f.temperature), "frozen.temperature", "at least 0 (greedy) and at most 10");
        c.finite(f.top_p, f.top_p > 0.0 && f.top_p <= 1.0, "frozen.top_p", "above 0 and at most 1");
        c.require(
            f.quantisation.is_none() || f.engine != Engine::Builtin,
            "frozen.quantisation",
            "needs engine = \"mistralrs\" or \"auto\": the built-in engine runs models as they are on disk",
        );
        if let Some(tokens) = f.paged_attention {
            c.at_least(tokens, f.max_answer_tokens.max(1024), "frozen.paged_attention");
            c.require(
                f.engine == Engine::Mistralrs,
                "frozen.paged_attention",
                "needs engine = \"mistralrs\": no other has pages. Set it, or take this out",
            );
        }
    }

    fn check_endpoint(&self, c: &mut Checker) {
        let f = &self.frozen;
        let is_chosen = f.engine == Engine::Endpoint;
        match &f.endpoint {
            None => c.require(
                !is_chosen,
                "frozen.endpoint",
                "is not given; with engine = \"endpoint\" it says where: [frozen.endpoint] with url = \"http://127.0.0.1:8000/v1\"",
            ),
            Some(endpoint) => {
                c.require(
                    is_chosen,
                    "frozen.engine",
                    "must be \"endpoint\" where [frozen.endpoint] is given; set it, or take the table out",
                );
                for (key, problem) in endpoint.problems() {
                    c.require(false, format!("frozen.endpoint.{key}"), problem);
                }
            }
        }
        if is_chosen {
            c.require(
                f.quantisation.is_none(),
                "frozen.quantisation",
                "is for models that are loaded here; an endpoint has its model as it is. Take it out",
            );
            c.require(
                !self.arms.oracle,
                "arms.oracle",
                "trains the frozen model's own weights, which an endpoint does not show; switch it off",
            );
        }
    }

    fn check_reward(&self, c: &mut Checker) {
        c.require(!self.reward.parts.is_empty(), "reward.parts", "is empty; add at least one [[reward.parts]]");
        c.require(
            self.reward.parts.is_empty() || self.reward.parts.iter().any(|part| part.weight != 0.0),
            "reward.parts",
            "has weights of 0 only, so that there is nothing to train on; give at least one part another weight",
        );
        let labels: Vec<_> = self.reward.parts.iter().map(RewardPart::label).collect();
        for (i, part) in self.reward.parts.iter().enumerate() {
            let path = format!("reward.parts[{i}]");
            c.finite(part.weight, true, &format!("{path}.weight"), "a finite number; 0 only watches the part");
            c.require(
                !labels[..i].contains(&labels[i]),
                format!("{path}.name"),
                format!("\"{}\" is taken by another part; give this one a name of its own", labels[i]),
            );
            check_program(c, &path, &part.program);
        }
    }

    fn check_training(&self, c: &mut Checker) {
        let (t, e) = (&self.training, &self.evaluation);
        c.at_least(t.iterations, 1, "training.iterations");
        c.at_least(t.prompts_per_iteration, 1, "training.prompts_per_iteration");
        c.require(
            t.prompts_per_iteration <= self.data.train,
            "training.prompts_per_iteration",
            format!("is {} but data.train is {}; one iteration draws different prompts", t.prompts_per_iteration, self.data.train),
        );
        c.require(
            t.group_size >= 2 || (t.group_size == 1 && t.algorithm == Algorithm::Ppo),
            "training.group_size",
            format!("is {}; a group of one has no advantage to learn from: use 2 or more", t.group_size),
        );
        c.finite(t.kl_coefficient, t.kl_coefficient >= 0.0, "training.kl_coefficient", "at least 0");
        c.finite(t.learning_rate, t.learning_rate > 0.0 && t.learning_rate <= 1.0, "training.learning_rate", "above 0 and at most 1");
        c.at_most(t.warmup_iterations, t.iterations, "training.warmup_iterations");
        c.at_least(t.updates_per_batch, 1, "training.updates_per_batch");
        c.finite(t.clip_ratio, t.clip_ratio > 0.0 && t.clip_ratio < 1.0, "training.clip_ratio", "above 0 and below 1");
        c.finite(t.max_gradient_norm, t.max_gradient_norm > 0.0, "training.max_gradient_norm", "above 0");
        c.finite(t.weight_decay, (0.0..1.0).contains(&t.weight_decay), "training.weight_decay", "at least 0 and below 1");
        c.at_least(t.rewrites_per_pass, 1, "training.rewrites_per_pass");
        let needs_validation = [("training.keep", t.keep == Keep::Best), ("training.patience", t.patience.is_some())];
        for (path, _) in needs_validation.into_iter().filter(|(_, is_given)| *is_given && t.validate_every_iterations == 0) {
            c.require(false, path, "looks at validations, of which there are none; set training.validate_every_iterations, 5 for example");
        }
        if let Some(patience) = t.patience {
            c.at_least(patience, 1, "training.patience");
        }
        c.at_least(t.checkpoint_every_iterations, 1, "training.checkpoint_every_iterations");
        c.at_least(e.answers_per_prompt, 1, "evaluation.answers_per_prompt");
        c.at_least(e.answers_per_batch, 1, "evaluation.answers_per_batch");
        c.at_least(e.bootstrap_resamples, 100, "evaluation.bootstrap_resamples");
        c.at_least(e.permutations, 100, "evaluation.permutations");
    }
    /// Options that the chosen algorithm does not have, or that contradict each other.
    fn check_algorithm(&self, c: &mut Checker) {
        let t = &self.training;
        let of_grpo = [
            ("scale_by_group_deviation", t.scale_by_group_deviation),
            ("scale_by_length", t.scale_by_length),
            ("normalise_by", t.normalise_by.is_some()),
            ("clip_ratio_high", t.clip_ratio_high.is_some()),
            ("kl_in_loss", t.kl_in_loss),
        ];
        let of_ppo = [
            ("gae_lambda", t.gae_lambda.is_some()),
            ("value_clip", t.value_clip.is_some()),
            ("value_learning_rate", t.value_learning_rate.is_some()),
        ];
        c.options_of(Algorithm::Grpo, t.algorithm, &of_grpo);
        c.options_of(Algorithm::Ppo, t.algorithm, &of_ppo);
        c.require(
            !(t.scale_by_length && t.normalise_by.is_some()),
            "training.normalise_by",
            "contradicts scale_by_length = true, which divides each rewrite by its own length; keep one of them",
        );
        if let Some(high) = t.clip_ratio_high {
            let wanted = format!("a number, at least clip_ratio ({})", t.clip_ratio);
            c.finite(high, high >= t.clip_ratio, "training.clip_ratio_high", &wanted);
        }
        if let Some(lambda) = t.gae_lambda {
            c.finite(lambda, (0.0..=1.0).contains(&lambda), "training.gae_lambda", "at least 0 and at most 1");
        }
        if let Some(clip) = t.value_clip {
            c.finite(clip, clip > 0.0, "training.value_clip", "above 0; a large number clips nothing");
        }
        if let Some(rate) = t.value_learning_rate {
            c.finite(rate, rate > 0.0 && rate <= 1.0, "training.value_learning_rate", "above 0 and at most 1");
        }
    }

    /// λ that adapts.
    fn check_divergence(&self, c: &mut Checker) {
        let t = &self.training;
        if let Some(target) = t.kl_target {
            c.finite(target, target > 0.0, "training.kl_target", "above 0 (nats per rewrite); leave it out to keep λ fixed");
            c.require(
                t.kl_coefficient > 0.0,
                "training.kl_coefficient",
                "is 0; with kl_target it is where λ starts, and what is multiplied must be above 0 (0.02 is usual)",
            );
        }
        if let Some(gain) = t.kl_gain {
            c.finite(gain, gain > 0.0 && gain <= 1.0, "training.kl_gain", "above 0 and at most 1");
            c.require(
                t.kl_target.is_some(),
                "training.kl_gain",
                "says how fast λ follows training.kl_target, which is not given; give it or leave kl_gain out",
            );
        }
    }

    fn check_arms(&self, c: &mut Checker) {
        let a = &self.arms;
        c.require(arm::ALL.iter().any(|name| a.has(name)), "arms", "has every arm switched off; switch at least one on");
        if a.needs_rewrite_pool() {
            c.at_least(a.rewrites_per_prompt, 2, "arms.rewrites_per_prompt");
            c.at_most(a.rewrites_per_prompt, 4096, "arms.rewrites_per_prompt");
            c.at_least(a.answers_per_rewrite, 1, "arms.answers_per_rewrite");
            c.at_most(a.answers_per_rewrite, 4096, "arms.answers_per_rewrite");
        }
        if a.best_answer {
            c.at_least(a.best_of_answers, 2, "arms.best_of_answers");
            c.at_most(a.best_of_answers, 4096, "arms.best_of_answers");
        }
        if a.instruction {
            c.require(
                a.instruction_request.matches("{tried}").count() == 1,
                "arms.instruction_request",
                "must contain {tried} exactly once: it stands for the best instructions so far with their scores",
            );
        }
        if a.oracle {
            let f = &self.frozen;
            c.require(
                f.temperature > 0.0 && f.top_p == 1.0 && f.top_k == 0,
                "arms.oracle",
                "needs frozen.temperature above 0, top_p = 1 and top_k = 0: what is trained is the distribution that answers are drawn from",
            );
        }
        c.require(
            !a.oracle || self.frozen.quantisation.is_none(),
            "arms.oracle",
            "needs frozen.quantisation left out: what is trained has to be the model that answers in the other arms",
        );
        if let Some(lambda) = a.oracle_kl_coefficient {
            c.finite(lambda, lambda >= 0.0, "arms.oracle_kl_coefficient", "at least 0");
        }
    }
}

/// The keys of one part of a reward, which stands at `path`.
fn check_program(c: &mut Checker, path: &str, program: &RewardProgram) {
    let at = |key: &str| format!("{path}.{key}");
    match program {
        RewardProgram::Sentiment | RewardProgram::Topicality | RewardProgram::Readability | RewardProgram::Regex { .. } => {}
        &RewardProgram::LengthBand { min_words, max_words } => c.require(
            min_words <= max_words && max_words > 0,
            at("min_words"),
            format!("is {min_words} with max_words = {max_words}; the band must not be empty"),
        ),
        RewardProgram::RewardModel { model } => {
            c.require(!model.trim().is_empty(), at("model"), "is empty; name an installed reward model, or the path of its folder");
        }
        RewardProgram::Command { command, timeout_seconds, memory_mb } => {
            c.require(
                command.first().is_some_and(|program| !program.trim().is_empty()),
                at("command"),
                "names no program; write it with its arguments: [\"python3\", \"score.py\"]",
            );
            c.require(!command.iter().any(|word| word.contains('\0')), at("command"), "has a zero byte in it, which no argument can hold");
            c.within(*timeout_seconds, 1, 86_400, &at("timeout_seconds"));
            c.require(
                *memory_mb == 0 || (16..=1 << 30).contains(memory_mb),
                at("memory_mb"),
                format!("is {memory_mb}; it must be at least 16, or 0 for no limit"),
            );
        }
        RewardProgram::Http { url, key, allow_http, timeout_seconds, patience_seconds, pairs_per_request } => {
            let settings = Endpoint {
                key: key.clone(),
                allow_http: *allow_http,
                timeout_seconds: *timeout_seconds,
                patience_seconds: *patience_seconds,
                ..Endpoint::at(url)
            };
            for (key, problem) in settings.problems() {
                c.require(false, at(key), problem);
            }
            c.at_least(*pairs_per_request, 1, &at("pairs_per_request"));
            c.at_most(*pairs_per_request, 4096, &at("pairs_per_request"));
        }
        RewardProgram::Judge { model, rubric, lowest, highest, endpoint } => {
            c.require(!model.trim().is_empty(), at("model"), "is empty; name a model (`alignpro models list` shows them)");
            c.require(!rubric.trim().is_empty(), at("rubric"), "is empty; say what makes an answer good");
            c.require(*lowest < *highest, at("lowest"), format!("is {lowest} with highest = {highest}; it must be below"));
            c.require(
                *highest <= 9,
                at("highest"),
                format!("is {highest}; it must be at most 9: a score is read from one token, which is one digit"),
            );
            for (key, problem) in endpoint.iter().flat_map(Endpoint::problems) {
                c.require(false, at(&format!("endpoint.{key}")), problem);
            }
        }
    }
}
