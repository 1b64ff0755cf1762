//! From rows to splits. A source is read twice: once to see which of its prompts are distinct and fit, of which a digest each is kept, and once
//! more for the texts of those that are drawn. Memory is some 60 bytes a prompt, however long the prompts are.
use crate::Splits;
use crate::checksum::{Fingerprint, fingerprint};
use crate::columns::{Column, quote};
use crate::conversation::{asked, describe, joined, system_prompt};
use crate::filter::Filter;
use crate::near::Near;
use crate::read::{Fields, Source, found, name_in};
use crate::split::{Order, normalised};
use contract::data::{Census, Data, NEAR, Prompt};
use contract::{Error, Result};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Malformed rows that are told one by one.
const EXAMPLES: usize = 5;

/// Which prompts of a source may be drawn.
struct Candidates<'a> {
    source: &'a Source,
    spec: &'a Data,
    filter: Filter,
    /// The row of each distinct prompt that fits, counted over all files from 0.
    rows: Vec<usize>,
    /// Of each, where the spec names a column for them: numbers in the order of their first prompts.
    clusters: Option<Vec<usize>>,
    digests: HashSet<Fingerprint>,
    census: Census,
}

/// Reads a source and draws its splits.
pub(crate) fn load(source: &Source, spec: &Data) -> Result<Splits> {
    let mut candidates = Candidates::new(source, spec)?;
    let (name, found) = (&source.name, candidates.rows.len());
    let wanted = spec.train.saturating_add(spec.validation).saturating_add(spec.test);
    if found < wanted {
        let out = candidates.census.left_out().map_or(String::new(), |out| format!(" (left out are {out})"));
        let first = candidates.census.malformed_examples.first().map_or(String::new(), |first| format!("; {first}"));
        return Err(Error::data(format!(
            "{name} has {found} distinct prompts in {} {}s{out}, but data.train, data.validation and data.test ask for {} + {} + {} = {wanted}; \
             ask for fewer or add prompts{first}",
            candidates.census.rows,
            source.counts(),
            spec.train,
            spec.validation,
            spec.test
        )));
    }
    let order = Order::new(found, candidates.clusters.as_deref(), spec.split_seed);
    let mut texts = Texts { candidates: &candidates, order: order.prompts(), known: HashMap::new() };
    let mut near = spec.near_duplicates.map(Near::new);
    let drawn = order.draw(spec, name, |prompt| {
        let Some(near) = &mut near else { return Ok(true) };
        let text = texts.of(prompt, wanted)?;
        let fits = near.find(text).is_none();
        if fits {
            near.add(text);
        }
        Ok(fits)
    })?;
    let all: Vec<usize> = [&drawn.test[..], &drawn.validation, &drawn.train].concat();
    texts.fetch(&all)?;
    let mut known = texts.known;
    let mut take = |prompts: &[usize]| prompts.iter().filter_map(|prompt| known.remove(prompt)).collect::<Vec<_>>();
    let (test, validation, train) = (take(&drawn.test), take(&drawn.validation), take(&drawn.train));
    candidates.census.near_duplicates = drawn.passed_over;
    let census = Census { distinct: found, ..candidates.census };
    let clusters = spec.cluster_column.is_some().then_some(drawn.clusters);
    Ok(Splits { train, validation, test, clusters, source_checksum: source.checksum()?, census }.with_near_pairs())
}

impl<'a> Candidates<'a> {
    fn new(source: &'a Source, spec: &'a Data) -> Result<Self> {
        let filter = Filter::new(spec.min_words, spec.max_words, spec.language.as_deref(), "data.language")?;
        let clusters = spec.cluster_column.is_some().then(Vec::new);
        let mut found = Self { source, spec, filter, rows: Vec::new(), clusters, digests: HashSet::new(), census: Census::default() };
        let mut names: HashMap<String, usize> = HashMap::new();
        let columns = columns(spec);
        for (at, row) in source.rows(&columns).enumerate() {
            let (file, row) = row?;
            found.census.rows += 1;
            let place = row.place();
            match row.fields(&spec.column).and_then(|fields| read(&fields, spec)) {
                Ok((asked, cluster)) => found.take(at, asked, cluster, &mut names),
                Err(wrong) => {
                    found.census.malformed += 1;
                    if found.census.malformed_examples.len() < EXAMPLES {
                        found.census.malformed_examples.push(format!("{file}, {place}: {wrong}"));
                    }
                }
            }
        }
        match (found.census.rows, found.census.rows - found.census.malformed, found.census.malformed_examples.first()) {
            (0, ..) => Err(Error::data(format!("{} is empty: it has no rows; it must hold prompts", source.name))),
            (_, 0, Some(first)) => Err(Error::data(first.clone())),
            _ => Ok(found),
        }
    }

    /// Counts a prompt in, or says why not.
    fn take(&mut self, row: usize, asked: Prompt, cluster: Option<String>, names: &mut HashMap<String, usize>) {
        if self.filter.has_wrong_length(&asked.text) {
            self.census.wrong_length += 1;
        } else if self.filter.is_in_another_language(&asked.text) {
            self.census.wrong_language += 1;
        } else if !self.digests.insert(digest(&asked.text)) {
            self.census.repeated += 1;
        } else {
            self.rows.push(row);
            self.census.with_system += usize::from(asked.system.is_some());
            if let (Some(clusters), Some(cluster)) = (&mut self.clusters, cluster) {
                let next = names.len();
                clusters.push(*names.entry(cluster).or_insert(next));
            }
        }
    }
}

/// The columns that a spec names.
fn columns(spec: &Data) -> Vec<Column<'_>> {
    let others = [
        spec.input_column.as_deref().map(Column::input),
        spec.system_column.as_deref().map(Column::system),
        spec.cluster_column.as_deref().map(Column::cluster),
    ];
    [Column::prompt(&spec.column)].into_iter().chain(others.into_iter().flatten()).collect()
}

/// What a row asks, and what it says that its prompt belongs to; or what is wrong with it.
fn read(fields: &Fields, spec: &Data) -> Result<(Prompt, Option<String>), String> {
    let get = |column: Column<'_>| found(fields, column.name).ok_or_else(|| column.missing("key", fields.keys().map(String::as_str)));
    let column = &spec.column;
    let mut asked = asked(get(Column::prompt(column))?).map_err(|wrong| format!("{} holds {wrong}", quote(column)))?;
    // A row without one: of JSON Lines, a key that is not there.
    let text_in = |column: &String| match found(fields, column) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("{} holds {}, not text", quote(column), describe(other))),
    };
    if let Some(input) = spec.input_column.as_ref().map(text_in).transpose()?.flatten() {
        asked.text = joined(&asked.text, &input);
    }
    if asked.text.trim().is_empty() {
        return Err(format!("the prompt in {} is empty; write one or remove the row", quote(column)));
    }
    if let Some(column) = &spec.system_column {
        asked.system = text_in(column)?.as_deref().and_then(system_prompt);
    }
    let Some(column) = &spec.cluster_column else { return Ok((asked, None)) };
    // That a prompt stands alone has to be said by a name of its own, or a forgotten one would make intervals too narrow unseen.
    let alone = "say what the prompt belongs to, or give it a name that no other has";
    let cluster = name_in(get(Column::cluster(column))?).map_err(|wrong| format!("{} holds {wrong}; {alone}", quote(column)))?;
    match cluster.trim() {
        "" => Err(format!("{} is empty; {alone}", quote(column))),
        cluster => Ok((asked, Some(cluster.to_owned()))),
    }
}

/// What tells a prompt from others that are not equal to it.
fn digest(prompt: &str) -> Fingerprint {
    fingerprint([normalised(prompt).as_bytes()].into_iter())
}

/// The texts of prompts, read when they are needed.
struct Texts<'a> {
    candidates: &'a Candidates<'a>,
    /// All prompts in the order in which they may be drawn.
    order: &'a [usize],
    known: HashMap<usize, Prompt>,
}

impl Texts<'_> {
    /// The text of a prompt that stands in the order near what was asked for before: it and the next ones are read at once, `wanted` at first and then
    /// twice as many.
    fn of(&mut self, prompt: usize, wanted: usize) -> Result<&str> {
        if !self.known.contains_key(&prompt) {
            let ahead = (2 * self.known.len()).max(wanted).min(self.order.len());
            self.fetch(&self.order[..ahead])?;
        }
        self.known.get(&prompt).map(|prompt| prompt.text.as_str()).ok_or_else(|| Error::internal("A prompt was drawn before its turn."))
    }

    /// Reads those of these prompts that are not known yet.
    fn fetch(&mut self, prompts: &[usize]) -> Result<()> {
        let Candidates { source, spec, rows, digests, .. } = self.candidates;
        let missing: HashMap<usize, usize> = prompts.iter().filter(|p| !self.known.contains_key(p)).map(|&p| (rows[p], p)).collect();
        let columns = columns(spec);
        let mut left = missing.len();
        for (at, row) in source.rows(&columns).enumerate() {
            if left == 0 {
                break;
            }
            let (_, row) = row?;
            let Some(&prompt) = missing.get(&at) else { continue };
            let asked = row.fields(&spec.column).and_then(|fields| read(&fields, spec)).map(|(asked, _)| asked);
            let asked = asked.ok().filter(|asked| digests.contains(&digest(&asked.text))).ok_or_else(|| changed(source))?;
            self.known.insert(prompt, asked);
            left -= 1;
        }
        if left == 0 { Ok(()) } else { Err(changed(source)) }
    }
}

pub(crate) fn changed(source: &Source) -> Error {
    Error::data(format!("{} was changed while it was read; try again when nothing writes to it", source.name))
}

impl Splits {
    /// With what the census says of near-duplicates between the splits.
    pub(crate) fn with_near_pairs(mut self) -> Self {
        let near = |prompts: &[Prompt]| Near::of(NEAR, prompts.iter().map(|prompt| &*prompt.text));
        let (training, validation) = (near(&self.train), near(&self.validation));
        let held_out = self.test.iter().chain(&self.validation).map(|prompt| &*prompt.text);
        (self.census.near_in_training, self.census.nearest) = training.among(held_out, |i| &self.train[i].text);
        let is_near = |prompt: &&Prompt| training.find(&prompt.text).is_none() && validation.find(&prompt.text).is_some();
        self.census.near_in_validation = self.test.iter().filter(is_near).count();
        self
    }
}
