# Every target installs and fetches what it needs first, and reuses what is there.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help install models demo test test-fast test-all lint speed clean

help:
	@echo "make demo       run OmniSense on the demo clip"
	@echo "make test       run the default tests (some minutes)"
	@echo "make test-fast  run the tests without models, networks and subprocesses (under a minute)"
	@echo "make test-all   run the slow tests too"
	@echo "make lint       ruff and mypy"
	@echo "make speed      benchmark perception, agent, evaluation and training against comparable tools"
	@echo "make install    install into $(VENV)            make models  download the default models"
	@echo "make clean      remove $(VENV) and build files"
	@echo "Each installs and downloads what it needs first."

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else \
	  f"OmniSense needs Python 3.11 to 3.13, and $(PYTHON) is {v.major}.{v.minor}. Try: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "No virtual environment: install python3-venv, or run: make PYTHON=/path/to/python ..."; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]' -c constraints.txt
	@touch $@

install: $(INSTALLED)

models: $(INSTALLED)
	@$(BIN)/omnisense models pull default

demo: models
	@$(BIN)/omnisense demo

test: models
	$(BIN)/python -m pytest

# Needs no model, so it downloads none.
test-fast: $(INSTALLED)
	$(BIN)/python -m pytest -m "not (models or networks or shared or slow or subprocess)"

test-all: models
	$(BIN)/python -m pytest --runslow

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p omnisense

speed: models
	$(BIN)/python -m omnisense.benchmarks.speed
	$(BIN)/python -m omnisense.benchmarks.speed.harness
	$(BIN)/python -m omnisense.benchmarks.speed.training

clean:
	rm -rf $(VENV) build *.egg-info
