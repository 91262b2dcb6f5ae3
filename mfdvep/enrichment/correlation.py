"""How well effects follow measured quantities, such as those of an MPRA: correlation by element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student

from mfdvep import __version__
from mfdvep.averages import mean_and_interval
from mfdvep.enrichment.counting import stacked
from mfdvep.enrichment.labels import read_labels
from mfdvep.enrichment.measures.cuts import ranking_score
from mfdvep.enrichment.measures.odds import Z, adjusted
from mfdvep.enrichment.preparing import EnrichOptions, views_of
from mfdvep.enrichment.results import Columns
from mfdvep.enrichment.score_table import open_scores
from mfdvep.enrichment.selecting import select_rows
from mfdvep.enrichment.views import View
from mfdvep.errors import InputError
from mfdvep.files import sha256
from mfdvep.model.tracks import TrackTable

ALL = "(all)"
"""Name of the element that is all variants together."""
_FEWEST = 4  # variants, below which Fisher's interval is not defined
_MEASURES = ("pearson", "spearman")


@dataclass(frozen=True)
class Correlation:
    """How well effects follow labels that are quantities.

    Attributes
    ----------
    counts, settings
        As in `Enrichment`, without what is of classes; "elements" in the counts.
    elements
        kind, track, element ("(all)" for all variants together), n, and pearson and spearman, each
        with _low, _high (95 %), _p and _q (Benjamini and Hochberg over the tracks of a kind and
        element).
    means
        kind, track, n_elements, and mean_pearson and mean_spearman over the elements, with _low
        and _high (Student's t over elements); only where variants name elements.
    track_table
        The tracks' metadata.
    """

    counts: dict[str, Any]
    settings: dict[str, Any]
    elements: Columns
    means: Columns
    track_table: TrackTable


def correlate(
    scores: str | Path,
    key: str = "LABEL",
    *,
    labelled: str | Path | None = None,
    baseline: str | Path | None = None,
    element: str | None = None,
    options: EnrichOptions | None = None,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Correlation:
    """Return the correlation of the effects of each track with labels that are quantities.

    Parameters
    ----------
    scores, key, labelled, baseline, command, progress
        See `enrich`; labels are any numbers.
    element
        Column or INFO key by which variants are grouped; None: ELEMENT where there is one.
    options
        Its tracks, and its side: None takes signed effects, "absolute" their size.

    Raises
    ------
    InputError
        See `enrich`; labels that are all equal; no element has 4 variants.
    """
    options = options or EnrichOptions()
    source = open_scores(scores, exclude=(key,) if labelled is None else ())
    other = None if baseline is None else open_scores(baseline)
    labels = read_labels(source, key, labelled=labelled, element=element)
    tested = select_rows(source, labels, baseline=other)
    values = labels.values[tested.rows]
    if values.min() == values.max():
        raise InputError(f"all {len(values):,} labels {key} are {values[0]:g}; expected quantities")
    names = [labels.elements[i] for i in tested.rows]
    members = {ALL: np.arange(len(values))}
    for name in sorted(set(names) - {""}):
        members[name] = np.flatnonzero(np.array(names) == name)
    kept = {name: rows for name, rows in members.items() if len(rows) >= _FEWEST}
    if not kept:
        raise InputError(
            f"{len(values)} labelled and scored variants; expected {_FEWEST} or more to correlate"
        )
    views = views_of(source, other, tested, options)
    total, done = sum(len(view.tracks) for view in views), 0
    rows: list[Columns] = []
    for view in views:
        found = _of_kind(view, values, kept, options.sided or "upper")
        rows += found
        done += len(view.tracks)
        if progress is not None:
            progress(done, total)
    elements = stacked(rows)
    few = len(members) - len(kept)
    return Correlation(
        counts={**tested.counts, "elements": len(kept) - (ALL in kept)},
        settings={
            "labels": key,
            "element": element,
            "sided": options.sided or "upper",
            "n_tracks": len(views[-1].tracks),
            "kinds": [view.name for view in views],
            "command": command,
            "mfdvep": __version__,
            "scores": {"file": Path(scores).name, "sha256": sha256(scores)},
            "provenance": source.provenance,
            "flagged": [f"{few} elements have fewer than {_FEWEST} variants: left out"] * bool(few),
        },
        elements=elements,
        means=_means(elements) if len(kept) > 1 else {},
        track_table=source.tracks.take(views[-1].tracks),
    )


def _of_kind(
    view: View, labels: np.ndarray, members: dict[str, np.ndarray], sided: str
) -> list[Columns]:
    """Return the rows of a kind, a table an element."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in members}  # (2, k) each
    for block in view.blocks():
        score = ranking_score(block, sided).astype(np.float64)
        for name, variants in members.items():
            x, y = score[:, variants], labels[variants]
            ranks = rankdata(x, axis=1), rankdata(y)
            found[name].append(np.stack([_pearson(x, y), _pearson(*ranks)]))
    tables = []
    for name, parts in found.items():
        both, n = np.concatenate(parts, axis=1), len(members[name])  # (2, T)
        table: Columns = {
            "kind": [view.name] * both.shape[1],
            "track": view.track_names,
            "element": [name] * both.shape[1],
            "n": [n] * both.shape[1],
        }
        for measure, r in zip(_MEASURES, both, strict=True):
            table |= _with_interval(measure, r, n)
        tables.append(table)
    return tables


def _pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of each row of x (k, n) with y (n,); NaN for a constant."""
    x, y = x - x.mean(1, keepdims=True), y - y.mean()
    # divided first, so that squares of small effects stay numbers
    largest = np.abs(x).max(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = x / largest
        r = (x @ y) / np.sqrt((x * x).sum(1) * (y @ y))
    return np.clip(r, -1, 1)


def _with_interval(name: str, r: np.ndarray, n: int) -> Columns:
    """Return NAME, its 95 % interval, p and q.

    Source: Fisher 1921 (Pearson); Bonett, Wright 2000 (Spearman's variance); p of Student's t.
    """
    extra = r * r / 2 if name == "spearman" else np.zeros(len(r))
    half = Z * np.sqrt((1 + extra) / (n - 3))
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = np.arctanh(r)
        t = r * np.sqrt((n - 2) / (1 - r * r))
    p = 2 * student.sf(np.abs(t), n - 2)
    return {
        name: r,
        f"{name}_low": np.tanh(middle - half),
        f"{name}_high": np.tanh(middle + half),
        f"{name}_p": p,
        f"{name}_q": adjusted(p),
    }


def _means(elements: Columns) -> Columns:
    """Return the mean over elements of each kind and track."""
    groups: dict[tuple[str, str], list[int]] = {}
    columns = (elements[name] for name in ("kind", "track", "element"))
    for i, (kind, track, element) in enumerate(zip(*columns, strict=True)):
        if element != ALL:
            groups.setdefault((kind, track), []).append(i)
    rows: list[Columns] = []
    for (kind, track), at in groups.items():
        row: Columns = {"kind": [kind], "track": [track], "n_elements": [len(at)]}
        for measure in _MEASURES:
            mean, interval = mean_and_interval(np.asarray(elements[measure])[at])
            low, high = interval or (None, None)
            row |= {
                f"mean_{measure}": np.array([mean], dtype=np.float64),
                f"mean_{measure}_low": np.array([low], dtype=np.float64),
                f"mean_{measure}_high": np.array([high], dtype=np.float64),
            }
        rows.append(row)
    return stacked(rows)
