"""What the annotated VCF says of genes: the INFO keys MFD_GENE*, header lines, values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from mfdvep.expression.bins import REACH
from mfdvep.expression.variants.batches import GeneBatch
from mfdvep.expression.variants.readout import BASELINE, NEAR
from mfdvep.genomics.header import OWN
from mfdvep.genomics.info import escape_info, format_float
from mfdvep.genomics.sequences import WINDOW_BASES
from mfdvep.scoring.annotation import direction, quoted, run_lines, status_line

KEY, STATUS_KEY = "MFD_GENE", "MFD_GENE_STATUS"
# bcftools +split-vep refuses a key without a field of the last name, see scoring.annotation
FORMAT = "ALLELE|GENE|GENE_NAME|DISTANCE|CELL|COMBINED|BIOLOGICAL|TECHNICAL|H3K4ME3|Consequence"
TARGETS = {
    "label": "the log-odds of an expression above the cell's threshold",
    "log_expression": "log2(expression + 1)",
}
"""What the head of a model gives, by its target."""


def header_lines(provenance: dict[str, Any]) -> list[str]:
    """Return the header lines that an annotated VCF gets, without line ends.

    Parameters
    ----------
    provenance
        Of the run, see `mfdvep.expression.variants.pipeline`.
    """
    p = provenance
    model, genes = p["expression_model"], p["genes"]
    strands = "both strands" if p["strand"] == "both" else f"the {p['strand']} strand"
    return [
        *run_lines(p, of="Gene"),
        f'##mfdvepGeneExpressionModel=<ID=expression,Name="{quoted(model["name"])}",'
        f"SHA256={model['sha256']},Target={p['target']}>",
        f'##mfdvepGeneMarkCalibration=<ID=calibration,File="{quoted(p["calibration"]["file"])}",'
        f"Digest={p['calibration']['digest']}>",
        f'##mfdvepGeneList=<ID=genes,File="{quoted(genes["file"])}",SHA256={genes["sha256"]}>',
        f'##INFO=<ID={KEY},Number=.,Type=String,Description="{OWN}what each ALT changes of each '
        f"gene in reach, a cell; in reach is an ALT in one of the {WINDOW_BASES}-base windows "
        f"round the bins of TSS +-{REACH // 1000} kb. COMBINED, BIOLOGICAL and TECHNICAL are ALT "
        f"minus REF of {TARGETS[p['target']]}, read off predicted marks averaged over {strands}, "
        f"by a head trained on observed marks; H3K4ME3 is the combined change of the predicted "
        f"probability of {BASELINE} within {NEAR} bases of the TSS. DISTANCE is ALT minus TSS in "
        "the gene's direction, negative upstream. All numbers are . of a gene whose bins pass an "
        "end of the contig, or most of whose bases are N. Consequence is gain where COMBINED is "
        f'above 0, loss below. Format: {FORMAT}">',
        status_line(STATUS_KEY),
    ]


def info_values(batch: GeneBatch) -> list[list[tuple[str, str]]]:
    """Return the INFO keys and values of each record of a batch, in order."""
    pairs_of = batch.pairs_of
    found = []
    for _, group in groupby(range(len(batch.variants)), key=lambda i: batch.variants[i].record):
        own = list(group)
        listed = [entry for i in own for row in pairs_of[i] for entry in _entries(batch, row)]
        values = [(KEY, ",".join(listed))] if listed else []
        values.append((STATUS_KEY, ",".join(batch.status[i] for i in own)))
        found.append(values)
    return found


def _entries(batch: GeneBatch, row: int) -> Iterator[str]:
    """Yield the values of a pair, one a cell."""
    pair, effects = batch.pairs[row], batch.effects
    allele = escape_info(batch.variants[pair.allele].alt)
    gene = [escape_info(pair.gene.id), escape_info(pair.gene.name) or ".", str(pair.distance)]
    for i, cell in enumerate(batch.cells):
        changes = (
            effects.combined, effects.biological, effects.technical, effects.h3k4me3_combined
        )  # fmt: skip
        numbers = [float(values[row, i]) for values in changes]
        sign = "." if math.isnan(numbers[0]) else direction(numbers[0])
        yield "|".join([allele, *gene, escape_info(cell), *map(format_float, numbers), sign])
