"""How well predicted probabilities agree with the share of bins that have a peak, a track.

Source: Cox, Biometrika 1958 (intercept and slope); Naeini et al., AAAI 2015 (calibration error);
Brier, Monthly Weather Review 1950.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.linalg import LinAlgWarning
from scipy.special import expit, logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

N_BINS = 20  # of equal count: at base rates near .02 most peaks are in the last few
EDGES = np.arange(-14, 14.5, 0.5)  # log-odds between the bins of `reliability`
CALIBRATION = ("ece", "calibration_intercept", "calibration_slope", "brier", "mean_predicted")
LARGEST = 16.0  # log-odds: a float32 probability of 1 - 1e-7 is the last below 1


def track_calibration(
    probability: np.ndarray, labels: np.ndarray, mask: np.ndarray
) -> dict[str, np.ndarray]:
    """Return measures of calibration of each track, (O,); NaN where only one class is labelled.

    Parameters
    ----------
    probability, labels, mask
        Each (n, O): predicted, in [0, 1]; 1 for a peak; False for a missing label.

    Returns
    -------
    dict
        ece: expected calibration error, in [0, 1]: |mean predicted - share of peaks| in 20 bins
        of equal count (quantiles of the prediction), averaged;
        calibration_intercept, calibration_slope: a and b of log-odds(peak) = a + b log-odds
        (predicted), see `intercept_and_slope`; 0 and 1 if calibrated;
        brier: mean squared difference of prediction and label, in [0, 1];
        mean_predicted: mean probability, to be compared with the share of peaks.
    """
    n_tracks = probability.shape[1]
    found = {name: np.full(n_tracks, np.nan) for name in CALIBRATION}
    for track in range(n_tracks):
        known = mask[:, track]
        truth = labels[known, track].astype(bool)
        if not truth.any() or truth.all():
            continue
        predicted = probability[known, track].astype(np.float64)
        values = (
            calibration_error(predicted, truth),
            *intercept_and_slope(predicted, truth),
            np.square(predicted - truth).mean(),
            predicted.mean(),
        )
        for name, value in zip(CALIBRATION, values, strict=True):
            found[name][track] = value
    return found


def calibration_error(predicted: np.ndarray, truth: np.ndarray, *, n_bins: int = N_BINS) -> float:
    """Return the expected calibration error over bins of equal count.

    Chance makes it larger than 0 even for calibrated predictions: by about
    sqrt(2 r (1 - r) / (pi m)) with m labels a bin and a share r of peaks.

    Parameters
    ----------
    predicted, truth
        Each (n,): probability; bool. Fewer than `n_bins` values give a bin each.
    """
    order = np.argsort(predicted, kind="stable")
    edges = np.linspace(0, len(order), min(n_bins, len(order)) + 1).astype(np.int64)
    gap = np.add.reduceat((predicted - truth)[order], edges[:-1])  # (B,) of predicted - observed
    return float(np.abs(gap).sum() / len(order))


def intercept_and_slope(predicted: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return a and b of the logistic regression log-odds(truth) = a + b log-odds(predicted).

    Fitted together, without penalty. b < 1: overconfident, the predictions are too far apart;
    b > 1: too close together. a alone says little unless b is near 1.
    Log-odds beyond 16 in size count as 16. NaN if there is no finite fit: all predictions are the
    same, or they tell the classes apart without an error.

    Parameters
    ----------
    predicted, truth
        Each (n,): probability; bool, both values present.
    """
    x = np.clip(logit(predicted), -LARGEST, LARGEST)  # (n,)
    positive, negative = x[truth], x[~truth]
    apart = positive.min() >= negative.max() or positive.max() <= negative.min()
    if apart or x.min() == x.max():
        return float("nan"), float("nan")
    fit = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-6)  # C: no penalty
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("ignore", LinAlgWarning)
        try:
            fit.fit(x[:, None], truth)
        except ConvergenceWarning:  # classes nearly apart: the slope grows without end
            return float("nan"), float("nan")
    return float(fit.intercept_[0]), float(fit.coef_[0, 0])


def reliability(probability: np.ndarray, labels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return what a reliability diagram needs, a track and bin of log-odds: (O, 58, 3).

    The last axis: number of labels, sum of the predicted probabilities, number of peaks. The bins
    are .5 wide in log-odds from -14 to 14, and one beyond at either end; the same for all
    tracks, so that sums over tracks are the pooled diagram.

    Parameters
    ----------
    probability, labels, mask
        As for `track_calibration`.
    """
    n_tracks, n_bins = probability.shape[1], len(EDGES) + 1
    found = np.zeros((n_tracks, n_bins, 3))
    edges = expit(EDGES)
    for track in range(n_tracks):
        known = mask[:, track]
        predicted = probability[known, track].astype(np.float64)
        place = np.searchsorted(edges, predicted, side="right")  # (n,)
        for part, weights in enumerate((None, predicted, labels[known, track])):
            found[track, :, part] = np.bincount(place, weights, minlength=n_bins)
    return found


def curve(counts: np.ndarray) -> list[dict[str, float | int]]:
    """Return the points of a reliability diagram, of pooled tracks: bins that hold labels.

    Parameters
    ----------
    counts
        (58, 3), summed over tracks, see `reliability`.

    Returns
    -------
    list
        labels: number of (bin, track) pairs; predicted, observed: mean probability, share of peaks.
    """
    return [
        {"labels": int(n), "predicted": float(total / n), "observed": float(peaks / n)}
        for n, total, peaks in counts
        if n
    ]
