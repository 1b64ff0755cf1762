"""Draws the learning curves of docs/algorithms from a database with five seeds of each of examples/reference/*.toml, and prints their tables.

    for a in grpo rloo ppo; do alignpro run examples/reference/$a.toml --seeds 5 --db reference.db; done
    python scripts/reference_curves.py reference.db          # writes docs/images/reference-*.svg

Each figure has a line for every seed and one for their mean; the table has means over five iterations with the 95 % interval by Student's t over seeds.
"""

import argparse
import math
import sqlite3
import statistics
from pathlib import Path

IMAGES = Path(__file__).resolve().parent.parent / "docs/images"
# 97.5 % quantiles of Student's t by degrees of freedom.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
BLOCK = 5
PANELS = [("reward_mean", "mean reward of the batch"), ("kl", "KL(ρ‖ρ_sft), nats a rewrite")]
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 860, 300, 64, 40, 48, 76


def curves(database):
    """By name of the spec, and by metric: a list over iterations for each seed."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    found = {}
    for run, name, seed in connection.execute(
        "SELECT r.id, r.name, json_extract(s.spec, '$.seed') FROM runs r JOIN specs s ON s.hash = r.spec_hash WHERE r.status = 'finished' ORDER BY 3"
    ):
        rows = connection.execute("SELECT name, value FROM iteration_metrics WHERE run = ? AND arm = 'tuned' ORDER BY name, iteration", (run,))
        for key, value in rows:
            found.setdefault(name, {}).setdefault(key, {}).setdefault(seed, []).append(value)
    return found


def steps(low, high):
    """About five round numbers from below `low` to above `high`."""
    size = 10 ** math.floor(math.log10((high - low) / 5))
    size *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (size * factor) <= 6)
    return [size * i for i in range(math.floor(low / size), math.ceil(high / size) + 1)]


def panel(seeds, label, x0, width, ticks):
    low, high = ticks[0], ticks[-1]
    count = max(len(values) for values in seeds.values())
    x = lambda i: x0 + width * (i - 1) / (count - 1)
    y = lambda value: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)
    out = [f'<text x="{x0}" y="{TOP - 14}" class="title">{label}</text>']
    for tick in ticks:
        out.append(f'<line x1="{x0}" x2="{x0 + width}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" class="grid"/>')
        out.append(f'<text x="{x0 - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{f"{tick:.2f}".rstrip("0").rstrip(".") or "0"}</text>')
    for i in [1, *range(5, count + 1, 5)]:
        out.append(f'<text x="{x(i):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{i}</text>')
    out.append(f'<text x="{x0 + width / 2}" y="{HEIGHT - 10}" text-anchor="middle">iteration</text>')
    line = lambda values: " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(values, 1) if value is not None)
    for values in seeds.values():
        out.append(f'<polyline points="{line(values)}" class="seed"/>')
    mean = [statistics.mean(values) for values in zip(*seeds.values())]
    out.append(f'<polyline points="{line(mean)}" class="mean"/>')
    return out


def figure(metrics, ranges):
    width = (WIDTH - 2 * LEFT - GAP) / 2
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
        "<style>text{font:12px system-ui,sans-serif;fill:#444}.title{font-weight:600;fill:#222}.grid{stroke:#e4e4e4}"
        ".seed{fill:none;stroke:#3b6fb6;stroke-opacity:.35;stroke-width:1}.mean{fill:none;stroke:#1d4f91;stroke-width:2.5}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for i, (key, label) in enumerate(PANELS):
        out += panel(metrics[key], label, LEFT + i * (width + GAP), width, ranges[key])
    count = len(metrics[PANELS[0][0]])
    middle, y = WIDTH / 2, HEIGHT - 10
    out += [
        f'<line x1="{middle - 108}" x2="{middle - 88}" y1="{y - 4}" y2="{y - 4}" class="mean"/><text x="{middle - 82}" y="{y}">mean of {count} seeds</text>',
        f'<line x1="{middle + 34}" x2="{middle + 54}" y1="{y - 4}" y2="{y - 4}" class="seed"/><text x="{middle + 60}" y="{y}">one seed</text>',
        "</svg>",
    ]
    return "\n".join(out) + "\n"


def table(metrics):
    columns = [("reward_mean", "mean reward"), ("kl", "KL, nats"), ("entropy", "entropy, nats a token"), ("topicality", "topicality")]
    if "value_explained_variance" in metrics:
        columns.append(("value_explained_variance", "value's explained variance"))
    out = ["| iterations | " + " | ".join(label for _, label in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    count = max(len(values) for values in metrics["reward_mean"].values())
    for start in range(0, count, BLOCK):
        cells = []
        for key, _ in columns:
            means = [statistics.mean(v for v in values[start : start + BLOCK] if v is not None) for values in metrics[key].values()]
            half = STUDENT[len(means) - 1] * statistics.stdev(means) / math.sqrt(len(means))
            mean = statistics.mean(means)
            cells.append(f"{mean:.3f} [{mean - half:.3f}, {mean + half:.3f}]".replace("-", "−"))
        out.append(f"| {start + 1} to {min(start + BLOCK, count)} | " + " | ".join(cells) + " |")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database")
    found = curves(parser.parse_args().database)
    named = {name.removeprefix("reference, ").lower(): metrics for name, metrics in found.items() if name.startswith("reference, ")}
    if not named:
        raise SystemExit("The database has no finished run of examples/reference; run them first (see --help).")
    # One scale for all, so that figures can be held against each other.
    ranges = {}
    for key, _ in PANELS:
        values = [v for metrics in named.values() for seed in metrics[key].values() for v in seed]
        ranges[key] = steps(min(values), max(values))
    for name, metrics in named.items():
        (IMAGES / f"reference-{name}.svg").write_text(figure(metrics, ranges), encoding="utf-8")
        print(f"## {name}: seeds {', '.join(str(seed) for seed in metrics['reward_mean'])}\n\n{table(metrics)}\n")


if __name__ == "__main__":
    main()
