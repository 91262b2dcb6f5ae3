"""In-silico mutagenesis: the engine against whole windows, and against scoring."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import random_bases, write_fasta
from interpret.toy import BIOLOGICAL, planted, toy_model

from mfdvep.errors import InputError, ModelError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import decode, reverse_complement, shift_offsets
from mfdvep.genomics.variants import Variant
from mfdvep.interpret.mutagenesis import REACH, _Work, mutate
from mfdvep.interpret.targets import direct_target, track_target
from mfdvep.interpret.windows import stretch_bases
from mfdvep.model.checkpoint import load_model
from mfdvep.scoring.scorer import Scorer


def random_codes(n, length, seed=0):
    return np.random.default_rng(seed).integers(0, 4, (n, length), dtype=np.uint8)


@pytest.mark.parametrize("shifts", ["1", "3", "-64,0,64"])
@pytest.mark.parametrize("strand", ["both", "reverse"])
def test_the_engine_gives_what_whole_windows_give(small_model, shifts, strand):
    small_model.double()
    codes = random_codes(2, stretch_bases(shift_offsets(shifts)))
    codes[1, 580:590] = 4
    targets = [track_target(small_model, 0), direct_target(small_model, "DNase")]
    one, other = (
        mutate(
            small_model, codes, targets, flank=6, shifts=shifts, strand=strand, engine=engine,
            device="cpu",
        ).effects
        for engine in ("incremental", "plain")
    )  # fmt: skip
    assert np.nanmax(np.abs(other)) > 1e-2
    assert np.allclose(one, other, rtol=0, atol=1e-6 * np.nanmax(np.abs(other)), equal_nan=True)


def test_the_bundled_model_to_1e_6():
    """At bases near and far, in log-odds; the last ones are beyond the engine's reach."""
    model = load_model()
    codes = random_codes(1, 1153)
    target = track_target(model, 1)
    found = mutate(model, codes, [target], flank=REACH + 2, shifts=1, device="cpu")
    model.double()
    model.trunk.double()
    for at in (576 - REACH - 1, 576 - REACH, 576 - 70, 576, 576 + 5, 576 + REACH, 576 + REACH + 1):
        changed = np.repeat(codes, 2, axis=0)
        new = (codes[0, at] + 1) % 4
        changed[1, at] = new
        both = np.concatenate([changed, reverse_complement(changed)])
        with torch.no_grad():
            latent = model.trunk(torch.from_numpy(both))  # float64
            norm = model.latent_norm
            scaled = latent / torch.sqrt(norm.running_var + norm.eps)
            values = (scaled @ torch.from_numpy(target.weights).double()).view(2, 2)
        expected = float((values[:, 1] - values[:, 0]).mean())
        assert found.effects[0, 0, at - found.first, new] == pytest.approx(expected, abs=1e-6)


def test_every_plan_is_exact_as_far_as_it_is_used(small_model):
    """Changes at the ends of the reach, of few and of many windows."""
    small_model.double()
    for shifts in ("1", "11", "-20,0,20"):
        offsets = shift_offsets(shifts)
        codes = random_codes(1, stretch_bases(offsets), seed=3)
        flank = REACH + offsets[0]
        target = track_target(small_model, 1)
        one = mutate(small_model, codes, [target], flank=flank, shifts=shifts, device="cpu")
        # whole windows of the outermost bases alone
        work = _Work(small_model, [target], offsets, "both")
        at = np.array([0, 1, 2 * flank - 1, 2 * flank])
        base = (one.codes[0, at].astype(int) + 2) % 4
        with torch.inference_mode():
            other = work.plain(codes[0], one.first + at, base)
        assert np.allclose(one.effects[0, 0, at, base], other[:, 0], rtol=0, atol=1e-6)
        assert np.abs(other).max() > 0


def test_an_effect_at_the_centre_is_that_of_scoring(small_model, tmp_path):
    bases = random_bases(3000, seed=5)
    with Genome(write_fasta(tmp_path / "g.fa", {"chr1": bases})) as genome:
        scorer = Scorer(small_model, genome, shifts=5, scale="logit", device="cpu")
        ref = bases[1500]
        alts = [base for base in "ACGT" if base != ref]
        batch = scorer.score(
            [Variant("chr1", 1501, ref, alt, 0, i) for i, alt in enumerate(alts, 1)]
        )
        codes = genome.fetch("chr1", 1500 - 578, 1500 - 578 + 1157)[None]
    targets = [track_target(small_model, row) for row in range(5)]
    for kind in ("combined", "biological", "technical"):
        found = mutate(
            small_model, codes, [t.half(kind) for t in targets], flank=2, shifts=5, device="cpu"
        )
        assert decode(found.codes[0])[2] == ref
        for i, alt in enumerate(alts):
            mine = found.effects[0, :, 2, "ACGT".index(alt)]
            assert np.allclose(mine, getattr(batch, kind)[i], atol=1e-5)


def test_the_base_that_is_there_has_no_effect_and_n_has_none_at_all(small_model):
    codes = random_codes(1, 1153)
    codes[0, 575] = 4
    found = mutate(
        small_model, codes, [track_target(small_model, 0)], flank=2, shifts=1, device="cpu"
    )
    assert found.effects.shape == (1, 1, 5, 4)
    assert np.isnan(found.effects[0, 0, 1]).all()
    for i in (0, 2, 3, 4):
        assert found.effects[0, 0, i, codes[0, 574 + i]] == 0
        assert (found.effects[0, 0, i] != 0).sum() == 3
    assert np.isnan(found.importance()[0, 0, 1])


def test_a_planted_motif_is_what_matters():
    model = toy_model()
    target = direct_target(model, model.biological.direct_names[0])
    found = mutate(
        model, planted(573, None), [target], flank=20, shifts=1, strand="forward", device="cpu"
    ).importance()[0, 0]
    start = 573 - (576 - 20)
    motif = found[start : start + len(BIOLOGICAL)]
    assert motif.min() > 0.5
    rest = np.delete(found, np.arange(start, start + len(BIOLOGICAL)))
    assert np.abs(rest).max() < 0.5 * motif.min()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"flank": 577}, "flank 577; expected 0 to 576"),
        ({"flank": -1}, "flank -1"),
        ({"engine": "fast"}, "engine 'fast'"),
        ({"targets": []}, "no target"),
        ({"codes": np.zeros((1, 1154), np.uint8)}, r"expected \(n, 1153\)"),
        ({"strand": "up"}, "strand 'up'"),
    ],
)
def test_what_cannot_be_mutated_is_refused(small_model, change, words):
    given = {"codes": random_codes(1, 1153), "targets": [track_target(small_model, 0)]}
    with pytest.raises(InputError, match=words):
        mutate(small_model, **{**given, **change}, shifts=1, device="cpu")


def test_a_damaged_model_is_refused(small_model):
    small_model.trunk.stem.bias.data[0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        mutate(
            small_model, random_codes(1, 1153), [track_target(small_model, 0)], flank=1, shifts=1,
            device="cpu",
        )  # fmt: skip
