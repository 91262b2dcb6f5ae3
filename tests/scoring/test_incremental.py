"""The incremental engine against the plain one: the same features, rounding apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_model, random_bases, write_fasta
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import decode
from mfdvep.genomics.variants import Variant
from mfdvep.genomics.vcf import open_vcf
from mfdvep.model.checkpoint import load_model
from mfdvep.model.folded import FoldedTrunk
from mfdvep.scoring.changed import Changes
from mfdvep.scoring.effects import KINDS, EffectBatch
from mfdvep.scoring.geometry import MAX_CHANGED, Plan
from mfdvep.scoring.incremental import latent
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.shared import Windows
from mfdvep.scoring.windows import alleles_of

PLANS = [(w, c) for w in range(7) for c in range(w + 1)]
SHIFTS = ["1", "2", "3", "7", "8", "11", "16", "-10,-8,-6,-4,-2,0,2,4", "-64,0,64", "5", "-3,0,3"]
BASES = random_bases(6000, seed=11)


@pytest.fixture(scope="module")
def trunk():
    return make_model().trunk.double()


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    gaps = BASES[:2500] + "N" * 40 + BASES[2540:2900] + "n" + BASES[2901:]
    contigs = {"chr1": BASES, "chr2": gaps, "chr3": BASES[:1300]}
    with Genome(write_fasta(tmp_path_factory.mktemp("g") / "g.fa", contigs)) as opened:
        yield opened


@st.composite
def work(draw):
    """Stretches with windows anywhere in them, and changes anywhere near a window's centre."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_tokens = 1152 + draw(st.sampled_from([0, 1, 2, 10, 37, 300]))
    n_stretches, n_bases = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 5, MAX_CHANGED]))
    codes = rng.integers(0, 4, (n_stretches, n_tokens + 1), dtype=np.uint8)
    codes[rng.random(codes.shape) < draw(st.sampled_from([0, 0.01]))] = 4
    n_windows = draw(st.integers(1, 4))
    stretch = rng.integers(0, n_stretches, n_windows)
    offset = rng.integers(0, n_tokens - 1152 + 1, n_windows)
    start = offset + 576 + rng.integers(-64, 65, n_windows)  # one change a window, in it
    bases = rng.integers(0, 4, (n_windows, n_bases), dtype=np.uint8)
    return codes, stretch, offset, start, bases


@settings(max_examples=40, deadline=None)
@given(work=work(), plan=st.sampled_from(PLANS))
def test_every_plan_gives_what_each_window_gives_by_itself(trunk, work, plan):
    codes, stretch, offset, start, bases = (torch.from_numpy(x) for x in work)
    pairs = torch.arange(len(offset))
    changes = Changes(stretch, start, bases, pairs, pairs)
    with torch.no_grad():
        found = latent(
            FoldedTrunk(trunk), codes, Windows(stretch, offset), changes, Plan(*plan, cost=0)
        )
        ref = codes[stretch[:, None], offset[:, None] + torch.arange(1153)]
        alt = ref.clone()
        for row, at, new in zip(alt, start - offset, bases, strict=True):
            row[at : at + len(new)] = new
        expected_ref, expected_alt = trunk(ref), trunk(alt)
    assert (found.windows - expected_ref).abs().max() < 1e-10
    assert (found.change - (expected_alt - expected_ref)).abs().max() < 1e-10


def assert_equal_effects(found: EffectBatch, expected: EffectBatch) -> None:
    for kind in KINDS:
        pair = getattr(found, kind), getattr(expected, kind)
        np.testing.assert_allclose(*pair, rtol=1e-5, atol=1e-9)


def snv(pos: int, chrom: str = "chr1") -> Variant:
    ref = BASES[pos - 1]
    return Variant(chrom, pos, ref, "ACGT"["ACGT".index(ref) - 1], 0, 1)


def changed(pos: int, n_ref: int, alt: str, chrom: str = "chr1") -> Variant:
    return Variant(chrom, pos, BASES[pos - 1 : pos - 1 + n_ref], alt, 0, 1)


VARIANTS = [
    *(snv(p) for p in (1, 2, 600, 3000, 3000, 3001, 3020, 3021, 3300, 5999, 6000)),
    *(snv(p, "chr2") for p in (2400, 2495, 2560, 2800, 3600)),
    *(snv(p, "chr3") for p in (1, 640, 1300)),
    changed(2000, 3, "".join("ACGT"["ACGT".index(b) - 1] for b in BASES[1999:2002])),
    changed(2050, 64, random_bases(64, seed=1)),
    changed(4000, 65, random_bases(65, seed=2)),
    changed(2100, 1, BASES[2099] + "ACGTTGCA"),
    changed(2200, 30, BASES[2199]),
    changed(2300, 5, "TTTTTTTTTTTT"),
    changed(1, 4, BASES[0]),
    changed(1299, 2, "AAAA", "chr3"),
]


@pytest.mark.parametrize("shifts", SHIFTS)
@pytest.mark.parametrize("strand", ["both", "reverse"])
def test_effects_are_those_of_the_plain_engine(genome, shifts, strand):
    """In float64, where rounding hides nothing, to the float32 that effects are given in."""
    fast, plain = (
        Scorer(
            make_model(), genome, shifts=shifts, strand=strand, engine=engine, precision="float64"
        ).score(VARIANTS)
        for engine in ("incremental", "plain")
    )
    assert fast.status == plain.status
    assert fast.scored.sum() > len(VARIANTS) - 5
    assert_equal_effects(fast, plain)
    assert np.nanmax(np.abs(plain.combined)) > 1e-3


@pytest.mark.parametrize("width", [4, 10, 32])
def test_widths(genome, width):
    model = make_model(width=width)
    fast, plain = (
        Scorer(model, genome, shifts=5, engine=engine, precision="float64").score(VARIANTS)
        for engine in ("incremental", "plain")
    )
    assert_equal_effects(fast, plain)


@pytest.mark.parametrize("shifts", [1, 11])
def test_float32_with_the_bundled_model(shifts):
    """Largest difference 1e-6 (.7e-7 for SNVs), of effects up to .1 and above."""
    folder = Path(__file__).resolve().parents[2] / "examples"
    with Genome(folder / "genome.fa") as genome, open_vcf(folder / "variants.vcf.gz") as reader:
        variants = [variant for record in reader for variant in alleles_of(record)]
        some = variants[:: 10 if shifts > 1 else 2]
        fast, plain = (
            Scorer(load_model(), genome, shifts=shifts, engine=engine, precision="float32").score(
                some
            )
            for engine in ("incremental", "plain")
        )
    for kind in KINDS:
        expected = getattr(plain, kind)
        np.testing.assert_allclose(getattr(fast, kind), expected, rtol=0, atol=1e-6)
    assert np.nanmax(np.abs(plain.combined)) > 0.01


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    chrom=st.sampled_from(["chr1", "chr2", "chr3"]),
    first=st.integers(1, 5900),
    step=st.sampled_from([0, 1, 3, 30, 200]),
    n_variants=st.integers(1, 25),
    shifts=st.sampled_from([1, 3, 11, "-64,0,64", "-9,-2,40"]),
    size=st.sampled_from([1, 7, 64]),
    strand=st.sampled_from(["both", "forward", "reverse"]),
)
def test_neighbours_share_a_stretch_and_change_nothing(
    genome, seed, chrom, first, step, n_variants, shifts, size, strand
):
    """Any order, duplicates, several ALTs at one place, SNVs, MNVs, indels, contig ends, N."""
    rng = np.random.default_rng(seed)
    length, variants = genome.contigs[chrom], []
    for _ in range(n_variants):
        p = 1 + (first + int(rng.integers(0, 1 + step * n_variants))) % length
        n = min(int(rng.choice([1, 1, 1, 2, 6, 20, 64, 65])), length - p + 1)
        ref = decode(genome.fetch(chrom, p - 1, p - 1 + n))
        alt = "".join("ACGT"[("ACGTN".index(b) + int(rng.integers(1, 4))) % 4] for b in ref)
        alt = alt if rng.random() < 0.8 else alt[: int(rng.integers(1, 20))]
        variants.append(Variant(chrom, p, ref, alt, 0, 1))
    model = make_model()
    options = {"shifts": shifts, "strand": strand, "precision": "float64", "batch_size": size}
    together = Scorer(model, genome, **options).score(variants)
    assert_equal_effects(together, Scorer(model, genome, engine="plain", **options).score(variants))
