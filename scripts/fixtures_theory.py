"""Makes crates/analysis/tests/fixtures/theory.json: the paper's theory on small worlds and samples, done again the slow way.

Tilted distributions are computed with 60 decimal digits, the best of n by going through all n-tuples or all subsets, ρ* also by
maximising J numerically; everything else by NumPy and SciPy from the definitions.

    pip install numpy==2.4.6 scipy==1.17.1
    python scripts/fixtures_theory.py
"""

import itertools
import json
from decimal import Decimal, getcontext
from pathlib import Path

import numpy as np
from scipy import optimize
from scipy.special import logsumexp, rel_entr, softmax

OUT = Path(__file__).resolve().parent.parent / "crates/analysis/tests/fixtures/theory.json"
getcontext().prec = 60


def tilt(weights, values, t):
    """q ∝ p·exp(v/t) from the definition; the exponents of decimal reach far beyond those of f64."""
    p = [Decimal(w) for w in weights]
    p = [x / sum(p) for x in p]
    v, t = [Decimal(x) for x in values], Decimal(t)
    terms = [a * (b / t).exp() if a else Decimal(0) for a, b in zip(p, v)]
    z = sum(terms)
    q = [x / z for x in terms]
    kl = sum(x * (x / a).ln() for x, a in zip(q, p) if x)
    kl_back = sum(a * (a / x).ln() for x, a in zip(q, p) if a)
    out = {"probabilities": [float(x) for x in q], "mean": float(sum(x * y for x, y in zip(q, v)))}
    return out | {"kl": float(kl), "kl_back": float(kl_back), "log_z": float(z.ln()), "soft_maximum": float(t * z.ln())}


def tilt_cases(rng):
    cases = []
    for n, spread in ((2, 1.0), (5, 1.0), (8, 20.0), (3, 1e-6)):
        weights = np.round(rng.dirichlet(np.ones(n)), 6)
        weights[0] += 1e-3
        values = np.round(rng.normal(0.3, spread, n), 9)
        if n == 8:
            weights[2] = 0.0  # outside the support
            values[2] = 500.0
        for t in (1e-3, 0.05, 0.3, 1.0, 7.0, 1e3, 1e7):
            cases.append({"weights": weights.tolist(), "values": values.tolist(), "temperature": t, **tilt(weights, values, t)})
    return cases


def best_of(p, v, n):
    """The law of the best of n draws by going through all n-tuples."""
    law = np.zeros(len(p))
    for draws in itertools.product(range(len(p)), repeat=n):
        best = max(v[i] for i in draws)
        winners = [i for i in draws if abs(v[i] - best) < 1e-12]
        for i in winners:
            law[i] += np.prod(p[list(draws)]) / len(winners)
    return law


def random_world(rng, prompts, rewrites, answers):
    world = []
    for share in rng.dirichlet(np.ones(prompts)):
        rows = rng.dirichlet(np.ones(answers), rewrites)
        if rewrites > 3:
            rows[3] = rows[0]  # the same answers, hence a tie in R
        rewards = np.round(rng.uniform(-1, 1, answers), 3)
        if answers > 3:
            rewards[1] = rewards[0]  # a tie in r
        world.append(
            {
                "probability": share,
                "rewards": rewards.tolist(),
                "raw": rng.dirichlet(np.ones(answers)).tolist(),
                "untuned": rng.dirichlet(np.ones(rewrites)).tolist(),
                "answers": rows.tolist(),
            }
        )
    return world


def total_variation(a, b):
    return np.abs(np.asarray(a) - b).sum(axis=-1) / 2


def maximise(sft, rewards, lam):
    """The largest J_λ over all prompters, by BFGS on logits."""
    loss = lambda logits: -(softmax(logits) @ rewards - lam * rel_entr(softmax(logits), sft).sum())
    return -optimize.minimize(loss, np.zeros(len(sft)), tol=1e-12).fun


def figures(world, lam, beta):
    """Means over prompts of everything that depends on λ and β."""
    out = dict.fromkeys(("reward", "untuned", "raw", "kl", "kl_back", "objective", "oracle", "oracle_kl", "moved", "rewritten"), 0.0)
    for x in world:
        share, r, raw, sft = x["probability"], *(np.array(x[k]) for k in ("rewards", "raw", "untuned"))
        rewards = np.array(x["answers"]) @ r
        rho = np.exp(np.log(sft) + rewards / lam - logsumexp(rewards / lam, b=sft))
        pi = np.exp(np.log(raw) + r / beta - logsumexp(r / beta, b=raw))
        objective = rho @ rewards - lam * rel_entr(rho, sft).sum()
        assert abs(objective - maximise(sft, rewards, lam)) < 1e-7
        # E[r] under the induced policy, by mixing answers and not rewards.
        out["reward"] += share * (rho @ np.array(x["answers"])) @ r
        out["untuned"] += share * (sft @ np.array(x["answers"])) @ r
        out["raw"] += share * raw @ r
        out["kl"] += share * rel_entr(rho, sft).sum()
        out["kl_back"] += share * rel_entr(sft, rho).sum()
        out["objective"] += share * objective
        out["oracle"] += share * pi @ r
        out["oracle_kl"] += share * rel_entr(pi, raw).sum()
        out["moved"] += share * total_variation(pi, raw)
        out["rewritten"] += share * sft @ total_variation(x["answers"], raw)
    everything = np.concatenate([x["rewards"] for x in world])
    out["range"] = everything.max() - everything.min()
    out["bound"] = out["range"] * (out["moved"] + out["rewritten"]) - lam * out["kl"]
    return {"lambda": lam, "beta": beta, **out}


def world_cases(rng):
    cases = []
    for sizes in ((1, 2, 2), (2, 4, 4), (3, 5, 6), (4, 3, 5)):
        world = random_world(rng, *sizes)
        best = []
        for n in (1, 2, 3, 4):
            row = {"n": n, "rewrites": 0.0, "rewrites_kl": 0.0, "answers": 0.0, "answers_kl": 0.0}
            for x in world:
                r, sft, raw = (np.array(x[k]) for k in ("rewards", "untuned", "raw"))
                rewards = np.array(x["answers"]) @ r
                for name, p, v in (("rewrites", sft, rewards), ("answers", raw, r)):
                    law = best_of(p, v, n)
                    row[name] += x["probability"] * law @ v
                    row[name + "_kl"] += x["probability"] * rel_entr(law, p).sum()
            best.append(row)
        points = [figures(world, lam, beta) for lam in (0.05, 0.3, 1.0, 5.0) for beta in (0.1, 1.0)]
        cases.append({"prompts": world, "points": points, "best": best})
    return cases


def halves(rewards):
    return [np.array([np.mean(r[start::2]) for r in rewards]) for start in (0, 1)]


def plug_in(means, lam):
    """Weights, E[R], KL to uniform weights, λ·log Ẑ."""
    w = softmax(means / lam)
    log_z = logsumexp(means / lam) - np.log(len(means))
    return w, w @ means, w @ means / lam - log_z, lam * log_z


def cross_fitted(rewards, lam):
    a, b = halves(rewards)
    return (plug_in(a, lam)[0] @ b + plug_in(b, lam)[0] @ a) / 2


def kept(choose, reward, subset):
    """Mean reward of those that are best by `choose` in the subset."""
    best = max(choose[i] for i in subset)
    return np.mean([reward[i] for i in subset if abs(choose[i] - best) < 1e-12])


def sample_case(rewards, lam, tuned, untuned):
    size = len(rewards)
    means = np.array([np.mean(r) for r in rewards])
    a, b = halves(rewards)
    w, reward, kl, objective = plug_in(means, lam)
    sizes = np.array([len(r) for r in rewards])
    full, half = np.mean(1 / sizes), np.mean((1 / ((sizes + 1) // 2) + 1 / (sizes // 2)) / 2)
    noise = np.mean([np.var(r, ddof=1) / len(r) for r in rewards])
    out = {
        "rewards": [list(r) for r in rewards],
        "lambda": lam,
        "weights": w.tolist(),
        "effective": 1 / (w**2).sum(),
        "untuned_reward": means.mean(),
        "reward": reward,
        "standard_error": np.sqrt((w**2 * (means - reward) ** 2).sum()),
        "cross_fitted": cross_fitted(rewards, lam),
        "kl": kl,
        "kl_extrapolated": (half * kl - full * (plug_in(a, lam)[2] + plug_in(b, lam)[2]) / 2) / (half - full),
        "objective": objective,
        "objective_extrapolated": (half * objective - full * (plug_in(a, lam)[3] + plug_in(b, lam)[3]) / 2) / (half - full),
        "noise": noise,
        "best": [],
        "convergence": [],
    }
    for k in range(1, size + 1):
        subsets = list(itertools.combinations(range(size), k))
        crossed = np.mean([(kept(a, b, s) + kept(b, a, s)) / 2 for s in subsets])
        out["best"].append({"k": k, "plug_in": np.mean([kept(means, means, s) for s in subsets]), "cross_fitted": crossed})
        if k in (1, 2, 4, 8, size):
            parts = [(plug_in(means[list(s)], lam), cross_fitted([rewards[i] for i in s], lam)) for s in subsets]
            row = {"k": k, "reward": np.mean([p[1] for p, _ in parts]), "kl": np.mean([p[2] for p, _ in parts])}
            out["convergence"].append(row | {"cross_fitted": np.mean([c for _, c in parts])})
    v = np.exp(tuned - untuned) / np.exp(tuned - untuned).sum()
    short = [lam * rel_entr(v, plug_in(m, lam)[0]).sum() for m in (means, a, b)]
    out["tuned"] = {
        "log_tuned": tuned.tolist(),
        "log_untuned": untuned.tolist(),
        "effective": 1 / (v**2).sum(),
        "log_mean_ratio": np.log(np.mean(np.exp(tuned - untuned))),
        "reward": v @ means,
        "standard_error": np.sqrt((v**2 * (means - v @ means) ** 2).sum()),
        "kl": rel_entr(v, np.full(size, 1 / size)).sum(),
        "kl_from_optimum": rel_entr(w, v).sum(),
        "kl_to_optimum": rel_entr(v, w).sum(),
        "shortfall_extrapolated": (half * short[0] - full * (short[1] + short[2]) / 2) / (half - full),
    }
    return out


def sample_cases(rng):
    cases = []
    for size, answers, digits in ((3, (2, 2), 3), (6, (4, 4), 3), (9, (2, 7), 3), (8, (4, 4), 0)):
        rewards = [np.round(rng.normal(rng.normal(0, 0.3), 0.5, rng.integers(answers[0], answers[1] + 1)), digits) for _ in range(size)]
        for lam in (0.1, 1.0):
            untuned = rng.normal(-20, 4, size)
            cases.append(sample_case(rewards, lam, untuned + rng.normal(0, 0.8, size), untuned))
    return cases


def main():
    rng = np.random.default_rng(20270108)
    cases = {"tilts": tilt_cases(rng), "worlds": world_cases(rng), "samples": sample_cases(rng)}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(cases) + "\n")
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
