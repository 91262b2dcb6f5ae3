# `make demo` and `make test` are all the set-up that a fresh machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# the version that the project is tested with; an empty TORCH takes what pip chooses
TORCH ?= torch==2.13.0
OUT := demo

.PHONY: demo test lint bench clean

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "mfdvep needs Python 3.11 or later; name one: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(if $(TORCH),$(BIN)/python -m pip install --quiet $(TORCH))
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: $(VENV)/.installed
	mkdir -p $(OUT)
	$(BIN)/mfdvep score examples/variants.vcf.gz -f examples/genome.fa \
		-o $(OUT)/variants.mfd.vcf.gz --matrix $(OUT)/effects.parquet --write-index --force
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
