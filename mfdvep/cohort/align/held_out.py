"""The people that a model is measured on, and what it makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mfdvep import __version__
from mfdvep.cohort.align.encoders import Aligner
from mfdvep.cohort.align.model_folder import AlignedModel
from mfdvep.cohort.align.people import Inputs, People, gather
from mfdvep.cohort.align.preparing import Arrays
from mfdvep.cohort.align.settings import NONE
from mfdvep.cohort.align.splitting import SPLITS
from mfdvep.cohort.align.tables import digests_of, read_people
from mfdvep.errors import InputError

TEST = SPLITS[2]
_RELATIVE = "relative of training people"
_AT_ONCE = 4096  # people through a network


@dataclass(frozen=True)
class HeldOut:
    """A cohort as a model sees it.

    Attributes
    ----------
    inputs
        With the model's columns.
    people, arrays
        All who take part.
    splits
        Text (n,): "train", "validation", "test"; people that training did not have are "test",
        unless one of their family was trained on.
    counts
        As `gather` has them, and how many are in each split.
    """

    inputs: Inputs
    people: People
    arrays: Arrays
    splits: np.ndarray
    counts: dict[str, Any]

    def rows(self, split: str) -> np.ndarray:
        """Return the rows of a split, int64 (m,)."""
        return np.flatnonzero(self.splits == split)


def read_inputs(
    model: AlignedModel,
    *,
    images: str | Path | None = None,
    genetics: Mapping[str, str | Path] | None = None,
    covariates: str | Path | None = None,
) -> Inputs:
    """Return the inputs of a model's training, or others in their place.

    Parameters
    ----------
    images, genetics, covariates
        Files, of genetics by name; None for those that the model was trained with, which must be
        as they were.

    Raises
    ------
    InputError
        As from `read_people`; a file of the training is not there or was changed; see
        `Preparation.fitting`.
    """
    used = model.about["inputs"]
    image_file = images or _unchanged(used["images"])
    genetic_files = genetics or {own["name"]: _unchanged(own) for own in used["genetics"]}
    if covariates is None and used["covariates"]:
        if images is not None:
            raise InputError("other images need covariates of their people; give them too")
        covariates = _unchanged(used["covariates"][0])
    found = Inputs(
        images=read_people(image_file, name=model.preparation.names[0]),
        genetics=tuple(read_people(path, name=name) for name, path in genetic_files.items()),
        covariates=None
        if covariates is None
        else read_people(
            covariates,
            name=used["covariates"][0]["name"] if used["covariates"] else "covariates",
            columns=used["covariates"][0]["columns"] if used["covariates"] else (),
        ),
    )
    return model.preparation.fitting(found)


def hold_out(model: AlignedModel, inputs: Inputs) -> HeldOut:
    """Return the people of inputs, as prepared for a model.

    Raises
    ------
    InputError
        As from `gather`; fewer than 2 people are held out.
    """
    people = gather(
        inputs, mode=model.settings.people, need_covariates=model.settings.adjust != NONE
    )
    families = dict(zip(people.iids, people.families, strict=True))
    # of trained people, as these inputs have it: the training's may have had no families
    seen = model.seen_families | {
        fid for iid, fid in families.items() if model.splits.get(iid, TEST) != TEST
    }
    splits = np.array([
        model.splits.get(iid, _RELATIVE if fid in seen else TEST) for iid, fid in families.items()
    ])  # fmt: skip
    counts = {**people.counts, "splits": dict(Counter(splits.tolist()))}
    if (n := int((splits == TEST).sum())) < 2:
        raise InputError(f"{n} people are held out ({counts['splits']}); expected at least 2")
    return HeldOut(inputs, people, model.preparation.apply(inputs, people), splits, counts)


def record_of(model: AlignedModel, held: HeldOut, command: str) -> dict[str, Any]:
    """Return what was measured, for what is written of it: model and inputs with their sha256."""
    return {
        "mfdvep": __version__,
        "command": command,
        "model": {
            "sha256": model.sha256,
            **{key: model.about[key] for key in ("command", "inputs", "best_epoch")},
        },
        "inputs": [
            {"name": table.name, "file": Path(table.path).name, **digests_of(table.path)}
            for table in held.inputs.tables
        ],
    }


def embed(aligner: Aligner, images: np.ndarray) -> np.ndarray:
    """Return embeddings of images, float32 (n, width)."""
    with torch.no_grad():
        parts = [aligner.image(part) for part in torch.from_numpy(images).split(_AT_ONCE)]
    return torch.cat(parts).numpy()


def compared(
    aligner: Aligner, arrays: Arrays, rows: np.ndarray
) -> tuple[np.ndarray, Sequence[np.ndarray]]:
    """Return the vectors that are compared: of images (m, d), and of each modality (m, d).

    float32, of length 1; NaN for who lacks the modality.
    """
    with torch.no_grad():
        image = torch.cat([
            aligner.compared_image(part)
            for part in torch.from_numpy(arrays.images[rows]).split(_AT_ONCE)
        ])  # fmt: skip
        genetics = []
        for m, values in enumerate(arrays.genetics):
            has = arrays.present[rows, m]
            full = np.full((len(rows), image.shape[1]), np.nan, dtype=np.float32)
            full[has] = aligner.compared_genetic(m, torch.from_numpy(values[rows][has])).numpy()
            genetics.append(full)
    return image.numpy(), genetics


def _unchanged(record: Mapping[str, str]) -> str:
    path = record["path"]
    try:
        digests = digests_of(path)
    except OSError as error:
        raise InputError(
            f"{error.filename}: {error.strerror}; the model was trained with it: say where it is "
            "now"
        ) from error
    if any(digest != record[name] for name, digest in digests.items()):
        raise InputError(f"{path}: was changed since the model was trained; give the one it had")
    return path
