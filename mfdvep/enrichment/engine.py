"""How well effects separate positive from negative variants: the whole analysis."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mfdvep.enrichment.comparing import comparisons
from mfdvep.enrichment.kinds import Kind, measure_kind
from mfdvep.enrichment.labels import default_key, read_labels
from mfdvep.enrichment.legacy import legacy_columns
from mfdvep.enrichment.measures.cuts import TIES, cuts_of
from mfdvep.enrichment.permutations import permutations
from mfdvep.enrichment.preparing import (
    EnrichOptions,
    block_sentence,
    counts_of,
    file_of,
    flags_of,
    group_columns,
    record_of,
    rows_of,
    sample_of,
    views_of,
)
from mfdvep.enrichment.presets import OTHER, PRESETS
from mfdvep.enrichment.results import Enrichment
from mfdvep.enrichment.score_table import ScoreTable, open_scores
from mfdvep.enrichment.summarising import (
    curves_of,
    cut_rows,
    groups_of_tracks,
    overall_rows,
    summary_rows,
    tagged_rows,
    track_rows,
    variant_rows,
)


def enrich(
    scores: str | Path,
    key: str | None = None,
    *,
    labelled: str | Path | None = None,
    baseline: str | Path | None = None,
    preset: str = "",
    options: EnrichOptions | None = None,
    legacy: bool = False,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Enrichment:
    """Return how well the effects in a matrix separate variants labelled 1 from those labelled 0.

    Parameters
    ----------
    scores
        Matrix of `mfdvep score --matrix`, or a flat Parquet table with a column a score.
    key, labelled
        See `read_labels`; a key of None is LABEL, or the column label of the scores.
    baseline
        Matrix of another model on the same variants, whose combined effects are a further kind.
    preset
        "gtex", "gnomad", or "" for neither: |effect| at 0.9, 0.95 and 0.99.
    options
        None: the defaults.
    legacy
        Whether the tables of the research code are made too.
    command
        As typed, for the record.
    progress
        Called with tracks done and their number, over all kinds.

    Raises
    ------
    InputError
        Files that cannot be read; labels other than 0 and 1, or of one class only; quantiles that
        the number of variants does not allow; effects that are all equal; a column to group by, or
        tracks, that are not there.
    """
    options = options or EnrichOptions()
    source = open_scores(scores, exclude=(key,) if key and labelled is None else ())
    key = key or default_key(source, labelled)
    other = None if baseline is None else open_scores(baseline)
    columns = group_columns(source, options.group_by)
    labels = read_labels(source, key, labelled=labelled)
    tested = rows_of(source, labels, other, options)
    sample = sample_of(tested, labels, key, options)
    chosen = PRESETS.get(preset, OTHER)
    cuts, flagged = cuts_of(
        options.quantiles or chosen.quantiles,
        options.sided or chosen.sided,
        len(sample),
        skip=options.quantiles is None,
    )
    views = views_of(source, other, tested, options)
    total, done = sum(len(view.tracks) for view in views), 0
    kinds: list[Kind] = []
    for view in views:

        def report(n: int, before: int = done) -> None:
            if progress is not None:
                progress(before + n, total)

        threads = options.threads or os.cpu_count() or 1
        kinds.append(measure_kind(view, sample, cuts, threads=threads, progress=report))
        done += len(view.tracks)
    if isinstance(source, ScoreTable):
        flagged.append(f"columns taken as scores: {', '.join(views[-1].track_names)}")
    flagged += flags_of(kinds, sample, tested)
    tables = {view.name: view.scores.tracks.take(view.tracks) for view in views}
    at_cuts = cut_rows(sample, kinds, cuts)
    permutation, qq = (
        permutations(sample, kinds, cuts, at_cuts) if options.n_permutations else (None, None)
    )
    settings: dict[str, Any] = {
        "preset": preset,
        "sided": cuts[0].sided,
        "quantiles": [cut.quantile for cut in cuts],
        "ties": TIES,
        "block": block_sentence(options.block),
        "n_bootstrap": options.n_bootstrap,
        "n_permutations": options.n_permutations,
        "seed": options.seed,
        "flagged": flagged,
        **record_of(views, options, labels=key, command=command),
        "scores": file_of(scores),
        "labelled": file_of(labelled),
        "baseline": file_of(baseline),
    }
    return Enrichment(
        counts=counts_of(tested, sample),
        settings=settings,
        overall=overall_rows(sample, kinds, cuts, permutation),
        summary=summary_rows(kinds),
        tracks=track_rows(sample, kinds),
        cuts=at_cuts,
        groups=groups_of_tracks(sample, kinds, cuts, tables, columns),
        comparisons=comparisons(sample, kinds, cuts),
        curves=curves_of(kinds),
        permutation=permutation,
        qq=qq,
        tagged=tagged_rows(sample, kinds, cuts, tested),
        variants=variant_rows(sample, kinds, tested),
        legacy={view.name: legacy_columns(view, sample, cuts) for view in views} if legacy else {},
        track_table=source.tracks.take(views[-1].tracks),
    )
