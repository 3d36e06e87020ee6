# Two commands do everything on a fresh machine with Python 3.10-3.13: `make quickstart` and `make test`.
PYTHON ?= python3
# The release that the environment below is made with, one for all; TORCH='torch==2.14.*' for another (any that
# pyproject.toml admits).
TORCH ?= torch==2.13.*
BIN := .venv/bin

.PHONY: quickstart test test-slurm test-docker lint install clean-quickstart

quickstart: .venv/.installed
	$(BIN)/progan prepare synthetic --out datasets/quickstart --resolution 32 --limit 6000
	$(BIN)/progan train configs/quickstart.yaml --run runs/quickstart
	$(BIN)/progan evaluate runs/quickstart
	$(BIN)/progan neighbours runs/quickstart
	$(BIN)/progan report runs/quickstart

# Two files of tests at a time, each with one thread.
test: .venv/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

# Brings up a real Slurm on this machine (root, Debian) and runs the job scripts on it; half an hour.
test-slurm: .venv/.installed
	PROGAN_TEST_SLURM=1 $(BIN)/python -m pytest tests/slurm

# Builds the image on a stand-in of its base image, without a Docker engine (root, Debian), and runs the quickstart in it.
test-docker:
	tests/docker/quickstart-in-container

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: .venv/.installed

# Removes the quickstart's run and shards, so that it starts again from nothing.
clean-quickstart:
	rm -rf runs/quickstart datasets/quickstart

.venv/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 10) <= sys.version_info < (3, 14) else "progan needs Python 3.10-3.13: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' '$(TORCH)'
	touch $@
