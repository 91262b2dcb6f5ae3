"""The lengths of contigs say the assembly, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.genomics.assemblies import ASSEMBLIES, guess_assembly
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.vcf import open_vcf

HUMAN = ("GRCh37", "GRCh38", "T2T-CHM13v2.0")
MOUSE = ("GRCm38", "GRCm39")


@pytest.mark.parametrize(
    ("assembly", "n_chromosomes", "total"),
    [  # totals of the primary chromosomes as published, not counted from the table
        ("GRCh37", 24, 3_095_677_412),
        ("GRCh38", 24, 3_088_269_832),
        ("T2T-CHM13v2.0", 24, 3_117_275_501),
        ("GRCm38", 21, 2_725_521_370),
        ("GRCm39", 21, 2_723_414_844),
    ],
)
def test_the_lengths_sum_to_the_published_total(assembly, n_chromosomes, total):
    assert len(ASSEMBLIES[assembly]) == n_chromosomes
    assert sum(ASSEMBLIES[assembly].values()) == total


def test_the_chromosomes_are_named():
    for assembly in HUMAN:
        assert list(ASSEMBLIES[assembly]) == [*map(str, range(1, 23)), "X", "Y"]
    for assembly in MOUSE:
        assert list(ASSEMBLIES[assembly]) == [*map(str, range(1, 20)), "X", "Y"]
    assert set(ASSEMBLIES) == {*HUMAN, *MOUSE}


def test_no_length_is_in_two_assemblies():
    lengths = [n for known in ASSEMBLIES.values() for n in known.values()]
    assert len(set(lengths)) == len(lengths)


@pytest.mark.parametrize(
    ("lengths", "assembly"),
    [
        ({"chr1": 249250621}, "GRCh37"),
        ({"1": 249250621}, "GRCh37"),
        ({"chr1": 248956422}, "GRCh38"),
        ({"X": 156040895, "Y": 57227415}, "GRCh38"),
        ({"chr1": 248387328}, "T2T-CHM13v2.0"),
        ({"chr1": 195471971}, "GRCm38"),
        ({"19": 61420004}, "GRCm39"),
    ],
)
def test_one_chromosome_is_enough(lengths, assembly):
    assert guess_assembly(lengths) == assembly


@pytest.mark.parametrize("assembly", ASSEMBLIES)
@pytest.mark.parametrize("prefix", ["", "chr"])
def test_every_assembly_is_known_among_other_contigs(assembly, prefix):
    lengths = {prefix + name: n for name, n in ASSEMBLIES[assembly].items()}
    others = {"chrM": 16571, "chrUn_KI270302v1": 2274, "hs37d5": 35477943, "GL000207.1": 4262}
    assert guess_assembly(lengths | others) == assembly


def test_scaffolds_do_not_outvote_a_chromosome():
    scaffolds = {f"GL{i:06}.1": 4000 + i for i in range(60)}
    assert guess_assembly({"1": 249250621, **scaffolds}) == "GRCh37"


NOTHING = {
    "no contigs": {},
    "no lengths": {"chr1": None, "chr2": None},
    "no primary chromosome": {"chrM": 16569, "scaffold_1": 249250621},
    "cut": {"chr1": 1_000_000, "chr17": 7_843_138},
    "a length of another chromosome": {"chr2": 249250621},
    "one agrees, one does not": {"chr1": 249250621, "chr2": 1000},
    "two assemblies": {"chr1": 249250621, "chr2": 242193529},
    "NCBI36": {"chr1": 247249719, "chr2": 242951149},
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_is_guessed(case):
    assert guess_assembly(NOTHING[case]) is None


def test_most_must_agree():
    y_of_another = ASSEMBLIES["T2T-CHM13v2.0"] | {"Y": ASSEMBLIES["GRCh38"]["Y"]}
    assert guess_assembly(y_of_another) == "T2T-CHM13v2.0"
    unknown = {"1": 249250621, "2": 243199373, "3": None, "4": None, "5": None}
    assert guess_assembly(unknown) == "GRCh37"


@given(
    st.dictionaries(
        st.sampled_from([*map(str, range(1, 23)), "X", "Y"]), st.sampled_from([*ASSEMBLIES, ""])
    )
)
def test_a_guess_has_more_than_half(chosen):
    lengths = {"chr" + name: ASSEMBLIES.get(a, {}).get(name, 7) for name, a in chosen.items()}
    agree = {a: sum(lengths[f"chr{n}"] == ASSEMBLIES[a].get(n) for n in chosen) for a in ASSEMBLIES}
    expected = [a for a, n in agree.items() if n > len(chosen) / 2]
    assert [guess_assembly(lengths)] == (expected or [None])


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["1000g.chr1.sites", "1000g.chr1.1092samples", "gtex.v8.qtl.chr1"])
def test_headers_of_real_files(real_data, name):
    with open_vcf(real_data / "variants" / f"{name}.vcf.gz") as reader:
        assert guess_assembly(reader.contigs) == "GRCh38"


@pytest.mark.realdata
def test_a_genome_of_cut_chromosomes_says_nothing(real_data):
    with Genome(real_data / "regulome45" / "genome.fa.gz") as genome:
        assert guess_assembly(genome.contigs) is None
