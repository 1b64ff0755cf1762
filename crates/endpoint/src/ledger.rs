//! What an endpoint has cost, and what it may.
use contract::endpoint::{Endpoint as Settings, EndpointSpent};
use contract::{Error, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tokens of a text where nobody counts them: four bytes each, as English has in most vocabularies.
pub fn estimated_tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// What a chat template adds to a message.
const AROUND: u64 = 8;

/// Tokens of a prompt as a user message, after a system message where there is one, where nobody counts them.
pub fn estimated_prompt(system: Option<&str>, prompt: &str) -> u64 {
    estimated_tokens(prompt) + AROUND + system.map_or(0, |text| estimated_tokens(text) + AROUND)
}

/// Whose budget it is: by this the sentence says that it is used up, and how to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BudgetOf {
    /// A run's frozen model.
    Frozen,
    /// A judge that is a part of a reward: its place among the parts, and its label.
    Part { index: usize, label: String },
    /// A command that ends, and may be given again.
    Command,
}

impl BudgetOf {
    /// `of` is `tokens` or `money`.
    fn used_up(&self, of: &str, budget: &str, spent: &str) -> Error {
        let (key, more) = match self {
            Self::Frozen => (format!("frozen.endpoint.budget_{of}"), format!("Give a larger one with --budget-{of} N to go on.")),
            Self::Part { index, label } => (
                format!("reward.parts[{index}].endpoint.budget_{of}"),
                format!("Give a larger one to go on: a run with --budget-{of} \"{label}=N\", anything else in the spec."),
            ),
            Self::Command => (format!("--budget-{of}"), "The same command with a larger one goes on.".into()),
        };
        Error::paused(format!("The budget of {budget} ({key}) is used up: {spent}. {more}"))
    }
}

/// Tokens read and written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    pub read: u64,
    pub written: u64,
    /// Of them, those that nobody counted.
    pub estimated: u64,
}

/// The account of an endpoint, as others may look at it while it answers.
#[derive(Clone)]
pub struct Account(Arc<Mutex<Ledger>>);

impl Account {
    pub(crate) fn new(settings: &Settings, of: BudgetOf) -> Self {
        Self(Arc::new(Mutex::new(Ledger::new(settings, of))))
    }

    pub(crate) fn open(&self) -> MutexGuard<'_, Ledger> {
        // What it guards is whole at any moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the endpoint has cost, earlier workers of the same file of answers included.
    pub fn spent(&self) -> EndpointSpent {
        self.open().spent()
    }
}

/// What was spent, what is set aside, and what may be.
pub struct Ledger {
    spent: EndpointSpent,
    /// What the requests under way may cost at most.
    reserved: Tokens,
    settings: Settings,
    of: BudgetOf,
}

impl Ledger {
    pub fn new(settings: &Settings, of: BudgetOf) -> Self {
        Self { spent: EndpointSpent::default(), reserved: Tokens::default(), settings: settings.clone(), of }
    }

    pub fn spent(&self) -> EndpointSpent {
        EndpointSpent { money: self.settings.money(self.spent.tokens_in, self.spent.tokens_out), ..self.spent }
    }

    /// Adds what was spent earlier.
    pub fn add(&mut self, tokens: Tokens) {
        self.spent.requests = self.spent.requests.saturating_add(1);
        // A server may say any number.
        self.spent.tokens_in = self.spent.tokens_in.saturating_add(tokens.read);
        self.spent.tokens_out = self.spent.tokens_out.saturating_add(tokens.written);
        self.spent.tokens_estimated = self.spent.tokens_estimated.saturating_add(tokens.estimated);
    }

    /// Sets aside what a request may cost.
    ///
    /// # Errors
    /// [`contract::Code::Paused`] where the budget does not hold it.
    pub fn reserve(&mut self, tokens: Tokens) -> Result<()> {
        let sum = |a: u64, b: u64, c: u64| a.saturating_add(b).saturating_add(c);
        let read = sum(self.spent.tokens_in, self.reserved.read, tokens.read);
        let written = sum(self.spent.tokens_out, self.reserved.written, tokens.written);
        let s = &self.settings;
        let spent = || {
            format!(
                "{} are spent, and the next request may cost {} more",
                self.spent().in_words(),
                tokens.read.saturating_add(tokens.written)
            )
        };
        if let Some(budget) = s.budget_tokens.filter(|budget| read.saturating_add(written) > *budget) {
            return Err(self.of.used_up("tokens", &format!("{budget} tokens"), &spent()));
        }
        if let Some(budget) = s.budget_money.filter(|budget| s.money(read, written).is_some_and(|money| money > *budget)) {
            return Err(self.of.used_up("money", &format!("{budget} in money"), &spent()));
        }
        self.reserved.read += tokens.read;
        self.reserved.written += tokens.written;
        Ok(())
    }

    /// Gives back what was set aside, and notes what it came to, if it was answered.
    pub fn settle(&mut self, reserved: Tokens, cost: Option<Tokens>) {
        self.reserved.read = self.reserved.read.saturating_sub(reserved.read);
        self.reserved.written = self.reserved.written.saturating_sub(reserved.written);
        if let Some(cost) = cost {
            self.add(cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Code;

    fn tokens(read: u64, written: u64) -> Tokens {
        Tokens { read, written, estimated: 0 }
    }

    #[test]
    fn nothing_is_asked_that_the_budget_may_not_hold() {
        let mut ledger = Ledger::new(&Settings { budget_tokens: Some(100), ..Settings::at("http://localhost/v1") }, BudgetOf::Frozen);
        ledger.reserve(tokens(20, 30)).unwrap();
        let error = ledger.reserve(tokens(20, 31)).unwrap_err();
        assert!(error.code == Code::Paused && error.message.contains("100 tokens (frozen.endpoint.budget_tokens)"), "{error:?}");
        // It cost less than it might have.
        ledger.settle(tokens(20, 30), Some(tokens(20, 10)));
        ledger.reserve(tokens(20, 31)).unwrap();
        ledger.settle(tokens(20, 31), None);
        assert_eq!((ledger.spent().requests, ledger.spent().tokens()), (1, 30));
    }

    #[test]
    fn a_server_that_counts_without_end_uses_the_budget_up() {
        let mut ledger = Ledger::new(&Settings { budget_tokens: Some(100), ..Settings::at("http://localhost/v1") }, BudgetOf::Frozen);
        ledger.settle(tokens(1, 1), Some(tokens(u64::MAX, u64::MAX)));
        ledger.add(tokens(5, 5));
        assert!(ledger.reserve(tokens(1, 1)).is_err());
    }

    #[test]
    fn money_is_counted_by_both_prices() {
        let prices = (Some(1.0), Some(10.0));
        let settings = Settings { price_in_per_million: prices.0, price_out_per_million: prices.1, ..Settings::at("http://localhost/v1") };
        let judge = BudgetOf::Part { index: 2, label: "kind = good".into() };
        let mut ledger = Ledger::new(&Settings { budget_money: Some(0.001), ..settings }, judge);
        ledger.reserve(tokens(500, 50)).unwrap();
        ledger.settle(tokens(500, 50), Some(tokens(500, 50)));
        assert_eq!(ledger.spent().money, Some(0.001));
        let sentence = ledger.reserve(tokens(1, 0)).unwrap_err().message;
        assert!(sentence.contains("(reward.parts[2].endpoint.budget_money) is used up"), "{sentence}");
        assert!(sentence.contains("--budget-money \"kind = good=N\""), "{sentence}");
    }
}
