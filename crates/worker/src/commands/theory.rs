//! `alignpro theory`: the paper's figures of a small world, exact, without a model.
use super::Context;
use crate::table::{columns, headed, plain};
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
    let words = ["λ", "V(ρ*)", "KL(ρ*‖ρ_sft)", "J(ρ*)", "gap to oracle", "its bound"];
    let best: Vec<String> = theory.best_rewrites.iter().map(|best| format!("{} of {}", plain(best.reward), best.n)).collect();
    format!(
        "{name}; mean rewards, exact. docs/algorithms/theory.md explains each figure.\n\n\
         raw prompt        {}\nuntuned prompter  {}\noracle, β = {}   {}\nbest rewrites     {} always, {}\n\n{}",
        plain(theory.raw_reward),
        plain(theory.untuned_reward),
        theory.beta,
        plain(theory.oracle_reward),
        plain(theory.greedy_rewrite_reward),
        best.join(", "),
        columns(&headed(&words, theory.points.iter().map(row)), &[0]),
    )
}

fn row(point: &TheoryPoint) -> Vec<String> {
    let figures = [point.reward, point.kl, point.objective, point.gap, point.bound].map(plain);
    std::iter::once(point.lambda.to_string()).chain(figures).collect()
}
