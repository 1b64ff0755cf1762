"""Makes crates/analysis/tests/fixtures/labels.json: what NumPy and SciPy say of a reward held against labels.

    pip install numpy==2.4.6 scipy==1.17.1
    python scripts/fixtures_labels.py
"""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import stats

OUT = Path(__file__).resolve().parent.parent / "crates/analysis/tests/fixtures/labels.json"
RESAMPLES = 20_000


def rho(rows, one, other):
    return stats.spearmanr(rows[:, one], rows[:, other]).statistic


def auc(rows):
    high, low = (rows[rows[:, 2] == label, 1] for label in (rows[:, 2].max(), rows[:, 2].min()))
    return stats.mannwhitneyu(high, low).statistic / (len(high) * len(low))


def pairs(rows):
    """Of one prompt: agreement and pairs of answers whose labels differ, and ties of the score among these."""
    found = [(a, b) if a[2] > b[2] else (b, a) for a, b in combinations(rows, 2) if a[2] != b[2]]
    agrees = sum(0.5 if a[1] == b[1] else float(a[1] > b[1]) for a, b in found)
    return agrees, len(found), sum(a[1] == b[1] for a, b in found)


def over_prompts(rng, figure, by_prompt):
    """A figure of all answers; whole prompts are drawn."""
    of = lambda drawn: figure(np.vstack([by_prompt[int(prompt)] for prompt in drawn]))
    prompts = np.arange(len(by_prompt))
    found = stats.bootstrap((prompts,), of, method="percentile", vectorized=False, n_resamples=RESAMPLES, rng=rng)
    ends = found.confidence_interval
    return {"value": of(prompts), "low": ends.low, "high": ends.high, "error": found.standard_error}


def case(rng, prompts, most, levels, slope):
    by_prompt = []
    for prompt in range(prompts):
        answers = rng.integers(1, most + 1)
        liked, length = rng.normal(0, 1), rng.integers(5, 60, answers).astype(float)
        # Answers to one prompt have something in common; rounded, so that there are ties.
        worth = liked + rng.normal(0, 1, answers)
        score = np.round(worth + slope * length + rng.normal(0, 1, answers), 1)
        label = np.digitize(worth + 0.01 * length + rng.normal(0, 0.7, answers), levels).astype(float)
        by_prompt.append(np.column_stack([np.full(answers, float(prompt)), score, label, length]))
    rows = np.vstack(by_prompt)
    counted = np.array([pairs(list(rows)) for rows in by_prompt])
    share = lambda drawn: counted[drawn.astype(int), 0].sum() / counted[drawn.astype(int), 1].sum()
    found = stats.bootstrap((np.arange(prompts),), share, method="percentile", vectorized=False, n_resamples=RESAMPLES, rng=rng)
    ends = found.confidence_interval
    return {
        "answers": rows.tolist(),
        "values": len(set(rows[:, 1])),
        "pairs": int(counted[:, 1].sum()),
        "ties": int(counted[:, 2].sum()),
        "with_label": over_prompts(rng, lambda rows: rho(rows, 1, 2), by_prompt),
        "with_length": over_prompts(rng, lambda rows: rho(rows, 1, 3), by_prompt),
        "label_with_length": over_prompts(rng, lambda rows: rho(rows, 2, 3), by_prompt),
        "on_pairs": {"value": share(np.arange(prompts)), "low": ends.low, "high": ends.high, "error": found.standard_error},
        "auc": over_prompts(rng, auc, by_prompt) if len(levels) == 1 else None,
    }


def main():
    rng = np.random.default_rng(20261127)
    cases = [case(rng, *shape) for shape in ((60, 5, (-1, 0, 1, 2), 0.02), (80, 3, (0.3,), 0.0), (24, 4, (-0.5, 0.8), -0.03))]
    OUT.write_text(json.dumps(cases) + "\n")
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
