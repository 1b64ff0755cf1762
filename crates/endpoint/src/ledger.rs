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
    pub(crate) fn new(settings: &Settings) -> Self {
        Self(Arc::new(Mutex::new(Ledger::new(settings))))
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
}

impl Ledger {
    pub fn new(settings: &Settings) -> Self {
        Self { spent: EndpointSpent::default(), reserved: Tokens::default(), settings: settings.clone() }
    }

    pub fn spent(&self) -> EndpointSpent {
        EndpointSpent { money: self.settings.money(self.spent.tokens_in, self.spent.tokens_out), ..self.spent }
    }

    /// Adds what was spent earlier.
    pub fn add(&mut self, tokens: Tokens) {
        self.spent.requests += 1;
        self.spent.tokens_in += tokens.read;
        self.spent.tokens_out += tokens.written;
        self.spent.tokens_estimated += tokens.estimated;
    }

    /// Sets aside what a request may cost.
    ///
    /// # Errors
    /// [`contract::Code::Paused`] where the budget does not hold it.
    pub fn reserve(&mut self, tokens: Tokens) -> Result<()> {
        let read = self.spent.tokens_in + self.reserved.read + tokens.read;
        let written = self.spent.tokens_out + self.reserved.written + tokens.written;
        let s = &self.settings;
        let spent =
            || format!("{} are spent, and the next request may cost {} more", self.spent().in_words(), tokens.read + tokens.written);
        if let Some(budget) = s.budget_tokens.filter(|budget| read + written > *budget) {
            return Err(Error::paused(format!(
                "The budget of {budget} tokens (frozen.endpoint.budget_tokens) is used up: {}. Give a larger one with --budget-tokens N to go on.",
                spent()
            )));
        }
        if let Some(budget) = s.budget_money.filter(|budget| s.money(read, written).is_some_and(|money| money > *budget)) {
            return Err(Error::paused(format!(
                "The budget of {budget} in money (frozen.endpoint.budget_money) is used up: {}. Give a larger one with --budget-money SUM to go on.",
                spent()
            )));
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
        let mut ledger = Ledger::new(&Settings { budget_tokens: Some(100), ..Settings::at("http://localhost/v1") });
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
    fn money_is_counted_by_both_prices() {
        let prices = (Some(1.0), Some(10.0));
        let settings = Settings { price_in_per_million: prices.0, price_out_per_million: prices.1, ..Settings::at("http://localhost/v1") };
        let mut ledger = Ledger::new(&Settings { budget_money: Some(0.001), ..settings });
        ledger.reserve(tokens(500, 50)).unwrap();
        ledger.settle(tokens(500, 50), Some(tokens(500, 50)));
        assert_eq!(ledger.spent().money, Some(0.001));
        assert!(ledger.reserve(tokens(1, 0)).unwrap_err().message.contains("budget_money"));
    }
}
