"""What the subcommands of `mfdvep align` share: options of inputs, and words on who is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from mfdvep.errors import InputError

PATH = click.Path(path_type=Path)
_SHOWN = 8  # reasons


def other_inputs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name other inputs than those of training."""
    for option in (
        click.option("--covariates", type=PATH, help="In place of the training's."),
        click.option(
            "--genetics",
            multiple=True,
            metavar="[NAME=]FILE",
            help="In place of the training's, all of them.",
        ),
        click.option("--images", type=PATH, help="In place of the training's."),
    ):
        command = option(command)
    return command


def named(files: Sequence[str]) -> dict[str, str]:
    """Return files by name, the file's own without its endings where none is given.

    Raises
    ------
    InputError
        A name that is given twice.
    """
    found: dict[str, str] = {}
    for text in files:
        name, equals, file = text.partition("=")
        if not equals or "/" in name:
            name, file = Path(text).name.partition(".")[0], text
        if name in found:
            raise InputError(f"two inputs are named {name!r}; give them names: NAME=FILE")
        found[name] = file
    return found


def tell_people(counts: Mapping[str, Any], *, quiet: bool) -> None:
    """Say on stderr who takes part, and why others do not."""
    if quiet:
        return
    splits = ", ".join(f"{n:,} {name}" for name, n in counts["splits"].items())
    click.echo(
        f"mfdvep: {counts['used']:,} of {counts['people']:,} people take part, in "
        f"{counts['families']:,} families: {splits}",
        err=True,
    )
    reasons = [f"{n:,} {why}" for why, n in counts.items() if why.startswith("without ")]
    if reasons:
        click.echo(f"mfdvep: left out: {', '.join(reasons[:_SHOWN])}", err=True)
    for name, n in counts["present"].items():
        if n < counts["used"]:
            click.echo(f"mfdvep: {n:,} of those who take part have {name}", err=True)
