# Every target sets up what it needs: a virtual environment in .venv from the hash-pinned lock files.
# Variables: PYTHON=python3.12 (which Python), T="tests/unit -k sale" (which tests), JOBS=4 (tests at once),
# SEED=7 EVENTS=3000 MINUTES=4 (which drill, how much, how long things go wrong).

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
JOBS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))
T ?=

# The first interpreter that is new enough; the `PYTHON` of the command line or the environment goes first.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: help run test test-fast bench drill lint format lock clean

help: ## Show this list
	@echo "ultracart-relay: make <target>"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

run: $(VENV)/run.stamp ## Set up and run everything; Ctrl-C ends it (sandbox mode without ONTRAPORT keys)
	@exec $(BIN)/relay run

test: $(VENV)/dev.stamp ## Set up and run every check and test; T=path narrows the tests
	@$(MAKE) lint
	@exec $(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(T)

test-fast: $(VENV)/dev.stamp ## Only the tests that start no server
	@exec $(BIN)/python -m pytest -m "not server and not slow" $(T)

bench: $(VENV)/dev.stamp ## Measure throughput against the plain way; writes a table
	@exec $(BIN)/python -m tests.bench

drill: $(VENV)/dev.stamp ## Kill everything, fail in every way, compare; SEED=7 EVENTS=3000 MINUTES=4
	@exec $(BIN)/python -m tests.drill $(if $(SEED),--seed $(SEED)) $(if $(EVENTS),--events $(EVENTS)) \
		$(if $(MINUTES),--minutes $(MINUTES))

lint: $(VENV)/dev.stamp ## Style, formatting, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@exec $(BIN)/lint-imports

format: $(VENV)/dev.stamp ## Rewrite the code in the house format
	@$(BIN)/ruff check --fix --quiet . || true
	@exec $(BIN)/ruff format .

lock: ## Pin the newest allowed versions with their hashes (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv on the PATH" >&2; exit 2; }
	@uv pip compile pyproject.toml --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-emit-index-url --no-header --quiet -o requirements.lock
	@exec uv pip compile pyproject.toml --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-emit-index-url --no-header --quiet -c requirements.lock --group dev --group bench \
		-o requirements-dev.lock

clean: ## Remove the virtual environment and the caches; the data in var/ stays
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/run.stamp: requirements.lock | $(BIN)/relay
	@echo "Installing what the relay needs (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock | $(VENV)/run.stamp
	@echo "Installing what the tests need (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# The package is not installed but put on the path, with the one script that it has: building it would need
# setuptools, which a fresh virtual environment of Python 3.12 lacks.
$(BIN)/relay:
	@$(if $(PYTHON),,echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 2)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "PYTHON=$(PYTHON): Python 3.11 or newer is needed" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) -m venv failed; Debian has it in python3-venv" >&2; exit 2; }
	@echo "$(CURDIR)" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/relay.pth"
	@printf '#!/bin/sh\nexec "%s" -m app.cli "$$@"\n' "$(CURDIR)/$(BIN)/python" > $@
	@chmod +x $@
