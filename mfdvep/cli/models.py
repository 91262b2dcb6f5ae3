"""`mfdvep models`: what is bundled."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
def models() -> None:
    """List the bundled models: name, tracks or cells, weights' sha256, folder.

    Those with tracks predict them from sequence; those with cells predict the expression of genes
    from the histone marks round them (`mfdvep expression`).

    \b
    Example:
      mfdvep models
    """
    from mfdvep.model.checkpoint import (
        EXPRESSION,
        WEIGHTS,
        bundled_models,
        read_config,
        read_expression_config,
        weights_folder,
    )
    from mfdvep.model.tracks import TrackTable

    for name in bundled_models():
        folder = weights_folder() / name
        n_tracks = len(TrackTable.read(folder / "tracks.tsv"))
        _tell(name, f"{n_tracks} tracks", read_config(folder)["sha256"][WEIGHTS], folder)
    for name in bundled_models(EXPRESSION):
        folder = weights_folder() / name
        config = read_expression_config(folder)
        cells = f"expression in {len(config['model']['cells'])} cells"
        _tell(name, cells, config["sha256"][WEIGHTS], folder)


def _tell(name: str, what: str, digest: str, folder: Path) -> None:
    click.echo(f"{name}\t{what}\tsha256 {digest[:16]}\t{folder}")
