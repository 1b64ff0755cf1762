#!/usr/bin/env python3
"""Checks that building and testing compile every dependency with the same features, so that nothing is compiled twice.

Compares cargo's plan for `cargo build --release --workspace` with that for `cargo test --release --workspace`. Compiles nothing.
"""
import json
import os
import subprocess
import sys


def plan(*command):
    """Features of every unit that is compiled, by package, target, mode and platform."""
    flags = ["--release", "--workspace", "--locked", "-Z", "unstable-options", "--unit-graph"]
    # The plan is printed by nightly cargo only, unless it is told otherwise.
    environment = os.environ | {"RUSTC_BOOTSTRAP": "1"}
    output = subprocess.run(["cargo", *command, *flags], env=environment, check=True, capture_output=True).stdout
    units = {}
    for unit in json.loads(output)["units"]:
        if unit["mode"] in ("build", "run-custom-build"):
            key = (unit["pkg_id"], unit["target"]["name"], unit["mode"], unit["platform"])
            units.setdefault(key, set()).add(tuple(sorted(unit["features"])))
    return units


def main():
    build, test = plan("build"), plan("test", "--no-run")
    different = [key for key, features in build.items() if test.get(key, features) != features]
    for key in different:
        only_test = set().union(*test[key]) - set().union(*build[key])
        print(f"{key[0].rsplit('/', 1)[-1]}: tests add the features {', '.join(sorted(only_test)) or '(other sets)'}")
    if different:
        print("Name these features in crates/worker/Cargo.toml, or all that depends on them is compiled twice.")
    sys.exit(bool(different))


main()
