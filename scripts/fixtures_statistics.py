"""Makes crates/analysis/tests/fixtures/statistics.json: what NumPy, SciPy, statsmodels and rliable say about small seeded samples.

    pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0 rliable==1.2.0 pandas==2.3.3
    python scripts/fixtures_statistics.py
"""

import itertools
import json
from pathlib import Path

import numpy as np
from rliable import library, metrics
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq
from statsmodels.api import OLS, WLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

OUT = Path(__file__).resolve().parent.parent / "crates/analysis/tests/fixtures/statistics.json"
RESAMPLES = 200_000  # so that SciPy's own Monte-Carlo error is small beside ours


def moments(groups):
    """One-way random-effects analysis of variance (Searle, Casella and McCulloch 1992, section 3.6), by its textbook sums."""
    values = np.concatenate(groups)
    sizes = np.array([len(g) for g in groups], dtype=float)
    total, k = sizes.sum(), len(groups)
    out = {"n": int(total), "prompts": k, "mean": values.mean(), "variance": values.var(ddof=1) if total > 1 else None}
    out["between"] = out["within"] = None
    if total > k:
        msw = sum(((g - g.mean()) ** 2).sum() for g in groups) / (total - k)
        out["within"] = msw
        if k > 1:
            msb = sum(len(g) * (g.mean() - values.mean()) ** 2 for g in groups) / (k - 1)
            n0 = (total - (sizes**2).sum() / total) / (k - 1)
            out["between"] = (msb - msw) / n0
            # SciPy's F is MSB/MSW: the sums above against an independent implementation.
            assert np.isclose(stats.f_oneway(*[g for g in groups]).statistic, msb / msw) or min(sizes) < 2
    return out


def close_to(rng, statistic, columns, method="percentile"):
    """Ends of SciPy's interval of a statistic of whole rows (prompts, or clusters), and the spread of its resamples."""
    result = stats.bootstrap(
        columns, statistic, method=method, paired=True, vectorized=True, n_resamples=RESAMPLES, batch=20_000, rng=rng
    )
    return {"low": result.confidence_interval.low, "high": result.confidence_interval.high, "error": result.standard_error}


def ends(replicates):
    """Percentile interval of replicates of our own, and their spread."""
    low, high = np.quantile(replicates, [0.025, 0.975])
    return {"low": low, "high": high, "error": np.std(replicates)}


def ratio(part, whole, axis):
    return part.sum(axis=axis) / whole.sum(axis=axis)


def clustered(rng):
    """Paired comparisons: BCa, effect size, probability of improvement, each prompt alone and in clusters; the sign flip of clusters."""
    out = []
    for n, clusters, noise in ((12, None, 0.3), (40, None, 0.3), (60, 15, 0.3), (36, 9, 0.4), (96, None, 0.2)):
        of = np.arange(n) if clusters is None else rng.permutation(np.arange(n) % clusters)
        baseline = np.round(rng.normal(0.3, 0.3, n), 2)
        shift = 0.1 if clusters is None else 0.1 + rng.normal(0, 0.3, clusters)[of]
        arm = np.round(baseline + shift + rng.exponential(noise, n) - noise, 2)
        d = np.round(arm - baseline, 12)
        label = np.unique(of)
        sums, counts = np.array([d[of == c].sum() for c in label]), np.array([(of == c).sum() for c in label], dtype=float)
        better = np.array([((d > 0) + 0.5 * (d == 0))[of == c].sum() for c in label])
        test = stats.permutation_test(
            (sums, 0 * sums), lambda a, b, axis: (a - b).sum(axis=axis), permutation_type="samples", vectorized=True,
            n_resamples=RESAMPLES, batch=20_000, rng=rng,
        )
        out.append({
            "arm": arm.tolist(), "baseline": baseline.tolist(), "clusters": of.tolist(), "mean_difference": d.mean(),
            "p_value": float(test.pvalue), "exact": len(label) <= 15, "effect_size": d.mean() / d.std(ddof=1),
            "improvement": better.sum() / n, "interval": close_to(rng, ratio, (sums, counts)),
            "accelerated": close_to(rng, ratio, (sums, counts), "BCa"), "improvement_interval": close_to(rng, ratio, (better, counts)),
        })  # fmt: skip
    return out


def half_square(x, y):
    """Half the mean squared difference over all pairs of one of x and one of y, pair by pair."""
    return np.mean((np.asarray(x)[:, None] - np.asarray(y)[None, :]) ** 2) / 2


def mean_or_none(values, weights=None):
    return np.average(values, weights=weights) if len(values) and (weights is None or sum(weights) > 0) else None


def cell_parts(cell):
    """Of one cell: half mean squared differences within rewrites and between rewrites, None where there is no pair."""
    cell = [r for r in cell if r]
    within = [np.mean([(x - y) ** 2 / 2 for x, y in itertools.combinations(r, 2)]) for r in cell if len(r) > 1]
    return mean_or_none(within), mean_or_none([half_square(r, s) for r, s in itertools.combinations(cell, 2)])


def between_cells(one, other):
    """The same between two cells: rewrites count equally."""
    pairs = [half_square(r, s) for r in one for s in other if r and s]
    return mean_or_none(pairs)


class Levels:
    """The five levels by brute force over all pairs of cells, with weights for seeds and prompts."""

    def __init__(self, rewards):
        self.cells = [(s, p) for s, row in enumerate(rewards) for p, cell in enumerate(row) if any(cell)]
        self.parts = [cell_parts(rewards[s][p]) for s, p in self.cells]
        apart = [
            (i, j, between_cells(rewards[self.cells[i][0]][self.cells[i][1]], rewards[self.cells[j][0]][self.cells[j][1]]))
            for i, j in itertools.combinations(range(len(self.cells)), 2)
        ]
        where = np.array(self.cells)
        self.i, self.j = np.array([a[0] for a in apart], dtype=int), np.array([a[1] for a in apart], dtype=int)
        self.value = np.array([a[2] for a in apart])
        self.seed, self.prompt = where[:, 0], where[:, 1]

    def __call__(self, w, v):
        u = w[self.seed] * v[self.prompt]
        own = [[(part[k], weight) for part, weight in zip(self.parts, u) if part[k] is not None] for k in (0, 1)]
        a, b = (mean_or_none([x for x, _ in o], [y for _, y in o]) for o in own)
        same_seed, same_prompt = self.seed[self.i] == self.seed[self.j], self.prompt[self.i] == self.prompt[self.j]
        both = u[self.i] * u[self.j]
        # A pair within one seed is there as often as that seed, not as its square.
        weights = np.where(same_seed, both / np.maximum(w[self.seed[self.i]], 1), both)
        weights = np.where(same_prompt, both / np.maximum(v[self.prompt[self.i]], 1), weights)
        c, d, e = (mean_or_none(self.value[k], weights[k]) for k in (same_seed, same_prompt, ~same_seed & ~same_prompt))
        return a, b, c, d, e


def anova(y):
    """Balanced design y[seed, prompt, rewrite, answer]: components from the mean squares and their expectations."""
    S, P, R, A = y.shape
    cell, seed, prompt, rewrite = y.mean((2, 3)), y.mean((1, 2, 3)), y.mean((0, 2, 3)), y.mean(3)
    answer = ((y - rewrite[..., None]) ** 2).sum() / (S * P * R * (A - 1))
    ms_rewrite = A * ((rewrite - cell[..., None]) ** 2).sum() / (S * P * (R - 1))
    ms_both = R * A * ((cell - seed[:, None] - prompt + y.mean()) ** 2).sum() / ((S - 1) * (P - 1))
    ms_seed, ms_prompt = P * R * A * seed.var(ddof=1), S * R * A * prompt.var(ddof=1)
    return [
        (ms_seed - ms_both) / (P * R * A), (ms_prompt - ms_both) / (S * R * A), (ms_both - ms_rewrite) / (R * A),
        (ms_rewrite - answer) / A, answer,
    ]  # fmt: skip


def components(rng):
    out = []
    for S, P, R, A, ragged in ((4, 8, 3, 2, False), (4, 7, 3, 3, True), (1, 9, 2, 3, True), (3, 6, 1, 2, False), (3, 5, 2, 1, False)):
        y = 0.4 + rng.normal(0, 0.3, (S, 1, 1, 1)) + rng.normal(0, 0.5, (1, P, 1, 1)) + rng.normal(0, 0.2, (S, P, 1, 1))
        y = np.round(y + rng.normal(0, 0.25, (S, P, R, 1)) + rng.normal(0, 0.3, (S, P, R, A)), 3)
        keep = lambda: rng.integers(0, 3) > 0 or not ragged  # noqa: E731
        rewards = [[[[float(x) for x in r if keep()] for r in cell if keep()] for cell in row] for row in y]
        levels = Levels(rewards)
        a, b, c, d, e = levels(np.ones(S), np.ones(P))
        finest = b if b is not None else a
        if e is None:
            values = [None, c - finest, None]
        else:
            values = [e - c, e - d, c + d - e - finest]
        values += [b - (a or 0) if b is not None else None, a]
        if not ragged and R > 1 and A > 1:
            assert np.allclose(values, anova(y), atol=1e-12)
        case = {"rewards": rewards, "components": values, "total": c if e is None else e, "intervals": None}
        if S == 4 and not ragged:
            draws = []
            while len(draws) < 20_000:
                w, v = np.bincount(rng.integers(0, S, S), minlength=S), np.bincount(rng.integers(0, P, P), minlength=P)
                a, b, c, d, e = levels(w, v)
                if e is not None and c is not None and d is not None:
                    draws.append([e - c, e - d, c + d - e - b, b - a, a])
            case["intervals"] = [ends(column) for column in np.array(draws).T]
        out.append(case)
    return out


def over_seeds(rng):
    """The two-level bootstrap, crossed (Owen 2007) and nested, by NumPy's own indexing."""
    out = []
    for S, P in ((3, 20), (5, 40), (8, 12)):
        y = np.round(0.1 + rng.normal(0, 0.1, (S, 1)) + rng.normal(0, 0.3, (1, P)) + rng.normal(0, 0.2, (S, P)), 3)
        seeds = rng.integers(0, S, (RESAMPLES, S))
        crossed, nested = [], []
        for drawn in np.array_split(seeds, 100):
            prompts = rng.integers(0, P, (len(drawn), P))
            crossed.append(y[drawn[:, :, None], prompts[:, None, :]].mean((1, 2)))
            own = rng.integers(0, P, (len(drawn), S, P))
            nested.append(y[drawn[:, :, None], own].mean((1, 2)))
        student = stats.t.interval(0.95, S - 1, y.mean(), stats.sem(y.mean(1)))
        rest = y - y.mean(1, keepdims=True) - y.mean(0) + y.mean()
        squares = np.array([y.mean(1).var(ddof=1) / S, y.mean(0).var(ddof=1) / P, (rest**2).sum() / ((S - 1) * (P - 1) * S * P)])
        variance = max(squares[0] + squares[1] - squares[2], *squares[:2])
        freedom = max(variance**2 / (squares**2 / [S - 1, P - 1, (S - 1) * (P - 1)]).sum(), min(S - 1, P - 1))
        both = stats.t.interval(0.95, freedom, y.mean(), np.sqrt(variance))
        p_values = [2 * stats.t.sf(abs(y.mean()) / np.sqrt(variance), freedom), stats.ttest_1samp(y.mean(1), 0).pvalue]
        out.append({
            "values": y.tolist(), "mean": y.mean(), "deviation": y.mean(1).std(ddof=1), "student": [both, student],
            "p_values": p_values, "crossed": ends(np.concatenate(crossed)), "nested": ends(np.concatenate(nested)),
        })  # fmt: skip
    return out


def log_variances(*columns, axis):
    n, s, q, m, t, u = (c.sum(axis=axis) for c in columns)
    return np.log((q - s * s / n) / (n - 1) / ((u - t * t / m) / (m - 1)))


def spread(rng):
    out = []
    for n, scale in ((30, 0.7), (60, 1.0)):
        prompt = rng.normal(0, 0.3, n)
        arm = [np.round(p + rng.normal(0, scale, rng.integers(1, 4)), 3) for p in prompt]
        baseline = [np.round(p + rng.normal(0, 1, rng.integers(1, 4)), 3) for p in prompt]
        columns = [np.array([f(r) for r in rows]) for rows in (arm, baseline) for f in (len, np.sum, lambda r: (r**2).sum())]
        firsts = [np.array([r[0] for r in rows]) for rows in (arm, baseline)]
        test = stats.levene(*firsts, center="median")
        three = stats.levene(*firsts, np.array([r[-1] for r in arm]) * 2, center="median")
        out.append({
            "arm": [r.tolist() for r in arm], "baseline": [r.tolist() for r in baseline],
            "log_ratio": np.log(np.concatenate(arm).var(ddof=1) / np.concatenate(baseline).var(ddof=1)),
            "interval": close_to(rng, log_variances, columns),
            "two": [test.statistic, test.pvalue], "three": [three.statistic, three.pvalue],
        })  # fmt: skip
    return out


def families(rng):
    p = [rng.uniform(0, 1, 6), np.array([0.01, 0.01, 0.04, 0.03, 0.005]), np.array([0.2]), rng.uniform(0, 0.05, 12)]
    holm = [{"p": v.tolist(), "adjusted": multipletests(v, method="holm")[1].tolist()} for v in p]
    tasks = []
    for runs, count in ((5, 6), (10, 3), (3, 12)):
        scores = np.round(rng.normal(rng.normal(0.5, 0.2, (1, count)), 0.2, (runs, count)), 3)
        thresholds = [0.0, 0.3, 0.5, 0.7, 1.0]
        iqm = lambda x: np.array([metrics.aggregate_iqm(x)])  # noqa: E731
        np.random.seed(4)  # rliable draws from NumPy's global generator
        point, interval = library.get_interval_estimates({"a": scores}, iqm, reps=50_000)
        profile, band = library.create_performance_profile({"a": scores}, thresholds, reps=20_000)
        tasks.append({
            "scores": scores.T.tolist(), "iqm": point["a"][0], "trimmed": stats.trim_mean(scores, 0.25, axis=None),
            "interval": interval["a"][:, 0].tolist(), "thresholds": thresholds,
            "profile": profile["a"].tolist(), "band": band["a"].tolist(),
        })  # fmt: skip
    return {"holm": holm, "tasks": tasks}


def gap(rng):
    out = []
    for S, P in ((1, 50), (4, 40)):
        prompt = rng.normal(0, 0.4, P)
        baseline, oracle = prompt + rng.normal(0.3, 0.3, (1, P)), prompt + rng.normal(1.2, 0.3, (1, P))
        tuned = prompt + 0.9 + rng.normal(0, 0.05 * (S > 1), (S, 1)) + rng.normal(0, 0.3, (S, P))
        tuned, baseline, oracle = (np.round(x, 3) for x in (tuned, baseline, oracle))
        seeds, prompts = rng.integers(0, S, (RESAMPLES // 2, S)), rng.integers(0, P, (RESAMPLES // 2, P))
        rewards = np.concatenate([tuned[s[:, None], p[None, :]].mean()[None] for s, p in zip(seeds, prompts)])
        low, high = baseline[0][prompts].mean(1), oracle[0][prompts].mean(1)
        out.append({
            "tuned": tuned.tolist(), "baseline": baseline.tolist(), "oracle": oracle.tolist(), "width": oracle.mean() - baseline.mean(),
            "share": (tuned.mean() - baseline.mean()) / (oracle.mean() - baseline.mean()),
            "interval": ends((rewards - low) / (high - low)), "width_interval": ends(high - low),
        })  # fmt: skip
    return out


def power():
    """One seed: statsmodels, whose search stops early, and the root beside it. Several: error and freedom of random seeds and prompts."""
    out = []

    def beyond(t, freedom, shift):  # SciPy's nct is NaN here and there: the mixture it stands for, integrated
        tails = lambda x: stats.norm.sf(t * x - shift) + stats.norm.cdf(-t * x - shift)  # noqa: E731
        root = np.sqrt(freedom)
        return quad(lambda x: root * stats.chi.pdf(root * x, freedom) * tails(x), 0, 1 + 12 / root, epsabs=1e-13, limit=500)[0]

    for S, n, r, m, alpha, wanted in (
        (1, 10, 1, 1, 0.05, 0.8), (1, 2, 1, 1, 0.05, 0.8), (1, 200, 2, 3, 0.01, 0.9), (1, 1000, 1, 4, 0.05, 0.8),
        (3, 100, 2, 2, 0.05, 0.8), (5, 20, 1, 1, 0.05, 0.9),
    ):  # fmt: skip
        seed, prompt, both, rewrite, answer = noise = [0.004, 0.03, 0.01, 0.05, 0.2]
        cell = both + (rewrite + answer / m) / r
        if S == 1:
            deviation = np.sqrt(prompt + cell)
            solved = deviation * TTestPower().solve_power(nobs=n, alpha=alpha, power=wanted, alternative="two-sided")
            error, freedom = deviation / np.sqrt(n), n - 1
        else:
            squares = np.array([(seed + cell / n) / S, (prompt + cell / S) / n, cell / (n * S)])
            variance = squares[0] + squares[1] - squares[2]
            freedom = variance**2 / (squares**2 / [S - 1, n - 1, (S - 1) * (n - 1)]).sum()
            error, solved = np.sqrt(variance), None
        t = stats.t.isf(alpha / 2, freedom)
        difference = error * brentq(lambda d: beyond(t, freedom, d) - wanted, 0, 2 * t + 5, xtol=1e-13)
        out.append({
            "noise": noise, "plan": [S, n, r, m], "alpha": alpha, "power": wanted,
            "difference": difference, "solved": solved, "error": error, "freedom": freedom,
        })  # fmt: skip
    return out


def wins(rng):
    """Choices are 0 first, 1 second, 2 tie; each pair once with the arm first, once with the arm second; and whether the arm's answer is the longer one."""
    out = []
    for prompts, sizes in ((40, (1, 2)), (25, (2, 6))):
        pairs, sums = [], []
        for prompt in range(prompts):
            chance = rng.beta(3, 2)
            row = np.zeros(7)
            for _ in range(rng.integers(*sizes)):
                one, two = (2 if rng.uniform() < 0.2 else int(rng.uniform() > q + 0.1) for q in (chance, 1 - chance))
                longer = (True, False, None)[(7 * prompt + 3 * len(pairs)) % 5 % 3]
                pairs.append([prompt, one, two, longer])
                for_arm = {0: 1.0, 1: 0.0, 2: 0.5}[one] + {0: 0.0, 1: 1.0, 2: 0.5}[two]
                of_longer = [] if longer is None else [(one, 0 if longer else 1), (two, 1 if longer else 0)]
                row += [
                    for_arm, 2, (one == 0) + (two == 0), (one != 2) + (two != 2), (one, two) in ((0, 1), (1, 0), (2, 2)),
                    sum(choice == wanted for choice, wanted in of_longer), sum(choice != 2 for choice, _ in of_longer),
                ]  # fmt: skip
            sums.append(np.append(row, sum(p[0] == prompt for p in pairs)))
        columns = np.array(sums).T
        case = {"pairs": pairs}
        for name, part, whole in (("win_rate", 0, 1), ("first_position", 2, 3), ("agreement", 4, 7), ("longer", 5, 6)):
            share = columns[part].sum() / columns[whole].sum()
            case[name] = {"share": share, **close_to(rng, ratio, (columns[part], columns[whole]))}
        out.append(case)
    return out


def normal_equations(a11, a12, a22, b1, b2, axis):
    """Coefficient of the arm, from the sums of each prompt's part of the normal equations."""
    a11, a12, a22, b1, b2 = (c.sum(axis=axis) for c in (a11, a12, a22, b1, b2))
    left = np.stack([np.stack([a11, a12], -1), np.stack([a12, a22], -1)], -2)
    return np.linalg.solve(left, np.stack([b1, b2], -1)[..., None])[..., 0, 0]


def equal_length(rng):
    """reward = prompt + arm + slope * length, a column for every prompt; an arm counts 1 on each, shared out among its answers."""
    out = []
    for P, least, most, longer in ((30, 2, 2, 25), (40, 1, 4, 40), (60, 1, 1, -15)):
        prompt, tall = rng.normal(0, 0.5, P), rng.normal(120, 30, P)
        rows = []  # prompt, arm, reward, length
        for p in range(P):
            for arm in (1, 0):
                for length in np.round(rng.normal(tall[p] + arm * longer, 20, rng.integers(least, most + 1))):
                    rows.append([p, arm, np.round(prompt[p] + 0.15 * arm + 0.01 * length + rng.normal(0, 0.3), 3), length])
        of, arm, reward, length = np.array(rows).T
        weights = 1 / np.array([((of == p) & (arm == a)).sum() for p, a in zip(of, arm)])
        prompts = (of[:, None] == np.arange(P)).astype(float)
        fit = WLS(reward, np.column_stack([arm, length, prompts]), weights=weights).fit()
        rest = [WLS(y, np.column_stack([arm, prompts]), weights=weights).fit().wresid for y in (reward, length)]
        cells = np.array([[np.mean(np.array(rows)[(of == p) & (arm == a)][:, 2:], axis=0) for a in (1, 0)] for p in range(P)])
        rewards, lengths = (cells[:, 0] - cells[:, 1]).T
        assert np.isclose(fit.params[0], rewards.mean() - fit.params[1] * lengths.mean(), rtol=0, atol=1e-11)
        if least == most:  # as many answers everywhere: ordinary least squares
            assert np.allclose(OLS(reward, np.column_stack([arm, length, prompts])).fit().params[:2], fit.params[:2], rtol=0, atol=1e-11)
        if most == 1:  # and of the differences, the linear form of Dubois et al. (2024)
            assert np.allclose(np.polyfit(lengths, rewards, 1), fit.params[[1, 0]], rtol=0, atol=1e-11)
        # A prompt drawn twice has a column each time, so its own mean is what is taken out.
        within = lambda y: y - np.array([np.average(y[of == p], weights=weights[of == p]) for p in of])  # noqa: E731
        x, l, r = within(arm), within(length), within(reward)
        columns = [np.bincount(of.astype(int), weights * product) for product in (x * x, x * l, l * l, x * r, l * r)]
        assert np.isclose(normal_equations(*columns, axis=-1), fit.params[0], rtol=0, atol=1e-11)
        side = lambda a: [[[y, n] for q, b, y, n in rows if (q, b) == (p, a)] for p in range(P)]  # noqa: E731
        out.append({
            "arm": side(1), "baseline": side(0), "difference": fit.params[0], "per_unit": fit.params[1],
            "unadjusted": rewards.mean(), "correlation": rest[0] @ rest[1] / np.sqrt(rest[0] @ rest[0] * (rest[1] @ rest[1])),
            "interval": close_to(rng, normal_equations, columns),
        })  # fmt: skip
    return out


def of_clusters(columns, of):
    """Columns of prompts added up by cluster."""
    return [np.array([column[of == c].sum() for c in np.unique(of)]) for column in columns]


def crossed_clusters(rng, tables, counts):
    """Ratios of each table's total to that of the counts, over seeds and whole clusters drawn with replacement, by NumPy's own indexing."""
    S, K = tables[0].shape
    seeds, clusters = rng.integers(0, S, (RESAMPLES // 2, S)), rng.integers(0, K, (RESAMPLES // 2, K))
    total = lambda table: np.concatenate(  # noqa: E731
        [table[s[:, :, None], c[:, None, :]].sum((1, 2)) for s, c in zip(np.array_split(seeds, 50), np.array_split(clusters, 50))]
    )
    number = total(np.tile(counts, (S, 1)))
    return [total(table) / number for table in tables]


def in_clusters(rng):
    """What stands on prompts elsewhere, where they belong together: clusters of unequal sizes, some of them of one."""
    out = []
    for S, P, K in ((1, 48, 12), (3, 60, 20), (5, 40, 8)):
        of = np.sort(np.concatenate([np.arange(K), rng.integers(0, K, P - K)]))
        rng.shuffle(of)
        shared, ones = rng.normal(0, 0.3, K)[of], np.ones(P)
        y = 0.1 + rng.normal(0, 0.1, (S, 1)) + shared + rng.normal(0, 0.15, (1, P)) + rng.normal(0, 0.2, (S, P))
        wide = y + 0.8 + rng.normal(0, 0.1, (1, P))
        y, wide = np.round(y, 3), np.round(wide, 3)
        counts = of_clusters([ones], of)[0]
        sums, widths = (np.array([of_clusters([row], of)[0] for row in table]) for table in (y, wide))
        means, gaps = crossed_clusters(rng, [sums, widths], counts)
        # One value a cluster, whose mean is that of the prompts: its variance is the cluster-robust one of the mean.
        alike = y.mean() + (sums - counts * y.mean()) * K / P
        robust = [OLS(row, ones).fit(cov_type="cluster", cov_kwds={"groups": of}).bse[0] for row in y]
        own = [(np.array(of_clusters([row], of)[0]) - counts * row.mean()) * K / P for row in y]
        assert np.allclose([z.std(ddof=1) / np.sqrt(K) for z in own], robust)
        student = None
        if S > 1:
            rest = alike - alike.mean(1, keepdims=True) - alike.mean(0) + alike.mean()
            squares = np.array([y.mean(1).var(ddof=1) / S, alike.mean(0).var(ddof=1) / K, (rest**2).sum() / ((S - 1) * (K - 1) * S * K)])
            variance = max(squares[0] + squares[1] - squares[2], *squares[:2])
            freedom = max(variance**2 / (squares**2 / [S - 1, K - 1, (S - 1) * (K - 1)]).sum(), min(S - 1, K - 1))
            student = stats.t.interval(0.95, freedom, y.mean(), np.sqrt(variance))
        arm, baseline = [[np.round(p + rng.normal(0, s, rng.integers(1, 4)), 3) for p in shared] for s in (0.4, 0.6)]
        columns = [np.array([f(r) for r in rows]) for rows in (arm, baseline) for f in (len, np.sum, lambda r: (r**2).sum())]
        # At equal length, with one answer to each prompt: the line through the differences.
        lengths = np.round(10 * shared + rng.normal(15, 20, P))
        rewards = np.round(0.15 + 0.01 * lengths + shared + rng.normal(0, 0.2, P), 3)
        line = [ones, lengths, lengths**2, rewards, lengths * rewards]
        assert np.isclose(normal_equations(*line, axis=-1), np.polyfit(lengths, rewards, 1)[1])
        verdicts = [[p, int(c), *(int(v) for v in rng.choice(3, 2, p=[0.5, 0.3, 0.2]))] for p, c in enumerate(of)]
        wins = np.array([(one == 0) + (two == 1) + ((one == 2) + (two == 2)) / 2 for _, _, one, two in verdicts])
        out.append({
            "values": y.tolist(), "wide": wide.tolist(), "clusters": of.tolist(), "mean": y.mean(), "robust": robust,
            "one": close_to(rng, ratio, (sums[0], counts)), "crossed": ends(means), "student": student,
            "share": y.mean() / wide.mean(), "gap": ends(means / gaps), "width": ends(gaps),
            "arm": [r.tolist() for r in arm], "baseline": [r.tolist() for r in baseline],
            "log_ratio": log_variances(*columns, axis=0), "spread": close_to(rng, log_variances, of_clusters(columns, of)),
            "rewards": rewards.tolist(), "lengths": lengths.tolist(), "at_equal_length": float(normal_equations(*line, axis=-1)),
            "length": close_to(rng, normal_equations, of_clusters(line, of)),
            "verdicts": verdicts, "win_rate": wins.sum() / (2 * P), "wins": close_to(rng, ratio, of_clusters([wins, 2 * ones], of)),
        })  # fmt: skip
    return out


def main():
    rng = np.random.default_rng(20261123)
    cases = {"moments": [], "bootstrap": [], "paired": []}
    for sizes in ([3, 3, 3, 3], [2] * 24, [1, 4, 2, 7, 3], [5], [1, 1, 1], [6, 1], [2, 2]):
        groups = [np.round(rng.normal(0.4, 0.5) + rng.normal(0, 0.3, s), 4) for s in sizes]
        cases["moments"].append({"rewards": [g.tolist() for g in groups], **moments(groups)})

    for values in (
        rng.normal(0.5, 0.2, 96),
        rng.exponential(0.3, 40),
        rng.choice([0.0, 1.0], 25, p=[0.8, 0.2]),
        rng.standard_t(3, 60),
        rng.normal(-2, 1, 7),
    ):
        values = np.round(values, 4)
        ci = stats.bootstrap(
            (values,), np.mean, method="percentile", n_resamples=RESAMPLES, confidence_level=0.95, rng=np.random.default_rng(1)
        ).confidence_interval
        cases["bootstrap"].append({"values": values.tolist(), "low": ci.low, "high": ci.high})

    for n, shift in ((2, 0.1), (5, 0.3), (8, 0.0), (10, 0.2), (12, 0.15), (13, -0.2), (96, 0.06)):
        baseline = np.round(rng.normal(0.3, 0.3, n), 3)
        arm = np.round(baseline + rng.normal(shift, 0.25, n), 3)
        if n == 10:
            arm[3] = baseline[3]  # a tie
        test = stats.permutation_test(
            (arm, baseline),
            lambda a, b, axis: np.mean(a - b, axis=axis),
            permutation_type="samples",
            alternative="two-sided",
            vectorized=True,
            n_resamples=RESAMPLES,
            rng=np.random.default_rng(2),
        )
        ci = stats.bootstrap(
            (arm - baseline,), np.mean, method="percentile", n_resamples=RESAMPLES, rng=np.random.default_rng(3)
        ).confidence_interval
        cases["paired"].append(
            {
                "arm": arm.tolist(),
                "baseline": baseline.tolist(),
                "mean_difference": float(np.mean(arm - baseline)),
                "low": ci.low,
                "high": ci.high,
                "p_value": float(test.pvalue),
                "exact": n <= 13,
            }
        )
    # Each with a generator of its own, so that none moves the figures of another.
    for number, make in enumerate((clustered, components, over_seeds, spread, families, gap, wins, equal_length, in_clusters)):
        cases[make.__name__] = make(np.random.default_rng([20261201, number]))
    cases["power"] = power()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(cases) + "\n")
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
