"""The loss: by hand, by an independent formula, and without any trace of who lacks a modality."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.cohort.align.objective import alignment_loss, pair_losses

OPTIONS = {"temperature": 0.1, "weight": 0.75}


def by_formula(image, genetics, present, *, temperature, weight):
    """Return the loss in loops over people, from exponentials: numpy, float64."""
    of_people = []
    for i in range(len(image)):
        terms = []
        for m, genetic in enumerate(genetics):
            has = [j for j in range(len(image)) if present[j, m]]
            if i not in has or len(has) < 2:
                continue
            to = {j: np.exp(image[i] @ genetic[j] / temperature) for j in has}
            back = {j: np.exp(image[j] @ genetic[i] / temperature) for j in has}
            terms.append(-weight * np.log(to[i] / sum(to.values()))
                         - (1 - weight) * np.log(back[i] / sum(back.values())))  # fmt: skip
        if terms:
            of_people.append(np.mean(terms))
    return np.mean(of_people) if of_people else 0.0


def vectors(rng, n, d=5):
    return F.normalize(torch.from_numpy(rng.normal(size=(n, d))), dim=1)


def test_two_people_by_hand():
    image = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    genetic = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    # similarities 1 .6 / 0 .8 over .5: image 0 sees 2 and 1.2, image 1 0 and 1.6
    found = pair_losses(image, genetic, temperature=0.5, weight=0.75)
    first = 0.75 * np.log(1 + np.exp(1.2 - 2)) + 0.25 * np.log(1 + np.exp(0 - 2))
    second = 0.75 * np.log(1 + np.exp(0 - 1.6)) + 0.25 * np.log(1 + np.exp(1.2 - 1.6))
    np.testing.assert_allclose(found, [first, second], rtol=1e-6)
    every = torch.ones(2, 1, dtype=torch.bool)
    loss = alignment_loss(image, [genetic], every, temperature=0.5, weight=0.75)
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 3))
def test_the_formula_with_any_mask(seed, n, n_modalities):
    rng = np.random.default_rng(seed)
    image = vectors(rng, n)
    full = [vectors(rng, n) for _ in range(n_modalities)]
    present = rng.random((n, n_modalities)) < 0.6
    given_ = [own[torch.from_numpy(present[:, m])] for m, own in enumerate(full)]
    found = alignment_loss(image, given_, torch.from_numpy(present), **OPTIONS)
    expected = by_formula(image.numpy(), [own.numpy() for own in full], present, **OPTIONS)
    assert found.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def gradients(image, genetics, present):
    leaves = [tensor.clone().requires_grad_() for tensor in (image, *genetics)]
    loss = alignment_loss(leaves[0], leaves[1:], present, **OPTIONS)
    return loss, torch.autograd.grad(loss, leaves)


def test_who_has_nothing_leaves_no_trace():
    rng = np.random.default_rng(0)
    image, genetic = vectors(rng, 6), vectors(rng, 4)
    present = torch.tensor([[True], [False], [True], [True], [False], [True]])
    rows = [0, 2, 3, 5]
    loss, (of_image, of_genetic) = gradients(image, [genetic], present)
    alone, (image_alone, genetic_alone) = gradients(image[rows], [genetic], present[rows])
    assert loss.item() == alone.item()
    torch.testing.assert_close(of_image[rows], image_alone, rtol=0, atol=0)
    torch.testing.assert_close(of_genetic, genetic_alone, rtol=0, atol=0)
    assert not of_image[[1, 4]].any()


def test_who_lacks_a_modality_changes_nothing_of_it_for_the_others():
    """The terms of modality 0, from gradients of its vectors, with and without person 2."""
    rng = np.random.default_rng(1)
    image = vectors(rng, 5)
    first, second = vectors(rng, 4), vectors(rng, 5)
    present = torch.tensor([[1, 1], [1, 1], [0, 1], [1, 1], [1, 1]], dtype=torch.bool)
    rows = [0, 1, 3, 4]
    _, (_, of_first, _) = gradients(image, [first, second], present)
    _, (_, alone, _) = gradients(image[rows], [first, second[rows]], present[rows])
    # of 5 people instead of 4 is the mean
    torch.testing.assert_close(of_first * 5, alone * 4, rtol=1e-6, atol=1e-9)
    moved = image.clone()
    moved[2] = -moved[2]
    _, (_, after, _) = gradients(moved, [first, second], present)
    torch.testing.assert_close(after, of_first, rtol=0, atol=0)


def test_a_modality_of_one_person_counts_nowhere():
    rng = np.random.default_rng(2)
    image, full = vectors(rng, 3), vectors(rng, 3)
    both = torch.tensor([[True, False], [True, True], [True, False]])
    with_one = alignment_loss(image, [full, full[1:2]], both, **OPTIONS)
    without = alignment_loss(image, [full], both[:, :1], **OPTIONS)
    assert with_one.item() == without.item()
    nobody = torch.zeros(3, 1, dtype=torch.bool)
    assert alignment_loss(image, [full[:0]], nobody, **OPTIONS).item() == 0
