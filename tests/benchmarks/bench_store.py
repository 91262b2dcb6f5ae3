"""The feature store: bytes an ALT, what float16 costs, and how fast a query is; -m bench -s.

All sites of 1000 Genomes on chr1:1-1 Mb are scored once, with one shift (which changes no size).
Further stores are made of the same features, and of random ones as wide as the paper's model.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from mfdvep.genomics.genome import Genome
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.checkpoint import load_model
from mfdvep.model.tracks import TrackTable
from mfdvep.model.virtual import VirtualTrack, add_virtual
from mfdvep.scoring.effects import KINDS, AlleleFeatures, EffectBatch
from mfdvep.scoring.feature_store import StoreWriter
from mfdvep.scoring.matrix import EffectWriter, read_effects
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.query import query_store
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.store_file import FeatureStore

pytestmark = pytest.mark.bench
TYPES = ("float32", "float16")
PAPER = {"n_latent": 1536, "n_tracks": 2106}


def again(source: Path, path: Path, store_type: str, *, times: int = 1) -> Path:
    """Write the rows of a store `times` over, with another type."""
    store = FeatureStore(source)
    about, n_latent = store.provenance, 2 * store.n_features
    none = TrackTable({"track": ("t",)})
    with StoreWriter(path, n_latent, about, store_type=store_type) as writer:
        for _ in range(times):
            for block in store.blocks():
                columns = [column.to_pylist() for column in block.columns]
                record, allele, *text, status = columns
                variants = map(Variant, *text, record, allele)
                halves = list(block.features.values())
                both = (np.concatenate(pair, axis=1) for pair in (halves[:2], halves[2:]))
                effects = np.zeros((3, len(record), 1), np.float32)
                states = tuple(map(VariantStatus, status))
                features = AlleleFeatures(*both)
                writer.write(
                    EffectBatch(tuple(variants), states, *effects, none, features=features)
                )
    return path


def precision(found: np.ndarray, expected: np.ndarray) -> str:
    """Return how far effects (n, O) are off, of the scored rows."""
    rows = np.isfinite(expected).all(axis=1)
    off, size = np.abs(found - expected)[rows], np.abs(expected)[rows]
    largest = size.max(axis=1, keepdims=True)
    off, size, largest = off[largest[:, 0] > 0], size[largest[:, 0] > 0], largest[largest > 0]
    relative = off[size > 0] / size[size > 0]
    worst = (off.max(axis=1) / largest).max()
    return (
        f"at most {worst:.1e} of the ALT's largest effect, and {off.max():.1e}; relative error of "
        f"an effect: median {np.median(relative):.1e}, 99.9 % below "
        f"{np.quantile(relative, 0.999):.1e}, at most {relative.max():.1e}; root mean square "
        f"{np.sqrt((off**2).sum() / (size**2).sum()):.1e}"
    )


@pytest.mark.realdata
def test_sizes_precision_and_speed(real_data, tmp_path, capsys):
    torch.set_num_threads(os.cpu_count() or 1)
    model = load_model()
    vcf = real_data / "variants" / "1000g.chr1.sites.vcf.gz"
    stores = {"float32": tmp_path / "f.parquet"}
    with Genome(real_data / "regulome45" / "genome.fa.gz") as genome:
        summary = score_vcf(
            vcf,
            Scorer(model, genome, shifts=1, scale="logit"),
            tmp_path / "o.vcf.gz",
            matrix=tmp_path / "m.parquet",
            store_features=stores["float32"],
        )
    n, n_ok = summary.alleles, summary.status["OK"]
    stores["float16"] = again(stores["float32"], tmp_path / "half.parquet", "float16")
    size = (tmp_path / "m.parquet").stat().st_size
    said = [f"{n} ALTs, {n_ok} scored; bytes for each of these: matrix {size / n_ok:,.0f}"]
    scored = read_effects(tmp_path / "m.parquet")
    more = add_virtual(model, [VirtualTrack("v", {"target": "CTCF", "biosample": "K562"})])
    for kind, store in stores.items():
        query_store(store, model, tmp_path / "q.parquet", force=True)
        found = read_effects(tmp_path / "q.parquet")
        said.append(f"{kind} store {store.stat().st_size / n_ok:,.0f}")
        for name in KINDS:
            pair = getattr(found, name), getattr(scored, name)
            said.append(f"  {name}: {precision(*pair)}")
            if kind == "float32":
                np.testing.assert_allclose(*pair, rtol=2e-6, atol=1e-6)
    many = again(stores["float32"], tmp_path / "many.parquet", "float32", times=12)
    for name, tracks in (("442 tracks", list(range(442))), ("1 virtual track", [442])):
        began = time.perf_counter()
        query_store(many, more, tmp_path / "q.parquet", tracks=tracks, force=True)
        rate = 12 * n / (time.perf_counter() - began)
        said.append(f"query of {name}: {rate:,.0f} ALTs/s")
    with capsys.disabled():
        print("\n" + "\n".join(said))


def test_sizes_of_the_papers_model(tmp_path, capsys):
    """Random numbers, which are as hard to compress as real ones."""
    n, said = 4096, []
    rng = np.random.default_rng(0)
    variants = tuple(Variant("chr1", 1000 + i, "A", "C", i, 1) for i in range(n))
    status = (VariantStatus.OK,) * n
    tracks = TrackTable({"track": tuple(map(str, range(PAPER["n_tracks"])))})
    both = rng.normal(size=(2, n, PAPER["n_latent"])).astype(np.float32)
    effects = rng.normal(size=(3, n, PAPER["n_tracks"])).astype(np.float32)
    batch = EffectBatch(variants, status, *effects, tracks, features=AlleleFeatures(*both))
    for kind in TYPES:
        path = tmp_path / kind
        with StoreWriter(path, PAPER["n_latent"], {}, store_type=kind) as writer:
            writer.write(batch)
        said.append(f"{kind} store {path.stat().st_size / n:,.0f} bytes an ALT")
        with EffectWriter(path, tracks, {}, storage=kind) as writer:
            writer.write(batch)
        said.append(f"{kind} matrix {path.stat().st_size / n:,.0f} bytes an ALT")
    with capsys.disabled():
        print("\n" + "\n".join(said))
