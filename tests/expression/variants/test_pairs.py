"""Effects on genes: against all windows run again, mirrored, in other batches, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import random_bases, write_fasta
from expression.variants.worlds import (
    MINUS,
    N_BASES,
    PLUS,
    SHA,
    HandMadeModel,
    calibration,
    effects_on,
    readout,
)

from mfdvep.errors import ModelError
from mfdvep.expression.bins import MARKS
from mfdvep.expression.genes import Tss
from mfdvep.expression.predicted import gene_windows, window_starts_of
from mfdvep.expression.variants import pairs as module
from mfdvep.expression.variants.pairs import NUMBERS, GeneEffects
from mfdvep.expression.variants.readout import Readout
from mfdvep.expression.variants.touched import alternative_windows
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import WINDOW_BASES, decode, encode, reverse_complement
from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.scoring.windows import AlleleWindows

BASES = random_bases(N_BASES, 11)
KINDS = ("combined", "biological", "technical")
SNV = (8800, 1, None)  # 0-based position, bases of REF, ALT: None is another base
DELETION = (9420, 7, "")
INSERTION = (9260, 0, "ACGTTGCAAC")
FAR = (13_300, 1, None)  # of both genes


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    bases = BASES[:20_000] + "N" * 12_000 + BASES[20_000:]
    contigs = {"chr1": BASES, "mirror": decode(reverse_complement(encode(BASES))), "chrN": bases}
    with Genome(write_fasta(tmp_path_factory.mktemp("genome") / "g.fa", contigs)) as found:
        yield found


@pytest.fixture(scope="module")
def effects(genome):
    return effects_on(genome)


def change_of(genome, edit, contig: str = "chr1"):
    start, n, alt = edit
    ref = decode(genome.fetch(contig, start, start + n))
    alt = {"A": "C", "T": "G", "C": "A", "G": "T"}[ref] if alt is None else alt
    before = decode(genome.fetch(contig, start - 1, start))
    variant = Variant(contig, start, before + ref, before + alt, 0, 1)
    prepared = AlleleWindows(genome).prepare([variant])
    assert prepared.status == (VariantStatus.OK,)
    return prepared.changes[0]


def mirrored(edit):
    start, n, alt = edit
    alt = alt if alt is None else decode(reverse_complement(encode(alt)))
    return N_BASES - start - n, n, alt


def mirrored_gene(gene: Tss) -> Tss:
    strand = "+" if gene.strand == "-" else "-"
    return Tss(gene.id, gene.name, "mirror", N_BASES - 1 - gene.tss, strand)


def same(a, b, **tolerance) -> None:
    for name in NUMBERS:
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), err_msg=name, **tolerance)


@pytest.mark.parametrize("edit", [SNV, DELETION, INSERTION, FAR])
@pytest.mark.parametrize("gene", [PLUS, MINUS], ids=["plus", "minus"])
def test_all_windows_run_again_give_the_same(genome, effects, gene, edit):
    change = change_of(genome, edit)
    found = effects.score([(change, gene)])
    _, reference = gene_windows(genome, gene)
    starts = window_starts_of(gene)
    low, high = int(starts.min()) - 600, int(starts.max()) + WINDOW_BASES + 600
    alternative = alternative_windows(
        genome.fetch("chr1", low, high),
        origin=low,
        starts=starts,
        start=change.start,
        ref_length=change.ref_length,
        alt=change.alt,
    )
    (ref_b, ref_t), (alt_b, alt_t) = map(effects.predictor.latent, (reference, alternative))
    read, probability = effects.readout, effects.predictor.probability
    before = probability(ref_b, ref_t).astype(float)[None]
    swaps = {"combined": (alt_b, alt_t), "biological": (alt_b, ref_t), "technical": (ref_b, alt_t)}
    np.testing.assert_allclose(found.reference, read.value(before), rtol=1e-6)
    for kind, halves in swaps.items():
        after = probability(*halves).astype(float)[None]
        effect = read.value(after) - read.value(before)
        assert np.abs(effect).max() > 1e-5
        np.testing.assert_allclose(getattr(found, kind), effect, atol=1e-6)
        np.testing.assert_allclose(
            getattr(found, f"h3k4me3_{kind}"),
            read.baseline(after) - read.baseline(before),
            atol=1e-6,
        )


@pytest.mark.parametrize("edit", [SNV, DELETION, INSERTION, FAR])
def test_the_mirrored_world_has_the_same_effects(genome, effects, edit):
    for gene in (PLUS, MINUS):
        here = effects.score([(change_of(genome, edit), gene)])
        there = effects.score([(change_of(genome, mirrored(edit), "mirror"), mirrored_gene(gene))])
        same(here, there, rtol=1e-5, atol=1e-7)


def test_a_silent_change_is_exactly_nothing(genome, effects):
    found = effects.score([(change_of(genome, (8800, 1, BASES[8800])), PLUS)])
    for kind in KINDS:
        assert (getattr(found, kind) == 0).all()
        assert (getattr(found, f"h3k4me3_{kind}") == 0).all()
    assert (found.reference != 0).all()
    assert (found.h3k4me3_reference > 0).all()


def test_a_change_out_of_reach_is_exactly_nothing(genome, effects):
    far = window_starts_of(PLUS).max() + WINDOW_BASES
    outside, inside = (change_of(genome, (int(far) - k, 1, None)) for k in (0, 1))
    found = effects.score([(outside, PLUS), (inside, PLUS), (outside, MINUS)])
    for kind in KINDS:
        assert (getattr(found, kind)[0] == 0).all()
        assert (getattr(found, kind)[1:] != 0).all()


def test_the_mark_at_the_start_site_changes_only_near_it(genome, effects):
    near, far = (change_of(genome, (PLUS.tss + k, 1, None)) for k in (1000, 1100))
    found = effects.score([(near, PLUS), (far, PLUS)])
    assert (found.h3k4me3_combined[0] != 0).all()
    assert (found.h3k4me3_combined[1] == 0).all()
    assert (found.combined[1] != 0).all()


PAIRS = [(SNV, PLUS), (DELETION, PLUS), (SNV, MINUS), (FAR, MINUS), (INSERTION, PLUS), (FAR, PLUS)]


def test_batches_and_what_is_kept_change_nothing(genome, monkeypatch):
    changes = [(change_of(genome, edit), gene) for edit, gene in PAIRS if edit != SNV]
    changes += [(change_of(genome, SNV), PLUS)]
    whole = effects_on(genome).score(changes)
    one_by_one = effects_on(genome, windows_at_once=1)
    same(one_by_one.score(changes), whole, rtol=1e-5, atol=1e-7)
    again = one_by_one.score(changes[:1])  # REF is kept
    fresh = effects_on(genome).score(changes[:1])
    for name in NUMBERS:
        assert np.array_equal(getattr(again, name), getattr(fresh, name))
    same(effects_on(genome, batch_size=7).score(changes), whole, rtol=1e-4, atol=1e-6)
    monkeypatch.setattr(module, "GENES_KEPT", 1)
    few = effects_on(genome, windows_at_once=1)
    same(few.score(changes), whole, rtol=1e-5, atol=1e-7)
    assert few.n_windows > one_by_one.n_windows


def test_only_touched_windows_are_run(genome):
    effects = effects_on(genome)
    change = change_of(genome, SNV)
    effects.score([(change, PLUS)])
    assert effects.n_windows == 100 + 12
    effects.score([(change, PLUS)])
    assert effects.n_windows == 100 + 2 * 12


def test_a_strand_alone_is_half_of_both(genome):
    change = change_of(genome, SNV)
    both, forward, reverse = (
        effects_on(genome, strand=strand).score([(change, PLUS)])
        for strand in ("both", "forward", "reverse")
    )
    for kind in ("h3k4me3_reference", "h3k4me3_combined"):
        mean = (getattr(forward, kind) + getattr(reverse, kind)) / 2
        np.testing.assert_allclose(getattr(both, kind), mean, atol=1e-6)
    assert not np.allclose(forward.reference, reverse.reference)


def test_a_gene_without_enough_sequence_has_its_status(genome, effects):
    rich = Tss("N", "", "chrN", 26_000, "+")
    ends = Tss("E", "", "chr1", 900, "-")
    change = change_of(genome, SNV)
    found = effects.score([(change, ends), (change, PLUS), (change, rich)])
    assert found.status == (VariantStatus.OFF_CONTIG, VariantStatus.OK, VariantStatus.N_RICH)
    for name in NUMBERS:
        assert np.isnan(getattr(found, name)[[0, 2]]).all()
        assert np.isfinite(getattr(found, name)[1]).all()


def test_a_head_by_hand_and_its_chain_of_slopes():
    """The change for a small step is the product of the slopes of calibration, scale and head."""
    read, model = readout(), HandMadeModel()
    draw = np.random.default_rng(0)
    p = draw.uniform(0.2, 0.8, (1, 100, 2, 5))
    step = np.zeros_like(p)
    step[0, 42, 1, 3] = 1e-9
    weight = model.network.weight.detach().numpy().astype(float)  # (m, 100)
    knots = calibration().knots
    scaled = np.empty((5, 100))
    for j, mark in enumerate(MARKS):
        odds = np.log(p[0, :, 1, j] / (1 - p[0, :, 1, j]))
        scaled[j] = np.interp(odds, *knots["HepG2", mark]) / 2
    total = (scaled * weight).sum()
    np.testing.assert_allclose(read.value(p)[0, 1], np.tanh(total) + 1, rtol=1e-12)
    x, y = knots["HepG2", "H3K4me3"]
    q = p[0, 42, 1, 3]
    k = 0 if q < 0.5 else 1
    slope = (y[k + 1] - y[k]) / (x[k + 1] - x[k]) / (q * (1 - q)) / 2
    slope *= weight[3, 42] * (1 - np.tanh(total) ** 2)
    change = read.value(p + step) - read.value(p)
    assert change[0, 0] == 0
    np.testing.assert_allclose(change[0, 1], slope * 1e-9, rtol=1e-5)


def test_the_baseline_is_the_mean_over_ten_bins():
    p = np.zeros((1, 100, 2, 5))
    p[0, :, 0, 3] = np.arange(100)
    assert readout().baseline(p).tolist() == [[np.mean(range(45, 55)), 0]]


def test_cells_that_are_chosen_are_as_among_all(genome):
    change = change_of(genome, SNV)
    alone = effects_on(genome, cells=["HepG2"]).score([(change, PLUS)])
    among = effects_on(genome).score([(change, PLUS)])
    assert alone.combined.shape == (1, 1)
    np.testing.assert_allclose(alone.combined[:, 0], among.combined[:, 1], rtol=1e-5)


def test_values_that_are_not_finite_are_refused(genome):
    effects = effects_on(genome)
    model = HandMadeModel()
    torch.nn.init.constant_(model.network.bias, float("nan"))
    broken = Readout(model, calibration(), mfd_sha256=SHA)
    damaged = GeneEffects(effects.predictor, broken, genome)
    with pytest.raises(ModelError, match="not finite"):
        damaged.score([(change_of(genome, SNV), PLUS)])
