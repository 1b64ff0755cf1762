#!/bin/sh
# Writes crates/store/.sqlx, the metadata with which `sqlx::query!` checks SQL when there is no database.
# Run it after changing a query or adding a migration, and commit what it wrote.
#   cargo install sqlx-cli --version '^0.9' --no-default-features --features sqlite
set -eu
cd "$(dirname "$0")/../crates/store"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export DATABASE_URL="sqlite://$folder/queries.db?mode=rwc"
cargo sqlx migrate run --source ../../migrations
cargo sqlx prepare "$@" -- --all-targets
