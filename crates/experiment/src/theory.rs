//! The paper's theory on a small exact world, for the window and the command line: [`analysis::theory`] in the contract's words.
use analysis::theory::{BestMean, Prompt, Sweep, SweepPoint, World, WorldError};
use contract::theory::{BestOf, PromptOptimum, Theory, TheoryAnswer, TheoryPoint, TheoryPrompt, TheoryRewrite, TheoryWorld};
use contract::{Error, Result};

/// Most prompts, and most rewrites and answers of each, of a random world: what a page can show.
const MOST: [(&str, usize); 3] = [("prompts", 6), ("rewrites a prompt", 12), ("answers a prompt", 12)];
/// Most λ of one question.
const MOST_LAMBDAS: usize = 1000;
/// Of the oracle, as in the table of docs/algorithms/theory.md.
const BETA: f64 = 0.1;
/// K of the best of K.
const COUNTS: [usize; 6] = [1, 2, 4, 8, 16, 32];

/// What is known of a world at each λ, in the order given; λ = 0 is the limit.
///
/// # Errors
/// [`contract::Code::Spec`]: a size beyond its limits, a λ that is negative or not finite, or too many of them.
pub fn figures(world: TheoryWorld, lambdas: &[f64]) -> Result<Theory> {
    if lambdas.len() > MOST_LAMBDAS {
        return Err(Error::spec(format!("{} values of λ were given; give at most {MOST_LAMBDAS}.", lambdas.len())));
    }
    let world = match world {
        TheoryWorld::Example => World::example(),
        TheoryWorld::Random { seed, prompts, rewrites, answers } => {
            for ((what, most), size) in MOST.into_iter().zip([prompts, rewrites, answers]) {
                if !(1..=most).contains(&size) {
                    return Err(Error::spec(format!("A random world has 1 to {most} {what}, not {size}.")));
                }
            }
            World::random(seed, prompts, rewrites, answers)
        }
    };
    let world = world.map_err(refused)?;
    let sweep = world.sweep(lambdas, BETA, &COUNTS).map_err(refused)?;
    let untuned_answers = world.induced(&world.untuned()).map_err(refused)?;
    let points = sweep.points.iter().map(|p| point(&world, p)).collect::<Result<_, _>>().map_err(refused)?;
    Ok(Theory {
        prompts: prompts(&world, &sweep, &untuned_answers),
        reward_range: world.reward_range(),
        raw_reward: sweep.raw_reward,
        untuned_reward: sweep.untuned_reward,
        greedy_rewrite_reward: sweep.greedy_rewrite_reward,
        greedy_answer_reward: sweep.greedy_answer_reward,
        beta: sweep.oracle.beta,
        oracle_reward: sweep.oracle.reward,
        oracle_kl: sweep.oracle.kl,
        points,
        best_rewrites: sweep.best_rewrites.iter().map(best).collect(),
        best_answers: sweep.best_answers.iter().map(best).collect(),
    })
}

fn refused(error: WorldError) -> Error {
    Error::spec(error.to_string())
}

fn prompts(world: &World, sweep: &Sweep, untuned: &[Vec<f64>]) -> Vec<TheoryPrompt> {
    let (rewards, raw_rewards) = (world.rewards(), world.raw_rewards());
    let prompt = |(x, prompt): (usize, &Prompt)| {
        let oracle = &sweep.oracle.prompts[x];
        let answer = |(y, answer): (usize, &analysis::theory::Answer)| TheoryAnswer {
            text: answer.text.clone(),
            reward: answer.reward,
            raw: prompt.raw[y],
            untuned: untuned[x][y],
            oracle: oracle.probabilities[y],
        };
        let rewrite = |(rewrite, reward): (&analysis::theory::Rewrite, &f64)| TheoryRewrite {
            text: rewrite.text.clone(),
            probability: rewrite.probability,
            reward: *reward,
        };
        TheoryPrompt {
            text: prompt.text.clone(),
            probability: prompt.probability,
            raw_reward: raw_rewards[x],
            untuned_reward: prompt.rewrites.iter().zip(&rewards[x]).map(|(r, reward)| r.probability * reward).sum(),
            oracle_reward: oracle.mean,
            rewrites: prompt.rewrites.iter().zip(&rewards[x]).map(rewrite).collect(),
            answers: prompt.answers.iter().enumerate().map(answer).collect(),
        }
    };
    world.prompts().iter().enumerate().map(prompt).collect()
}

fn point(
    world: &World,
    SweepPoint { optimum, bound, share_of_gap, best_rewrites_objective }: &SweepPoint,
) -> Result<TheoryPoint, WorldError> {
    let rho: Vec<Vec<f64>> = optimum.prompts.iter().map(|p| p.probabilities.clone()).collect();
    let prompts = optimum.prompts.iter().zip(world.induced(&rho)?).map(|(p, answers)| PromptOptimum {
        rewrites: p.probabilities.clone(),
        answers,
        reward: p.mean,
        kl: p.kl,
        log_z: p.log_z,
        objective: p.soft_maximum,
    });
    let [oracle_slack, rewrite_slack, divergence_slack] = bound.slack_parts;
    Ok(TheoryPoint {
        lambda: optimum.lambda,
        prompts: prompts.collect(),
        reward: optimum.reward,
        kl: optimum.kl,
        kl_back: optimum.kl_back,
        identity: optimum.identity,
        objective: optimum.objective,
        share_of_gap: *share_of_gap,
        gap: bound.gap,
        oracle_term: bound.oracle_term,
        rewrite_term: bound.rewrite_term,
        divergence_term: bound.divergence_term,
        bound: bound.bound,
        slack: bound.slack,
        oracle_slack,
        rewrite_slack,
        divergence_slack,
        best_rewrites_objective: best_rewrites_objective.clone(),
    })
}

fn best(best: &BestMean) -> BestOf {
    BestOf { n: best.n, reward: best.reward, kl: best.kl }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Code;
    use serde_json::Value;

    const LAMBDAS: [f64; 5] = [0.0, 1e-300, 0.01, 0.1, 1e6];

    /// Paths of all nulls, which is also what serde_json makes of NaN and infinity.
    fn nulls(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Null => found.push(path.to_owned()),
            Value::Array(all) => all.iter().for_each(|v| nulls(v, path, found)),
            Value::Object(all) => all.iter().for_each(|(key, v)| nulls(v, &format!("{path}/{key}"), found)),
            _ => {}
        }
    }

    #[test]
    fn the_figures_are_those_of_the_analysis() {
        for (asked, world) in [
            (TheoryWorld::Example, World::example().unwrap()),
            (TheoryWorld::Random { seed: 7, prompts: 3, rewrites: 5, answers: 4 }, World::random(7, 3, 5, 4).unwrap()),
        ] {
            let told = figures(asked, &LAMBDAS).unwrap();
            assert_eq!(told.raw_reward, world.sweep(&[], 0.0, &[]).unwrap().raw_reward);
            assert_eq!(told.oracle_reward, world.oracle(BETA).unwrap().reward);
            assert_eq!(told.best_rewrites[2].reward, world.best_rewrites(4).unwrap().reward);
            assert_eq!(told.best_answers[1].kl, world.best_answers(2).unwrap().kl);
            for (point, lambda) in told.points.iter().zip(LAMBDAS) {
                let (optimum, bound) = (world.optimum(lambda).unwrap(), world.bound(lambda, BETA).unwrap());
                assert_eq!((point.lambda, point.reward, point.kl_back), (lambda, optimum.reward, optimum.kl_back));
                assert_eq!((point.gap, point.bound, point.slack), (bound.gap, bound.bound, bound.slack));
                assert_eq!([point.oracle_slack, point.rewrite_slack, point.divergence_slack], bound.slack_parts);
                for (x, prompt) in point.prompts.iter().enumerate() {
                    assert_eq!(prompt.rewrites, optimum.prompts[x].probabilities);
                    assert_eq!(prompt.log_z, optimum.prompts[x].log_z);
                    // The mean over rewrites and the mean over answers that they get are one.
                    let answers: f64 = prompt.answers.iter().zip(&told.prompts[x].answers).map(|(p, y)| p * y.reward).sum();
                    assert!((answers - prompt.reward).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn nothing_that_is_told_is_not_a_number() {
        let told = serde_json::to_value(figures(TheoryWorld::Example, &LAMBDAS).unwrap()).unwrap();
        let mut found = Vec::new();
        nulls(&told, "", &mut found);
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, ["/points/kl_back", "/points/prompts/log_z"], "what is infinite at λ = 0 or nearly so");
        serde_json::from_value::<Theory>(told).unwrap();
        let mut among_usual = Vec::new();
        nulls(&serde_json::to_value(figures(TheoryWorld::Example, &[0.01, 100.0]).unwrap()).unwrap(), "", &mut among_usual);
        assert!(among_usual.is_empty(), "{among_usual:?}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_sentence() {
        let random = |prompts, rewrites, answers| TheoryWorld::Random { seed: 1, prompts, rewrites, answers };
        for (world, lambdas, sentence) in [
            (random(0, 4, 4), vec![0.1], "A random world has 1 to 6 prompts, not 0."),
            (random(3, 13, 4), vec![0.1], "A random world has 1 to 12 rewrites a prompt, not 13."),
            (random(3, 4, usize::MAX), vec![0.1], "A random world has 1 to 12 answers a prompt, not 18446744073709551615."),
            (TheoryWorld::Example, vec![0.1, -1.0], "λ is -1; give a finite number that is not negative."),
            (TheoryWorld::Example, vec![f64::INFINITY], "λ is inf; give a finite number that is not negative."),
            (TheoryWorld::Example, vec![0.1; 1001], "1001 values of λ were given; give at most 1000."),
        ] {
            let error = figures(world, &lambdas).unwrap_err();
            assert_eq!((error.code, error.message.as_str()), (Code::Spec, sentence));
        }
    }
}
