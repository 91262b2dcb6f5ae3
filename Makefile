# `make demo` and `make test` are all the set-up that a fresh machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# the CPU build; set TORCH="torch" for the newest with CUDA
TORCH ?= torch==2.13.0
OUT := demo

.PHONY: demo test lint bench clean

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: $(VENV)/.installed
	mkdir -p $(OUT)
	$(BIN)/mfdvep score examples/variants.vcf.gz -f examples/genome.fa \
		-o $(OUT)/variants.mfd.vcf.gz --matrix $(OUT)/effects.parquet --stats $(OUT)/stats.json --force
	$(BIN)/python examples/show_effects.py $(OUT)/effects.parquet

test: $(VENV)/.installed
	$(BIN)/python -m pytest

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed
	$(BIN)/python -m pytest -m bench -s tests/benchmarks

clean:
	rm -rf $(VENV) $(OUT) dist
