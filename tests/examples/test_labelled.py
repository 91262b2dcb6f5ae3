"""The labelled variants: every claim of their file, with patterns typed again."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from pathlib import Path

import pysam
import pytest
from cyvcf2 import VCF
from oracles.planted_motifs import PRESENT, count_matches, other_strand, present, read_fasta

EXAMPLES = Path(__file__).parents[2] / "examples"
LABELLED = EXAMPLES / "labelled.vcf.gz"
SPAN = 3600  # bases a locus


@pytest.fixture(scope="module")
def genome():
    return {name: text.upper() for name, text in read_fasta(EXAMPLES / "genome.fa").items()}


@pytest.fixture(scope="module")
def sites():
    lines = (EXAMPLES / "motifs.bed").read_text().splitlines()
    return [(c, int(s), int(e), n) for c, s, e, n, *_ in (line.split("\t") for line in lines)]


@pytest.fixture(scope="module")
def variants():
    """(contig, 0-based position, REF, ALT, label, groups, motif) of each record."""
    return [
        (v.CHROM, v.start, v.REF, *v.ALT, v.INFO["LABEL"], v.INFO["MATCH"], v.INFO["MOTIF"])
        for v in VCF(str(LABELLED))
    ]


@pytest.fixture(scope="module")
def positives(variants):
    return [v for v in variants if v[4] == 1]


@pytest.fixture(scope="module")
def controls(variants):
    return [v for v in variants if v[4] == 0]


def changed(genome, variant):
    """The motifs lost and won, as counts, with 60 bases of either side."""
    chrom, start, ref, alt = variant[:4]
    left, right = genome[chrom][start - 60 : start], genome[chrom][start + 1 : start + 61]
    before, after = count_matches(left + ref + right), count_matches(left + alt + right)
    return before - after, after - before


def test_records_are_sorted_snvs_with_the_references_base(genome, variants):
    contigs = list(genome)
    order = [(contigs.index(chrom), start) for chrom, start, *_ in variants]
    assert order == sorted(order)
    assert len(set(order)) == len(order) == 636
    for chrom, start, ref, alt, *_ in variants:
        assert genome[chrom][start] == ref
        assert len(alt) == 1
        assert alt in set("ACGT") - {ref}


def test_header_declares_contigs_and_keys(genome):
    reader = VCF(str(LABELLED))
    lengths = {name: len(text) for name, text in genome.items()}
    assert dict(zip(reader.seqnames, reader.seqlens, strict=True)) == lengths
    declared = {
        h["ID"]: (h.info()["Number"], h.info()["Type"])
        for h in reader.header_iter()
        if h["HeaderType"] == "INFO"
    }
    assert declared == {
        "LABEL": ("A", "Integer"),
        "MATCH": (".", "String"),
        "MOTIF": ("1", "String"),
    }
    assert [h["ID"] for h in reader.header_iter() if h["HeaderType"] == "FILTER"] == ["PASS"]


def test_names_are_unique_and_say_the_group():
    ids = [(v.ID, v.INFO["MATCH"], v.INFO["LABEL"]) for v in VCF(str(LABELLED))]
    assert len({name for name, *_ in ids}) == len(ids)
    for name, match, label in ids:
        assert name.removeprefix(f"{match}.").rstrip("123") == ("break" if label else "control")


def test_each_intact_site_is_broken_once_and_nothing_else_changes(genome, sites, positives):
    intact = [site for site in sites if not site[3].endswith("_broken")]
    hit = Counter()
    for variant in positives:
        chrom, start, ref, alt, _, _, motif = variant
        assert changed(genome, variant) == (Counter({motif: 1}), Counter())
        (site,) = (s for s in sites if s[0] == chrom and s[1] <= start < s[2])
        assert site[3] == motif
        spelling = genome[chrom][site[1] : site[2]]
        at = start - site[1]
        assert spelling[at] == ref
        assert present(spelling, motif)
        assert not present(spelling[:at] + alt + spelling[at + 1 :], motif)
        hit[site] += 1
    assert hit == Counter(intact)
    assert len(intact) == 159


def test_breaks_are_those_of_the_examples_table(examples, genome, sites, positives):
    """The positions and new bases whose effect on real binding the README tabulates."""
    import motifs

    strands = {}
    for line in (EXAMPLES / "motifs.bed").read_text().splitlines():
        chrom, start, *_, strand = line.split("\t")
        strands[chrom, int(start)] = strand
    used = defaultdict(Counter)
    for chrom, start, _, alt, _, _, motif in positives:
        (site,) = (s for s in sites if s[0] == chrom and s[1] <= start < s[2])
        forward = strands[site[:2]] == "+"
        at = start - site[1] if forward else site[2] - 1 - start
        used[motif][at, alt if forward else other_strand(alt)] += 1
    for motif, changes in used.items():
        assert set(changes) <= set(motifs.MOTIFS[motif].breaks)
        assert len(changes) >= 2
    assert set(used) == set(PRESENT)


def test_controls_touch_no_motif_and_lie_far_from_every_site(genome, sites, controls):
    for variant in controls:
        chrom, start = variant[:2]
        assert changed(genome, variant) == (Counter(), Counter())
        away = min(max(s - start, start - (e - 1)) for c, s, e, _ in sites if c == chrom)
        assert away >= 30


def test_groups_are_one_positive_and_three_controls_of_its_change_and_locus(variants):
    groups = defaultdict(list)
    for variant in variants:
        assert "," not in variant[5]
        groups[variant[5]].append(variant)
    assert len(groups) == 159
    for members in groups.values():
        assert sorted(v[4] for v in members) == [0, 0, 0, 1]
        assert len({v[2:4] for v in members}) == 1
        assert len({(v[0], v[1] // SPAN) for v in members}) == 1
        assert len({v[6] for v in members}) == 1
        assert len({v[1] for v in members}) == 4


def test_composition_around_controls_is_that_around_positives(genome, positives, controls):
    """Else G+C would tell the labels apart, and a table would show that and not motifs."""

    def gc(variant):
        text = genome[variant[0]][variant[1] - 100 : variant[1] + 101]
        return (text.count("G") + text.count("C")) / len(text)

    means = [sum(map(gc, group)) / len(group) for group in (positives, controls)]
    assert means[0] == pytest.approx(means[1], abs=0.05)


def test_controls_stay_within_reach_of_the_middle_of_their_locus(examples, controls):
    import simulate

    middles = {(c.name, site // SPAN): site for c in simulate.build() for _, site in c.placed}
    assert max(abs(v[1] - middles[v[0], v[1] // SPAN]) for v in controls) <= 300


def test_index_finds_the_variants_of_a_region(variants):
    with pysam.TabixFile(str(LABELLED)) as handle:
        got = [int(line.split("\t")[1]) - 1 for line in handle.fetch("chrB", 0, 40_000)]
    assert got == [v[1] for v in variants if v[0] == "chrB" and v[1] < 40_000]
    assert got


@pytest.fixture
def made(examples):
    """A contig of one locus with one AP-1 site, and the module that labels it."""
    import build_genome
    import labelled
    import plan

    contig = build_genome.Contig("c", bases=list("AC" * 1800))
    contig.placed.append((plan.Locus("x", "AP-1", "ATGACTCAT", "+", "plain", ()), 1800))
    build_genome.plant(contig, 1800, name="AP-1", spelling="ATGACTCAT", strand="+")
    return labelled, contig


def test_a_control_is_30_bases_away_at_least(made):
    labelled, contig = made
    for start in (1770, 1838):  # 30 before the site's first base, 30 after its last
        ref = contig.bases[start]
        assert labelled.is_control(contig, start, ref=ref, alt="G")
    for start in (1771, 1837):
        ref = contig.bases[start]
        assert not labelled.is_control(contig, start, ref=ref, alt="G")


def test_a_control_makes_no_motif(made):
    labelled, contig = made
    contig.bases[1000:1006] = "CATGTG"
    assert not labelled.is_control(contig, 1002, ref="T", alt="C")
    assert labelled.is_control(contig, 1002, ref="T", alt="A")
    assert not labelled.is_control(contig, 1002, ref="A", alt="C")


def test_a_locus_without_places_for_controls_is_refused(made):
    labelled, contig = made
    contig.bases[:1800], contig.bases[1809:] = "N" * 1800, "N" * 1791
    with pytest.raises(RuntimeError, match=r"x:1: \d places for controls"):
        labelled.labelled_variants(random.Random(1), contig)


def test_a_change_that_does_not_break_the_site_is_refused(made):
    labelled, contig = made
    with pytest.raises(RuntimeError, match="motifs lost"):
        labelled.breaking_snv(random.Random(1), contig, (1000, 1009, "AP-1", "+"))
