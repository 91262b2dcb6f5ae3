"""Readers of FANTOM5's matrices, VISTA's FASTA and BEDs with classes, in the published layouts."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from conftest import random_bases, write_fasta

from mfdvep.errors import InputError
from mfdvep.genomics.fasta import read_fasta
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.regions import Regions, bed_lines
from mfdvep.interpret.label_sets.classes import read_classes
from mfdvep.interpret.label_sets.fantom5 import read_fantom5, read_tissues
from mfdvep.interpret.label_sets.label_set import keep_tasks, write_label_set
from mfdvep.interpret.label_sets.layouts import layout_of
from mfdvep.interpret.label_sets.vista import read_vista
from mfdvep.interpret.probes.label_table import read_labels

TPM = """\
Id\tCNhs11844\tCNhs11251\tCNhs11282
chr10:100006233-100006603\t0.3\t0\t0
chr10:100008181-100008444\t0\t0.05\t0.1
chr1:839741-840250\t0\t0\t0
"""
USAGE = """\
CNhs11844\tCNhs11251\tCNhs11282
chr10:100006233-100006603\t1\t0\t0
chr10:100008181-100008444\t0\t1\t1
chr1:839741-840250\t0\t0\t0
"""
TISSUES = "sample\ttissue\tthreshold\nCNhs11844\tliver\t\nCNhs11251\tbrain\t\nCNhs11282\tbrain\t\n"


@pytest.mark.parametrize(
    "text",
    [
        TPM,
        USAGE,
        USAGE.replace("\t", ","),
        '"","' + USAGE.replace("\t", ",").replace(",CN", '","CN').replace("282\n", '282"\n', 1)
        .replace("chr", '"chr').replace("3,1,0", '3",1,0').replace("4,0,1", '4",0,1')
        .replace("0,0,0,0", '0",0,0,0'),
    ],
    ids=["tpm", "usage", "commas", "quotes"],
)  # fmt: skip
def test_fantom5_layouts(tmp_path, text):
    path = tmp_path / "m.txt.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert layout_of(path) == "fantom5"
    found = read_fantom5(path)
    assert found.tasks == ["CNhs11844", "CNhs11251", "CNhs11282"]
    assert found.name[0] == "chr10:100006233-100006603"
    assert (found.start[2], found.end[2], found.chrom[2]) == (839741, 840250, "chr1")
    assert found.labels.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]


def test_fantom5_tissues_and_thresholds(tmp_path):
    matrix, table = tmp_path / "m.txt", tmp_path / "t.tsv"
    matrix.write_text(TPM)
    table.write_text(TISSUES)
    found = read_fantom5(matrix, tissues=read_tissues(table))
    assert found.tasks == ["brain", "liver"]
    assert found.labels.tolist() == [[0, 1], [1, 0], [0, 0]]
    found = read_fantom5(matrix, tissues=read_tissues(table), active_above=0.1)
    assert found.labels.tolist() == [[0, 1], [0, 0], [0, 0]]
    table.write_text(TISSUES.replace("brain\t\n", "brain\t0.07\n", 1))
    found = read_fantom5(matrix, tissues=read_tissues(table), active_above=0.3)
    assert found.labels.tolist() == [[0, 0], [1, 0], [0, 0]]
    table.write_text("sample\ttissue\nCNhs11844\tliver\n")
    found = read_fantom5(matrix, tissues=read_tissues(table))
    assert found.counts["samples left out"] == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\tb\n1\t2\n", "expected FANTOM5's matrix"),
        (USAGE.replace("\t1\t1\n", "\t1\n"), ":3: expected chr1:100-200 and 3 numbers"),
        (USAGE.replace("\t1\t1\n", "\tx\t1\n"), ":3: expected chr1:100-200 and 3 numbers"),
        (USAGE.replace("11251", "11844"), "sample 'CNhs11844' is there twice"),
        (USAGE.replace("CNhs11844\t", ""), "2 samples for 3 numbers"),
        (USAGE + "chr1:839741-840250\t0\t0\t0\n", "is there twice"),
    ],
)
def test_fantom5_refusals(tmp_path, text, told):
    path = tmp_path / "m.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_fantom5(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\tb\n", "expected tab-separated columns sample, tissue"),
        ("sample\ttissue\n", "no sample in it"),
        ("sample\ttissue\na\tx\na\ty\n", ":3: expected a sample that was not there"),
        ("sample\ttissue\tthreshold\na\tx\t1\nb\tx\t2\n", ":3: threshold '2'"),
        ("sample\ttissue\tthreshold\na\tx\thigh\n", ":2: threshold 'high'"),
    ],
)
def test_tissue_refusals(tmp_path, text, told):
    path = tmp_path / "t.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_tissues(path)


def test_an_unknown_sample_names_the_nearest(tmp_path):
    matrix, table = tmp_path / "m.txt", tmp_path / "t.tsv"
    matrix.write_text(TPM)
    table.write_text("sample\ttissue\nCNhs11845\tliver\n")
    with pytest.raises(InputError, match="no sample 'CNhs11845'; nearest: CNhs11844"):
        read_fantom5(matrix, tissues=read_tissues(table))


def vista(lengths=(640, 1643, 500, 300)):
    headers = [
        ">Human|chr16:86396481-86397120 | element 1 | positive  | neural tube[12/12] | "
        "hindbrain (rhombencephalon)[12/12] | limb[3/12] | cranial nerve[8/12]",
        ">Human|chr16:85586488-85588130 | element 3 | negative ",
        ">Mouse|chr2:100-600 | element 4 | positive  | limb[5/6]",
        ">Human|chr1:1,000-1,299 | element 5 | positive | limb[5/6]",
    ]
    sequences = [random_bases(n, n) if n else "" for n in lengths]
    return "".join(f"{h}\n{s[:100]}\n{s[100:]}\n\n" for h, s in zip(headers, sequences,
                                                                  strict=True))  # fmt: skip


def test_vista(tmp_path):
    path = tmp_path / "v.fa"
    path.write_text(f"<pre>\n{vista()}</pre>\n")
    assert layout_of(path) == "vista"
    found = read_vista(path)
    assert found.name == ["hs1", "hs3", "hs5"]
    assert found.tasks == ["enhancer", "cranial nerve", "hindbrain (rhombencephalon)", "limb",
                           "neural tube"]  # fmt: skip
    assert found.labels.tolist() == [[1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 0, 0, 1, 0]]
    assert found.start.tolist() == [86396480, 85586487, 999]
    assert found.end.tolist() == [86397120, 85588130, 1299]
    assert found.sequences[0] == random_bases(640, 640)
    assert read_vista(path, species="mouse").name == ["mm4"]
    assert read_vista(path, species="mouse").start.tolist() == [100]  # 500 bases: 0-based


def test_vista_without_sequences_and_with_tabs(tmp_path):
    path = tmp_path / "v.tsv"
    lines = [line for line in vista((0,) * 4).splitlines() if line]
    path.write_text("\n".join(line[1:].replace(" | ", "\t").replace("|", "\t") for line in lines))
    found = read_vista(path)
    assert found.labels.tolist()[0] == [1, 1, 1, 1, 1]
    assert found.start.tolist()[0] == 86396480
    assert found.sequences == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("positive  | neural", "perhaps | neural"), ":1: expected 'Human"),
        (("limb[3/12]", "limb"), ":1: expected 'Human"),
        ((">Human|chr16:86", ">Rat|chr16:86"), ":1: expected 'Human"),
        (("86396481-", "96396481-"), "ends before it starts"),
        (("element 3", "element 1"), "element hs1 is there twice"),
        (("\n\n", "\n12\n"), "or its sequence"),
    ],
)
def test_vista_refusals(tmp_path, change, told):
    path = tmp_path / "v.fa"
    path.write_text(vista().replace(*change, 1))
    with pytest.raises(InputError, match=told):
        read_vista(path)


def test_vista_needs_all_sequences_or_none(tmp_path):
    path = tmp_path / "v.fa"
    path.write_text(vista((640, 0, 0, 300)))
    with pytest.raises(InputError, match="no sequence, while others"):
        read_vista(path)
    with pytest.raises(InputError, match="species 'rat'"):
        read_vista(path, species="rat")
    path.write_text(">Mouse|chr2:100-600 | element 4 | negative\n")
    with pytest.raises(InputError, match="no human element among 1"):
        read_vista(path)


BED = "chr1\t1000\t1200\tPLS\nchr1\t3000\t3300\tCA\nchr1\t5000\t5150\tPLS\n"


def test_classes_of_a_bed(tmp_path):
    path = tmp_path / "c.bed"
    path.write_text(BED)
    assert layout_of(path) == "bed"
    found = read_classes(path, rng=np.random.default_rng(0))
    assert found.tasks == ["CA", "PLS"]
    assert found.labels.tolist() == [[0, 1], [1, 0], [0, 1]]
    wide = tmp_path / "w.bed"
    wide.write_text(BED.replace("\tPLS", "\tE1\tE2\tPLS").replace("\tCA", "\tE1\tE2\tCA"))
    assert read_classes(wide, column=6, rng=np.random.default_rng(0)).tasks == ["CA", "PLS"]


@pytest.mark.parametrize(
    ("against", "first", "last"),
    [("both", [0, 1], [0, 0]), ("rest", [0, 1], [-1, -1]), ("background", [-1, 1], [0, 0])],
)
def test_a_background_lies_beside_the_regions(tmp_path, against, first, last):
    fasta = write_fasta(tmp_path / "g.fa", {"1": "N" * 4000 + random_bases(8000, 1)})
    path = tmp_path / "c.bed"
    path.write_text(BED)
    with Genome(fasta) as genome:
        found = read_classes(path, genome=genome, background=4, against=against,
                             rng=np.random.default_rng(0))  # fmt: skip
        again = read_classes(path, genome=genome, background=4, against=against,
                             rng=np.random.default_rng(0))  # fmt: skip
    assert found.name == again.name
    assert len(set(found.name)) == len(found.name) == 15
    assert found.labels[0].tolist() == first
    assert found.labels[-1].tolist() == last
    taken = Regions.parse(beds=[path])
    for chrom, start, end in zip(found.chrom[3:], found.start[3:], found.end[3:], strict=True):
        assert not taken.overlaps(chrom, int(start), int(end))
        assert start > 3300  # half of the window before that is N
    assert sorted((found.end - found.start)[3:]) == [150] * 4 + [200] * 4 + [300] * 4


def test_classes_refusals(tmp_path):
    path = tmp_path / "c.bed"
    rng = np.random.default_rng(0)
    path.write_text("chr1\t1\t2\n")
    with pytest.raises(InputError, match="no column 4 with a class"):
        read_classes(path, rng=rng)
    path.write_text(BED + BED)
    with pytest.raises(InputError, match="chr1:1000-1200 is there twice"):
        read_classes(path, rng=rng)
    path.write_text(BED)
    with pytest.raises(InputError, match="against 'background' with 0"):
        read_classes(path, against="background", rng=rng)
    with pytest.raises(InputError, match="give it with -f"):
        read_classes(path, background=1, rng=rng)
    path.write_text("#\n")
    with pytest.raises(InputError, match="no region in it"):
        read_classes(path, rng=rng)
    path.write_text(BED)
    with (
        Genome(write_fasta(tmp_path / "g.fa", {"other": "ACGT" * 999})) as genome,
        pytest.raises(InputError, match="no place for a background"),
    ):
        read_classes(path, genome=genome, background=1, rng=rng)


def test_what_is_written_is_what_probe_and_features_read(tmp_path):
    path = tmp_path / "v.fa"
    path.write_text(vista())
    found = read_vista(path)
    files = write_label_set(found, tmp_path / "out")
    assert sorted(p.name for p in files.values()) == ["out.bed", "out.fa", "out.labels.tsv"]
    table = read_labels(files["labels"])
    assert (table.name, table.tasks) == (found.name, tuple(found.tasks))
    assert (table.labels == found.labels).all()
    assert [line.start for line in bed_lines(files["regions"])] == found.start.tolist()
    assert [record.name for record in read_fasta(files["sequences"])] == found.name
    assert len(next(iter(read_fasta(files["sequences"]))).codes) == 640


def test_tasks_with_few_positives_are_left_out(tmp_path):
    path = tmp_path / "v.fa"
    path.write_text(vista())
    kept = keep_tasks(read_vista(path), 1)
    assert kept.tasks[-1] == "neural tube"
    assert kept.counts["tasks left out"] == 0
    with pytest.raises(InputError, match="none of 5 tasks has 2 positives"):
        keep_tasks(read_vista(path), 2)


@pytest.mark.parametrize("taken", ["background", "name", "start"])
def test_a_class_with_a_name_of_the_table_is_refused(tmp_path, taken):
    path = tmp_path / "c.bed"
    path.write_text(f"chr1\t0\t10\tPLS\nchr1\t20\t30\t{taken}\n")
    with pytest.raises(InputError, match=f"a class is called {taken}"):
        read_classes(path, rng=np.random.default_rng(0))
