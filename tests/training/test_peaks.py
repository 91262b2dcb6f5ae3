"""Peak files are read right or refused with their line; peaks become the right bins."""

from __future__ import annotations

import gzip

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.errors import InputError
from mfdvep.training import peaks as module
from mfdvep.training.peaks import bins_of, expand, merge, read_intervals, runs_of

CONTIGS = {"chr1": 1000, "chr2": 500}
ROWS = [("chr1", 10, 20), ("chr2", 0, 500), ("chr1", 999, 1000)]
TEXTS = {
    "BED3": "".join(f"{c}\t{s}\t{e}\n" for c, s, e in ROWS),
    "narrowPeak": "".join(f"{c}\t{s}\t{e}\t.\t0\t.\t1.5\t-1\t-1\t5\n" for c, s, e in ROWS),
    "broadPeak": "".join(f"{c}\t{s}\t{e}\ta name\t0\t.\t1.5\t-1\t-1\n" for c, s, e in ROWS),
    "spaces": "".join(f"{c} {s} {e} x y\n" for c, s, e in ROWS),
    "spaces before": "".join(f" {c} {s} {e} \n" for c, s, e in ROWS),
    "several spaces": "".join(f"{c}  {s}   {e}\n" for c, s, e in ROWS),
    "no newline at the end": "\n".join(f"{c}\t{s}\t{e}" for c, s, e in ROWS),
    "CRLF": "".join(f"{c}\t{s}\t{e}\r\n" for c, s, e in ROWS),
    "headers": "browser position chr1\ntrack name=a\n#c\n\n"
    + "\n\n".join(f"{c}\t{s}\t{e}" for c, s, e in ROWS)
    + "\n  \n#end",
}


def resolve(name: str) -> str | None:
    return name if name in CONTIGS else {"1": "chr1", "2": "chr2"}.get(name)


def as_rows(intervals) -> list[tuple[str, int, int]]:
    names = list(CONTIGS)
    return [
        (names[k], int(s), int(e))
        for k, s, e in zip(intervals.contig, intervals.start, intervals.end, strict=True)
    ]


def compress(path, data: bytes, how: str) -> None:
    if how == "bgzip":
        with pysam.BGZFile(str(path), "w") as handle:
            handle.write(data)
    else:
        path.write_bytes(gzip.compress(data) if how == "gzip" else data)


@pytest.mark.parametrize("how", ["plain", "gzip", "bgzip"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_reads_every_format_and_compression(tmp_path, text, how):
    path = tmp_path / "peaks"  # the name says nothing
    compress(path, text.encode(), how)
    found = read_intervals(path, CONTIGS, resolve=resolve)
    assert as_rows(found) == ROWS
    assert found.absent == {}
    assert (found.contig.dtype, found.start.dtype, found.end.dtype) == (
        np.int32,
        np.int64,
        np.int64,
    )


@pytest.mark.parametrize("text", ["", "\n", "#only\n", "track x\n"])
def test_a_file_without_peaks_has_no_intervals(tmp_path, text):
    path = tmp_path / "p.bed"
    path.write_text(text)
    found = read_intervals(path, CONTIGS, resolve=resolve)
    assert len(found) == 0
    assert found.absent == {}


def test_contigs_are_matched_by_the_resolver_and_absent_ones_counted(tmp_path):
    path = tmp_path / "p.bed"
    path.write_text("1\t1\t2\nchrM\t5\t9\nchr1\t3\t4\nchrM\t1\t99999\nGL\t1\t2\n2\t7\t8\n")
    found = read_intervals(path, CONTIGS, resolve=resolve)
    assert as_rows(found) == [("chr1", 1, 2), ("chr1", 3, 4), ("chr2", 7, 8)]
    assert found.absent == {"chrM": 2, "GL": 1}


BAD = {
    "not an integer": ("chr1\tx\t20", "start 'x' is not an integer"),
    "a fraction": ("chr1\t10\t20.0", "end '20.0' is not an integer"),
    "an exponent": ("chr1\t1e2\t200", "start '1e2' is not an integer"),
    "an empty column": ("chr1\t\t20\t30", "start '' is not an integer"),
    "no contig": ("\t1\t20\t30", "the contig is empty"),
    "too many digits": ("chr1\t1\t99999999999", "not an integer of at most 10 digits"),
    "negative": ("chr1\t-5\t20", "start -5 is negative"),
    "empty interval": ("chr1\t20\t20", "end <= start"),
    "reversed": ("chr1\t20\t10", "end <= start"),
    "reversed on an absent contig": ("chrM\t20\t10", "end <= start"),
    "two columns": ("chr1\t20", "2 columns; expected at least 3"),
    "commas": ("chr1,1,2", "1 columns; expected at least 3"),
    "beyond the contig": ("chr2\t400\t501", "beyond the end of chr2, which has 500 bases"),
    "beyond, other name": ("2\t400\t501", "2:400-501: beyond the end of chr2"),
}


@pytest.mark.parametrize(("line", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_refused_with_its_number(tmp_path, line, message):
    path = tmp_path / "p.bed"
    path.write_text(f"#header\nchr1\t1\t2\n\n{line}\nchr1\t5\t6\n")
    with pytest.raises(InputError) as caught:
        read_intervals(path, CONTIGS, resolve=resolve)
    assert str(caught.value).startswith(f"{path}:4: ")
    assert message in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no\.bed: cannot read"):
        read_intervals(tmp_path / "no.bed", CONTIGS, resolve=resolve)


@pytest.mark.parametrize("how", ["gzip", "bgzip"])
@pytest.mark.parametrize("cut", [1, 28, 40])
def test_a_truncated_file_is_refused(tmp_path, how, cut):
    path = tmp_path / "p.bed.gz"
    compress(path, b"chr1\t1\t2\n" * 1000, how)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InputError, match="truncated"):
        read_intervals(path, CONTIGS, resolve=resolve)


def test_a_damaged_gzip_is_refused(tmp_path):
    path = tmp_path / "p.bed.gz"
    data = bytearray(gzip.compress(b"chr1\t1\t2\n" * 1000))
    data[20] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged or truncated gzip"):
        read_intervals(path, CONTIGS, resolve=resolve)


LINE = st.one_of(
    st.tuples(
        st.sampled_from(["chr1", "chr2", "c", "track1", "b_alt"]),
        st.integers(0, 10**10 - 1).map(str),
        st.integers(0, 10**10 - 1).map(str),
        st.sampled_from(["", "\tname", "\t", "\ta b\t7", " 5"]),
    ).map(lambda f: f"{f[0]}\t{f[1]}\t{f[2]}{f[3]}"),
    st.sampled_from(["", "#x\t1", "track a", "browser", "track", "#"]),
)


@given(st.lists(LINE, max_size=12), st.booleans())
def test_the_fast_reader_agrees_with_the_plain_one(lines, newline):
    data = ("\n".join(lines) + "\n" * newline).encode()
    fast, plain = module._parse_regular(data), module._parse_any(data, "p.bed")
    assert fast is not None
    assert fast[0] == plain[0]
    for a, b in zip(fast[1:], plain[1:], strict=True):
        np.testing.assert_array_equal(a, b)


@given(st.binary(max_size=60) | st.text("chr1\t 09-\n#", max_size=60).map(str.encode))
def test_whatever_the_fast_reader_accepts_the_plain_one_reads_the_same(data):
    fast = module._parse_regular(data)
    if fast is not None:
        plain = module._parse_any(data, "p.bed")
        assert fast[0] == plain[0]
        for a, b in zip(fast[1:], plain[1:], strict=True):
            np.testing.assert_array_equal(a, b)


def arrays(intervals) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(intervals, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


MERGED = {
    "none": ([], []),
    "one": ([(3, 5)], [(3, 5)]),
    "apart": ([(8, 9), (3, 5)], [(3, 5), (8, 9)]),
    "overlapping": ([(3, 6), (5, 9)], [(3, 9)]),
    "book-ended": ([(3, 5), (5, 9)], [(3, 9)]),
    "inside": ([(3, 20), (5, 9), (15, 22)], [(3, 22)]),
    "one base between": ([(3, 5), (6, 9)], [(3, 5), (6, 9)]),
}


@pytest.mark.parametrize(("given_", "expected"), MERGED.values(), ids=MERGED.keys())
def test_merge(given_, expected):
    start, end = merge(*arrays(given_))
    assert list(zip(start, end, strict=True)) == expected


BINS = {  # bins of 8 bases, positive from 4
    "none": ([], []),
    "half of a bin": ([(4, 8)], [0]),
    "one base less": ([(5, 8)], []),
    "across a border, 4 and 4": ([(4, 12)], [0, 1]),
    "across a border, 3 and 4": ([(5, 12)], [1]),
    "across a border, 3 and 3": ([(5, 11)], []),
    "two peaks add up": ([(0, 2), (6, 8)], [0]),
    "the end of one and the start of another": ([(7, 10), (14, 17)], [1]),
    "long": ([(7, 41)], [1, 2, 3, 4]),
    "long, both ends": ([(4, 44)], [0, 1, 2, 3, 4, 5]),
    "whole bins": ([(8, 24)], [1, 2]),
}


@pytest.mark.parametrize(("intervals", "expected"), BINS.values(), ids=BINS.keys())
def test_bins_by_eye(intervals, expected):
    assert bins_of(*arrays(intervals), bin_size=8, min_overlap=4).tolist() == expected


def test_the_default_is_64_of_128_bases():
    assert bins_of(*arrays([(64, 191)])).tolist() == [0]
    assert bins_of(*arrays([(64, 192)])).tolist() == [0, 1]


INTERVALS = st.lists(
    st.tuples(st.integers(0, 90), st.integers(1, 40)).map(lambda f: (f[0], f[0] + f[1])),
    max_size=12,
)


@given(INTERVALS, st.integers(1, 12).flatmap(lambda b: st.tuples(st.just(b), st.integers(1, b))))
def test_bins_agree_with_counting_bases(intervals, geometry):
    bin_size, min_overlap = geometry
    covered = np.zeros(bin_size * 200, dtype=bool)
    for start, end in intervals:
        covered[start:end] = True
    expected = np.flatnonzero(covered.reshape(-1, bin_size).sum(1) >= min_overlap)
    start, end = merge(*arrays(intervals))
    found = bins_of(start, end, bin_size=bin_size, min_overlap=min_overlap)
    assert found.tolist() == expected.tolist()
    assert (start[1:] > end[:-1]).all()


@given(st.sets(st.integers(0, 60)))
def test_runs_are_maximal_and_expand_again(values):
    values = np.array(sorted(values), dtype=np.int64)
    first, end = runs_of(values)
    assert expand(first, end).tolist() == values.tolist()
    assert (first[1:] > end[:-1]).all()
