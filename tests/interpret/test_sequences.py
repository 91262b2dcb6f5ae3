"""Sites: the bases, places and statuses of regions, sequences and alleles."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import random_bases, write_fasta

from mfdvep.errors import InputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import decode, encode
from mfdvep.genomics.variants import Variant, VariantStatus, variant_of
from mfdvep.interpret.sequences import Sites
from mfdvep.interpret.windows import windows_of
from mfdvep.scoring.windows import AlleleWindows

BASES = random_bases(4000, seed=2)


@pytest.fixture
def genome(tmp_path):
    contigs = {"chr1": BASES, "chr2": "N" * 3000}
    with Genome(write_fasta(tmp_path / "g.fa", contigs)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("region", "centre"),
    [
        ("chr1:2001-2001", 2000),
        ("chr1:2001-2002", 2001),
        ("1:1001-3000", 2000),
        ("chr1:1-1", 0),
    ],
)
def test_a_region_is_centred(genome, region, centre):
    (site,) = Sites(3, genome=genome).read(regions=[region])
    assert site.chrom == "chr1"
    assert len(site.codes) == 1155
    assert site.positions[577] == centre
    assert decode(site.codes[577:578]) == BASES[centre]
    known = site.positions >= 0
    assert decode(site.codes[known]) == "".join(BASES[i] for i in site.positions[known])
    assert (site.codes[~known] == 4).all()


def test_marked_bases_are_the_region(genome):
    (site,) = Sites(1, genome=genome).read(regions=["chr1:2001-2010"])
    assert decode(site.codes[slice(*site.marked)]) == BASES[2000:2010]


def test_a_bed_keeps_its_names_and_order(genome, tmp_path):
    bed = tmp_path / "a.bed"
    bed.write_text(
        "chr1\t3000\t3010\tlater\nchr1\t100\t200\nchr9\t1\t2\nchr2\t1000\t1100\nchr1\t3999\t4001\n"
    )
    found = list(Sites(1, genome=genome).read(beds=[bed]))
    assert [(site.name, str(site.status)) for site in found] == [
        ("later", "OK"),
        ("chr1:101-200", "OK"),
        ("chr9:2-2", "CONTIG_MISSING"),
        ("chr2:1001-1100", "N_RICH"),
        ("chr1:4000-4001", "OFF_CONTIG"),
    ]
    assert not len(found[2].codes)


def test_a_fasta_needs_no_genome(tmp_path):
    fasta = tmp_path / "s.fa"
    long = random_bases(1500, seed=4)
    fasta.write_text(f">one more words\nACGTA\n>long\n{long}\n>n\nNNNNA\n")
    one, middle, unknown = Sites(1).read(fastas=[fasta])
    assert (one.name, one.chrom, str(unknown.status)) == ("one", None, "N_RICH")
    assert decode(one.codes[574:579]) == "ACGTA"
    assert (one.codes != 4).sum() == 5
    assert decode(middle.codes) == long[750 - 576 : 750 + 577]
    assert middle.marked == (-174, 1326)
    assert (one.positions == -1).all()


@pytest.mark.parametrize(
    ("pos", "n_ref", "alt"), [(2001, 1, "snv"), (2001, 4, ""), (2001, 1, "ACGTTT"), (2001, 3, "AC")]
)
def test_alleles_are_those_that_scoring_reads(genome, pos, n_ref, alt):
    ref = BASES[pos - 1 : pos - 1 + n_ref]
    alt = {"snv": "ACGT"["CGTA".index(ref[0])], "": ref[0]}.get(alt, alt)
    variant = Variant("chr1", pos, ref, alt, 0, 1)
    sites = Sites(5, genome=genome).alleles(variant)
    cutter = AlleleWindows(genome, shifts=5, strand="both")
    (change,) = cutter.prepare([variant]).changes
    for site, windows in zip(sites, cutter.cut(change), strict=True):
        assert np.array_equal(windows_of(site.codes[None], (-2, -1, 0, 1, 2), "both")[0], windows)
    for site in sites:  # what has a place and is not changed is what the genome has there
        unchanged = site.positions >= 0
        unchanged[slice(*site.marked)] = False
        where = site.positions[unchanged]
        assert decode(site.codes[unchanged]) == "".join(BASES[i] for i in where)
    marked = [decode(site.codes[slice(*site.marked)]) for site in sites]
    assert (marked[0], marked[1]) == (
        BASES[change.start : change.start + change.ref_length],
        decode(change.alt),
    )


def test_inserted_bases_have_no_place(genome):
    ref = BASES[2000]
    insert = "".join("ACGT"["CGTA".index(base)] for base in BASES[2000:2003])
    _, alt = Sites(1, genome=genome).alleles(Variant("chr1", 2001, ref, ref + insert, 0, 1))
    assert (alt.positions == -1).sum() == 3
    kept = alt.positions[alt.positions >= 0]
    assert np.array_equal(np.diff(kept), np.ones(len(kept) - 1))


def test_a_vcf_gives_two_sites_an_alt(genome, tmp_path):
    vcf = tmp_path / "a.vcf"
    alts = [base for base in "ACGT" if base != BASES[2000]]
    vcf.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        f"chr1\t2001\t.\t{BASES[2000]}\t{alts[0]},{alts[1]},*\t.\t.\t.\n"
    )
    found = list(Sites(1, genome=genome).read(variants=[str(vcf)]))
    assert [(site.allele, str(site.status)) for site in found] == [
        ("REF", "OK"), ("ALT", "OK"), ("REF", "OK"), ("ALT", "OK"),
        ("REF", "STAR"), ("ALT", "STAR"),
    ]  # fmt: skip
    assert found[0].name == f"chr1:2001:{BASES[2000]}:{alts[0]}"


@pytest.mark.parametrize("other", ["C", "A"])
def test_a_wrong_ref_named_alone_is_refused(genome, other):
    ref = next(base for base in "ACGT" if base not in (BASES[2000], other))
    with pytest.raises(InputError, match="REF_MISMATCH: REF is not what the reference has there"):
        list(Sites(1, genome=genome).read(variants=[f"chr1:2001:{ref}:{other}"]))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"regions": ["chr9:1-2"]}, "chr9:1-2: CONTIG_MISSING"),
        ({"regions": ["chr1:4000-4001"]}, "OFF_CONTIG"),
        ({"regions": ["chr2:1000-1100"]}, "N_RICH"),
        ({"regions": ["chr1:a-b"]}, "region 'chr1:a-b'"),
        ({"variants": ["chr1-100-A-G"]}, "expected chr1:12345:A:G"),
        ({"variants": ["chr1:5000:A:G"]}, "OFF_CONTIG"),
        ({"variants": ["x" * 5000]}, "expected chr1:12345:A:G"),
        ({"beds": ["none.bed"]}, "none.bed"),
    ],
)
def test_what_is_no_site_is_refused(genome, given, words):
    with pytest.raises(InputError) as error:
        list(Sites(1, genome=genome).read(**given))
    assert words in str(error.value)


def test_a_region_without_a_genome_is_refused():
    with pytest.raises(InputError, match="give the reference with -f"):
        list(Sites(1).read(regions=["chr1:1-2"]))


def test_a_variant_s_text():
    assert variant_of("chr1:12345:A:G") == Variant("chr1", 12345, "A", "G", 0, 1)
    assert variant_of("HLA-A*01:01:9:ac:T") == Variant("HLA-A*01:01", 9, "ac", "T", 0, 1)
    assert np.array_equal(encode("ACGT"), [0, 1, 2, 3])


@pytest.mark.parametrize("region", ["chr1", "chr1:1-"])
def test_a_region_without_an_end_ends_with_its_contig(genome, region):
    (site,) = Sites(1, genome=genome).read(regions=[region])
    (whole,) = Sites(1, genome=genome).read(regions=[f"chr1:1-{genome.contigs['chr1']}"])
    assert site.status is VariantStatus.OK
    np.testing.assert_array_equal(site.codes, whole.codes)
