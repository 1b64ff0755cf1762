#!/usr/bin/env python3
"""Runs the workspace's tests for `make test`: `cargo test --release --workspace`, but two programs at a time.

Cargo runs one program of tests after another, and many of ours wait: for a window to paint, for a server, for a run that a lock holds alone. What a
program prints is shown when it has ended. Ends with 1 where one failed, after all have run.

Usage: scripts/test.py [FEATURES ...]
"""
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOGETHER = 2
# The longest first, so that none is left to the end alone: the real window, then what starts the program.
FIRST = ["src-tauri", "worker", "inference-mistralrs", "lm"]


def programs(features):
    """The programs of tests, built: the folder that each runs in, its name for people, and its path."""
    command = ["cargo", "test", "--release", "--workspace", "--locked", *features, "--no-run", "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if built.returncode:
        sys.exit(built.returncode)
    found = []
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            folder = Path(message["manifest_path"]).parent
            found.append((folder, f"{folder.name} {message['target']['kind'][0]} {message['target']['name']}", message["executable"]))
    rank = {name: place for place, name in enumerate(FIRST)}
    return sorted(found, key=lambda one: (rank.get(one[0].name, len(FIRST)), one[1]))


def run(program):
    folder, name, path = program
    begun = time.monotonic()
    ended = subprocess.run([path], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    print(f"{'ok' if ended.returncode == 0 else 'FAILED'}: {name}, {time.monotonic() - begun:.0f} s\n{ended.stdout.strip()}\n", flush=True)
    return name if ended.returncode else None


def main():
    features = sys.argv[1:]
    with ThreadPoolExecutor(TOGETHER) as pool:
        failed = [name for name in pool.map(run, programs(features)) if name]
    # Examples in the documentation have programs of their own.
    documented = subprocess.run(["cargo", "test", "--release", "--workspace", "--locked", *features, "--doc", "--quiet"], cwd=ROOT)
    if documented.returncode:
        failed.append("examples in the documentation")
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
