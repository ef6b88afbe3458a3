# Needs nothing but make and Python 3.11 or later: every target sets up .venv by itself, from the hash-pinned
# lock files. `make check` is what continuous integration runs.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
COMPILE = $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options
# Two at a time, whole files: most tests wait for the disk or for processes of their own.
PARALLEL := -n 2 --dist loadfile
FLOOR_OF_CORE := 100
FLOOR_OF_ALL := 90

.DEFAULT_GOAL := help
.PHONY: help demo test check check-long bench fmt lock clean softhsm
.DELETE_ON_ERROR:

help: ## Show what can be made
	@echo "Hotline Exchange. Targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s%s\n", $$1, $$2 }'

demo: $(STAMP) ## Run a whole network of hotlines on this machine, in one terminal
	$(BIN)/hotline-exchange demo

test: $(STAMP) softhsm ## Run the tests, without the long ones
	$(BIN)/python -m pytest -m "not long" $(PARALLEL)

check: $(STAMP) softhsm ## All that must hold before a merge: style, types, tests, coverage
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not long" $(PARALLEL) --cov --cov-report=term:skip-covered --cov-fail-under=$(FLOOR_OF_ALL)
	$(BIN)/coverage report --include='exchange/core/*' --skip-covered --show-missing --fail-under=$(FLOOR_OF_CORE)

check-long: check ## The same, then the long tests of the release lane
	$(BIN)/python -m pytest -m long

bench: $(STAMP) ## Measure throughput and the cost of each step
	$(BIN)/python -m bench

fmt: $(STAMP) ## Format the code and mend what can be mended by itself
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: $(STAMP) ## Pin the newest allowed dependencies again (asks the package index)
	$(COMPILE) --upgrade --output-file requirements.lock pyproject.toml
	$(COMPILE) --upgrade --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

clean: ## Remove .venv and everything that was made
	rm -rf .venv build dist htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# SoftHSM stands in for a hardware token. Where it cannot be installed, the tests that need it say so and are
# skipped.
softhsm:
	@command -v softhsm2-util >/dev/null || [ "$$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y softhsm2; } \
		>/dev/null 2>&1 || true

# The stamp is written last, so that an interrupted installation is taken up again.
$(STAMP): requirements-dev.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not there. Install Python 3.11 or later" \
		"(Debian, Ubuntu: apt-get install python3 python3-venv), or say which: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is" \
		"$$($(PYTHON) -c 'import platform; print(platform.python_version())'), but 3.11 or later is needed." \
		"Say where it is: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: this Python cannot make virtual" \
		"environments. Debian, Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@
