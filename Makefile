# demo, test, lint, bench: each works on a fresh clone with nothing but Python >= 3.11.
# What is installed is noted by a stamp file, so that a second run starts at once and needs no network.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
OUT := output
EXAMPLE := examples/two_layer_perceptron.yaml
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench

help:
	@echo 'make demo    render $(EXAMPLE) to a PDF answer key'
	@echo 'make test    the test suite (PYTEST_ARGS="tests/ops -k softmax" for a part)'
	@echo 'make lint    ruff and mypy --strict'
	@echo 'make bench   the numbers we hold ourselves to'

$(VENV)/pyvenv.cfg:
	@test -n '$(PYTHON)' || { echo 'symbackprop needs Python 3.11 or newer; set PYTHON=/path/to/python3' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -f $@; exit 1; }

$(VENV)/.installed: $(VENV)/pyvenv.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/pyvenv.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(VENV)/.installed $@

demo: $(VENV)/.installed
	@$(BIN)/symbackprop solve $(EXAMPLE) --out $(OUT)
	@echo "The answer key is at $(OUT)/$(basename $(notdir $(EXAMPLE)))/$(basename $(notdir $(EXAMPLE)))-key.pdf"

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(VENV)/.installed
	@$(BIN)/python benchmarks/run.py
