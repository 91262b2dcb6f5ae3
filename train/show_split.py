"""Print through which half the effects of the simulated variants go.

    python train/show_split.py OUT.parquet --vcf runs/simulated/variants.vcf.gz

OUT.parquet is the matrix of `mfdvep score --scale logit --matrix`: on logits the biological and
the technical effect add up to the combined one, so a share of it can be given.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np
import pysam

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))  # its motifs and chains

from regulation import BIOLOGY, WORDS, feels, kind_of


def read_sites(vcf: str | Path) -> dict[tuple[str, int, str], str]:
    """Return (chrom, 1-based pos, ALT) -> the motif or word that is broken, '' for none."""
    with pysam.VariantFile(str(vcf)) as file:
        return {(r.chrom, r.pos, r.alts[0]): r.info.get("SITE", "") for r in file}


def share(biological: np.ndarray, technical: np.ndarray) -> float:
    """Return the part of the effects, in size, that goes through the biological half, 0 to 1."""
    sizes = np.abs(biological).sum(), np.abs(technical).sum()
    return float(sizes[0] / sum(sizes)) if sum(sizes) else float("nan")


def lines(effects, sites: Mapping[tuple[str, int, str], str]) -> list[str]:
    """Return the table: a line a motif or word, over the tracks that feel it.

    Parameters
    ----------
    effects
        What `mfdvep.read_effects` returns, on logits.
    sites
        Of `read_sites`.

    Raises
    ------
    ValueError
        A variant that the VCF does not have.
    """
    tracks = effects.tracks
    rows = [{name: tracks[name][i] for name in tracks.columns} for i in range(len(tracks))]
    keys = [(v.chrom, v.pos, v.alt) for v in effects.variants]
    if unknown := [key for key in keys if key not in sites]:
        raise ValueError(f"{len(unknown)} variants are not in the VCF, the first at {unknown[0]}")
    named = np.array([sites[key] for key in keys])
    out = ["site\tcause\tvariants\ttracks\tcombined\tbiological\ttechnical\tshare_biological"]
    for name in (*BIOLOGY, *WORDS, ""):
        own = np.array([not name or feels(row, name) for row in rows])
        chosen = named == name
        if not chosen.any():
            continue
        parts = [
            getattr(effects, kind)[np.ix_(chosen, own)].astype(np.float64)  # (n, tracks)
            for kind in ("combined", "biological", "technical")
        ]
        cells = [f"{part.mean():+.3f}" for part in parts]
        shown = [name or "none", kind_of(name) if name else "none", chosen.sum(), own.sum()]
        out.append("\t".join([*map(str, shown), *cells, f"{share(*parts[1:]):.2f}"]))
    return out


@click.command()
@click.argument("matrix", type=click.Path(exists=True, path_type=Path))
@click.option("--vcf", type=click.Path(exists=True, path_type=Path), required=True,
              help="The simulation's variants.vcf.gz.")  # fmt: skip
def main(matrix: Path, vcf: Path) -> None:
    """Print the effects of broken motifs and words in MATRIX, and through which half they go."""
    from mfdvep import MfdvepError, read_effects

    try:
        table = lines(read_effects(matrix), read_sites(vcf))
    except (MfdvepError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join(table))


if __name__ == "__main__":
    main()
