"""`mfdvep profile`: what bases round a motif or footprint add to direct features, on average."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.command import as_typed
from mfdvep.cli.progress import progress_bar

if TYPE_CHECKING:
    import numpy as np

    from mfdvep.genomics.genome import Genome
    from mfdvep.genomics.motif_scan import MotifScanner
    from mfdvep.interpret.profiles.running import ProfileResult, ProfileSettings
    from mfdvep.interpret.profiles.sites import Found, Site

_PATH = click.Path(path_type=Path)


@click.command("profile")
@click.argument("beds", metavar="BED...", nargs=-1, required=True, type=_PATH)
@click.option("--motif", metavar="FILE|IUPAC", help="Motif to centre on: MEME or JASPAR file, or "
              "a pattern such as CCANYAGRKGGC; default: BED has footprints, with strand in column "
              "6.")  # fmt: skip
@click.option("--motif-name", metavar="NAME", help="Which motif of a file with several.")
@click.option("--p-value", type=click.FloatRange(0, 1, min_open=True),
              help="Of a hit, one place and strand.  [default: 0.0001; a pattern matches "
              "wholly]")  # fmt: skip
@click.option("--min-score", type=click.FloatRange(0, 1, min_open=True), help="Instead: share of "
              "the way from the lowest to the highest score.")  # fmt: skip
@click.option("-r", "--region", multiple=True, metavar="CHR[:START-END]",
              help="Only what overlaps this; repeat.")  # fmt: skip
@click.option("--max-sites", type=click.IntRange(min=2), default=500, show_default=True,
              help="More are drawn from at random.")  # fmt: skip
@click.option("--data", type=_PATH, help="Training set, whose bins with fewer than two peaks are "
              "the baseline, from the sites' contigs if it has them.")  # fmt: skip
@click.option("--baseline-bed", type=_PATH, help="Instead: BED of baseline regions, whose middle "
              "is the centre.")  # fmt: skip
@click.option("--n-baseline", type=click.IntRange(min=2), default=500, show_default=True,
              help="Baseline sequences, drawn at random.")  # fmt: skip
@click.option("--feature", multiple=True, metavar="NAME",
              help="Direct feature, such as CTCF; repeat.  [default: all]")  # fmt: skip
@click.option("--method", type=click.Choice(["ig", "gradient"]), default="ig", show_default=True,
              help="Integrated gradients, or gradient x input (some 20 times faster).")  # fmt: skip
@click.option("--steps", type=click.IntRange(1, 1024), default=32, show_default=True,
              help="ig: points on the path.")  # fmt: skip
@click.option("--flank", type=click.IntRange(1, 512), default=100, show_default=True,
              help="Bases on each side of the centre.")  # fmt: skip
@click.option("--shifts", default="1", show_default=True, help="A count, or offsets like -2,0,2.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("-o", "--output", type=_PATH, required=True,
              help="NAME.tsv, NAME.parquet, or a folder: tables and figures.")  # fmt: skip
@click.option("-f", "--fasta", envvar="MFDVEP_FASTA", required=True, help="Indexed reference.")
@click.option("-m", "--model", help="Bundled model or model folder.  [default: the bundled one]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(1, 4096), help="CPU threads; default: all cores.")
@click.option("--force", is_flag=True, help="Overwrite the output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def profiles(beds: tuple[Path, ...], output: Path, threads: int | None, **given: Any) -> None:
    """Average what each base round a motif or footprint adds to the direct latent features.

    With --motif, BED has regions such as peaks: those that overlap are merged, and windows are
    centred on the best hit of each, and read along its strand. Without, BED has the footprints.
    Contributions are averaged by position, signed and absolute, less those of baseline sequences
    (--data or --baseline-bed), with 95 % intervals over sequences.

    \b
    Example:
      mfdvep profile peaks/*.bed.gz --motif CCANYAGRKGGCRS -f genome.fa --data human.set -o ctcf
    """
    import torch

    from mfdvep.genomics.sequences import shift_offsets
    from mfdvep.interpret.profiles.output import check
    from mfdvep.interpret.profiles.running import ProfileSettings

    if given["data"] and given["baseline_bed"]:
        raise click.UsageError("--data and --baseline-bed are two baselines; give one")
    if not given["motif"] and (given["motif_name"] or given["p_value"] or given["min_score"]):
        raise click.UsageError("--motif-name, --p-value and --min-score go with --motif")
    inputs = [*beds, given["baseline_bed"], given["data"], Path(given["motif"] or "-")]
    check(output, [p for p in inputs if p is not None and p.exists()], force=given["force"])
    if threads:
        torch.set_num_threads(threads)
    settings = ProfileSettings(
        given["method"],
        given["steps"],
        shift_offsets(given["shifts"]),
        flank=given["flank"],
        seed=given["seed"],
        device=given["device"],
    )
    _profile(beds, output, settings, given)


def _profile(
    beds: tuple[Path, ...], output: Path, settings: ProfileSettings, given: dict[str, Any]
) -> None:
    import numpy as np

    from mfdvep import __version__
    from mfdvep.genomics.genome import Genome
    from mfdvep.genomics.regions import Regions
    from mfdvep.interpret.profiles.output import write
    from mfdvep.interpret.profiles.running import profile, profile_targets, span_of
    from mfdvep.interpret.profiles.sites import footprint_sites, motif_sites, site_windows
    from mfdvep.model.checkpoint import DEFAULT_MODEL, load_model

    model = load_model(given["model"] or DEFAULT_MODEL)
    targets = profile_targets(model, given["feature"])
    scanner = _scanner(given)
    within = Regions.parse(given["region"]) if given["region"] else None
    generator = np.random.default_rng(settings.seed)
    with Genome(given["fasta"]) as genome:
        if scanner is None:
            found = footprint_sites(beds, genome, within=within)
        else:
            found = motif_sites(beds, genome, scanner, within=within)
        found.draw(given["max_sites"], generator)
        sites, codes = site_windows(found, genome, settings.shifts)
        if not given["quiet"]:
            click.echo(_told_sites(sites, found), err=True)
        quiet, source = _baseline(genome, sites, settings, generator, given)
        reference = genome.record
    with progress_bar("attributing", "sequences", quiet=given["quiet"]) as bar:
        result = profile(
            model, targets, codes, quiet, span=span_of(sites), settings=settings, progress=bar
        )
    name = "footprints" if scanner is None else scanner.motif.name
    method = "integrated gradients" if settings.method == "ig" else "gradient x input"
    about = {
        "mfdvep": __version__,
        "command": as_typed(),
        "model": dict(model.provenance),
        "reference": reference,
        "beds": [path.name for path in beds],
        "motif": None
        if scanner is None
        else {
            "name": scanner.motif.name,
            "threshold_bits": scanner.threshold / 1000,
            "p_value": float(scanner.p_values(np.array(scanner.threshold))),
        },
        "sites": len(sites),
        "left_out": dict(found.left_out),
        "baseline": {"source": source, "sequences": len(quiet)},
        "method": settings.method,
        "steps": settings.n_steps if settings.method == "ig" else None,
        "missed": {t.name: round(float(x), 4) for t, x in zip(targets, result.missed, strict=True)}
        if settings.method == "ig"
        else None,
        "shifts": list(settings.shifts),
        "flank": settings.flank,
        "seed": settings.seed,
    }
    title = f"Direct features round {name}: {method}, both strands"
    write(result, sites, output, title=title, about=about, force=given["force"])
    if not given["quiet"]:
        click.echo(_told(output, result), err=True)


def _scanner(given: dict[str, Any]) -> MotifScanner | None:
    from mfdvep.genomics.motif_scan import MotifScanner
    from mfdvep.genomics.motifs import read_motif

    if not given["motif"]:
        return None
    motif = read_motif(given["motif"], name=given["motif_name"])
    return MotifScanner(motif, p_value=given["p_value"], min_score=given["min_score"])


def _baseline(
    genome: Genome,
    sites: list[Site],
    settings: ProfileSettings,
    generator: np.random.Generator,
    given: dict[str, Any],
) -> tuple[np.ndarray, str | None]:
    """Return baseline sequences (m, L), on random strands, and where they are from."""
    import numpy as np

    from mfdvep.interpret.profiles.sites import footprint_sites, on_random_strands, site_windows
    from mfdvep.interpret.windows import stretch_bases

    n, n_bases = given["n_baseline"], stretch_bases(settings.shifts)
    if given["data"]:
        from mfdvep.training.dataset import TrainingSet
        from mfdvep.training.quiet_bins import quiet_windows

        data = TrainingSet.open(given["data"])
        contigs = sorted({site.chrom for site in sites})
        codes = quiet_windows(data, n, n_bases=n_bases, generator=generator, contigs=contigs)
        source = f"bins of {Path(given['data']).name} in the peaks of fewer than 2 experiments"
    elif given["baseline_bed"]:
        found = footprint_sites([given["baseline_bed"]], genome)
        found.draw(n, generator)
        _, codes = site_windows(found, genome, settings.shifts)
        source = given["baseline_bed"].name
    else:
        return np.empty((0, n_bases), dtype=np.uint8), None
    return on_random_strands(codes, generator), source


def _told_sites(sites: list[Site], found: Found) -> str:
    left = "".join(f"; {n:,} {why}" for why, n in found.left_out.items() if n)
    forward = sum(site.strand != "-" for site in sites)
    line = f"mfdvep: {len(sites):,} sites, {forward:,} on + and {len(sites) - forward:,} on -{left}"
    if sites and all(site.strand == "." for site in sites):
        line += "\nmfdvep: no footprint has a strand (column 6): all are read along +"
    return line


def _told(output: Path, result: ProfileResult) -> str:
    """Return a table of the features, largest difference first."""
    s = result.profile.summary
    order = sorted(range(len(s["feature"])), key=lambda t: -abs(float(s["inside_minus_flank"][t])))
    rows = [("feature", "half", "inside - flank (95 %)", "share inside", "peak")]
    for t in order:
        low, high = (float(s[f"inside_minus_flank_{end}"][t]) for end in ("low", "high"))
        rows.append((
            s["feature"][t], s["half"][t],
            f"{float(s['inside_minus_flank'][t]):.4f} ({low:.4f} to {high:.4f})",
            f"{float(s['share_inside'][t]):.0%} of {float(s['share_of_positions'][t]):.0%}",
            f"{int(s['peak_position'][t]):+d}",
        ))  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
             for row in rows]  # fmt: skip
    return "\n".join([*lines, f"mfdvep: {output}"])
