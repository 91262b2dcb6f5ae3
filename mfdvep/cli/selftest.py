"""`mfdvep selftest`: how exact and how fast scoring is on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mfdvep.cli.progress import progress_bar

if TYPE_CHECKING:
    from mfdvep.scoring.selftest import SelfTest

_HEAD = (
    "device", "engine", "precision", "batch", "alleles/s", "Spearman", "median", "worst",
    "top 1%", "largest", "relative", "good",
)  # fmt: skip


@click.command()
@click.option("-m", "--model", help="Bundled model or model folder.  [default: the bundled one]")
@click.option("-f", "--fasta", help="Indexed reference; default: random bases.")
@click.option("--alleles", type=click.IntRange(min=3), default=50, show_default=True,
              help="Random variants: SNVs, MNVs and indels.")  # fmt: skip
@click.option("--shifts", default="11", show_default=True, help="A count, or offsets like -2,0,2.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the variants."
)
@click.option("--threads", type=click.IntRange(1, 4096), help="CPU threads; default: all cores.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def selftest(
    model: str | None,
    fasta: str | None,
    alleles: int,
    shifts: str,
    device: str,
    seed: int,
    threads: int | None,
    quiet: bool,
) -> None:
    """Compare the ways of computing effects with the plain engine in float64.

    Engine, device and batch size must make no difference but rounding, or the exit code is 1.
    Precision makes one: what is good has a Spearman correlation of at least .9999 with float64,
    over all effects and for the median track, and shares 99 % of the largest 1 %.

    \b
    Example:
      mfdvep selftest --alleles 10 --shifts 3
    """
    import torch

    from mfdvep.genomics.genome import Genome
    from mfdvep.model.checkpoint import DEFAULT_MODEL, load_model
    from mfdvep.scoring import selftest as library

    if threads:
        torch.set_num_threads(threads)
    loaded = load_model(model or DEFAULT_MODEL)
    place = library.simulated_genome() if fasta is None else Genome(fasta)
    with place as genome, progress_bar("selftest", "ways", quiet=quiet) as bar:
        result = library.selftest(
            loaded,
            genome,
            n_alleles=alleles,
            shifts=shifts,
            device=device,
            seed=seed,
            progress=bar,
        )
    name = loaded.provenance["name"]
    click.echo(
        f"{library.machine(device)}\n{name}, {len(loaded.tracks)} tracks; {result.n_alleles} "
        f"alleles, shifts {shifts}; effects of {result.size:.2g} (root mean square)\n"
    )
    click.echo(render(result))
    sys.exit(0 if result.passed else 1)


def render(result: SelfTest) -> str:
    """Return the tables as a person reads them; of the kinds of effect, the worst figure."""
    rows = [_HEAD]
    for way in result.ways:
        of = way.fidelity
        rows.append(
            (
                way.device,
                way.engine,
                way.precision,
                str(way.batch_size),
                f"{way.alleles_per_second:.1f}",
                f"{min(each.spearman for each in of):.6f}",
                f"{min(each.median_track for each in of):.6f}",
                f"{min(each.worst_track for each in of):.6f}",
                f"{min(each.top_overlap for each in of):.4f}",
                f"{way.largest:.1e}",
                f"{max(each.relative for each in of):.1e}",
                "yes" if way.is_good else "no",
            )
        )
    widths = [max(len(row[k]) for row in rows) for k in range(len(_HEAD))]
    lines = ["against the plain engine in float64; the first line is the noise floor"]
    lines += ["  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)) for row in rows]
    lines += ["", f"largest differences, at most {result.limit:.1e} allowed"]
    for what, size in result.differences.items():
        lines.append(f"  {what:45}  {size:.1e}  {'ok' if size <= result.limit else 'TOO LARGE'}")
    return "\n".join(line.rstrip() for line in lines)
