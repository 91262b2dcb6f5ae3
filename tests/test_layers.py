"""The rooms: imports go down only, and each heavy library is imported in its own rooms alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "mfdvep"

# a module may import the rooms of smaller number, and its own room
LEVELS = {
    "errors": 0,
    "files": 1,
    "storage": 1,
    "uris": 2,
    "averages": 1,
    "folders": 2,
    "plotting": 1,
    "markup": 1,
    "wording": 1,
    "downloads": 2,
    "genomics.variants": 1,
    "genomics.sequences": 1,
    "genomics.contigs": 1,
    "genomics.assemblies": 1,
    "genomics.bgzf": 1,
    "genomics.info": 1,
    "genomics.own": 1,
    "genomics.dosages": 1,
    "genomics.reasons": 2,
    "genomics.text": 2,
    "genomics.header": 2,
    "genomics.regions": 3,
    "genomics.sections": 4,
    "genomics.vcf_index": 2,
    "genomics.fasta": 3,
    "genomics.motifs": 3,
    "genomics.bcf": 3,
    "genomics.parquet_variants": 2,
    "genomics.bcf_end": 1,
    "genomics.bcf_encoder": 4,
    "genomics": 4,
    "genomics.vcf_output": 5,
    "model": 2,
    "overlap": 1,
    "scoring.chunk_files": 2,
    "scoring.chunks": 3,
    "scoring.chunk_store": 4,
    "scoring.geometry": 3,
    "scoring.shared": 4,
    "scoring.changed": 5,
    "scoring.incremental": 6,
    "scoring.swap": 3,
    "scoring.effects": 5,
    "scoring.windows": 5,
    "scoring.tally": 6,
    "scoring.tables": 6,
    "scoring.groups": 6,
    "scoring.variant_file": 6,
    "scoring.effect_file": 7,
    "scoring.matrix": 7,
    "scoring.feature_store": 7,
    "scoring.store_file": 7,
    "scoring.calibration": 6,
    "scoring.calibration_file": 7,
    "scoring.calibration_use": 9,
    "scoring.annotation": 7,
    "scoring.guard": 6,
    "scoring.stretches": 6,
    "scoring.engines": 7,
    "scoring.scorer": 8,
    "scoring.fidelity": 6,
    "scoring.selftest": 9,
    "scoring.reading": 6,
    "scoring.targets": 6,
    "scoring.sparse": 7,
    "scoring.report": 7,
    "scoring.check": 7,
    "scoring.provenance": 9,
    "scoring.outputs": 8,
    "scoring.group_sink": 9,
    "scoring.store_sink": 9,
    "scoring.publishing": 9,
    "scoring.work": 10,
    "scoring.worker": 11,
    "scoring.cluster": 1,
    "scoring.cluster_scorer": 12,
    "scoring.pipeline": 13,
    "scoring.calibrating": 13,
    "scoring": 10,
    "enrichment.measures.odds": 1,
    "enrichment.measures": 2,
    "enrichment.sample": 3,
    "enrichment.tracks": 4,
    "enrichment.results": 3,
    "enrichment": 10,
    "enrichment.report": 10,
    "training": 10,
    "interpret": 10,
    "expression": 11,
    "cohort": 11,
    "cli": 14,
}
ROOMS = {
    "torch": {
        "model",
        "scoring.shared",
        "scoring.changed",
        "scoring.incremental",
        "scoring.swap",
        "scoring.engines",
        "scoring.scorer",
        "scoring.selftest",
        "scoring.worker",
        "training",
        "interpret",
        "expression",
        "cohort.align",
        "cli",
    },
    "cyvcf2": {"genomics.genotypes"},
    "pyBigWig": {"expression"},
    "anndata": {"cohort"},
    "ray": {"scoring.worker", "scoring.cluster"},
    "captum": {"interpret.gradients"},
    "safetensors": {"model", "expression.model", "cohort.align.model_folder"},
    "pysam": {"genomics.vcf_output", "genomics.bcf", "genomics.bcf_encoder"},
    "pyfaidx": {"genomics.genome"},
    "pyarrow": {
        "storage",
        "uris",
        "genomics.parquet_variants",
        "scoring.tables",
        "scoring.variant_file",
        "scoring.effect_file",
        "scoring.matrix",
        "scoring.feature_store",
        "scoring.store_file",
        "scoring.query",
        "scoring.sparse",
        "scoring.calibration_file",
        "enrichment.score_table",
        "enrichment.report.tables",
        "enrichment.sets.tables",
        "training.dataset",
        "interpret.features.feature_file",
        "interpret.contributions.table",
        "interpret.profiles.tables",
        "interpret.probes.label_table",
        "expression",
        "cohort",
    },
    "sklearn": {"training", "interpret.probes.fitting", "expression", "cohort"},
    "h5py": {"training.archive", "cohort"},
    "matplotlib": {
        "plotting",
        "training.figures",
        "enrichment.report.plots",
        "enrichment.report.curve_plots",
        "interpret.probes.plots",
        "enrichment.report.correlation_plots",
        "interpret.contributions.plots",
        "interpret.contributions.figures",
        "interpret.explanation.plots",
        "interpret.profiles.plots",
        "expression",
        "cohort",
    },
    "logomaker": {"interpret.contributions.plots", "interpret.profiles.plots"},
    "pandas": {"interpret.contributions.plots", "interpret.profiles.plots", "cohort.outputs"},
    "click": {"cli"},
    "tqdm": {"cli"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def entry(name: str, table: dict) -> str | None:
    """Return the longest prefix of a dotted name that the table has."""
    parts = name.split(".")
    prefixes = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in table), None)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_down(path):
    name = name_of(path)
    if name in ("", "__main__"):
        return
    own = entry(name, LEVELS)
    assert own is not None, f"{name}: give its room a level"
    for target in imports_of(path):
        if not target.startswith("mfdvep."):
            continue
        below = entry(target.removeprefix("mfdvep."), LEVELS)
        same_room = target.split(".")[1] == name.split(".")[0]
        assert below is not None
        assert LEVELS[below] < LEVELS[own] or (same_room and LEVELS[below] <= LEVELS[own]), (
            f"{name} imports {target}, which is not below it"
        )


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_libraries_stay_in_their_rooms(path):
    name = name_of(path)
    for target in imports_of(path):
        rooms = ROOMS.get(target.split(".")[0])
        if rooms is not None:
            assert entry(name, dict.fromkeys(rooms)) is not None, f"{name} imports {target}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_command_line_prints(path):
    if name_of(path).startswith("cli"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "input", "exit", "quit")


@pytest.mark.parametrize(
    "code",
    [
        "import mfdvep",
        "import mfdvep.cli.main",
        "from mfdvep.cli.main import mfdvep; mfdvep(['--help'], standalone_mode=False)",
        "from mfdvep.cli.main import mfdvep; mfdvep(['score', '--help'], standalone_mode=False)",
        "from mfdvep.cli.main import mfdvep; mfdvep(['calibrate', '--help'], "
        "standalone_mode=False)",
        "from mfdvep.cli.main import mfdvep; mfdvep(['attribute', '--help'], "
        "standalone_mode=False)",
        "from mfdvep.cli.main import mfdvep; mfdvep(['explain-variant', '--help'], "
        "standalone_mode=False)",
        "from mfdvep.cli.main import mfdvep; mfdvep(['burden', '--help'], standalone_mode=False)",
        "from mfdvep.cli.main import mfdvep; mfdvep(['variants', 'gtex', '--help'], "
        "standalone_mode=False)",
        "from mfdvep.cli.main import mfdvep; mfdvep(['align', 'train', '--help'], "
        "standalone_mode=False)",
        "from mfdvep.cli.main import mfdvep; mfdvep(['expression', 'score', '--help'], "
        "standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code):
    check = f"{code}\nimport sys\nprint([m for m in ('torch', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_no_module_carries_the_name_of_the_standard_library():
    for path in MODULES:
        parts = set(path.relative_to(PACKAGE).with_suffix("").parts)
        assert not parts & set(sys.stdlib_module_names)
