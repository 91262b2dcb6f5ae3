"""The networks: an encoder a modality, and a head that only the comparison uses.

No part of them mixes people (no BatchNorm), so that what one lacks changes nothing of the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfdvep.cohort.align.settings import AlignSettings
from mfdvep.errors import InputError

_FIRST = 0.03  # of PyTorch's first weights of a head


class Aligner(nn.Module):
    """One encoder and head for images, and one for each genetic modality.

    Parameters
    ----------
    settings
        Kinds and widths.
    image_shape
        (d,) or (c, h, w).
    n_columns
        Inputs of each genetic modality.

    Raises
    ------
    InputError
        An encoder that does not fit images of this shape.
    """

    def __init__(
        self, settings: AlignSettings, image_shape: Sequence[int], n_columns: Sequence[int]
    ) -> None:
        super().__init__()
        if len(image_shape) == 3 and settings.image_encoder == "cnn":
            encoder: nn.Module = _cnn(image_shape, settings)
        elif settings.image_encoder == "cnn":
            raise InputError(
                f"image encoder cnn, but the images are {image_shape[0]} columns; "
                "expected an array (people, channels, height, width): take mlp or linear"
            )
        else:
            size = int(torch.Size(image_shape).numel())
            encoder = _encoder(settings.image_encoder, size, settings)
        self.image = encoder
        self.genetics = nn.ModuleList(
            _encoder(settings.genetic_encoder, n, settings) for n in n_columns
        )
        self.image_head = _head(settings.image_encoder, settings)
        self.genetic_heads = nn.ModuleList(
            _head(settings.genetic_encoder, settings) for _ in n_columns
        )

    def compared_image(self, values: Tensor) -> Tensor:
        """Return the vectors (n, projection) of images that are compared, of length 1."""
        return F.normalize(self.image_head(self.image(values)).float(), dim=1)

    def compared_genetic(self, modality: int, values: Tensor) -> Tensor:
        """Return the vectors (n, projection) of a genetic modality's values, of length 1."""
        head, encoder = self.genetic_heads[modality], self.genetics[modality]
        return F.normalize(head(encoder(values)).float(), dim=1)


def _encoder(kind: str, n: int, settings: AlignSettings) -> nn.Module:
    if kind == "linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(n, settings.width))
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(n, settings.hidden),
        nn.GELU(),
        nn.Dropout(settings.dropout),
        nn.Linear(settings.hidden, settings.width),
    )


def _cnn(shape: Sequence[int], settings: AlignSettings) -> nn.Module:
    """Return three levels of convolutions, each of half the size of the one before, and a mean.

    Nothing is normalised within an image: how strongly it shows something is what is to be found.
    With GroupNorm own pairs of a simulated cohort were found by chance, planted genes not first.
    """
    if min(shape[1:]) < 8:
        raise InputError(f"image encoder cnn: images of {tuple(shape)}; expected at least 8 x 8")
    widths = [max(4, settings.hidden // 4), max(8, settings.hidden // 2), settings.hidden]
    layers: list[nn.Module] = []
    for before, after in zip([shape[0], *widths[:-1]], widths, strict=True):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GELU()]
    # where a pattern lies counts, so that a grid of means is kept instead of one mean
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(settings.dropout),
        nn.Linear(4 * widths[-1], settings.width),
    )  # fmt: skip


def _head(kind: str, settings: AlignSettings) -> nn.Module:
    """Return a head: linear after a linear encoder, so that the whole is linear.

    It begins with nearly the same vector for everybody, and so with a loss near that of guessing.
    As PyTorch has it, chance similarities were too large for burdens: on 1,900 people of a
    simulated cohort the validation loss never came .01 below guessing; so it came .11 to .15 below.
    """
    last = nn.Linear(settings.width, settings.projection)
    with torch.no_grad():
        last.weight.mul_(_FIRST)
    nn.init.normal_(last.bias, std=settings.projection**-0.5)
    if kind == "linear":
        return last
    return nn.Sequential(nn.GELU(), nn.Linear(settings.width, settings.width), nn.GELU(), last)
