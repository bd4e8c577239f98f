# The two commands are `make demo` and `make test`. Each sets everything up by itself; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all lint types bench bench-full clean

VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
export PYTHON PIP_ARGS MIN_FREE_GB

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  ARGS="..."      more arguments for demo, test or bench, for instance make test ARGS="-k geometry"'
	@echo '  PYTHON=...      which Python (3.11, 3.12 or 3.13); otherwise one is found'
	@echo '  PIP_ARGS="..."  more arguments for pip, for instance an index of CPU-only torch builds'
	@echo '  VENV=...        where the environment goes (default .venv)'
	@echo '  MIN_FREE_GB=0   set up although the disk looks too full'

setup:
	@scripts/setup.sh "$(VENV)"

demo: setup ## train, calibrate and evaluate small models; writes report/index.html
	$(BIN)/foveate demo --out report $(ARGS)

test: setup ## run the test suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 $(ARGS)

test-all: ## run the test suite on every Python of 3.11-3.13 that this machine has
	@ran= failed= missing=; \
	for version in 3.11 3.12 3.13; do \
		if python=$$(PYTHON= scripts/find_python.sh $$version 2>/dev/null); then \
			ran="$$ran $$version"; \
			$(MAKE) test VENV=.venv-$$version PYTHON="$$python" || failed="$$failed $$version"; \
		else \
			missing="$$missing $$version"; \
		fi; \
	done; \
	echo "tested on:$${ran:- none}; failed on:$${failed:- none}; not on this machine:$${missing:- none}"; \
	test -n "$$ran" && test -z "$$failed"

lint: setup ## check style and formatting (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## check types (mypy)
	$(BIN)/mypy

bench: setup ## run the benchmarks: at most 60 minutes on two cores
	$(BIN)/python -m benchmarks.run --minutes 60 $(ARGS)

bench-full: setup ## run every cell of the benchmarks, with a cache; takes hours, resumes
	$(BIN)/python -m benchmarks.run --full $(ARGS)

clean: ## remove environments made by these targets, builds, caches and report/; keeps runs/ and .bench-cache/
	@for venv in .venv .venv-3.11 .venv-3.12 .venv-3.13 "$(VENV)"; do \
		if test -f "$$venv/foveate.begun"; then rm -rf "$$venv"; fi; \
	done
	rm -rf build dist report .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find foveate tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
