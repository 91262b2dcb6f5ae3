"""Readers of motifs: both formats, patterns, Biopython as a second reader, and refusals."""

from __future__ import annotations

import io

import numpy as np
import pytest
from Bio import motifs as bio

from mfdvep.errors import InputError
from mfdvep.genomics.motifs import iupac_motif, read_motif, read_motifs

JASPAR = """>MA0001.1 AGL3
A  [ 0  3 79 40 ]
C  [94 75  4  3 ]
G  [ 1  0  3  4 ]
T  [ 2 19 11 50 ]
>MA0002.1\tOTHER
1 2
3 4
5 6
7 8
"""
MEME = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.3 C 0.2 G 0.2 T 0.3

MOTIF MA0001.1 AGL3
letter-probability matrix: alength= 4 w= 2 nsites= 50 E= 4.1e-009
 0.100000  0.200000  0.300000  0.400000
 0.010000  0.000000  0.980000  0.010000

MOTIF second
letter-probability matrix: alength= 4
1 0 0 0
0 1 0 0
0 0 0.5 0.5

URL http://example.org
"""


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "motif.txt"
        path.write_text(text)
        return path

    return write


def test_jaspar(file):
    first, second = read_motifs(file(JASPAR))
    assert (first.name, second.name) == ("MA0001.1 AGL3", "MA0002.1 OTHER")
    assert first.probabilities[0].tolist() == [0, 94 / 97, 1 / 97, 2 / 97]
    assert first.n_sites == 97
    assert second.probabilities.tolist() == [[1 / 16, 3 / 16, 5 / 16, 7 / 16],
                                             [2 / 20, 4 / 20, 6 / 20, 8 / 20]]  # fmt: skip
    for mine, other in zip((first, second), bio.parse(io.StringIO(JASPAR), "jaspar"), strict=True):
        normal = other.counts.normalize()
        assert np.allclose(mine.probabilities.T, [normal[base] for base in "ACGT"])


def test_meme(file):
    first, second = read_motifs(file(MEME))
    assert (first.name, first.n_sites) == ("MA0001.1 AGL3", 50)
    assert first.probabilities.tolist() == [[0.1, 0.2, 0.3, 0.4], [0.01, 0, 0.98, 0.01]]
    assert (second.name, second.n_sites, len(second)) == ("second", 20, 3)
    other = bio.parse(io.StringIO(MEME), "minimal")[0].counts.normalize()
    found = np.array([other[base] for base in "ACGT"]).T
    assert np.allclose(first.probabilities, found, atol=0.02)  # which has counts of 50 sites


def test_the_output_of_meme_itself(file):
    text = (
        "MEME version 5.5\n****\nALPHABET= ACGT\n****\nMOTIF AC MEME-1\twidth =  2  sites = 8\n"
        "log-odds matrix: alength= 4 w= 2 n= 100 bayes= 6 E= 1\n 1 -2 3 4\n 1 2 3 -4\n-----\n"
        "letter-probability matrix: alength= 4 w= 2 nsites= 8 E= 1\n1 0 0 0\n0 1 0 0\n-----\n"
    )
    (motif,) = read_motifs(file(text))
    assert (motif.name, len(motif), motif.n_sites) == ("AC MEME-1", 2, 8)


def test_a_matrix_without_a_name_has_that_of_its_file(file):
    assert read_motif(file("1 0\n0 1\n0 0\n0 0\n")).name == "motif"


def test_one_motif_of_several(file):
    path = file(JASPAR)
    assert read_motif(path, name="AGL3").name == read_motif(path, name="MA0001.1").name
    with pytest.raises(InputError, match=r"2 motifs, MA0001.1 AGL3, MA0002.1 OTHER; name one"):
        read_motif(path)
    with pytest.raises(InputError, match=r"no motif 'CTCF'; it has MA0001.1 AGL3"):
        read_motif(path, name="CTCF")


def test_patterns():
    motif = iupac_motif("acRn")
    assert (motif.name, motif.is_pattern) == ("ACRN", True)
    assert motif.probabilities.tolist() == [
        [1, 0, 0, 0], [0, 1, 0, 0], [0.5, 0, 0.5, 0], [0.25, 0.25, 0.25, 0.25],
    ]  # fmt: skip
    assert motif.information().sum(axis=1).tolist() == [2, 2, 1, 0]
    assert read_motif("ACRN").name == "ACRN"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "motif.txt: nothing in it"),
        ("\n\n", "motif.txt: nothing in it"),
        ("chr1\t1\t2\n", ":1: expected a motif in JASPAR format, the row of A, found 'chr1"),
        (">m\nA [1 2]\nG [1 2]\n", ":3: expected a motif in JASPAR format, the row of C"),
        (">m\nA [1 2]\nC [1 2]\nG [1 2]\n", ":1: m has 3 rows; expected 4, of A, C, G and T"),
        (">m\n1 2\n1 2\n1 2\n1 2\n1 2\n", ":6: expected a motif in JASPAR format, '>' and a name"),
        (">m\n1 2\n1 2\n1\n1 2\n", ":4: expected 2 numbers, finite and not negative"),
        (">m\n1 2\n1 -2\n1 2\n1 2\n", ":3: expected 2 numbers, finite and not negative"),
        (">m\n1 2\n1 x\n1 2\n1 2\n", "found '1 x'"),
        (">m\n1 inf\n1 2\n1 2\n1 2\n", ":2: expected some numbers, finite"),
        (">m\n1 0\n1 0\n1 0\n1 0\n", ":1: m has only 0 at position 2"),
        (">\n1 0\n", ":1: '>' without a name"),
        (">m\n" + ("1 " * 201 + "\n") * 4, ":1: m has 201 positions; expected 200"),
        ("MEME version 4\n", "no MOTIF in it"),
        ("MEME version 4\nALPHABET= ACGU\n", ":2: expected ALPHABET= ACGT (DNA), found"),
        ("MEME version 4\nALPHABET \"RNA\"\n", ":2: expected ALPHABET= ACGT (DNA), found"),
        ("MEME version 4\nMOTIF\n", ":2: MOTIF without a name"),
        ("MEME version 4\nMOTIF a\nMOTIF b\n", ":2: MOTIF a has no letter-probability matrix"),
        ("MEME version 4\nMOTIF a\n", ":2: MOTIF a has no letter-probability matrix"),
        ("MEME version 4\nletter-probability matrix: w= 1\n1 0 0 0\n", ":2: a matrix without a"),
        (MEME.replace(" 0.010000  0.0", " 0.510000  0.0"), ":13: probabilities of MA0001.1 AGL3 s"),
        (MEME.replace("w= 2", "w= 3"), ":14: expected 4 numbers"),
        (MEME[: MEME.index(" 0.010000")], ":11: MA0001.1 AGL3 has 1 positions; expected 2; the f"),
        (MEME.replace("w= 2", "w= x"), ":11: expected 1 number, finite"),
        (MEME.replace("0.400000", ""), ":12: expected 4 numbers, finite and not negative"),
    ],
)  # fmt: skip
def test_what_is_no_motif_is_refused_with_its_line(file, text, words):
    with pytest.raises(InputError) as error:
        read_motifs(file(text))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("NNN", "not all N"),
        ("A" * 201, "expected 1 to 200 letters"),
        ("ACGU", "expected a file, or letters of ACGT"),
        ("", "expected a file, or letters"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern, words):
    with pytest.raises(InputError, match=words):
        iupac_motif(pattern)


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"m\.meme: No such file"):
        read_motif(tmp_path / "m.meme")
