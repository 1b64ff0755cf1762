//! Files of feedback: rewards that are held against them, and reward models that are trained on them.
use crate::worker::{as_file, read};
use crate::{Desk, Work, blocking};
use contract::bench::{BenchProgress, PairExample, RewardTrained, RewardTrainingNews, ToBenchReward, ToTrainReward};
use contract::feedback::{FeedbackBench, FeedbackColumns, FeedbackFilter, FeedbackPreview, Held, LabelledExample};
use contract::reward::Reward;
use contract::{Code, Error, Result, Spec};
use datasets::feedback::{Feedback, Labelled, LabelledAnswer, Look, Mapping, Preference, Survey, Turn};
use std::path::{Path, PathBuf};

impl Desk {
    /// What a file of feedback holds, with these columns, of what counts. That it holds nothing with them is no error: others can be named.
    ///
    /// # Errors
    /// [`contract::Code::Data`] or [`contract::Code::Io`] where it cannot be read at all.
    pub async fn feedback(&self, file: PathBuf, named: FeedbackColumns, filter: FeedbackFilter) -> Result<FeedbackPreview> {
        refuse_relative(&file)?;
        blocking(move || {
            let look = Look::at(&file)?;
            let (columns, mapping) = match look.mapping(&named) {
                Ok(mapping) => (mapping.columns(), Ok(mapping)),
                Err(e) => (look.known(&named), Err(e)),
            };
            let (texts, numbers) = (look.texts(), look.numbers());
            let holds = mapping.and_then(|mapping| Ok(held(look.keeping(&filter)?.survey(&mapping)?, &mapping)));
            let holds = match holds {
                Err(e) if e.code == Code::Data => Held::Unclear { why: e.message },
                holds => holds?,
            };
            Ok(FeedbackPreview { columns, texts, numbers, holds })
        })
        .await
    }

    /// Holds a reward against a file of feedback; how much is scored is told on the way. Ends as [`contract::Code::Stopped`] at [`Self::leave`].
    pub async fn bench_reward(
        &self,
        reward: Reward,
        asked: &ToBenchReward,
        on_progress: impl FnMut(BenchProgress) + Send,
    ) -> Result<FeedbackBench> {
        let ToBenchReward { file, columns, filter, only, seed } = asked;
        refuse_relative(Path::new(file))?;
        self.refuse_unagreed(&reward).await?;
        let spec = as_file(&Spec { reward, ..self.quickstart()? })?;
        let mut options = as_options(columns, filter);
        options.push(format!("--seed={seed}"));
        options.extend(only.map(|only| format!("--only={only}")));
        let arguments: Vec<&str> =
            ["reward", "bench", "--each", "--folder", "/"].into_iter().chain(options.iter().map(String::as_str)).collect();
        let last = [&*spec.path().to_string_lossy(), &file[..]];
        let work = self.worker.listen(&arguments, &last, on_progress);
        read(self.until_left(Work::RewardBench, "Stopped before all answers were scored; nothing is kept of it.", work).await?)
    }

    /// Trains a reward model on a file of preferences and installs it; each step is told. Ends as [`contract::Code::Stopped`] at [`Self::leave`]; what
    /// it had done is kept but for the last half minute, and the same question goes on with it.
    pub async fn train_reward(&self, asked: &ToTrainReward, on_news: impl FnMut(RewardTrainingNews) + Send) -> Result<RewardTrained> {
        refuse_relative(Path::new(&asked.pairs))?;
        let ToTrainReward {
            pairs,
            columns,
            filter,
            near_duplicates,
            name,
            base,
            seed,
            epochs,
            only,
            held_out,
            learning_rate,
            max_tokens,
            checkpointing,
        } = asked;
        let mut options = vec![("--base", base.clone()), ("--seed", seed.to_string()), ("--epochs", epochs.to_string())];
        options.extend([("--held-out", held_out.to_string()), ("--learning-rate", learning_rate.to_string())]);
        options.push(("--max-tokens", max_tokens.to_string()));
        options.extend(only.map(|only| ("--only", only.to_string())));
        let mut options: Vec<String> = options.into_iter().map(|(option, value)| format!("{option}={value}")).collect();
        options.extend(as_options(columns, filter));
        options.extend(near_duplicates.map(|share| format!("--near-duplicates={share}")));
        options.extend(checkpointing.then(|| "--checkpointing".to_owned()));
        let arguments: Vec<&str> = ["reward", "train", "--each"].into_iter().chain(options.iter().map(String::as_str)).collect();
        let last = [&pairs[..], &name[..]];
        let work = self.worker.listen(&arguments, &last, on_news);
        read(
            self.until_left(
                Work::RewardTraining,
                "Stopped. What was trained up to half a minute ago is kept: the same file, name and settings go on with it.",
                work,
            )
            .await?,
        )
    }
}

/// The columns and what counts as the command line names them.
fn as_options(columns: &FeedbackColumns, filter: &FeedbackFilter) -> Vec<String> {
    let FeedbackColumns { prompt, input, system, chosen, rejected, response, label } = columns;
    let FeedbackFilter { min_words, max_words, language } = filter;
    let words = [("--min-words", min_words), ("--max-words", max_words)];
    let words = words.into_iter().filter_map(|(option, n)| Some(format!("{option}={}", n.as_ref()?)));
    let named = [
        ("--prompt-column", prompt),
        ("--input-column", input),
        ("--system-column", system),
        ("--chosen-column", chosen),
        ("--rejected-column", rejected),
        ("--response-column", response),
        ("--label", label),
        ("--language", language),
    ];
    named.into_iter().filter_map(|(option, name)| Some(format!("{option}={}", name.as_ref()?))).chain(words).collect()
}

fn held(found: Survey, mapping: &Mapping) -> Held {
    let Survey { entries, prompts, labels, first, .. } = found;
    match first {
        Feedback::Pairs(first) => Held::Pairs {
            pairs: entries,
            repeated: first.repeated,
            better: mapping.better().map(String::from),
            left_out: first.skipped,
            examples: first.pairs.into_iter().map(pair).collect(),
        },
        Feedback::Labelled(first) => Held::Labelled {
            answers: entries,
            prompts,
            labels,
            examples: first.answers.iter().map(|answer| labelled(&first, answer)).collect(),
            left_out: first.skipped,
        },
    }
}

fn pair(Preference { before, chosen, rejected, .. }: Preference) -> PairExample {
    let (prompt, earlier) = asked(&before);
    PairExample { prompt, earlier, chosen, rejected }
}

fn labelled(file: &Labelled, LabelledAnswer { prompt, answer, label, .. }: &LabelledAnswer) -> LabelledExample {
    let (prompt, earlier) = asked(&file.prompts[*prompt]);
    LabelledExample { prompt, earlier, answer: answer.clone(), label: *label }
}

/// What the user said last, and how many messages stand before that.
fn asked(before: &[Turn]) -> (String, usize) {
    (before.last().map(|turn| turn.content.clone()).unwrap_or_default(), before.len().saturating_sub(1))
}

/// A window has no folder that a relative path could start at.
fn refuse_relative(file: &Path) -> Result<()> {
    if file.is_absolute() {
        return Ok(());
    }
    Err(Error::data(format!(
        "\"{}\" is not where a file of pairs or of labelled answers could be; write its whole path, from / on.",
        file.display()
    )))
}
