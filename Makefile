# Each target works alone on a fresh checkout; the first one also sets up .venv (about 5.6 GB, a few minutes).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed-$(shell cksum < pyproject.toml | tr -d ' ')
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")

.PHONY: demo test check outside format docs bench
.DEFAULT_GOAL := demo

demo: $(STAMP)    ## the whole road on the embedded studio
	$(BIN)/poserep demo

test: $(STAMP)    ## every test that needs neither a GPU nor patience
	$(BIN)/python -m pytest

check: $(STAMP)   ## format, lint, types, documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_docs.py

outside: $(STAMP) ## packages by others beside the built wheel alone, and the tutorial (some minutes)
	$(BIN)/python -m pytest -m slow tests/test_outside_packages.py tests/test_tutorial.py

format: $(STAMP)  ## mend format and what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP)    ## write the generated pages of docs/ anew
	$(BIN)/python -m poserep.verbs.catalogue docs

bench: $(STAMP)   ## measure speed
	$(BIN)/python -m pytest --benchmark-only tests/benchmarks

# The stamp bears a sum of pyproject.toml: it goes stale when that changes, not when a checkout touches it.
# An environment that already holds what is asked for is taken as it is.
$(STAMP):
	@test -x $(BIN)/python || $(PYTHON) -c '$(NEW_ENOUGH)'
	@test -x $(BIN)/python || (set -x; $(PYTHON) -m venv $(VENV))
	@$(BIN)/python .ci/installed.py || (set -x; $(BIN)/python -m pip install -e '.[test]')
	@mkdir -p $(VENV)/types && ln -sfn ../.. $(VENV)/types/poserep  # mypy needs a folder that bears the name
	@rm -f $(VENV)/.installed-* && touch $@
