# Every target sets up what it needs: a Python of 3.11 or newer and a package index are enough.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
# Tests wait now and then: three workers keep two cores busy.
WORKERS ?= 3

# Compiled once, Python's modules are imported twice as fast; deployments start several processes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help quickstart quickstart-destroy test test-all check docs bench clean

help: ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed; none was found on PATH."; exit 1; }
	@echo "==> Virtual environment $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(BIN)/python
	@echo "==> Installing pulumi-wmlfl and what the quickstart needs: a minute or two, once"
	@$(BIN)/python -m pip install --quiet -e '.[all]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "==> Installing pulumi-wmlfl and what its tests need: some minutes, once"
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'  # knows dependency groups
	@$(BIN)/python -m pip install --quiet -e '.[all]' --group dev
	@touch $@

$(VENV)/.heavy: $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet -e '.[all,crypto]'
	@touch $@

quickstart: $(VENV)/.run ## Two experiments on a local WML service, one of them trained by three parties.
	@$(BIN)/python examples/quickstart.py

quickstart-destroy: $(VENV)/.run ## Destroy both and stop the service.
	@$(BIN)/python examples/quickstart.py --destroy

test: $(VENV)/.dev ## Run every test.
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-all: $(VENV)/.heavy ## Run the thorough tests too: large frameworks, every kill, both engines. Takes long.
	@WMLFL_TEST_ALL=1 WMLFL_TEST_HEAVY=1 WMLFL_PROOF=all $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(VENV)/.dev ## Format, lint, types.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

docs: $(VENV)/.dev ## Build the documentation into build/site; a broken link fails.
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open build/site/index.html"

bench: $(VENV)/.dev ## Run every benchmark; benchmarks/README.md tells what they measure.
	@for file in benchmarks/*.py; do name=$$(basename $$file .py); \
	  echo "==> $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done

clean: ## Remove the virtual environment and what was built.
	@rm -rf $(VENV) build dist .wmlfl .pulumi-state
