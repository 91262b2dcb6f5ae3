"""The weights of the scored alleles that lie in regions, found by the spelling of an event."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfdvep.cohort.region_set import RegionSet
from mfdvep.cohort.spelling import Speller, span
from mfdvep.cohort.weighting import Weighting, weights_of
from mfdvep.enrichment.keys import Key
from mfdvep.errors import InputError
from mfdvep.genomics.variants import VariantStatus, spelling_status
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.variant_file import VariantColumns

NOT_IN_SCORES, OTHER_ALLELES, SWAPPED = "not_in_scores", "other_alleles", "swapped"
UNSCORED = "unscored"
_ROWS = 1 << 14  # read at a time: 29 MB of 442 tracks as float32, and twice that as float64
# what rounding, float16 too, leaves between the effects of one event in two rows
_RTOL, _ATOL = 1e-3, 1e-6


class ScoreIndex:
    """The weights of m events in regions, held as arrays.

    Parameters
    ----------
    scores
        The matrix; while this is made its columns of variants are held, and 16,384 rows of effects.
    tracks
        Rows of its track table.
    weightings, over
        See `weights_of`; `over` is of all of them.
    regions, speller
        Only rows that lie in a region are kept, by the spelling.
    progress
        Called with the rows read so far and their number.

    Attributes
    ----------
    weights
        float64 (m, n_weightings); NaN for an event that was not scored.
    counts
        rows; unscored {status: n}; of the scored ones in_no_region; repeated, rows of an event
        that another row has; events. The rows are the sum of the others.

    Raises
    ------
    InputError
        No quantiles in the matrix, where a weighting is of them; two rows of one event have
        different weights; the file is damaged.
    """

    def __init__(
        self,
        scores: EffectFile,
        *,
        tracks: Sequence[int],
        weightings: Sequence[Weighting],
        over: str,
        regions: RegionSet,
        speller: Speller,
        progress: Callable[..., None] | None = None,
    ) -> None:
        for one in weightings:
            if one.form == "quantile" and one.column not in scores.lists:
                raise InputError(
                    f"{scores.path}: has no quantiles for --weight {one.kind}:quantile; score with "
                    "--matrix and --quantiles"
                )
        variants = scores.variants()
        unscored = Counter(one for one in variants.status if one != VariantStatus.OK)
        events = _in_regions(variants, regions, speller)
        n_rows = len(variants.status)
        del variants
        is_ok = np.array([one == VariantStatus.OK for one in events.status], dtype=bool)
        weights = np.full((len(events.rows), len(weightings)), np.nan)
        weights[is_ok] = _weights(scores, events.rows[is_ok], tracks, weightings, over, progress)
        kept = _first_of_each(events, is_ok, weights, scores.path)
        self.weights = weights[kept]
        self._status = [events.status[i] for i in kept]
        self._refs, self._alts = [events.refs[i] for i in kept], [events.alts[i] for i in kept]
        codes, positions = events.codes[kept], events.positions[kept]
        self._places: dict[str, tuple[int, np.ndarray]] = {}  # contig -> its first row, positions
        for code, contig in enumerate(events.contigs):
            first, end = np.searchsorted(codes, [code, code + 1]).tolist()
            self._places[contig] = first, positions[first:end]
        n_events = sum(one == VariantStatus.OK for one in self._status)
        self.counts: dict[str, Any] = {
            "rows": n_rows,
            "unscored": dict(sorted(unscored.items())),
            "in_no_region": n_rows - unscored.total() - int(is_ok.sum()),
            "repeated": int(is_ok.sum()) - n_events,
            "events": n_events,
        }

    def find(self, key: Key) -> tuple[int, str]:
        """Return an event's row of `weights` and "", or -1 and the reason why there is none.

        Returns
        -------
        tuple
            The reason: `UNSCORED` and a status, such as "unscored TOO_LONG"; `SWAPPED` where the
            scores have REF and ALT the other way round; `OTHER_ALLELES` where they have another
            event at its place; else `NOT_IN_SCORES`.
        """
        contig, pos, ref, alt = key
        if contig not in self._places:
            return -1, NOT_IN_SCORES
        first, positions = self._places[contig]
        at, reason = int(np.searchsorted(positions, pos)), NOT_IN_SCORES
        while at < len(positions) and positions[at] == pos:
            row = first + at
            if self._refs[row] == ref and self._alts[row] == alt:
                status = self._status[row]
                return (row, "") if status == VariantStatus.OK else (-1, f"{UNSCORED} {status}")
            if self._refs[row] == alt and self._alts[row] == ref:
                reason = SWAPPED
            elif reason != SWAPPED:
                reason = OTHER_ALLELES
            at += 1
        return -1, reason


@dataclass(frozen=True)
class _Events:
    """The n rows that are spelled with letters and lie in a region, by what they change.

    A column each, not a key each, which would take twice the memory.
    """

    rows: np.ndarray  # int64 (n,), of the scores
    contigs: tuple[str, ...]
    codes: np.ndarray  # int32 (n,), of the contigs
    positions: np.ndarray  # int64 (n,)
    refs: list[str]
    alts: list[str]
    status: list[str]


def _in_regions(variants: VariantColumns, regions: RegionSet, speller: Speller) -> _Events:
    rows, codes, positions = array("q"), array("i"), array("q")
    number: dict[str, int] = {}
    refs: list[str] = []
    alts: list[str] = []
    columns = (variants.chrom, variants.pos.tolist(), variants.ref, variants.alt)
    for row, spelling in enumerate(zip(*columns, strict=True)):
        if spelling_status(*spelling[2:]) != VariantStatus.OK:
            continue
        key = speller.key(*spelling)
        if regions.of(key[0], *span(key)):
            rows.append(row)
            codes.append(number.setdefault(key[0], len(number)))
            positions.append(key[1])
            refs.append(key[2])
            alts.append(key[3])
    status = [variants.status[row] for row in rows]
    of_row, of_contig, of_place = map(np.array, (rows, codes, positions))
    return _Events(of_row, tuple(number), of_contig, of_place, refs, alts, status)


def _weights(
    scores: EffectFile,
    rows: np.ndarray,
    tracks: Sequence[int],
    weightings: Sequence[Weighting],
    over: str,
    progress: Callable[..., None] | None,
) -> np.ndarray:
    """Return the weights of rows, ascending: float64 (n, n_weightings)."""
    out = np.ones((len(rows), len(weightings)))
    columns = slice(min(tracks), max(tracks) + 1)
    chosen = np.array(tracks) - min(tracks)
    if progress is not None and len(rows):
        progress(0, len(rows))
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        taken = np.zeros(len(scores), dtype=bool)
        taken[part] = True
        for name in dict.fromkeys(one.column for one in weightings if one.kind):
            effects = scores.effects(name, columns, taken)[chosen]  # (k, m)
            for i, one in enumerate(weightings):
                if one.column == name:
                    out[start : start + len(part), i] = weights_of(effects, one.form, over)
        if progress is not None:
            progress(start + len(part), len(rows))
    return out


def _first_of_each(
    events: _Events, is_ok: np.ndarray, weights: np.ndarray, path: str
) -> np.ndarray:
    """Return the first of each event, one that was scored before others, by contig and position."""
    order = np.lexsort((~is_ok, events.positions, events.codes))
    codes, positions = events.codes[order], events.positions[order]
    is_new = np.ones(len(order), dtype=bool)  # another place than the one before
    is_new[1:] = (codes[1:] != codes[:-1]) | (positions[1:] != positions[:-1])
    is_first = np.ones(len(order), dtype=bool)
    here: dict[tuple[str, str], int] = {}
    for at, (i, new) in enumerate(zip(order.tolist(), is_new.tolist(), strict=True)):
        if new:
            here.clear()
        first = here.setdefault((events.refs[i], events.alts[i]), i)
        if first == i:
            continue
        is_first[at] = False
        if is_ok[i] and not np.allclose(weights[i], weights[first], rtol=_RTOL, atol=_ATOL):
            place = f"{events.contigs[events.codes[i]]}:{events.positions[i]}"
            raise InputError(
                f"{path}: rows {events.rows[first] + 1} and {events.rows[i] + 1} are one event, "
                f"{place} {events.refs[i] or '-'}>{events.alts[i] or '-'}, with the weights "
                f"{weights[first].tolist()} and {weights[i].tolist()}; leave one out"
            )
    return order[is_first]
