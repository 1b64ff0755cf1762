//! Which prompts are for training, which for choosing, which for the result.
use crate::file::Row;
use crate::{Clusters, Splits, columns};
use contract::spec::Data;
use contract::{Error, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::{HashMap, HashSet};

/// Draws the splits that `spec` asks for from the distinct prompts among `rows`.
pub(crate) fn draw(rows: Vec<Row>, spec: &Data, name: &str, source_checksum: String) -> Result<Splits> {
    let read = rows.len();
    let rows = distinct(rows);
    let wanted = spec.train.saturating_add(spec.validation).saturating_add(spec.test);
    if rows.len() < wanted {
        let repeated = if rows.len() < read { format!(" among {read}") } else { String::new() };
        return Err(Error::data(format!(
            "{name} has {} distinct prompts{repeated}, but data.train, data.validation and data.test ask for {} + {} + {} = {wanted}; \
             ask for fewer or add prompts",
            rows.len(),
            spec.train,
            spec.validation,
            spec.test
        )));
    }
    let found = rows.len();
    let mut clusters = clusters(rows);
    let drawn_from = clusters.len();
    shuffle(&mut clusters, &mut stream(spec.split_seed, CLUSTERS));
    let mut members = stream(spec.split_seed, MEMBERS);
    clusters.iter_mut().for_each(|cluster| shuffle(cluster, &mut members));
    let mut clusters = clusters.into_iter().enumerate();
    let mut unused = 0;
    let mut take = |key: &str, wanted: usize| {
        let part = take(&mut clusters, wanted);
        unused += part.unused;
        if part.prompts.len() == wanted {
            return Ok((part.prompts, part.clusters));
        }
        Err(Error::data(format!(
            "{name} has {found} distinct prompts in {drawn_from} clusters, but only {} are left of the {wanted} that data.{key} asks for: a cluster \
             is in one split only, and {unused} prompts are unused, the rest of clusters that did not fit whole; ask for fewer, or add prompts of \
             other clusters",
            part.prompts.len()
        )))
    };
    // The order matters: what is drawn first does not depend on how much is drawn later.
    let (test, test_clusters) = take("test", spec.test)?;
    let (validation, validation_clusters) = take("validation", spec.validation)?;
    let (train, train_clusters) = take("train", spec.train)?;
    let clusters = Clusters { train: train_clusters, validation: validation_clusters, test: test_clusters, unused };
    if let Some(column) = &spec.cluster_column
        && spec.test > 1
        && Clusters::count(&clusters.test) < 2
    {
        return Err(Error::data(format!(
            "{name}: the {} test prompts all have the same {}, so that nothing could tell how precise a result is; raise data.test, name a column that \
             tells more prompts apart in data.cluster_column, or leave that out",
            spec.test,
            columns::quote(column)
        )));
    }
    Ok(Splits { train, validation, test, clusters: spec.cluster_column.is_some().then_some(clusters), source_checksum })
}

/// What one split gets.
struct Part {
    prompts: Vec<String>,
    /// The number of each prompt's cluster.
    clusters: Vec<usize>,
    /// Prompts of the last cluster that were more than wanted.
    unused: usize,
}

/// Whole clusters, numbered, until there are as many prompts as wanted; of the last one as many as are missing.
fn take(clusters: &mut impl Iterator<Item = (usize, Vec<String>)>, wanted: usize) -> Part {
    let mut part = Part { prompts: Vec::new(), clusters: Vec::new(), unused: 0 };
    while part.prompts.len() < wanted {
        let Some((number, mut members)) = clusters.next() else { break };
        let missing = wanted - part.prompts.len();
        part.unused = members.len().saturating_sub(missing);
        members.truncate(missing);
        part.clusters.extend(members.iter().map(|_| number));
        part.prompts.append(&mut members);
    }
    part
}

/// Prompts that belong together, in the order in which the first of each stands in the file; a prompt without a cluster stands alone.
fn clusters(rows: Vec<Row>) -> Vec<Vec<String>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut clusters: Vec<Vec<String>> = Vec::new();
    for Row { prompt, cluster } in rows {
        let next = clusters.len();
        let place = cluster.map_or(next, |cluster| *places.entry(cluster).or_insert(next));
        match clusters.get_mut(place) {
            Some(members) => members.push(prompt),
            None => clusters.push(vec![prompt]),
        }
    }
    clusters
}

/// The first of each set of prompts that are equal after [`normalised`].
fn distinct(rows: Vec<Row>) -> Vec<Row> {
    let mut seen = HashSet::new();
    rows.into_iter().filter(|row| seen.insert(normalised(&row.prompt))).collect()
}

/// Lower case, with single spaces between words and none around them: prompts that are equal so count as one.
pub fn normalised(prompt: &str) -> String {
    prompt.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Stream that orders clusters, and prompts where each is one.
const CLUSTERS: u64 = 0;
/// Stream that orders prompts within clusters.
const MEMBERS: u64 = 1;

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(key);
    random.set_stream(number);
    random
}

/// Fisher-Yates with the high word of a 64 × 64-bit product as index: written out, so that no new version of a library and no
/// machine draws other splits. The bias is below n / 2⁶⁴.
fn shuffle<T>(things: &mut [T], random: &mut ChaCha8Rng) {
    for last in (1..things.len()).rev() {
        let product = u128::from(random.next_u64()) * (last as u128 + 1);
        // Below last + 1, so it fits.
        things.swap(last, (product >> 64) as usize);
    }
}
