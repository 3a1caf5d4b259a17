# The few commands of this project, the same for a person and for CI. `make` alone lists them.

BIN := .venv/bin
READY := .venv/.graft-ready
DOCS := build/docs-env

# What the demo runs; each may be given: make demo DEMO_EFFORT=full
DEMO_DATA ?= src/graft/demo/tickets.csv
DEMO_TEXT ?= message
DEMO_LABEL ?= category
DEMO_ID ?= id
DEMO_EFFORT ?= quick
DEMO_OUT ?= demo-study

# Further options for pytest: make test ARGS="-k duplicates"
ARGS ?=

# Compiled tests and modules are kept, whatever the machine says: without them a run spends a minute compiling.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help venv demo demo-questions picture test test-slow test-all lint bench docs lock clean
.DELETE_ON_ERROR:

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

venv: $(READY) ## build or update .venv from requirements.lock (needs Python 3.11 or newer)
	@echo "venv: ready"

$(READY): requirements.lock pyproject.toml scripts/venv
	@scripts/venv

demo: $(READY) ## study the demo tickets: does the pretrained model help?
	@echo "demo: $(DEMO_DATA) -> $(DEMO_OUT)/"
	@$(BIN)/graft study $(DEMO_DATA) --text $(DEMO_TEXT) --label $(DEMO_LABEL) --id $(DEMO_ID) \
		--out $(DEMO_OUT) --effort $(DEMO_EFFORT)

demo-questions: ## study the demo questions, where meaning counts and words do not
	@$(MAKE) --no-print-directory demo DEMO_DATA=src/graft/demo/questions.csv DEMO_TEXT=question DEMO_LABEL=topic \
		DEMO_OUT=demo-questions

picture: demo ## make the demo's picture in the README anew (needs Chromium)
	@scripts/picture $(DEMO_OUT)/report.html

test: $(READY) ## the everyday tests
	@echo "test: everything not marked slow"
	@$(BIN)/python -m pytest -q -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow: $(READY) ## only the tests marked slow
	@echo "test: only what is marked slow"
	@$(BIN)/python -m pytest -q -m slow -n 2 --dist loadfile --no-loadscope-reorder $(ARGS) || { status=$$?; test $$status -eq 5 && echo "test: no test is marked slow"; }

test-all: $(READY) ## every test, the slow ones too
	@echo "test: everything"
	@$(BIN)/python -m pytest -q $(ARGS)

lint: $(READY) ## style, types and the layering
	@echo "lint: ruff check"
	@$(BIN)/ruff check --quiet .
	@echo "lint: ruff format"
	@$(BIN)/ruff format --check --quiet . || { echo "  fix: .venv/bin/ruff format ." >&2; exit 1; }
	@echo "lint: mypy"
	@$(BIN)/mypy --no-error-summary
	@echo "lint: imports"
	@$(BIN)/lint-imports --no-logo

bench: $(READY) ## measure (adds the packages of requirements-bench.lock)
	@echo "bench: installing what the benchmark adds"
	@$(BIN)/python -m pip -qq --disable-pip-version-check install -r requirements-bench.lock -c requirements.lock
	@$(BIN)/python -m bench $(ARGS)

docs: $(READY) ## build the documentation into site/
	@echo "docs: installing the documentation tools into $(DOCS)"
	@test -x $(DOCS)/bin/python || $(BIN)/python -m venv $(DOCS)
	@$(DOCS)/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["docs"], sep="\n")' > $(DOCS)/docs.txt
	@$(DOCS)/bin/python -m pip -qq --disable-pip-version-check install -r $(DOCS)/docs.txt
	@echo "docs: building site/"
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet --strict

lock: ## make both locks anew (a few minutes)
	@scripts/lock

clean: ## remove .venv and everything that was built
	@rm -rf .venv build dist site demo-study .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests scripts bench -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "clean"
