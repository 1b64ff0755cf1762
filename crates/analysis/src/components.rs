//! Where the spread of rewards comes from: training seed, prompt, their interaction, rewrite, answer.
use crate::pigeonhole::canonical;
use crate::resampling::{Interval, RESAMPLES, add, finite_mean, multiplicities, percentiles, sort_rows, sorted, stream};

/// A variance component, in units of reward squared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Component {
    /// Unbiased, hence negative now and then where the true value is near 0.
    pub variance: f64,
    /// 95 % percentile interval over resampled seeds and prompts. None for `seed` with fewer than three seeds, for `prompt`
    /// with fewer than three prompts, and for all where fewer than half of the resamples hold every level.
    pub interval: Option<Interval>,
}

/// Components of the variance of one reward, of a random seed, prompt, rewrite and answer. Those that are there add up to `total`.
///
/// A component that the design cannot tell apart is None, and its variance is part of another's: of a coarser one where the finer level
/// has no pair (one answer a rewrite: `answer` is part of `rewrite`; one rewrite a prompt: `rewrite` is part of `interaction`), and
/// `interaction` is part of `prompt` with one seed or where no seeds share a prompt, of `seed` with one prompt or where no seed has two.
/// Where neither can be told from the interaction, as when every seed has one prompt of its own, `interaction` holds all three. What
/// cannot vary in the design, such as `seed` with one seed, is in nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    /// Answers used.
    pub answers: usize,
    /// Seeds and prompts of the table, empty cells included.
    pub seeds: usize,
    pub prompts: usize,
    /// Whether the intervals let seeds vary: only with three or more of them. Otherwise they hold for these seeds alone.
    pub seeds_resampled: bool,
    /// Between training seeds, the same for all prompts.
    pub seed: Option<Component>,
    /// Between prompts, the same for all seeds.
    pub prompt: Option<Component>,
    /// Seed × prompt: what a seed does to one prompt but not to others.
    pub interaction: Option<Component>,
    /// Between the rewrites that one trained prompter gives one prompt.
    pub rewrite: Option<Component>,
    /// Between the answers to one rewrite.
    pub answer: Option<Component>,
    /// Half the mean squared difference of two answers that share as little as the design allows: nothing, or else the one seed or the
    /// one prompt there is.
    pub total: Option<Component>,
}

/// Presence, mean, mean square; presence and value of the variance within rewrites, and of that between answers of different rewrites.
type Cell = [f64; 7];

const SEED: usize = 0;
const PROMPT: usize = 1;
const INTERACTION: usize = 2;
const REWRITE: usize = 3;
const ANSWER: usize = 4;
const TOTAL: usize = 5;

/// Variance components of `rewards[seed][prompt][rewrite][answer]`: seeds crossed with prompts, rewrites nested in these, answers in
/// rewrites. Every seed has the same prompts in the same order; a prompt's list, or a rewrite's, may be empty and may have any length.
///
/// Half the mean squared difference of two answers estimates the sum of the components in which they differ, whatever the numbers of
/// answers (a U-statistic, Halmos 1946; as the "symmetric sums" of Koch 1967 for variance components): of the same rewrite, of different
/// rewrites of one cell, of different prompts of one seed, of different seeds on one prompt, of different both. The components are
/// differences of these five. Pairs are averaged equally at each level: answers within a rewrite, rewrites within a cell, cells or
/// pairs of cells. In balanced designs these are the estimators of the analysis of variance.
///
/// Intervals: seeds and prompts are resampled `resamples` times (see [`crate::over_seeds`]), a side of one or two is kept as it is, and
/// copies of the same unit are not paired with each other, as they would pull its component towards 0.
///
/// Costs one pass over the sorted answers, and seeds × prompts for each resample. Degenerate: no answer, a reward that is not finite, or
/// seeds with different numbers of prompts leave every component None.
pub fn components(rewards: &[Vec<Vec<Vec<f64>>>], resamples: usize, seed: u64) -> Components {
    let (seeds, prompts) = (rewards.len(), rewards.first().map_or(0, Vec::len));
    let all: Vec<f64> = rewards.iter().flatten().flatten().flatten().copied().collect();
    // Squares are taken about the mean, where they lose no digits.
    let table = finite_mean(&all).and_then(|centre| {
        let cells: Vec<Vec<Cell>> = rewards.iter().map(|row| row.iter().map(|rewrites| cell(rewrites, centre)).collect()).collect();
        canonical(&cells)
    });
    let Some(table) = table else {
        return assemble(all.len(), (seeds, prompts), false, [None; 6], &[]);
    };
    let ones = |n: usize| vec![1.0; n];
    let seen = levels(&table, &ones(seeds), &ones(prompts));
    let (many_seeds, many_prompts) = (seeds > 2, prompts > 2);
    let mut random = stream(seed, RESAMPLES);
    let mut draw = |wanted: bool, n: usize| if wanted { multiplicities(&mut random, n) } else { ones(n) };
    let times = if many_seeds || many_prompts { resamples } else { 0 };
    let replicates: Vec<[Option<f64>; 6]> = (0..times)
        .filter_map(|_| {
            let (w, v) = (draw(many_seeds, seeds), draw(many_prompts, prompts));
            let replicate = levels(&table, &w, &v);
            // Another set of levels would put other things into a component.
            (0..5).all(|i| replicate[i].is_some() == seen[i].is_some()).then(|| split(replicate))
        })
        .collect();
    let enough = if replicates.len() * 2 >= times { replicates.as_slice() } else { &[] };
    assemble(all.len(), (seeds, prompts), many_seeds, split(seen), enough)
}

fn assemble(
    answers: usize,
    (seeds, prompts): (usize, usize),
    seeds_resampled: bool,
    variances: [Option<f64>; 6],
    replicates: &[[Option<f64>; 6]],
) -> Components {
    let component = |i: usize| {
        let unseen = (i == SEED && seeds < 3) || (i == PROMPT && prompts < 3);
        let values: Vec<f64> = replicates.iter().filter_map(|r| r[i]).collect();
        let interval = percentiles(&values, 0.99).filter(|_| !unseen);
        variances[i].filter(|v| v.is_finite()).map(|variance| Component { variance, interval })
    };
    Components {
        answers,
        seeds,
        prompts,
        seeds_resampled,
        seed: component(SEED),
        prompt: component(PROMPT),
        interaction: component(INTERACTION),
        rewrite: component(REWRITE),
        answer: component(ANSWER),
        total: component(TOTAL),
    }
}

fn cell(rewrites: &[Vec<f64>], centre: f64) -> Cell {
    // Mean, mean square and number of each rewrite's answers.
    let mut each: Vec<[f64; 3]> = rewrites
        .iter()
        .filter(|answers| !answers.is_empty())
        .map(|answers| {
            let (n, answers) = (answers.len() as f64, sorted(answers));
            let (sum, squares) = answers.iter().fold((0.0, 0.0), |(s, q), r| (s + (r - centre), q + (r - centre).powi(2)));
            [sum / n, squares / n, n]
        })
        .collect();
    sort_rows(&mut each);
    let r = each.len() as f64;
    if each.is_empty() {
        return [0.0; 7];
    }
    let (m, q) = (each.iter().map(|e| e[0]).sum::<f64>(), each.iter().map(|e| e[1]).sum::<f64>());
    let within: Vec<f64> = each.iter().filter(|e| e[2] > 1.0).map(|[m, q, n]| (q - m * m) * n / (n - 1.0)).collect();
    let own: f64 = each.iter().map(|[m, q, _]| q - m * m).sum();
    let answer = if within.is_empty() { 0.0 } else { within.iter().sum::<f64>() / within.len() as f64 };
    let rewrite = if r > 1.0 { (r * q - m * m - own) / (r * (r - 1.0)) } else { 0.0 };
    [1.0, m / r, q / r, f64::from(u8::from(!within.is_empty())), answer, f64::from(u8::from(r > 1.0)), rewrite]
}

/// Sums over cells of a weight u: Σu, Σum, Σuq, and over each cell with itself, Σu², Σu²(q − m²).
#[derive(Clone, Copy, Default)]
struct Pool([f64; 5]);

impl Pool {
    fn add(&mut self, cell: &Cell, u: f64) {
        let [present, m, q, ..] = *cell;
        let u = u * present;
        add(&mut self.0, &[u, u * m, u * q, u * u, u * u * (q - m * m)], 1.0);
    }

    /// Weights of all ordered pairs, and with them the sum of half the mean squared differences; a cell with itself included.
    fn all_pairs(&self) -> [f64; 2] {
        let [u, um, uq, ..] = self.0;
        [u * u, u * uq - um * um]
    }

    /// The same over pairs of different cells.
    fn pairs(&self) -> [f64; 2] {
        let [weight, sum] = self.all_pairs();
        [weight - self.0[3], sum - self.0[4]]
    }
}

/// Half the mean squared difference of answers of the same rewrite, of one cell, of one seed, of one prompt, of neither, where seeds
/// count w and prompts v times.
fn levels(table: &[Vec<Cell>], w: &[f64], v: &[f64]) -> [Option<f64>; 5] {
    let mut columns = vec![Pool::default(); v.len()];
    let mut all = Pool::default();
    // Weights and weighted sums.
    let [mut answer, mut rewrite, mut seed, mut prompt, mut neither] = [[0.0; 2]; 5];
    for (row, ws) in table.iter().zip(w).filter(|(_, ws)| **ws > 0.0) {
        let mut pool = Pool::default();
        for ((cell, vp), column) in row.iter().zip(v).zip(&mut columns) {
            add(&mut answer, &[cell[3], cell[3] * cell[4]], ws * vp);
            add(&mut rewrite, &[cell[5], cell[5] * cell[6]], ws * vp);
            pool.add(cell, *vp);
            column.add(cell, *ws);
            all.add(cell, ws * vp);
        }
        add(&mut seed, &pool.pairs(), *ws);
        add(&mut neither, &pool.all_pairs(), -ws * ws);
    }
    for (column, vp) in columns.iter().zip(v) {
        add(&mut prompt, &column.pairs(), *vp);
        add(&mut neither, &column.all_pairs(), -vp * vp);
    }
    // Pairs of a cell with itself were taken away twice: with its seed and with its prompt.
    add(&mut neither, &all.all_pairs(), 1.0);
    add(&mut neither, &[all.0[3], all.0[4]], 1.0);
    // Weights are whole numbers, exact in f64.
    [answer, rewrite, seed, prompt, neither].map(|[weight, sum]| (weight > 0.5).then(|| sum / weight))
}

/// The components, as differences of levels; what is missing is in the next coarser one that is there.
fn split([answer, rewrite, seed, prompt, neither]: [Option<f64>; 5]) -> [Option<f64>; 6] {
    let cell = rewrite.or(answer);
    let base = cell.unwrap_or(0.0);
    let minus = |a: Option<f64>, b: Option<f64>| Some(a? - b?);
    let (seed_part, prompt_part, interaction) = match (seed, prompt, neither) {
        (Some(c), Some(d), Some(e)) => (Some(e - c), Some(e - d), Some(c + d - e - base)),
        (Some(c), None, e) => (minus(e, seed), Some(c - base), None),
        (None, Some(d), e) => (Some(d - base), minus(e, prompt), None),
        (_, _, e) => (None, None, e.map(|e| e - base)),
    };
    let rewrite_part = rewrite.map(|b| b - answer.unwrap_or(0.0));
    [seed_part, prompt_part, interaction, rewrite_part, answer, neither.or(seed).or(prompt).or(cell)]
}
