# `make help` lists the targets. Each sets up what it needs first.
PYTHON ?= python3
BIN := .venv/bin
SEED ?= 1
PYTEST := $(BIN)/pytest
# These measure whole servers by the clock, or kill them: they run after the others, one by one.
ALONE := tests/journeys tests/chaos
TOGETHER := $(PYTEST) -n 2 --dist loadfile $(ALONE:%=--ignore=%)

.DEFAULT_GOAL := help
.PHONY: setup demo test test-all check fmt bench simulate docs clean help

setup:  ## Build .venv and the pages' third-party files from the lock files
	@$(PYTHON) tools/setup.py

demo: setup  ## Start Onefold with a simulated company in it (Ctrl-C stops it)
	@$(BIN)/onefold demo

test: setup check  ## Everything but the slow tests; what CI runs (≤ 12 minutes on two cores)
	@$(PYTHON) tools/chromium.py; case $$? in 0) ;; 3) without=" and not browser" ;; *) exit 1 ;; esac; \
	$(TOGETHER) -m "not slow$$without" && $(PYTEST) $(ALONE) -m "not slow$$without"

test-all: setup check  ## Everything, on the embedded PostgreSQL and on PostgreSQL 15 (≤ 60 minutes)
	@CI=true $(PYTHON) tools/chromium.py
	@$(PYTHON) tools/mariadb.py
	@$(TOGETHER)
	@$(PYTEST) $(ALONE)
	@$(BIN)/python tools/with_postgres.py 15 $(TOGETHER) -m "not slow"

check: setup  ## Lint, types and import contracts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: setup  ## Format, and fix what lint can fix
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: setup  ## Measure the budgets and print them side by side
	@.tools/uv-*/bin/uv sync --locked --quiet --inexact --group bench
	@$(BIN)/python -m bench

simulate: setup  ## Run the simulator with SEED=n
	@$(BIN)/python -m tests.simulate --seed $(SEED)

docs: setup  ## Renew the generated parts of docs/reference
	@$(BIN)/python tools/docs.py

clean:  ## Remove what setup and the tests made (never your data)
	@rm -rf .venv .tools frontend/node_modules src/onefold/web/static/vendor src/onefold/collect/vendor dist \
	  .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests bench tools -name __pycache__ -prune -exec rm -rf {} +

help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
