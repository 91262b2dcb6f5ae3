"""Which genetic inputs carry the similarity of a person's own pair: integrated gradients.

Source: Sundararajan, Taly, Yan 2017 (integrated gradients); ContIG, section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mfdvep.cohort.align.encoders import Aligner
from mfdvep.cohort.align.preparing import Arrays
from mfdvep.enrichment.measures.resampling import bootstrap_weights, percentile_interval
from mfdvep.interpret.gradients import PathGradients

_STEPS = 64
_SAMPLES = 1000
_AT_ONCE = 4096  # people x steps through a network


@dataclass(frozen=True)
class Importance:
    """How much k inputs, or groups of them, carry.

    Attributes
    ----------
    names
        k of them.
    mean, low, high
        float64 (k,): mean size of the attribution over people; 95 %, bootstrap of families.
    signed
        float64 (k,): mean attribution.
    """

    names: tuple[str, ...]
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    signed: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """The k from the largest mean down, int64."""
        return np.argsort(-self.mean, kind="stable")


def attributions(aligner: Aligner, arrays: Arrays, rows: np.ndarray, modality: int) -> np.ndarray:
    """Return the attributions (m, d) float32 of people's own similarity to their genetic inputs.

    They add up to the similarity of the image with the own genetics, less that with genetics that
    are all 0, which is the mean of training people.

    Parameters
    ----------
    rows
        int64 (m,) of people who have the modality.
    """
    values = torch.from_numpy(arrays.genetics[modality][rows])
    with torch.no_grad():
        image = torch.cat([
            aligner.compared_image(part)
            for part in torch.from_numpy(arrays.images[rows]).split(_AT_ONCE)
        ])  # fmt: skip

    def own_similarity(genetic: torch.Tensor) -> torch.Tensor:  # (k m, d): k steps of the m people
        own = image.repeat(len(genetic) // len(image), 1)
        return (aligner.compared_genetic(modality, genetic) * own).sum(dim=1, keepdim=True)

    paths = PathGradients(own_similarity, torch.ones(1, 1))
    return paths.integrated(values, n_steps=_STEPS, at_once=_AT_ONCE)[:, 0].numpy()


def importance(
    attribution: np.ndarray,
    names: Sequence[str],
    families: Sequence[str],
    *,
    rng: np.random.Generator,
) -> Importance:
    """Return how much each column carries, or columns of one name together.

    Attributions of columns of one name are added up in each person before their size is taken.

    Parameters
    ----------
    attribution
        (m, d)
    names, families
        d names of columns; m of people.
    """
    kinds = tuple(dict.fromkeys(names))
    place = {name: i for i, name in enumerate(kinds)}
    groups = np.zeros((len(names), len(kinds)))
    groups[np.arange(len(names)), [place[name] for name in names]] = 1
    each = attribution.astype(np.float64) @ groups  # (m, k)
    people, family = np.unique(np.asarray(families), return_inverse=True)
    weights = bootstrap_weights(len(people), _SAMPLES, rng)[:, family]
    samples = weights @ np.abs(each) / weights.sum(1, keepdims=True)
    low, high = percentile_interval(samples, len(people))
    return Importance(kinds, np.abs(each).mean(0), low, high, each.mean(0))


def gene_of(column: str) -> str:
    """Return the region of a burden's column, REGION|WEIGHT; other columns are their own."""
    return column.partition("|")[0]
