"""The MFD model: trunk, two halves of latent features, and weights made from metadata.

Source: science.md "Network"; Rakowski et al., Bioinformatics 2024,
doi 10.1093/bioinformatics/btae403.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mfdvep.errors import ModelError
from mfdvep.model.config import ModelConfig
from mfdvep.model.metadata import FreeWeights, HyperNetwork, MetadataSchema
from mfdvep.model.normalisation import BatchNorm
from mfdvep.model.tracks import TrackTable
from mfdvep.model.trunk import BIN, WINDOW_TOKENS, Trunk


class Features(NamedTuple):
    """Latent features of n sequences: biological (n, C / 2) and technical (n, C / 2)."""

    biological: Tensor
    technical: Tensor


class Logits(NamedTuple):
    """Log-odds of a peak, each (n, O); combined = biological + technical + bias."""

    combined: Tensor
    biological: Tensor
    technical: Tensor


class MFDModel(nn.Module):
    """Predicts the peaks of O experiments from sequence, through biology and through technique.

    Parameters
    ----------
    config
        Widths and metadata mapping.
    schema
        Frozen encodings of the metadata columns.
    tracks
        The O experiments, in output order.
    """

    def __init__(self, config: ModelConfig, schema: MetadataSchema, tracks: TrackTable) -> None:
        super().__init__()
        self.config, self.schema, self.tracks = config, schema, tracks
        half = config.n_latent // 2
        self.trunk = Trunk(config.width, config.n_latent, config.dropout)
        # no scale or shift: unit variance keeps the penalty from being met by shrinking
        self.latent_norm = BatchNorm(config.n_latent, affine=False)
        self.biological, self.technical = (
            FreeWeights.drawn(len(tracks), half)
            if config.plain
            else HyperNetwork(schema.group(name), tracks, n_features=half, hidden=hidden)
            for name, hidden in (
                ("biological", config.biological_hidden),
                ("technical", config.technical_hidden),
            )
        )
        self.bias = nn.Parameter(torch.zeros(len(tracks)))
        self.provenance = {"name": "unsaved", "sha256": "."}  # replaced by `load_model`
        self.untrained: tuple[int, ...] = ()  # rows of tracks left out of training; likewise
        self._frozen: tuple[Tensor, Tensor] | None = None

    def train(self, mode: bool = True) -> MFDModel:
        """Set training or evaluation mode; forgets the weights kept for inference."""
        self._frozen = None
        return super().train(mode)

    def _apply(self, *args, **kwargs) -> MFDModel:  # called by .to(), .cuda(), .half() ...
        self._frozen = None
        return super()._apply(*args, **kwargs)

    def output_weights(self) -> tuple[Tensor, Tensor]:
        """Return psi_biological and psi_technical, each (O, C / 2).

        In evaluation mode the hypernetworks run once, without gradients; changing parameters
        by hand afterwards asks for `eval()` again.
        """
        if self.training:
            return self.biological(), self.technical()
        if self._frozen is None:
            with torch.no_grad():
                self._frozen = (self.biological(), self.technical())
        return self._frozen

    def features(self, codes: Tensor, keep: Tensor | None = None) -> Features:
        """Return the latent features of windows of bases.

        Parameters
        ----------
        codes
            (n, 1153) integer base codes A0 C1 G2 T3 N4 on the model's device; a longer sequence
            gives the features of k bins, see `Trunk`.
        keep
            (n, k) bool: the bins wanted.

        Raises
        ------
        ModelError
            A sequence of another length.
        """
        n_over = codes.shape[-1] - (WINDOW_TOKENS + 1)  # bases beyond one window
        if codes.ndim != 2 or n_over < 0 or n_over % BIN:
            raise ModelError(
                f"base codes of shape {tuple(codes.shape)}; expected (n, 1153 + 128 k) bases"
            )
        return self._halves(self.trunk(codes, keep))

    def features_of_tokens(self, tokens: Tensor) -> Features:
        """Return the latent features of dinucleotide tokens (n, 16, 1152) of any weights.

        What `features` gives of bases, as a function that has a gradient; all zeros is all N.
        """
        return self._halves(self.trunk.of_tokens(tokens))

    def _halves(self, latent: Tensor) -> Features:
        """Return the features made of the trunk's (n, C)."""
        return Features(*self.latent_norm(latent.float()).chunk(2, dim=1))

    def logits(self, features: Features) -> Logits:
        """Return the log-odds of a peak: combined, and what each half adds to it (eq. 2)."""
        psi_biological, psi_technical = self.output_weights()
        biological = features.biological @ psi_biological.T  # (n, O)
        technical = features.technical @ psi_technical.T  # (n, O)
        return Logits(biological + technical + self.bias, biological, technical)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the combined log-odds (n, O) of windows (n, 1153)."""
        return self.logits(self.features(codes)).combined
