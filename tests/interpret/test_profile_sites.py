"""Where profiles are centred, what is left out, and which way sequences are read."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import random_bases, write_fasta

from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.motif_scan import MotifScanner
from mfdvep.genomics.motifs import iupac_motif
from mfdvep.genomics.regions import Regions
from mfdvep.genomics.sequences import decode, reverse_complement
from mfdvep.interpret.profiles.sites import (
    Found,
    Site,
    footprint_sites,
    motif_sites,
    on_random_strands,
    site_windows,
)
from mfdvep.interpret.windows import centre_of

MOTIF = "GATGCACC"
REVERSED = "GGTGCATC"


@pytest.fixture
def genome(tmp_path):
    bases = list("T" * 6000)
    for start, motif in ((2000, MOTIF), (2600, REVERSED), (3000, MOTIF), (3020, MOTIF)):
        bases[start : start + 8] = motif
    contigs = {"chr1": "".join(bases), "chr2": "N" * 3000, "chr3": MOTIF + "T" * 20}
    with Genome(write_fasta(tmp_path / "g.fa", contigs)) as genome:
        yield genome


@pytest.fixture
def bed(tmp_path):
    def write(*lines, name="r.bed"):
        path = tmp_path / name
        path.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))
        return path

    return write


def places(found):
    return [(site.chrom, site.start, site.end, site.strand) for site in found.sites]


def test_the_best_hit_of_each_region_merged(genome, bed):
    scanner = MotifScanner(iupac_motif(MOTIF))
    one = bed(("chr1", 2550, 2700), ("1", 1900, 2050), ("chr1", 2995, 3040), ("chr9", 1, 9))
    other = bed(("chr1", 2040, 2100), ("chr1", 4000, 4100), ("chr1", 7000, 7010), name="s.bed")
    found = motif_sites([one, other], genome, scanner)
    assert places(found) == [
        ("chr1", 2000, 2008, "+"),
        ("chr1", 2600, 2608, "-"),
        ("chr1", 3020, 3028, "+"),  # of two equal ones, nearest to the middle of 2995-3040
    ]
    assert found.left_out == {"no hit": 1, "CONTIG_MISSING": 1, "OFF_CONTIG": 1}
    assert found.sites[0].score == pytest.approx(scanner.highest / 1000)
    assert found.sites[0].p_value == pytest.approx(4.0**-8)


def test_a_hit_lies_in_its_region_wholly(genome, bed):
    found = motif_sites([bed(("chr1", 2001, 2050))], genome, MotifScanner(iupac_motif(MOTIF)))
    assert (found.sites, found.left_out) == ([], {"no hit": 1})


def test_only_what_overlaps_the_regions(genome, bed):
    path = bed(("chr1", 1990, 2010), ("chr1", 2590, 2610))
    within = Regions.parse(["chr1:2500-2700"])
    found = motif_sites([path], genome, MotifScanner(iupac_motif(MOTIF)), within=within)
    assert places(found) == [("chr1", 2600, 2608, "-")]
    assert found.left_out == {"outside --region": 1}
    assert len(footprint_sites([path], genome, within=within).sites) == 1


def test_footprints_are_taken_as_they_are_and_once(genome, bed):
    path = bed(
        ("chr1", 2600, 2608, "x", 0, "-"), ("1", 2000, 2008, "y", 0, "+"), ("chr1", 9, 10),
        ("chr1", 2600, 2608, "z", 5, "-"), ("chr1", 5999, 6001), ("chrZ", 1, 2),
    )  # fmt: skip
    found = footprint_sites([path], genome)
    assert places(found) == [
        ("chr1", 9, 10, "."), ("chr1", 2000, 2008, "+"), ("chr1", 2600, 2608, "-"),
    ]  # fmt: skip
    assert found.left_out == {"given twice": 1, "OFF_CONTIG": 1, "CONTIG_MISSING": 1}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("chr1", 5, 9, "x", 0, "plus"), "chr1:5-9: strand 'plus' in column 6; expected"),
        (("chr1", 5, 5), "chr1:5-5: an empty footprint"),
        (("chr1", "a", 5), "r.bed:1: expected BED"),
    ],
)
def test_footprints_that_are_none(genome, bed, line, words):
    with pytest.raises(InputError) as error:
        footprint_sites([bed(line)], genome)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("site", "centre"),
    [
        (Site("c", 10, 15, "+"), 12),
        (Site("c", 10, 15, "-"), 12),
        (Site("c", 10, 16, "+"), 13),  # base 3 of 0..5
        (Site("c", 10, 16, "-"), 12),  # base 3 counted from 15
        (Site("c", 10, 11), 10),
    ],
)
def test_the_centre_is_the_same_base_on_both_strands(site, centre):
    assert site.centre == centre


@pytest.mark.parametrize("shifts", [(0,), (-2, -1, 0, 1), (-1, 0, 5)])
def test_sequences_are_read_along_the_site(genome, bed, shifts):
    found = motif_sites([bed(("chr1", 1900, 2700))], genome, MotifScanner(iupac_motif(MOTIF)))
    found.sites = [Site("chr1", 2000, 2008, "+"), Site("chr1", 2600, 2608, "-")]
    sites, codes = site_windows(found, genome, shifts)
    start = centre_of(shifts) - 4
    assert [decode(row[start : start + 8]) for row in codes] == [MOTIF, MOTIF]
    assert len(sites) == 2
    assert codes.shape[1] == 1153 + shifts[-1] - shifts[0]


def test_windows_of_n_are_left_out_and_those_beyond_a_contig_are_not_longer(genome):
    found = Found([Site("chr2", 1500, 1510), Site("chr3", 0, 8), Site("chr1", 100, 101)])
    sites, codes = site_windows(found, genome, (0,))
    assert [site.chrom for site in sites] == ["chr1"]
    assert found.left_out == {"N_RICH": 2}
    assert (codes[0, :476] == 4).all()
    assert (codes[0, 476:] == 3).all()


def test_sites_are_drawn_in_order_and_reproducibly():
    sites = [Site("c", i, i + 1) for i in range(50)]
    one, other = Found(list(sites)), Found(list(sites))
    one.draw(10, np.random.default_rng(1))
    other.draw(10, np.random.default_rng(1))
    assert one.sites == other.sites == sorted(one.sites, key=lambda site: site.start)
    assert one.left_out == {"not drawn": 40}
    one.draw(20, np.random.default_rng(1))
    assert len(one.sites) == 10


def test_half_are_turned_by_chance():
    codes = np.random.default_rng(0).integers(0, 4, (200, 30), dtype=np.uint8)
    found = on_random_strands(codes, np.random.default_rng(0))
    turned = (found != codes).any(axis=1)
    assert 70 < turned.sum() < 130
    assert np.array_equal(found[turned], reverse_complement(codes[turned]))


def test_random_sequence_has_hits_as_often_as_the_p_value_says(tmp_path):
    bases = random_bases(200_000, seed=4)
    with Genome(write_fasta(tmp_path / "r.fa", {"c": bases})) as genome:
        codes = genome.fetch("c", 0, 200_000)
    scanner = MotifScanner(iupac_motif("GATGC"), p_value=1e-3)
    assert len(scanner.hits(codes)) == pytest.approx(400_000 / 1024, rel=0.2)
