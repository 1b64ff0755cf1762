//! Which columns hold what: as they are named, or else by the names that data sets use.
//!
//! The names are those of UltraFeedback (binarised, and Argilla's exports of it), hh-rlhf, Orca's pairs, HelpSteer 1 to 3, PKU-SafeRLHF, SHP, Stack Exchange's
//! pairs, the Chatbot Arena's conversations and KTO's answers with labels.
use super::Look;
use crate::columns::{list, quote};
use contract::feedback::FeedbackColumns;
use contract::{Error, Result};

/// Names of columns, those first that are looked for first.
const PROMPTS: [&str; 7] = ["prompt", "question", "instruction", "input", "query", "context", "history"];
const INPUTS: [&str; 2] = ["input", "context"];
const SYSTEMS: [&str; 2] = ["system", "system_prompt"];
/// Chosen and rejected.
const CHOICES: [[&str; 2]; 3] = [["chosen", "rejected"], ["chosen_response", "rejected_response"], ["response_j", "response_k"]];
/// Two answers, and the column that says which is the better one.
const UNDECIDED: [([&str; 2], &str, Says); 5] = [
    (["response_0", "response_1"], "better_response_id", Says::Place),
    (["response_1", "response_2"], "preference_strength", Says::Sign),
    (["response1", "response2"], "overall_preference", Says::Sign),
    (["human_ref_A", "human_ref_B"], "labels", Says::OneIsFirst),
    (["conversation_a", "conversation_b"], "winner", Says::Model),
];
const RESPONSES: [&str; 8] = ["response", "answer", "completion", "output", "generation", "messages", "conversation", "conversations"];
/// Where a row has several numbers, only such a name is taken without being asked.
const LABELS: [&str; 6] = ["label", "labels", "score", "overall_score", "rating", "reward"];

/// How a column says which of two answers is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// 0 is the first, 1 the second.
    Place,
    /// Below 0 is the first, above it the second.
    Sign,
    /// 1 is the first, 0 the second.
    OneIsFirst,
    /// `model_a` is the first, `model_b` the second.
    Model,
}

/// Columns of what was said before an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Before {
    pub prompt: Option<String>,
    pub input: Option<String>,
    pub system: Option<String>,
}

/// Which columns of a file are read as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub(super) before: Before,
    pub(super) answers: Answers,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answers {
    Pair { chosen: String, rejected: String, better: Option<(String, Says)> },
    Labelled { response: String, label: String },
}

impl Mapping {
    pub fn columns(&self) -> FeedbackColumns {
        let Before { prompt, input, system } = self.before.clone();
        let columns = FeedbackColumns { prompt, input, system, ..FeedbackColumns::default() };
        match self.answers.clone() {
            Answers::Pair { chosen, rejected, .. } => FeedbackColumns { chosen: Some(chosen), rejected: Some(rejected), ..columns },
            Answers::Labelled { response, label } => FeedbackColumns { response: Some(response), label: Some(label), ..columns },
        }
    }

    /// The column that says which of two answers is the better one, where one does.
    pub fn better(&self) -> Option<&str> {
        match &self.answers {
            Answers::Pair { better: Some((column, _)), .. } => Some(column),
            _ => None,
        }
    }

    pub fn is_labelled(&self) -> bool {
        matches!(self.answers, Answers::Labelled { .. })
    }

    /// All columns that are read.
    pub(super) fn names(&self) -> Vec<&str> {
        let Before { prompt, input, system } = &self.before;
        let answers = match &self.answers {
            Answers::Pair { chosen, rejected, better } => [Some(chosen), Some(rejected), better.as_ref().map(|(column, _)| column)],
            Answers::Labelled { response, label } => [Some(response), Some(label), None],
        };
        [prompt.as_ref(), input.as_ref(), system.as_ref()].into_iter().chain(answers).flatten().map(String::as_str).collect()
    }
}

impl Look {
    /// Which columns are what. A response or a label that is named makes the file one of labelled answers, a chosen or a rejected answer one of pairs;
    /// otherwise it is the first of both that its columns allow.
    ///
    /// # Errors
    /// [`contract::Code::Data`] where a named column is not there, or what is needed cannot be told by its name: with the columns that are there.
    pub fn mapping(&self, named: &FeedbackColumns) -> Result<Mapping> {
        let is_labelled = named.response.is_some() || named.label.is_some();
        let is_pair = named.chosen.is_some() || named.rejected.is_some();
        if is_labelled && is_pair {
            let message = "A file holds either pairs (a chosen and a rejected answer) or answers with labels (a response and a label); name the columns of one of both.";
            return Err(Error::data(message));
        }
        for name in named.names() {
            if !self.columns.iter().any(|column| column.name == *name) {
                return Err(self.unclear(&format!("its first rows have no column {}", quote(name)), "name one of these"));
            }
        }
        let pair = if is_labelled { None } else { self.pair(named)? };
        if let Some((answers, taken)) = pair {
            return Ok(Mapping { before: self.before(named, &taken, false), answers });
        }
        let (response, label) = self.labelled(named)?;
        let before = self.before(named, &[response.clone(), label.clone()], true);
        Ok(Mapping { before, answers: Answers::Labelled { response, label } })
    }

    /// What is known of the columns where the rest cannot be told.
    pub fn known(&self, named: &FeedbackColumns) -> FeedbackColumns {
        let is_pair = named.chosen.is_some() || named.rejected.is_some();
        let response = named.response.clone().or_else(|| self.response().filter(|_| !is_pair));
        let taken: Vec<String> = named.names().chain(&response).cloned().collect();
        let Before { prompt, input, system } = self.before(named, &taken, !is_pair);
        FeedbackColumns { prompt, input, system, response, ..named.clone() }
    }

    fn response(&self) -> Option<String> {
        let known = RESPONSES.iter().filter_map(|name| self.find(name, true));
        known.into_iter().find(|column| column.is_said).map(|column| column.name.clone())
    }

    fn before(&self, named: &FeedbackColumns, taken: &[String], also_listed: bool) -> Before {
        let first = |names: &[&str]| {
            let free = names.iter().filter(|name| !taken.iter().any(|other| other == *name));
            free.filter_map(|name| self.find(name, also_listed)).find(|column| column.is_said).map(|column| column.name.clone())
        };
        let prompt = named.prompt.clone().or_else(|| first(&PROMPTS));
        // Alpaca's files, and Dolly's, have what an instruction is about beside it.
        let is_instruction = prompt.as_deref() == Some("instruction");
        let input = named.input.clone().or_else(|| if is_instruction { first(&INPUTS) } else { None });
        Before { prompt, input, system: named.system.clone().or_else(|| first(&SYSTEMS)) }
    }

    /// Columns of two answers; None where neither is named and none has a name that is known.
    fn pair(&self, named: &FeedbackColumns) -> Result<Option<(Answers, Vec<String>)>> {
        let has = |name: &str| self.find(name, false).is_some();
        let known = CHOICES.iter().find(|names| names.iter().all(|name| has(name))).map(|names| names.map(String::from));
        let pair = |chosen: String, rejected: String, better: Option<(String, Says)>| {
            let taken = [Some(chosen.clone()), Some(rejected.clone()), better.as_ref().map(|(column, _)| column.clone())];
            Some((Answers::Pair { chosen, rejected, better }, taken.into_iter().flatten().collect()))
        };
        match (named.chosen.clone(), named.rejected.clone(), known) {
            (None, None, Some([chosen, rejected])) => Ok(pair(chosen, rejected, None)),
            (None, None, None) => {
                let undecided =
                    UNDECIDED.into_iter().find(|([first, second], better, _)| [first, second, better].into_iter().all(|name| has(name)));
                Ok(undecided.and_then(|([first, second], better, says)| pair(first.into(), second.into(), Some((better.into(), says)))))
            }
            (chosen, rejected, known) => {
                let [known_chosen, known_rejected] = known.map_or([None, None], |names| names.map(Some));
                match (chosen.or(known_chosen), rejected.or(known_rejected)) {
                    (Some(chosen), Some(rejected)) if chosen == rejected => {
                        Err(Error::data(format!("Column {} cannot be both the chosen and the rejected answer.", quote(&chosen))))
                    }
                    (Some(chosen), Some(rejected)) => Ok(pair(chosen, rejected, None)),
                    (None, _) => Err(self.unclear("no column is known to hold the chosen answer", "name it (--chosen-column)")),
                    (_, None) => Err(self.unclear("no column is known to hold the rejected answer", "name it (--rejected-column)")),
                }
            }
        }
    }

    /// Columns of an answer and its label.
    fn labelled(&self, named: &FeedbackColumns) -> Result<(String, String)> {
        let Some(response) = named.response.clone().or_else(|| self.response()) else {
            let flags = "name those of pairs (--chosen-column and --rejected-column), or of an answer and its label (--response-column and --label)";
            return Err(self.unclear("holds neither pairs nor answers with labels by the names of its columns", flags));
        };
        if let Some(label) = &named.label {
            return Ok((response, label.clone()));
        }
        let is_taken =
            |name: &str| [Some(&response), named.prompt.as_ref(), named.system.as_ref()].into_iter().flatten().any(|taken| taken == name);
        let all = self.columns.iter().filter(|c| c.is_label() && !is_taken(&c.name)).map(|c| &*c.name);
        // What lies within other columns is taken where there is nothing else.
        let (deep, mut free): (Vec<&str>, Vec<&str>) = all.partition(|name| name.contains('.'));
        free = if free.is_empty() { deep } else { free };
        let usual: Vec<&str> = free.iter().copied().filter(|name| LABELS.contains(name)).collect();
        match (free.as_slice(), usual.as_slice()) {
            ([], _) => {
                let flags = "name those of pairs (--chosen-column and --rejected-column), or the label (--label)";
                Err(self.unclear("holds no pairs by the names of its columns, and no number that could be a label", flags))
            }
            ([label], _) | (_, [label]) => Ok((response, (*label).to_owned())),
            _ => {
                let which = list(free.iter().copied());
                Err(Error::data(format!(
                    "{}: several columns could be the label, {which}: name the one to hold the reward against (--label)",
                    self.source.name
                )))
            }
        }
    }

    fn unclear(&self, wrong: &str, hint: &str) -> Error {
        let there = list(self.columns.iter().map(|column| column.name.as_str()));
        Error::data(format!("{}: {wrong}; there are {there}: {hint}", self.source.name))
    }
}
