#!/usr/bin/env bash
# Writes the TypeScript of the boundary (crates/contract) where the pages import it. With --check: only says whether it is current.
set -euo pipefail
cd "$(dirname "$0")/.."
file=ui/src/lib/ipc/types.ts
cargo build --release --workspace --locked --quiet ${CARGO_FEATURES:-} --example types
written=$("${CARGO_TARGET_DIR:-target}/release/examples/types")
if [ "${1:-}" = --check ]; then
    diff -u "$file" <(printf '%s\n' "$written") >&2 || { echo "$file is not what crates/contract says; run scripts/write_types.sh" >&2; exit 1; }
else
    printf '%s\n' "$written" >"$file"
fi
