"""Quantiles through the whole pipeline: VCF, matrix and long table; swaps; refusals; resuming."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cyvcf2
import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import SMALL_TRACKS, make_model, random_bases, write_fasta

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.genome import Genome
from mfdvep.scoring import pipeline
from mfdvep.scoring.calibrating import calibrate, score_background
from mfdvep.scoring.calibration import Calibration, quantile_text
from mfdvep.scoring.calibration_file import read_calibration, write_calibration
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.effects import KINDS
from mfdvep.scoring.matrix import QUANTILES, read_effects
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.scorer import Scorer

BASES = random_bases(4000, seed=6)
HEADER = "##fileformat=VCFv4.3\n##contig=<ID=chr1,length=4000>\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
KEYS = {"combined": "MFD_Q", "biological": "MFD_BIO_Q", "technical": "MFD_TECH_Q"}
ONE = {"shifts": 1, "strand": "forward", "device": "cpu"}


def other(base: str, step: int = 1) -> str:
    return "ACGT"[("ACGT".index(base) + step) % 4]


def line(pos: int, alt: str) -> str:
    return f"chr1\t{pos}\t.\t{BASES[pos - 1]}\t{alt}\t.\t.\t.\n"


def written(path: Path, lines: list[str]) -> Path:
    path.write_text(HEADER + COLUMNS + "".join(lines))
    return path


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    with Genome(write_fasta(tmp_path_factory.mktemp("g") / "g.fa", {"chr1": BASES})) as opened:
        yield opened


@pytest.fixture(scope="module")
def scorer(genome):
    return Scorer(make_model(), genome, **ONE)


def calibrated(scorer, folder: Path, *, name="common.parquet") -> Calibration:
    """Return the table of 120 SNVs."""
    positions = range(700, 3100, 20)
    vcf = written(folder / "common.vcf", [line(pos, other(BASES[pos - 1])) for pos in positions])
    score_background(vcf, scorer, folder / "background.parquet")
    write_calibration(calibrate(folder / "background.parquet", background=vcf), folder / name)
    return read_calibration(folder / name)


@pytest.fixture(scope="module")
def table(scorer, tmp_path_factory):
    return calibrated(scorer, tmp_path_factory.mktemp("c"))


@pytest.fixture
def vcf(tmp_path):
    bodies = [line(pos, other(BASES[pos - 1], 2)) for pos in range(800, 2800, 100)]
    bodies.insert(3, line(1050, f"{other(BASES[1049])},*,{other(BASES[1049], 3)}"))
    return written(tmp_path / "in.vcf", bodies)


def values(record, key: str) -> list[str]:
    """Return the values of an INFO key as they are written."""
    entries = dict(entry.split("=") for entry in str(record).split("\t")[7].strip().split(";"))
    return entries[key].split(",")


def test_the_vcf_says_what_the_table_says(scorer, table, vcf, tmp_path):
    out, matrix = tmp_path / "o.vcf.gz", tmp_path / "m.parquet"
    score_vcf(vcf, scorer, out, matrix=matrix, calibration=table, top_k=2)
    effects = read_effects(matrix)
    found = table.quantiles(effects)
    row = 0
    for record in cyvcf2.VCF(str(out)):
        entries = [entry.split("|") for entry in values(record, "MFD")]
        for i in range(len(record.ALT)):
            for kind, key in KEYS.items():
                assert values(record, key)[i] == quantile_text(float(found.largest[kind][row]), 120)
            own = [entry for entry in entries if entry[0] == record.ALT[i]]
            assert len(own) == (2 if effects.scored[row] else 0)
            for entry in own:
                track = effects.tracks.names.index(entry[1])
                assert entry[6] == quantile_text(float(found.combined[row, track]), 120)
                assert entry[7] == ("gain" if float(entry[2]) > 0 else "loss")
            row += 1
    assert row == len(effects)
    shown = [text for record in cyvcf2.VCF(str(out)) for text in values(record, "MFD_Q")]
    assert shown[4] == "."  # the allele that is not scored
    sizes = np.abs([float(text) for text in shown if text != "."])
    assert (sizes <= 1 - 1 / 120).all()
    assert len(set(sizes)) > 10


def test_the_header_says_how_many_variants_there_are(scorer, table, vcf, tmp_path):
    score_vcf(vcf, scorer, tmp_path / "o.vcf", calibration=table)
    header = cyvcf2.VCF(str(tmp_path / "o.vcf")).raw_header
    among = "the share of the 120 variants of common.vcf (at most 1 - 1/120 = 0.991) whose"
    assert "TECHNICAL|TECHNICAL_SHARE|QUANTILE|Consequence" in header
    assert f"QUANTILE is {among} combined effect on the track is smaller in size" in header
    for kind, key in KEYS.items():
        assert f"<ID={key},Number=A,Type=Float," in header
        assert f"{among} largest {kind} effect over the same tracks is smaller" in header


def test_without_a_table_nothing_is_said(scorer, vcf, tmp_path):
    score_vcf(vcf, scorer, tmp_path / "o.vcf", long=tmp_path / "l.parquet")
    text = (tmp_path / "o.vcf").read_text()
    assert "_Q" not in text
    assert "QUANTILE is" not in text
    (record, *_) = cyvcf2.VCF(str(tmp_path / "o.vcf"))
    assert {entry.split("|")[6] for entry in values(record, "MFD")} == {"."}
    assert pq.read_table(tmp_path / "l.parquet")["quantile"].null_count == 3 * 22 + 1


def test_the_matrix_has_quantiles_of_all_effects(scorer, table, vcf, tmp_path, monkeypatch):
    """In parts of a few alleles, which are joined; the effects are read as from any matrix."""
    monkeypatch.setattr(pipeline, "CHUNK_ALLELES", {"cpu": 4})
    matrix = tmp_path / "m.parquet"
    score_vcf(vcf, scorer, tmp_path / "o.vcf", matrix=matrix, calibration=table, quantiles=True)
    file, effects = EffectFile(matrix), read_effects(matrix)
    assert (file.kinds, file.extra, file.lists) == (KINDS, (), QUANTILES)
    found = table.quantiles(effects)
    every = np.ones(len(file), dtype=bool)
    for kind, name in zip(KINDS, QUANTILES, strict=True):
        expected = getattr(found, kind)
        read = file.effects(name, slice(None), every).T
        assert np.array_equal(read, expected, equal_nan=True)
    column = pq.read_table(matrix)["biological_quantile"]
    assert column.is_valid().to_pylist() == effects.scored.tolist()
    assert file.provenance["calibration"] == {
        "file": "common.parquet", "sha256": table.sha256, "n": 120, "cap": 1 - 1 / 120,
        "background": "common.vcf", "of_largest": True,
    }  # fmt: skip


def test_the_long_table_has_those_of_the_listed_tracks(scorer, table, vcf, tmp_path):
    long, matrix = tmp_path / "l.parquet", tmp_path / "m.parquet"
    score_vcf(vcf, scorer, tmp_path / "o.vcf", long=long, matrix=matrix, calibration=table)
    effects = read_effects(matrix)
    found = table.quantiles(effects).combined
    row_of = {(v.record, v.allele): row for row, v in enumerate(effects.variants)}
    n = 0
    for each in pq.read_table(long).to_pylist():
        if each["track"] is None:
            assert each["quantile"] is None
            continue
        track = effects.tracks.names.index(each["track"])
        assert each["quantile"] == found[row_of[each["record"], each["allele"]], track]
        n += 1
    assert n == 3 * 22


@pytest.mark.parametrize(("scale", "kinds"), [("probability", KINDS[:1]), ("logit", KINDS)])
def test_swapped_alleles_flip_the_sign(genome, tmp_path, scale, kinds):
    """The genome with the ALTs in it, its REFs as ALTs; positions are apart by a window.

    On the probability scale a half's effect is not minus that of swapped alleles, see `Head`.
    """
    scorer = Scorer(make_model(), genome, scale=scale, **ONE)
    table = calibrated(scorer, tmp_path)
    positions = (900, 2100, 3300)
    swapped = list(BASES)
    for pos in positions:
        swapped[pos - 1] = other(BASES[pos - 1], 2)
    fasta = write_fasta(tmp_path / "swapped.fa", {"chr1": "".join(swapped)})
    forth = [line(pos, swapped[pos - 1]) for pos in positions]
    back = [f"chr1\t{pos}\t.\t{swapped[pos - 1]}\t{BASES[pos - 1]}\t.\t.\t.\n" for pos in positions]
    score_vcf(written(tmp_path / "a.vcf", forth), scorer, tmp_path / "ao.vcf", calibration=table)
    with Genome(fasta) as other_genome:
        again = Scorer(make_model(), other_genome, scale=scale, **ONE)
        score_vcf(written(tmp_path / "b.vcf", back), again, tmp_path / "bo.vcf", calibration=table)
    pairs = zip(cyvcf2.VCF(str(tmp_path / "ao.vcf")), cyvcf2.VCF(str(tmp_path / "bo.vcf")),
                strict=True)  # fmt: skip
    for one, two in pairs:
        for kind in kinds:
            first, second = (float(values(record, KEYS[kind])[0]) for record in (one, two))
            assert first != 0
            assert first == -second
        listed = [[entry.split("|") for entry in values(record, "MFD")] for record in (one, two)]
        for first, second in zip(*listed, strict=True):
            assert first[1] == second[1]
            assert float(first[6]) == -float(second[6])


def test_fewer_tracks_than_the_table_has(genome, table, vcf, tmp_path):
    """Tracks have their quantiles; the largest effect over some is not held against all."""
    scorer = Scorer(make_model(), genome, tracks=[1, 3], **ONE)
    says = r"over 2 tracks has no quantile among those over the 5 of .*common\.parquet: .* --where"
    with pytest.warns(UserWarning, match=says):
        score_vcf(
            vcf, scorer, tmp_path / "o.vcf", matrix=tmp_path / "m.parquet", calibration=table,
            quantiles=True,
        )  # fmt: skip
    (record, *_) = cyvcf2.VCF(str(tmp_path / "o.vcf"))
    assert [values(record, key) for key in KEYS.values()] == [["."]] * 3
    assert "." not in {entry.split("|")[6] for entry in values(record, "MFD")}
    file = EffectFile(tmp_path / "m.parquet")
    found = file.effects("combined_quantile", slice(None), np.ones(len(file), dtype=bool))
    assert np.isnan(found).sum() == 2  # of the allele that is not scored
    assert file.provenance["calibration"]["of_largest"] is False


def test_tracks_that_the_table_lacks(genome, scorer, vcf, tmp_path):
    """They have no quantile, and are counted."""
    two = Scorer(make_model(), genome, tracks=[0, 4], **ONE)
    few = calibrated(two, tmp_path, name="few.parquet")
    tables = {"matrix": tmp_path / "m.parquet", "long": tmp_path / "l.parquet"}
    with pytest.warns(UserWarning, match="calibrate with the same --where") as said:
        score_vcf(
            vcf, scorer, tmp_path / "o.vcf", **tables, calibration=few, quantiles=True, top_k=5
        )
    lacks = f"lacks 3 tracks of 5, which get no quantile, such as {SMALL_TRACKS.names[1]};"
    assert [lacks in str(each.message) for each in said] == [True, False]
    file = EffectFile(tmp_path / "m.parquet")
    used = np.array([status == "OK" for status in file.variants().status])
    found = file.effects("combined_quantile", slice(None), used)
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True, True, False]
    assert not np.isnan(found[[0, 4]]).any()
    long = pq.read_table(tmp_path / "l.parquet").to_pylist()
    known = {each["track"] for each in long if each["quantile"] is not None}
    assert known == {SMALL_TRACKS.names[0], SMALL_TRACKS.names[4]}
    (record, *_) = cyvcf2.VCF(str(tmp_path / "o.vcf"))
    lacking = [entry for entry in values(record, "MFD") if entry.split("|")[6] == "."]
    assert len(lacking) == 3
    assert values(record, "MFD_Q") == ["."]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scale": "logit"}, "made with scale probability, not logit: its quantiles"),
        ({"shifts": 3, "strand": "reverse"},
         "made with strand forward, not reverse; with shifts 0, not -1,0,1: its"),
    ],
)  # fmt: skip
def test_a_table_of_other_effects_is_refused(genome, table, vcf, tmp_path, options, says):
    scorer = Scorer(make_model(), genome, **{**ONE, **options})
    with pytest.raises(InputError, match=says):
        score_vcf(vcf, scorer, tmp_path / "o.vcf", calibration=table)
    assert not (tmp_path / "o.vcf").exists()


def test_a_table_of_another_model_is_refused(scorer, table, vcf, tmp_path):
    about = {**table.about, "model": {"name": "other", "sha256": "6" * 64}}
    with pytest.raises(InputError, match=r"model other \(sha256 666666666666\), not unsaved"):
        score_vcf(vcf, scorer, tmp_path / "o.vcf", calibration=replace(table, about=about))


def test_quantiles_need_a_matrix_and_a_table(scorer, table, vcf, tmp_path):
    for given in ({"matrix": tmp_path / "m.parquet"}, {"calibration": table}):
        with pytest.raises(InputError, match="give both: --matrix and --calibration"):
            score_vcf(vcf, scorer, tmp_path / "o.vcf", quantiles=True, **given)


def test_an_output_cannot_be_the_table(scorer, table, vcf):
    with pytest.raises(OutputError, match=r"common\.parquet is an input of this run"):
        score_vcf(vcf, scorer, vcf.with_name("o.vcf"), matrix=table.path, calibration=table,
                  force=True)  # fmt: skip


class StopError(Exception):
    """A run that ends too early."""


def test_a_run_goes_on_with_the_same_table_alone(scorer, table, vcf, tmp_path, monkeypatch):
    """And gives the bytes of a run that was not interrupted."""
    monkeypatch.setattr(pipeline, "CHUNK_ALLELES", {"cpu": 4})
    files = {"matrix": "m.parquet", "long": "l.parquet"}

    def run(folder: str, **options) -> Path:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        outputs = {use: place / name for use, name in files.items()}
        given = {"calibration": table, "quantiles": True, **options}
        score_vcf(vcf, scorer, place / "o.vcf", **outputs, versions=False, **given)
        return place

    def stop(done: int, _: int | None) -> None:
        if done >= 8:
            raise StopError

    with pytest.raises(StopError):
        run("a", progress=stop)
    about = {**table.about, "command": "another"}
    write_calibration(replace(table, about=about), tmp_path / "again.parquet")
    another = read_calibration(tmp_path / "again.parquet")
    for options in ({"calibration": another}, {"calibration": None, "quantiles": False}):
        with pytest.raises(OutputError, match="holds a run with another calibration"):
            run("a", resume=True, **options)
    with pytest.raises(OutputError, match="holds a run with another quantiles"):
        run("a", resume=True, quantiles=False)
    resumed, whole = run("a", resume=True), run("b")
    for name in ("o.vcf", *files.values()):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes()


def test_the_run_record_names_the_table(scorer, table, vcf, tmp_path):
    score_vcf(vcf, scorer, tmp_path / "o.vcf", stats=tmp_path / "s.json", calibration=table)
    made = json.loads((tmp_path / "s.json").read_text())["provenance"]
    assert made["calibration"]["sha256"] == table.sha256
