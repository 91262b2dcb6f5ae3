"""Latent features of alleles: what they are of, and the file that keeps them."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from conftest import make_model, random_bases, write_fasta
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.errors import InputError, ModelError, OutputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring import feature_store
from mfdvep.scoring.effects import KINDS, AlleleFeatures, EffectBatch
from mfdvep.scoring.feature_store import STORE_LISTS, StoreWriter, join_stores
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.store_file import FeatureStore
from mfdvep.scoring.swap import Head, Pairs

BASES = random_bases(4000, seed=7)
ENGINES = ("incremental", "plain")
TYPES = ("float32", "float16")


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    contigs = {"chr1": BASES, "chr2": BASES[:1000] + "A" * 3000 + BASES[:1000]}
    with Genome(write_fasta(tmp_path_factory.mktemp("g") / "g.fa", contigs)) as opened:
        yield opened


def change(pos: int, n_ref: int, alt: str) -> Variant:
    return Variant("chr1", pos, BASES[pos - 1 : pos - 1 + n_ref], alt, 0, 1)


def snv(pos: int) -> Variant:
    return change(pos, 1, "ACGT"["ACGT".index(BASES[pos - 1]) - 1])


SILENT = [change(2000, 1, BASES[1999]), Variant("chr2", 2501, "AA", "A", 0, 1)]
VARIANTS = [
    snv(1999), snv(2000), snv(2020), snv(3), *SILENT,
    change(2000, 1, BASES[1999] + "ACGTTGCA"), change(2100, 20, BASES[2099]),
    change(2200, 3, "TTTT"), Variant("chr1", 5, BASES[4], "*", 0, 1),
]  # fmt: skip


def test_features_by_hand():
    """2 strands, 2 variants, 1 shift; the second strand's windows are shared by both variants."""
    model = make_model()
    torch.manual_seed(1)
    windows, by = torch.randn(2, 4, model.config.n_latent)
    window = [0, 1, 2, 2]
    with torch.no_grad():
        pairs = Pairs(windows, by, torch.tensor(window))
        found = Head(model, [0], "logit").features(pairs, n_strands=2, n=2)
        for i in (0, 1):
            at = [i, i + 2]
            ref = model.latent_norm(windows[[window[k] for k in at]])
            alt = model.latent_norm(torch.stack([windows[window[k]] + by[k] for k in at]))
            torch.testing.assert_close(found[0, i], ref.mean(0))
            torch.testing.assert_close(found[1, i], (alt - ref).mean(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("strand", ["both", "reverse"])
def test_features_are_the_models_own(genome, engine, strand):
    """Each window cut and computed by itself, in float64."""
    model, shifts = make_model().double(), (-3, 0, 5)
    scorer = Scorer(make_model(), genome, shifts=shifts, strand=strand, engine=engine)
    found = scorer.score(VARIANTS, features=True).features
    prepared = scorer.windows.prepare(VARIANTS)
    for row, least in enumerate(prepared.changes):
        if least is None:
            assert np.isnan(found.reference[row]).all()
            assert np.isnan(found.change[row]).all()
            continue
        ref, alt = torch.from_numpy(scorer.windows.cut(least))
        with torch.no_grad():
            ref, alt = (
                model.latent_norm(model.trunk(codes)).mean(0).numpy() for codes in (ref, alt)
            )
        np.testing.assert_allclose(found.reference[row], ref, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(found.change[row], alt - ref, rtol=1e-5, atol=1e-5)
    assert np.nanmax(np.abs(found.change)) > 1e-2


@pytest.mark.parametrize("engine", ENGINES)
def test_silent_alleles_change_nothing_and_have_a_reference(genome, engine):
    batch = Scorer(make_model(), genome, shifts=3, engine=engine).score(VARIANTS, features=True)
    silent = [VARIANTS.index(v) for v in SILENT]
    assert not batch.features.change[silent].any()
    of_snv = batch.features.reference[VARIANTS.index(snv(2000))]
    np.testing.assert_allclose(batch.features.reference[silent[0]], of_snv, atol=1e-5)
    assert np.isfinite(batch.features.reference[silent]).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_effects_are_the_same_bits_with_and_without_features(genome, engine):
    scorer = Scorer(make_model(), genome, shifts=3, engine=engine)
    plain, more = scorer.score(VARIANTS), scorer.score(VARIANTS, features=True)
    assert plain.features is None
    for kind in KINDS:
        assert getattr(plain, kind).tobytes() == getattr(more, kind).tobytes()


def test_no_variants(genome):
    scorer = Scorer(make_model(), genome, shifts=1)
    found = scorer.score([], features=True).features
    assert found.reference.shape == found.change.shape == (0, scorer.n_latent)


# ---- the file


def batch(n: int, seed: int = 0, *, n_latent: int = 6) -> EffectBatch:
    """Random features of n alleles, of which every second was not scored."""
    both = np.random.default_rng(seed).normal(size=(2, n, n_latent)).astype(np.float32)
    both[:, 1::2] = np.nan
    status = ([VariantStatus.OK, VariantStatus.STAR] * n)[:n]
    variants = tuple(Variant("chr1", 10 + i, "A", "C" * (i + 1), i, 1) for i in range(n))
    none = np.zeros((3, n, 1), dtype=np.float32)
    tracks = TrackTable({"track": ("t",)})
    return EffectBatch(variants, tuple(status), *none, tracks, features=AlleleFeatures(*both))


def rows(whole: EffectBatch, start: int, stop: int) -> EffectBatch:
    cut = slice(start, stop)
    effects = (getattr(whole, kind)[cut] for kind in KINDS)
    features = AlleleFeatures(whole.features.reference[cut], whole.features.change[cut])
    variants, status = whole.variants[cut], whole.status[cut]
    return EffectBatch(variants, status, *effects, whole.tracks, features=features)


ABOUT = {"model": {"name": "m", "sha256": "abc"}}


def write(path: Path, *batches: EffectBatch, store_type: str = "float32") -> Path:
    with StoreWriter(path, 6, ABOUT, store_type=store_type) as writer:
        for one in batches:
            writer.write(one)
    return path


@pytest.mark.parametrize("store_type", TYPES)
def test_what_is_written_comes_back(tmp_path, store_type, monkeypatch):
    monkeypatch.setattr(feature_store, "_ROW_GROUP", 4)
    whole = batch(11)
    store = FeatureStore(write(tmp_path / "f.parquet", whole, store_type=store_type))
    assert (len(store), store.n_features, store.extra) == (11, 3, ())
    assert store.provenance == ABOUT
    assert store.variants().pos.tolist() == list(range(10, 21))
    for n_rows in (1, 3, 100):
        blocks = list(store.blocks(n_rows=n_rows))
        assert max(len(block.scored) for block in blocks) <= n_rows
        assert np.concatenate([b.scored for b in blocks]).tolist() == whole.scored.tolist()
        joined = {k: np.concatenate([b.features[k] for b in blocks]) for k in STORE_LISTS}
        for name, values in zip(
            STORE_LISTS,
            [half for both in (whole.features.reference, whole.features.change)
             for half in (both[:, :3], both[:, 3:])],
            strict=True,
        ):  # fmt: skip
            assert joined[name].dtype == np.float32
            expected = values.astype(store_type).astype(np.float32)
            assert np.array_equal(joined[name], expected, equal_nan=True)


@pytest.mark.parametrize(
    ("store_type", "element"), [("float32", "float"), ("float16", "halffloat")]
)
def test_the_file_is_plain_parquet(tmp_path, store_type, element):
    table = pq.read_table(write(tmp_path / "f.parquet", batch(2), store_type=store_type))
    names = ["record", "allele", "chrom", "pos", "ref", "alt", "status", *STORE_LISTS]
    assert table.column_names == names
    kind = f"fixed_size_list<element: {element} not null>[3]"
    for name in STORE_LISTS:
        assert str(table.schema.field(name).type) == kind
        assert table[name].is_valid().to_pylist() == [True, False]
    assert json.loads(table.schema.metadata[b"mfdvep.store"]) == {"provenance": ABOUT}


@pytest.mark.parametrize("store_type", TYPES)
def test_duckdb_reads_it(tmp_path, store_type):
    duckdb = pytest.importorskip("duckdb")
    path = write(tmp_path / "f.parquet", batch(3), store_type=store_type)
    found = duckdb.sql(f"SELECT change_technical[2]::FLOAT FROM '{path}'").fetchall()
    expected = batch(3).features.change[:, 4].astype(store_type)
    assert [value for (value,) in found] == [expected[0], None, expected[2]]


@pytest.mark.parametrize("store_type", TYPES)
@given(cuts=st.lists(st.integers(0, 23), max_size=6))
def test_the_joined_file_does_not_depend_on_the_cuts(tmp_path_factory, store_type, cuts):
    folder = tmp_path_factory.mktemp("cuts")
    whole, edges = batch(23), [0, *sorted(cuts), 23]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_store, "_ROW_GROUP", 4)
        parts = [
            write(folder / f"{i}", rows(whole, start, stop), store_type=store_type)
            for i, (start, stop) in enumerate(pairwise(edges))
        ]
        options = {"n_latent": 6, "provenance": ABOUT, "store_type": store_type}
        join_stores(parts, folder / "joined", **options)
        direct = write(folder / "direct", whole, store_type=store_type)
    assert (folder / "joined").read_bytes() == direct.read_bytes()


def test_no_parts_are_an_empty_store(tmp_path):
    join_stores([], tmp_path / "f.parquet", n_latent=6, provenance=ABOUT)
    store = FeatureStore(tmp_path / "f.parquet")
    assert len(store) == 0
    assert list(store.blocks()) == []


def test_refused_when_written(tmp_path):
    with pytest.raises(InputError, match="store type 'int8'; expected float32 or float16"):
        write(tmp_path / "f.parquet", store_type="int8")
    with pytest.raises(InputError, match=r"INFO change_technical: .* a column of its own"):
        StoreWriter(tmp_path / "f.parquet", 6, None, extra=["change_technical"])
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "none" / "f.parquet")
    large = batch(1)
    large.features.change[0, 2] = 7e4
    with pytest.raises(ModelError, match=r"7e\+04 standard deviations is no float16; use --store"):
        write(tmp_path / "f.parquet", large, store_type="float16")
    write(tmp_path / "f.parquet", large)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("no")
    table = pq.read_table(write(tmp_path / "f.parquet", batch(5)))
    pq.write_table(table.drop_columns("change_technical"), tmp_path / "three")
    pq.write_table(table.replace_schema_metadata(), tmp_path / "plain")
    pq.write_table(table.replace_schema_metadata({"mfdvep.store": "[]"}), tmp_path / "other")
    flat = table.set_column(7, "reference_biological", table["pos"])
    pq.write_table(flat, tmp_path / "flat")
    for name in ("text", "none", "three", "plain", "other", "flat"):
        with pytest.raises(InputError, match=f"{name}: not a feature store .*--store-features"):
            FeatureStore(tmp_path / name)


def test_features_that_are_no_numbers_are_refused(tmp_path):
    spoilt = batch(3)
    spoilt.features.change[2, 0] = np.nan
    store = FeatureStore(write(tmp_path / "f.parquet", spoilt))
    with pytest.raises(InputError, match="change_biological is not finite in rows of status OK"):
        list(store.blocks())


def test_a_file_that_was_changed(tmp_path):
    path = write(tmp_path / "f.parquet", batch(5))
    store = FeatureStore(path)
    path.write_bytes(bytes(len(path.read_bytes()) // 2))
    with pytest.raises(InputError, match=r"f\.parquet: cannot be read .* damaged: get it again"):
        list(store.blocks())
