# Every target sets up what it needs: a Python of 3.11 or newer and a package index are enough.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help quickstart quickstart-destroy test check clean

help: ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed; none was found on PATH."; exit 1; }
	@echo "==> Virtual environment $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.run: pyproject.toml | $(BIN)/python
	@echo "==> Installing pulumi-wmlfl and what the quickstart needs"
	@$(BIN)/python -m pip install --quiet -e '.[all]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "==> Installing pulumi-wmlfl and what its tests need"
	@$(BIN)/python -m pip install --quiet -e '.[all]' --group dev
	@touch $@

quickstart: $(VENV)/.run ## Run the example experiment against a local WML service.
	@$(BIN)/python examples/quickstart.py

quickstart-destroy: $(VENV)/.run ## Destroy the experiment and stop the service.
	@$(BIN)/python examples/quickstart.py --destroy

test: $(VENV)/.dev ## Run every test.
	@$(BIN)/python -m pytest -n $(WORKERS)

check: $(VENV)/.dev ## Format, lint, types.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

clean: ## Remove the virtual environment and what was built.
	@rm -rf $(VENV) build dist .wmlfl .pulumi-state
