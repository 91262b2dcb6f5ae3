from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from itertools import pairwise

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.errors import InputError
from mfdvep.genomics.regions import Regions
from mfdvep.genomics.vcf import open_vcf

END = (1 << 31) - 1


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["chr1"], {"chr1": [[0, END]]}),
        (["chr1:1000"], {"chr1": [[999, 1000]]}),
        (["chr1:1000-2000"], {"chr1": [[999, 2000]]}),
        (["chr1:1000-"], {"chr1": [[999, END]]}),
        (["chr1:1-2,chr2:5-6"], {"chr1": [[0, 2]], "chr2": [[4, 6]]}),
        (["1,2", "X"], {"1": [[0, END]], "2": [[0, END]], "X": [[0, END]]}),
        (["chr1:8-9", "chr1:1-3,chr1:2-5", "chr1:6-6"], {"chr1": [[0, 6], [7, 9]]}),
        (["{HLA-A*01:01}:1-9"], {"HLA-A*01:01": [[0, 9]]}),
        (["HLA-A*01"], {"HLA-A*01": [[0, END]]}),
        (["{HLA-A*01:01}"], {"HLA-A*01:01": [[0, END]]}),
        (["chr1:1-2, chr2:5-6"], {"chr1": [[0, 2]], "chr2": [[4, 6]]}),
        ([f"chr1:{END}-{END + 9}"], {"chr1": [[END - 1, END]]}),
    ],
)
def test_regions_as_text(texts, expected):
    assert Regions.parse(texts).describe() == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chr1:1,000-2,000", "a comma separates regions; write numbers without"),
        ("chr1:1,000", "a comma separates regions; write numbers without"),
        ("chr1:5-4", "the end is not before the start"),
        (f"chr1:{END + 1}", "positions start at 1 and reach 2147483647"),
        (f"chr2:5,chr1:{END + 1}", "positions start at 1 and reach 2147483647"),
        ("chr1:0-4", "positions start at 1"),
        ("HLA-A*01:01:1-9", r"{NAME}:1-9 for a name with a colon"),
        ("chr1:", "expected chr1, chr1:1000"),
        ("chr1:a-b", "expected chr1"),
        ("chr1:-9", "expected chr1"),
        ("chr1:1k", "expected chr1"),
        ("chr1:1-2-3", "expected chr1"),
        ("chr1:\u0663", "expected chr1"),
        ("chr1 1000", "expected chr1"),
        ("{chr1", "expected chr1"),
        (f"chr1:{'9' * 5000}", "expected chr1"),
        ("HLA-A*01:01", r"{NAME}:1-9 for a name with a colon"),
        ("", "expected chr1"),
        ("chr1,,chr2", "expected chr1"),
    ],
)
def test_other_text_is_refused(text, says):
    with pytest.raises(InputError, match=says):
        Regions.parse([text])


BED = "#c\ntrack name=x\nbrowser hide\n\nchr1\t4\t9\tname\nchr1\t5\t5\nchr2\t0\t1\r\n"


@pytest.mark.parametrize("form", ["text", "gzip", "bgzip"])
def test_bed(tmp_path, form):
    path = tmp_path / "a.bed"
    path.write_bytes(gzip.compress(BED.encode()) if form == "gzip" else BED.encode())
    if form == "bgzip":
        pysam.tabix_compress(str(path), str(tmp_path / "b"))
        path = tmp_path / "b"
    assert Regions.parse([], [path]).describe() == {"chr1": [[4, 9]], "chr2": [[0, 1]]}


@pytest.mark.parametrize(
    "line",
    [
        "chr1\t5",
        "chr1\t5\t4",
        "chr1\t-1\t4",
        "chr1\tx\t4",
        "chr1\t1\tx\t9",
        "chr1 1 4",
        "\t1\t4",
        "chr1\t3000000000\t3000000001",
        f"chr1\t0\t{'9' * 5000}",
    ],
    ids=range(9),
)
def test_a_bad_line_of_a_bed_is_named(tmp_path, line):
    (tmp_path / "a.bed").write_text(f"chr1\t1\t2\n{line}\n")
    with pytest.raises(InputError, match=r"a\.bed:2: expected BED, CHROM START END with tabs"):
        Regions.parse([], [tmp_path / "a.bed"])


def test_a_contig_whose_name_begins_as_a_directive_does(tmp_path):
    (tmp_path / "a.bed").write_text("track1\t4\t9\nbrowserX\t1\t2\ntrack\tname=x\n")
    found = Regions.parse([], [tmp_path / "a.bed"]).describe()
    assert found == {"track1": [[4, 9]], "browserX": [[1, 2]]}


def test_an_end_beyond_every_contig_is_their_end(tmp_path):
    (tmp_path / "a.bed").write_text("chr1\t4\t9999999999\n")
    assert Regions.parse([], [tmp_path / "a.bed"]).stretches("chr1") == [(4, END)]


def test_a_bed_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.bed: No such file"):
        Regions.parse([], [tmp_path / "none.bed"])


def test_an_empty_list_is_refused():
    with pytest.raises(InputError, match="no region selected by an empty list; give one"):
        Regions.parse()


def test_text_and_bed_are_one_selection(tmp_path):
    (tmp_path / "a.bed").write_text("chr1\t4\t9\n")
    regions = Regions.parse(["chr1:10-12,chr2"], [tmp_path / "a.bed"])
    assert regions.describe() == {"chr1": [[4, 12]], "chr2": [[0, END]]}


def test_nothing_selected_is_refused(tmp_path):
    (tmp_path / "a.bed").write_text("# none\nchr1\t5\t5\n")
    with pytest.raises(InputError, match=r"no region selected by .*a.bed"):
        Regions.parse([], [tmp_path / "a.bed"])


def test_contigs_go_by_any_of_their_names():
    regions = Regions.parse(["1:5-6,chrM:1-2"])
    assert regions.overlaps("chr1", 4, 5)
    assert regions.overlaps("MT", 0, 1)
    assert not regions.overlaps("chr2", 4, 5)
    assert regions.stretches("chr2") == []


@pytest.mark.parametrize("texts", [["chr1:7-12", "1:5-9"], ["1:5-12,chr1:8"]])
def test_names_of_one_contig_are_one_contig(texts):
    regions = Regions.parse([*texts, "MT:1-2,chrM:2-4", "chr2:1"])
    assert regions.contigs == ("1", "MT", "chr2")
    assert regions.describe() == {"1": [[4, 12]], "MT": [[0, 4]], "chr2": [[0, 1]]}
    assert regions.stretches("chr1") == regions.stretches("1") == [(4, 12)]
    assert regions.stretches("chrMT") == [(0, 4)]


STRETCHES = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), min_size=1, max_size=8)


@given(STRETCHES, st.integers(0, 50), st.integers(1, 6))
def test_overlap_is_to_have_a_base_in_common(stretches, start, length):
    regions = Regions({"c": [(a, a + n) for a, n in stretches]})
    bases = {b for a, n in stretches for b in range(a, a + n)}
    assert regions.overlaps("c", start, start + length) == bool(
        bases & set(range(start, start + length))
    )
    merged = regions.stretches("c")
    assert {b for a, e in merged for b in range(a, e)} == bases
    assert all(a[1] < b[0] for a, b in pairwise(merged))


HEADER = "##fileformat=VCFv4.2\n##contig=<ID=chr2>\n##contig=<ID=chr1>\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def indexed(tmp_path, form: str, body: str):
    (tmp_path / "a.vcf").write_text(HEADER + COLUMNS + body)
    path = tmp_path / f"a.{form}"
    if form == "vcf.gz":
        pysam.tabix_compress(str(tmp_path / "a.vcf"), str(path))
        pysam.tabix_index(str(path), preset="vcf")
    elif form == "bcf":
        with (
            pysam.VariantFile(str(tmp_path / "a.vcf")) as source,
            pysam.VariantFile(str(path), "wb", header=source.header) as file,
        ):
            for record in source:
                file.write(record)
        pysam.tabix_index(str(path), preset="bcf")
    return path


RECORDS = [
    ("chr2", 1, "A"), ("chr2", 50, "ACGTACGTAC"), ("chr2", 55, "A"), ("chr2", 70, "A"),
    ("chr1", 10, "ACGTACGTACGTACGTACGT"), ("chr1", 12, "A"), ("chr1", 29, "A"), ("chr1", 30, "A"),
]  # fmt: skip
BODY = "".join(f"{c}\t{p}\t.\t{r}\tG\t.\t.\t.\n" for c, p, r in RECORDS)
QUERIES = [
    "chr2:55", "chr2:58-59", "chr2:59-60", "chr2:60-69", "chr1", "chr1:29-29", "chr1:30-",
    "chr1:11-12,chr1:20-22,chr2:1-2", "chr1:13-14,chr1:27-28", "chr1:1-9",
]  # fmt: skip


@pytest.mark.parametrize("form", ["vcf", "vcf.gz", "bcf"])
@pytest.mark.parametrize("query", QUERIES)
def test_the_same_records_by_stream_by_index_and_by_bcftools(tmp_path, form, query):
    path = indexed(tmp_path, form, BODY)
    with open_vcf(path, regions=Regions.parse([query])) as reader:
        found = [(r.chrom, r.pos, r.ref) for r in reader]
    regions = Regions.parse([query])
    assert found == [x for x in RECORDS if regions.overlaps(x[0], x[1] - 1, x[1] - 1 + len(x[2]))]
    if shutil.which("bcftools") and form == "vcf.gz":
        done = subprocess.run(
            ["bcftools", "view", "-H", "-r", query, str(path)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        theirs = {tuple(line.split("\t")[:2]) for line in done.stdout.splitlines()}
        assert {(c, str(p)) for c, p, _ in found} == theirs


@pytest.mark.parametrize(
    ("query", "ids"), [("chr1:9", []), ("chr1:10", ["ins", "del"]), ("chr1:11", ["del"])]
)
def test_what_an_allele_inserts_is_not_searched(tmp_path, query, ids):
    body = "chr1\t10\tins\tA\tAGG\t.\t.\t.\nchr1\t10\tdel\tAG\tA\t.\t.\t.\n"
    path = indexed(tmp_path, "vcf.gz", body)
    with open_vcf(path, regions=Regions.parse([query])) as reader:
        assert [r.line.split("\t")[2] for r in reader] == ids
    if shutil.which("bcftools"):
        command = ["bcftools", "query", "-f", "%ID\n", "-r", query, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ids


def test_an_index_that_is_older_than_its_file_is_not_used(tmp_path):
    path = indexed(tmp_path, "vcf.gz", BODY)
    (tmp_path / "a.vcf").write_text(HEADER + COLUMNS + "chr1\t500\t.\tA\tG\t.\t.\t.\n")
    path.unlink()
    pysam.tabix_compress(str(tmp_path / "a.vcf"), str(path))
    os.utime(f"{path}.tbi", (0, 0))
    with open_vcf(path, regions=Regions.parse(["chr1:400-600"])) as reader:
        assert [r.pos for r in reader] == [500]


def test_end_in_info_finds_no_more_than_ref_does(tmp_path):
    """An index knows END; a stream knows REF alone. Both give the same."""
    body = "chr1\t10\t.\tA\t<DEL>\t.\t.\tEND=90\nchr1\t40\t.\tA\tG\t.\t.\t.\n"
    path = indexed(tmp_path, "vcf.gz", body)
    for at in (path, tmp_path / "a.vcf"):
        with open_vcf(at, regions=Regions.parse(["chr1:10,chr1:30-50"])) as reader:
            assert [r.pos for r in reader] == [10, 40]


@pytest.mark.parametrize("form", ["vcf.gz", "bcf"])
@pytest.mark.parametrize("damage", [b"", b"no index at all", None])
def test_an_index_that_does_not_fit_is_one_line(tmp_path, form, damage):
    """None: the file itself is damaged in its middle."""
    long = "".join(f"chr1\t{i}\tid{hash((i, 7)) % 99999}\tA\tG\t.\t.\t.\n" for i in range(1, 9000))
    path = indexed(tmp_path, form, long)
    index = next(p for p in tmp_path.iterdir() if p.suffix in (".tbi", ".csi"))
    if damage is None:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] + bytes(99) + whole[len(whole) // 2 + 99 :])
    index.write_bytes(index.read_bytes() if damage is None else damage)

    def read() -> int:
        with open_vcf(path, regions=Regions.parse(["chr1"])) as reader:
            return len(list(reader))

    with pytest.raises(InputError) as caught:
        read()
    assert len(str(caught.value).splitlines()) == 1
    assert path.name in str(caught.value)


def test_an_index_beside_a_file_that_has_no_blocks_is_not_used(tmp_path):
    path = indexed(tmp_path, "vcf.gz", BODY)
    path.write_bytes(gzip.compress((tmp_path / "a.vcf").read_bytes()))
    os.utime(f"{path}.tbi")
    with open_vcf(path, regions=Regions.parse(["chr2:55"])) as reader:
        assert [r.pos for r in reader] == [50, 55]
