"""A background to its table: the sizes of its effects, whatever the blocks; and refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import SMALL_TRACKS, make_model, random_bases, write_fasta
from scoring.backgrounds import MADE, effects_of, matrix_of, table_of

from mfdvep.errors import InputError
from mfdvep.files import sha256
from mfdvep.genomics.genome import Genome
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring import calibrating
from mfdvep.scoring.calibrating import calibrate, score_background
from mfdvep.scoring.calibration import knot_ranks
from mfdvep.scoring.effects import KINDS
from mfdvep.scoring.matrix import read_effects
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.scorer import Scorer

BASES = random_bases(3000, seed=4)
HEADER = (
    "##fileformat=VCFv4.3\n"
    '##INFO=<ID=AF,Number=A,Type=Float,Description="frequency">\n'
    "##contig=<ID=chr1,length=3000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


@pytest.mark.parametrize("held", [1, 700, 1 << 26])
def test_the_sizes_are_those_of_the_background(tmp_path, monkeypatch, held):
    """Of the scored ALTs, a track at a time, two, or all."""
    monkeypatch.setattr(calibrating, "_HELD", held)
    batch = effects_of(400)
    done = []
    found = calibrate(
        matrix_of(batch, tmp_path / "m.parquet"), progress=lambda n, of: done.append((n, of))
    )
    assert done[-1] == (15, 15)
    assert (found.names, found.n) == (SMALL_TRACKS.names, 360)
    assert np.array_equal(found.ranks, knot_ranks(360))
    for kind in KINDS:
        sizes = np.abs(getattr(batch, kind)[batch.scored])  # (360, 5)
        every = np.concatenate([sizes, sizes.max(axis=1, keepdims=True)], axis=1)
        expected = np.sort(every, axis=0)[found.ranks].T
        assert np.array_equal(found.sizes[kind], expected)


def test_the_table_says_how_it_was_made(tmp_path):
    matrix = matrix_of(effects_of(120), tmp_path / "m.parquet")
    (tmp_path / "b.vcf").write_text("x")
    found = calibrate(matrix, background=tmp_path / "b.vcf", command="mfdvep calibrate b.vcf")
    assert {key: found.about[key] for key in MADE} == MADE
    assert found.about["background"] == {"file": "b.vcf", "sha256": sha256(tmp_path / "b.vcf")}
    assert found.about["command"] == "mfdvep calibrate b.vcf"
    assert (found.about["filters"], found.about["storage"]) == ({"min_af": None}, "float32")
    assert calibrate(matrix).about["background"]["file"] == "m.parquet"


def test_virtual_tracks_are_told_by_what_they_are_made_of(tmp_path):
    tracks = TrackTable({"id": ("a", "v"), "virtual": ("", "target=CTCF: 3 experiments")})
    found = table_of(effects_of(120, tracks=tracks), tmp_path)
    assert found.about["virtual"] == {"v": "target=CTCF: 3 experiments"}
    assert found.of(tracks).is_whole


def test_frequent_alleles(tmp_path):
    """Those of at least the frequency; one that is not known is not among them."""
    af = [None, "0.05", "0.0499", "1e-3", "0.9"] * 80
    matrix = matrix_of(effects_of(400), tmp_path / "m.parquet", af=af)
    found = calibrate(matrix, min_af=0.05)
    assert found.n == 120  # three of ten: of a fourth, every tenth was not scored
    assert found.about["filters"] == {"min_af": 0.05}


def test_small_backgrounds_are_refused(tmp_path):
    batch = effects_of(110)
    matrix = matrix_of(batch, tmp_path / "m.parquet", af=["0.5"] * 100 + ["0.01"] * 10)
    with pytest.raises(InputError, match=r"m\.parquet: 99 of 110 ALTs are scored; .* 100 or more"):
        calibrate(matrix)
    with pytest.raises(InputError, match=r"b\.vcf: 90 of 110 ALTs of an AF of at least 0\.05 are"):
        calibrate(matrix, background=tmp_path / "b.vcf", min_af=0.05)


def test_effects_that_are_no_numbers_are_refused(tmp_path):
    batch = effects_of(120)
    batch.biological[np.flatnonzero(batch.scored)[3], 2] = np.nan
    matrix = matrix_of(batch, tmp_path / "m.parquet")
    with pytest.raises(InputError, match=r"m\.parquet: a biological effect .* is no number"):
        calibrate(matrix)


@pytest.mark.parametrize(
    ("af", "says"),
    [
        (None, "no column 'AF' of the input; it has none; mfdvep score --labels or --info"),
        (["0.1,0.2"], "AF 0.1,0.2 is no frequency, from 0 to 1"),
        (["1.5"], "AF 1.5 is no frequency"),
        (["nan"], "AF nan is no frequency"),
    ],
)
def test_frequencies_that_are_none(tmp_path, af, says):
    matrix = matrix_of(effects_of(120), tmp_path / "m.parquet", af=af and af * 120)
    with pytest.raises(InputError, match=says):
        calibrate(matrix, min_af=0.05)


def test_a_matrix_that_does_not_say_how_it_was_made(tmp_path):
    matrix = matrix_of(effects_of(120), tmp_path / "m.parquet")
    import pyarrow.parquet as pq

    table = pq.read_table(matrix)
    about = json.loads(table.schema.metadata[b"mfdvep"])
    del about["provenance"]["shifts"]
    pq.write_table(table.replace_schema_metadata({"mfdvep": json.dumps(about)}), matrix)
    with pytest.raises(InputError, match="does not say with which shifts it was made"):
        calibrate(matrix)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    fasta = write_fasta(tmp_path_factory.mktemp("g") / "g.fa", {"chr1": BASES})
    with Genome(fasta) as genome:
        yield Scorer(make_model(), genome, shifts=1, strand="forward", device="cpu")


def record(pos: int, alts: str, info: str) -> str:
    return f"chr1\t{pos}\t.\t{BASES[pos - 1]}\t{alts}\t.\t.\t{info}\n"


def other(pos: int, step: int = 1) -> str:
    return "ACGT"[("ACGT".index(BASES[pos - 1]) + step) % 4]


def test_a_background_is_scored_as_any_vcf(scorer, tmp_path):
    """Records with a frequent ALT alone, and each ALT with its own frequency."""
    positions = range(700, 1000, 50)
    vcf = tmp_path / "b.vcf"
    lines = [record(pos, other(pos), f"AF={0.01 * (i + 3):g}") for i, pos in enumerate(positions)]
    lines += [
        record(1500, f"{other(1500)},{other(1500, 2)},*", "AF=0.001,0.2,0.9"),
        record(1510, f"{other(1510)},{other(1510, 2)}", "AF=0.2"),  # of which ALT?
        record(1520, other(1520), "DB"),
        record(1530, other(1530), "AF=."),
    ]
    vcf.write_text(HEADER + "".join(lines))
    done = []
    score_background(
        vcf, scorer, tmp_path / "m.parquet", min_af=0.05, progress=lambda n, _: done.append(n)
    )
    found = read_effects(tmp_path / "m.parquet")
    alleles = [(v.pos, v.allele) for v in found.variants]
    assert alleles == [(pos, 1) for pos in (800, 850, 900, 950)] + [(1500, i) for i in (1, 2, 3)]
    assert done == [5]
    score_vcf(vcf, scorer, tmp_path / "o.vcf", matrix=tmp_path / "all.parquet")
    every = read_effects(tmp_path / "all.parquet")
    same = [i for i, v in enumerate(every.variants) if (v.pos, v.allele) in alleles]
    assert np.allclose(every.combined[same], found.combined, rtol=0, atol=1e-6, equal_nan=True)
    score_background(vcf, scorer, tmp_path / "n.parquet")
    assert len(read_effects(tmp_path / "n.parquet")) == len(every) == 13


def test_a_background_without_frequencies(scorer, tmp_path):
    vcf = tmp_path / "b.vcf"
    vcf.write_text(HEADER.replace("ID=AF", "ID=MAF") + record(700, other(700), "MAF=0.1"))
    with pytest.raises(InputError, match=r"b\.vcf: its header declares no INFO AF; nearest: MAF"):
        score_background(vcf, scorer, tmp_path / "m.parquet", min_af=0.05)
