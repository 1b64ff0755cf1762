//! The prompts in `examples/prompts.jsonl`, part of the program, with splits of their own.
use crate::{Splits, checksum};
use contract::data::{Census, Data, Prompt as Asked};
use contract::{Error, Result};
use serde::Deserialize;

/// How a spec names them.
pub const NAME: &str = "shipped";

const COLUMN: &str = "prompt";
pub(crate) const CONTENT: &str = include_str!("../../../examples/prompts.jsonl");

/// One line of the shipped file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prompt {
    pub prompt: String,
    pub split: Split,
    #[allow(dead_code, reason = "for readers of the file; the tests check that the splits are balanced over it")]
    pub topic: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Split {
    Train,
    Validation,
    Test,
}

/// All shipped prompts, in the file's order.
pub(crate) fn prompts() -> Result<Vec<Prompt>> {
    CONTENT
        .lines()
        .enumerate()
        .map(|(i, line)| {
            serde_json::from_str(line)
                .map_err(|e| Error::internal(format!("the shipped prompts are malformed on line {}", i + 1)).with_detail(e))
        })
        .collect()
}

/// The first prompts of each split, as many as `spec` asks for.
pub(crate) fn load(spec: &Data) -> Result<Splits> {
    if spec.column != COLUMN {
        return Err(Error::data(format!("data.column is {:?}, but the shipped prompts are in {COLUMN:?}", spec.column)));
    }
    if spec.cluster_column.is_some() {
        return Err(Error::data("data.cluster_column is for a file of your own: the shipped prompts have no clusters; leave it out"));
    }
    let all = prompts()?;
    let first = |split: Split, wanted: usize, key: &str| {
        let of_split: Vec<Asked> = all.iter().filter(|p| p.split == split).map(|p| Asked::from(p.prompt.as_str())).collect();
        if of_split.len() < wanted {
            return Err(Error::data(format!(
                "data.{key} is {wanted}, but there are {} shipped prompts for it; ask for fewer or name a file of your own in data.source",
                of_split.len()
            )));
        }
        Ok(of_split.into_iter().take(wanted).collect())
    };
    Ok(Splits {
        train: first(Split::Train, spec.train, "train")?,
        validation: first(Split::Validation, spec.validation, "validation")?,
        test: first(Split::Test, spec.test, "test")?,
        clusters: None,
        source_checksum: checksum::of_bytes(CONTENT.as_bytes()),
        census: Census { rows: all.len(), distinct: all.len(), ..Census::default() },
    }
    .with_near_pairs())
}
