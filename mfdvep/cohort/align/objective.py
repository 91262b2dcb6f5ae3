"""NT-Xent between images and genetics: a person's own pair against everybody else's.

Only across modalities: an image is compared with genetics of people, never with other images.

Source: ContIG, section 3 (loss across modalities, temperature .1, lambda .75).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def pair_losses(image: Tensor, genetic: Tensor, *, temperature: float, weight: float) -> Tensor:
    """Return the loss of each of m people, (m,), from unit vectors (m, d) of both sides.

    Parameters
    ----------
    weight
        Of telling whose genetics an image has; 1 - weight of telling whose image genetics have.
    """
    logits = image.float() @ genetic.float().T / temperature  # (m, m), a row an image
    own = torch.arange(len(logits), device=logits.device)
    of_image = F.cross_entropy(logits, own, reduction="none")
    of_genetic = F.cross_entropy(logits.T, own, reduction="none")
    return weight * of_image + (1 - weight) * of_genetic


def alignment_loss(
    image: Tensor,
    genetics: Sequence[Tensor],
    present: Tensor,
    *,
    temperature: float,
    weight: float,
) -> Tensor:
    """Return the mean over people of the mean over the genetic modalities that a person has.

    Who lacks a modality is in none of its terms, neither as the own pair nor as one of the others.
    A modality that fewer than two people of a batch have has nobody to tell apart, and counts
    nowhere. 0 if that is so of all.

    Parameters
    ----------
    image
        (n, d) of all people of the batch, of length 1.
    genetics
        M of (m, d), m the people who have it, in the order of the batch, of length 1.
    present
        bool (n, M)
    """
    counted = present & (present.sum(dim=0) >= 2)  # (n, M)
    each = counted.sum(dim=1).clamp(min=1)  # (n,) modalities of a person
    n_people = counted.any(dim=1).sum().clamp(min=1)
    total = image.new_zeros((), dtype=torch.float32)
    for m, genetic in enumerate(genetics):
        rows = torch.nonzero(counted[:, m]).flatten()
        if len(rows):
            losses = pair_losses(image[rows], genetic, temperature=temperature, weight=weight)
            total = total + (losses / each[rows]).sum()
    return total / n_people
