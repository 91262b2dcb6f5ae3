"""What a run counts: alleles by status, how effects are distributed, and the largest of them.

The tally of a run is the sum of its chunks' tallies. It is the same however the records were cut
into chunks and in whichever order they are added, and it takes 4 MB for any number of alleles.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mfdvep.genomics.variants import VariantStatus
from mfdvep.scoring.effects import (
    KINDS,
    EffectBatch,
    at_largest,
    overall_technical_share,
    technical_share,
)

POPULATIONS = ("effects", "largest")
SHARES = ("effects", "alleles")
QUANTILE_ERROR = 1 / 256
N_TOP = 10

_N_BINS = 1 << 16
_ZERO = 1 << 15  # the bin of 0; those of negative values come before it


def n_unscored(status: Mapping[str, int]) -> int:
    """Return how many ALTs have no effect, of status -> number of alleles; NO_ALT is no ALT."""
    return sum(status.values()) - status[VariantStatus.OK] - status[VariantStatus.NO_ALT]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Exact counts of float32 values in bins, each 1/128 of its values wide or less.

    Attributes
    ----------
    counts
        int64 (65536,), in order of value. A bin holds the values that share the upper 16 of their
        32 bits: sign, exponent, 7 bits of the mantissa.
    """

    counts: np.ndarray

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and np.array_equal(self.counts, other.counts)

    @classmethod
    def of(cls, values: np.ndarray) -> Histogram:
        """Return the histogram of an array of float32, all finite; -0 counts as 0."""
        bits = (np.ravel(values).astype(np.float32) + np.float32(0)).view(np.uint32)
        counts = np.bincount(bits >> 16, minlength=_N_BINS)
        # the bits of negative values grow with their size
        return cls(np.concatenate([counts[: _ZERO - 1 : -1], counts[:_ZERO]]))

    @property
    def n(self) -> int:
        """How many values were counted."""
        return int(self._below[-1])

    def quantile(self, q: float) -> float | None:
        """Return the smallest value v such that at least q of the values are <= v; None for none.

        It is right to QUANTILE_ERROR of its size (to 1e-40 where it is less than 1e-38), and
        exactly 0 for 0.

        Parameters
        ----------
        q
            From 0 to 1; 0 gives the smallest value.
        """
        if not self.n:
            return None
        rank = max(1, math.ceil(q * self.n))
        return _middle(int(np.searchsorted(self._below, rank)))

    @cached_property
    def _below(self) -> np.ndarray:
        """Counts of each bin and all before it, int64 (65536,)."""
        return np.cumsum(self.counts)

    def merge(self, other: Histogram) -> Histogram:
        """Return the histogram of the values of both."""
        return Histogram(self.counts + other.counts)

    def to_json(self) -> dict[str, list[int]]:
        """Return the bins that hold something, each as its distance from the last, and counts."""
        bins = np.flatnonzero(self.counts)  # distances are mostly 1: less text than bins
        return {"steps": np.diff(bins, prepend=0).tolist(), "counts": self.counts[bins].tolist()}

    @classmethod
    def from_json(cls, value: Mapping[str, list[int]]) -> Histogram:
        """Return the histogram that `to_json` gave."""
        counts = np.zeros(_N_BINS, dtype=np.int64)
        counts[np.cumsum(value["steps"], dtype=np.int64)] = value["counts"]
        return cls(counts)


def _middle(number: int) -> float:
    """Return the value in the middle of a bin; 0 for that of 0."""
    if number == _ZERO:
        return 0.0
    upper = number - _ZERO if number > _ZERO else _N_BINS - 1 - number
    return float(np.uint32(upper << 16 | 1 << 15).view(np.float32))


@dataclass(frozen=True)
class TopAllele:
    """An allele, as in `Variant`, and its effects on the track of its largest combined effect."""

    chrom: str
    pos: int
    ref: str
    alt: str
    record: int
    allele: int
    track: str
    combined: float
    biological: float
    technical: float

    @property
    def rank(self) -> tuple[float, int, int]:
        """What the top is sorted by: size, largest first, then the order of the input."""
        return -abs(self.combined), self.record, self.allele


@dataclass(frozen=True)
class Tally:
    """What was counted over some records.

    Attributes
    ----------
    n_records, n_alleles
        A record with no ALT counts as one allele, NO_ALT, so that `status` sums to `n_alleles`.
    status
        Name of every `VariantStatus` -> number of alleles.
    contigs
        Name in the VCF -> name in the reference, where they differ.
    histograms
        Kind -> "effects": of every scored allele on every track; "largest": for each scored
        allele that of largest size, with its sign, the first of equals.
    shares
        Of the technical share, where there is one: "effects": of every scored allele on every
        track; "alleles": of every scored allele over all tracks.
    top
        The N_TOP alleles of the largest combined effects in size.
    """

    n_records: int
    n_alleles: int
    status: dict[str, int]
    contigs: dict[str, str]
    histograms: dict[str, dict[str, Histogram]]
    shares: dict[str, Histogram]
    top: tuple[TopAllele, ...]

    @classmethod
    def of(cls, batch: EffectBatch, *, n_records: int, contigs: Mapping[str, str]) -> Tally:
        """Return the tally of a batch.

        Parameters
        ----------
        batch
            Rows of `n_records` records.
        contigs
            Name in the VCF -> name in the reference; those that are alike are left out.
        """
        found = Counter(batch.status)
        rows = np.flatnonzero(batch.scored)
        histograms = {}
        for kind in KINDS:
            effects = getattr(batch, kind)[rows]  # (scored, O)
            largest = np.take_along_axis(effects, at_largest(effects)[:, None], axis=1)
            histograms[kind] = {
                "effects": Histogram.of(effects),
                "largest": Histogram.of(largest),
            }
        return cls(
            n_records=n_records,
            n_alleles=len(batch),
            status={status.value: found[status] for status in VariantStatus},
            contigs={name: other for name, other in contigs.items() if name != other},
            histograms=histograms,
            shares=_shares(batch, rows),
            top=_top(batch, rows),
        )

    @classmethod
    def empty(cls) -> Tally:
        """Return the tally of no records, which changes nothing that it is merged with."""
        nothing = Histogram(np.zeros(_N_BINS, dtype=np.int64))
        return cls(
            n_records=0,
            n_alleles=0,
            status={status.value: 0 for status in VariantStatus},
            contigs={},
            histograms={kind: dict.fromkeys(POPULATIONS, nothing) for kind in KINDS},
            shares=dict.fromkeys(SHARES, nothing),
            top=(),
        )

    @property
    def unscored(self) -> int:
        """How many ALTs have no effect; a record with no ALT has none to score."""
        return n_unscored(self.status)

    def merge(self, other: Tally) -> Tally:
        """Return the tally of the records of both, which are of one run and have none in common."""
        return Tally(
            n_records=self.n_records + other.n_records,
            n_alleles=self.n_alleles + other.n_alleles,
            status={name: n + other.status[name] for name, n in self.status.items()},
            contigs=self.contigs | other.contigs,
            histograms={
                kind: {
                    name: histogram.merge(other.histograms[kind][name])
                    for name, histogram in populations.items()
                }
                for kind, populations in self.histograms.items()
            },
            shares={name: share.merge(other.shares[name]) for name, share in self.shares.items()},
            top=tuple(sorted(self.top + other.top, key=lambda allele: allele.rank)[:N_TOP]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the tally as JSON has it, from which `from_json` makes an equal one."""
        return {
            "n_records": self.n_records,
            "n_alleles": self.n_alleles,
            "status": dict(self.status),
            "contigs": dict(self.contigs),
            "histograms": {
                kind: {name: histogram.to_json() for name, histogram in populations.items()}
                for kind, populations in self.histograms.items()
            },
            "shares": {name: share.to_json() for name, share in self.shares.items()},
            "top": [asdict(allele) for allele in self.top],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Tally:
        """Return the tally that `to_json` gave."""
        histograms = {
            kind: {name: Histogram.from_json(h) for name, h in populations.items()}
            for kind, populations in value["histograms"].items()
        }
        shares = {name: Histogram.from_json(share) for name, share in value["shares"].items()}
        top = tuple(TopAllele(**allele) for allele in value["top"])
        return cls(**{**value, "histograms": histograms, "shares": shares, "top": top})


def _shares(batch: EffectBatch, rows: np.ndarray) -> dict[str, Histogram]:
    """Return the technical shares of these rows of a batch, which were scored."""
    halves = batch.biological[rows], batch.technical[rows]
    found = technical_share(*halves), overall_technical_share(*halves)
    pairs = zip(SHARES, found, strict=True)
    return {name: Histogram.of(share[~np.isnan(share)]) for name, share in pairs}


def _top(batch: EffectBatch, rows: np.ndarray) -> tuple[TopAllele, ...]:
    """Return the top alleles among these rows of a batch."""
    at = at_largest(batch.combined[rows])
    sizes = np.abs(batch.combined[rows, at])
    places = [(batch.variants[row].record, batch.variants[row].allele) for row in rows]
    first = sorted(range(len(rows)), key=lambda i: (-sizes[i], *places[i]))[:N_TOP]
    names = batch.tracks.names
    top = []
    for i in first:
        row, track = int(rows[i]), int(at[i])
        effects: dict[str, Any] = {k: float(getattr(batch, k)[row, track]) for k in KINDS}
        top.append(TopAllele(**asdict(batch.variants[row]), track=names[track], **effects))
    return tuple(top)
