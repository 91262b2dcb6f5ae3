"""The folder of a training run: what state it is in, its checkpoint, its log of one line a step."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import torch

from mfdvep.errors import OutputError, TrainingError

CHECKPOINT, LOG, MODEL = "checkpoint.pt", "log.jsonl", "model"
PART = ".part"  # a file on its way to its name
_UNFINISHED = {LOG, f"{LOG}{PART}", f"{CHECKPOINT}{PART}"}  # of a run without a checkpoint


def open_run(folder: Path, *, resume: bool) -> None:
    """Make the folder of a run, or refuse one that a run may not start or go on in.

    A run that was killed before its first checkpoint left nothing to go on from: its folder is
    taken for a new one.

    Raises
    ------
    OutputError
        The run is finished; not a folder; it holds something else, or a run that can go on and
        `resume` is not set; it cannot be made.
    TrainingError
        Nothing to resume.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: not a folder; choose another output")
    held = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if MODEL in held:
        raise OutputError(
            f"{folder}: this run is finished: {folder / MODEL} holds its model; "
            "choose another output"
        )
    if CHECKPOINT in held:
        if not resume:
            raise OutputError(
                f"{folder}: a run that has not finished; go on with --resume, "
                "or choose another output"
            )
        return
    if other := sorted(held - _UNFINISHED):
        raise OutputError(f"{folder}: holds {other[0]}, so no run; choose another output")
    if resume:
        raise TrainingError(
            f"{folder / CHECKPOINT}: no checkpoint to resume from; start without --resume"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error}; choose another output") from error


def write_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; it replaces the last one at once."""
    part = folder / f"{CHECKPOINT}{PART}"
    torch.save(state, part)
    os.replace(part, folder / CHECKPOINT)


def read_checkpoint(folder: Path, identity: str, device: torch.device) -> dict[str, Any]:
    """Return the checkpoint of a run.

    Raises
    ------
    TrainingError
        It cannot be read, or its "identity" is another.
    """
    path = folder / CHECKPOINT
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        found = state["identity"]
    except Exception as error:  # torch raises many kinds for a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise TrainingError(f"{path}: not a readable checkpoint: {reason}") from error
    if found != identity:
        raise TrainingError(
            f"{path}: made by another recipe or training set; "
            "resume with the same ones, or choose another output folder"
        )
    return state


def check_finite(folder: Path, value: float, what: str) -> None:
    """Raise TrainingError if a figure of the run is not finite, and name what it can go on from."""
    if not math.isfinite(value):
        where = folder / CHECKPOINT
        remedy = f"the last good checkpoint is {where}; " if where.exists() else ""
        raise TrainingError(
            f"{what} is not finite; {remedy}"
            "lower learning_rate or clip_norm, or set precision to float32, and start again"
        )


def cut_log(folder: Path, step: int) -> None:
    """Keep the lines of the log up to a step, so that a run that goes on writes none twice."""
    path = folder / LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    part = folder / f"{LOG}{PART}"
    part.write_text("".join(f"{x}\n" for x in lines if _step(x) <= step), encoding="utf-8")
    os.replace(part, path)


def _step(line: str) -> float:
    """Return the step of a line; infinity for one that was not written whole."""
    try:
        return json.loads(line)["step"]
    except (ValueError, TypeError, KeyError):
        return float("inf")
