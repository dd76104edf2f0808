# Everything here needs only make and Python 3.11 or newer: each target makes .venv and installs what it needs, once,
# and again when pyproject.toml or constraints.txt change.

PYTHON := $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test test-slow test-browser check docs bench clean

demo: .venv/.installed-core
	$(BIN)/medweave demo

test: .venv/.installed-dev
	$(PYTEST) -n auto -m "not slow and not gpu and not browser" $(ARGS)

test-slow: .venv/.installed-dev
	$(PYTEST) -n auto --dist loadfile -m "(slow or real_data) and not gpu" $(ARGS)

test-browser: .venv/.installed-browser
	$(PYTEST) -m browser tests/browser $(ARGS)

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

docs: .venv/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: .venv/.installed-dev
	set -e; for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

clean:
	rm -rf build dist site out runs lightning_logs .coverage
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(if $(PYTHON),,$(error Python 3.11 or newer is needed; none of python3, python3.13, python3.12, python3.11 is))
	$(PYTHON) -m venv .venv

.venv/.installed-core: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .[train,onnx]
	touch $@

.venv/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .[$*]
	touch $@
