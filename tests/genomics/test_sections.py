"""Sections of indexed files: every record once, in order, and about as many in each."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from conftest import random_bases
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.errors import InputError
from mfdvep.genomics.regions import Regions
from mfdvep.genomics.sections import WHOLE, cut
from mfdvep.genomics.vcf import Part, Record, open_vcf
from mfdvep.genomics.vcf_index import Index, index_of

CONTIGS = {"chr1": 3_000_000, "chrEmpty": 500, "chr2": 2_000_000, "HLA*01:01": 900}
HEADER = "".join(
    [
        "##fileformat=VCFv4.2\n",
        *(f"##contig=<ID={name},length={n}>\n" for name, n in CONTIGS.items()),
        '##INFO=<ID=N,Number=1,Type=String,Description="n">\n',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n",
    ]
)
FORMS = ["tbi", "csi", "bcf"]


def write(folder: Path, form: str, body: str, *, header: str = HEADER) -> Path:
    """Return an indexed file; htslib compresses and indexes it."""
    path = folder / f"in.{'bcf' if form == 'bcf' else 'vcf.gz'}"
    if form == "bcf":
        plain = folder / "in.vcf"
        plain.write_text(header + body)
        with (
            pysam.VariantFile(str(plain)) as source,
            pysam.VariantFile(str(path), "wb", header=source.header) as file,
        ):
            for record in source:
                file.write(record)
        pysam.tabix_index(str(path), preset="bcf", force=True)
        return path
    with pysam.BGZFile(str(path), "wb") as file:
        file.write((header + body).encode())
    shift = 14 if form == "csi" else 0
    pysam.tabix_index(str(path), preset="vcf", force=True, min_shift=shift)
    return path


def body_of(places, *, ref: str = "A", seed: int = 0) -> str:
    """Return lines at (contig, position) pairs; their INFO does not compress."""
    rng = np.random.default_rng(seed)
    return "".join(
        f"{chrom}\t{pos}\tid{i}\t{ref}\tG\t.\tPASS\tN={rng.bytes(20).hex()}\n"
        for i, (chrom, pos) in enumerate(places)
    )


def spread(n: int) -> list[tuple[str, int]]:
    """Return n places of two contigs and one at the start of a third, in order."""
    n_first = n * 3 // 5
    first = [("chr1", 1 + i * 2_900_000 // n_first) for i in range(n_first)]
    rest = n - n_first - 1
    return [*first, *(("chr2", 1 + i * 1_900_000 // rest) for i in range(rest)), ("HLA*01:01", 1)]


def whole(path, regions=None) -> list[Record]:
    with open_vcf(path, regions=regions) as reader:
        return list(reader)


def by_parts(path, *, size: int, regions=None) -> list[list[Record]]:
    """Return the records of each section, read by itself and numbered by the counts before."""
    with open_vcf(path, regions=regions, section_size=size) as reader:
        sections, together = reader.sections, list(reader)
    found, n_lines, n_records = [], 0, 0
    for number, section in enumerate(sections):
        part = Part(number, section, n_lines, n_records)
        with open_vcf(path, regions=regions, part=part) as reader:
            found.append(list(reader))
        with open_vcf(path, regions=regions, part=Part(number, section)) as reader:
            more = reader.count()
        assert more[1] == len(found[-1])
        n_lines, n_records = n_lines + more[0], n_records + more[1]
    alone = [record for records in found for record in records]
    assert together == alone
    assert [record.section for record in together] == [record.section for record in alone]
    return found


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [100, 1000, 10_000])
def test_sections_hold_every_record_once_and_about_as_many_each(tmp_path, form, size):
    path = write(tmp_path, form, body_of(spread(10_000)))
    found = by_parts(path, size=size)
    expected = whole(path)
    assert [record for records in found for record in records] == expected
    assert len(expected) == 10_000
    assert len(found) == pytest.approx(10_000 / size, rel=0.05)
    # the records of 16,384 bases, 33 here, stay together
    assert max(map(len, found)) < 1.2 * size + 70


@pytest.mark.parametrize("form", FORMS)
def test_records_are_shared_out_by_number_and_not_by_bases(tmp_path, form):
    """Nine tenths of the records lie in a tenth of the bases."""
    near = [("chr1", 1 + i * 200_000 // 9000) for i in range(9000)]
    far = [("chr1", 200_000 + i * 2_800_000 // 1000) for i in range(1000)]
    found = by_parts(write(tmp_path, form, body_of([*near, *far])), size=1000)
    assert len(found) == 10
    # 16,384 of the near bases have 737 records
    assert max(map(len, found)) < 1800
    assert sum(map(len, found)) == 10_000


@pytest.mark.parametrize("form", FORMS)
def test_records_longer_than_sections_belong_to_where_they_begin(tmp_path, form):
    ref = random_bases(300_000, seed=0)  # 80 kB compressed
    places = [("chr1", 1 + 40_000 * i) for i in range(40)]
    path = write(tmp_path, form, body_of(places, ref=ref))
    found = by_parts(path, size=4)
    assert len(found) >= 3
    assert [r.pos for records in found for r in records] == [pos for _, pos in places]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_records(tmp_path, form, n):
    path = write(tmp_path, form, body_of([("chr2", 7), ("chr2", 7)][:n]))
    found = by_parts(path, size=1)
    assert [r.pos for records in found for r in records] == [7] * n


def test_everything_in_one_block_of_the_file_is_cut_too(tmp_path):
    path = write(tmp_path, "tbi", body_of(spread(200)))
    assert path.stat().st_size < 1 << 16
    found = by_parts(path, size=10)
    assert 15 <= len(found) <= 21
    assert sum(map(len, found)) == 200


@pytest.mark.parametrize("form", ["tbi", "csi"])
def test_lines_and_a_header_longer_than_blocks_and_carriage_returns(tmp_path, form):
    columns = "\tFORMAT\t" + "\t".join(f"S{i}" for i in range(40_000))
    header = HEADER.rstrip("\n") + columns + "\n"
    rng = np.random.default_rng(0)
    lines = [
        f"chr1\t{1 + 40_000 * i}\t.\tA\tG\t.\t.\t.\tGT\t"
        + "\t".join(map(str, rng.integers(0, 9, 40_000)))
        for i in range(20)
    ]
    body = "".join(f"{line}\r\n" for line in lines)
    path = write(tmp_path, form, body, header=header.replace("\n", "\r\n"))
    found = by_parts(path, size=2)
    assert len(found) == 10
    assert [r.line for records in found for r in records] == [f"{line}\r" for line in lines]


def test_the_index_counts_what_is_there(tmp_path):
    for form in FORMS:
        path = write(tmp_path, form, body_of(spread(1000)))
        index = Index.read(index_of(path))
        assert index.n_records == 1000
        # htslib's .tbi names the contigs with records, its .csi of a BCF none
        assert index.contigs in ((), ("chr1", "chr2", "HLA*01:01"))


def test_an_index_that_does_not_count(tmp_path, monkeypatch):
    """As that of a VCF that GATK or Picard wrote; of a BCF nothing tells lines."""
    path = write(tmp_path, "tbi", body_of(spread(10_000)))
    read = Index.read(index_of(path))
    monkeypatch.setattr(Index, "read", lambda _: replace(read, n_records=None))
    found = by_parts(path, size=1000)
    assert len(found) == pytest.approx(10, abs=1)
    assert max(map(len, found)) < 1.3 * 1000 + 70
    assert [r for records in found for r in records] == whole(path)
    assert cut(path, index_of(path)) == [WHOLE]
    uncounted = replace(read, contigs=(), n_records=None)
    monkeypatch.setattr(Index, "read", lambda _: uncounted)
    assert cut(path, index_of(path), n_records=10, contigs=read.contigs) == [WHOLE]


@pytest.mark.parametrize("form", FORMS)
def test_a_section_reads_no_more_of_the_file_than_is_its_own(tmp_path, form):
    """All else of the file may be destroyed."""
    path = write(tmp_path, form, body_of(spread(20_000)))
    with open_vcf(path, section_size=2000) as reader:
        section = reader.sections[5]
        expected = [r for r in reader if r.section == 5]
    ((start, end),) = section.spans
    data = bytearray(path.read_bytes())
    data[1 << 16 : start >> 16] = bytes((start >> 16) - (1 << 16))
    rest = (end >> 16) + (1 << 16)
    data[rest:-28] = bytes(len(data) - 28 - rest)
    path.write_bytes(data)
    with open_vcf(path, part=Part(5, section, n_records=expected[0].index)) as reader:
        assert list(reader) == expected


BASES = 400_000
WHERE = st.tuples(st.sampled_from(["chr1", "chr2"]), st.integers(1, BASES))
STRETCH = st.tuples(WHERE, st.integers(1, 50_000))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(WHERE, st.integers(1, 300)), min_size=1, max_size=60),
    st.lists(STRETCH, min_size=1, max_size=4),
    st.sampled_from(FORMS),
    st.integers(1, 30),
)
def test_regions_select_the_same_whole_and_by_section(
    tmp_path_factory, rows, stretches, form, size
):
    folder = tmp_path_factory.mktemp("r")
    body = "".join(
        f"{chrom}\t{pos}\t.\t{'A' * n}\tG\t.\t.\t.\n" for (chrom, pos), n in sorted(rows)
    )
    path = write(folder, form, body)
    at = {}
    for (chrom, start), n in stretches:
        at.setdefault(chrom, []).append((start - 1, start - 1 + n))
    regions = Regions(at)
    expected = [
        r for r in whole(path) if regions.overlaps(r.chrom, r.pos - 1, r.pos - 1 + len(r.ref))
    ]
    found = by_parts(path, size=size, regions=regions)
    assert [r.line for records in found for r in records] == [r.line for r in expected]
    assert [r.index for records in found for r in records] == list(range(len(expected)))
    shutil.rmtree(folder)


def test_a_region_is_read_without_the_rest(tmp_path):
    path = write(tmp_path, "tbi", body_of(spread(20_000)))
    spans = [
        span
        for section in cut(path, index_of(path), regions=Regions.parse(["chr2:1000000-1010000"]))
        for span in section.spans
    ]
    assert sum((end >> 16) - (start >> 16) for start, end in spans) < path.stat().st_size / 5


def test_lines_are_counted_over_sections(tmp_path):
    """A bad line has the same place in the file, whichever way it is read."""
    body = body_of(spread(3000)).replace("\tid2000\tA\tG\t", "\tid2000\tA G\t")
    path = write(tmp_path, "tbi", body)
    n = HEADER.count("\n") + 2001
    with pytest.raises(InputError, match=rf"in\.vcf\.gz:{n}: 7 tab-separated columns"):
        whole(path)
    with open_vcf(path, section_size=500) as reader:
        sections = reader.sections
        with pytest.raises(InputError, match=rf":{n}: 7 tab-separated columns"):
            list(reader)
    n_lines = 0
    said = []
    for number, section in enumerate(sections):
        with open_vcf(path, part=Part(number, section)) as reader:
            more, _ = reader.count()
        try:
            with open_vcf(path, part=Part(number, section, n_lines)) as reader:
                list(reader)
        except InputError as error:
            said.append(str(error))
        n_lines += more
    assert n_lines == 3000
    assert len(said) == 1
    assert f":{n}: 7 tab-separated columns" in said[0]


def test_the_index_of_another_file(tmp_path):
    path = write(tmp_path, "tbi", body_of(spread(5000)))
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other", "tbi", body_of(spread(100)))
    shutil.copy(f"{path}.tbi", f"{other}.tbi")
    with pytest.raises(InputError, match=r"in\.vcf\.gz\.tbi is of another file .*; make it again"):
        open_vcf(other, section_size=10)
    # of a file that is nearly the same
    near = write(tmp_path / "other", "tbi", body_of(spread(5000), seed=1))
    shutil.copy(f"{path}.tbi", f"{near}.tbi")
    with (
        pytest.raises(InputError, match=r"another file; make it again|damaged"),
        open_vcf(near, section_size=500) as reader,
    ):
        list(reader)


@pytest.mark.parametrize("form", FORMS)
def test_a_damaged_index(tmp_path, form):
    path = write(tmp_path, form, body_of(spread(300)))
    index = index_of(path)
    for data in (b"", b"nothing of the kind", index.read_bytes()[:-40]):
        index.write_bytes(data)
        with pytest.raises(InputError, match=r"not an index that can be read .*bcftools index"):
            open_vcf(path, section_size=10)


@pytest.mark.parametrize("form", ["tbi", "csi"])
def test_blocks_without_bytes_between_records(tmp_path, form):
    """As `cat` leaves them between files of bgzip; the last offset of the index names one."""
    path, more = tmp_path / "in.vcf.gz", tmp_path / "more.gz"
    header = HEADER.replace("##INFO", "##contig=<ID=MT>\n##INFO")
    for file, text in (
        (path, header + body_of(spread(5000))),
        (more, "".join(f"MT\t{1 + i}\t.\tA\tG\t.\t.\t.\n" for i in range(5))),
    ):
        with pysam.BGZFile(str(file), "wb") as bgzip:
            bgzip.write(text.encode())
    path.write_bytes(path.read_bytes() + more.read_bytes())
    shift = 14 if form == "csi" else 0
    pysam.tabix_index(str(path), preset="vcf", force=True, min_shift=shift)
    found = by_parts(path, size=1000)
    assert len(found) in (5, 6)
    assert [r for records in found for r in records] == whole(path)
    assert len(whole(path, Regions.parse(["MT:2-4"]))) == 3


@pytest.mark.parametrize("form", ["tbi", "csi"])
def test_the_last_record_without_a_newline(tmp_path, form):
    path = write(tmp_path, form, body_of(spread(100)).rstrip("\n"))
    expected = whole(path)
    assert [r for records in by_parts(path, size=10) for r in records] == expected
    assert whole(path, Regions.parse(["{HLA*01:01}"])) == [replace(expected[-1], index=0)]
