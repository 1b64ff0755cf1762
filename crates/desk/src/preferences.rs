//! Files of preferences: rewards that are held against them, and reward models that are trained on them.
use crate::worker::{as_file, read};
use crate::{Desk, Work, blocking};
use contract::bench::{BenchProgress, PairExample, PairsPreview, RewardBench, RewardTrained, RewardTrainingNews, ToTrainReward};
use contract::reward::Reward;
use contract::{Error, Result, Spec};
use datasets::preferences::{Preference, preferences};
use std::path::{Path, PathBuf};

/// Pairs, and reasons of lines without one, that a look shows.
const SHOWN: usize = 5;

impl Desk {
    /// What a file of preferences holds.
    ///
    /// # Errors
    /// [`contract::Code::Data`] where it holds none, with the first line's reason.
    pub async fn pairs(&self, file: PathBuf) -> Result<PairsPreview> {
        refuse_relative(&file)?;
        blocking(move || {
            let found = preferences(&file)?;
            Ok(PairsPreview {
                pairs: found.pairs.len(),
                skipped: found.skipped.len(),
                reasons: found.skipped.iter().take(SHOWN).map(|(line, why)| format!("line {line} {why}")).collect(),
                examples: found.pairs.into_iter().take(SHOWN).map(example).collect(),
            })
        })
        .await
    }

    /// Holds a reward against a file of preferences; how many pairs are scored is told on the way. Ends as [`contract::Code::Stopped`] at
    /// [`Self::leave`].
    pub async fn bench_reward(&self, reward: Reward, file: &Path, on_progress: impl FnMut(BenchProgress) + Send) -> Result<RewardBench> {
        refuse_relative(file)?;
        self.refuse_unagreed(&reward).await?;
        let spec = as_file(&Spec { reward, ..self.quickstart()? })?;
        let last = [&*spec.path().to_string_lossy(), &*file.to_string_lossy()];
        let work = self.worker.listen(&["reward", "bench", "--each", "--folder", "/"], &last, on_progress);
        read(self.until_left(Work::RewardBench, "Stopped before all pairs were scored; nothing is kept of it.", work).await?)
    }

    /// Trains a reward model on a file of preferences and installs it; each step is told. Ends as [`contract::Code::Stopped`] at [`Self::leave`]; nothing
    /// is kept of it then.
    pub async fn train_reward(&self, asked: &ToTrainReward, on_news: impl FnMut(RewardTrainingNews) + Send) -> Result<RewardTrained> {
        refuse_relative(Path::new(&asked.pairs))?;
        let ToTrainReward { pairs, name, base, seed, epochs, only, held_out, learning_rate, max_tokens } = asked;
        let mut options = vec![("--base", base.clone()), ("--seed", seed.to_string()), ("--epochs", epochs.to_string())];
        options.extend([("--held-out", held_out.to_string()), ("--learning-rate", learning_rate.to_string())]);
        options.push(("--max-tokens", max_tokens.to_string()));
        options.extend(only.map(|only| ("--only", only.to_string())));
        let options: Vec<String> = options.into_iter().map(|(option, value)| format!("{option}={value}")).collect();
        let arguments: Vec<&str> = ["reward", "train", "--each"].into_iter().chain(options.iter().map(String::as_str)).collect();
        let last = [&pairs[..], &name[..]];
        let work = self.worker.listen(&arguments, &last, on_news);
        read(self.until_left(Work::RewardTraining, "Stopped before the reward model was trained; nothing is kept of it.", work).await?)
    }
}

fn example(pair: Preference) -> PairExample {
    let earlier = pair.before.len().saturating_sub(1);
    PairExample {
        prompt: pair.before.into_iter().next_back().map(|turn| turn.content).unwrap_or_default(),
        earlier,
        chosen: pair.chosen,
        rejected: pair.rejected,
    }
}

/// A window has no folder that a relative path could start at.
fn refuse_relative(file: &Path) -> Result<()> {
    if file.is_absolute() {
        return Ok(());
    }
    Err(Error::data(format!("\"{}\" is not where a file of pairs could be; write its whole path, from / on.", file.display())))
}
