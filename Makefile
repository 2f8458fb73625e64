# Each target does all of its own set-up in .venv; nothing but Python 3.11+ and make is needed.
PYTHON ?= python3
PART ?= tests
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check soak bench clean
.DEFAULT_GOAL := test

demo: .venv/demo.stamp  ## a gated application, a purchase, an outage and a cancellation, live
	$(BIN)/python -m entitlements demo

test: .venv/test.stamp  ## everything that must hold
	$(BIN)/python -m pytest -m "not soak"

check: .venv/test.stamp  ## lint, types and layering
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/python -m pytest -q tests/test_layering.py

soak: .venv/test.stamp  ## the long proofs, in parts: make soak PART=tests/soak
	$(BIN)/python -m pytest -m soak -rP --timeout=1800 $(PART)

bench: .venv/test.stamp  ## the measurements
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "entitlements needs Python 3.11 or newer; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv

.venv/demo.stamp: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[cli,emulator]'
	touch $@

.venv/test.stamp: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ .venv/demo.stamp
