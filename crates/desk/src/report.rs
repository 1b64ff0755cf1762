//! What runs found as one HTML file, which needs nothing else.
use crate::places::{save_new, unwritten, write_new};
use crate::{Desk, blocking};
use contract::desk::{ReportSource, ReportedRun, Sample, SampleAnswer};
use contract::seeds::SeedsFound;
use contract::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

impl Desk {
    /// Writes the report of one run, or of several beside each other, as a new file of a folder; its path.
    pub async fn save_report(&self, runs: &[i64], folder: &Path) -> Result<PathBuf> {
        let name = format!("{}-report.html", self.stem_of(runs, "reported").await?);
        save_new(folder, &name, self.page(runs).await?.as_bytes())
    }

    /// The same as this file, which must not be there; how many bytes it has.
    pub async fn write_report(&self, runs: &[i64], file: &Path) -> Result<usize> {
        let page = self.page(runs).await?;
        write_new(file, page.as_bytes()).map_err(|e| unwritten(file, &e))?;
        Ok(page.len())
    }

    async fn page(&self, runs: &[i64]) -> Result<String> {
        let source = self.report_source(runs).await?;
        blocking(move || report::html(&source)).await
    }

    /// # Errors
    /// [`contract::Code::Run`] where a run is not there or none of them has a report.
    async fn report_source(&self, runs: &[i64]) -> Result<ReportSource> {
        let mut reported: Vec<ReportedRun> = Vec::new();
        // A run that is named twice is reported once.
        let mut named = runs.to_vec();
        named.sort_unstable();
        named.dedup();
        for &run in &named {
            let (detail, news) = (self.run(run).await?, self.news(run, 0).await?);
            if named.len() == 1 && detail.summary.report.is_none() {
                let status = detail.summary.status.as_str();
                return Err(Error::run(format!(
                    "Run {run} has no report: its status is \"{status}\". A report is written of a run that has finished."
                )));
            }
            // Several runs are reported by their figures alone.
            let samples = if named.len() == 1 { self.samples(run).await? } else { Vec::new() };
            reported.push(ReportedRun { detail, news, samples: samples.into_iter().map(without_texts).collect() });
        }
        if reported.iter().all(|run| run.detail.summary.report.is_none()) {
            return Err(Error::run("None of these runs has finished; a report can be written of one that has."));
        }
        let experiments = experiments(&reported);
        let profiles = if experiments.len() > 1 { Some(self.profiles(&named).await?) } else { None };
        let seeds = self.seeds_of(experiments).await;
        Ok(ReportSource { program_version: env!("CARGO_PKG_VERSION").to_owned(), runs: reported, seeds, profiles })
    }

    /// Of every experiment that has several runs.
    async fn seeds_of(&self, experiments: Vec<Vec<i64>>) -> Vec<SeedsFound> {
        let mut found = Vec::new();
        for runs in experiments.into_iter().filter(|runs| runs.len() > 1) {
            found.push(match self.analyse(&runs).await {
                Ok(report) => SeedsFound { runs, report: Some(report), failure: None },
                Err(e) => SeedsFound { runs, report: None, failure: Some(e.message) },
            });
        }
        found
    }
}

/// The runs of each experiment; those of another database are another's.
fn experiments(runs: &[ReportedRun]) -> Vec<Vec<i64>> {
    let mut experiments: BTreeMap<(Option<&str>, &str), Vec<i64>> = BTreeMap::new();
    for ReportedRun { detail, .. } in runs {
        let summary = &detail.summary;
        experiments.entry((summary.file.as_deref(), &summary.experiment)).or_default().push(summary.id);
    }
    experiments.into_values().collect()
}

/// Rewards alone: a report goes to people who were not given the prompts.
fn without_texts(sample: Sample) -> Sample {
    let answers = sample.answers.into_iter().map(|answer| SampleAnswer { rewrite: None, answer: String::new(), ..answer });
    Sample { prompt: String::new(), system: None, answers: answers.collect(), ..sample }
}
