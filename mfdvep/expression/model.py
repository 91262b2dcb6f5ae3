"""The model of expression as one thing: marks in, a logit or log expression out; kept as a folder.

The folder has model.safetensors and config.json, checked by sha256; beside them a bundled model has
metrics.json and MODEL_CARD.md.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from mfdvep import __version__
from mfdvep.errors import InputError, ModelError
from mfdvep.expression.autoencoder import latents
from mfdvep.expression.bins import N_BINS
from mfdvep.expression.network import Autoencoder, ExpressionNetwork, Head, Heads
from mfdvep.expression.options import TARGETS
from mfdvep.expression.scaling import Scale
from mfdvep.files import sha256
from mfdvep.folders import new_folder
from mfdvep.model.checkpoint import (
    CONFIG,
    EXPRESSION,
    FORMAT,
    REMEDY,
    WEIGHTS,
    check_files,
    config_digest,
    load_weights,
    model_folder,
    read_expression_config,
)

_AT_ONCE = 4096  # profiles


class ExpressionModel:
    """Predicts expression of genes from the marks round them, on the CPU, in evaluation mode.

    Parameters
    ----------
    network
        Trained.
    cells, marks
        That it knows, in its order.
    target
        "label": a prediction is the logit of being above the cell's threshold; "log_expression":
        it is log2(expression + 1).
    scale
        Of the training genes.
    about
        Split, data, options, how it was trained: kept in config.json.

    Attributes
    ----------
    provenance
        name and sha256 of the weights, "" and None before it is saved; the training, validation
        and test contigs where `about` has them.
    """

    def __init__(
        self,
        network: ExpressionNetwork,
        *,
        cells: Sequence[str],
        marks: Sequence[str],
        target: str,
        scale: Scale,
        about: dict[str, Any],
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.cells, self.marks, self.target = tuple(cells), tuple(marks), target
        self.scale, self.about = scale, about
        self.provenance: dict[str, Any] = {"name": "", "sha256": None} | about.get("split", {})

    def cell_number(self, cell: str) -> int:
        """Return which of the cells a name is.

        Raises
        ------
        InputError
            None.
        """
        if cell not in self.cells:
            raise InputError(
                f"cell {cell!r}: the model of expression knows {', '.join(self.cells)}; "
                "take one of these, or train a model on profiles of that cell"
            )
        return self.cells.index(cell)

    def scaled(self, signal: np.ndarray | Tensor, cell: str) -> Tensor:
        """Return profiles (n, m, 100) as the network takes them; gradients pass a tensor.

        Parameters
        ----------
        signal
            Of the cell, as `Profiles.signal` has it: not negative. float64 stays float64, for the
            small differences between alleles; anything else becomes float32.

        Raises
        ------
        InputError
            An unknown cell, another shape, or a signal that is negative or not finite.
        """
        number = self.cell_number(cell)
        x = torch.as_tensor(signal)
        x = x if x.dtype == torch.float64 else x.float()
        expected = (len(self.marks), N_BINS)
        if x.ndim != 3 or tuple(x.shape[1:]) != expected:
            raise InputError(
                f"profiles of shape {tuple(x.shape)}; the model of expression takes "
                f"(genes, {expected[0]}, {expected[1]}), marks {', '.join(self.marks)}"
            )
        if not bool(((x >= 0) & torch.isfinite(x)).all()):
            raise InputError("a signal of marks is negative or not finite; expected from 0 on")
        return torch.log1p(x) / torch.from_numpy(self.scale.sd[number])[:, None]

    def latent(self, signal: np.ndarray, cell: str) -> np.ndarray:
        """Return the latents' means, float32 (n, k), of profiles; raises as `scaled`."""
        return latents(self.network.autoencoder, self.scaled(signal, cell).float().numpy())

    @torch.no_grad()
    def predict(self, signal: np.ndarray, cell: str) -> np.ndarray:
        """Return the logit or log expression, float32 (n,), of profiles (n, m, 100).

        Raises
        ------
        InputError
            See `scaled`.
        """
        number = self.cell_number(cell)
        parts = [
            self.network(x, torch.full((len(x),), number))
            for x in self.scaled(signal, cell).float().split(_AT_ONCE)
        ]
        return torch.cat(parts).numpy()


def save_expression_model(
    model: ExpressionModel, folder: str | Path, *, force: bool = False
) -> None:
    """Write a model to a folder, which appears whole or not at all.

    Raises
    ------
    OutputError
        It exists, and `force` is not given or it is no model's; or it cannot be written.
    """
    with new_folder(folder, marker=CONFIG, force=force) as part:
        write_model(model, part)


def write_model(model: ExpressionModel, folder: Path) -> None:
    """Write model.safetensors and config.json into a folder; the caller renames it into place."""
    state = {name: v.detach().contiguous() for name, v in model.network.state_dict().items()}
    safetensors.torch.save_file(state, folder / WEIGHTS)
    config: dict[str, Any] = {
        "format": FORMAT,
        "kind": EXPRESSION,
        "mfdvep_version": __version__,
        "model": {
            "cells": model.cells,
            "marks": model.marks,
            "target": model.target,
            "n_latent": model.network.autoencoder.mean.out_features,
            "heads": len(model.network.heads.heads),
            "scale": [[float(value) for value in row] for row in model.scale.sd],
        },
        "about": model.about,
    }
    config = json.loads(json.dumps(config))  # as it will be read: the digest is of that
    config["sha256"] = {
        WEIGHTS: sha256(folder / WEIGHTS),
        "config": config_digest(config),
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    # safetensors lets nobody else read its file; a model is as public as the umask has it
    shutil.copymode(folder / CONFIG, folder / WEIGHTS)


def load_expression_model(name_or_folder: str | Path = "simplechrome4") -> ExpressionModel:
    """Return a model given by bundled name or folder, its files checked against their SHA-256.

    Raises
    ------
    ModelError
        No such model, one of another kind; a file missing or damaged; weights that do not fit.
    """
    folder = model_folder(name_or_folder, EXPRESSION)
    config = read_expression_config(folder)
    check_files(folder, config, (WEIGHTS,))
    try:
        made = config["model"]
        cells, marks = tuple(made["cells"]), tuple(made["marks"])
        if made["target"] not in TARGETS:
            raise ValueError(f"target {made['target']!r}")
        scale = Scale(np.array(made["scale"], dtype=np.float32).reshape(len(cells), len(marks)))
        network = _network(len(cells), len(marks), made["n_latent"], made["heads"])
        model = ExpressionModel(
            network,
            cells=cells,
            marks=marks,
            target=made["target"],
            scale=scale,
            about=config["about"],
        )
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ModelError(
            f"{folder / CONFIG}: describes no model ({type(error).__name__}: {reason}); {REMEDY}"
        ) from error
    load_weights(network, folder)
    model.provenance |= {"name": folder.resolve().name, "sha256": config["sha256"][WEIGHTS]}
    return model


def _network(n_cells: int, n_marks: int, n_latent: int, n_heads: int) -> ExpressionNetwork:
    """Return an untrained network, whose weights are then read."""
    n_features = n_latent + (n_cells if n_cells > 1 else 0)
    with torch.random.fork_rng(devices=[]):
        heads = Heads(
            [Head(n_features, 0.0) for _ in range(n_heads)],
            torch.zeros(n_features),
            torch.ones(n_features),
        )
        return ExpressionNetwork(Autoencoder(n_marks, n_latent), heads, n_cells)
