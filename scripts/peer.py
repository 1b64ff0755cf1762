#!/usr/bin/env python3
"""The same experiment with this program and with another one, in turn on this machine: episodes a second, memory, time to the first iteration.

Usage: scripts/peer.py PYTHON SCRIPT [--rounds 2] [--iterations 6] [--threads 2] [--device cpu]
       scripts/peer.py PYTHON SCRIPT --learning 5 [--at-once 1] [--iterations 24] [--threads 2] [--device cpu]: what each has learnt after the same
                                                                                               number of episodes

PYTHON is the interpreter of an environment with TRL, SCRIPT a program that takes --model DIR --iterations N --threads N --device NAME and prints, as its last
line, a JSON object with episodes_per_second, peak_rss_mib and first_iteration_done_after_s. Sixteen episodes an iteration (4 prompts × 4
rewrites of 32 tokens, an answer of 48 tokens each), LoRA of rank 16 on every linear layer, sentiment as reward, SmolLM2-135M in both roles, f32.
This program takes a GPU by itself where it was built for one; --device says what the other is to use.
For --learning it must also take --seed N, --prompts-file FILE, --lr and --kl, and print the mean reward of each iteration as rewards.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = TARGET / "release/alignpro"
MODEL = "smollm2-135m-instruct"
EPISODES = 16
# Two-sided 95 % points of Student's t by degrees of freedom.
T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}

TRAINING = """kl_coefficient = 0.05
learning_rate = 5e-4
"""
# The usual GRPO divides advantages by the group's deviation and the loss by the number of tokens, and its rate falls to zero. No divergence penalty: ours is
# part of the reward and theirs of the loss, with another gradient, so that no two weights of them mean the same.
LEARNING = """kl_coefficient = 0.0
learning_rate = 1e-3
schedule = "linear"
warmup_iterations = 0
scale_by_group_deviation = true
scale_by_length = true
"""


def spec(iterations, training=TRAINING, seed=0):
    # As the other program has it: its meta-prompt and its λ. Two test prompts, since it has no baselines: what comes before training is as
    # little as it can be.
    return f"""name = "peer"
seed = {seed}
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
engine = "builtin"
max_answer_tokens = 48
temperature = 0.7
[[reward.parts]]
kind = "sentiment"
weight = 1.0
[training]
iterations = {iterations}
prompts_per_iteration = 4
group_size = 4
{training}[evaluation]
answers_per_prompt = 1
"""


def ours(spec, threads):
    """Figures, mean reward of each iteration, and the training prompts."""
    with tempfile.TemporaryDirectory() as folder:
        file, database = Path(folder) / "peer.toml", Path(folder) / "runs.db"
        file.write_text(spec)
        begun = time.time()
        child = subprocess.Popen([PROGRAM, "run", file, "--db", database, "--json"], stdout=subprocess.DEVNULL,
                                 env=dict(os.environ, RAYON_NUM_THREADS=str(threads)))
        _, status, used = os.wait4(child.pid, 0)
        if status:
            sys.exit("alignpro failed")
        connection = sqlite3.connect(database)
        times = [(at / 1000, seconds) for at, seconds in connection.execute(
            "SELECT started_at_ms, seconds FROM iterations WHERE arm = 'tuned' ORDER BY iteration")]
        ends = [at + seconds for at, seconds in times]
        # What lies between two iterations is the store's: rows, events, and a checkpoint where one is due.
        between = [1000 * (start - end) for end, (start, _) in zip(ends, times[1:])]
        ready = connection.execute("SELECT min(at_ms) FROM events").fetchone()[0] / 1000
        seconds = {name.removeprefix("seconds_"): round(value, 2) for name, value in connection.execute(
            "SELECT name, avg(value) FROM iteration_metrics WHERE arm = 'tuned' AND name LIKE 'seconds%' AND iteration > 1 GROUP BY name")}
        rewards = [value for (value,) in connection.execute(
            "SELECT value FROM iteration_metrics WHERE arm = 'tuned' AND name = 'reward_mean' ORDER BY iteration")]
        prompts = [text for (text,) in connection.execute("SELECT DISTINCT prompt FROM episodes WHERE arm = 'tuned' ORDER BY prompt_index")]
    figures = {"episodes_per_second": EPISODES * (len(ends) - 1) / (ends[-1] - ends[0]), "peak_rss_mib": used.ru_maxrss / 1024,
               "first_iteration_done_after_s": ends[0] - begun, "ready_after_s": ready - begun,
               "storing_an_iteration_ms": statistics.median(between), "storing_and_checkpoint_ms": max(between), "seconds": seconds}
    return figures, rewards, prompts


def theirs(given, iterations, *more):
    model = Path(os.environ.get("ALIGNPRO_HOME", Path.home() / ".local/share/alignpro")) / "models" / MODEL
    command = [given.python, given.script, "--model", model, "--iterations", str(iterations), "--threads", str(given.threads), "--device", given.device]
    done = subprocess.run([*command, *more], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{given.script} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def speed(given):
    rounds = []
    for number in range(given.rounds):
        iterations = given.iterations or 6
        pair = ours(spec(iterations), given.threads)[0], theirs(given, iterations)
        print(f"round {number + 1}: ours {json.dumps(pair[0])}\n         theirs {json.dumps(pair[1])}", flush=True)
        rounds.append(pair)
    print(f"\n{'middle of the rounds':34}{'ours':>10}{'theirs':>10}{'ratio':>8}")
    for name in ["episodes_per_second", "peak_rss_mib", "first_iteration_done_after_s"]:
        own, other = (statistics.median(pair[side][name] for pair in rounds) for side in (0, 1))
        print(f"{name:34}{own:10.2f}{other:10.2f}{own / other:8.2f}")


def learning(given):
    """The mean reward of the first and of the last quarter of the iterations, each seed of each program."""
    iterations = given.iterations or 24
    quarter, means = max(1, iterations // 4), {"ours": [], "theirs": []}

    def pair(seed):
        _, own, prompts = ours(spec(iterations, LEARNING, seed), given.threads)
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.writelines(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts)
            file.flush()
            other = theirs(given, iterations, "--prompts-file", file.name, "--seed", str(seed), "--lr", "1e-3", "--kl", "0")["rewards"]
        for whose, rewards in [("ours", own), ("theirs", other)]:
            first, last = statistics.fmean(rewards[:quarter]), statistics.fmean(rewards[-quarter:])
            means[whose].append((first, last))
            print(f"seed {seed}, {whose:6}: first quarter {first:.3f}, last {last:.3f}; {json.dumps([round(r, 4) for r in rewards])}", flush=True)

    with ThreadPoolExecutor(given.at_once) as pool:
        list(pool.map(pair, range(1, given.learning + 1)))
    for whose, pairs in means.items():
        for part, values in zip(["first quarter", "last quarter"], zip(*pairs)):
            half = T_975[len(values) - 1] * statistics.stdev(values) / len(values) ** 0.5
            print(f"{part}, {whose:6}: mean of {len(values)} seeds {statistics.fmean(values):.3f} ± {half:.3f} (95 %, Student's t)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python")
    parser.add_argument("script")
    parser.add_argument("--iterations", type=int, help="6, or 24 with --learning")
    parser.add_argument("--learning", type=int, metavar="SEEDS", choices=range(2, 11), help="from 2 to 10")
    parser.add_argument("--device", default="cpu", help="of the other program: cpu, or cuda")
    for name, usual in [("--rounds", 2), ("--threads", 2), ("--at-once", 1)]:
        parser.add_argument(name, type=int, default=usual)
    given = parser.parse_args()
    learning(given) if given.learning else speed(given)


if __name__ == "__main__":
    main()
