"""Means over tracks, of all and by group, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mfdvep.averages import mean_and_interval

GROUP_COLUMNS = ("assay", "target", "biosample", "lab")  # averaged by where the table has them


def summarise(
    per_track: Mapping[str, np.ndarray], groups: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Return means over tracks with their intervals, of all tracks and by group.

    Tracks count that have a "combined_auroc". An interval takes tracks as independent draws;
    they share bins and often biosamples, so that it is rather too narrow.

    Parameters
    ----------
    per_track
        Metric (such as "combined_auroc") -> (O,) values; NaN where not defined.
    groups
        Column of the track table -> its value for each of the O tracks.

    Returns
    -------
    dict
        "all": "n_tracks", the mean of each metric, and "intervals": metric -> [low, high], see
        `mean_and_interval`; "groups": column -> value -> the same. A metric without a value is
        left out, and an interval of fewer than two tracks.
    """
    known = np.isfinite(per_track["combined_auroc"])
    found: dict[str, Any] = {"all": _summary(per_track, known), "groups": {}}
    for column, values in groups.items():
        names = np.asarray(values)
        found["groups"][column] = {
            name: _summary(per_track, known & (names == name)) for name in sorted(set(values))
        }
    return found


def _summary(per_track: Mapping[str, np.ndarray], members: np.ndarray) -> dict[str, Any]:
    summary: dict[str, Any] = {"n_tracks": int(members.sum())}
    intervals = {}
    for metric, values in per_track.items():
        mean, interval = mean_and_interval(values[members])
        if mean is not None:
            summary[metric] = round(mean, 4)
        if interval is not None:
            intervals[metric] = [round(end, 4) for end in interval]
    return {**summary, "intervals": intervals}
