"""Makes crates/analysis/tests/fixtures/preferences.json: what NumPy and SciPy say of a reward held against people's choices.

    pip install numpy==2.4.6 scipy==1.17.1
    python scripts/fixtures_preferences.py
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats

OUT = Path(__file__).resolve().parent.parent / "crates/analysis/tests/fixtures/preferences.json"
RESAMPLES = 200_000  # so that SciPy's own Monte-Carlo error is small beside ours


def share(rng, agrees, among):
    """Of the pairs among which it is counted; whole pairs are drawn, so the denominator varies too."""
    ratio = lambda part, whole, axis: part.sum(axis=axis) / whole.sum(axis=axis)
    columns = (np.where(among, agrees, 0.0), among.astype(float))
    found = stats.bootstrap(columns, ratio, method="percentile", paired=True, vectorized=True, n_resamples=RESAMPLES, batch=20_000, rng=rng)
    ends = found.confidence_interval
    return {"share": columns[0].sum() / columns[1].sum(), "low": ends.low, "high": ends.high, "error": found.standard_error}


def case(rng, pairs, slope):
    lengths = rng.integers(5, 60, (pairs, 2)).astype(float)
    # Rounded, so that there are ties in both.
    scores = np.round(rng.normal(0, 0.5, (pairs, 2)) + slope * lengths + np.array([0.1, 0.0]), 1)
    agrees = np.where(scores[:, 0] == scores[:, 1], 0.5, scores[:, 0] > scores[:, 1])
    rho = stats.spearmanr(scores[:, 0] - scores[:, 1], lengths[:, 0] - lengths[:, 1]).statistic
    # Bonett and Wright (2000), by Fisher's z.
    half = stats.norm.ppf(0.975) * np.sqrt((1 + rho**2 / 2) / (pairs - 3))
    return {
        "pairs": np.hstack([scores, lengths]).tolist(),
        "ties": int((scores[:, 0] == scores[:, 1]).sum()),
        "accuracy": share(rng, agrees, np.ones(pairs, dtype=bool)),
        "where_shorter": share(rng, agrees, lengths[:, 0] < lengths[:, 1]),
        "where_longer": share(rng, agrees, lengths[:, 0] > lengths[:, 1]),
        "with_length": {"value": rho, "low": np.tanh(np.arctanh(rho) - half), "high": np.tanh(np.arctanh(rho) + half)},
    }


def main():
    rng = np.random.default_rng(20261126)
    cases = [case(rng, pairs, slope) for pairs, slope in ((150, 0.02), (60, 0.0), (40, -0.03))]
    OUT.write_text(json.dumps(cases) + "\n")
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
