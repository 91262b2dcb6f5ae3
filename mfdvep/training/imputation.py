"""How well a model predicts experiments that it was not trained on, and what else would do.

A held-out experiment is predicted through the hypernetworks, from its metadata and the sequence.
Its opponents are means over trained experiments: of what the model predicts for them, which asks
for sequence alone, and of the peaks that they have, which asks for experiments on these bins and
so is no rival where nothing was measured.

Source: Schreiber et al., "A pitfall for machine learning methods aiming to predict across cell
types", Genome Biology 2020, doi 10.1186/s13059-020-02177-y: what looks like a prediction of an
experiment may be no more than the average of the others, so that average stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from scipy.special import expit
from scipy.stats import wilcoxon

from mfdvep.errors import InputError
from mfdvep.model.mfd import MFDModel
from mfdvep.model.tracks import TrackTable
from mfdvep.model.virtual import VirtualTrack, add_virtual
from mfdvep.training.dataset import TrainingSet
from mfdvep.training.evaluation import (
    check_bins,
    check_tracks,
    held_out_features,
    predictions,
    track_scores,
)
from mfdvep.training.hold_out import PARTNERS, HoldOut
from mfdvep.training.report import measured_on, measured_rows, rounded

HYPERNETWORK, VIRTUAL = "hypernetwork", "virtual"
LEADS = (HYPERNETWORK, VIRTUAL)
METRICS = ("auroc", "auprc")
_RESAMPLES = 10_000


def impute(
    model: MFDModel,
    data: TrainingSet,
    *,
    split: str = "test",
    same: Sequence[str] = PARTNERS,
    n_bins: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Return how well held-out experiments are predicted on a split, beside their opponents.

    Held out are the tracks that the model was not trained on, `model.untrained`. "hypernetwork" is
    what the model predicts for all of an experiment's metadata, "virtual" what it predicts for the
    columns of `same` alone: the virtual track, see `add_virtual`.

    Predicted probabilities are combined, and means over both strands. An opponent is the mean of
    the trained tracks that share the value of a column of `same`, of those that share all, and of
    all trained tracks. "predicted_..." averages probabilities, "observed_..." peaks (1 or 0) of
    the partners whose labels are known on all bins where the held-out track's are.

    Parameters
    ----------
    same
        Columns of the track table; an unknown value ('') is shared with none. A virtual track is
        made of those that are the model's metadata.
    n_bins
        Use so many bins, evenly spaced; all by default. At least 20.
    seed
        Of the bootstrap over tracks.

    Returns
    -------
    dict
        "summary": prediction -> number of tracks and mean AUROC and AUPRC over them;
        "differences": one of `LEADS` -> any other -> metric -> the first's minus the other's, see
        `paired_difference`; "tracks": one mapping a held-out track, with the number of partners;
        "measured": held-out tracks with peaks and other bins in the split, which alone have
        figures; "trained"; "bins"; "data"; "model". None is a figure that is not defined, such
        as that of an opponent without a partner.

    Raises
    ------
    InputError
        The set's tracks or bins are not the model's; a model without metadata; an unknown column;
        no track held out, or all; fewer than 20 bins.
    """
    check_bins(data)
    check_tracks(model, data)
    if not model.config.variables:
        raise InputError(
            "a model without metadata cannot predict experiments it was not trained on"
        )
    tracks = model.tracks
    held = model.untrained
    trained = HoldOut(tracks, held).trained
    if not held:
        raise InputError(
            f"{model.provenance['name']}: was trained on all its experiments; train one that "
            "leaves some out: mfdvep train RECIPE --hold-out N"
        )
    if not trained.any():
        raise InputError(f"all {len(tracks)} tracks held out; expected some, not all")
    partners = {row: _partners(tracks, row, trained=trained, same=same) for row in held}
    rows = measured_rows(data, split, n_bins)
    made, virtual = _with_virtual(model, same)
    probabilities = _probabilities(made, data, rows, progress)
    labels, mask = data.labels(rows), data.label_mask(rows)
    found = {
        row: _scores(
            row,
            virtual.get(row),
            partners[row],
            probabilities=probabilities,
            labels=labels,
            mask=mask,
        )
        for row in held
    }
    kinds = _kinds(partners[held[0]])
    figures = {
        kind: {metric: np.array([found[row][kind][metric] for row in held]) for metric in METRICS}
        for kind in kinds
    }
    rng = np.random.default_rng(seed)
    return {
        **measured_on(model, data, split, rows),
        "same": list(same),
        "held_out": len(held),
        "measured": int(np.isfinite(figures[HYPERNETWORK]["auroc"]).sum()),
        "trained": int(trained.sum()),
        "summary": {
            kind: {
                "n_tracks": int(np.isfinite(values["auroc"]).sum()),
                **{metric: _mean(values[metric]) for metric in METRICS},
            }
            for kind, values in figures.items()
        },
        "differences": {
            lead: {
                kind: {
                    metric: paired_difference(figures[lead][metric], values[metric], rng=rng)
                    for metric in METRICS
                }
                for kind, values in figures.items()
                if kind != lead
            }
            for lead in LEADS
        },
        "tracks": [
            {
                "track": tracks.names[row],
                "positives": int(labels[mask[:, row], row].sum()),
                "labelled": int(mask[:, row].sum()),
                "partners": {group: len(members) for group, members in partners[row].items()},
                **{
                    f"{kind}_{metric}": rounded(found[row][kind][metric])
                    for kind in kinds
                    for metric in METRICS
                },
            }
            for row in held
        ],
    }


def paired_difference(
    first: np.ndarray, second: np.ndarray, *, rng: np.random.Generator
) -> dict[str, Any]:
    """Return the mean of first - second over tracks, its interval, and whether it may be chance.

    Parameters
    ----------
    first, second
        (T,) a figure of each track; NaN where there is none, and the track is left out.

    Returns
    -------
    dict
        "n_tracks"; "mean"; "low", "high": 95 % percentile interval of 10,000 bootstrap samples of
        the tracks; "p": of Wilcoxon's signed-rank test, two-sided. The last three are None for
        fewer than 2 tracks. Tracks that share a target are no independent draws, which makes
        interval and p optimistic.
    """
    difference = first - second
    difference = difference[np.isfinite(difference)]
    n = len(difference)
    out: dict[str, Any] = {"n_tracks": n, "mean": _mean(difference)}
    if n < 2:
        return out | dict.fromkeys(("low", "high", "p"))
    counts = rng.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)  # (R, n) times each is drawn
    low, high = np.quantile(counts @ difference / n, [0.025, 0.975])
    p = wilcoxon(difference).pvalue if difference.any() else 1.0  # not defined for zeros alone
    return out | {"low": rounded(low), "high": rounded(high), "p": float(f"{p:.4g}")}


def _partners(
    tracks: TrackTable, row: int, *, trained: np.ndarray, same: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return the rows of the trained tracks that each opponent of a track is the mean of."""
    shares = {
        column: np.array([value == tracks[column][row] != "" for value in tracks[column]])
        for column in same
    }
    groups = {f"same_{column}": share for column, share in shares.items()}
    if len(shares) > 1:
        groups["same_" + "_and_".join(shares)] = np.logical_and.reduce(list(shares.values()))
    groups["all"] = np.ones(len(tracks), dtype=bool)
    return {group: np.flatnonzero(members & trained) for group, members in groups.items()}


def _kinds(groups: Iterable[str]) -> list[str]:
    kinds = [f"{what}_{group}" for what in ("predicted", "observed") for group in groups]
    return [HYPERNETWORK, VIRTUAL, *kinds]


def _with_virtual(model: MFDModel, same: Sequence[str]) -> tuple[MFDModel, dict[int, int]]:
    """Return the model with a virtual track for each held-out one, and where each's is.

    None is made of an experiment of which no column of the model's metadata is known.
    """
    columns = [e.variable.column for e in model.schema.encodings if e.variable.column in same]
    said = {
        row: {column: model.tracks[column][row] for column in columns if model.tracks[column][row]}
        for row in model.untrained
    }
    made = [VirtualTrack(f"virtual of {row}", values) for row, values in said.items() if values]
    place = {row: i for i, row in enumerate((r for r in said if said[r]), start=len(model.tracks))}
    return add_virtual(model, made), place


def _probabilities(
    model: MFDModel,
    data: TrainingSet,
    rows: np.ndarray,
    progress: Callable[[int, int], None] | None,
) -> np.ndarray:
    """Return the combined probabilities of bins, means over both strands, (n, O) float32."""
    total = np.zeros((len(rows), len(model.tracks)), dtype=np.float32)
    for strand, reverse in enumerate((False, True)):
        before = strand * len(rows)

        def report(done: int, _: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, 2 * len(rows))

        features = held_out_features(model, data, rows, reverse=reverse, progress=report)
        total += expit(predictions(model, features)["combined"])
    return total / 2


def _scores(
    row: int,
    virtual: int | None,
    partners: dict[str, np.ndarray],
    *,
    probabilities: np.ndarray,
    labels: np.ndarray,
    mask: np.ndarray,
) -> dict[str, dict[str, float]]:
    """Return AUROC and AUPRC of each prediction of one track; NaN where there is none.

    Parameters
    ----------
    virtual
        Column of its virtual track in `probabilities`, if it has one.
    probabilities
        (n, O and the virtual tracks).
    labels, mask
        (n, O) each.
    """
    known = mask[:, row]
    scores = {HYPERNETWORK: probabilities[known, row]}
    if virtual is not None:
        scores[VIRTUAL] = probabilities[known, virtual]
    for group, members in partners.items():
        seen = members[mask[known][:, members].all(0)]
        if len(members):
            scores[f"predicted_{group}"] = probabilities[known][:, members].mean(1)
        if len(seen):
            scores[f"observed_{group}"] = labels[known][:, seen].mean(1)
    values = np.column_stack(list(scores.values()))  # (n_known, P)
    truth = np.repeat(labels[known, row][:, None], values.shape[1], axis=1)
    found = track_scores(values, truth, np.ones(values.shape, dtype=bool))
    out = {kind: dict.fromkeys(METRICS, float("nan")) for kind in _kinds(partners)}
    for i, kind in enumerate(scores):
        out[kind] = {metric: float(found[metric][i]) for metric in METRICS}
    return out


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return rounded(known.mean()) if len(known) else None
