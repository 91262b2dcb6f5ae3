"""What can be chosen of a training, with what was chosen on the training chromosomes."""

from __future__ import annotations

from dataclasses import dataclass

LABEL, LOG_EXPRESSION = "label", "log_expression"
TARGETS = (LABEL, LOG_EXPRESSION)


@dataclass(frozen=True)
class TrainOptions:
    """How the model is trained.

    Attributes
    ----------
    n_latent
        Size of the representation.
    kl
        Weight of the divergence from the standard normal distribution, beside the mean squared
        error; a mean over latents, as the error is one over bins.
    epochs
        Passes over the profiles, of the autoencoder.
    head_epochs
        Passes over the labels, of a head.
    heads
        Heads whose mean is the prediction.
    dropout, weight_decay
        Of the heads.
    """

    n_latent: int = 10
    kl: float = 5e-5
    epochs: int = 8
    head_epochs: int = 10
    heads: int = 3
    dropout: float = 0.3
    weight_decay: float = 0.01
