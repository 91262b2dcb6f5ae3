"""Genes, marks and expression into profiles: everything that is read is kept or counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep import __version__
from mfdvep.errors import InputError
from mfdvep.expression.bins import N_BINS
from mfdvep.expression.genes import GeneList, Tss, read_genes
from mfdvep.expression.marks import read_mark
from mfdvep.expression.places import Places, one_spelling
from mfdvep.expression.profiles import SPLITS, Profiles
from mfdvep.expression.sheet import Sheet
from mfdvep.expression.splitting import class_counts, split_of, thresholds_of
from mfdvep.expression.table import CELL, ExpressionTable, read_expression
from mfdvep.files import sha256


@dataclass(frozen=True)
class PrepareOptions:
    """How profiles are made.

    Attributes
    ----------
    contigs
        Split other than train -> its contigs.
    threshold
        Of labels; None for the median of a cell type's training genes.
    biotype
        Of the genes taken from a GTF; None for all.
    expression_column
        Name of a cell type's column, "{cell}" standing for the cell type.
    signal_column
        Of BED files, from 1; None to tell by the number of columns.
    """

    contigs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    threshold: float | None = None
    biotype: str | None = "protein_coding"
    expression_column: str = CELL
    signal_column: int | None = None


def prepare_profiles(
    genes: str | Path,
    expression: str | Path,
    sheet: Sheet,
    *,
    options: PrepareOptions,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Profiles:
    """Return the profiles of genes.

    A gene is left out, and named in the provenance, where no file of marks has its contig, or where
    its start site is beyond the end of the contig as a bigWig has it: there its profile would say
    nothing. A gene that the table of expression lacks is kept, its expression NaN.

    Parameters
    ----------
    genes
        See `genes.read_genes`.
    expression
        See `table.read_expression`; may be the file of genes.
    progress
        Called with the files of marks read and their number.

    Raises
    ------
    InputError
        What `read_genes`, `read_expression`, `read_mark`, `split_of`, `thresholds_of` and
        `class_counts` refuse; no contig of the marks has a gene.
    """
    listed = read_genes(genes, biotype=options.biotype)
    table = read_expression(expression, listed.genes, sheet.cells, column=options.expression_column)
    split_of(listed.genes, options.contigs)  # refuses wrong ones before marks are read
    places = Places.of(listed.genes)
    shape = (len(sheet.cells), len(listed.genes), len(sheet.marks), N_BINS)
    signal = np.zeros(shape, dtype=np.float32)
    lengths: dict[str, int | None] = {}
    for done, ((cell, mark), path) in enumerate(sheet.files.items(), start=1):
        found = read_mark(path, places, column=options.signal_column)
        signal[sheet.cells.index(cell), :, sheet.marks.index(mark)] = found.bins
        for contig, length in found.lengths.items():
            known = lengths.get(contig)
            lengths[contig] = min((x for x in (known, length) if x is not None), default=None)
        if progress is not None:
            progress(done, len(sheet.files))
    absent, beyond = _off(listed.genes, lengths)
    keep = np.array([gene not in absent and gene not in beyond for gene in listed.genes])
    if not keep.any():
        raise InputError(
            f"{genes}: no gene lies on a contig of the marks: genes have "
            f"{', '.join(sorted({gene.chrom for gene in listed.genes})[:5])}, marks have "
            f"{', '.join(sorted(lengths)[:5]) or 'none'}; are they of one assembly?"
        )
    kept = tuple(gene for gene, stays in zip(listed.genes, keep, strict=True) if stays)
    values = table.values[:, keep]
    split = split_of(kept, options.contigs)
    thresholds = thresholds_of(values, split, options.threshold, cells=sheet.cells)
    made = Profiles(
        genes=kept,
        split=split,
        cells=sheet.cells,
        marks=sheet.marks,
        signal=signal if keep.all() else signal[:, keep],
        expression=values,
        thresholds=thresholds,
        provenance={},
    )
    about = {
        "mfdvep": __version__,
        "command": command,
        "marks": {
            cell: {mark: str(sheet.files[cell, mark]) for mark in sheet.marks}
            for cell in sheet.cells
        },
        "inputs": _digests([genes, expression, *sheet.files.values()]),
        "options": {
            "contigs": {split: [*names] for split, names in options.contigs.items()},
            "threshold": "median" if options.threshold is None else options.threshold,
            "biotype": options.biotype,
            "expression_column": options.expression_column,
            "signal_column": options.signal_column,
        },
        "counts": _counts(listed, absent, beyond, table, made),
    }
    return replace(made, provenance=about)


def _off(
    genes: Sequence[Tss], lengths: Mapping[str, int | None]
) -> tuple[dict[Tss, None], dict[Tss, None]]:
    """Return the genes of contigs that no file has, and those beyond the end of theirs."""
    absent: dict[Tss, None] = {}
    beyond: dict[Tss, None] = {}
    for gene in genes:
        contig = one_spelling(gene.chrom)
        length = lengths.get(contig)
        if contig not in lengths:
            absent[gene] = None
        elif length is not None and gene.tss >= length:
            beyond[gene] = None
    return absent, beyond


def _digests(paths: Sequence[str | Path]) -> dict[str, str]:
    """Return path -> SHA-256."""
    return {str(path): sha256(path) for path in dict.fromkeys(map(Path, paths))}


def _counts(
    listed: GeneList,
    absent: Mapping[Tss, None],
    beyond: Mapping[Tss, None],
    table: ExpressionTable,
    made: Profiles,
) -> dict[str, Any]:
    """Return what was read, left out and kept."""
    return {
        "genes_read": listed.n_read,
        "duplicates": len(listed.duplicates),
        "other_biotypes": listed.other_biotypes,
        "contig_without_marks": dict(Counter(gene.chrom for gene in absent)),
        "beyond_contig": [gene.id for gene in beyond],
        "kept": len(made),
        "without_expression": {
            cell: int(np.isnan(values).sum())
            for cell, values in zip(made.cells, made.expression, strict=True)
        },
        "expression_rows": table.n_rows,
        "expression_duplicates": table.duplicates,
        "expression_of_other_genes": table.other_genes,
        "split": {split: len(made.rows(split)) for split in SPLITS},
        "labels": class_counts(made),
        "bins_with_signal": {
            cell: dict(zip(made.marks, np.count_nonzero(of, axis=(0, 2)).tolist(), strict=True))
            for cell, of in zip(made.cells, made.signal, strict=True)
        },
    }
