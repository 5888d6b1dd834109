# `make demo` runs the main job, `make test` proves the house. Everything lives in this folder.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export EVERYCENT_HOME ?= $(CURDIR)/.everycent

.DEFAULT_GOAL := help
.PHONY: help setup demo test check soak faults bench lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-7s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## create the environment in .venv from the lock file

$(VENV)/.ready: requirements.lock pyproject.toml client/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "everycent needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing pinned dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable client
	@touch $@

demo: setup ## bill a real electricity utility and a cloud on the embedded database, explain lines, prove the books
	@echo "Reports from sub-services, of which one falls over:"; echo
	@$(BIN)/everycent example reports
	@echo; echo "Half a year of a real electricity utility:"; echo
	@$(BIN)/everycent demo

check: setup ## format, lint, types and import order (seconds)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

test: check ## everything that CI runs, from nothing, against a real PostgreSQL
	@./scripts/ensure-hledger
	@$(BIN)/python -m pytest -n 3 --dist loadfile

soak: setup ## the long suites (see docs/testing.md)
	@$(BIN)/python -m pytest -m soak

faults: setup ## seven faults in every state of billing and between every two: 175 cells (half an hour)
	@$(BIN)/python -m tests.faults

bench: setup ## measure against reference limits; writes benchmarks/results and prints a table
	@$(BIN)/python -m benchmarks

lock: ## renew requirements.lock from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv==0.13.8
	@$(BIN)/uv pip compile --quiet --universal --extra dev --generate-hashes --no-header --no-annotate \
		--python-version 3.11 pyproject.toml -o requirements.lock

clean: ## stop the embedded database and remove it with the environment
	@-test -x $(BIN)/everycent && $(BIN)/everycent down
	@rm -rf .everycent $(VENV)
