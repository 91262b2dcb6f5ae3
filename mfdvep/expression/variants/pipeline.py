"""A VCF in; the VCF annotated with effects on genes, a table, and a run record out."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mfdvep import __version__
from mfdvep.errors import OutputError
from mfdvep.expression.genes import GeneList
from mfdvep.expression.variants.annotation import header_lines, info_values
from mfdvep.expression.variants.batches import score_batch
from mfdvep.expression.variants.pairs import GeneEffects
from mfdvep.expression.variants.reach import GenesInReach
from mfdvep.expression.variants.report import Counts, run_record
from mfdvep.expression.variants.table import rows_of, table_writer
from mfdvep.files import Parts, check_outputs, sha256
from mfdvep.genomics.bcf import quiet_htslib
from mfdvep.genomics.own import GENES
from mfdvep.genomics.regions import Regions
from mfdvep.genomics.vcf import open_vcf
from mfdvep.genomics.vcf_index import ENDINGS as INDEX_ENDINGS
from mfdvep.genomics.vcf_output import VcfOutput, index_ending, output_form, write_index
from mfdvep.scoring.guard import check_reference
from mfdvep.scoring.reading import groups, in_order
from mfdvep.scoring.windows import AlleleWindows

CHUNK_ALLELES = 512  # some 6,000 windows where each is in reach of one gene


@dataclass(frozen=True)
class Sources:
    """The files that a run's numbers depend on besides VCF, reference and models.

    Attributes
    ----------
    genes
        As `read_genes` gives them.
    calibration
        JSON.
    others
        Further ones that no output may overwrite.
    """

    genes: GeneList
    calibration: Path
    others: tuple[Path, ...] = ()


def stats_path(output: str | Path) -> Path:
    """Return where the run record of an output goes: OUT.stats.json beside OUT.vcf.gz.

    Raises
    ------
    OutputError
        A name that is none of a VCF's, or standard output.
    """
    if str(output) == "-":
        raise OutputError("output -: give a file, such as -o OUT.vcf.gz")
    return Path(f"{str(output).removesuffix(output_form(output))}.stats.json")


def score_expression(
    vcf: str | Path,
    effects: GeneEffects,
    genes: GenesInReach,
    output: str | Path,
    *,
    sources: Sources,
    table: str | Path | None = None,
    regions: Regions | None = None,
    index: bool = False,
    replace: bool = False,
    force: bool = False,
    command: str = "",
    progress: Callable[..., None] | None = None,
) -> dict[str, Any]:
    """Annotate every record of a VCF, in order, and return the run record.

    Parameters
    ----------
    vcf
        VCF, VCF.gz, BCF or "-".
    effects
        With the reference and the models.
    genes
        Those that may be in reach.
    output
        NAME.vcf.gz, NAME.vcf or NAME.bcf; NAME.stats.json is written beside it.
    sources
        Files, for the provenance.
    table
        Parquet file: a row an ALT, gene and cell.
    regions
        Only records whose REF overlaps them.
    index
        Whether the output gets a .tbi or .csi, for which the records have to be sorted.
    replace
        Take out an earlier annotation of genes, which is otherwise refused.
    force
        Overwrite outputs.
    command
        As typed, for the provenance.
    progress
        Called with the number of records done, None for the unknown total, and how many pairs of
        an allele and a gene there were.

    Raises
    ------
    InputError
        Not a VCF; damaged; none of its contigs in the reference, or most REFs disagree with it;
        annotated with genes already; records that are not sorted, for an index.
    ModelError
        The models gave a value that is not finite.
    OutputError
        See `check_outputs`, `index_ending`; an output cannot be written. None is half-written.
    """
    if str(table) == "-":
        raise OutputError("table -: Parquet is no stream; give a file, such as --table OUT.parquet")
    began, n_before = time.monotonic(), effects.n_windows
    stats, indexes = stats_path(output), [Path(f"{output}{ending}") for ending in INDEX_ENDINGS]
    fasta = effects.genome.path
    inputs = [vcf, f"{vcf}.tbi", f"{vcf}.csi", fasta, f"{fasta}.fai", f"{fasta}.gzi"]
    inputs += [sources.genes.path, sources.calibration, *sources.others]
    outputs = {"output": output, "table": table, "run record": stats}
    outputs |= {f"old {path.suffix} index": path for path in indexes if path.exists()}
    check_outputs(outputs, inputs, force=force)
    counts = Counts()
    with ExitStack() as stack:
        stack.enter_context(quiet_htslib())
        reader = stack.enter_context(open_vcf(vcf, regions=regions))
        indexed = None
        if index:
            indexed = Path(f"{output}{index_ending(output, reader.contigs)}")
        windows = AlleleWindows(effects.genome, strand=effects.strand)
        records = check_reference(reader, windows, vcf)
        if index:
            records = in_order(records, reader.name)
        provenance = run_provenance(effects, sources, regions=regions, command=command)
        # what is written before it is whole
        parts = stack.enter_context(Parts(output, table, stats, indexed))
        folder = Path(stack.enter_context(_folder(Path(output))))
        form = VcfOutput(
            output,
            reader.header_lines,
            header_lines(provenance),
            folder=folder,
            own=GENES,
            replace=replace,
        )
        writer = None
        if table is not None:
            writer = stack.enter_context(table_writer(parts[table], provenance))
        pieces: list[Path] = []
        for chunk, alleles in groups(records, CHUNK_ALLELES):
            batch = score_batch(chunk, alleles, windows=windows, genes=genes, effects=effects)
            pieces.append(folder / f"{len(pieces)}.part")
            form.write(pieces[-1], zip(batch.records, info_values(batch), strict=True))
            if writer is not None:
                writer.add(rows_of(batch, writer.schema))
            counts.add(batch, effects.genome)
            if progress is not None:
                progress(counts.records, None, {"pairs": counts.pairs.total()})
        form.join(pieces, parts[output])
        if indexed is not None:
            is_bcf = output_form(output) == ".bcf"
            write_index(parts[output], parts[indexed], ending=indexed.suffix, bcf=is_bcf)
        seconds, n_windows = time.monotonic() - began, effects.n_windows - n_before
        timing = {
            "seconds": seconds,
            "windows": n_windows,
            "windows_per_second": n_windows / seconds,
        }
        record = run_record(counts, sources.genes, genes, provenance=provenance, timing=timing)
        parts.write_text(stats, json.dumps(record, indent=1, allow_nan=False) + "\n")
    for path in indexes:
        if path != indexed:
            path.unlink(missing_ok=True)
    return record


def run_provenance(
    effects: GeneEffects, sources: Sources, *, regions: Regions | None, command: str
) -> dict[str, Any]:
    """Return what the numbers of a run depend on, as JSON has it.

    Parameters
    ----------
    regions, command
        See `score_expression`.
    """
    read = effects.readout
    names = effects.predictor.model.tracks.names
    return {
        "mfdvep": __version__,
        "command": command,
        "model": dict(effects.predictor.model.provenance),
        "expression_model": dict(read.expression.provenance),
        "target": read.target,
        "calibration": {
            "file": Path(sources.calibration).name,
            "digest": read.calibration.digest,
        },
        "reference": effects.genome.record,
        "genes": {"file": Path(sources.genes.path).name, "sha256": sha256(sources.genes.path)},
        "cells": list(read.cells),
        "marks": list(read.marks),
        "tracks": {
            f"{cell}/{mark}": [names[row] for row in rows]
            for (cell, mark), rows in effects.predictor.rows.items()
        },
        "strand": effects.strand,
        "device": effects.predictor.device.type,
        "batch_size": effects.predictor.batch_size,
        "torch": torch.__version__,
        "regions": None if regions is None else regions.describe(),
    }


def _folder(output: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a folder beside the output for its pieces; raises OutputError."""
    try:
        return tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror}") from error
