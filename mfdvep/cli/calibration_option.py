"""The table of a background that gives effects quantiles: the one that is named, or the model's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mfdvep.scoring.calibration import Calibration

_NONE = "none"


calibration_option = click.option(
    "--calibration",
    metavar=f"FILE|{_NONE}",
    help="Table of a background (mfdvep calibrate), for quantiles.  "
    "[default: calibration.parquet in the model's folder, if it fits]",
)


def calibration_options(command: Callable) -> Callable:
    """Add --calibration and --quantiles."""
    quantiles = click.option(
        "--quantiles", is_flag=True, help="Keep those of all effects in the matrix."
    )
    return calibration_option(quantiles(command))


def calibration_of(options: dict[str, Any], run: Mapping[str, Any]) -> Calibration | None:
    """Return the table to use; say why where the model has one that does not fit the run.

    Parameters
    ----------
    options
        "calibration", "model" and "quiet", as given.
    run
        How the effects are made, see `Calibration.differences`.
    """
    from mfdvep.scoring.calibration_file import read_calibration

    if (given := options["calibration"]) is not None:
        return None if given == _NONE else read_calibration(given)
    found = models_own(options["model"])
    if found is None or not (differences := found.differences(run)):
        return found
    if not options["quiet"]:
        click.echo(
            f"mfdvep: warning: no quantiles: {found.path} was made with "
            f"{'; with '.join(differences)}; mfdvep calibrate makes one that fits",
            err=True,
        )
    return None


def models_own(model: str | None) -> Calibration | None:
    """Return the table that lies in a model's folder, if there is one."""
    from mfdvep.model.checkpoint import DEFAULT_MODEL, model_folder
    from mfdvep.scoring.calibration_file import CALIBRATION, read_calibration

    path = model_folder(model or DEFAULT_MODEL) / CALIBRATION
    return read_calibration(path) if path.is_file() else None


def named_table(options: dict[str, Any]) -> list[Path]:
    """Return the file that --calibration names."""
    given = options["calibration"]
    return [] if given in (None, _NONE) else [Path(given)]
