# `make demo` and `make test` are all the set-up that a fresh machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# the version that the project is tested with; an empty TORCH takes what pip chooses
TORCH ?= torch==2.13.0
OUT := demo
# the tracks of the factors of the example's motifs (examples/README.md)
FACTORS := target in ['BACH1', 'BATF', 'BHLHE40', 'CTCF', 'ELF1', 'ELK1', 'ELK4', 'ETS1', 'FOS', \
	'FOSL1', 'GABPA', 'GATA1', 'GATA2', 'GATA3', 'JUN', 'JUNB', 'JUND', 'MAX', 'MAZ', 'MYC', \
	'NRF1', 'RAD21', 'REST', 'SMC3', 'SP1', 'SP2', 'TAL1', 'USF1', 'USF2', 'YY1']

.PHONY: demo test slow lint bench clean

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
	$(BIN)/mfdvep score examples/labelled.vcf.gz -f examples/genome.fa --info LABEL --info MATCH \
		-o $(OUT)/labelled.mfd.vcf.gz --matrix $(OUT)/labelled.parquet --force
	$(BIN)/mfdvep enrich $(OUT)/labelled.parquet --quantiles 0.9,0.95 --block 3600 --permute 200 \
		--where "$(FACTORS)" \
		-o $(OUT)/enrichment --force

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n auto --dist loadfile

# clusters on one machine: some two minutes on two cores
slow: $(VENV)/.installed
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed
	$(BIN)/python -m pytest -m bench -s tests/benchmarks

clean:
	rm -rf $(VENV) $(OUT) dist
