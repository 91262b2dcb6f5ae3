"""What an enrichment is asked to do, and the sample and effects that this comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep import __version__
from mfdvep.enrichment.kinds import Kind
from mfdvep.enrichment.labels import Labels
from mfdvep.enrichment.measures.matched import strata_of
from mfdvep.enrichment.measures.resampling import FEW_BLOCKS, MIN_BLOCKS
from mfdvep.enrichment.sample import Sample
from mfdvep.enrichment.score_table import ScoreTable
from mfdvep.enrichment.selecting import Tested, select_rows
from mfdvep.enrichment.views import View
from mfdvep.errors import InputError
from mfdvep.files import sha256
from mfdvep.model.selection import select
from mfdvep.scoring.effect_file import EffectFile

GROUP_COLUMNS = ("assay", "target")
BLOCK = 1_000_000  # bases that the bootstrap draws together
BASELINE = "baseline"


@dataclass(frozen=True)
class EnrichOptions:
    """How an enrichment is measured; the defaults are those of the command.

    Attributes
    ----------
    quantiles, sided
        See `mfdvep.enrichment.measures.cuts`; None: the preset's.
    where, names
        Tracks, as `mfdvep.model.selection.select` takes them.
    group_by
        Columns of the track table by whose values odds ratios are averaged; () those of
        `GROUP_COLUMNS` that there are.
    block
        Bases that the bootstrap draws together; None: contigs.
    n_bootstrap, n_permutations
        Samples; fewer than 40 of the first give no bootstrap intervals.
    seed
        Of both.
    threads
        Tracks measured at once; 0: as many as there are cores.
    """

    quantiles: tuple[float, ...] | None = None
    sided: str | None = None
    where: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    block: int | None = BLOCK
    n_bootstrap: int = 1000
    n_permutations: int = 0
    seed: int = 0
    threads: int = 0


def sample_of(tested: Tested, labels: Labels, key: str, options: EnrichOptions) -> Sample:
    """Return the variants that are tested.

    Parameters
    ----------
    key
        Of the labels, for messages.

    Raises
    ------
    InputError
        Labels other than 0 and 1, or of one class only.
    """
    values = labels.values[tested.rows]
    if other := sorted(set(values.tolist()) - {0.0, 1.0}):
        raise InputError(
            f"labels {key} have {len(other)} values besides 0 and 1, such as {other[0]:g}; "
            "expected 1 for positives and 0 for negatives; quantities are for --correlation"
        )
    positive = values == 1
    if positive.all() or not positive.any():
        raise InputError(
            f"all {len(positive):,} labelled and scored variants have {key}={int(positive[0])}; "
            "expected some with 1 and some with 0"
        )
    return Sample.build(
        [tested.variants.chrom[i] for i in tested.rows],
        tested.variants.pos[tested.rows],
        positive,
        strata_of(tested.matches),
        block=options.block,
        n_bootstrap=options.n_bootstrap,
        n_permutations=options.n_permutations,
        rng=np.random.default_rng(options.seed),
    )


def tracks_of(scores: EffectFile | ScoreTable | None, options: EnrichOptions) -> list[int]:
    """Return the columns of a file that are measured; raises InputError where none is left."""
    if scores is None:
        return []
    return select(scores.tracks, where=options.where, names=options.names)


def rows_of(
    source: EffectFile | ScoreTable,
    labels: Labels,
    baseline: EffectFile | ScoreTable | None,
    options: EnrichOptions,
    *,
    by_element: bool = False,
) -> Tested:
    """Return the rows that are tested on the tracks of the options; see `select_rows`."""
    return select_rows(
        source,
        labels,
        tracks=tracks_of(source, options),
        baseline=baseline,
        baseline_tracks=tracks_of(baseline, options),
        by_element=by_element,
    )


def views_of(
    source: EffectFile | ScoreTable,
    baseline: EffectFile | ScoreTable | None,
    tested: Tested,
    options: EnrichOptions,
) -> list[View]:
    """Return the kinds of effect that are measured, the baseline's first."""
    views = []
    if baseline is not None and tested.baseline_rows is not None:
        chosen = tracks_of(baseline, options)
        views.append(_view(BASELINE, baseline, baseline.kinds[0], tested.baseline_rows, chosen))
    chosen = tracks_of(source, options)
    return views + [_view(kind, source, kind, tested.rows, chosen) for kind in source.kinds]


def _view(
    name: str,
    scores: EffectFile | ScoreTable,
    kind: str,
    rows: np.ndarray,
    tracks: Sequence[int],
) -> View:
    mask = np.zeros(len(scores), dtype=bool)
    mask[rows] = True
    return View(name, scores, kind, mask, np.searchsorted(np.flatnonzero(mask), rows), tracks)


def group_columns(source: EffectFile | ScoreTable, asked: Sequence[str]) -> list[str]:
    """Return the columns to group tracks by; raises InputError for one that is not there."""
    for column in asked:
        source.tracks[column]  # raises for one that is not there
    return list(asked) or [c for c in GROUP_COLUMNS if c in source.tracks.columns]


def counts_of(tested: Tested, sample: Sample) -> dict[str, Any]:
    """Return `Enrichment.counts`."""
    return {
        **tested.counts,
        "positives": sample.n_positive,
        "negatives": sample.n_negative,
        "strata": len(sample.strata),
        "unmatched": int((sample.strata.of < 0).sum()) if len(sample.strata) else 0,
        "contigs": len(sample.contigs),
        "blocks": sample.n_blocks,
    }


def flags_of(kinds: Sequence[Kind], sample: Sample, tested: Tested) -> list[str]:
    """Return what a reader should know of this sample, a sentence each."""
    said = []
    for kind in kinds:
        equal = sum(track.sd == 0 for track in kind.tracks)
        if equal:
            tracks = "track has" if equal == 1 else "tracks have"
            said.append(f"{equal} {tracks} one {kind.name} effect for all variants: not measured")
    if all(track.sd == 0 for kind in kinds for track in kind.tracks):
        raise InputError(
            f"on each track the effects of all {len(sample):,} variants are equal; there is "
            "nothing to rank"
        )
    blocks = f"the bootstrap draws from {sample.n_blocks} block{'s' * (sample.n_blocks != 1)}"
    if sample.n_blocks < MIN_BLOCKS:
        said.append(f"{blocks}: no intervals of it below {MIN_BLOCKS}; give a smaller --block")
    elif sample.n_blocks < FEW_BLOCKS:
        said.append(f"{blocks}: with fewer than {FEW_BLOCKS} its intervals are rough")
    if any(tested.matches) and not len(sample.strata):
        said.append("no match group has a positive and a negative that were scored: not matched")
    return said


def block_sentence(block: int | None) -> str:
    """Return what the bootstrap draws together, as a sentence."""
    what = "contig" if block is None else f"stretch of {block:,} bases of a contig"
    return f"A block is a {what}; a match group is never cut."


def record_of(
    views: Sequence[View], options: EnrichOptions, *, labels: str, command: str
) -> dict[str, Any]:
    """Return what the settings of every analysis have: what was looked at, by which version."""
    return {
        "labels": labels,
        "where": list(options.where),
        "tracks": list(options.names),
        "n_tracks": len(views[-1].tracks),
        "kinds": [view.name for view in views],
        "command": command,
        "mfdvep": __version__,
        "provenance": views[-1].scores.provenance,
    }


def file_of(path: str | Path | None) -> dict[str, str] | None:
    """Return the name and the digest of a file, for the record; None for no file."""
    return None if path is None else {"file": Path(path).name, "sha256": sha256(path)}
