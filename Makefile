PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install quickstart test test-all test-export test-fuzz test-faults test-faults-each lint format clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv with the package and all it needs

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing about $$(grep -c == constraints.txt) packages into $(VENV): some minutes and" \
		"3 GB of disk, most of it for PyTorch and Ray. pip says what it does:"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --root-user-action ignore \
		--progress-bar on --constraint constraints.txt --editable '.[test,postgresql,cluster,export]'
	@touch $@

quickstart: install ## Search on real images, print and draw the front, retrain its knee (or best)
	$(BIN)/nas search configs/searches/digits.yaml --again
	$(BIN)/nas retrain latest --pick knee-or-best --baseline

test: install ## Run the tests
	$(BIN)/python -m pytest -n 2 -m "not (alone or ray or slow)"
	$(BIN)/python -m pytest -m "alone and not slow"
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "ray and not slow"

test-all: test ## Run the slow tests too
	$(BIN)/python -m pytest -m slow

test-export: install ## Export and run 100 networks of every space and each of the zoo (hours)
	EXPORTED=$${EXPORTED:-100} $(BIN)/python -m pytest -n 2 \
		tests/nas/workflows/exporting/test_every_network.py

test-fuzz: install ## Read thousands of mutated files, with FUZZ_SEED=... others
	FUZZ_ROUNDS=$${FUZZ_ROUNDS:-1000} $(BIN)/python -m pytest -n 2 tests/fuzz

SEEDS ?= 0-59

test-faults: install ## Inject 300 faults (2 hours), with SEEDS=0-11 a part; records in build/faults
	$(BIN)/python -m tests.faults --seeds $(SEEDS)

test-faults-each: install ## Inject a fault of each kind (25 minutes)
	$(BIN)/python -m tests.faults --each

lint: install ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install ## Put the code into the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove .venv and caches; runs stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
