//! Resampling a table of seeds × prompts by both of its sides, and an order of its rows and columns that does not depend on how they came.
use crate::resampling::{add, compare, multiplicities, sort_rows};
use rand_chacha::ChaCha8Rng;

/// Totals Σ wₛ vₚ cell\[s\]\[p\] over `resamples` draws of seeds and of prompts, each with replacement: one draw of prompts serves all
/// seeds (Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1). A side of one keeps that one.
pub(crate) fn crossed_totals<const M: usize>(table: &[Vec<[f64; M]>], resamples: usize, random: &mut ChaCha8Rng) -> Vec<[f64; M]> {
    let prompts = table.first().map_or(0, Vec::len);
    let draw = |random: &mut ChaCha8Rng| {
        let (seeds, weights) = (multiplicities(random, table.len()), multiplicities(random, prompts));
        let mut total = [0.0; M];
        for (row, times) in table.iter().zip(seeds).filter(|(_, times)| *times > 0.0) {
            for (cell, weight) in row.iter().zip(&weights) {
                add(&mut total, cell, times * weight);
            }
        }
        total
    };
    (0..resamples).map(|_| draw(random)).collect()
}

/// The table with its seeds and its prompts in an order that only their contents decide; None where rows differ in length.
///
/// Sorting alone would not do: with few distinct rewards many prompts look alike until seeds are told apart, and the other way round. So
/// seeds and prompts are told apart in turns, each by what it holds against the classes of the others (colour refinement), and where seeds
/// remain alike one of them is set apart. For one or two seeds, and for any table in which no two seeds have the same multiset of
/// rewards, the outcome does not depend on the order in which the table came.
pub(crate) fn canonical<const M: usize>(table: &[Vec<[f64; M]>]) -> Option<Vec<Vec<[f64; M]>>> {
    let prompts = table.first().map_or(0, Vec::len);
    if table.iter().any(|row| row.len() != prompts) {
        return None;
    }
    let ranks = ranks(table);
    let (mut seed_class, mut prompt_class) = (vec![0; table.len()], vec![0; prompts]);
    loop {
        let before = (distinct(&seed_class), distinct(&prompt_class));
        seed_class = classes(&seed_class, |s| (0..prompts).map(|p| (prompt_class[p], ranks[s][p])).collect());
        prompt_class = classes(&prompt_class, |p| (0..table.len()).map(|s| (seed_class[s], ranks[s][p])).collect());
        let after = (distinct(&seed_class), distinct(&prompt_class));
        if after.0 == table.len() {
            break;
        }
        if after == before {
            set_one_apart(&mut seed_class);
        }
    }
    let (seeds, columns) = (by_class(&seed_class), by_class(&prompt_class));
    Some(seeds.into_iter().map(|s| columns.iter().map(|&p| table[s][p]).collect()).collect())
}

/// Each cell's place among the distinct contents.
fn ranks<const M: usize>(table: &[Vec<[f64; M]>]) -> Vec<Vec<usize>> {
    let mut contents: Vec<[f64; M]> = table.iter().flatten().copied().collect();
    sort_rows(&mut contents);
    contents.dedup_by(|a, b| compare(a, b).is_eq());
    let rank = |cell: &[f64; M]| contents.partition_point(|c| compare(c, cell).is_lt());
    table.iter().map(|row| row.iter().map(rank).collect()).collect()
}

/// New classes: the old ones, told further apart by the sorted contents of each member.
fn classes(old: &[usize], contents: impl Fn(usize) -> Vec<(usize, usize)>) -> Vec<usize> {
    let keys: Vec<(usize, Vec<(usize, usize)>)> = old
        .iter()
        .enumerate()
        .map(|(i, class)| {
            let mut contents = contents(i);
            contents.sort_unstable();
            (*class, contents)
        })
        .collect();
    let mut distinct: Vec<&(usize, Vec<(usize, usize)>)> = keys.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    keys.iter().map(|key| distinct.partition_point(|d| *d < key)).collect()
}

fn distinct(classes: &[usize]) -> usize {
    classes.iter().max().map_or(0, |most| most + 1)
}

/// One member of the first class that has several gets a class of its own, before the others.
fn set_one_apart(classes: &mut [usize]) {
    let alike = |i: usize| classes.iter().filter(|c| **c == classes[i]).count() > 1;
    if let Some(first) = (0..classes.len()).filter(|i| alike(*i)).min_by_key(|i| classes[*i]) {
        let class = classes[first];
        for (i, other) in classes.iter_mut().enumerate() {
            *other += usize::from(*other > class || (*other == class && i != first));
        }
    }
}

fn by_class(classes: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by_key(|i| classes[*i]);
    order
}
