# `make run` and `make test` are the two that matter; README.md says what they do.
SHELL := /bin/bash
.DEFAULT_GOAL := help

UV ?= $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
BIN := .venv/bin
ENCODER := .venv/share/buybuddy/models/efficientnet-lite0.onnx
WITH_NODE := scripts/with-node
PNPM := $(WITH_NODE) npx --yes pnpm@10.34.9
WEB_SOURCES := $(shell find apps/web -type f -not -path '*/node_modules/*' -not -path '*/.next/*' -not -path '*/out/*' -not -name '*.tsbuildinfo' -not -name next-env.d.ts 2>/dev/null)
export NEXT_TELEMETRY_DISABLED := 1

.PHONY: help setup torch web run demo test chaos walks fuzz check format openapi bench clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | column -t -s $$'\t'

setup: ## install everything the platform needs (Python packages, the offline encoder, the web pages)
	@$(MAKE) --no-print-directory -j2 $(ENCODER) .make/torch .make/web

torch: ## install PyTorch, which training needs
	@rm -f .make/torch
	@$(MAKE) --no-print-directory .make/torch

web: .make/web ## build the web pages

run: setup ## start the platform on http://127.0.0.1:8000 and run the demo in it; Ctrl-C stops it
	@exec $(BIN)/buybuddy up --demo

demo: $(ENCODER) ## the same line without a browser: a table, and a report with the pictures
	@$(BIN)/buybuddy demo

test: setup check ## everything: checks, unit, contract, integration, fault and browser tests
	$(BIN)/pytest

chaos: setup ## kill the platform's processes at random moments, BUYBUDDY_CHAOS_ROUNDS times (20)
	$(BIN)/pytest -m campaign -s --timeout 7200 tests/chaos

walks: setup ## decide about photos in BUYBUDDY_MATCHING_STEPS (10000) random steps, beside a model of what should be
	$(BIN)/pytest -m campaign -s --timeout 7200 tests/integration/test_matching_decisions.py

fuzz: setup ## ask every operation BUYBUDDY_FUZZ_EXAMPLES (1000) made-up questions, as every role
	BUYBUDDY_FUZZ_EXAMPLES=$${BUYBUDDY_FUZZ_EXAMPLES:-1000} $(BIN)/pytest -m campaign -s --timeout 36000 tests/contract/test_schemathesis.py

check: $(ENCODER) .make/node-modules ## format, lint, types, import contracts, unit tests, the pages' own checks
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --verbose | tail -n 3
	$(BIN)/python -m buybuddy.cli.openapi --check
	$(BIN)/python sdk/python/scripts/generate.py --check
	$(BIN)/pytest -q tests/unit
	cd apps/web && ../../$(PNPM) --silent check

format: $(ENCODER) ## format Python and web sources, sort imports
	$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .
	cd apps/web && ../../$(PNPM) --silent format

openapi: $(ENCODER) ## write the API's description, and the Python and web clients that follow from it
	$(BIN)/python -m buybuddy.cli.openapi
	$(BIN)/python sdk/python/scripts/generate.py
	cd apps/web && ../../$(PNPM) --silent generate

bench: setup ## measure what docs/BENCHMARKS.md reports
	$(BIN)/buybuddy bench video
	-$(BIN)/buybuddy bench retrieval
	-$(BIN)/buybuddy bench ingest
	$(BIN)/buybuddy bench augment
	$(BIN)/buybuddy bench api
	$(BIN)/buybuddy bench export
	$(BIN)/buybuddy bench queue

clean: ## remove what was installed and built; the platform's data stays
	rm -rf .venv .uv .make node_modules apps/web/node_modules apps/web/.next apps/web/out

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv

.make/python: pyproject.toml sdk/python/pyproject.toml uv.lock .python-version $(filter .uv/%,$(UV))
	$(UV) sync --frozen --inexact --quiet
	@mkdir -p .make && touch $@

.make/torch: .make/python scripts/install-torch
	@scripts/install-torch $(UV) $(BIN)/python
	@touch $@

# The packaged weights of the offline encoder, turned into ONNX once.
$(ENCODER): .make/python src/buybuddy/ml/retrieval/export_encoder.py src/buybuddy/ml/retrieval/efficientnet.py
	@mkdir -p $(@D)
	$(BIN)/python -m buybuddy.ml.retrieval.export_encoder --output $@
	@touch $@

.make/node-modules: package.json pnpm-lock.yaml pnpm-workspace.yaml apps/web/package.json scripts/with-node $(filter .uv/%,$(UV))
	$(PNPM) install --frozen-lockfile --silent
	@mkdir -p .make && touch $@

.make/web: .make/node-modules $(WEB_SOURCES)
	cd apps/web && ../../$(PNPM) --silent build
	@touch $@
