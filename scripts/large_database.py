#!/usr/bin/env python3
"""Writes a run database as large as a year of work makes one: 100 runs, a million episodes, all copies of the shipped example.

Usage: scripts/large_database.py FILE
"""
import json
import shutil
import sqlite3
import sys
from pathlib import Path

RUNS = 100
# The example's 80 iterations of 16 rewrites, so many times over: 10,240 episodes a run.
TIMES = 8


def rows(connection, table, changed):
    """An INSERT of run 1's rows of `table` with some columns changed, as text with one ? for the new run."""
    columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})") if name != "sequence"]
    taken = ", ".join(changed.get(name, name) for name in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {taken} FROM {table} WHERE run = 1"


def main():
    file = Path(sys.argv[1])
    if file.exists():
        sys.exit(f"{file} is there already")
    shutil.copy(Path(__file__).parent.parent / "examples/finished.alignpro", file)
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN")
    iterations = connection.execute("SELECT count(*) FROM iterations WHERE arm = 'tuned'").fetchone()[0]
    for time in range(1, TIMES):
        for table in ("iterations", "iteration_metrics", "episodes"):
            taken = rows(connection, table, {"iteration": f"iteration + {time * iterations}"})
            connection.execute(f"{taken} AND arm = 'tuned' AND iteration <= {iterations}")
        # As a worker writes them: a page that opens the run reads them all.
        connection.execute("INSERT INTO events (run, at_ms, event) SELECT 1, at_ms, json_set(event, '$.iteration', "
                           f"json_extract(event, '$.iteration') + {time * iterations}) FROM events WHERE run = 1 "
                           f"AND json_extract(event, '$.kind') = 'iteration' AND json_extract(event, '$.iteration') <= {iterations}")
    spec = json.loads(connection.execute("SELECT spec FROM specs").fetchone()[0])
    for run in range(2, RUNS + 1):
        # Twenty experiments with five seeds.
        spec["seed"], spec["training"]["kl_coefficient"] = run % 5, 0.001 * (run // 5)
        connection.execute("INSERT INTO specs VALUES (?, ?)", (f"copy {run}", json.dumps(spec)))
        connection.execute(
            "INSERT INTO runs (id, uid, name, status, spec_hash, program_version, created_at_ms, started_at_ms, finished_at_ms) "
            "SELECT ?1, 'copy ' || ?1, 'λ ' || ?2, status, 'copy ' || ?1, program_version, created_at_ms + ?1, started_at_ms, finished_at_ms "
            "FROM runs WHERE id = 1", (run, spec["training"]["kl_coefficient"]))
        for table in ("run_facts", "iterations", "iteration_metrics", "episodes", "evaluation_answers", "events", "reports"):
            connection.execute(rows(connection, table, {"run": str(run)}))
    connection.execute("COMMIT")
    count = connection.execute("SELECT count(*) FROM episodes").fetchone()[0]
    print(f"{file} holds {RUNS} runs with {count:,} episodes")


main()
