"""The effects of changes on genes: only the windows that a change touches are run again.

A gene's windows with REF are run once, and kept while genes near it are asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from mfdvep.errors import ModelError
from mfdvep.expression.bins import N_BINS
from mfdvep.expression.genes import Tss
from mfdvep.expression.predicted import MarkPredictor, gene_windows, window_starts_of
from mfdvep.expression.variants.readout import Readout
from mfdvep.expression.variants.touched import alternative_windows, is_touched
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import WINDOW_BASES
from mfdvep.genomics.variants import VariantStatus
from mfdvep.scoring.windows import Change

STRANDS = {"both": slice(0, 2), "forward": slice(0, 1), "reverse": slice(1, 2)}
WINDOWS_AT_ONCE = 2048
"""New windows of REF and ALT that are run together; their features are all that is held."""
GENES_KEPT = 64
"""Genes whose features with REF are kept, 1.2 MB each where there are 1,536."""

Pair = tuple[Change, Tss]


@dataclass(frozen=True)
class PairEffects:
    """What n changes do to a gene each, in c cells; float32 (n, c), NaN where the gene is not OK.

    Effects are ALT minus REF, taken in float64.

    Attributes
    ----------
    status
        n: OK, or why the marks round the gene cannot be predicted.
    reference, combined, biological, technical
        What the head gives with REF, and its change.
    h3k4me3_reference, h3k4me3_combined, h3k4me3_biological, h3k4me3_technical
        The same of the mean probability of H3K4me3 within 500 bases of the start site.
    """

    status: tuple[VariantStatus, ...]
    reference: np.ndarray
    combined: np.ndarray
    biological: np.ndarray
    technical: np.ndarray
    h3k4me3_reference: np.ndarray
    h3k4me3_combined: np.ndarray
    h3k4me3_biological: np.ndarray
    h3k4me3_technical: np.ndarray


NUMBERS = tuple(f.name for f in fields(PairEffects) if f.name != "status")
"""The names of the numbers of `PairEffects`, in their order."""


@dataclass
class _Gene:
    """A gene with REF, and what is read off its windows once they were run."""

    status: VariantStatus
    windows: np.ndarray  # (100, 1153)
    is_run: bool = False
    biological: np.ndarray = field(init=False)  # (strands, 100, C / 2)
    technical: np.ndarray = field(init=False)
    probability: np.ndarray = field(init=False)  # (100, c, m)
    value: np.ndarray = field(init=False)  # (c,)
    baseline: np.ndarray = field(init=False)  # (c,)


@dataclass(frozen=True)
class _Touched:
    """A pair whose windows differ: its row, the gene, the bins, and their ALT windows."""

    row: int
    gene: _Gene
    bins: np.ndarray
    windows: np.ndarray


class GeneEffects:
    """Tells what changes of sequence do to the expression of genes.

    Parameters
    ----------
    predictor
        Of the marks; its cells and marks are those of `readout`.
    readout
        Reads expression off them.
    genome
        The reference.
    strand
        "both", "forward" or "reverse": whose predictions are averaged.
    windows_at_once
        How many new windows are run together.

    Attributes
    ----------
    n_windows
        How many were run so far, each on both strands.
    """

    def __init__(
        self,
        predictor: MarkPredictor,
        readout: Readout,
        genome: Genome,
        *,
        strand: str = "both",
        windows_at_once: int = WINDOWS_AT_ONCE,
    ) -> None:
        self.predictor, self.readout, self.genome = predictor, readout, genome
        self.strand, self._strands = strand, STRANDS[strand]
        self._at_once = windows_at_once
        self._genes: OrderedDict[Tss, _Gene] = OrderedDict()
        self.n_windows = 0

    def score(self, pairs: Sequence[Pair]) -> PairEffects:
        """Return the effects of changes on genes that they are in reach of.

        Raises
        ------
        InputError
            The genome's file cannot be read there.
        ModelError
            A value that is not finite.
        """
        shape = (len(pairs), len(self.readout.cells))
        found = {name: np.full(shape, np.nan, dtype=np.float32) for name in NUMBERS}
        status: list[VariantStatus] = []
        first, n_new = 0, 0
        touched: list[_Touched] = []
        genes: list[_Gene] = []  # one a pair since `first`
        for row, (change, of) in enumerate(pairs):
            gene, is_new = self._gene(of)
            status.append(gene.status)
            genes.append(gene)
            n_new += len(gene.windows) if is_new else 0
            if gene.status is VariantStatus.OK:
                bins, windows = self._alternative(change, of, gene)
                touched += [_Touched(row, gene, bins, windows)] if len(bins) else []
                n_new += len(bins)
            if n_new >= self._at_once:
                self._run(genes, touched, first, found)
                first, n_new, touched, genes = row + 1, 0, [], []
        self._run(genes, touched, first, found)
        is_known = np.array([state is VariantStatus.OK for state in status], dtype=bool)
        if not all(np.isfinite(values[is_known]).all() for values in found.values()):
            raise ModelError(
                "the models gave a value that is not finite; the weights or the calibration are "
                "damaged: get them again"
            )
        return PairEffects(tuple(status), **found)

    def _gene(self, of: Tss) -> tuple[_Gene, bool]:
        """Return a gene with REF, perhaps not run yet, and whether it was not kept."""
        if of in self._genes:
            self._genes.move_to_end(of)
            return self._genes[of], False
        gene = _Gene(*gene_windows(self.genome, of))
        self._genes[of] = gene
        if len(self._genes) > GENES_KEPT:
            self._genes.popitem(last=False)
        return gene, True

    def _alternative(self, change: Change, of: Tss, gene: _Gene) -> tuple[np.ndarray, np.ndarray]:
        """Return the bins (k,) whose windows differ with ALT, and those windows (k, 1153)."""
        starts = window_starts_of(of)
        at = {"start": change.start, "ref_length": change.ref_length}
        bins = np.flatnonzero(is_touched(starts, **at))
        if not len(bins):
            return bins, gene.windows[:0]
        starts = starts[bins]
        low = int(starts.min()) - change.ref_length
        high = int(starts.max()) + WINDOW_BASES + change.ref_length
        reference = self.genome.fetch(change.contig, low, high)
        windows = alternative_windows(reference, origin=low, starts=starts, alt=change.alt, **at)
        differ = (windows != gene.windows[bins]).any(axis=1)
        return bins[differ], windows[differ]

    def _run(
        self,
        genes: Sequence[_Gene],
        touched: Sequence[_Touched],
        first: int,
        found: dict[str, np.ndarray],
    ) -> None:
        """Run the windows of genes that were not run, and of ALT; fill in the rows from `first`."""
        known = [gene for gene in genes if gene.status is VariantStatus.OK]
        new = list({id(gene): gene for gene in known if not gene.is_run}.values())
        windows = [gene.windows for gene in new] + [pair.windows for pair in touched]
        if windows:
            together = np.concatenate(windows)
            self.n_windows += len(together)
            both = self.predictor.latent(together)
            biological, technical = (half[self._strands] for half in both)  # (s, k, C / 2)
            n = sum(len(gene.windows) for gene in new)
            self._read_references(new, biological[:, :n], technical[:, :n])
        for row, gene in enumerate(genes, start=first):
            if gene.status is VariantStatus.OK:
                for name in NUMBERS:  # where no window differs nothing does
                    found[name][row] = 0
                found["reference"][row] = gene.value
                found["h3k4me3_reference"][row] = gene.baseline
        if touched:
            self._read_changes(touched, biological[:, n:], technical[:, n:], found)

    def _read_references(
        self, genes: Sequence[_Gene], biological: np.ndarray, technical: np.ndarray
    ) -> None:
        """Give genes the features of their windows, which lie one after another."""
        for i, gene in enumerate(genes):
            own = slice(i * N_BINS, (i + 1) * N_BINS)
            gene.biological, gene.technical = biological[:, own].copy(), technical[:, own].copy()
            gene.probability = self._probability(gene.biological, gene.technical)
            gene.value = self.readout.value(gene.probability[None])[0]
            gene.baseline = self.readout.baseline(gene.probability[None])[0]
            gene.is_run = True

    def _read_changes(
        self,
        touched: Sequence[_Touched],
        biological: np.ndarray,
        technical: np.ndarray,
        found: dict[str, np.ndarray],
    ) -> None:
        """Fill in the effects of pairs whose windows with ALT have these features."""
        pairs = np.repeat(np.arange(len(touched)), [len(pair.bins) for pair in touched])
        bins = np.concatenate([pair.bins for pair in touched])  # (k,)
        genes = [pair.gene for pair in touched]
        rows = [pair.row for pair in touched]
        of_ref = [
            np.concatenate([half(pair.gene)[:, pair.bins] for pair in touched], axis=1)
            for half in (lambda gene: gene.biological, lambda gene: gene.technical)
        ]
        swaps = {
            "combined": (biological, technical),
            "biological": (biological, of_ref[1]),
            "technical": (of_ref[0], technical),
        }
        before = np.stack([gene.probability for gene in genes])  # (n, 100, c, m)
        value, baseline = (np.stack([getattr(g, x) for g in genes]) for x in ("value", "baseline"))
        for kind, halves in swaps.items():
            after = before.copy()
            after[pairs, bins] = self._probability(*halves)
            found[kind][rows] = self.readout.value(after) - value
            found[f"h3k4me3_{kind}"][rows] = self.readout.baseline(after) - baseline

    def _probability(self, biological: np.ndarray, technical: np.ndarray) -> np.ndarray:
        """Return the probabilities (k, c, m) of features (strands, k, C / 2), in float64."""
        return self.predictor.probability(biological, technical)
