//! What an experiment could find, told before it runs from how much paired differences varied in earlier ones.
use crate::analyse::{ALPHA, POWER, Seed, Table, count, power};
use crate::prepare::base_folder;
use crate::report::COMPARISONS;
use crate::{figures, spec};
use analysis::{Noise, Plan, smallest_detectable};
use contract::design::{Assumed, AtPrompts, DesignPower, Learned, PairPower, Question};
use contract::event::Status;
use contract::seeds::{Counted, Power};
use contract::spec::{Data, Reward, RewardProgram};
use contract::{Error, Result, Spec};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use store::{Run, Split, Store};

/// What a design is made to find: the tuned prompter against both baselines.
const PAIRS: [(&str, &str); 2] = [COMPARISONS[0], COMPARISONS[1]];

/// What is assumed where nothing was run: √(0.062 + 0.049 + 0.249 / 2), the components of tuned − raw over prompts that the five seeds of the
/// shipped experiment have together, with its two answers (docs/results.md).
pub const USUAL_DEVIATION: f64 = 0.49;

/// Fewer seeds say little of how much seeds differ.
const ENOUGH_SEEDS: usize = 5;

/// Earlier runs with the same models: seeds of one experiment, with their rows of the test split.
pub struct Precedent {
    seeds: Vec<Seed>,
    same_data: bool,
    same_reward: bool,
}

/// The runs to learn from: finished ones with the same prompter and frozen model that compared the tuned prompter with a baseline, all
/// seeds of their experiment. First come those with the same data and reward, then those with the same reward, then with the same data;
/// of these those with the same clusters of prompts; of these, where several seeds are planned, those that have several; and of these the
/// newest. None where no run will do. `folder` is
/// where relative paths of the spec start.
///
/// # Errors
/// As the store.
pub async fn precedent(store: &Store, spec: &Spec, folder: &Path, seeds: usize) -> Result<Option<Precedent>> {
    let is_alike = |run: &Run| run.spec.prompter.model == spec.prompter.model && run.spec.frozen.model == spec.frozen.model;
    let mut found = Vec::new();
    for run in store.runs().await?.into_iter().filter(|run| run.is_kept() && run.status == Status::Finished && is_alike(run)) {
        let source = source(&run.spec.data, &base_folder(&store.facts(run.id).await?));
        found.push((run, source));
    }
    for group in ranked(found, spec, &source(&spec.data, folder), seeds)? {
        let Group { runs, same_data, same_reward, .. } = group;
        let mut seeds = Vec::new();
        for run in runs {
            let rows = store.evaluation(run.id, Some(Split::Test)).await?;
            seeds.push(Seed { run, rows });
        }
        if let Some(seeds) = comparable(seeds) {
            return Ok(Some(Precedent { seeds, same_data, same_reward }));
        }
    }
    Ok(None)
}

/// Where prompts come from: a file's whole path, and its column.
fn source(data: &Data, folder: &Path) -> (PathBuf, String) {
    let path = if data.source == datasets::SHIPPED { PathBuf::from(datasets::SHIPPED) } else { folder.join(&data.source) };
    (std::path::absolute(&path).unwrap_or(path), data.column.clone())
}

/// What is trained on, whatever it is called and whatever is watched beside it.
fn trained_on(reward: &Reward) -> Vec<(f64, &RewardProgram)> {
    reward.parts.iter().filter(|part| !part.is_watched()).map(|part| (part.weight, &part.program)).collect()
}

/// Runs of one experiment on the same data, newest first.
struct Group {
    experiment: (String, (PathBuf, String)),
    runs: Vec<Run>,
    same_data: bool,
    same_reward: bool,
    same_clusters: bool,
}

/// By experiment, best first; `runs` are newest first.
fn ranked(runs: Vec<(Run, (PathBuf, String))>, planned: &Spec, data: &(PathBuf, String), seeds: usize) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for (run, source) in runs {
        let experiment = (spec::experiment(&run.spec)?, source);
        match groups.iter_mut().find(|group| group.experiment == experiment) {
            Some(group) => group.runs.push(run),
            None => groups.push(Group {
                same_data: experiment.1 == *data,
                same_reward: trained_on(&run.spec.reward) == trained_on(&planned.reward),
                same_clusters: run.spec.data.cluster_column == planned.data.cluster_column,
                experiment,
                runs: vec![run],
            }),
        }
    }
    let can_tell = |group: &Group| seeds == 1 || group.runs.iter().map(|run| run.spec.seed).collect::<BTreeSet<u64>>().len() > 1;
    // The sort is stable: what is equal stays newest first.
    groups.sort_by_key(|group| Reverse((group.same_reward, group.same_data, group.same_clusters, can_tell(group))));
    Ok(groups)
}

/// The seeds that count, each once, or the newest alone where they were tested on different prompts; None where none has a pair to tell by.
fn comparable(mut seeds: Vec<Seed>) -> Option<Vec<Seed>> {
    seeds.retain(|seed| count(seed) == Counted::Measured && PAIRS.iter().any(|(arm, baseline)| seed.has(arm) && seed.has(baseline)));
    let mut known = BTreeSet::new();
    seeds.retain(|seed| known.insert(seed.run.spec.seed));
    if table(&seeds).is_err() {
        seeds.truncate(1);
    }
    seeds.sort_by_key(|seed| seed.run.spec.seed);
    (!seeds.is_empty()).then_some(seeds)
}

fn table(seeds: &[Seed]) -> Result<Table<'_>> {
    Table::new(seeds, &vec![Counted::Measured; seeds.len()])
}

/// How much a pair's differences vary, and what of it can be told apart.
struct Known {
    noise: Noise,
    seeds: bool,
    answers: bool,
    /// Whether it is of clusters of prompts, with all answers of one as one value.
    of_clusters: bool,
}

impl Known {
    /// Of clusters where the plan has some, and the runs had.
    fn of(table: &Table<'_>, (arm, baseline): (&str, &str), has_clusters: bool) -> Option<Self> {
        let of_clusters = if has_clusters { table.variances_of_clusters(arm, baseline) } else { None };
        let is_of_clusters = of_clusters.is_some();
        let found = of_clusters.unwrap_or_else(|| table.variances(arm, baseline));
        let answers = found.rewrite.or(found.answer).is_some();
        (found.answers > 0).then(|| Self { noise: (&found).into(), seeds: found.seed.is_some(), answers, of_clusters: is_of_clusters })
    }

    fn assumed(deviation: f64) -> Self {
        let noise = Noise { seed: 0.0, prompt: deviation * deviation, interaction: 0.0, rewrite: 0.0, answer: 0.0 };
        Self { noise, seeds: false, answers: false, of_clusters: false }
    }
}

/// How small a difference an experiment finds with as many seeds: from its precedent, or where a `deviation` is given (the standard
/// deviation over prompts of the paired difference, with as many answers as planned) or there is no precedent, from an assumption, which
/// the notes name.
///
/// `clusters` is how many clusters the test prompts are in, which are then counted in place of prompts: by how much clusters of the precedent vary,
/// or where nothing says how alike prompts of one cluster are, each as one prompt, which is cautious.
///
/// With several seeds the question is whether training is better. Where nothing says how much seeds differ, as after one run or from an
/// assumption, it is told of one seed's prompter, and the notes say so.
///
/// # Errors
/// [`contract::Code::Spec`] for a deviation that is not above 0, or no seed.
pub fn compute(
    planned: &Spec,
    seeds: usize,
    precedent: Option<&Precedent>,
    deviation: Option<f64>,
    clusters: Option<usize>,
) -> Result<DesignPower> {
    if let Some(wrong) = deviation.filter(|d| !(d.is_finite() && *d > 0.0)) {
        return Err(Error::spec(format!("The assumed standard deviation is {wrong}; it must be a number above 0.")));
    }
    if seeds == 0 {
        return Err(Error::spec("A design needs 1 seed at least."));
    }
    let precedent = precedent.filter(|_| deviation.is_none());
    let table = precedent.map(|precedent| table(&precedent.seeds)).transpose()?;
    let pairs: Vec<(&str, &str)> = PAIRS.into_iter().filter(|(a, b)| planned.arms.has(a) && planned.arms.has(b)).collect();
    let usual = deviation.unwrap_or(USUAL_DEVIATION);
    let known_of = |pair: &(&str, &str)| match &table {
        Some(table) => Known::of(table, *pair, clusters.is_some()),
        None => Some(Known::assumed(usual)),
    };
    let known: Vec<Option<Known>> = pairs.iter().map(known_of).collect();
    let knows_seeds = known.iter().flatten().all(|known| known.seeds) && known.iter().any(Option::is_some);
    let question = if seeds > 1 && knows_seeds { Question::Training } else { Question::Prompter };
    let (prompts, answers) = (planned.data.test, planned.evaluation.answers_per_prompt);
    let plan = Plan { seeds: if question == Question::Training { seeds } else { 1 }, prompts, rewrites: answers, answers: 1 };
    let found = pairs.iter().zip(&known).map(|(pair, known)| found(*pair, known.as_ref(), plan, clusters)).collect();
    let mut design = DesignPower {
        question,
        seeds,
        prompts,
        clusters,
        answers,
        learned: precedent.map(Precedent::listed),
        assumed: precedent.is_none().then_some(Assumed { deviation: usual, is_usual: deviation.is_none() }),
        pairs: found,
        finding: String::new(),
        notes: Vec::new(),
    };
    design.notes = notes(&design, &known);
    design.finding = finding(&design);
    Ok(design)
}

fn found((arm, baseline): (&str, &str), known: Option<&Known>, plan: Plan, clusters: Option<usize>) -> PairPower {
    // What is independent among so many prompts, with what each holds.
    let with = |known: &Known, prompts: usize| Plan {
        prompts: clusters.map_or(prompts, |clusters| clusters.saturating_mul(prompts) / plan.prompts.max(1)),
        rewrites: if known.of_clusters { 1 } else { plan.rewrites },
        ..plan
    };
    let found = known.and_then(|known| {
        // What more answers would buy cannot be told where their part of the variance is not known.
        let answers = |power: Power| Power { twice_answers: power.twice_answers.filter(|_| known.answers), ..power };
        Some((known, power(&known.noise, with(known, plan.prompts)).map(answers)?))
    });
    let at = |known: &Known, prompts: usize| {
        let smallest = figures::finite(smallest_detectable(&known.noise, with(known, prompts), ALPHA, POWER)?.difference)?;
        Some(AtPrompts { prompts, smallest })
    };
    PairPower {
        arm: arm.into(),
        baseline: baseline.into(),
        power: found.map(|(_, power)| power),
        by_prompts: found.map_or_else(Vec::new, |(known, _)| around(plan.prompts).into_iter().filter_map(|n| at(known, n)).collect()),
    }
}

/// Numbers of prompts from a quarter to four times as many.
fn around(prompts: usize) -> BTreeSet<usize> {
    [4, 6, 8, 12, 16, 24, 32, 48, 64].into_iter().map(|sixteenths| prompts.saturating_mul(sixteenths) / 16).filter(|n| *n > 1).collect()
}

impl Precedent {
    fn listed(&self) -> Learned {
        Learned {
            runs: self.seeds.iter().map(|seed| seed.run.id).collect(),
            name: self.seeds.first().map(|seed| seed.run.name.clone()).unwrap_or_default(),
            same_data: self.same_data,
            same_reward: self.same_reward,
        }
    }
}

/// "run 3", "runs 3, 4 and 5".
fn runs_in_words(runs: &[i64]) -> String {
    let words: Vec<String> = runs.iter().map(i64::to_string).collect();
    match words.split_last() {
        None => "no run".into(),
        Some((only, [])) => format!("run {only}"),
        Some((last, others)) => format!("runs {} and {last}", others.join(", ")),
    }
}

fn finding(design: &DesignPower) -> String {
    if design.pairs.is_empty() {
        return "This design has no tuned prompter beside a baseline, so there is no difference to find.".into();
    }
    if design.prompts < 2 {
        return format!("With {} test prompt no difference can be found; raise data.test to 2 at least.", design.prompts);
    }
    if design.clusters.is_some_and(|clusters| clusters < 2) {
        return "With one cluster of test prompts no difference can be found; raise data.test, or name another data.cluster_column.".into();
    }
    let pair = |pair: &PairPower| Some(format!("{:.3} or more ({} − {})", pair.power?.smallest, pair.arm, pair.baseline));
    let pairs: Vec<String> = design.pairs.iter().filter_map(pair).collect();
    if pairs.is_empty() {
        return "How small a difference this design finds cannot be told: the differences of those runs do not vary.".into();
    }
    let within = design.clusters.map_or_else(String::new, |clusters| format!(", with {clusters} clusters of test prompts,"));
    let subject = match (design.question, design.seeds) {
        (Question::Training, _) => format!("Over its {} seeds this design", design.seeds),
        (Question::Prompter, 1) => "This design".into(),
        (Question::Prompter, _) => "Each seed of this design".into(),
    };
    let how = match &design.learned {
        Some(Learned { runs, same_data, same_reward, .. }) => {
            let alike = match (same_data, same_reward) {
                (true, true) => "the same models, data and reward",
                (false, true) => "the same models and reward, other data",
                (true, false) => "the same models and data, another reward",
                (false, false) => "the same models, other data and another reward",
            };
            format!("as they did in {}: {alike}", runs_in_words(runs))
        }
        None => "as is assumed".into(),
    };
    format!("{subject}{within} finds a difference of {} with 80 % power, two-sided at 5 %, if differences vary {how}.", pairs.join(" and "))
}

fn notes(design: &DesignPower, known: &[Option<Known>]) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(assumed) = design.assumed {
        let source = match assumed.is_usual {
            true => {
                "for no finished run here has these models. It is that of tuned − raw over the five seeds of the shipped experiment, with 2 \
                 answers to a prompt and in units of its reward (docs/results.md); give another where yours differs"
            }
            false => "as it was given",
        };
        notes.push(format!("Assumed, not measured: a standard deviation over prompts of {}, {source}.", assumed.deviation));
    }
    let learned = design.learned.as_ref();
    if learned.is_some_and(|learned| !learned.same_reward) {
        notes.push("Another reward may have another unit: differences in it are no measure of this one.".into());
    }
    let one_prompter = "the question answered is whether one trained prompter is better";
    notes.extend(match (design.question, design.seeds, learned.map(|learned| learned.runs.len())) {
        (Question::Prompter, 1, _) => Some(format!("With one seed {one_prompter}; whether training is takes several.")),
        (Question::Prompter, seeds, _) => Some(format!(
            "How much seeds differ is not known, for {}: so {one_prompter}, of each seed's, and not whether training is over all {seeds} \
             seeds. That stands here once two seeds of an experiment with these models have finished.",
            if learned.is_some() { "there is one finished seed to learn from" } else { "nothing was run" }
        )),
        (Question::Training, _, Some(measured)) if measured < ENOUGH_SEEDS => {
            Some(format!("{measured} seeds say little of how much seeds differ: the figures are rough."))
        }
        (Question::Training, ..) => None,
    });
    for (pair, _) in design.pairs.iter().zip(known).filter(|(_, known)| known.is_none()) {
        notes.push(format!("Of {} − {} nothing can be told: those runs do not have both arms.", pair.arm, pair.baseline));
    }
    let is_of_clusters = known.iter().flatten().any(|known| known.of_clusters);
    if is_of_clusters {
        notes.push(
            "Counted are clusters of prompts, each with as many prompts and answers as in those runs: what more answers would buy cannot be \
             told, and twice the prompts are twice the clusters."
                .into(),
        );
    } else if design.clusters.is_some() {
        notes.push(
            "How alike the prompts of one cluster are is not known, so that each cluster is counted as one prompt: the true figures are no \
             larger. Twice the prompts are twice the clusters."
                .into(),
        );
    }
    if !is_of_clusters && learned.is_some() && known.iter().flatten().any(|known| !known.answers) {
        notes.push("What more answers would buy cannot be told from runs with one answer to a prompt.".into());
    }
    notes
}
