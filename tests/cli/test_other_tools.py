"""What `mfdvep score` writes, read by the tools that people have: bcftools and DuckDB."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from mfdvep.scoring import matrix as matrix_module
from mfdvep.scoring.effects import KINDS, EffectBatch, overall_technical_share
from mfdvep.scoring.matrix import read_effects

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SOURCE = EXAMPLES / "variants.vcf.gz"
KEYS = ("MFD", "MFD_MAX", "MFD_BIO", "MFD_TECH", "MFD_TSHARE", "MFD_STATUS")
FORMS = ["text.vcf.gz", "binary.bcf"]
TOP_K = 3

needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="no bcftools")


def mfdvep(folder: Path, *options: str | Path) -> None:
    """Run `mfdvep score` in a folder."""
    command = [sys.executable, "-m", "mfdvep", "score", *options, "--shifts", "1"]
    command += ["--strand", "forward", "--threads", "1", "--device", "cpu", "-q"]
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def bcftools(*args: str | Path) -> str:
    """Return what bcftools prints; it may warn of nothing."""
    command = ["bcftools", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@dataclass(frozen=True)
class Run:
    """A folder with the outputs for the example, and the effects in their matrix."""

    folder: Path
    effects: EffectBatch

    def records(self) -> list[list[int]]:
        """Return the rows of the matrix that belong to each record."""
        rows: dict[int, list[int]] = {}
        for row, variant in enumerate(self.effects.variants):
            rows.setdefault(variant.record, []).append(row)
        return list(rows.values())

    def listed(self, row: int) -> list[int]:
        """Return the columns of the tracks that are listed for an allele."""
        if not self.effects.scored[row]:
            return []
        return np.argsort(-np.abs(self.effects.combined[row]), kind="stable")[:TOP_K].tolist()

    def summary(self, kind: str, row: int) -> str:
        """Return the effect of largest size of an allele as the VCF has it, or its share."""
        if kind == "technical_share":
            biological, technical = self.effects.biological[row], self.effects.technical[row]
            return rounded(overall_technical_share(biological, technical))
        values = getattr(self.effects, kind)[row]
        return rounded(values[np.abs(values).argmax()])


def rounded(x: float) -> str:
    return "." if np.isnan(x) else f"{x:.4g}"


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> Run:
    """The example, annotated twice: as bgzip with a float32 matrix, as BCF with a float16 one."""
    folder = tmp_path_factory.mktemp("run")
    given = (SOURCE, "-f", EXAMPLES / "genome.fa", "--write-index")
    mfdvep(folder, *given, "-o", FORMS[0], "--matrix", "m.parquet", "--long", "l.parquet")
    mfdvep(folder, *given, "-o", FORMS[1], "--matrix", "m16.parquet", "--storage", "float16")
    return Run(folder, read_effects(folder / "m.parquet"))


@needs_bcftools
@pytest.mark.parametrize("form", FORMS)
class TestBcftools:
    """bcftools as it is installed, with its own htslib."""

    def test_reads_every_record_without_a_warning(self, example, form):
        lines = bcftools("view", "-H", example.folder / form).splitlines()
        assert len(lines) == len(example.records()) == 83

    def test_splits_the_listed_tracks(self, example, form):
        """+split-vep finds the fields by the header; they are the numbers of the matrix."""
        numbers = "%COMBINED %BIOLOGICAL %TECHNICAL %TECHNICAL_SHARE %QUANTILE"
        fields = f"%CHROM %POS %ALLELE %TRACK {numbers} %Consequence"
        shown = bcftools(
            "+split-vep", example.folder / form, "-a", "MFD", "-d", "-f", f"{fields}\n"
        )
        found = [line.split(" ") for line in shown.splitlines()]
        effects = example.effects
        expected = []
        for row in range(len(effects)):
            variant = effects.variants[row]
            for track in example.listed(row):
                numbers = [getattr(effects, kind)[row, track] for kind in KINDS]
                numbers.append(effects.technical_share[row, track])
                expected.append(
                    [variant.chrom, str(variant.pos), variant.alt, effects.tracks.names[track]]
                    + [rounded(x) for x in numbers]
                    + [".", "gain" if numbers[0] > 0 else "loss"]
                )
        assert [[unquote(field) for field in line] for line in found] == expected
        assert len(expected) == TOP_K * 82

    def test_lists_and_filters_the_fields(self, example, form):
        path = example.folder / form
        listed = bcftools("+split-vep", path, "-a", "MFD", "-l").split()[1::2]
        assert listed == [
            "ALLELE", "TRACK", "COMBINED", "BIOLOGICAL", "TECHNICAL", "TECHNICAL_SHARE",
            "QUANTILE", "Consequence",
        ]  # fmt: skip
        options = (
            "-a",
            "MFD",
            "-c",
            "COMBINED:Float",
            "-i",
            "COMBINED<-0.2",
            "-f",
            "%CHROM:%POS\n",
        )
        found = set(bcftools("+split-vep", path, *options).split())
        effects = example.effects
        assert found == {
            f"{variant.chrom}:{variant.pos}"
            for row, variant in enumerate(effects.variants)
            if any(float(rounded(effects.combined[row, t])) < -0.2 for t in example.listed(row))
        }
        assert 0 < len(found) < 20

    def test_filters_by_a_summary(self, example, form):
        found = bcftools("query", "-i", "MFD_BIO[*]<-0.05", "-f", "%ID\n", example.folder / form)
        ids = bcftools("query", "-f", "%ID\n", SOURCE).split()
        low = [
            any(
                float(x) < -0.05 for row in rows if (x := example.summary("biological", row)) != "."
            )
            for rows in example.records()
        ]
        assert found.split() == [name for name, is_low in zip(ids, low, strict=True) if is_low]
        assert 0 < sum(low) < 83

    @pytest.mark.parametrize(
        ("key", "kind"),
        [
            ("MFD_MAX", "combined"),
            ("MFD_BIO", "biological"),
            ("MFD_TECH", "technical"),
            ("MFD_TSHARE", "technical_share"),
        ],
    )
    def test_prints_the_summaries(self, example, form, key, kind):
        found = bcftools("query", "-f", f"%{key}\n", example.folder / form).split()
        expected = [
            ",".join(example.summary(kind, row) for row in rows) for rows in example.records()
        ]
        assert found == expected

    def test_prints_the_status(self, example, form):
        found = bcftools("query", "-f", "%MFD_STATUS\n", example.folder / form).split()
        status = example.effects.status
        assert found == [",".join(status[row] for row in rows) for rows in example.records()]
        assert {"OK", "OK,STAR", "SYMBOLIC", "REF_MISMATCH"} <= set(found)

    @pytest.mark.parametrize(
        ("region", "n"),
        [
            ("chrA:1612-1612", 1),  # inside the bases of a deletion
            ("chrA:27300-27305", 1),  # inside <DEL>, by its END
            ("chrB:20000-60000", None),
            ("chrC", None),
            ("chrA:2-1000", 0),
        ],
    )
    def test_finds_a_region_through_the_index(self, example, form, region, n):
        path = example.folder / form
        index = Path(f"{path}{'.csi' if form == FORMS[1] else '.tbi'}")
        assert index.exists()
        chrom, _, stretch = region.partition(":")
        start, end = map(int, stretch.split("-")) if stretch else (1, 10**9)
        scan = []
        for line in bcftools("view", "-H", path).splitlines():
            fields = line.split("\t")
            ends = re.search(r"(?:^|;)END=(\d+)", fields[7])
            first = int(fields[1])
            last = int(ends[1]) if ends else first + len(fields[3]) - 1
            if fields[0] == chrom and first <= end and last >= start:
                scan.append(line)
        assert bcftools("view", "-H", "-r", region, path).splitlines() == scan
        assert n is None or len(scan) == n
        assert n == 0 or scan

    def test_splits_records_by_allele(self, example, form, tmp_path):
        split = tmp_path / "split.vcf"
        done = subprocess.run(
            ["bcftools", "norm", "-m-", "-o", split, example.folder / form],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.stderr.startswith("Lines   total/split/realigned/skipped:\t83/2/0/0")
        query = "%CHROM %POS %REF %ALT %MFD_STATUS %MFD_MAX %MFD_BIO %MFD_TECH\n"
        found = [line.split(" ") for line in bcftools("query", "-f", query, split).splitlines()]
        expected = [
            [v.chrom, str(v.pos), v.ref, v.alt, status]
            + [example.summary(kind, row) for kind in KINDS]
            for row, (v, status) in enumerate(
                zip(example.effects.variants, example.effects.status, strict=True)
            )
        ]
        assert found == expected
        assert ["chrA", "1613", "G", "*", "STAR", ".", ".", "."] in found

    def test_takes_our_keys_out_again(self, example, form):
        gone = ",".join(f"INFO/{key}" for key in KEYS)
        stripped = bcftools("annotate", "--no-version", "-x", gone, example.folder / form)
        body = [line for line in stripped.splitlines() if not line.startswith("##")]
        source = [line for line in bcftools("view", SOURCE).splitlines() if line[:2] != "##"]
        assert body == source
        assert not any(f"ID={key}," in stripped for key in KEYS)


@needs_bcftools
def test_bgzip_and_bcf_say_the_same(example):
    texts = [bcftools("view", "-H", example.folder / form) for form in FORMS]
    assert texts[0] == texts[1]


QUERY = re.search(r"SELECT .*?pos = 1000", matrix_module.__doc__ or "", re.DOTALL)


@pytest.mark.parametrize("name", ["m.parquet", "m16.parquet"])
def test_duckdb_finds_an_effect_by_track(example, name):
    """With the query of the documentation, for alleles with an effect and without one."""
    duckdb = pytest.importorskip("duckdb")
    effects = read_effects(example.folder / name)
    step = 3 if name == "m16.parquet" else 7
    assert QUERY is not None
    query = QUERY[0].replace("m.parquet", str(example.folder / name)).replace("pos = 1000", "true")
    for track in effects.tracks.names[::100]:
        found = duckdb.sql(query.replace("CTCF/K562/X0001", track)).fetchall()
        assert [row[:4] for row in found] == [
            (v.chrom, v.pos, v.ref, v.alt) for v in effects.variants
        ]
        column = effects.effect_of(track)
        assert [row[4] for row in found] == [None if np.isnan(x) else x for x in column]
        exact = example.effects.effect_of(track)
        assert np.allclose(column, exact, rtol=10**-step, atol=1e-7, equal_nan=True)


def test_duckdb_finds_a_track_in_the_long_table(example):
    duckdb = pytest.importorskip("duckdb")
    effects = example.effects
    listed = [(row, t) for row in range(len(effects)) for t in example.listed(row)]
    column = max({t for _, t in listed}, key=[t for _, t in listed].count)
    found = duckdb.execute(
        f"SELECT chrom, pos, alt, combined, biological, technical "
        f"FROM '{example.folder / 'l.parquet'}' WHERE track = ? ORDER BY record, allele",
        [effects.tracks.names[column]],
    ).fetchall()
    expected = [
        (v.chrom, v.pos, v.alt, *(float(getattr(effects, kind)[row, column]) for kind in KINDS))
        for row, v in enumerate(effects.variants)
        if (row, column) in listed
    ]
    assert found == expected
    assert len(found) > 5


@needs_bcftools
@pytest.mark.realdata
@pytest.mark.parametrize("form", FORMS)
def test_genotypes_of_1092_samples_stay(real_data, tmp_path, form):
    """The first 30 records of a 1000 Genomes file, and one whose END is before its POS."""
    source = real_data / "variants" / "1000g.chr1.1092samples.vcf.gz"
    regions = ["chr1:1-55330", "chr1:831213-831213"]
    options = [word for region in regions for word in ("-r", region)]
    fasta = real_data / "regulome45" / "genome.fa.gz"
    out = tmp_path / form
    mfdvep(tmp_path, source, "-f", fasta, *options, "-o", form, "--write-index")

    def read(path: Path, *command: str) -> str:
        """bcftools warns of the END."""
        done = subprocess.run(["bcftools", *command, path], capture_output=True, text=True)
        assert done.returncode == 0
        return "\n".join(line for line in done.stdout.splitlines() if line[0] != "#")

    def no_keys(text: str) -> list[str]:
        return [re.sub(r";MFD(_[A-Z]+)?=[^;\t]*", "", line) for line in text.splitlines()]

    chosen = ["-r", ",".join(regions)]
    before, after = read(source, "view", *chosen), read(out, "view")
    assert no_keys(after) == no_keys(before)
    assert len(before.splitlines()) == 31
    assert after.count("MFD_STATUS=OK\t") == 30
    assert after.count("MFD_STATUS=TOO_LONG\t") == 1
    assert read(out, "query", "-l") == read(source, "query", "-l")
    counts = [
        [line for line in read(path, "stats", "-s", "-", *more).splitlines() if line[:2] != "ID"]
        for path, more in ((source, chosen), (out, []))
    ]
    assert counts[0] == counts[1]
    assert sum(line.startswith("PSC") for line in counts[0]) == 1092
