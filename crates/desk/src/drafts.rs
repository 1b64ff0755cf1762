//! Experiments before they run.
use crate::{Desk, Work, blocking};
use contract::design::DesignPower;
use contract::desk::{DataColumns, DataPreview, Estimate, ScoreRow, SpecCheck};
use contract::spec::{Data, Problem, Reward};
use contract::{Error, Result, Spec};
use experiment::prepare::Prepared;
use rewards::Pair;
use serde_json::Value;
use std::path::Path;
use store::NewRun;

const QUICKSTART: &str = include_str!("../../../examples/quickstart.toml");
/// Most seeds of one click.
const MOST_SEEDS: u64 = 100;

impl Desk {
    /// The shipped experiment, from which a new one starts.
    pub fn quickstart(&self) -> Result<Spec> {
        experiment::spec::parse(QUICKSTART, "The shipped quickstart")
    }

    /// All that is wrong with a spec as it is being written.
    pub fn check(&self, draft: Value) -> Result<SpecCheck> {
        match serde_path_to_error::deserialize::<_, Spec>(draft) {
            Ok(spec) => {
                let mut problems = spec.problems();
                problems.extend(relative(&spec.data));
                // `problems` knows no regular expressions.
                if problems.is_empty()
                    && let Err(e) = rewards::Reward::new(&spec.reward)
                {
                    // Its sentence begins with the key.
                    let (path, message) = e.message.split_once([' ', ':']).unwrap_or(("reward.parts", &e.message));
                    problems.push(Problem { path: path.into(), message: message.trim_start().into() });
                }
                Ok(SpecCheck { problems, toml: experiment::spec::to_toml(&spec)? })
            }
            Err(e) => {
                let problem = Problem { path: e.path().to_string(), message: e.inner().to_string() };
                Ok(SpecCheck { problems: vec![problem], toml: String::new() })
            }
        }
    }

    /// Reads and splits a data source. Fails as [`datasets::load`].
    pub async fn preview(&self, data: Data) -> Result<DataPreview> {
        refuse_relative(&data)?;
        blocking(move || Ok(datasets::load(&data, Path::new("/"))?.preview())).await
    }

    /// The columns of a file that a spec may name. Fails as [`datasets::columns`].
    pub async fn columns(&self, data: Data) -> Result<DataColumns> {
        refuse_relative(&data)?;
        blocking(move || datasets::columns(&data, Path::new("/"))).await
    }

    /// What an answer would be worth.
    pub fn score(&self, reward: &Reward, prompt: &str, answer: &str) -> Result<ScoreRow> {
        let scores = rewards::Reward::new(reward)?.score(&[Pair { system: None, prompt, answer }])?;
        let score = scores.into_iter().next().ok_or_else(|| Error::internal("An answer got no score."))?;
        Ok(ScoreRow { total: score.total, parts: score.parts })
    }

    /// Writes as many runs, with seeds from the spec's on, and starts the one worker that takes them one after another; their numbers. What can be
    /// checked without a model is checked first.
    pub async fn start(&self, spec: Spec, seeds: u64) -> Result<Vec<i64>> {
        refuse_relative(&spec.data)?;
        if !(1..=MOST_SEEDS).contains(&seeds) {
            return Err(Error::spec(format!("{seeds} seeds cannot be run; choose 1 to {MOST_SEEDS}.")));
        }
        self.refuse_unagreed(&spec.reward).await?;
        let prepared = blocking(move || {
            let with_seed = |n| Spec { seed: spec.seed.saturating_add(n), ..spec.clone() };
            (0..seeds).map(|n| experiment::prepare::from_spec(with_seed(n), Path::new("/"))).collect::<Result<Vec<_>>>()
        })
        .await?;
        let store = self.store().await?;
        let mut runs = Vec::new();
        for Prepared { spec, spec_hash, facts, .. } in prepared {
            runs.push(store.create_run(&NewRun { spec, spec_hash, program_version: env!("CARGO_PKG_VERSION").into(), facts }).await?);
        }
        self.leave(&Work::Estimate);
        self.resume(&runs).await?;
        Ok(runs)
    }

    /// How small a difference a spec finds with as many seeds, by the runs of one's own database, or with a given standard deviation over
    /// prompts of the paired difference.
    pub async fn design(&self, spec: Spec, seeds: u64, deviation: Option<f64>) -> Result<DesignPower> {
        let seeds = usize::try_from(seeds).unwrap_or(usize::MAX);
        let precedent = experiment::design::precedent(self.store().await?, &spec, Path::new("/"), seeds).await?;
        let is_clustered = spec.data.cluster_column.is_some();
        if is_clustered {
            refuse_relative(&spec.data)?;
        }
        blocking(move || {
            // How many clusters the test prompts are in is in the file alone.
            let clusters = if is_clustered { datasets::load(&spec.data, Path::new("/"))?.test_clusters() } else { None };
            experiment::design::compute(&spec, seeds, precedent.as_ref(), deviation, clusters)
        })
        .await
    }

    /// Time and memory that a spec will take on this machine; takes seconds, and ends as [`contract::Code::Stopped`] when another estimate or a
    /// run begins, or at [`Self::leave`].
    pub async fn estimate(&self, spec: Spec) -> Result<Estimate> {
        refuse_relative(&spec.data)?;
        self.until_left(Work::Estimate, "Something else began before this was measured.", self.worker.estimate(&spec)).await
    }
}

/// A window has no folder that a relative path could start at.
fn relative(data: &Data) -> Option<Problem> {
    let is_named = data.source != datasets::SHIPPED && !data.source.is_empty();
    (is_named && !Path::new(&data.source).is_absolute()).then(|| Problem {
        path: "data.source".into(),
        message: format!("is \"{}\"; write the file's whole path, from / on, or \"shipped\"", data.source),
    })
}

fn refuse_relative(data: &Data) -> Result<()> {
    relative(data).map_or(Ok(()), |problem| Err(Error::spec(format!("{} {}.", problem.path, problem.message))))
}
