"""`mfdvep models`: what is bundled."""

from __future__ import annotations

import click


@click.command()
def models() -> None:
    """List the bundled models: name, tracks, weights' sha256, folder.

    \b
    Example:
      mfdvep models
    """
    from mfdvep.model.checkpoint import bundled_models, read_config, weights_folder
    from mfdvep.model.tracks import TrackTable

    for name in bundled_models():
        folder = weights_folder() / name
        digest = read_config(folder)["sha256"]["model.safetensors"]
        n_tracks = len(TrackTable.read(folder / "tracks.tsv"))
        click.echo(f"{name}\t{n_tracks} tracks\tsha256 {digest[:16]}\t{folder}")
