"""A trained alignment as a folder: model.safetensors, config.json, people.tsv, left_out.tsv.

model.safetensors has the weights, and what was learnt of training people for scaling;
config.json the settings, columns, inputs and how it was made; people.tsv a row a person who takes
part: iid, fid, split, and 1 or 0 for each genetic modality; left_out.tsv who does not, and why.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from mfdvep import __version__
from mfdvep.cohort.align.encoders import Aligner
from mfdvep.cohort.align.people import People
from mfdvep.cohort.align.preparing import Preparation
from mfdvep.cohort.align.scaling import Scaling
from mfdvep.cohort.align.settings import AlignSettings
from mfdvep.errors import InputError, ModelError
from mfdvep.files import sha256
from mfdvep.folders import new_folder, write_json, writing
from mfdvep.model.checkpoint import config_digest
from mfdvep.model.tracks import TrackTable, tsv

FORMAT = 1
MODEL = "model"
_WEIGHTS, _CONFIG, _PEOPLE, _LEFT_OUT = (
    "model.safetensors", "config.json", "people.tsv", "left_out.tsv",
)  # fmt: skip
_PARTS = ("coefficients", "mean", "sd", "flat")


@dataclass(frozen=True)
class AlignedModel:
    """A trained alignment.

    Attributes
    ----------
    aligner
        In evaluation mode, on the CPU.
    settings, preparation
        How it was trained; what makes inputs of values.
    splits
        Each person of the training's inputs who took part -> "train", "validation" or "test".
    seen_families
        Those of people who were not in the test.
    sha256
        Of the weights.
    about
        Inputs with their sha256, counts, command, device and precision, the best epoch.
    """

    aligner: Aligner
    settings: AlignSettings
    preparation: Preparation
    splits: dict[str, str]
    seen_families: frozenset[str]
    sha256: str
    about: dict[str, Any]

    def untrained(self) -> Aligner:
        """Return the networks with the weights that training began with."""
        return new_aligner(self.settings, self.preparation).eval()


def new_aligner(settings: AlignSettings, preparation: Preparation) -> Aligner:
    """Return networks with the first weights of a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        sizes = [len(columns) for columns in preparation.genetic_columns]
        return Aligner(settings, preparation.image_shape, sizes)


def save(
    folder: Path,
    state: dict[str, torch.Tensor],
    settings: AlignSettings,
    preparation: Preparation,
    people: People,
    splits: np.ndarray,
    about: dict[str, Any],
) -> None:
    """Write a model's folder; it appears whole or not at all.

    Parameters
    ----------
    state
        Of an `Aligner`.
    splits
        Of each person, text (n,).
    about
        Kept in config.json.

    Raises
    ------
    OutputError
        See `new_folder`.
    """
    tensors = {f"aligner.{name}": value.cpu().contiguous() for name, value in state.items()}
    for name, scaling in _scalings(preparation).items():
        for part in _PARTS:
            array = np.ascontiguousarray(getattr(scaling, part))
            tensors[f"scaling.{name}.{part}"] = torch.from_numpy(array)
    genetics = preparation.names[1 : 1 + len(preparation.genetics)]
    with new_folder(folder, marker=_CONFIG) as part_folder, writing(folder):
        safetensors.torch.save_file(tensors, part_folder / _WEIGHTS)
        present = people.present.astype(int).T
        has = {f"has_{name}": row for name, row in zip(genetics, present, strict=True)}
        columns = {"iid": people.iids, "fid": people.families, "split": splits, **has}
        (part_folder / _PEOPLE).write_text(tsv(columns), encoding="utf-8")
        left = {"iid": list(people.left_out), "reason": list(people.left_out.values())}
        (part_folder / _LEFT_OUT).write_text(tsv(left), encoding="utf-8")
        # a file of safetensors is closed to others; a model is as public as the umask has it
        (part_folder / _WEIGHTS).chmod((part_folder / _PEOPLE).stat().st_mode)
        config: dict[str, Any] = {
            "format": FORMAT,
            "mfdvep_version": __version__,
            "settings": asdict(settings),
            "names": preparation.names,
            "columns": preparation.columns,
            "image_shape": preparation.image_shape,
            "about": about,
        }
        config = json.loads(json.dumps(config))
        digests = {name: sha256(part_folder / name) for name in (_WEIGHTS, _PEOPLE)}
        config["sha256"] = {**digests, "config": config_digest(config)}
        write_json(part_folder / _CONFIG, config)


def load(folder: str | Path) -> AlignedModel:
    """Return the alignment in a folder of `mfdvep align train`, or in the model/ of it.

    Raises
    ------
    ModelError
        No such folder, a run that is not finished, a file that is missing or damaged, or of
        another version.
    """
    folder = Path(folder)
    if (folder / MODEL).is_dir():
        folder = folder / MODEL
    path = folder / _CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if config["format"] != FORMAT:
            raise ValueError(f"format {config['format']}, expected {FORMAT}")
        digests = config["sha256"]
        found = {"config": config_digest(config)}
        found |= {name: sha256(folder / name) for name in (_WEIGHTS, _PEOPLE)}
        for name, digest in found.items():
            if digest != digests[name]:
                raise ValueError(f"{name} is damaged: sha256 {digest[:12]}...")
        settings = AlignSettings.from_dict(config["settings"])
        tensors = safetensors.torch.load_file(folder / _WEIGHTS)
        preparation = _preparation(config, settings, tensors)
        aligner = new_aligner(settings, preparation)
        weights = {
            name.removeprefix("aligner."): value
            for name, value in tensors.items()
            if name.startswith("aligner.")
        }
        aligner.load_state_dict(weights)
        table = TrackTable.read(folder / _PEOPLE)
        splits = dict(zip(table["iid"], table["split"], strict=True))
        seen = frozenset(
            fid for fid, split in zip(table["fid"], table["split"], strict=True) if split != "test"
        )
        about = config["about"]
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, InputError,
            safetensors.SafetensorError) as error:  # fmt: skip
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{folder}: no finished alignment ({reason}); give the folder of mfdvep align train"
        ) from error
    return AlignedModel(
        aligner.eval(), settings, preparation, splits, seen, digests[_WEIGHTS], about
    )


def _scalings(preparation: Preparation) -> dict[str, Scaling]:
    """Return all scalings by the name that the file has for them."""
    found = {"images": preparation.images}
    found |= {f"genetics.{i}": scaling for i, scaling in enumerate(preparation.genetics)}
    if preparation.covariates is not None:
        found["covariates"] = preparation.covariates
    return found


def _preparation(
    config: dict[str, Any], settings: AlignSettings, tensors: dict[str, torch.Tensor]
) -> Preparation:
    def scaling(name: str) -> Scaling:
        return Scaling(*(tensors[f"scaling.{name}.{part}"].numpy() for part in _PARTS))

    has_covariates = "scaling.covariates.mean" in tensors
    names = tuple(config["names"])
    return Preparation(
        adjust=settings.adjust,
        names=names,
        columns=tuple(tuple(own) for own in config["columns"]),
        image_shape=tuple(config["image_shape"]),
        images=scaling("images"),
        genetics=tuple(scaling(f"genetics.{i}") for i in range(len(names) - 1 - has_covariates)),
        covariates=scaling("covariates") if has_covariates else None,
    )
