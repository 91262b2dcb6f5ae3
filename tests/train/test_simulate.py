"""train/simulate.py: the same bytes for a seed, peaks where their causes are, variants as said."""

from __future__ import annotations

import csv
import gzip
import random
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pysam
import pytest
import regulation
import simulation
from build_genome import Contig
from motifs import Hit

SCRIPT = Path(__file__).resolve().parents[2] / "train" / "simulate.py"
# Typed again, not imported: a second reading of what is planted.
PATTERNS = {
    "CTCF": "CCA.[CT]AG[AG][GT]GGC[AG][CG]",
    "AP-1": "TGA[CG]TCA",
    "ETS": "CCGGAAG[CT]",
    "NRF1": "GCGCATGCGC",
    "GATA": "[AT]GATAA[AG]",
    "E-box": "CACGTG",
    "YY1": "AA.ATGGCGGC",
    "GCAGCCGCCTCC": "GCAGCCGCCTCC",
    "TTAATTACATTA": "TTAATTACATTA",
    "ACACACTGTACA": "ACACACTGTACA",
    "GTCTAGACTTGC": "GTCTAGACTTGC",
    "CTTGCAAGTCGA": "CTTGCAAGTCGA",
}
OPENED_BY = {"erythroid": "GATA", "epithelial": "AP-1", "lymphoid": "ETS"}
BOUND_AT = {"CTCF": "CTCF", "NRF1": "NRF1", "USF1": "E-box", "YY1": "YY1"}
WORD_OF = {
    "North": "GCAGCCGCCTCC",
    "South": "TTAATTACATTA",
    "East": "ACACACTGTACA",
    "ATAC-seq": "GTCTAGACTTGC",
    "DNase-seq": "CTTGCAAGTCGA",
}
SIZE = 102_400
BASES = "ACGT"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "-o", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "a"
    done = run(folder, "--bases", str(SIZE), "--contigs", "3", "--variants", "5")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def genome(made) -> dict[str, str]:
    with pysam.FastaFile(str(made / "genome.fa")) as file:
        return {name: file.fetch(name) for name in file.references}


@pytest.fixture(scope="module")
def experiments(made) -> list[dict[str, str]]:
    with open(made / "experiments.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def peaks(made: Path, row: dict[str, str]) -> list[tuple[str, int, int, int]]:
    """Return an experiment's peaks: contig, start, end, summit from the start."""
    lines = gzip.decompress((made / row["peaks"]).read_bytes()).decode().splitlines()
    cells = [line.split("\t") for line in lines]
    assert all(len(line) == 10 for line in cells)
    return [(line[0], int(line[1]), int(line[2]), int(line[9])) for line in cells]


@cache
def found(text: str) -> list[tuple[int, int, str]]:
    """Return every match of a pattern on either strand: start, end, name."""
    other = text[::-1].translate(str.maketrans("ACGT", "TGCA"))
    matches = set()
    for name, pattern in PATTERNS.items():
        search = re.compile(f"(?=({pattern}))")
        matches |= {(*m.span(1), name) for m in search.finditer(text)}
        n = len(text)
        matches |= {(n - m.end(1), n - m.start(1), name) for m in search.finditer(other)}
    return sorted(matches)


def test_the_same_seed_gives_the_same_bytes(made, tmp_path):
    options = ["--bases", str(SIZE), "--contigs", "3", "--variants", "5"]
    run(tmp_path / "same", *options)
    run(tmp_path / "other", *options, "--seed", "1")
    names = sorted(str(p.relative_to(made)) for p in made.rglob("*") if p.is_file())
    assert len(names) == 6 + 36
    for name in names:
        assert (tmp_path / "same" / name).read_bytes() == (made / name).read_bytes(), name
    for name in ("genome.fa", "sites.bed", "peaks/SIM000.narrowPeak.gz", "variants.vcf.gz"):
        assert (tmp_path / "other" / name).read_bytes() != (made / name).read_bytes(), name


def test_a_simulation_is_not_overwritten(made):
    before = (made / "genome.fa").read_bytes()
    done = run(made)
    assert done.returncode == 1
    assert "holds a simulation already" in done.stderr
    assert (made / "genome.fa").read_bytes() == before


def test_the_table_is_crossed_but_not_fully(experiments):
    assert len({row["experiment"] for row in experiments}) == len(experiments) == 36
    for a, b in (
        ("target", "lab"),
        ("biosample", "lab"),
        ("assay", "lab"),
        ("target", "biosample"),
    ):
        pairs = Counter((row[a], row[b]) for row in experiments)
        assert len(pairs) == len({p[0] for p in pairs}) * len({p[1] for p in pairs}), (a, b)
    assert len({tuple(row.values())[2:] for row in experiments}) == 36 < 6 * 3 * 3


def test_the_bed_has_every_match_and_no_other(made, genome):
    lines = [line.split("\t") for line in (made / "sites.bed").read_text().splitlines()]
    for name, text in genome.items():
        assert len(text) == SIZE
        listed = sorted((int(s), int(e), n) for c, s, e, n, *_ in lines if c == name)
        assert listed == found(text)
    counts = Counter(line[3] for line in lines)
    assert set(counts) == set(PATTERNS)
    assert min(counts.values()) > 25


def causes(text: str, row: dict[str, str]) -> dict[str, list[int]]:
    """Return where an experiment should have peaks, by cause, from the sequence alone."""
    middles: dict[str, list[int]] = {name: [] for name in PATTERNS}
    for start, end, name in found(text):
        middles[name].append((start + end) // 2)
    opener = middles[OPENED_BY[row["biosample"]]]
    if row["target"] == "accessible DNA":
        biology = opener
    else:
        biology = middles[BOUND_AT[row["target"]]]
        if row["target"] != "CTCF":
            biology = [p for p in biology if any(abs(p - q) <= 150 for q in opener)]
    words = [WORD_OF[row[c]] for c in ("lab", "assay") if row[c] in WORD_OF]
    return {"biology": biology, "technique": [p for word in words for p in middles[word]]}


def test_peaks_are_where_their_causes_are_and_inside_the_contigs(made, genome, experiments):
    seen: Counter[str] = Counter()
    for row in experiments:
        own = peaks(made, row)
        for contig, text in genome.items():
            here = [(s, e) for c, s, e, _ in own if c == contig]
            assert here == sorted(here)
            assert all(0 <= s < e <= SIZE for s, e in here)
            wanted = causes(text, row)
            for cause, places in wanted.items():
                seen[cause] += sum(any(s < p < e for s, e in here) for p in places)
                seen[f"{cause} in all"] += len(places)
            every = wanted["biology"] + wanted["technique"]
            seen["peaks"] += len(here)
            seen["without a cause"] += sum(not any(s < p < e for p in every) for s, e in here)
        assert all(0 <= summit < e - s for _, s, e, summit in own)
    for cause in ("biology", "technique"):
        assert seen[cause] > 1000
        assert 0.88 < seen[cause] / seen[f"{cause} in all"] < 0.97  # 0.9, and neighbours' peaks
    assert 0.01 < seen["without a cause"] / seen["peaks"] < 0.05


def test_a_lab_that_is_not_biased_to_a_word_has_no_peaks_there(made, genome, experiments):
    """The bias is where it should be, and only there."""
    share: dict[bool, list[int]] = {True: [0, 0], False: [0, 0]}
    for row in experiments:
        own = peaks(made, row)
        for contig, text in genome.items():
            here = [(s, e) for c, s, e, _ in own if c == contig]
            for start, end, name in found(text):
                if name in WORD_OF.values():
                    middle = (start + end) // 2
                    hit = any(s < middle < e for s, e in here)
                    count = share[name in (WORD_OF[row["lab"]], WORD_OF.get(row["assay"]))]
                    count[0] += hit
                    count[1] += 1
    biased, others = (share[key][0] / share[key][1] for key in (True, False))
    assert biased > 0.88
    assert others < 0.3 * biased  # peaks of elements near by


def test_variants_break_what_they_say_and_nothing_else(made, genome):
    with pysam.VariantFile(str(made / "variants.vcf.gz")) as file:
        records = list(file)
    assert [r.pos for r in records] == sorted(r.pos for r in records)
    causes: Counter[tuple[str, str]] = Counter()
    for record in records:
        assert record.chrom == "sim3"  # held out for testing
        text, at = genome[record.chrom], record.pos - 1
        assert text[at] == record.ref != record.alts[0]
        left, right = text[at - 40 : at], text[at + 1 : at + 41]
        before, after = (
            Counter(name for *_, name in found(left + base + right))
            for base in (record.ref, record.alts[0])
        )
        assert not after - before
        lost = list((before - after).elements())
        assert lost == ([record.info["SITE"]] if "SITE" in record.info else [])
        causes[(record.info["CAUSE"], record.info.get("SITE", ""))] += 1
    assert causes.pop(("none", "")) == 5
    for (cause, site), n in causes.items():
        assert cause == ("technical" if site in WORD_OF.values() else "biological")
        assert 1 <= n <= 5
    assert {site for _, site in causes} == set(PATTERNS)


@pytest.mark.parametrize(
    ("text", "start", "alt", "lost"),
    [
        ("TTTTTAGATAAGTTTTT", 8, "C", ["GATA"]),  # AGATAAG -> AGACAAG
        ("TTTTTAGATAAGTTTTT", 1, "C", [""]),
        ("TTTTTAGACAAGTTTTT", 8, "T", []),  # makes one
        ("AATTTTAATTACATTAAA", 9, "G", ["TTAATTACATTA"]),
    ],
)
def test_what_an_snv_takes_away(text, start, alt, lost):
    assert simulation.what_breaks(text, start, alt) == lost


def test_an_element_is_open_up_to_150_bases_from_its_opener():
    row = {"target": "YY1", "assay": "ChIP-seq", "biosample": "lymphoid", "lab": "East"}
    sites = [Hit(100, 108, "ETS", "+"), Hit(248, 260, "YY1", "+"), Hit(249, 261, "YY1", "-")]
    places = regulation.positions(sites)
    assert regulation.biological_peaks(row, places) == [254]
    assert regulation.biological_peaks({**row, "biosample": "erythroid"}, places) == []
    assert regulation.technical_peaks(row, places) == []


def test_peaks_at_the_ends_of_a_contig_stay_inside():
    row = {"target": "CTCF", "assay": "ChIP-seq", "biosample": "lymphoid", "lab": "East"}
    places = regulation.positions([Hit(0, 14, "CTCF", "+"), Hit(286, 300, "CTCF", "+")])
    for seed in range(20):
        for start, end, summit in simulation.draw_peaks(random.Random(seed), row, places, 300):
            assert 0 <= start <= summit < end <= 300


def test_a_contig_without_room_for_an_element_has_none():
    contig = simulation.build_contig(random.Random(1), "a", 900)
    assert isinstance(contig, Contig)
    assert contig.sites == []
    assert set(contig.bases) <= set(BASES)
