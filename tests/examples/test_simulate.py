"""The committed example: reproduced by its script, valid, and true to its own truth table."""

from __future__ import annotations

import csv
import gzip
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pysam
import pytest
from cyvcf2 import VCF
from oracles.planted_motifs import PRESENT, other_strand, present, read_fasta

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def genome() -> dict[str, str]:
    return read_fasta(EXAMPLES / "genome.fa")


@pytest.fixture(scope="module")
def truth() -> list[dict[str, str]]:
    with open(EXAMPLES / "truth.tsv", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


@pytest.fixture(scope="module")
def sites() -> list[tuple[str, int, int, str]]:
    lines = (EXAMPLES / "motifs.bed").read_text().splitlines()
    return [(c, int(s), int(e), n) for c, s, e, n, *_ in (line.split("\t") for line in lines)]


def around(genome: dict[str, str], row: dict[str, str]) -> tuple[str, str]:
    """REF and ALT of an allele with 60 bases of either side of it."""
    text, start = genome[row["chrom"]].upper(), int(row["pos"]) - 1
    end = start + len(row["ref"])
    left, right = text[start - 60 : start], text[end : end + 60]
    return left + text[start:end] + right, left + row["alt"] + right


def test_script_reproduces_the_committed_files(tmp_path):
    command = [sys.executable, str(EXAMPLES / "simulate.py"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    for name in ("genome.fa", "genome.fa.fai", "motifs.bed", "truth.tsv"):
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes(), name
    # Compressed bytes depend on the zlib that htslib was built with; the text does not.
    for name in ("variants.vcf.gz", "labelled.vcf.gz"):
        packed = [(folder / name).read_bytes() for folder in (tmp_path, EXAMPLES)]
        made, kept = map(gzip.decompress, packed)
        assert made == kept, name
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "genome.fa", "genome.fa.fai", "labelled.vcf.gz", "labelled.vcf.gz.tbi", "motifs.bed",
        "truth.tsv", "variants.vcf.gz", "variants.vcf.gz.tbi",
    ]  # fmt: skip


def test_script_without_a_folder_says_how_to_use_it():
    command = [sys.executable, str(EXAMPLES / "simulate.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_fasta_index_is_what_htslib_writes(tmp_path):
    copy = tmp_path / "genome.fa"
    copy.write_bytes((EXAMPLES / "genome.fa").read_bytes())
    pysam.faidx(str(copy))
    made = Path(f"{copy}.fai").read_text()
    assert made == (EXAMPLES / "genome.fa.fai").read_text()


def test_genome_looks_human(genome):
    text = "".join(genome.values())
    upper = text.upper()
    n = sum(upper.count(base) for base in "ACGT")
    gc = (upper.count("G") + upper.count("C")) / n
    assert set(upper) <= set("ACGTN")
    assert 0.40 < gc < 0.50
    assert 0.2 < upper.count("CG") * n / upper.count("C") / upper.count("G") < 0.5
    assert re.search("N{400}", upper)
    assert 0.02 < sum(map(str.islower, text)) / len(text) < 0.2
    assert (EXAMPLES / "genome.fa").stat().st_size < 400_000


def test_strict_matches_are_the_planted_sites_and_nothing_else(genome, sites):
    found = set()
    for chrom, text in genome.items():
        for motif, pattern in PRESENT.items():
            for s, flip in ((text.upper(), False), (other_strand(text.upper()), True)):
                for match in re.finditer(f"(?=({pattern}))", s):
                    a, b = match.span(1)
                    found.add((chrom, *((len(s) - b, len(s) - a) if flip else (a, b)), motif))
    intact = [site for site in sites if not site[3].endswith("_broken")]
    assert len(found) == len(intact)
    for chrom, start, end, motif in intact:
        assert sum(c == chrom and start <= a and b <= end and m == motif
                   for c, a, b, m in found) == 1  # fmt: skip


def test_truth_says_what_the_sequence_does(genome, truth, sites):
    checked = Counter()
    for row in truth:
        if row["status"] != "OK":
            continue
        ref, alt = around(genome, row)
        changed = {m for m in PRESENT if present(ref, m) != present(alt, m)}
        if row["effect"] == "none":
            assert not changed, row
        else:
            assert changed == {row["motif"]}, row
            assert present(ref, row["motif"]) == (row["effect"] == "break"), row
        if row["motif"] != ".":
            planted = row["motif"] + ("_broken" if row["effect"] == "make" else "")
            start, end = int(row["site_start"]), int(row["site_end"])
            assert (row["chrom"], start, end, planted) in sites
            at = int(row["pos"]) - 1
            away = max(start - at, at - end + 1, 0)
            assert int(row["distance"]) == away, row
        checked[row["effect"]] += 1
    assert checked["break"] >= 30
    assert checked["make"] >= 15
    assert checked["none"] >= 20


def test_every_motif_is_broken_made_and_left_alone(truth):
    classes = Counter((row["motif"], row["effect"]) for row in truth)
    for motif in PRESENT:
        assert classes[motif, "break"] >= 3
        assert classes[motif, "make"] == 2
        assert classes[motif, "none"] >= 2


def test_no_window_holds_two_loci(truth):
    for chrom in {row["chrom"] for row in truth}:
        spots = sorted({(int(r["pos"]), r["id"].rsplit(".", 1)[0])
                        for r in truth if r["chrom"] == chrom})  # fmt: skip
        for (a, locus), (b, other) in pairwise(spots):
            assert locus == other or b - a > 1153


def test_vcf_agrees_with_truth_and_reference_through_cyvcf2(genome, truth):
    reader = VCF(str(EXAMPLES / "variants.vcf.gz"))
    assert dict(zip(reader.seqnames, reader.seqlens, strict=True)) == {
        name: len(text) for name, text in genome.items()
    }
    rows, soft_masked, order = iter(truth), 0, []
    for record in reader:
        order.append((list(genome).index(record.CHROM), record.POS))
        here = genome[record.CHROM][record.start : record.start + len(record.REF)]
        effects = record.INFO["EFFECT"].split(",")
        assert len(effects) == len(record.ALT)
        for alt, effect in zip(record.ALT, effects, strict=True):
            row = next(rows)
            wanted = (record.CHROM, str(record.POS), record.REF, alt, record.ID, effect)
            assert tuple(row[k] for k in ("chrom", "pos", "ref", "alt", "id", "effect")) == wanted
            assert row["motif"] == record.INFO.get("MOTIF", ".")
            assert (here.upper() == record.REF) == (row["status"] != "REF_MISMATCH")
        soft_masked += here != here.upper()
    assert next(rows, None) is None
    assert order == sorted(order)
    assert soft_masked > 0
    assert {row["status"] for row in truth} == {"OK", "STAR", "SYMBOLIC", "REF_MISMATCH"}


def test_index_finds_the_variants_of_a_region(truth):
    with pysam.TabixFile(str(EXAMPLES / "variants.vcf.gz")) as handle:
        got = [line.split("\t")[2] for line in handle.fetch("chrB", 0, 40_000)]
    # The star allele shares a record with its neighbour, hence the ordered set.
    wanted = dict.fromkeys(
        r["id"] for r in truth if r["chrom"] == "chrB" and int(r["pos"]) <= 40_000
    )
    assert got == list(wanted)
    assert got


def test_an_edit_that_does_not_do_what_is_planned_is_refused(examples):
    import build_genome
    import plan
    import simulate

    contig = build_genome.Contig("c", bases=list("T" * 100 + "ATGACTCAT" + "T" * 100))
    edit = plan.Edit("break", -20, -19, "C")
    locus = plan.Locus("x", "AP-1", "ATGACTCAT", "+", "plain", ((edit,),))
    with pytest.raises(RuntimeError, match="AP-1"):
        simulate.apply_edit(contig, locus, 100, edit)


def test_a_stray_motif_inside_a_planted_site_is_refused(examples):
    import random

    import build_genome

    contig = build_genome.Contig("c", bases=list("T" * 30))
    build_genome.plant(contig, 10, name="ETS", spelling="CACGTG", strand="+")
    with pytest.raises(RuntimeError, match="E-box"):
        build_genome.scrub(random.Random(1), contig)
