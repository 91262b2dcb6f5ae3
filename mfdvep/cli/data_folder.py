"""The data folder: where labelled sets are kept that commands know by name."""

from __future__ import annotations

from pathlib import Path

import click

VARIABLE = "MFDVEP_DATA"


def data_folder(given: Path | None) -> Path:
    """Return the folder that was given, or the one of the user's settings.

    Parameters
    ----------
    given
        Of --data or `VARIABLE`, which `data_option` reads both.
    """
    return given or Path(click.get_app_dir("mfdvep"))


def labelled_set(given: Path | None, name: str) -> Path:
    """Return where a labelled set is kept: NAME.vcf.gz in the data folder."""
    return data_folder(given) / f"{name}.vcf.gz"


data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar=VARIABLE,
    help=f"Folder of labelled sets.  [default: ${VARIABLE}, or the settings folder of mfdvep]",
)
