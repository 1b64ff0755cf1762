//! Progress bars for people, on standard error and only when it is a terminal.
use contract::event::{Event, Phase};
use experiment::Progress;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::io::IsTerminal;

/// Shows the phase that is going on. Elsewhere than on a terminal it only says what guards find.
pub struct Bars {
    current: Option<(Phase, ProgressBar)>,
    is_terminal: bool,
}

impl Bars {
    pub fn new() -> Self {
        Self { current: None, is_terminal: std::io::stderr().is_terminal() }
    }

    /// Something without a count that takes a while.
    pub fn say(&self, text: &str) {
        if self.is_terminal {
            crate::output::note(text);
        }
    }

    pub fn update(&mut self, progress: &Progress) {
        if !self.is_terminal {
            return;
        }
        if self.current.as_ref().is_none_or(|(phase, _)| *phase != progress.phase) {
            self.finish();
            self.current = Some((progress.phase, bar(progress)));
        }
        if let Some((_, bar)) = &self.current {
            bar.set_position(progress.done as u64);
            if let Some(message) = &progress.message {
                bar.set_message(crate::output::one_line(message, 80));
            }
        }
    }

    /// Says what a guard found, above the bar.
    pub fn event(&self, event: &Event) {
        if let Event::Guard { iteration, cause, remedy, .. } = event {
            let at = iteration.map_or_else(String::new, |i| format!("iteration {i}: "));
            let line = crate::output::printable(&format!("warning: {at}{cause} {remedy}"));
            match &self.current {
                Some((_, bar)) => bar.suspend(|| crate::output::note(&line)),
                None => crate::output::note(&line),
            }
        }
    }

    /// Leaves the last bar as it stands.
    pub fn finish(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.abandon();
        }
    }
}

fn bar(progress: &Progress) -> ProgressBar {
    let (name, unit) = match progress.phase {
        Phase::Load => ("loading", ""),
        Phase::Baselines => ("baselines", "answers"),
        Phase::Train => ("training", "iterations"),
        Phase::Search => ("search", "rounds"),
        Phase::Oracle => ("oracle", "iterations"),
        Phase::Evaluate => ("evaluation", "answers"),
    };
    counting(name, unit, (progress.done, progress.total))
}

/// A bar of something that is counted; `done` of it an earlier worker has done, which does not count for the speed.
pub fn counting(name: &'static str, unit: &str, (done, total): (usize, usize)) -> ProgressBar {
    // Hidden elsewhere than on a terminal.
    let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
    // The template is ours: were it wrong, the plain bar would do.
    if let Ok(style) = ProgressStyle::with_template(&format!("{{prefix:10}} {{bar:24}} {{pos}}/{{len}} {unit}, {{left}}  {{msg}}")) {
        bar.set_style(style.with_key("left", time_left));
    }
    bar.set_prefix(name);
    bar.set_position(done as u64);
    bar.reset_eta();
    bar
}

/// A bar of bytes that arrive, none so far.
pub fn arriving(name: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let template = "{prefix:10} {bar:24} {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}, {left}  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key("left", time_left));
    }
    bar.set_prefix(name);
    bar
}

/// "3m left", once there is something to tell it from.
fn time_left(state: &ProgressState, to: &mut dyn std::fmt::Write) {
    let _ = if state.pos() == 0 { write!(to, "…") } else { write!(to, "{:#} left", HumanDuration(state.eta())) };
}
