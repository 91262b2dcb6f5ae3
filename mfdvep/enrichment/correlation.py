"""How well effects follow measured quantities, such as those of an MPRA: correlation by element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep.averages import means_and_intervals
from mfdvep.enrichment.counting import stacked
from mfdvep.enrichment.labels import Labels, default_key, read_labels
from mfdvep.enrichment.measures.correlations import FEWEST, pearson, spearman
from mfdvep.enrichment.measures.cuts import ranking_score
from mfdvep.enrichment.measures.odds import adjusted
from mfdvep.enrichment.preparing import EnrichOptions, file_of, record_of, rows_of, views_of
from mfdvep.enrichment.results import Columns
from mfdvep.enrichment.score_table import open_scores
from mfdvep.enrichment.selecting import Tested
from mfdvep.enrichment.views import View
from mfdvep.errors import InputError
from mfdvep.model.tracks import TrackTable

ALL = "(all)"
"""Name of the element that is all variants together."""
SIDES = ("upper", "lower", "absolute")
_AT_ONCE = 1 << 22  # effects that are ranked together: some 200 MB
_MEASURES = ("pearson", "spearman")
_ENDS = ("", "_low", "_high", "_p")


@dataclass(frozen=True)
class Correlation:
    """How well effects follow labels that are quantities.

    Attributes
    ----------
    counts
        As in `Enrichment`, without what is of classes; elements (that are correlated),
        elements_left_out (with fewer than 4 variants), no_element (variants that name none, 0
        where none does).
    settings
        labels, element, sided ("upper" for the signed effect, "lower" for minus the effect,
        "absolute"); n_tracks, kinds, where, tracks, command, mfdvep, scores, labelled, baseline,
        provenance, flagged as in `Enrichment`.
    elements
        kind, track, element ("(all)" for all variants together), n, and pearson and spearman, each
        with _low, _high (95 %), _p and _q (Benjamini and Hochberg over the tracks of a kind and
        element). Kind by kind: all variants first, then elements by name; tracks in their order.
    means
        kind, track, n_elements (whose correlation is defined), and mean_pearson and mean_spearman
        over the elements, with _low and _high (Student's t over elements). A row a row of all
        variants; without a column where no element is correlated.
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
    key: str | None = None,
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
        Its tracks, and its side: None or "upper" takes signed effects, "lower" minus the effects,
        "absolute" their size.

    Raises
    ------
    InputError
        See `enrich`; labels that are all equal; fewer than 4 variants; another side.
    """
    options = options or EnrichOptions()
    options = replace(options, sided=options.sided or "upper")
    if options.sided not in SIDES:
        raise InputError(
            f"side {options.sided!r}: a correlation has no tails; expected absolute (the size of "
            "effects), upper (effects as they are, the default) or lower (with the sign turned)"
        )
    columns = [name for name in (key, element) if name]
    source = open_scores(scores, exclude=columns if labelled is None else ())
    key = key or default_key(source, labelled)
    other = None if baseline is None else open_scores(baseline)
    labels = read_labels(source, key, labelled=labelled, element=element)
    tested = rows_of(source, labels, other, options, by_element=True)
    values = labels.values[tested.rows]
    _check(values, key)
    members, counts = _members(labels, tested)
    views = views_of(source, other, tested, options)
    total, done = sum(len(view.tracks) for view in views), 0

    def report(n: int) -> None:
        nonlocal done
        done += n
        if progress is not None:
            progress(done, total)

    tables, means = [], []
    for view in views:
        found = _of_kind(view, values, members, options.sided, progress=report)
        tables += found
        means += [_means(found[1:])] if found[1:] else []
    flagged = [*_about_elements(counts), *_about_values(tables)]
    if all(np.isnan(table["spearman"]).all() for table in tables):
        raise InputError(
            f"on each track the effects of all {len(values):,} variants are equal; there is "
            "nothing to correlate"
        )
    return Correlation(
        counts={**tested.counts, **counts},
        settings={
            "element": element,
            "sided": options.sided,
            "flagged": flagged,
            **record_of(views, options, labels=key, command=command),
            "scores": file_of(scores),
            "labelled": file_of(labelled),
            "baseline": file_of(baseline),
        },
        elements=stacked(tables),
        means=stacked(means),
        track_table=source.tracks.take(views[-1].tracks),
    )


def _check(values: np.ndarray, key: str) -> None:
    """Refuse labels that nothing can be correlated with."""
    if len(values) < FEWEST:
        raise InputError(
            f"{len(values)} labelled and scored variants; expected {FEWEST} or more to correlate"
        )
    if values.min() == values.max():
        raise InputError(f"all {len(values):,} labels {key} are {values[0]:g}; expected quantities")


def _members(labels: Labels, tested: Tested) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Return which of the tested variants are of each element, and what is counted of elements."""
    names = np.array([labels.elements[i] for i in tested.rows], dtype=object)
    different, of = np.unique(names, return_inverse=True)
    order = np.argsort(of, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(of))[:-1])
    found = dict(zip(different.tolist(), parts, strict=True))
    unnamed = found.pop("", np.arange(0))
    if ALL in found:
        raise InputError(f"an element is called {ALL}, which stands for all variants; rename it")
    kept = {name: rows for name, rows in found.items() if len(rows) >= FEWEST}
    counts = {
        "elements": len(kept),
        "elements_left_out": len(found) - len(kept),
        "no_element": len(unnamed) if found else 0,
    }
    return {ALL: np.arange(len(names)), **kept}, counts


def _of_kind(
    view: View,
    labels: np.ndarray,
    members: dict[str, np.ndarray],
    sided: str,
    *,
    progress: Callable[[int], None],
) -> list[Columns]:
    """Return the rows of a kind, a table an element."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in members}  # (2, 4, k) each
    step = max(1, _AT_ONCE // len(labels))
    for block in view.blocks():
        for start in range(0, len(block), step):
            score = ranking_score(block[start : start + step], sided).astype(np.float64)
            for name, variants in members.items():
                x, y = score[:, variants], labels[variants]
                found[name].append(np.stack([pearson(x, y), spearman(x, y)]))
            progress(len(score))
    tables = []
    for name, parts in found.items():
        both = np.concatenate(parts, axis=2)  # (2, 4, T)
        n = both.shape[2]
        table: Columns = {
            "kind": [view.name] * n,
            "track": view.track_names,
            "element": [name] * n,
            "n": [len(members[name])] * n,
        }
        for measure, columns in zip(_MEASURES, both, strict=True):
            table |= {f"{measure}{end}": c for end, c in zip(_ENDS, columns, strict=True)}
            table[f"{measure}_q"] = adjusted(columns[3])
        tables.append(table)
    return tables


def _means(tables: list[Columns]) -> Columns:
    """Return the means over elements of the tracks of a kind, of a table an element."""
    columns: Columns = {name: tables[0][name] for name in ("kind", "track")}
    for measure in _MEASURES:
        values = np.stack([np.asarray(table[measure]) for table in tables])  # (E, T)
        n, *found = means_and_intervals(values)
        columns["n_elements"] = n.astype(np.int64)
        columns |= {f"mean_{measure}{end}": c for end, c in zip(_ENDS, found, strict=False)}
    return columns


def _about_elements(counts: dict[str, int]) -> list[str]:
    """Return what a reader should know of the elements, a sentence each."""
    said = []
    if few := counts["elements_left_out"]:
        said.append(
            f"elements with fewer than {FEWEST} variants: {few}; they count only among all variants"
        )
    if n := counts["no_element"]:
        said.append(f"variants that name no element: {n}; they count only among all variants")
    return said


def _about_values(tables: list[Columns]) -> list[str]:
    """Return which tracks and elements have no correlation, a sentence each."""
    said, no_labels = [], set()
    for table in tables:
        kind, name = table["kind"][0], str(table["element"][0])
        missing = int(np.isnan(table["spearman"]).sum())
        if name == ALL and missing:
            said.append(f"{missing} tracks have one {kind} effect for all variants: no correlation")
        elif missing == len(table["track"]):
            no_labels.add(name)
    if no_labels:
        names = ", ".join(sorted(no_labels)[:5]) + (" ..." if len(no_labels) > 5 else "")
        said.append(f"elements of equal labels or effects: {names}; they have no correlation")
    return said
