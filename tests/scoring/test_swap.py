"""Halves swapped: the formula, its precision, and its symmetry."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import make_model
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.errors import InputError
from mfdvep.scoring.swap import Head, Pairs, change_of_probability

LOGITS = st.floats(-30, 30, width=32)


@given(logit=LOGITS, by=st.floats(-40, 40, width=32))
def test_change_of_probability_keeps_its_digits(logit, by):
    """Also where both probabilities are 1 to float32, or nearly the same."""
    x, d = np.float64(logit), np.float64(by)
    expected = np.expm1(d) / (1 + np.exp(-x)) / (1 + np.exp(x + d))
    found = change_of_probability(torch.tensor(logit), torch.tensor(by))
    # the logit's own rounding moves the probability by as much, relatively, as the logit is large
    assert found.item() == pytest.approx(expected, rel=1e-5, abs=1e-37)
    back = change_of_probability(torch.tensor(logit) + torch.tensor(by), -torch.tensor(by))
    assert back.item() == pytest.approx(-expected, rel=1e-5, abs=1e-37)


def test_change_of_probability_does_not_overflow():
    found = change_of_probability(torch.tensor([0.0, 0.0, 500.0]), torch.tensor([1e4, -1e4, -1e3]))
    assert found.tolist() == [0.5, -0.5, -1.0]


@pytest.mark.parametrize("scale", ["probability", "logit"])
def test_effects_by_hand(scale):
    """2 strands, 2 variants, 1 shift; the second strand's windows are shared by both variants."""
    model = make_model()
    n_latent = model.config.n_latent
    torch.manual_seed(1)
    windows, change = torch.randn(3, n_latent), torch.randn(4, n_latent)
    window = torch.tensor([0, 1, 2, 2])
    with torch.no_grad():
        found = Head(model, [3, 0], scale).effects(Pairs(windows, change, window), n_strands=2, n=2)
        norm = model.latent_norm
        expected = torch.zeros(3, 2, 2)
        for pair in range(4):
            ref = norm(windows[window[pair]][None])
            alt = norm((windows[window[pair]] + change[pair])[None])
            half = n_latent // 2
            mixed = (
                alt,
                torch.cat([alt[:, :half], ref[:, half:]], dim=1),
                torch.cat([ref[:, :half], alt[:, half:]], dim=1),
            )
            psi = torch.cat(model.output_weights(), dim=1)[[3, 0]]
            for kind, latent in enumerate(mixed):
                a, b = (x @ psi.T + model.bias[[3, 0]] for x in (latent, ref))
                if scale == "probability":
                    a, b = torch.sigmoid(a), torch.sigmoid(b)
                expected[kind, pair % 2] += (a - b)[0] / 2
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "scale", "says"), [([], "logit", "no tracks"), ([0], "odds", "scale 'odds'")]
)
def test_refused(rows, scale, says):
    with pytest.raises(InputError, match=says):
        Head(make_model(), rows, scale)
