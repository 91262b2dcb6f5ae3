"""Attributions: completeness, linearity, a planted motif, both strands, finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from interpret.toy import BIOLOGICAL, TECHNICAL, planted, toy_model

from mfdvep.errors import InputError, ModelError
from mfdvep.genomics.sequences import reverse_complement
from mfdvep.interpret.attribution import AttributionOptions, attribute, attribute_stretches
from mfdvep.interpret.targets import direct_target, track_target
from mfdvep.interpret.windows import at_forward_bases, windows_of
from mfdvep.model.checkpoint import load_model
from mfdvep.model.trunk import encode_tokens


def random_codes(n, length, seed=0):
    return np.random.default_rng(seed).integers(0, 4, (n, length), dtype=np.uint8)


def halves(target):
    return [target, target.half("biological"), target.half("technical")]


@pytest.fixture(scope="module")
def bundled():
    return load_model()


def test_completeness_on_the_bundled_model(bundled):
    """Sums of scores are the change from a window of N, to 1 %, and bases tell the rest apart."""
    targets = [track_target(bundled, 1), direct_target(bundled, "CTCF")]
    codes = random_codes(2, 1153)
    found = attribute(bundled, codes, targets, device="cpu")
    assert found.converged.all()
    with torch.no_grad():
        weights = torch.from_numpy(np.stack([t.weights for t in targets])).T
        empty = np.full((1, 1153), 4, dtype=np.uint8)
        value, baseline = (
            torch.cat(bundled.features(torch.from_numpy(x)), dim=1) @ weights
            for x in (codes, empty)
        )
    expected = (value - baseline).numpy()
    assert np.allclose(found.value, value, atol=1e-5)
    missed = found.scores.sum(axis=2) - expected
    assert (np.abs(missed) <= np.maximum(0.01 * np.abs(expected), 0.002) + 1e-5).all()
    assert np.allclose(found.delta, missed, atol=1e-4)


def test_steps_are_doubled_until_the_sum_is_right(small_model):
    codes = random_codes(3, 1153)
    target = track_target(small_model, 0)
    rough = attribute(small_model, codes, [target], n_steps=1, max_steps=1, device="cpu")
    found = attribute(small_model, codes, [target], n_steps=1, device="cpu")
    assert not rough.converged.any()
    assert found.converged.all()
    assert (found.n_steps > 1).all()
    assert set(found.n_steps) <= {2**k for k in range(10)}
    assert (np.abs(found.delta) < np.abs(rough.delta)).all()


@pytest.mark.parametrize("method", ["ig", "gradient"])
def test_combined_is_biological_plus_technical(small_model, method):
    targets = [*halves(track_target(small_model, 2)), track_target(small_model, 4)]
    options = AttributionOptions(method, n_steps=8, max_steps=8)
    found = attribute_stretches(
        small_model, random_codes(2, 1155), targets, shifts=3, options=options, device="cpu"
    )
    combined, biological, technical, _ = np.moveaxis(found.scores, 1, 0)
    assert np.allclose(combined, biological + technical, rtol=0, atol=1e-6 * abs(combined).max())
    alone = attribute_stretches(
        small_model, random_codes(2, 1155), targets[:1], shifts=3, options=options, device="cpu"
    )
    assert np.allclose(alone.scores[:, 0], combined, rtol=0, atol=1e-5 * abs(combined).max())
    assert np.abs(technical).max() > 1e-4


@pytest.mark.parametrize("method", ["ig", "gradient"])
def test_a_motif_is_attributed_to_its_half_and_its_bases(method):
    model = toy_model()
    # the first direct features, which the toy model's two motifs make
    targets = [
        direct_target(model, model.biological.direct_names[0]),
        direct_target(model, model.technical.direct_names[0]),
    ]
    found = attribute(
        model, planted(540, 600), targets, method=method, n_steps=128, device="cpu"
    ).scores[0]
    for scores, motif, start in zip(found, (BIOLOGICAL, TECHNICAL), (540, 600), strict=True):
        own = scores[start : start + len(motif) - 1]  # the last base begins no token of the motif
        assert (own > 0.5).all(), motif
        rest = scores.copy()
        rest[start : start + len(motif) - 1] = 0
        assert np.abs(rest).max() < 0.1 * own.min()


def test_a_motif_of_one_half_gives_the_other_nothing():
    model = toy_model()
    weights = np.zeros(model.config.n_latent, dtype=np.float32)
    weights[0] = weights[model.config.n_latent // 2] = 1
    target = direct_target(model, "CTCF")
    both = type(target)("both", weights, target.n_biological)
    found = attribute(model, planted(540, None), halves(both), method="gradient", device="cpu")
    combined, biological, technical = found.scores[0]
    motif = slice(540, 540 + len(BIOLOGICAL) - 1)
    assert np.array_equal(combined, biological + technical)
    assert biological[motif].sum() > 3
    assert np.abs(technical[motif]).max() < 0.05 * biological[motif].min()


def test_shifts_move_the_window_and_not_the_motif():
    model = toy_model(linear=True)
    target = direct_target(model, model.biological.direct_names[0])
    codes = planted(545, None, n=1153 + 10)
    found = attribute_stretches(
        model, codes, [target], shifts=11, strand="forward", device="cpu"
    ).scores[0, 0]
    assert np.allclose(found[545 : 545 + len(BIOLOGICAL) - 1], 1, atol=1e-4)
    assert np.abs(found).sum() == pytest.approx(len(BIOLOGICAL) - 1, abs=1e-3)


def test_a_token_goes_to_its_first_base_as_it_is_read():
    """On the reverse strand that is the right one of the two."""
    model = toy_model(linear=True)
    target = direct_target(model, model.biological.direct_names[0])
    forward = planted(560, None)
    n = len(BIOLOGICAL)
    found = {
        strand: np.flatnonzero(
            attribute_stretches(
                model,
                forward if strand == "forward" else reverse_complement(forward),
                [target],
                shifts=1,
                strand=strand,
                device="cpu",
            )
            .scores[0, 0]
            .round(3)
        )
        for strand in ("forward", "reverse")
    }
    assert found["forward"].tolist() == list(range(560, 560 + n - 1))
    assert found["reverse"].tolist() == sorted(1152 - i for i in range(560, 560 + n - 1))


def test_tokens_of_both_strands():
    tokens = np.array([1.0, 2.0, 3.0])
    assert at_forward_bases(tokens, reverse=False).tolist() == [1, 2, 3, 0]
    assert at_forward_bases(tokens, reverse=True).tolist() == [0, 3, 2, 1]


@pytest.mark.parametrize("method", ["ig", "gradient"])
def test_the_reverse_complement_has_the_same_scores_backwards(small_model, method):
    codes = random_codes(2, 1157)
    options = AttributionOptions(method, max_steps=16)
    one, other = (
        attribute_stretches(
            small_model, x, halves(track_target(small_model, 1)), shifts=5, options=options,
            device="cpu",
        ).scores
        for x in (codes, reverse_complement(codes))
    )  # fmt: skip
    assert np.abs(one).max() > 1e-3
    assert np.allclose(one, other[..., ::-1], atol=1e-5)


def test_windows_are_those_that_scoring_reads():
    codes = random_codes(1, 1156)
    found = windows_of(codes, (-2, 0, 1), "both")
    assert found.shape == (1, 6, 1153)
    assert np.array_equal(found[0, 1], codes[0, 2:1155])
    assert np.array_equal(found[0, 5], reverse_complement(codes[0, 3:1156]))


def test_gradient_x_input_is_what_finite_differences_say():
    """Of the toy model without GELU, which is linear around a sequence."""
    model = toy_model(linear=True)
    target = direct_target(model, model.biological.direct_names[0])
    codes = planted(550, 590)
    found = attribute(model, codes, [target], method="gradient", device="cpu").scores[0, 0]
    tokens = encode_tokens(torch.from_numpy(codes))
    step = 0.125
    differences = []
    for i in range(540, 600):
        moved = tokens.repeat(2, 1, 1)
        moved[0, :, i] *= 1 + step
        moved[1, :, i] *= 1 - step
        with torch.no_grad():
            up, down = torch.cat(model.features_of_tokens(moved), 1) @ torch.from_numpy(
                target.weights
            )
        differences.append(float(up - down) / (2 * step))
    assert np.allclose(found[540:600], differences, atol=1e-4)
    assert found[550:556].min() > 0.9


def test_batches_do_not_change_the_scores(small_model):
    codes = random_codes(5, 1153)
    targets = [track_target(small_model, 0)]
    one, other = (
        attribute(small_model, codes, targets, max_steps=16, batch_size=n, device="cpu").scores
        for n in (2, 64)
    )
    assert np.allclose(one, other, atol=1e-5)


def test_a_silent_half_has_scores_of_zero(small_model):
    target = direct_target(small_model, "CTCF").half("technical")
    found = attribute(small_model, random_codes(1, 1153), [target], device="cpu")
    assert not found.scores.any()
    assert found.converged.all()


def test_no_sequences_give_no_scores(small_model):
    found = attribute(
        small_model, np.zeros((0, 1153), np.uint8), [track_target(small_model, 0)], device="cpu"
    )
    assert found.scores.shape == (0, 1, 1153)


def test_progress_is_told(small_model):
    told = []
    attribute(
        small_model, random_codes(3, 1153), [track_target(small_model, 0)], method="gradient",
        device="cpu", progress=lambda *x: told.append(x),
    )  # fmt: skip
    assert told[-1] == (3, 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "shap"}, "method 'shap'; expected ig or gradient"),
        ({"n_steps": 0}, "0 steps"),
        ({"n_steps": 64, "max_steps": 32}, "64 steps of at most 32"),
        ({"targets": []}, "no target"),
        ({"codes": np.zeros((1, 1152), np.uint8)}, r"\(1, 1152\); expected \(n, 1153\)"),
    ],
)
def test_what_cannot_be_attributed_is_refused(small_model, change, words):
    given = {"codes": random_codes(1, 1153), "targets": [track_target(small_model, 0)], **change}
    with pytest.raises(InputError, match=words):
        attribute(small_model, **given, device="cpu")


def test_a_damaged_model_is_refused(small_model):
    small_model.trunk.stem.bias.data[0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        attribute(small_model, random_codes(1, 1153), [track_target(small_model, 0)], device="cpu")
