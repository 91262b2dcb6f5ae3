"""Which files of ENCODE's table are chosen, and the table of experiments that comes of it."""

from __future__ import annotations

import csv
import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import random_bases, write_fasta
from test_downloads import serving

from mfdvep.errors import InputError, OutputError
from mfdvep.model.tracks import TrackTable
from mfdvep.training.encode import PAPER, Selection, fetch_encode, read_files, select
from mfdvep.training.prepare import prepare

PEAKS = gzip.compress(b"chr1\t100\t900\tp\t0\t.\t1\t1\t1\t50\n")
SOUND = {
    "File accession": "ENCFF001AAA",
    "File format": "bed narrowPeak",
    "File type": "bed",
    "File format type": "narrowPeak",
    "Output type": "IDR thresholded peaks",
    "File assembly": "GRCh38",
    "Experiment accession": "ENCSR001AAA",
    "Assay": "TF ChIP-seq",
    "Donor(s)": "/human-donors/ENCDO000AAA/",
    "Biosample term name": "liver",
    "Biosample type": "tissue",
    "Biosample organism": "Homo sapiens",
    "Experiment target": "CTCF-human",
    "Experiment date released": "2020-01-02",
    "Lab": "ENCODE Processing Pipeline",
    "File download URL": "/files/ENCFF001AAA/@@download/ENCFF001AAA.bed.gz",
    "md5sum": hashlib.md5(PEAKS).hexdigest(),
    "Size": str(len(PEAKS)),
    "File Status": "released",
    "Audit WARNING": "mild",
    "Audit NOT_COMPLIANT": "",
    "Audit ERROR": "",
}


def row(n: int = 1, **changes: str) -> dict[str, str]:
    """Return the row of file and experiment n; `Output_type` changes "Output type"."""
    name = f"ENCFF{n:03}AAA"
    url = f"/files/{name}/@@download/{name}.bed.gz"
    own = {"File accession": name, "Experiment accession": f"ENCSR{n:03}AAA"}
    changed = {k if k in SOUND else k.replace("_", " "): v for k, v in changes.items()}
    return {**SOUND, **own, "File download URL": url, **changed}


def write(path: Path, rows: list[dict[str, str]], *, first: str = "", drop=()) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as handle:
        handle.write(first)
        names = [name for name in rows[0] if name not in drop]
        writer = csv.DictWriter(handle, names, delimiter="\t", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def choose(tmp_path):
    """Select from these rows; return the accessions' numbers and what was removed."""

    def call(rows, selection=None, *, allow_audit=False, **changes):
        path = write(tmp_path / "m.tsv", rows)
        chosen = replace(selection or Selection(), allow_audit=allow_audit, **changes)
        kept, removed = select(read_files(path), chosen, path)
        assert len(kept) + sum(removed.values()) == len(rows)
        return [int(r["accession"][5:8]) for r in kept], {k: n for k, n in removed.items() if n}

    return call


def test_each_filter_removes_and_counts_its_own(choose):
    rows = [
        row(1, File_format="bed broadPeak", File_format_type="broadPeak"),
        row(2, File_Status="archived"),
        row(3, Biosample_organism="Mus musculus"),
        row(4, File_assembly="hg19"),
        row(5, Assay="DNase-seq", Experiment_target=""),
        row(6, Experiment_target="GATA1-human"),
        row(7, Biosample_type="cell line"),
        row(8, Output_type="FDR cut rate"),
        row(9, **{"Audit ERROR": "x"}),
        row(10, **{"Audit NOT_COMPLIANT": "x"}),
        row(11),
        row(12, Experiment_accession="ENCSR011AAA"),
    ]
    chosen = Selection(assays=("TF ChIP-seq",), targets=("ctcf",), biosample_types=("Tissue",))
    kept, removed = choose(rows, chosen)
    assert kept == [11]
    assert list(removed.values()) == [1, 1, 1, 1, 1, 1, 1, 1, 2, 1]
    assert [name.split(" ")[0] for name in removed] == [
        "format", "status", "--organism", "--assembly", "--assay", "--target", "--biosample-type",
        "--output-type", "no", "another",
    ]  # fmt: skip
    assert choose(rows[8:])[0] == [11]
    assert choose(rows[8:], allow_audit=True)[0] == [9, 10, 11]


def test_the_papers_choice(choose):
    histone = {"Experiment_target": "H3K27ac-human", "Output_type": "replicated peaks"}
    rows = [
        row(1),
        row(2, Experiment_target="GATA1-human"),
        row(3, Assay="Histone ChIP-seq", **histone),
        row(4, Assay="ChIP-seq", **histone),  # an older table
        row(5, Assay="Mint-ChIP-seq", **histone),
        row(6, Assay="DNase-seq", Experiment_target="", Output_type="peaks"),
        row(7, Assay="ATAC-seq", Experiment_target=""),
        row(8, Biosample_type="cell line"),
        row(9, Assay="ChIP-seq", Experiment_target="HNF4A-human"),
    ]
    assert choose(rows, PAPER)[0] == [1, 3, 4, 6, 7]


def test_one_file_an_experiment(choose):
    same = {"Experiment_accession": "ENCSR000XXX"}
    rows = [
        row(3, Output_type="pseudoreplicated peaks", **same),
        row(5, **same),
        row(4, **same),
        row(2, Output_type="conservative IDR thresholded peaks", **same),
        row(1),
    ]
    assert choose(rows)[0] == [4, 1]
    types = ("pseudoreplicated peaks", "idr thresholded peaks")
    assert choose(rows, output_types=types)[0] == [3, 1]
    marked = [{**r, "Preferred default": str(r is rows[1])} for r in rows]
    assert choose(marked)[0] == [5, 1]
    assert choose(marked, preferred=True)[0] == [5]


def test_no_row_left_says_which_filter_it_was(choose):
    with pytest.raises(
        InputError,
        match=r"no row of 2 is left: --assay ATAC-seq removed the last 1, which have TF ChIP-seq;",
    ):
        choose([row(1), row(2, File_assembly="hg19")], assays=("ATAC-seq",))
    with pytest.raises(InputError, match=r"no --allow-audit removed the last 1, which have .*low"):
        choose([row(1, **{"Audit ERROR": "low depth"})])


def test_columns_that_a_filter_needs(choose, tmp_path):
    with pytest.raises(InputError, match="no column 'Preferred default', which --preferred is"):
        choose([row()], preferred=True)
    path = write(tmp_path / "m.tsv", [row()], drop=("Audit ERROR",))
    with pytest.raises(InputError, match="no column 'Audit error', which --allow-audit is about"):
        select(read_files(path), Selection(), path)
    assert select(read_files(path), Selection(allow_audit=True), path)[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot read the table: .*No such file"),
        ("", "no header; expected ENCODE's metadata.tsv"),
        ("https://www.encodeproject.org/a\nhttps://www.encodeproject.org/b\n", "no header"),
        ("File accession\tLab\nA\tB\n", "no column 'File format', .* it has: File accession, Lab"),
        ("\t".join(SOUND) + "\n", "no rows below the header"),
        ("\t".join(SOUND) + "\nA\tB\n", ":2: 2 fields; the header has 22"),
        ("File accession\n\xff", "cannot read the table"),
    ],
)
def test_tables_that_are_none(tmp_path, text, says):
    path = tmp_path / "m.tsv"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=says):
        read_files(path)


@pytest.mark.parametrize("first", ["# a comment\n", "2024-05-06 07:08:09\thttps://e.org/report\n"])
def test_reports_and_older_tables(tmp_path, first):
    names = {
        "File accession": "Accession",
        "File format": "File format",
        "File format type": "File format type",
        "File Status": "Status",
        "Output type": "Output type",
        "File assembly": "Genome assembly",
        "Experiment accession": "Dataset",
        "Assay": "Assay term name",
        "Biosample organism": "Organism",
        "Experiment target": "Target label",
    }
    values = row(File_format="bed", Experiment_accession="/experiments/ENCSR001AAA/")
    report = {new: values[old] for old, new in names.items()}
    path = write(tmp_path / "r.tsv", [report], first=first)
    (found,) = select(read_files(path), Selection(allow_audit=True), path)[0]
    assert found["experiment_accession"] == "ENCSR001AAA"
    assert (found["target"], found["format"]) == ("CTCF", "bed narrowPeak")
    assert "lab" not in found


@pytest.mark.parametrize(
    ("assay", "target", "expected"),
    [
        ("Histone ChIP-seq", "H3K27ac-human", "H3K27ac"),
        ("TF ChIP-seq", "NKX3-1-human", "NKX3-1"),
        ("TF ChIP-seq", "NKX3-1", "NKX3-1"),
        ("DNase-seq", "", "Accessible DNA"),
        ("ATAC-seq", "", "Accessible DNA"),
        ("Control ChIP-seq", "", ""),
    ],
)
def test_targets(tmp_path, assay, target, expected):
    path = write(tmp_path / "m.tsv", [row(Assay=assay, Experiment_target=target)])
    assert read_files(path)[0]["target"] == expected


@pytest.fixture
def three(tmp_path):
    """Three experiments, the third with an absolute address at ENCODE."""
    rows = [row(1), row(2, Assay="DNase-seq", Experiment_target=""), row(3)]
    rows[2]["File download URL"] = "https://www.encodeproject.org" + rows[2]["File download URL"]
    return write(tmp_path / "m.tsv", [{**r, "Biosample organ slims": "liver"} for r in rows])


def test_from_the_table_to_a_training_set(three, tmp_path):
    out = tmp_path / "new" / "encode"
    with serving() as server:
        names = [f"ENCFF{n:03}AAA" for n in (1, 2, 3)]
        server.files = {f"/files/{n}/@@download/{n}.bed.gz": PEAKS for n in names}
        made = fetch_encode(three, out, Selection(), base_url=server.url)
        assert (made.n_rows, made.n_experiments, made.missing) == (3, 3, 0)
        assert made.downloads.fetched == 3
        again = fetch_encode(three, out, Selection(), base_url=server.url + "/", force=True)
        assert (again.downloads.fetched, again.downloads.present) == (0, 3)
    table = TrackTable.read(out / "experiments.tsv")
    assert [*table.columns] == [
        "experiment", "peaks", "assay", "target", "biosample", "biosample_type", "organ", "system",
        "developmental", "life_stage", "age", "lab", "released", "assembly", "output_type",
        "experiment_accession",
    ]  # fmt: skip
    assert [values[1] for values in table.columns.values()] == [
        "ENCFF002AAA", "peaks/ENCFF002AAA.bed.gz", "DNase-seq", "Accessible DNA", "liver", "tissue",
        "liver", "", "", "", "", "ENCODE Processing Pipeline", "2020-01-02", "GRCh38",
        "IDR thresholded peaks", "ENCSR002AAA",
    ]  # fmt: skip
    fasta = write_fasta(tmp_path / "g.fa", {"chr1": random_bases(2000, 0)})
    summary = prepare(out / "experiments.tsv", fasta, tmp_path / "set", keep_others=0)
    assert (summary.n_tracks, summary.bins["train"]) == (3, 6)


def test_without_downloads_all_or_none_are_there(three, tmp_path):
    made = fetch_encode(three, tmp_path / "e", Selection(), fetch=False)
    assert (made.downloads, made.missing) == (None, 3)
    (tmp_path / "e" / "peaks" / "ENCFF002AAA.bed.gz").write_bytes(PEAKS)
    with pytest.raises(InputError, match=r"2 of 3 peak files are missing: peaks/ENCFF001AAA.bed"):
        fetch_encode(three, tmp_path / "e", Selection(), fetch=False, force=True)
    for n in (1, 3):
        (tmp_path / "e" / "peaks" / f"ENCFF{n:03}AAA.bed.gz").write_bytes(PEAKS)
    assert fetch_encode(three, tmp_path / "e", Selection(), fetch=False, force=True).missing == 0


def test_outputs_that_cannot_be(three, tmp_path):
    fetch_encode(three, tmp_path / "e", Selection(), fetch=False)
    with pytest.raises(OutputError, match=r"experiments.tsv exists; .* --force"):
        fetch_encode(three, tmp_path / "e", Selection())
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file: cannot make the folder"):
        fetch_encode(three, tmp_path / "file", Selection(), fetch=False)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"File_accession": "../../x"}, r"file accession '../../x' in 1 experiments"),
        ({"Experiment_accession": "ENCSR9"}, "'ENCFF001AAA' in 2 experiments; expected"),
        ({"md5sum": "12"}, "ENCFF001AAA: '12' is no MD5"),
        ({"Size": "1 kB"}, "ENCFF001AAA: '1 kB' is no size"),
        ({"File_download_URL": ""}, "ENCFF001AAA: '' is no address"),
    ],
)
def test_values_that_are_none(tmp_path, changes, says):
    own = row(**changes)
    rows = [own, row()] if "Experiment_accession" in changes else [own]
    path = write(tmp_path / "m.tsv", rows)
    with pytest.raises(InputError, match=says):
        fetch_encode(path, tmp_path / "e", Selection())
    assert not (tmp_path / "e").exists()
