//! Which prompts are for training, which for choosing, which for the result.
use crate::{Clusters, columns};
use contract::data::Data;
use contract::{Error, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Numbers of prompts in the order in which they are drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub train: Vec<usize>,
    pub validation: Vec<usize>,
    pub test: Vec<usize>,
    pub clusters: Clusters,
    /// Prompts that were passed over.
    pub passed_over: usize,
}

/// Distinct prompts, numbered in the order of their source, in the order in which they may be drawn: cluster by cluster.
pub(crate) struct Order {
    /// Numbers of all prompts, those of a cluster side by side.
    prompts: Vec<usize>,
    /// Where each cluster's prompts end, in the order of drawing.
    ends: Vec<usize>,
}

impl Order {
    /// Of as many prompts. `clusters` has the number of each one's cluster, counted from 0 in the order of their first prompts; None: each stands alone.
    pub fn new(prompts: usize, clusters: Option<&[usize]>, seed: u64) -> Self {
        let alone: Vec<usize>;
        let of_each = match clusters {
            Some(clusters) => clusters,
            None => {
                alone = (0..prompts).collect();
                &alone
            }
        };
        // The members of cluster c are members[starts[c]..starts[c + 1]], in the order of the source.
        let count = of_each.iter().max().map_or(0, |last| last + 1);
        let mut starts = vec![0; count + 1];
        of_each.iter().for_each(|&c| starts[c + 1] += 1);
        (0..count).for_each(|c| starts[c + 1] += starts[c]);
        let (mut free, mut members) = (starts.clone(), vec![0; prompts]);
        for (prompt, &c) in of_each.iter().enumerate() {
            members[free[c]] = prompt;
            free[c] += 1;
        }
        let mut order: Vec<usize> = (0..count).collect();
        shuffle(&mut order, &mut stream(seed, CLUSTERS));
        let mut random = stream(seed, MEMBERS);
        let mut drawn = Self { prompts: Vec::with_capacity(prompts), ends: Vec::with_capacity(count) };
        for c in order {
            let of_cluster = &mut members[starts[c]..starts[c + 1]];
            shuffle(of_cluster, &mut random);
            drawn.prompts.extend_from_slice(of_cluster);
            drawn.ends.push(drawn.prompts.len());
        }
        drawn
    }

    /// All prompts, in the order in which they may be drawn.
    pub fn prompts(&self) -> &[usize] {
        &self.prompts
    }

    /// Draws the splits that `spec` asks for from the prompts that `fits` takes. `name` names the source in errors.
    pub fn draw(&self, spec: &Data, name: &str, mut fits: impl FnMut(usize) -> Result<bool>) -> Result<Drawn> {
        let mut drawing = Drawing { order: self, cluster: 0, unused: 0, passed_over: 0 };
        let mut take = |key: &str, wanted: usize| {
            let part = drawing.take(wanted, &mut fits)?;
            if part.prompts.len() == wanted {
                return Ok((part.prompts, part.clusters));
            }
            Err(too_few(self, &drawing, spec, name, (key, wanted), part.prompts.len()))
        };
        // The order matters: what is drawn first does not depend on how much is drawn later.
        let (test, test_clusters) = take("test", spec.test)?;
        let (validation, validation_clusters) = take("validation", spec.validation)?;
        let (train, train_clusters) = take("train", spec.train)?;
        let clusters = Clusters { train: train_clusters, validation: validation_clusters, test: test_clusters, unused: drawing.unused };
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
        Ok(Drawn { train, validation, test, clusters, passed_over: drawing.passed_over })
    }
}

fn too_few(order: &Order, drawing: &Drawing<'_>, spec: &Data, name: &str, (key, wanted): (&str, usize), left: usize) -> Error {
    let found = order.prompts.len();
    let near = match drawing.passed_over {
        0 => String::new(),
        n => format!("; {n} are near-duplicates of others (data.near_duplicates)"),
    };
    Error::data(match spec.cluster_column {
        None => format!(
            "{name} has {found} distinct prompts{near}, so that only {left} are left of the {wanted} that data.{key} asks for; ask for fewer or add prompts"
        ),
        Some(_) => format!(
            "{name} has {found} distinct prompts in {} clusters{near}, but only {left} are left of the {wanted} that data.{key} asks for: a cluster \
             is in one split only, and {} prompts are unused, the rest of clusters that did not fit whole; ask for fewer, or add prompts of \
             other clusters",
            order.ends.len(),
            drawing.unused
        ),
    })
}

/// How far the order is drawn.
struct Drawing<'a> {
    order: &'a Order,
    /// The cluster that comes next.
    cluster: usize,
    /// Prompts of clusters of which a split took a part.
    unused: usize,
    passed_over: usize,
}

/// What one split gets.
#[derive(Default)]
struct Part {
    prompts: Vec<usize>,
    /// The number of each prompt's cluster, in the order of drawing.
    clusters: Vec<usize>,
}

impl Drawing<'_> {
    /// Whole clusters until there are as many prompts as wanted; of the last one as many as are missing.
    fn take(&mut self, wanted: usize, fits: &mut impl FnMut(usize) -> Result<bool>) -> Result<Part> {
        let mut part = Part::default();
        while part.prompts.len() < wanted {
            let Some(&end) = self.order.ends.get(self.cluster) else { break };
            let start = self.cluster.checked_sub(1).map_or(0, |before| self.order.ends[before]);
            for &prompt in &self.order.prompts[start..end] {
                if part.prompts.len() == wanted {
                    self.unused += 1;
                } else if fits(prompt)? {
                    part.prompts.push(prompt);
                    part.clusters.push(self.cluster);
                } else {
                    self.passed_over += 1;
                }
            }
            self.cluster += 1;
        }
        Ok(part)
    }
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
