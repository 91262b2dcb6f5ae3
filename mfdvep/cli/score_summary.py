"""What `mfdvep score` says of a run: what came of the alleles, and if too many have no score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from mfdvep.wording import plural

if TYPE_CHECKING:
    from mfdvep.scoring.report import RunSummary
    from mfdvep.scoring.scorer import ScorerFace


def told(target: str, summary: RunSummary, scorer: ScorerFace) -> str:
    """Return what a run came to: records, alleles by status, time and place, renamed contigs."""
    place = f"{scorer.device.type} in {scorer.provenance['precision']}"
    if workers := summary.record.get("timing", {}).get("workers"):
        hosts = {worker["host"] for worker in workers}
        place += f", {plural(len(workers), 'worker')} on {plural(len(hosts), 'host')}"
    counts = ", ".join(f"{name} {n}" for name, n in summary.status.items() if n)
    resumed = f", {summary.resumed} of them earlier" if summary.resumed else ""
    lines = [
        f"{target}: {summary.records} records{resumed}, {summary.alleles} alleles: {counts}; "
        f"{summary.seconds:.1f} s on {place}"
    ]
    lines += [f"contig {a} of the VCF is {b} of the reference" for a, b in summary.contigs.items()]
    return "\n".join(lines)


def exceeds(options: dict[str, Any], status: Mapping[str, int]) -> bool:
    """Return whether more ALTs have no score than the options allow, and say so."""
    from mfdvep.scoring.tally import n_unscored

    limit = "0" if options["strict"] else options["max_unscored"]
    if limit is None or not _too_many(limit, status):
        return False
    click.echo(f"mfdvep: {n_unscored(status)} ALTs have no score, more than {limit}", err=True)
    return True


def _too_many(limit: str, status: Mapping[str, int]) -> bool:
    """Return whether more ALTs than a limit, a count or a share of them, have no score.

    Parameters
    ----------
    limit
        As 100, or as 1%.
    status
        Status -> number of alleles.
    """
    from mfdvep.scoring.tally import n_unscored

    unscored = n_unscored(status)
    if limit.endswith("%"):
        return unscored * 100 > float(limit[:-1]) * (unscored + status["OK"])
    return unscored > int(limit)


def duration(seconds: float) -> str:
    """Return a time as a person says it."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 1):.0f} s"
