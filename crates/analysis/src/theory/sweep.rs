//! The theory's figures for a world: the optimum, the oracle, the bound, the best of K, and all of it over a grid of λ.
use super::finite::{Best, Tilted, best_of, tilt, total_variation};
use super::world::{World, WorldError, strength};

/// The optimal prompter ρ\* of Lemma 5.1 at one λ. Scalars are means over prompts, weighted by P(x).
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    pub lambda: f64,
    /// ρ\*(·|x) of each prompt with its R, divergences and Z(x): see [`Tilted`].
    pub prompts: Vec<Tilted>,
    /// E\[r\] under ρ\*.
    pub reward: f64,
    /// E\[r\] under ρ_sft.
    pub untuned_reward: f64,
    /// KL(ρ\*‖ρ_sft), nats.
    pub kl: f64,
    /// KL(ρ_sft‖ρ\*), nats; None where it is infinite, as at λ = 0.
    pub kl_back: Option<f64>,
    /// λ·\[KL(ρ\*‖ρ_sft) + KL(ρ_sft‖ρ\*)\], with its limit at λ = 0. Equals `reward` − `untuned_reward`.
    pub identity: f64,
    /// J_λ(ρ\*) = E\[r\] − λ·KL = E_x\[λ·log Z(x)\].
    pub objective: f64,
}

/// The oracle π\* at one β: RLHF of the frozen model itself, π\*(y|x) ∝ π_F(y|x)·exp(r(x, y)/β), which maximises
/// E\[r\] − β·KL(π‖π_F). At β = 0 it always gives a best answer among those that π_F can give to the raw prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Oracle {
    pub beta: f64,
    /// π\*(·|x) of each prompt.
    pub prompts: Vec<Tilted>,
    /// E\[r\] under π\*.
    pub reward: f64,
    /// KL(π\*‖π_F), nats.
    pub kl: f64,
    /// E\[r\] − β·KL.
    pub objective: f64,
}

/// Theorem 6.1 in the form that can be proved for any π\*: `gap` ≤ `oracle_term` + `rewrite_term` − `divergence_term`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// E\[r\] under π\* minus E\[r\] under ρ\*, without divergences. Negative where the prompter beats the oracle.
    pub gap: f64,
    /// r_max, here max r − min r: see [`World::reward_range`].
    pub range: f64,
    /// r_max·E_x\[d_TV(π\*(·|x), π_F(·|x))\]: how far the oracle moves the frozen model.
    pub oracle_term: f64,
    /// r_max·E_{x, x'∼ρ_sft}\[d_TV(π_F(·|x), π_F(·|x'))\]: how much untuned rewrites change the answers.
    pub rewrite_term: f64,
    /// λ·E\[KL(ρ\*‖ρ_sft)\]: what tuning the prompter gains at least.
    pub divergence_term: f64,
    /// The right side.
    pub bound: f64,
    /// `bound` − `gap`, never negative: the sum of `slack_parts`.
    pub slack: f64,
    /// Where the slack comes from, each never negative: `oracle_term` less the oracle's gain over the raw prompt; `rewrite_term` less
    /// the loss of untuned rewrites against the raw prompt; λ·KL(ρ_sft‖ρ\*), which the theorem drops.
    pub slack_parts: [f64; 3],
}

/// The best of K rewrites by R, or of N answers by r: see [`best_of`].
#[derive(Debug, Clone, PartialEq)]
pub struct BestMean {
    pub n: usize,
    /// Law of the one kept, for each prompt.
    pub prompts: Vec<Best>,
    /// E\[r\], mean over prompts.
    pub reward: f64,
    /// KL to ρ_sft, or to π_F, mean over prompts, nats.
    pub kl: f64,
}

/// What changes with λ.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepPoint {
    pub optimum: Optimum,
    pub bound: Bound,
    /// (ρ\* − ρ_sft) / (π\* − ρ_sft) in E\[r\], the share of the oracle's gain over the untuned prompter that ρ\* gets; above 1 where it
    /// beats the oracle. None where the oracle does not gain.
    pub share_of_gap: Option<f64>,
    /// J_λ of the best of K, for each K of the sweep: never above `optimum.objective`.
    pub best_rewrites_objective: Vec<f64>,
}

/// Everything about a world, for a page with a slider.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// E\[r\] of the frozen model on raw prompts.
    pub raw_reward: f64,
    /// E\[r\] of the untuned prompter.
    pub untuned_reward: f64,
    /// E\[max R\] over rewrites that ρ_sft can draw: the optimum at λ = 0, and no prompter's support allows more.
    pub greedy_rewrite_reward: f64,
    /// E\[max r\] over answers that π_F can give to the raw prompt: the oracle at β = 0.
    pub greedy_answer_reward: f64,
    pub oracle: Oracle,
    /// One for each λ, in the order given.
    pub points: Vec<SweepPoint>,
    /// One for each K, in the order given.
    pub best_rewrites: Vec<BestMean>,
    /// The same numbers as N.
    pub best_answers: Vec<BestMean>,
}

impl World {
    /// Lemma 5.1 at λ ≥ 0; at λ = 0 its limit, ρ_sft restricted to the best rewrites.
    ///
    /// # Errors
    /// λ is negative or not finite.
    pub fn optimum(&self, lambda: f64) -> Result<Optimum, WorldError> {
        let prompts = tilted("λ", lambda, self.prompts().iter().map(|p| (p.untuned(), p.rewards())))?;
        let kl = self.mean(prompts.iter().map(|p| p.kl));
        Ok(Optimum {
            lambda,
            reward: self.mean(prompts.iter().map(|p| p.mean)),
            untuned_reward: self.mean(prompts.iter().map(|p| p.base_mean)),
            kl,
            kl_back: self.mean_known(prompts.iter().map(|p| p.kl_back)),
            identity: lambda * kl + self.mean(prompts.iter().map(|p| p.cost_back)),
            objective: self.mean(prompts.iter().map(|p| p.soft_maximum)),
            prompts,
        })
    }

    /// RLHF of the frozen model at β ≥ 0, in closed form.
    ///
    /// # Errors
    /// β is negative or not finite.
    pub fn oracle(&self, beta: f64) -> Result<Oracle, WorldError> {
        let prompts = tilted("β", beta, self.prompts().iter().map(|p| (p.raw.clone(), p.answer_rewards())))?;
        Ok(Oracle {
            beta,
            reward: self.mean(prompts.iter().map(|p| p.mean)),
            kl: self.mean(prompts.iter().map(|p| p.kl)),
            objective: self.mean(prompts.iter().map(|p| p.soft_maximum)),
            prompts,
        })
    }

    /// Theorem 6.1 at λ against the oracle at β (0: the greedy one).
    ///
    /// # Errors
    /// λ or β is negative or not finite.
    pub fn bound(&self, lambda: f64, beta: f64) -> Result<Bound, WorldError> {
        Ok(self.bound_between(&self.optimum(lambda)?, &self.oracle(beta)?))
    }

    fn bound_between(&self, optimum: &Optimum, oracle: &Oracle) -> Bound {
        let range = self.reward_range();
        // Lengths agree in a checked world.
        let apart = |a: &[f64], b: &[f64]| total_variation(a, b).unwrap_or(1.0);
        let moved = self.mean(self.prompts().iter().zip(&oracle.prompts).map(|(p, o)| apart(&o.probabilities, &p.raw)));
        let rewritten =
            self.mean(self.prompts().iter().map(|p| p.rewrites.iter().map(|r| r.probability * apart(&p.raw, &r.answers)).sum()));
        let raw_reward = self.mean(self.raw_rewards());
        let (oracle_term, rewrite_term) = (range * moved, range * rewritten);
        let divergence_term = optimum.lambda * optimum.kl;
        let (gap, bound) = (oracle.reward - optimum.reward, oracle_term + rewrite_term - divergence_term);
        Bound {
            gap,
            range,
            oracle_term,
            rewrite_term,
            divergence_term,
            bound,
            slack: bound - gap,
            slack_parts: [
                oracle_term - (oracle.reward - raw_reward),
                rewrite_term - (raw_reward - optimum.untuned_reward),
                self.mean(optimum.prompts.iter().map(|p| p.cost_back)),
            ],
        }
    }

    /// Draw K rewrites from ρ_sft and keep one with the largest R(x, x').
    ///
    /// # Errors
    /// K is 0.
    pub fn best_rewrites(&self, k: usize) -> Result<BestMean, WorldError> {
        self.best(k, self.prompts().iter().map(|p| (p.untuned(), p.rewards())))
    }

    /// Draw N answers to the raw prompt from π_F and keep one with the largest r(x, y).
    ///
    /// # Errors
    /// N is 0.
    pub fn best_answers(&self, n: usize) -> Result<BestMean, WorldError> {
        self.best(n, self.prompts().iter().map(|p| (p.raw.clone(), p.answer_rewards())))
    }

    fn best(&self, n: usize, of: impl Iterator<Item = (Vec<f64>, Vec<f64>)>) -> Result<BestMean, WorldError> {
        // In a checked world n = 0 is the only thing that `best_of` refuses.
        let prompts: Vec<Best> = of.map(|(p, v)| best_of(&p, &v, n)).collect::<Option<_>>().ok_or(WorldError::Count)?;
        Ok(BestMean { n, reward: self.mean(prompts.iter().map(|p| p.mean)), kl: self.mean(prompts.iter().map(|p| p.kl)), prompts })
    }

    /// All figures over a grid of λ, against the oracle at β, with the best of each of `counts` rewrites and answers.
    ///
    /// # Errors
    /// A λ or β is negative or not finite, or a count is 0. Empty grids are allowed.
    pub fn sweep(&self, lambdas: &[f64], beta: f64, counts: &[usize]) -> Result<Sweep, WorldError> {
        let oracle = self.oracle(beta)?;
        let greedy = self.optimum(0.0)?;
        let untuned_reward = greedy.untuned_reward;
        let best_rewrites: Vec<BestMean> = counts.iter().map(|&k| self.best_rewrites(k)).collect::<Result<_, _>>()?;
        let point = |&lambda: &f64| {
            let optimum = self.optimum(lambda)?;
            let bound = self.bound_between(&optimum, &oracle);
            // A gain within rounding of 0 makes no share.
            let gain = Some(oracle.reward - untuned_reward).filter(|gain| *gain > 1e-9 * bound.range);
            Ok(SweepPoint {
                share_of_gap: gain.map(|gain| (optimum.reward - untuned_reward) / gain),
                best_rewrites_objective: best_rewrites.iter().map(|b| b.reward - lambda * b.kl).collect(),
                optimum,
                bound,
            })
        };
        Ok(Sweep {
            raw_reward: self.mean(self.raw_rewards()),
            untuned_reward,
            greedy_rewrite_reward: greedy.reward,
            greedy_answer_reward: self.oracle(0.0)?.reward,
            points: lambdas.iter().map(point).collect::<Result<_, WorldError>>()?,
            best_answers: counts.iter().map(|&n| self.best_answers(n)).collect::<Result<_, _>>()?,
            best_rewrites,
            oracle,
        })
    }
}

fn tilted(name: &'static str, t: f64, of: impl Iterator<Item = (Vec<f64>, Vec<f64>)>) -> Result<Vec<Tilted>, WorldError> {
    strength(name, t)?;
    // In a checked world the temperature is all that `tilt` could refuse.
    of.map(|(p, v)| tilt(&p, &v, t)).collect::<Option<_>>().ok_or(WorldError::Strength { name, value: t })
}
