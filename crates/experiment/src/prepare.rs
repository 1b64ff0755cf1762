//! From the text of a spec to everything that can be checked before a model computes anything.
use crate::instruction;
use crate::prompter::{Prompter, Wording};
use crate::spec;
use contract::data::{Census, Prompt};
use contract::{Error, Result, Spec};
use datasets::Splits;
use inference::FrozenModel;
use lm::Message;
use rewards::{Lengths as Scored, Pair, Reward, Scorers, conversation};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Fact;

/// A checked experiment.
pub struct Prepared {
    pub spec: Spec,
    /// [`spec::hash`].
    pub spec_hash: String,
    pub splits: Splits,
    pub reward: Reward,
    /// Checksums of the data and the folder that relative paths start from, to be stored with the run ([`store::NewRun::facts`]).
    pub facts: Vec<Fact>,
}

/// Key of the fact that holds the folder which relative paths in the spec are relative to; a resume needs it.
const FOLDER: &str = "spec.folder";

/// Tokens of the longest prompt with all that goes around it and all that may be written to it, beside what a model's context holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Longest {
    pub prompter: usize,
    pub frozen: usize,
    pub prompter_context: usize,
    pub frozen_context: usize,
    /// What the prompter is asked for each prompt.
    pub requests: Lengths,
    /// What the frozen model is sent for each, a rewrite of full length included.
    pub messages: Lengths,
}

/// How long texts are, in tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lengths {
    /// Longest first.
    each: Vec<usize>,
    /// Tokens that all begin with.
    pub shared: usize,
}

impl Lengths {
    /// Of the texts, of which all begin with `shared` tokens.
    pub fn new(mut each: Vec<usize>, shared: usize) -> Self {
        each.sort_unstable_by(|a, b| b.cmp(a));
        Self { each, shared }
    }

    /// Mean length of the `n` longest, rounded up: texts of a batch are together no longer than so many of it.
    pub fn of_longest(&self, n: usize) -> usize {
        let longest = &self.each[..n.clamp(1, self.each.len().max(1)).min(self.each.len())];
        longest.iter().sum::<usize>().div_ceil(longest.len().max(1))
    }
}

/// Who reads prompts, and the tokens that it can hold.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a, R: ?Sized> {
    pub reads: &'a R,
    pub context: usize,
}

/// Tokens of a system prompt and a prompt in a chat template.
pub type TokensOf<'a> = dyn Fn(Option<&str>, &str) -> Result<usize> + 'a;

/// The folder that relative paths of a stored run's spec start at.
pub fn base_folder(facts: &[Fact]) -> PathBuf {
    facts.iter().find(|f| f.key == FOLDER).map_or_else(|| PathBuf::from("."), |f| PathBuf::from(&f.value))
}

/// Reads a spec (TOML or JSON), its data and its reward. `origin` names the text in errors, `folder` is where relative paths start.
pub fn from_text(text: &str, origin: &str, folder: &Path) -> Result<Prepared> {
    prepare(spec::parse(text, origin)?, folder)
}

/// The same for a spec that is parsed already, such as a stored run's.
pub fn from_spec(spec: Spec, folder: &Path) -> Result<Prepared> {
    spec::check(&spec, "The spec")?;
    prepare(spec, folder)
}

fn prepare(spec: Spec, folder: &Path) -> Result<Prepared> {
    let reward = Reward::new(&spec.reward)?;
    let splits = datasets::load(&spec.data, folder)?;
    let sums = splits.checksums();
    let fact = |key: &str, value: String| Fact { key: key.into(), value };
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let mut facts = vec![
        fact(FOLDER, folder.display().to_string()),
        fact("data.source.checksum", sums.source),
        fact("data.train.checksum", sums.train),
        fact("data.validation.checksum", sums.validation),
        fact("data.test.checksum", sums.test),
    ];
    if spec.data.source != datasets::SHIPPED {
        facts.extend(census_facts(&splits.census).map(|(key, value)| fact(key, value)));
    }
    let spec_hash = spec::hash(&spec)?;
    Ok(Prepared { spec, spec_hash, splits, reward, facts })
}

/// What reading the source found, to be stored with a run: how many rows it has, what was left out, and what the splits have in common.
fn census_facts(census: &Census) -> impl Iterator<Item = (&'static str, String)> {
    let near = (census.near_in_training > 0).then(|| format!("{} test and validation prompts", census.near_in_training));
    let near_validation = (census.near_in_validation > 0).then(|| format!("{} test prompts", census.near_in_validation));
    let known = [
        ("data.rows", Some(census.rows.to_string())),
        ("data.left_out", census.left_out()),
        ("data.near_in_training", near),
        ("data.near_in_validation", near_validation),
    ];
    known.into_iter().filter_map(|(key, value)| Some((key, value?)))
}

impl Prepared {
    /// Refuses to go on with a run whose data changed since it began: `stored` are the run's facts. Facts of the models
    /// (`model.….checksum`) are the caller's to compare, with [`unchanged`].
    pub fn check_unchanged(&self, stored: &[Fact]) -> Result<()> {
        unchanged(stored, &self.facts.iter().filter(|f| f.key != FOLDER).cloned().collect::<Vec<_>>())
    }

    /// How long the longest prompts are to both models, which need not be loaded for it.
    pub fn longest(&self, prompter: &Reader<'_, Wording>, frozen: &Reader<'_, TokensOf<'_>>) -> Result<Longest> {
        let (wording, rewrite, answer) = (prompter.reads, prompter.reads.settings().max_rewrite_tokens, self.spec.frozen.max_answer_tokens);
        let mut longest = Longest { prompter_context: prompter.context, frozen_context: frozen.context, ..Longest::default() };
        let (mut requests, mut messages, mut shared) = (Vec::new(), Vec::new(), None::<Arc<[u32]>>);
        for prompt in self.splits.train.iter().chain(&self.splits.validation).chain(&self.splits.test) {
            let tokens = |text: &str| (frozen.reads)(prompt.system.as_deref(), text);
            let around = tokens(&prompt.text)?.max(tokens(&wording.rewrite(&prompt.text, ""))? + rewrite);
            let request = wording.request(prompt)?;
            longest.prompter = longest.prompter.max(request.len() + rewrite);
            messages.push(around);
            requests.push(request.len());
            shared = Some(match shared {
                None => request,
                Some(known) => known[..known.iter().zip(&*request).take_while(|(a, b)| a == b).count()].into(),
            });
            longest.frozen = longest.frozen.max(around + answer);
            if self.spec.arms.instruction {
                let around = tokens(&instruction::message(".", &prompt.text))?;
                longest.frozen = longest.frozen.max(around + rewrite + answer);
            }
        }
        if self.spec.arms.instruction {
            let request = instruction::longest_request(wording, &self.spec.arms.instruction_request)?;
            longest.prompter = longest.prompter.max(prompter.context.min(request + rewrite));
        }
        longest.requests = Lengths::new(requests, shared.map_or(0, |shared| shared.len()));
        longest.messages = Lengths::new(messages, 0);
        Ok(longest)
    }

    /// Refuses prompts that do not fit: into the prompter's context with the meta-prompt and a full rewrite, or into the frozen model's
    /// with a full answer. Also checks that a rewrite of full length fits the frozen model, and so for an instruction before the prompt where
    /// that is an arm. Names the prompt and the lengths.
    pub fn check_lengths(&self, prompter: &Prompter, frozen: &dyn FrozenModel) -> Result<()> {
        let s = &self.splits;
        let (rewrite, answer) = (prompter.settings().max_rewrite_tokens, self.spec.frozen.max_answer_tokens);
        for (split, prompts) in [("train", &s.train), ("validation", &s.validation), ("test", &s.test)] {
            for (index, prompt) in prompts.iter().enumerate() {
                let name = || format!("Prompt {} of the {split} split (\"{}\")", index + 1, beginning(&prompt.text));
                let tokens = |text: &str| frozen.prompt_tokens(prompt.system.as_deref(), text);
                let request = prompter.request(prompt)?.len();
                fits(name, "request for a rewrite", request, ("prompter.max_rewrite_tokens", rewrite), ("prompter", prompter.context()))?;
                let message = tokens(&prompt.text)?;
                fits(name, "message", message, ("frozen.max_answer_tokens", answer), ("frozen model", frozen.context()))?;
                // Where the template repeats the prompt, a full rewrite is longer for a longer one.
                let around = tokens(&prompter.rewrite(&prompt.text, ""))?;
                if around + rewrite + answer > frozen.context() {
                    return Err(Error::spec(format!(
                        "{}: a rewrite with prompter.max_rewrite_tokens = {rewrite} and an answer of frozen.max_answer_tokens = {answer} tokens, with {around} \
                         around the rewrite, do not fit into the frozen model's context of {}: lower one of the two, or shorten the prompt.",
                        name(),
                        frozen.context()
                    )));
                }
                if self.spec.arms.instruction {
                    fits_instruction(name, around_instruction(frozen, prompt)?, rewrite, answer, frozen.context())?;
                }
            }
        }
        if self.spec.arms.instruction { self.check_request(prompter) } else { Ok(()) }
    }

    /// Refuses prompts that do not fit into what scores, with a full answer. Of another tokenizer than the frozen model's that is near, not exact: an answer may
    /// still become longer there.
    pub fn check_scored_lengths(&self, scorers: &Scorers) -> Result<()> {
        let (s, most) = (&self.splits, self.spec.frozen.max_answer_tokens);
        let splits = [("train", &s.train), ("validation", &s.validation), ("test", &s.test)];
        let named = splits.into_iter().flat_map(|(split, prompts)| prompts.iter().enumerate().map(move |(i, prompt)| (split, i, prompt)));
        let named: Vec<(&str, usize, &Prompt)> = named.collect();
        // Of an answer of one token.
        let shortest = |prompt: &Prompt| conversation(Pair { system: prompt.system.as_deref(), prompt: &prompt.text, answer: "." });
        let conversations: Vec<Vec<Message>> = named.iter().map(|(_, _, prompt)| shortest(prompt)).collect();
        for (label, scorer) in scorers {
            let Some(Scored { each, context }) = scorer.lengths(&conversations)? else { continue };
            let longest = each.iter().zip(&named).max_by_key(|(tokens, _)| **tokens);
            let Some((tokens, (split, index, prompt))) = longest.filter(|(tokens, _)| **tokens + most > context + 1) else { continue };
            return Err(Error::data(format!(
                "Prompt {} of the {split} split (\"{}\") with an answer of frozen.max_answer_tokens = {most} is {} tokens long to the part \"{label}\" of the \
                 reward, which reads {context}. Lower frozen.max_answer_tokens, leave long prompts out (data.max_words), or choose a reward with a longer \
                 context.",
                index + 1,
                beginning(&prompt.text),
                tokens + most - 1
            )));
        }
        Ok(())
    }

    /// Refuses a request for instructions that does not fit into the prompter's context even before there are any to show.
    fn check_request(&self, prompter: &Prompter) -> Result<()> {
        let request = prompter.message(&instruction::request(&self.spec.arms.instruction_request, &[]))?.len();
        let (proposal, context) = (prompter.settings().max_rewrite_tokens, prompter.context());
        if request + proposal <= context {
            return Ok(());
        }
        Err(Error::spec(format!(
            "arms.instruction_request is too long: it has {request} tokens, and with prompter.max_rewrite_tokens = {proposal} that makes {}, but the \
             prompter's context holds {context}. Shorten it.",
            request + proposal
        )))
    }
}

/// Tokens around an instruction that stands before `prompt`; one too many, that of the instruction that they are counted with.
fn around_instruction(frozen: &dyn FrozenModel, prompt: &Prompt) -> Result<usize> {
    frozen.prompt_tokens(prompt.system.as_deref(), &instruction::message(".", &prompt.text))
}

fn fits_instruction(name: impl Fn() -> String, around: usize, instruction: usize, answer: usize, context: usize) -> Result<()> {
    if around + instruction + answer <= context {
        return Ok(());
    }
    Err(Error::spec(format!(
        "{}: an instruction with prompter.max_rewrite_tokens = {instruction} before it and an answer of frozen.max_answer_tokens = {answer} tokens, with \
         {around} around the instruction, do not fit into the frozen model's context of {context}: lower one of the two, shorten the prompt, or leave \
         arms.instruction out.",
        name()
    )))
}

fn fits(name: impl Fn() -> String, what: &str, tokens: usize, (key, more): (&str, usize), (model, context): (&str, usize)) -> Result<()> {
    if tokens + more <= context {
        return Ok(());
    }
    Err(Error::data(format!(
        "{} is too long: its {what} has {tokens} tokens, and with {key} = {more} that makes {}, but the {model}'s context holds {context}. \
         Shorten or remove the prompt, or use a model with a longer context.",
        name(),
        tokens + more
    )))
}

/// The first words of a prompt, to recognise it by.
fn beginning(prompt: &str) -> String {
    let line = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(60).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

/// Fails if a fact of `now` was stored with another value: a resumed run would mix two experiments.
pub fn unchanged(stored: &[Fact], now: &[Fact]) -> Result<()> {
    for fact in now {
        if let Some(before) = stored.iter().find(|f| f.key == fact.key)
            && before.value != fact.value
        {
            return Err(Error::run(format!(
                "{} is not what it was when the run began ({} then, {} now): put the old file back, or start a new run.",
                fact.key, before.value, fact.value
            )));
        }
    }
    Ok(())
}
