"""`prepare` makes the set that a plain count over bases would, or refuses with a clear line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.errors import InputError, OutputError
from mfdvep.training.dataset import WINDOW_BASES, TrainingSet
from mfdvep.training.prepare import prepare

Peaks = list[tuple[str, int, int]]


def write_genome(folder: Path, sequences: dict[str, str]) -> Path:
    fasta = folder / "genome.fa"
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in sequences.items()))
    pysam.faidx(str(fasta))
    return fasta


def write_experiments(folder: Path, experiments: dict[str, Peaks], **columns: list[str]) -> Path:
    (folder / "peaks").mkdir(exist_ok=True)
    rows = ["\t".join(["experiment", "peaks", *columns])]
    for i, (name, peaks) in enumerate(experiments.items()):
        text = "".join(f"{c}\t{s}\t{e}\n" for c, s, e in peaks)
        (folder / "peaks" / f"{name}.bed").write_text(text)
        rows.append("\t".join([name, f"peaks/{name}.bed", *(v[i] for v in columns.values())]))
    table = folder / "experiments.tsv"
    table.write_text("\n".join(rows) + "\n")
    return table


def labels_of(data: TrainingSet) -> dict[tuple[str, int], list[int]]:
    rows = np.arange(len(data.bin_start))
    return {
        (data.contigs[c], int(s)): np.flatnonzero(row).tolist()
        for c, s, row in zip(data.bin_contig, data.bin_start, data.labels(rows), strict=True)
    }


GENOME = {"chr1": "ACGT" * 500, "chr2": "TTGCA" * 200, "chr3": "AC" * 320}  # 2000, 1000, 640
EXPERIMENTS = {
    "A": [("chr1", 0, 64), ("chr1", 300, 600), ("chr2", 128, 256)],
    "B": [("chr1", 0, 63), ("chr1", 256, 512), ("chr3", 0, 640)],
    "C": [("chr1", 320, 340)],
}


@pytest.fixture
def genome(tmp_path):
    return write_genome(tmp_path, GENOME)


@pytest.fixture
def table(tmp_path):
    return write_experiments(tmp_path, EXPERIMENTS, lab=["x", "y", "z"])


def test_a_set_by_eye(tmp_path, genome, table):
    summary = prepare(
        table, genome, tmp_path / "s", keep_others=0, min_positives=1, test=["chr2"],
        validation=["3"],
    )  # fmt: skip
    data = TrainingSet.open(tmp_path / "s")
    assert labels_of(data) == {
        ("chr1", 0): [0],
        ("chr1", 256): [0, 1],  # A covers 300-384
        ("chr1", 384): [0, 1],
        ("chr1", 512): [0],  # 512-600
        ("chr2", 128): [0],
        **{("chr3", start): [1] for start in range(0, 640, 128)},
    }
    assert data.contig_split == ("train", "test", "validation")
    assert data.tracks["experiment"] == ("A", "B", "C")
    assert data.tracks["lab"] == ("x", "y", "z")
    assert data.labelled.all()
    assert summary.bins == {"train": 4, "validation": 5, "test": 1}
    assert summary.positive_labels == {"train": 6, "validation": 5, "test": 1}
    assert (summary.n_experiments, summary.n_tracks, summary.absent) == (3, 3, {})
    np.testing.assert_array_equal(data.codes(np.array([1]))[0][512:516], [0, 1, 2, 3])


def test_min_positives_counts_experiments(tmp_path, genome, table):
    prepare(table, genome, tmp_path / "s", keep_others=0)
    assert list(labels_of(TrainingSet.open(tmp_path / "s"))) == [("chr1", 256), ("chr1", 384)]


def test_every_complete_bin_with_keep_others_1(tmp_path, genome, table):
    prepare(table, genome, tmp_path / "s", keep_others=1)
    starts = {"chr1": range(0, 1920, 128), "chr2": range(0, 896, 128), "chr3": range(0, 640, 128)}
    expected = [(name, start) for name, values in starts.items() for start in values]
    assert list(labels_of(TrainingSet.open(tmp_path / "s"))) == expected


def test_min_peaks_counts_peaks_as_in_the_file_on_this_genome(tmp_path, genome):
    table = write_experiments(
        tmp_path,
        {
            "two": [("chr1", 0, 200), ("chr1", 100, 300)],  # merged they are one
            "one": [("chr1", 0, 200), ("chrM", 0, 200)],
        },
    )
    summary = prepare(table, genome, tmp_path / "s", min_peaks=2, min_positives=1)
    assert TrainingSet.open(tmp_path / "s").tracks["experiment"] == ("two",)
    assert (summary.n_experiments, summary.n_tracks) == (2, 1)
    assert summary.absent == {"chrM": 1}
    assert TrainingSet.open(tmp_path / "s").info["provenance"]["absent_contigs"] == {"chrM": 1}


def test_an_experiment_without_peaks_is_a_track_without_positives(tmp_path, genome):
    table = write_experiments(tmp_path, {"A": [("chr1", 0, 200)], "none": []})
    prepare(table, genome, tmp_path / "s", min_positives=1, keep_others=0)
    data = TrainingSet.open(tmp_path / "s")
    assert len(data.tracks) == 2
    assert labels_of(data) == {("chr1", 0): [0], ("chr1", 128): [0]}


def test_blacklisted_bins_are_dropped_and_counted(tmp_path, genome, table):
    bed = tmp_path / "black.bed"
    bed.write_text("chr1\t383\t384\nchr2\t900\t1000\nchrM\t1\t2\n")
    summary = prepare(table, genome, tmp_path / "s", keep_others=0, blacklist=bed)
    assert list(labels_of(TrainingSet.open(tmp_path / "s"))) == [("chr1", 384)]
    assert (summary.blacklisted, summary.n_rich) == (1, 0)


def test_excluded_contigs_are_not_in_the_set(tmp_path, genome, table):
    prepare(table, genome, tmp_path / "s", exclude=["chr1"], keep_others=1)
    data = TrainingSet.open(tmp_path / "s")
    assert data.contigs == ("chr2", "chr3")
    assert labels_of(data)["chr2", 128] == [0]
    assert data.info["options"]["exclude"] == ["chr1"]


def test_bins_rich_in_n_are_dropped_and_counted(tmp_path):
    # The window of the bin at s is s - 512 to s + 641; only 500 bases from 3000 on are N.
    genome = write_genome(tmp_path, {"c": "A" * 3000 + "N" * 500 + "c" * 3000})
    table = write_experiments(tmp_path, {"A": [("c", 0, 6500)]})
    found = {}
    for max_n in (0, 0.4, 0.44, 1):
        summary = prepare(
            table, genome, tmp_path / "s", max_n=max_n, min_positives=1, keep_others=0, force=True
        )
        starts = [start for _, start in labels_of(TrainingSet.open(tmp_path / "s"))]
        found[max_n] = starts
        assert len(starts) + summary.n_rich == 50
    assert found[1] == list(range(0, 6400, 128))
    expected = [s for s in found[1] if (s >= 512 and s + 641 <= 3000) or 3500 + 512 <= s < 5860]
    assert found[0] == expected
    assert 0 not in found[0.44]  # 512 of 1153 are beyond the contig: .444
    assert 128 in found[0.44]
    # inside the N run: 500 of 1153 = .434
    assert set(found[0.44]) - set(found[0.4]) >= {2944, 3072, 3200}


@pytest.mark.parametrize(
    ("at", "first", "last"), [(1279, 640, 1664), (1280, 640, 1792), (1281, 768, 1792)]
)
def test_the_window_of_the_n_filter_is_the_models(tmp_path, at, first, last):
    # The window of the bin at s is s - 512 to s + 640, both included.
    genome = write_genome(tmp_path, {"c": "A" * at + "N" + "A" * (4000 - at)})
    table = write_experiments(tmp_path, {"A": [("c", 0, 4000)]})
    prepare(table, genome, tmp_path / "s", max_n=0, min_positives=1, keep_others=0)
    data = TrainingSet.open(tmp_path / "s")
    assert not (data.codes(np.arange(len(data.bin_start))) == 4).any()
    inside = set(range(512, 3360, 128))  # elsewhere it reaches beyond the contig
    assert inside - set(data.bin_start.tolist()) == set(range(first, last + 1, 128))


def test_missing_labels_are_masked_not_0(tmp_path, genome):
    table = write_experiments(
        tmp_path,
        {"A": [("chr1", 0, 500)], "B": [("chr1", 0, 500), ("chr2", 0, 300)], "C": []},
        unlabelled_contigs=["chr2, 3", "", "1"],
    )
    prepare(table, genome, tmp_path / "s", keep_others=1)
    data = TrainingSet.open(tmp_path / "s")
    assert data.labelled.tolist() == [[1, 0, 0], [1, 1, 1], [0, 1, 1]]
    rows = data.rows("train")
    np.testing.assert_array_equal(
        data.label_mask(rows), data.labelled.T[data.bin_contig[rows]].astype(bool)
    )
    # contigs are counted without the excluded ones
    prepare(table, genome, tmp_path / "t", keep_others=1, exclude=["chr1"])
    assert TrainingSet.open(tmp_path / "t").labelled.tolist() == [[0, 0], [1, 1], [1, 1]]


def test_the_mask_column_can_have_another_name(tmp_path, genome):
    table = write_experiments(tmp_path, {"A": [("chr1", 0, 500)]}, missing=["chr2"])
    prepare(table, genome, tmp_path / "s", unlabelled_column="missing", keep_others=1)
    assert TrainingSet.open(tmp_path / "s").labelled.tolist() == [[1, 0, 1]]


def test_progress_counts_experiments_and_contigs(tmp_path, genome, table):
    calls = []
    prepare(table, genome, tmp_path / "s", progress=lambda *call: calls.append(call))
    assert calls == [(i, 6) for i in range(1, 7)]


def test_provenance_says_how_it_was_made(tmp_path, genome, table):
    prepare(table, genome, tmp_path / "s", command="mfdvep prepare x", seed=7)
    info = TrainingSet.open(tmp_path / "s").info
    assert info["provenance"]["command"] == "mfdvep prepare x"
    assert info["provenance"]["fasta"] == "genome.fa"
    assert len(info["provenance"]["experiments_sha256"]) == 64
    assert info["options"]["seed"] == 7


def random_experiment(rng: np.random.Generator, n_experiments: int) -> tuple[dict, dict]:
    genome = {
        name: "".join(rng.choice(list("ACGTacgt"), length))
        for name, length in (("a", 60_000), ("b", 30_011), ("c", 127), ("d", 20_000))
    }
    names = ["a", "b", "d"]
    experiments = {}
    for i in range(n_experiments):
        contigs = rng.integers(0, 3, 150)
        starts = [int(rng.integers(0, len(genome[names[k]]) - 2500)) for k in contigs]
        widths = np.clip(rng.lognormal(5.5, 0.8, 150), 1, 2400).astype(int)
        experiments[f"E{i}"] = [
            (names[k], s, s + int(w)) for k, s, w in zip(contigs, starts, widths, strict=True)
        ]
    return genome, experiments


def test_a_simulated_genome_and_the_fraction_kept(tmp_path):
    rng = np.random.default_rng(0)
    genome, experiments = random_experiment(rng, 3)
    fasta, table = write_genome(tmp_path, genome), write_experiments(tmp_path, experiments)
    prepare(table, fasta, tmp_path / "all", keep_others=1)
    prepare(table, fasta, tmp_path / "none", keep_others=0)
    prepare(table, fasta, tmp_path / "some", keep_others=0.3)
    every, none, some = (
        labels_of(TrainingSet.open(tmp_path / name)) for name in ("all", "none", "some")
    )
    assert none == {k: v for k, v in every.items() if len(v) >= 2}
    assert none.items() <= some.items() <= every.items()
    n_others = len(every) - len(none)
    expected, spread = 0.3 * n_others, np.sqrt(0.3 * 0.7 * n_others)
    assert n_others > 200
    assert abs(len(some) - len(none) - expected) < 4 * spread


def test_the_same_seed_gives_the_same_files(tmp_path):
    genome, experiments = random_experiment(np.random.default_rng(1), 2)
    fasta, table = write_genome(tmp_path, genome), write_experiments(tmp_path, experiments)
    for name, seed in (("s", 5), ("t", 5), ("u", 6)):
        prepare(table, fasta, tmp_path / name, seed=seed, keep_others=0.5)
    files = ["set.json", "sequence.npy", "bins.parquet", "tracks.tsv"]
    s, t, u = ([(tmp_path / name / f).read_bytes() for f in files] for name in "stu")
    assert s == t
    assert [a == b for a, b in zip(s, u, strict=True)] == [False, True, False, True]
    sets = [TrainingSet.open(tmp_path / name).fingerprint for name in "stu"]
    assert sets[0] == sets[1] != sets[2]


def test_blocks_do_not_show(tmp_path, monkeypatch):
    genome, experiments = random_experiment(np.random.default_rng(2), 4)
    fasta, table = write_genome(tmp_path, genome), write_experiments(tmp_path, experiments)
    prepare(table, fasta, tmp_path / "s", keep_others=0.5)
    monkeypatch.setattr("mfdvep.training.prepare.BLOCK_BINS", 7)
    prepare(table, fasta, tmp_path / "t", keep_others=0.5)
    assert labels_of(TrainingSet.open(tmp_path / "s")) == labels_of(
        TrainingSet.open(tmp_path / "t")
    )


LENGTHS = {"a": 90, "b": 31, "c": 5}
PEAK = st.sampled_from(list(LENGTHS)).flatmap(
    lambda name: st.lists(st.integers(0, LENGTHS[name]), min_size=2, max_size=2, unique=True).map(
        lambda ends: (name, min(ends), max(ends))
    )
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(PEAK, max_size=8), min_size=1, max_size=4),
    st.lists(PEAK, max_size=2),
    st.sets(st.integers(0, 89)),
    st.integers(0, 3),
    st.sampled_from([(8, 4), (8, 8), (5, 1), (7, 3)]),
)
def test_it_agrees_with_counting_bases(experiments, black, unknown, min_positives, geometry):
    bin_size, min_overlap = geometry
    genome = {name: list("A" * length) for name, length in LENGTHS.items()}
    for i in unknown:
        genome["a"][i] = "N"
    max_n = (WINDOW_BASES - 60) / WINDOW_BASES

    expected, rows = {}, list(enumerate(experiments))
    for name, length in LENGTHS.items():
        for start in range(0, length - bin_size + 1, bin_size):
            bases = range(start, start + bin_size)
            under = [
                sum(any(c == name and s <= b < e for c, s, e in peaks) for b in bases)
                for _, peaks in rows
            ]
            positive = [i for i, n in enumerate(under) if n >= min_overlap]
            first = start + bin_size // 2 - WINDOW_BASES // 2
            known = sum(
                0 <= b < length and genome[name][b] != "N"
                for b in range(first, first + WINDOW_BASES)
            )
            banned = any(c == name and s <= b < e for c, s, e in black for b in bases)
            if len(positive) >= min_positives and known >= 60 and not banned:
                expected[name, start] = positive

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        fasta = write_genome(folder, {name: "".join(bases) for name, bases in genome.items()})
        table = write_experiments(folder, {f"E{i}": peaks for i, peaks in rows})
        (folder / "black.bed").write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in black))

        def make():
            return prepare(
                table, fasta, folder / "s", bin_size=bin_size, min_overlap=min_overlap,
                min_positives=min_positives, keep_others=0, max_n=max_n,
                blacklist=folder / "black.bed",
            )  # fmt: skip

        if expected:
            make()
            assert labels_of(TrainingSet.open(folder / "s")) == expected
        else:
            with pytest.raises(InputError, match="no bin is left"):
                make()


OPTIONS = {
    "unknown test contig": ({"test": ["chr9"]}, r"--test chr9: not a contig of .*chr1, chr2"),
    "unknown validation contig": ({"validation": ["x"]}, "--validation x: not a contig"),
    "unknown excluded contig": ({"exclude": ["x"]}, "--exclude x: not a contig"),
    "two splits": ({"test": ["chr1"], "validation": ["1"]}, "--validation 1: .* in --test too"),
    "test and excluded": ({"test": ["chr1"], "exclude": ["chr1"]}, "in --test too"),
    "nothing left": ({"exclude": ["1", "2", "3"]}, "--exclude: leaves no contig"),
    "no peaks column": ({"peaks_column": "p"}, r"no column 'p'; it has: experiment, peaks, lab"),
    "no mask column": ({"unlabelled_column": "u"}, "no column 'u'"),
    "too many peaks wanted": ({"min_peaks": 50}, "none of 3 experiments has 50 peaks or more"),
    "no bin": ({"keep_others": 0, "min_positives": 3}, "no bin is left"),
    "keep_others": ({"keep_others": 1.5}, r"--keep-others is 1\.5; expected 0 to 1"),
    "keep_others nan": ({"keep_others": float("nan")}, "--keep-others is nan"),
    "max_n": ({"max_n": -0.1}, r"--max-n is -0\.1; expected 0 to 1"),
    "min_peaks": ({"min_peaks": -1}, "--min-peaks is -1; expected at least 0"),
    "min_positives": ({"min_positives": -1}, "--min-positives is -1"),
    "bin_size": ({"bin_size": 0}, "--bin-size is 0; expected 1 to 1153"),
    "min_overlap": ({"min_overlap": 129}, "--min-overlap is 129; expected 1 to 128"),
    "seed": ({"seed": -1}, "--seed is -1; expected at least 0"),
    "no blacklist": ({"blacklist": "no.bed"}, r"no\.bed: cannot read"),
}


@pytest.mark.parametrize(("options", "message"), OPTIONS.values(), ids=OPTIONS.keys())
def test_refuses_options(tmp_path, genome, table, options, message):
    with pytest.raises(InputError, match=message):
        prepare(table, genome, tmp_path / "s", **options)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name == "s" or "part" in p.name) == []


TABLES = {
    "no rows": ("experiment\tpeaks\n", "no experiments; expected one row each"),
    "missing file": ("peaks\npeaks/A.bed\nno.bed\n", r"row 2: no peak file .*no\.bed; paths in"),
    "empty cell": ("x\tpeaks\n1\t\n", r"row 1: no peak file \(empty cell\)"),
    "a folder": ("x\tpeaks\n1\tpeaks\n", "row 1: no peak file"),
    "twice": (
        "experiment\tpeaks\nE\tpeaks/A.bed\nF\tpeaks/A.bed\nE\tpeaks/A.bed\n",
        "row 3: experiment 'E' again, as in row 1",
    ),
    "a column with a meaning of its own": (
        "peaks\tvirtual\npeaks/A.bed\tx\n",
        "column 'virtual' has a meaning of its own",
    ),
    "unknown unlabelled contig": (
        "peaks\tunlabelled_contigs\npeaks/A.bed\tchr3,chr7\n",
        "row 1: unlabelled_contigs names 'chr7', which is not a contig of",
    ),
    "peaks where unlabelled": (
        "peaks\tunlabelled_contigs\npeaks/A.bed\tchr2\n",
        r"A\.bed: a peak at chr2:128-256, where the table says",
    ),
}


@pytest.mark.parametrize(("text", "message"), TABLES.values(), ids=TABLES.keys())
def test_refuses_tables(tmp_path, genome, table, text, message):
    table.write_text(text)
    with pytest.raises(InputError, match=message):
        prepare(table, genome, tmp_path / "s")


def test_refuses_a_missing_table(tmp_path, genome):
    with pytest.raises(InputError, match=r"no\.tsv: cannot read the table"):
        prepare(tmp_path / "no.tsv", genome, tmp_path / "s")


def test_empty_names_may_repeat(tmp_path, genome, table):
    table.write_text("experiment\tpeaks\n\tpeaks/A.bed\n\tpeaks/B.bed\n")
    assert prepare(table, genome, tmp_path / "s").n_tracks == 2


def test_refuses_peaks_on_no_contig_of_the_genome(tmp_path, genome):
    table = write_experiments(tmp_path, {"A": [("chr1", 0, 9)], "B": [("scaffold_1", 0, 9)]})
    with pytest.raises(InputError, match=r"B\.bed: none of its contigs \(scaffold_1\) is in"):
        prepare(table, genome, tmp_path / "s", keep_others=1)
    assert prepare(table, genome, tmp_path / "s", keep_others=1, min_peaks=1).n_tracks == 1
    table = write_experiments(tmp_path, {"B": [("scaffold_1", 0, 9)]})
    with pytest.raises(InputError, match=r"match the contigs: it has no scaffold_1"):
        prepare(table, genome, tmp_path / "t", keep_others=1, min_peaks=1)


def test_refuses_a_blacklist_of_another_genome(tmp_path, genome, table):
    (tmp_path / "black.bed").write_text("scaffold_1\t1\t2\n")
    with pytest.raises(InputError, match=r"black\.bed: none of its contigs \(scaffold_1\)"):
        prepare(table, genome, tmp_path / "s", blacklist=tmp_path / "black.bed")


def test_refuses_a_peak_beyond_its_contig_and_leaves_nothing(tmp_path, genome):
    table = write_experiments(tmp_path, {"A": [("chr1", 0, 9), ("chr1", 1990, 2001)]})
    with pytest.raises(InputError, match=r"A\.bed:2: chr1:1990-2001: beyond the end of chr1"):
        prepare(table, genome, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_refuses_an_output_that_exists_before_any_work(tmp_path, genome, table):
    prepare(table, genome, tmp_path / "s")
    with pytest.raises(OutputError, match="exists already"):
        prepare(tmp_path / "no.tsv", genome, tmp_path / "s")
    prepare(table, genome, tmp_path / "s", force=True)


@pytest.mark.realdata
def test_real_peaks(tmp_path, real_data):
    folder = real_data / "regulome45"
    summary = prepare(
        folder / "experiments.tsv",
        folder / "genome.fa.gz",
        tmp_path / "s",
        min_peaks=100,
        test=["chr20"],
        validation=["chr21", "chr1"],
    )
    data = TrainingSet.open(tmp_path / "s")
    assert summary.n_tracks == len(data.tracks) == 442
    assert (~data.labelled).sum(1).max() == 8  # the windows on which 109 were not called
    assert data.contig_split.count("train") == 68
    assert summary.bins["test"] == len(data.rows("test")) > 60_000
