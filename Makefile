# `make demo` and `make test` set everything up first; `make help` lists the rest.
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

.PHONY: help demo test check format images chaos clean
help:  ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/'

demo: $(VENV)/.installed  ## evolve an online bin packing rule without any key, in about two minutes
	$(BIN)/evolve run problem=bin_packing

test: $(VENV)/.installed-dev  ## what CI runs: format, lint, layers, types, tests
	$(MAKE) check

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m pytest -p xdist.plugin -n $(JOBS) --dist loadfile

format: $(VENV)/.installed-dev  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

images: $(VENV)/.installed  ## build the container image of sandbox=docker; EVOLVE_BASE_IMAGE names another base
	$(BIN)/evolve image build

KILLS ?= 200
chaos: $(VENV)/.installed-dev  ## kill controllers, judges and databases 200 times, resume, prove that nothing is lost; KILLS=N for another number
	$(BIN)/python -m tests.chaos --kills $(KILLS)

clean:  ## remove what the targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.venv:
	sh infra/make_venv.sh $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.venv pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.installed
