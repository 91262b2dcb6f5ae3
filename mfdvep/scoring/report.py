"""What a run did: summed up, as JSON has it, and its alleles by status as MultiQC shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mfdvep.scoring.tally import QUANTILE_ERROR, Histogram, Tally

QUANTILES = ("0.001", "0.01", "0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99", "0.999")


@dataclass(frozen=True)
class RunSummary:
    """What a run did; the counts of statuses sum to the alleles.

    Attributes
    ----------
    records, alleles
        Read; a record without an ALT counts as one allele.
    status
        Status name -> number of alleles.
    unscored
        Alleles that have a status other than OK and NO_ALT.
    contigs
        Contig names of the VCF that the reference spells otherwise -> the reference's name.
    seconds
        Wall time of this process.
    resumed
        Records whose scores an earlier process had finished.
    record
        The whole run record, as in OUT.stats.json.
    """

    records: int
    alleles: int
    status: dict[str, int]
    unscored: int
    contigs: dict[str, str]
    seconds: float
    resumed: int
    record: dict[str, Any]


def run_record(
    tally: Tally, *, provenance: Mapping[str, Any], timing: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the record of a run, ready for JSON.

    Parameters
    ----------
    tally
        Of the whole run.
    provenance
        What made the effects what they are, ready for JSON.
    timing
        How long the run took, ready for JSON; None leaves it out.

    Returns
    -------
    dict
        "records", "alleles", "status" (sums to "alleles"), "unscored", "contigs" (name in the VCF
        -> in the reference, where they differ); "effects": kind -> population (see `Tally`) ->
        "n" and "quantiles", null for those of nothing; "technical_share": population -> the same;
        "quantile_error"; "top"; and what was given.
    """
    return {
        "records": tally.n_records,
        "alleles": tally.n_alleles,
        "status": dict(tally.status),
        "unscored": tally.unscored,
        "contigs": dict(sorted(tally.contigs.items())),
        "effects": {
            kind: {name: _distribution(histogram) for name, histogram in populations.items()}
            for kind, populations in tally.histograms.items()
        },
        "technical_share": {name: _distribution(share) for name, share in tally.shares.items()},
        "quantile_error": f"each quantile is within {QUANTILE_ERROR:.1%} of its value; 0 is exact",
        "top": [asdict(allele) for allele in tally.top],
        "provenance": dict(provenance),
        **({} if timing is None else {"timing": dict(timing)}),
    }


def _distribution(histogram: Histogram) -> dict[str, Any]:
    return {"n": histogram.n, "quantiles": {q: histogram.quantile(float(q)) for q in QUANTILES}}


def multiqc(tally: Tally, *, sample: str) -> dict[str, Any]:
    """Return the alleles of a run by status, for a file whose name ends in "_mqc.json".

    Every status is a category, also one that no allele has: MultiQC joins the files of all runs
    into one bar graph, with the categories of the last that it read, and hides those of which
    there are none.

    Parameters
    ----------
    tally
        Of the whole run.
    sample
        Names the run's bar; MultiQC cuts endings such as ".vcf.gz" off it.

    Source
    ------
    MultiQC documentation, "Custom content"; tried with MultiQC 1.35.
    """
    return {
        "id": "mfdvep_status",
        "section_name": "mfdvep",
        "description": "alleles by whether mfdvep scored them (OK), or why not.",
        "plot_type": "bargraph",
        "pconfig": {
            "id": "mfdvep_status_plot",
            "title": "mfdvep: alleles by status",
            "ylab": "Alleles",
        },
        "categories": list(tally.status),
        "data": {sample: dict(tally.status)},
    }
