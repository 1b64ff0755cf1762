"""Makes crates/analysis/tests/fixtures/statistics.json: what NumPy and SciPy say about small seeded samples.

    pip install numpy==2.4.6 scipy==1.17.1
    python scripts/fixtures_statistics.py
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats

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
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(cases) + "\n")
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
