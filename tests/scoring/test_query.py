"""A query of a store gives what scoring gives on the logit scale, in the layout of a matrix."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import make_model, random_bases, write_fasta
from oracles.free_scorer import FreeScorer

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.model.virtual import VirtualTrack, add_virtual
from mfdvep.scoring import query_text as query_text_module
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.effects import KINDS, AlleleFeatures, EffectBatch
from mfdvep.scoring.feature_store import StoreWriter
from mfdvep.scoring.groups import LARGEST
from mfdvep.scoring.matrix import read_effects
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.query import Query, query_store
from mfdvep.scoring.query_text import query_text
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.store_file import FeatureStore

BASES = random_bases(4000, seed=7)
HEADER = [
    "##fileformat=VCFv4.3",
    '##INFO=<ID=LABEL,Number=A,Type=Integer,Description="label">',
    "##contig=<ID=chr1,length=4000>",
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
]
CLOSE = {"rtol": 2e-6, "atol": 1e-6}
"""How near the effects of a query are: float32 adds up in another order."""


def line(pos: int, alt: str, *, n_ref: int = 1, ref: str = "", label: str = "1") -> str:
    ref = ref or BASES[pos - 1 : pos - 1 + n_ref]
    return f"chr1\t{pos}\t.\t{ref}\t{alt}\t.\t.\tLABEL={label}"


def other(pos: int) -> str:
    return "ACGT"["ACGT".index(BASES[pos - 1]) - 1]


BODY = [
    *(line(pos, other(pos)) for pos in (3, 2000, 2001, 2030)),
    line(2001, f"{other(2001)},*,{BASES[2000]}ACGT", label="0,.,1"),
    line(2100, BASES[2099], n_ref=30),
    line(2200, "GATTACA", n_ref=4),
    line(2300, BASES[2299]),  # ALT = REF
    line(2400, "."),
    line(2500, "A", ref="C" if BASES[2499] != "C" else "G"),
    line(2600, "<DEL>"),
]
N_ALTS = 13


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    fasta = write_fasta(tmp_path_factory.mktemp("g") / "g.fa", {"chr1": BASES})
    with Genome(fasta) as opened:
        yield opened


def named(**changes):
    """A small model that has been loaded, so to speak."""
    model = make_model(**changes)
    model.provenance = {"name": "small", "sha256": "5ma11" * 8}
    return model


@pytest.fixture
def vcf(tmp_path) -> Path:
    path = tmp_path / "in.vcf"
    path.write_text("\n".join([*HEADER, *BODY]) + "\n")
    return path


def score(vcf: Path, scorer, name: str = "o", **options) -> dict[str, Path]:
    """Score with all outputs; return them by use."""
    outputs = {
        "matrix": vcf.with_name(f"{name}.matrix.parquet"),
        "store_features": vcf.with_name(f"{name}.features.parquet"),
        "groups": vcf.with_name(f"{name}.groups.parquet"),
    }
    options = {"group_by": ["target", "biosample"], **outputs, **options}
    if options["groups"] is None:
        del options["group_by"]
    score_vcf(vcf, scorer, vcf.with_name(f"{name}.vcf"), force=True, **options)
    return {"vcf": vcf.with_name(f"{name}.vcf"), **outputs}


@pytest.fixture
def scored(genome, vcf) -> dict[str, Path]:
    scorer = Scorer(named(), genome, shifts=3, scale="logit", device="cpu")
    return score(vcf, scorer, labels="LABEL")


@pytest.mark.parametrize("engine", ["incremental", "plain"])
@pytest.mark.parametrize(
    ("shifts", "strand"), [(1, "both"), (11, "both"), ("-64,0,64", "forward"), ("5", "reverse")]
)
def test_effects_are_those_of_scoring(genome, vcf, tmp_path, engine, shifts, strand):
    model = named()
    options = {"shifts": shifts, "strand": strand, "engine": engine, "device": "cpu"}
    files = score(vcf, Scorer(model, genome, scale="logit", **options), labels="LABEL")
    file = query_store(files["store_features"], model, tmp_path / "q.parquet")
    expected, found = read_effects(files["matrix"]), read_effects(tmp_path / "q.parquet")
    assert len(file) == len(found) == len(expected) == N_ALTS
    assert found.variants == expected.variants
    assert found.status == expected.status
    assert found.tracks == expected.tracks
    for kind in KINDS:
        np.testing.assert_allclose(getattr(found, kind), getattr(expected, kind), **CLOSE)
    assert np.nanmax(np.abs(expected.combined)) > 1e-2
    assert found.scored.sum() == 9
    assert np.array_equal(found.combined, found.biological + found.technical, equal_nan=True)
    assert not found.combined[
        found.variants.index(Variant("chr1", 2300, *[BASES[2299]] * 2, 7, 1))
    ].any()


def test_the_scale_of_the_run_does_not_matter(genome, vcf, tmp_path):
    model = named()
    for scale in ("logit", "probability"):
        scorer = Scorer(model, genome, shifts=3, scale=scale, device="cpu")
        score(vcf, scorer, scale, matrix=None, groups=None)
    stores = [
        (tmp_path / f"{scale}.features.parquet").read_bytes() for scale in ("logit", "probability")
    ]
    assert stores[0] == stores[1]


def test_few_tracks_scored_and_others_asked_for(genome, vcf, tmp_path):
    model = named()
    whole = score(vcf, Scorer(model, genome, shifts=3, scale="logit", device="cpu"), "whole")
    one = score(
        vcf, Scorer(model, genome, shifts=3, tracks=[2], device="cpu"), "one",
        matrix=None, groups=None,
    )  # fmt: skip
    assert not (tmp_path / "one.matrix.parquet").exists()
    query_store(one["store_features"], model, tmp_path / "q.parquet", tracks=[4, 0])
    found, expected = read_effects(tmp_path / "q.parquet"), read_effects(whole["matrix"])
    assert found.tracks == expected.tracks.take([4, 0])
    np.testing.assert_allclose(found.technical, expected.technical[:, [4, 0]], **CLOSE)


def test_a_virtual_track_needs_no_scoring(genome, vcf, tmp_path):
    model = named()
    store = score(vcf, Scorer(model, genome, shifts=3, device="cpu"), "store", groups=None)
    more = add_virtual(model, [VirtualTrack("v", {"target": "GATA1", "biosample": "HepG2"})])
    scorer = Scorer(more, genome, shifts=3, scale="logit", tracks=[5, 1], device="cpu")
    expected = read_effects(score(vcf, scorer, "virtual", groups=None)["matrix"])
    query_store(store["store_features"], more, tmp_path / "q.parquet", tracks=[5, 1])
    found = read_effects(tmp_path / "q.parquet")
    assert found.tracks == expected.tracks
    assert found.tracks.names[0] == "GATA1/HepG2/v"
    for kind in KINDS:
        np.testing.assert_allclose(getattr(found, kind), getattr(expected, kind), **CLOSE)


def test_the_layout_is_that_of_a_matrix(scored, tmp_path):
    query_store(scored["store_features"], named(), tmp_path / "q.parquet", command="mfdvep query")
    ours, theirs = pq.read_schema(tmp_path / "q.parquet"), pq.read_schema(scored["matrix"])
    assert ours.equals(theirs)
    assert ours.metadata[b"mfdvep.tracks"] == theirs.metadata[b"mfdvep.tracks"]
    assert EffectFile(tmp_path / "q.parquet").text("LABEL") == EffectFile(scored["matrix"]).text(
        "LABEL"
    )
    found, run = (EffectFile(p).provenance for p in (tmp_path / "q.parquet", scored["matrix"]))
    same = ("model", "reference", "shifts", "strand", "scale", "sign", "n_tracks", "averaging")
    for key in (*same, "engine", "precision", "storage"):
        assert found[key] == run[key]
    assert found["command"] == "mfdvep query"
    assert found["store"] == {
        "file": "o.features.parquet", "mfdvep": run["mfdvep"], "command": "", "type": "float32"
    }  # fmt: skip
    assert "top_k" not in found


@pytest.mark.parametrize("store_type", ["float32", "float16"])
def test_scoring_is_the_same_bytes_with_and_without_a_store(genome, vcf, store_type):
    scorer = Scorer(named(), genome, shifts=3, device="cpu")
    more = score(vcf, scorer, store_type=store_type, labels="LABEL")
    before = [more[use].read_bytes() for use in ("vcf", "matrix")]
    without = score(vcf, scorer, store_features=None, groups=None, labels="LABEL")
    assert [without[use].read_bytes() for use in ("vcf", "matrix")] == before


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("store_type", ["float32", "float16"])
def test_files_do_not_depend_on_the_chunks(genome, vcf, monkeypatch, size, store_type):
    scorer = FreeScorer(genome, make_model().tracks)
    options = {"store_type": store_type, "labels": "LABEL"}
    files = score(vcf, scorer, **options)
    before = {use: path.read_bytes() for use, path in files.items()}
    monkeypatch.setattr("mfdvep.scoring.pipeline.CHUNK_ALLELES", {"cpu": size})
    score(vcf, scorer, **options)
    assert {use: path.read_bytes() for use, path in files.items()} == before


def test_a_run_that_was_interrupted_goes_on(genome, vcf, monkeypatch):
    monkeypatch.setattr("mfdvep.scoring.pipeline.CHUNK_ALLELES", {"cpu": 2})
    files = score(vcf, FreeScorer(genome, make_model().tracks))
    before = {use: path.read_bytes() for use, path in files.items()}

    class Tired(FreeScorer):
        left = 3

        def score_prepared(self, prepared, *, features=False):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().score_prepared(prepared, features=features)

    for path in files.values():
        path.unlink()
    with pytest.raises(KeyboardInterrupt):
        score(vcf, Tired(genome, make_model().tracks))
    for change, key in (
        ({"store_type": "float16"}, "store_type"),
        ({"group_by": ["lab"]}, "group_by"),
    ):
        with pytest.raises(OutputError, match=f"holds a run with another {key}"):
            score(vcf, Tired(genome, make_model().tracks), resume=True, **change)
    score(vcf, FreeScorer(genome, make_model().tracks), resume=True)
    assert {use: path.read_bytes() for use, path in files.items()} == before


# ---- groups


@pytest.mark.parametrize("scale", ["logit", "probability"])
def test_groups_of_a_run(genome, vcf, scale):
    scorer = Scorer(named(), genome, shifts=3, scale=scale, device="cpu")
    files = score(vcf, scorer, labels="LABEL", group_by=["target"])
    whole, found = read_effects(files["matrix"]), read_effects(files["groups"])
    assert found.tracks["group"] == ("CTCF", "GATA1", "open")
    assert found.provenance == {**whole.provenance, "group_by": ["target"]}
    assert (found.variants, found.status) == (whole.variants, whole.status)
    members = ([0, 4], [1], [2, 3])
    file, effect_file = pq.read_table(files["groups"]), EffectFile(files["groups"])
    for kind in KINDS:
        effects = getattr(whole, kind)
        expected = np.stack([effects[:, at].astype(float).mean(axis=1) for at in members], axis=1)
        np.testing.assert_allclose(getattr(found, kind), expected, rtol=1e-5, atol=1e-9)
        largest = file[f"{kind}_largest"].to_pylist()
        listed = effect_file.effects(f"{kind}_largest", slice(None), found.scored).T
        assert listed.tolist() == [values for values in largest if values is not None]
        for row, values in enumerate(largest):
            if values is None:
                assert not found.scored[row]
                continue
            assert values == [max(effects[row, at].tolist(), key=abs) for at in members]
    assert (effect_file.extra, effect_file.lists) == (("LABEL",), LARGEST)


def test_groups_of_a_query_are_those_of_a_run(scored, tmp_path):
    by = ["target", "biosample"]
    query_store(scored["store_features"], named(), tmp_path / "q.parquet", group_by=by)
    ours, theirs = (pq.read_table(p) for p in (tmp_path / "q.parquet", scored["groups"]))
    assert ours.schema.equals(theirs.schema)
    about, run = (read_effects(p) for p in (tmp_path / "q.parquet", scored["groups"]))
    assert about.tracks == run.tracks
    assert about.provenance["group_by"] == by
    assert about.provenance["n_tracks"] == 5
    assert np.array_equal(about.combined, about.biological + about.technical, equal_nan=True)
    for name in (*KINDS, *LARGEST):
        pair = [np.array([x for x in t[name].to_pylist() if x is not None]) for t in (ours, theirs)]
        np.testing.assert_allclose(*pair, **CLOSE)


# ---- text


def test_text(scored, monkeypatch):
    monkeypatch.setattr(query_text_module, "_LINES", 12)
    model = named()
    asked = Query(FeatureStore(scored["store_features"]), model, tracks=[4, 0])
    pieces = list(query_text(asked))
    assert [n for n, _ in pieces] == [0, 6, 12, N_ALTS]
    header, *lines = b"".join(text for _, text in pieces).decode().splitlines()
    kept = asked.extra
    columns = ["chrom", "pos", "ref", "alt", "status", *kept, "track", *KINDS]
    assert header.split("\t") == columns
    assert len(lines) == N_ALTS * 2
    expected = read_effects(scored["matrix"])
    for i, text in enumerate(lines):
        fields = text.split("\t")
        chrom, pos, ref, alt, status = fields[:5]
        track, *numbers = fields[5 + len(kept) :]
        row, column = i // 2, (4, 0)[i % 2]
        v = expected.variants[row]
        assert (chrom, int(pos), ref, alt) == (v.chrom, v.pos, v.ref, v.alt)
        assert (status, track) == (expected.status[row], expected.tracks.names[column])
        if status != "OK":
            assert numbers == [""] * 3
            continue
        found = np.array(numbers, dtype=np.float32)
        np.testing.assert_allclose(
            found, [getattr(expected, k)[row, column] for k in KINDS], **CLOSE
        )
        assert found[0] == found[1] + found[2]  # no digit of float32 is lost
    by_group = Query(FeatureStore(scored["store_features"]), model, group_by=["lab"])
    assert next(query_text(by_group))[1].decode().split()[-3:] == list(LARGEST)


# ---- refusals


def test_another_model_is_refused(scored, tmp_path):
    model = named()
    model.provenance = {"name": "large", "sha256": "1a49e" * 8}
    with pytest.raises(
        InputError, match=r"of the model small, sha256 5ma115ma115m; this is large, sha"
    ):
        query_store(scored["store_features"], model, tmp_path / "q.parquet")
    assert not (tmp_path / "q.parquet").exists()


def test_a_model_that_was_never_saved_is_refused(genome, vcf, tmp_path):
    model = make_model()
    files = score(vcf, Scorer(model, genome, shifts=1, device="cpu"))
    with pytest.raises(InputError, match="never saved"):
        query_store(files["store_features"], model, tmp_path / "q.parquet")


def test_refused(scored, tmp_path):
    store, out, model = scored["store_features"], tmp_path / "q.parquet", named()
    with pytest.raises(InputError, match="no tracks chosen"):
        query_store(store, model, out, tracks=[])
    with pytest.raises(InputError, match=r"no column 'targets'.*nearest: target"):
        query_store(store, model, out, group_by=["targets"])
    with pytest.raises(InputError, match="not a feature store"):
        query_store(scored["matrix"], model, out)
    with pytest.raises(InputError, match="a feature store, of which mfdvep query makes one"):
        EffectFile(store)
    with pytest.raises(OutputError, match="is an input of this run"):
        query_store(store, model, store, force=True)
    with pytest.raises(OutputError, match=r"q\.tsv: a matrix is NAME\.parquet; for text give -"):
        query_store(store, model, tmp_path / "q.tsv")
    out.write_text("mine")
    with pytest.raises(OutputError, match=r"exists; .*--force"):
        query_store(store, model, out)
    assert out.read_text() == "mine"


def test_refused_by_scoring(genome, vcf, tmp_path):
    scorer = FreeScorer(genome, make_model().tracks)
    out = tmp_path / "o.vcf"
    with pytest.raises(InputError, match=r"no column 'targets'.*nearest: target"):
        score_vcf(vcf, scorer, out, groups=tmp_path / "g.parquet", group_by=["targets"])
    with pytest.raises(InputError, match="give groups a file"):
        score_vcf(vcf, scorer, out, group_by=["target"])
    with pytest.raises(InputError, match="store type 'int8'"):
        score_vcf(vcf, scorer, out, store_features=tmp_path / "f.parquet", store_type="int8")
    with pytest.raises(OutputError, match="feature store -: standard output is for the VCF"):
        score_vcf(vcf, scorer, out, store_features="-")
    for use in ("store_features", "groups"):
        (tmp_path / "there").write_text("mine")
        more = {"group_by": ["target"]} if use == "groups" else {}
        with pytest.raises(OutputError, match="there exists"):
            score_vcf(vcf, scorer, out, **{use: tmp_path / "there"}, **more)
    assert {path.name for path in tmp_path.iterdir()} == {"in.vcf", "there"}


def test_a_damaged_store_leaves_no_matrix(scored, tmp_path):
    data = scored["store_features"].read_bytes()
    scored["store_features"].write_bytes(data[:4] + bytes(200) + data[204:])
    with pytest.raises(InputError, match="cannot be read"):
        query_store(scored["store_features"], named(), tmp_path / "q.parquet")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".q", "q"))]


# ---- memory


def test_memory_does_not_grow_with_the_store(tmp_path):
    """40,000 alleles of 20 tracks, 32 features; the matrix is 10 MB."""
    names = tuple(f"E{i}" for i in range(20))
    tracks = TrackTable(
        {"experiment": names, **dict.fromkeys(("target", "biosample", "assay", "lab"), ("a",) * 20)}
    )
    model = make_model(tracks)
    model.provenance = {"name": "m", "sha256": "abc"}
    n_latent = model.config.n_latent
    peaks = []
    for n_parts in (10, 40):
        store, n = tmp_path / "f.parquet", 1000
        with StoreWriter(store, n_latent, {"model": model.provenance}) as writer:
            for part in range(n_parts):
                both = np.random.default_rng(part).normal(size=(2, n, n_latent)).astype(np.float32)
                variants = tuple(
                    Variant("chr1", i + 1, "A", "C", part * n + i, 1) for i in range(n)
                )
                none = np.zeros((3, n, 20), np.float32)
                status = (VariantStatus.OK,) * n
                writer.write(
                    EffectBatch(variants, status, *none, tracks, features=AlleleFeatures(*both))
                )
        before = pa.default_memory_pool()
        pool = pa.proxy_memory_pool(before)
        pa.set_memory_pool(pool)
        tracemalloc.start()
        try:
            query_store(store, model, tmp_path / "q.parquet", force=True)
            peaks.append(tracemalloc.get_traced_memory()[1] + pool.max_memory())
        finally:
            tracemalloc.stop()
            pa.set_memory_pool(before)
    assert peaks[1] < 1.2 * peaks[0]


def test_the_provenance_of_a_store_is_of_no_tracks(scored):
    about = FeatureStore(scored["store_features"]).provenance
    assert not {"n_tracks", "scale", "top_k", "min_abs", "storage"} & set(about)
    assert about["model"] == named().provenance
    assert json.dumps(about)
    assert FeatureStore(scored["store_features"]).text("LABEL")[:6] == [
        "1",
        "1",
        "1",
        "1",
        "0",
        None,
    ]
