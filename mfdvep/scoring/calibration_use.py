"""Whether a table of quantiles fits a run, and what of the run it says nothing about."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfdvep.errors import InputError
from mfdvep.scoring.calibration import Calibration, TrackQuantiles
from mfdvep.scoring.scorer import ScorerFace
from mfdvep.wording import plural


def of_run(scorer: ScorerFace) -> dict[str, Any]:
    """Return what must be the same in a table for its quantiles to be those of a run's effects."""
    return {"model": scorer.model_provenance, **scorer.provenance}


def refuse_other(calibration: Calibration, run: Mapping[str, Any]) -> None:
    """Raise InputError for a table of other effects than a run's; see `Calibration.differences`."""
    if differences := calibration.differences(run):
        raise InputError(
            f"{_name(calibration)}: made with {'; with '.join(differences)}: its quantiles are of "
            "other effects; calibrate with the same options, or give --calibration none"
        )


def _name(calibration: Calibration) -> str:
    return calibration.path or "calibration"


def quantiles_on(
    scorer: ScorerFace,
    calibration: Calibration | None,
    *,
    in_matrix: bool = False,
    matrix: str | Path | None = None,
) -> TrackQuantiles | None:
    """Return what gives quantiles of a run's effects, if there is a table; warn of those it lacks.

    Parameters
    ----------
    in_matrix, matrix
        Whether the matrix is to have quantiles, and its file.

    Raises
    ------
    InputError
        The table is of another model, scale, strand or other shifts; or the matrix is to have
        quantiles and there is no table or no matrix.
    """
    if in_matrix and (matrix is None or calibration is None):
        raise InputError(
            "quantiles of all effects are lists of the matrix, by a table of a background; give "
            "both: --matrix and --calibration (mfdvep calibrate makes one)"
        )
    if calibration is None:
        return None
    refuse_other(calibration, of_run(scorer))
    name = _name(calibration)
    found = calibration.of(scorer.tracks)
    lacking = [track for track, known in zip(scorer.tracks.names, found.known, strict=True)
               if not known]  # fmt: skip
    if lacking:
        warnings.warn(
            f"{name} lacks {plural(len(lacking), 'track')} of {len(scorer.tracks)}, which get no "
            f"quantile, such as {lacking[0]}; calibrate with the same --where, --tracks and "
            "--virtual",
            stacklevel=3,
        )
    if not found.is_whole:
        warnings.warn(
            f"the largest effect over {plural(len(scorer.tracks), 'track')} has no quantile among "
            f"those over the {len(calibration.names)} of {name}: MFD_Q, MFD_BIO_Q and MFD_TECH_Q "
            "are '.'; calibrate with the same --where, --tracks and --virtual",
            stacklevel=3,
        )
    return found
