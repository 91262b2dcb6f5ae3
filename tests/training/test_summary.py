"""Means over tracks, their intervals, and groups."""

from __future__ import annotations

import numpy as np

from mfdvep.training.summary import summarise


def test_means_leave_out_tracks_without_a_value():
    per_track = {
        "combined_auroc": np.array([0.5, 1.0, np.nan, 0.6]),
        "combined_calibration_slope": np.array([0.9, np.nan, 5.0, 1.1]),
    }
    summary = summarise(per_track, {"assay": ("a", "b", "b", "a"), "lab": ("", "c", "d", "")})
    assert summary["all"]["n_tracks"] == 3
    assert summary["all"]["combined_auroc"] == 0.7
    assert summary["all"]["combined_calibration_slope"] == 1.0
    assert set(summary["all"]["intervals"]) == set(per_track)
    assert summary["groups"]["assay"]["b"] == {
        "n_tracks": 1, "combined_auroc": 1.0, "intervals": {},
    }  # fmt: skip
    assert summary["groups"]["lab"]["d"] == {"n_tracks": 0, "intervals": {}}
    assert summary["groups"]["lab"][""]["combined_auroc"] == 0.55
