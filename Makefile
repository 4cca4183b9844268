# Every target installs and fetches what it needs first, and reuses what is there.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := build/tools/bin
MATRIX ?= 3.11 3.12 3.13
# For pytest: two processes, with models of their own each (about 5 GB). PARALLEL= runs the tests in one.
PARALLEL ?= -n 2 --dist loadfile
FAST := not (models or networks or shared or slow or subprocess)

.PHONY: help install models demo test test-fast test-all test-harnesses test-matrix lint docs speed dist release clean

help:
	@echo "make demo       run OmniSense on the demo clip"
	@echo "make test       run the default tests (some minutes)"
	@echo "make test-fast  run the tests without models, networks and subprocesses"
	@echo "make test-all   run the slow tests too"
	@echo "make test-harnesses  read exports back with lmms-eval and inspect_ai"
	@echo "make lint       ruff and mypy"
	@echo "make docs       build the documentation site"
	@echo "make speed      benchmark perception, agent, evaluation and training against comparable tools"
	@echo "make test-matrix  wheel, sdist and fast tests on Python 3.11 to 3.13 (MATRIX='3.12' for one)"
	@echo "make release    a dry run of a release"
	@echo "make install    install into $(VENV)            make models  download the default models"
	@echo "make clean      remove $(VENV) and build files"
	@echo "Each installs and downloads what it needs first."

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else \
	  f"OmniSense needs Python 3.11 to 3.13, and $(PYTHON) is {v.major}.{v.minor}. Try: make PYTHON=python3.13 ...")'
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
	$(BIN)/python -m pytest $(PARALLEL)

# Needs no model, so it downloads none.
test-fast: $(INSTALLED)
	$(BIN)/python -m pytest -m "$(FAST)"

# In one process: slow tests take all cores and much memory by themselves.
test-all: models
	$(BIN)/python -m pytest --runslow

# Environments of their own, since these need other versions; LMMS_EVAL_PYTHON and INSPECT_PYTHON name existing ones. That of
# lmms-eval shares torch and the like with $(VENV), and adds what its loader of tasks imports.
LMMS_EVAL := lmms-eval chardet DataProperty evaluate loguru mbstrdecoder pathvalidate pytablewriter pytz sqlitedict \
  tabledata tcolorpy typepy
LMMS_EVAL_PYTHON ?= build/lmms-eval/bin/python
INSPECT_PYTHON ?= build/inspect/bin/python

build/lmms-eval/bin/python: | $(INSTALLED)
	$(BIN)/python -m venv build/lmms-eval
	$@ -m pip install --quiet --disable-pip-version-check --no-deps $(LMMS_EVAL)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
	  "$$($@ -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth"

build/inspect/bin/python: | $(INSTALLED)
	$(BIN)/python -m venv build/inspect
	$@ -m pip install --quiet --disable-pip-version-check inspect_ai

test-harnesses: models $(LMMS_EVAL_PYTHON) $(INSPECT_PYTHON)
	OMNISENSE_LMMS_EVAL_PYTHON=$(abspath $(LMMS_EVAL_PYTHON)) OMNISENSE_INSPECT_PYTHON=$(abspath $(INSPECT_PYTHON)) \
	  $(BIN)/python -m pytest --runslow tests/benchmarks/test_exports.py

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p omnisense

docs: $(INSTALLED)
	$(BIN)/python scripts/docs.py

speed: models
	$(BIN)/python -m omnisense.benchmarks.speed
	$(BIN)/python -m omnisense.benchmarks.speed.harness
	$(BIN)/python -m omnisense.benchmarks.speed.training

# What builds and installs, apart from OmniSense itself, which it does not need.
$(TOOLS)/uv:
	$(PYTHON) -m venv build/tools
	$(TOOLS)/python -m pip install --quiet --disable-pip-version-check build twine uv

# The sdist and the wheel that a release would publish, checked.
dist: $(TOOLS)/uv
	rm -rf build/dist
	$(TOOLS)/python -m build --outdir build/dist
	$(TOOLS)/python -m twine check --strict build/dist/*

# For each Python that runs here: the wheel and the sdist are installed with everything that they ask for and tried as a user
# would, then the fast tests run. uv installs: it fetches in parallel, and its cache gives every Python the wheels that are the
# same for all. An environment takes 9 GB, and is removed when its Python has passed.
test-matrix: dist
	@for version in $(MATRIX); do \
	  python$$version -c '' 2> /dev/null || { echo "python$$version does not run here: skipped"; continue; }; \
	  echo "== python$$version"; python=build/matrix-$$version/bin/python; \
	  python$$version -m venv --clear build/matrix-$$version && \
	  $(TOOLS)/uv pip install --quiet --python $$python "$$(ls build/dist/*.whl)[test]" -c constraints.txt && \
	  $$python scripts/smoke_test.py && \
	  $$python -m pytest -m "$(FAST)" && \
	  $(TOOLS)/uv pip install --quiet --python $$python --reinstall --no-deps build/dist/*.tar.gz && \
	  $$python scripts/smoke_test.py && \
	  rm -rf build/matrix-$$version || exit 1; \
	done

# Build, check and install what a release would publish, without torch; nothing is published.
release: dist
	rm -rf build/release
	$(PYTHON) -m venv build/release
	build/release/bin/pip install --quiet --disable-pip-version-check -r requirements-lean.txt
	build/release/bin/pip install --quiet --disable-pip-version-check --no-deps build/dist/*.whl
	cd build && release/bin/omnisense --version && release/bin/python -c 'import omnisense; omnisense.Agent'

clean:
	rm -rf $(VENV) build *.egg-info
