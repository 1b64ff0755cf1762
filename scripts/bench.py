#!/usr/bin/env python3
"""What `make bench` prints: kernels, model and whole iteration beside what this machine can do at most; a run of the worker; the window's questions.

Usage: scripts/bench.py [PYTHON SCRIPT]

With an interpreter and a program for it, the same experiment with that program, and the ratios (see scripts/peer.py).
"""
import json
import os
import shutil
import subprocess
import sys

from peer import EPISODES, ROOT, TARGET, ours, spec

ITERATIONS = 6


def measured():
    """Each benchmark of Criterion, in the order in which they ran: group, name, median seconds, its 95 % interval, work and the work's unit."""
    shutil.rmtree(TARGET / "criterion", ignore_errors=True)
    log = TARGET / "release/bench/criterion.log"
    features = os.environ.get("CARGO_FEATURES", "").split()
    command = ["cargo", "bench", "--workspace", "--locked", *features, "--bench", "kernels", "--bench", "model", "--", "--quiet"]
    with open(log, "w") as out:
        if subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT).returncode:
            sys.exit(f"the benchmarks failed; see {log}")
    found = []
    for file in (TARGET / "criterion").glob("*/*/new/benchmark.json"):
        about = json.loads(file.read_text())
        median = json.loads((file.parent / "estimates.json").read_text())["median"]
        interval = [median["confidence_interval"][bound] / 1e9 for bound in ("lower_bound", "upper_bound")]
        unit, work = next(iter((about["throughput"] or {"none": 0}).items()))
        found.append((file.stat().st_mtime, about["group_id"], about["function_id"], median["point_estimate"] / 1e9, interval, work, unit))
    return [one[1:] for one in sorted(found)]


def duration(seconds):
    for unit, factor in [("s", 1), ("ms", 1e3), ("µs", 1e6)]:
        if seconds * factor >= 1:
            break
    return f"{seconds * factor:.3g} {unit}"


def table(found):
    # By group and unit; what has no peak of its own is held against the CPU's.
    peaks = {(group, unit): work / seconds for group, _, seconds, _, work, unit in found if group.startswith("peak")}
    peaks |= {("model", unit): peak for (group, unit), peak in peaks.items() if group == "peak of the GPU"}
    print(f"{'':52}{'median':>9}{'95 %':>21}{'speed':>14}{'of the peak':>13}")
    before = None
    for group, name, seconds, interval, work, unit in found:
        if group != before:
            print(group)
            before = group
        speed = f"{work / seconds / 1e9:.0f} {'GFLOP/s' if unit == 'Elements' else 'GB/s'}" if work else ""
        peak = peaks.get((group, unit)) or peaks.get(("peak", unit))
        share = f"{100 * work / seconds / peak:.0f} %" if work else ""
        print(f"  {name:50}{duration(seconds):>9}{f'{duration(interval[0])} to {duration(interval[1])}':>21}{speed:>14}{share:>13}")
    print("Peaks: a product of large matrices in f32; reading memory that no cache holds (what caches hold is read faster).")


def run():
    figures, _, _ = ours(spec(ITERATIONS), 2)
    print(f"\nA run of the worker, {ITERATIONS} iterations of {EPISODES} episodes, two threads")
    for name, value in figures.items():
        print(f"  {name:50}{json.dumps(value) if isinstance(value, dict) else f'{value:9.4g}'}")


def questions():
    database = TARGET / "release/bench/large.db"
    for file in database.parent.glob("large.db*"):
        file.unlink()
    subprocess.run([ROOT / "scripts/large_database.py", database], check=True)
    print("\nThe window's questions of a database of 100 runs with a million episodes", flush=True)
    subprocess.run([TARGET / "release/examples/answers", database], check=True)


def main():
    (TARGET / "release/bench").mkdir(parents=True, exist_ok=True)
    print("Kernels and model: about five minutes.", flush=True)
    table(measured())
    run()
    questions()
    if len(sys.argv) > 1:
        print("\nBeside another program", flush=True)
        subprocess.run([sys.executable, ROOT / "scripts/peer.py", *sys.argv[1:]], check=True)


if __name__ == "__main__":
    main()
