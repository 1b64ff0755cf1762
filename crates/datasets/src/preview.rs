//! What a source holds, to be looked at before a run.
use crate::near::word_count;
use crate::{Clusters, Splits};
use contract::desk::{ClusterCounts, DataPreview};

/// Prompts that are shown.
const EXAMPLES: usize = 8;

impl Splits {
    /// Counts, lengths and the first prompts.
    pub fn preview(&self) -> DataPreview {
        let all = self.train.iter().chain(&self.validation).chain(&self.test);
        let mut words: Vec<usize> = all.map(|prompt| word_count(&prompt.text)).collect();
        words.sort_unstable();
        DataPreview {
            train: self.train.len(),
            validation: self.validation.len(),
            test: self.test.len(),
            examples: self.train.iter().take(EXAMPLES).map(|prompt| prompt.text.clone()).collect(),
            median_words: words.get(words.len() / 2).copied().unwrap_or(0),
            longest_words: words.last().copied().unwrap_or(0),
            clusters: self.clusters.as_ref().map(|Clusters { train, validation, test, unused }| ClusterCounts {
                train: Clusters::count(train),
                validation: Clusters::count(validation),
                test: Clusters::count(test),
                unused: *unused,
            }),
            census: self.census.clone(),
        }
    }
}
