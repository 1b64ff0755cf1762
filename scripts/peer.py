#!/usr/bin/env python3
"""The same experiment with this program and with another one, in turn on this machine: episodes a second, memory, time to the first iteration.

Usage: scripts/peer.py PYTHON SCRIPT [--rounds 2] [--iterations 6] [--threads 2]

PYTHON is the interpreter of an environment with TRL, SCRIPT a program that takes --model DIR --iterations N --threads N and prints, as its last
line, a JSON object with episodes_per_second, peak_rss_mib and first_iteration_done_after_s. Sixteen episodes an iteration (4 prompts × 4
rewrites of 32 tokens, an answer of 48 tokens each), LoRA of rank 16 on every linear layer, sentiment as reward, SmolLM2-135M in both roles, f32.
"""
import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = Path(__file__).parent.parent / "target/release/alignpro"
MODEL = "smollm2-135m-instruct"
EPISODES = 16


def spec(iterations):
    # As the other program has it: its meta-prompt and its λ. Two test prompts, since it has no baselines: what comes before training is as
    # little as it can be.
    return f"""name = "peer"
data = {{ source = "shipped", train = 64, validation = 0, test = 2 }}
[prompter]
model = "{MODEL}"
temperature = 1.0
max_rewrite_tokens = 32
lora = {{ rank = 16, alpha = 32.0 }}
meta_prompt = \"\"\"
Rewrite the user's prompt so that an assistant gives a more helpful, friendly and positive answer. Reply with the rewritten prompt only.

Prompt: {{prompt}}\"\"\"
[frozen]
model = "{MODEL}"
max_answer_tokens = 48
temperature = 0.7
[[reward.parts]]
kind = "sentiment"
weight = 1.0
[training]
iterations = {iterations}
prompts_per_iteration = 4
group_size = 4
kl_coefficient = 0.05
learning_rate = 5e-4
[evaluation]
answers_per_prompt = 1
"""


def ours(iterations, threads):
    with tempfile.TemporaryDirectory() as folder:
        file, database = Path(folder) / "peer.toml", Path(folder) / "runs.db"
        file.write_text(spec(iterations))
        begun = time.time()
        child = subprocess.Popen([PROGRAM, "run", file, "--db", database, "--json"], stdout=subprocess.DEVNULL,
                                 env=dict(os.environ, RAYON_NUM_THREADS=str(threads)))
        _, status, used = os.wait4(child.pid, 0)
        if status:
            sys.exit("alignpro failed")
        connection = sqlite3.connect(database)
        ends = [at / 1000 + seconds for at, seconds in
                connection.execute("SELECT started_at_ms, seconds FROM iterations ORDER BY iteration")]
        seconds = {name.removeprefix("seconds_"): round(value, 2) for name, value in connection.execute(
            "SELECT name, avg(value) FROM iteration_metrics WHERE name LIKE 'seconds%' AND iteration > 1 GROUP BY name")}
    return {"episodes_per_second": EPISODES * (len(ends) - 1) / (ends[-1] - ends[0]), "peak_rss_mib": used.ru_maxrss / 1024,
            "first_iteration_done_after_s": ends[0] - begun, "seconds": seconds}


def theirs(python, script, model, iterations, threads):
    command = [python, script, "--model", model, "--iterations", str(iterations), "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python")
    parser.add_argument("script")
    for name, usual in [("--rounds", 2), ("--iterations", 6), ("--threads", 2)]:
        parser.add_argument(name, type=int, default=usual)
    given = parser.parse_args()
    home = os.environ.get("ALIGNPRO_HOME", Path.home() / ".local/share/alignpro")
    rounds = []
    for number in range(given.rounds):
        pair = ours(given.iterations, given.threads), theirs(given.python, given.script, Path(home) / "models" / MODEL, given.iterations,
                                                              given.threads)
        print(f"round {number + 1}: ours {json.dumps(pair[0])}\n         theirs {json.dumps(pair[1])}", flush=True)
        rounds.append(pair)
    print(f"\n{'middle of the rounds':34}{'ours':>10}{'theirs':>10}{'ratio':>8}")
    for name in ["episodes_per_second", "peak_rss_mib", "first_iteration_done_after_s"]:
        own, other = (statistics.median(pair[side][name] for pair in rounds) for side in (0, 1))
        print(f"{name:34}{own:10.2f}{other:10.2f}{own / other:8.2f}")


if __name__ == "__main__":
    main()
