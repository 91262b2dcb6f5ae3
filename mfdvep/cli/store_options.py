"""Options of `mfdvep score` for what it keeps besides effects on tracks: features, and groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from mfdvep.cli.parameters import Output

STORE_OPTIONS = ("store_features", "store_type", "groups", "group_by")


def _columns(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that are given with commas between, or the option repeated."""
    return tuple(name.strip() for text in given for name in text.split(",") if name.strip())


group_by_option = click.option(
    "--group-by",
    multiple=True,
    callback=_columns,
    metavar="COLUMN,...",
    help="Columns of the tracks, as target,biosample: one effect for each of their combinations, "
    "mean and largest.",
)


def store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; `check_store_options` checks what is given."""
    for option in (
        group_by_option,
        click.option("--groups", type=Output(), help="Parquet file of the effects of --group-by."),
        click.option(
            "--store-type",
            type=click.Choice(["float32", "float16"]),
            default="float32",
            show_default=True,
            help="Of the features; float16: half the size, effects off by 3e-4 of theirs.",
        ),
        click.option(
            "--store-features",
            type=Output(),
            help="Parquet file of latent features: mfdvep query has effects of any track from it, "
            "without genome or network.",
        ),
    ):
        command = option(command)
    return command


def check_store_options(given: dict[str, Any]) -> None:
    """Raise a usage error for options of which one needs another."""
    if given["store_type"] != "float32" and not given["store_features"]:
        raise click.UsageError("--store-type is of --store-features; give its file")
    if bool(given["groups"]) != bool(given["group_by"]):
        raise click.UsageError("--group-by and --groups go together: columns, and the file")
