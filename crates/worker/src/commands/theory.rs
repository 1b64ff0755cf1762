//! `alignpro theory`: the paper's figures of a small world, exact, without a model.
use super::Context;
use crate::table::{columns, minus};
use contract::Result;
use contract::theory::{Theory, TheoryPoint, TheoryWorld};
use std::process::ExitCode;

pub fn theory(context: &Context, world: TheoryWorld, lambdas: &[f64]) -> Result<ExitCode> {
    let theory = experiment::theory::figures(world, lambdas)?;
    context.output.result(&theory, || text(world, &theory))?;
    Ok(ExitCode::SUCCESS)
}

fn text(world: TheoryWorld, theory: &Theory) -> String {
    let name = match world {
        TheoryWorld::Example => "The example world".to_owned(),
        TheoryWorld::Random { seed, .. } => format!("The random world of seed {seed}"),
    };
    let head = ["λ", "V(ρ*)", "KL(ρ*‖ρ_sft)", "J(ρ*)", "gap to oracle", "its bound"].map(String::from).to_vec();
    let rows: Vec<_> = std::iter::once(head).chain(theory.points.iter().map(row)).collect();
    let best: Vec<String> = theory.best_rewrites.iter().map(|best| format!("{} of {}", number(best.reward), best.n)).collect();
    format!(
        "{name}; mean rewards, exact. docs/algorithms/theory.md explains each figure.\n\n\
         raw prompt        {}\nuntuned prompter  {}\noracle, β = {}   {}\nbest rewrites     {} always, {}\n\n{}",
        number(theory.raw_reward),
        number(theory.untuned_reward),
        theory.beta,
        number(theory.oracle_reward),
        number(theory.greedy_rewrite_reward),
        best.join(", "),
        columns(&rows, &[0]),
    )
}

fn row(point: &TheoryPoint) -> Vec<String> {
    let figures = [point.reward, point.kl, point.objective, point.gap, point.bound].map(number);
    std::iter::once(point.lambda.to_string()).chain(figures).collect()
}

fn number(value: f64) -> String {
    minus(&format!("{value:.3}"))
}
