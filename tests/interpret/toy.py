"""A model whose answer is known: one motif makes a biological feature, another a technical one."""

from __future__ import annotations

import numpy as np
import torch
from conftest import SMALL_TRACKS, small_config
from torch import nn

from mfdvep.genomics.sequences import encode
from mfdvep.model.metadata import MetadataSchema
from mfdvep.model.mfd import MFDModel

BIOLOGICAL, TECHNICAL = "GATGCAC", "TTCCGTC"  # no dinucleotide in common


def toy_model(*, linear: bool = False) -> MFDModel:
    """Return a model whose first feature of each half counts the bases of a motif.

    The stem counts a motif's dinucleotides and all that follows hands the largest count on, so
    only the central bin's tokens count. All other features are 0.

    Parameters
    ----------
    linear
        No GELU: linear in the tokens, but for which position counts most.
    """
    config = small_config()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = MFDModel(config, MetadataSchema.fit(config, SMALL_TRACKS), SMALL_TRACKS).eval()
    with torch.no_grad():
        for module in model.trunk.modules():
            if isinstance(module, nn.Conv1d):
                module.weight.zero_()
        trunk = model.trunk
        trunk.stem.bias.zero_()
        for channel, motif in enumerate((BIOLOGICAL, TECHNICAL)):
            codes = encode(motif).astype(int)
            tokens = 4 * codes[:-1] + codes[1:]
            for i, token in enumerate(tokens):  # the middle one stands at tap 7
                trunk.stem.weight[channel, token, 7 - len(tokens) // 2 + i] = 1
        for level in trunk.tower:
            for channel in (0, 1):
                level[0][2].weight[channel, channel, 2] = 1
        n_half = config.n_latent // 2
        trunk.pointwise[2].weight[0, 0, 0] = 1
        trunk.pointwise[2].weight[n_half, 1, 0] = 1
        if linear:
            for module in list(model.trunk.modules()):
                for name, child in module.named_children():
                    if isinstance(child, nn.GELU):
                        setattr(module, name, nn.Identity())
    return model.eval()


def planted(biological: int | None, technical: int | None, *, n: int = 1153) -> np.ndarray:
    """Return (1, n) codes of A alone, with the motifs from these bases on."""
    codes = np.zeros((1, n), dtype=np.uint8)
    for motif, start in ((BIOLOGICAL, biological), (TECHNICAL, technical)):
        if start is not None:
            codes[0, start : start + len(motif)] = encode(motif)
    return codes
