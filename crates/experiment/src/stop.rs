//! A user's wish that a run ends.
use contract::Result;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use store::Store;
use tokio::runtime::Handle;

/// Whether the user wants the run to end: a flag of this process (Ctrl-C) or a row in the store (`alignpro stop`).
pub struct StopSignal<'a> {
    flag: &'a dyn Fn() -> bool,
    store: Store,
    handle: Handle,
    run: i64,
    seen: Cell<Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    stop: bool,
    asked: Option<Instant>,
}

impl<'a> StopSignal<'a> {
    /// `handle` is the runtime that the store's queries run on, as in [`crate::Inputs`].
    pub fn new(flag: &'a dyn Fn() -> bool, store: Store, handle: Handle, run: i64) -> Self {
        Self { flag, store, handle, run, seen: Cell::new(Seen { stop: false, asked: None }) }
    }

    /// For what can be broken off at every decoding step. A store that cannot be read ends the work as well; the next query says why.
    pub fn flow(&self) -> ControlFlow<()> {
        if let Ok(false) = self.requested() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Asks the flag every time and the store at most once a second, for it is called at every decoding step.
    pub fn requested(&self) -> Result<bool> {
        let mut seen = self.seen.get();
        seen.stop |= (self.flag)();
        if !seen.stop && seen.asked.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) {
            seen.stop = self.handle.block_on(self.store.stop_requested(self.run))?;
            seen.asked = Some(Instant::now());
        }
        self.seen.set(seen);
        Ok(seen.stop)
    }
}
