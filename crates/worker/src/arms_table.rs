//! What the arms beside the training cost and found, as text for a terminal.
use crate::output::{one_line, printable};
use crate::table::{absent, columns, headed, interval, number, plain, signed};
use contract::event::Spent;
use contract::report::{ArmCost, Estimated, GapClosed, Instruction, RunTheory};

/// Reward calls, tokens and time before an arm answers, and what an answer then takes.
pub fn costs(costs: &[ArmCost]) -> Vec<Vec<String>> {
    let words = ["costs", "before: calls", "tokens", "time", "energy", "an answer: rewrites", "answers", "calls", "tokens"];
    let rows = costs.iter().map(|cost| {
        let before = |show: &dyn Fn(&Spent) -> String| cost.preparation.as_ref().map_or_else(absent, show);
        let each = |value: f64| if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") };
        let serving = cost.serving;
        vec![
            cost.arm.clone(),
            before(&|spent| spent.reward_calls.to_string()),
            before(&|spent| spent.tokens.to_string()),
            before(&|spent| seconds(spent.seconds)),
            before(&|spent| spent.joules.map_or_else(absent, joules)),
            each(serving.rewrites),
            each(serving.answers),
            each(serving.reward_calls),
            each(serving.tokens),
        ]
    });
    headed(&words, rows)
}

fn seconds(seconds: f64) -> String {
    if seconds < 60.0 { format!("{seconds:.1} s") } else { format!("{:.1} min", seconds / 60.0) }
}

fn joules(joules: f64) -> String {
    if joules < 3.6e6 { format!("{:.1} kJ", joules / 1e3) } else { format!("{:.2} kWh", joules / 3.6e6) }
}

/// Shares of the oracle's gain, or why there is none to share.
pub fn gaps(gaps: &[GapClosed]) -> Vec<Vec<String>> {
    let words = ["gap to the oracle", "width", "95 % interval", "closed by tuned", "95 % interval"];
    // Adding 0 makes −0 a 0.
    let percent = |share: f64| format!("{:.0} %", (100.0 * share).round() + 0.0).replace('-', "−");
    let rows = gaps.iter().map(|gap| {
        let closed = match (&gap.withheld, gap.share) {
            (Some(why), _) => format!("withheld: {}", printable(why)),
            (None, share) => share.map_or_else(absent, percent),
        };
        let width = gap.width.map_or_else(absent, signed);
        vec![format!("from {}", gap.baseline), width, interval(gap.width_interval, signed), closed, interval(gap.interval, percent)]
    });
    headed(&words, rows)
}

/// Lemma 5.1 from the pool of rewrites.
pub fn theory(theory: &RunTheory) -> String {
    let line = |what: &str, estimate: Option<&Estimated>, show: fn(f64) -> String| {
        let estimate = estimate?;
        Some(vec![what.to_owned(), show(estimate.mean), interval(estimate.interval, show), estimate.prompts.to_string()])
    };
    let tuned = theory.tuned.as_ref();
    let rows = [
        line("reward of untuned rewrites", Some(&theory.untuned_reward), plain),
        line("gain of the optimum, cross-fitted", theory.gain.as_ref(), signed),
        line("KL of the optimum, nats", Some(&theory.kl), plain),
        line("objective of the optimum", Some(&theory.objective), plain),
        line("what training left on the table", tuned.and_then(|t| t.shortfall_extrapolated.as_ref().or(t.shortfall.as_ref())), plain),
    ];
    let words = [&format!("without training, λ = {}", theory.lambda), "", "95 % interval", "prompts"];
    let mut table = columns(&headed(&words, rows.into_iter().flatten()), &[0]);
    let (k, m, effective) = (theory.rewrites, theory.answers, number(Some(theory.effective_rewrites)));
    table.push_str(&format!("{k} rewrites a prompt with {m} answers each; effective number of rewrites {effective}"));
    if let Some(tuned) = tuned {
        table.push_str(&format!(", under the tuned prompter's weights {}", number(Some(tuned.effective_rewrites))));
    }
    table + ".\n"
}

/// What the search found.
pub fn instruction(found: &Instruction) -> String {
    let (score, tests, tried) = (plain(found.score), found.n, found.tried);
    match one_line(&found.text, 200) {
        text if text.is_empty() => {
            format!("The search tried {tried} instructions; none was better than the prompt alone ({score} in {tests} tests).")
        }
        text => format!("The instruction found, of {tried}: \"{text}\" ({score} in {tests} tests)."),
    }
}
