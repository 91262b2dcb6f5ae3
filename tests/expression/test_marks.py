"""The signal of BED files and bigWigs in the bins of genes."""

from __future__ import annotations

import sys

import numpy as np
import pyBigWig
import pytest

from mfdvep.errors import InputError
from mfdvep.expression.genes import Tss
from mfdvep.expression.marks import read_mark
from mfdvep.expression.places import Places

LENGTHS = {"chr1": 40_000, "chr2": 30_000}
GENES = [
    Tss("a", "", "chr1", 12_000, "+"),
    Tss("b", "", "chr1", 17_300, "-"),
    Tss("c", "", "1", 1_200, "-"),  # 3.8 kb of its bins lie before the contig
    Tss("d", "", "chr1", 39_000, "+"),  # 4 kb lie behind it
    Tss("e", "", "chr2", 14_000, "-"),
    Tss("f", "", "chr3", 14_000, "-"),
]
PLACES = Places.of(GENES)


def bed(tmp_path, *lines, name="a.bed"):
    path = tmp_path / name
    path.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))
    return path


def peaks(seed=0):
    """Return peaks that do not overlap, as a bigWig has them: (contig, start, end, signal)."""
    rng = np.random.default_rng(seed)
    found = []
    for chrom, length in LENGTHS.items():
        cuts = np.sort(rng.choice(np.arange(length), 80, replace=False)).tolist()
        found += [(chrom, a, b, float(np.float32(rng.random() * 9)))
                  for a, b in zip(cuts[::2], cuts[1::2], strict=True)]  # fmt: skip
    return found


def bigwig(tmp_path, found, lengths=LENGTHS):
    path = tmp_path / "a.bw"
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader(list(lengths.items()))
        if found:
            chroms, starts, ends, values = map(list, zip(*found, strict=True))
            file.addEntries(chroms, starts, ends=ends, values=values)
    return path


def test_a_bigwig_and_a_bed_of_the_same_peaks_say_the_same(tmp_path):
    of_bed = read_mark(bed(tmp_path, *peaks()), PLACES)
    of_bigwig = read_mark(bigwig(tmp_path, peaks()), PLACES)
    assert of_bed.bins.dtype == of_bigwig.bins.dtype == np.float32
    np.testing.assert_allclose(of_bigwig.bins, of_bed.bins, rtol=1e-6, atol=1e-7)
    assert (np.count_nonzero(of_bed.bins, axis=1) > 0).tolist() == [True] * 5 + [False]
    assert of_bigwig.lengths == {"1": 40_000, "2": 30_000}
    assert of_bed.lengths == {"1": None, "2": None}


def test_bins_run_in_the_direction_of_the_gene(tmp_path):
    upstream = [("chr1", 8_000, 8_100, 5), ("chr1", 21_200, 21_301, 5)]
    found = read_mark(bed(tmp_path, *upstream), PLACES).bins
    assert np.flatnonzero(found[0]).tolist() == [10]  # 4 kb upstream of 12,000 on +
    assert np.flatnonzero(found[1]).tolist() == [10, 11]  # 3.9 to 4 kb upstream of 17,300 on -
    assert found[1, 10] == 5


def test_a_gene_and_its_mirror_image_have_the_same_profile(tmp_path):
    length, flip = LENGTHS["chr1"], {"+": "-", "-": "+"}
    mirrored = [(c, length - b, length - a, v) for c, a, b, v in peaks() if c == "chr1"]
    genes = [Tss(g.id, "", g.chrom, length - 1 - g.tss, flip[g.strand]) for g in GENES[:4]]
    there = read_mark(bed(tmp_path, *mirrored), Places.of(genes)).bins
    here = read_mark(bed(tmp_path, *peaks()), Places.of(GENES[:4])).bins
    np.testing.assert_array_equal(there, here)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        (("1", 12_000, 12_100, 2.5), None),
        (("chr1", 12_000, 12_100, "p", 9, ".", 2.5, 8, 7), None),
        (("chr1", 12_000, 12_100, "p", 9, ".", 2.5, 8, 7, 50), None),
        (("chr1", 12_000, 12_100, "p", 2.5, "."), 5),
        (("chr1", 12_000, 12_100, "p", 9, ".", 8, 2.5, 7, 50), 8),
    ],
    ids=["bedGraph", "broadPeak", "narrowPeak", "a column", "another column"],
)
def test_the_signal_is_where_the_format_has_it(tmp_path, line, column):
    bins = read_mark(bed(tmp_path, line), PLACES, column=column).bins
    assert bins[0, 50] == 2.5
    assert np.count_nonzero(bins[0]) == 1


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        (("chr1", 1, 9), None, r"a\.bed:2: 3 columns; the signal is known to be in .*--signal-col"),
        (("chr1", 1, 9, "p", 5, "+"), None, r"a\.bed:2: 6 columns"),
        (("chr1", 1, 9, "peak_1"), None, r"a\.bed:2: signal 'peak_1' in column 4"),
        (("chr1", 1, 9, -2), None, r"a\.bed:2: signal '-2' in column 4; expected a number from 0"),
        (("chr1", 1, 9, "nan"), None, r"a\.bed:2: signal 'nan'"),
        (("chr1", 1, 9, "inf"), None, r"a\.bed:2: signal 'inf'"),
        (("chr1", 1, 9, 5), 7, r"a\.bed:2: 4 columns; the signal is in 7"),
        (("chr1", 9, 1, 5), None, r"a\.bed:2: expected BED"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, column, message):
    with pytest.raises(InputError, match=message):
        read_mark(bed(tmp_path, ["# peaks"], line), PLACES, column=column)


def test_an_empty_bed_says_nothing(tmp_path):
    found = read_mark(bed(tmp_path), PLACES)
    assert not found.bins.any()
    assert found.lengths == {}


@pytest.mark.parametrize("value", [-1.0, float("inf")])
def test_a_bigwig_whose_signal_is_none_is_refused(tmp_path, value):
    # the mean of its bin is above 0
    path = bigwig(tmp_path, [("chr1", 12_000, 12_001, value), ("chr1", 12_001, 12_100, 3.0)])
    with pytest.raises(InputError, match=rf"a signal of {value:g} on chr1; .* not its logarithm"):
        read_mark(path, PLACES)


def test_a_damaged_bigwig_is_refused(tmp_path):
    path = bigwig(tmp_path, peaks())
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match="damaged bigWig"):
        read_mark(path, PLACES)


def test_without_pybigwig_a_bigwig_names_the_extra(tmp_path, monkeypatch):
    path = bigwig(tmp_path, peaks())
    monkeypatch.setitem(sys.modules, "pyBigWig", None)
    with pytest.raises(InputError, match=r"pip install 'mfdvep\[bigwig\]'"):
        read_mark(path, PLACES)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_mark(tmp_path / "none.bed", PLACES)
