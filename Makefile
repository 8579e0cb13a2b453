# Every command of this page sets up what it needs: Python >= 3.11, make and a package index are enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
METADATA := pyproject.toml setup.py constraints.txt
TYPES := build/types/knowhow
DEMO := runs/demo
COMMA := ,

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check lint types format alfworld worlds web train ray openenv clean

help:  ## List these commands.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.base  ## Let an agent learn in the household, offline, in a minute or two, and write a report.
	@if [ -e $(DEMO) ]; then echo "$(DEMO), of an earlier demo, makes way for the new one"; rm -rf $(DEMO); fi
	$(BIN)/knowhow evolve --suite household --model novice --episodes 200 --rounds 5 --validation 100 --out $(DEMO)

test: $(VENV)/.dev  ## Run the tests; ARGS="-k journal" goes to pytest.
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile $(ARGS)

check: lint types test  ## All that has to pass: lint, types and tests.

lint: $(VENV)/.dev  ## Look for mistakes and for what is not formatted.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## Check the types, strictly.
	@mkdir -p $(TYPES)
	@for part in agents memory environments training evals py.typed; do ln -sfn ../../../$$part $(TYPES)/$$part; done
	$(BIN)/mypy
	$(BIN)/mypy --no-strict-equality tests

format: $(VENV)/.dev  ## Format the code, and mend what ruff can mend.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

alfworld: $(VENV)/.alfworld  ## Install ALFWorld's engine; its planner is compiled, which takes some minutes.

worlds: $(VENV)/.worlds  ## Install the engines of textworld, scienceworld, gymnasium and reasoning, and readers of data sets.

train: $(VENV)/.train  ## Install what trains and serves local models: PyTorch, Transformers, PEFT, TRL.

ray: $(VENV)/.ray  ## Install Ray, which plays episodes on many machines.

openenv: build/openenv/.done  ## Install OpenEnv beside Knowhow, for the tests that play its environments.
web: $(VENV)/.web  ## Install what the suites of web pages need, and a browser where there is none.

clean:  ## Remove what was installed and built here; runs/ stays.
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { \
		echo "error: $(PYTHON) is no Python >= 3.11; name one, as in: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) > /dev/null || { rm -rf $(VENV); \
		echo "error: $(PYTHON) makes no virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }

# $(1) is an extra in brackets or nothing, $(2) what to tell. A .venv that uv made has no pip.
define install
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(BIN)/python -m ensurepip > /dev/null
	@echo "installing $(2) into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.$(1)'
	@touch $(VENV)/.base $@
endef

$(VENV)/.base: $(METADATA) | $(BIN)/python
	$(call install,,Knowhow (about a minute))

$(VENV)/.dev: $(METADATA) | $(BIN)/python
	$(call install,[dev],Knowhow and what its tests need (about a minute))

$(VENV)/.alfworld: $(METADATA) | $(BIN)/python
	@for tool in g++ cmake; do command -v $$tool > /dev/null || { \
		echo "error: ALFWorld's planner is compiled and needs $$tool; on Debian: apt install g++ cmake" >&2; exit 1; }; done
	$(call install,[alfworld],ALFWorld's engine (some minutes))

$(VENV)/.worlds: $(METADATA) | $(BIN)/python
	@command -v java > /dev/null || \
		echo "without Java the suite scienceworld cannot play; on Debian: apt install openjdk-17-jre-headless" >&2
	$(call install,[worlds$(COMMA)data],the engines of more worlds (some minutes))

$(VENV)/.web: $(METADATA) | $(BIN)/python
	$(call install,[web$(COMMA)browsergym],Playwright's and BrowserGym's packages (about a minute))
	@for browser in chromium chromium-browser google-chrome google-chrome-stable chrome; do \
		command -v $$browser > /dev/null && exit 0; done; timeout 600 $(BIN)/playwright install chromium > /dev/null 2>&1 || \
		echo "without a browser the suites of web pages cannot play; on Debian: apt install chromium" >&2

$(VENV)/.train: $(METADATA) | $(BIN)/python
	$(call install,[train],what trains and serves local models (some minutes))

$(VENV)/.ray: $(METADATA) | $(BIN)/python
	$(call install,[ray],Ray (about a minute))

# OpenEnv wants other versions than ours, and a web interface that nobody needs here: it gets what it runs with, by itself.
build/openenv/.done: tests/openenv.txt
	@echo "installing OpenEnv into build/openenv"
	@$(PYTHON) -m venv build/openenv
	@build/openenv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement tests/openenv.txt
	@touch $@
