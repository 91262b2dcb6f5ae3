"""Predicts the marks of genes on a sequence, and calibrates them to the signal of profiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfdvep import __version__
from mfdvep.errors import InputError
from mfdvep.expression.calibration import MarkCalibration, fit_calibration
from mfdvep.expression.genes import Tss
from mfdvep.expression.places import one_spelling
from mfdvep.expression.predicted import MarkPredictor, gene_windows
from mfdvep.expression.profiles import Profiles
from mfdvep.expression.reliability import Reliability, reliability
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.variants import VariantStatus

FITTED, TEST = "fitted", "test"
_NOT_TRAINING = "of other splits of the profiles"
_LEFT_OUT = "on contigs left out"
_ABSENT = "not in the profiles"


@dataclass(frozen=True)
class Calibrated:
    """A calibration, and what it rests on.

    Attributes
    ----------
    calibration
        The maps.
    reliability
        "fitted" and, where genes were held out, "test" -> rows.
    counts
        What came of the genes: these sum to all of them.
    """

    calibration: MarkCalibration
    reliability: dict[str, list[Reliability]]
    counts: dict[str, int]


def choose_genes(
    genes: Iterable[Tss],
    profiles: Profiles,
    *,
    test: Collection[str] = (),
    left_out: Collection[str] = (),
) -> dict[str, list[Tss]]:
    """Return genes by what they are for: "fitted", "test", or why they are for nothing.

    Genes on test contigs are for testing whatever their split; others are fitted to only if the
    profiles have them among their training genes.

    Parameters
    ----------
    genes
        On the sequence that marks are predicted from.
    test, left_out
        Contigs of that sequence.

    Raises
    ------
    InputError
        No gene of the profiles; a contig in both or without a gene.
    """
    genes = list(genes)
    split = {gene.id: of for gene, of in zip(profiles.genes, profiles.split, strict=True)}
    if not any(gene.id in split for gene in genes):
        theirs = ", ".join(gene.id for gene in profiles.genes[:3])
        given = ", ".join(gene.id for gene in genes[:3])
        raise InputError(
            f"none of {len(genes):,} genes is in the profiles: genes are {given}; profiles are of "
            f"{theirs}; give genes by the same ids"
        )
    here = {one_spelling(gene.chrom) for gene in genes}
    places = [{one_spelling(name): name for name in names} for names in (test, left_out)]
    for name, given in (places[0] | places[1]).items():
        if name not in here:
            raise InputError(f"contig {given}: no gene of the table lies there")
        if name in places[0] and name in places[1]:
            raise InputError(f"contig {given} is for testing and left out; choose one")
    found: dict[str, list[Tss]] = {FITTED: [], TEST: []}
    for gene in genes:
        contig = one_spelling(gene.chrom)
        use = FITTED
        if gene.id not in split:
            use = _ABSENT
        elif contig in places[0]:
            use = TEST
        elif contig in places[1]:
            use = _LEFT_OUT
        elif split[gene.id] != "train":
            use = _NOT_TRAINING
        found.setdefault(use, []).append(gene)
    return found


def predict_genes(
    genes: Sequence[Tss],
    genome: Genome,
    predictor: MarkPredictor,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[VariantStatus], np.ndarray]:
    """Return each gene's status, and the probabilities of its marks, float64 (n, 100, c, m).

    NaN for a gene that is not OK, see `gene_windows`.

    Parameters
    ----------
    progress
        Called with genes done, and all.

    Raises
    ------
    InputError
        The genome's file cannot be read.
    """
    shape = (len(genes), 100, len(predictor.cells), len(predictor.marks))
    status, found = [], np.full(shape, np.nan)
    for i, gene in enumerate(genes):
        state, windows = gene_windows(genome, gene)
        status.append(state)
        if state is VariantStatus.OK:
            found[i] = predictor.profile(windows)
        if progress is not None:
            progress(i + 1, len(genes))
    return status, found


def observed_of(genes: Sequence[Tss], profiles: Profiles) -> np.ndarray:
    """Return the signal of genes, by their ids, float32 (n, 100, c, m)."""
    row = {gene.id: i for i, gene in enumerate(profiles.genes)}
    of = profiles.signal[:, [row[gene.id] for gene in genes]]  # (c, n, m, 100)
    return of.transpose(1, 3, 0, 2)


def calibrate_marks(
    profiles: Profiles,
    genes: Sequence[Tss],
    genome: Genome,
    predictor: MarkPredictor,
    *,
    test: Collection[str] = (),
    left_out: Collection[str] = (),
    about: dict[str, Any],
    progress: Callable[[int, int], None] | None = None,
) -> Calibrated:
    """Return predicted marks calibrated to the signal round training genes.

    Parameters
    ----------
    profiles
        Observed marks.
    genes
        The same genes, by their ids, on the sequence of the genome, which may be of another
        assembly than the profiles.
    predictor
        Of the profiles' cells and marks.
    test
        Contigs that the MFD model did not train on, where reliability is measured.
    left_out
        Contigs to be used for neither, such as the MFD model's validation contigs.
    about
        Put into the provenance: "command" and "profiles".
    progress
        Called with genes done, and all.

    Raises
    ------
    InputError
        See `choose_genes` and `fit_calibration`; the genome cannot be read.
    """
    uses = choose_genes(genes, profiles, test=test, left_out=left_out)
    wanted = uses[FITTED] + uses[TEST]
    status, predicted = predict_genes(wanted, genome, predictor, progress=progress)
    observed = observed_of(wanted, profiles)
    ok = np.array([state is VariantStatus.OK for state in status], dtype=bool)
    is_fitted = np.arange(len(wanted)) < len(uses[FITTED])
    bins = {
        use: [flat[ok & of].reshape(-1, *flat.shape[2:]) for flat in (predicted, observed)]
        for use, of in ((FITTED, is_fitted), (TEST, ~is_fitted))
    }
    counts = Counter({use: len(found) for use, found in uses.items()})
    for i in np.flatnonzero(~ok):
        counts[FITTED if is_fitted[i] else TEST] -= 1
        counts[str(status[i])] += 1
    contigs = [gene.chrom for gene, good in zip(uses[FITTED], ok, strict=False) if good]
    provenance = {
        "mfdvep": __version__,
        "model": predictor.model.provenance,
        "reference": genome.record,
        **about,
        "tracks": {f"{c}/{m}": _names(predictor, c, m) for c, m in predictor.rows},
        "contigs": {"fitted": dict(Counter(contigs)), "test": [*test], "left_out": [*left_out]},
        "genes": dict(counts),
        "bins": {use: len(found[0]) for use, found in bins.items()},
    }
    calibration = fit_calibration(
        *bins[FITTED], cells=profiles.cells, marks=profiles.marks, provenance=provenance
    )
    found = {
        use: reliability(calibration, *values) for use, values in bins.items() if len(values[0])
    }
    provenance["reliability"] = {use: [row.record() for row in rows] for use, rows in found.items()}
    return Calibrated(calibration, found, dict(counts))


def _names(predictor: MarkPredictor, cell: str, mark: str) -> list[str]:
    """Return the names of the tracks of a cell and mark."""
    return [predictor.model.tracks.names[row] for row in predictor.rows[cell, mark]]
