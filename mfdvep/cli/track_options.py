"""The options that choose a model's tracks, which are the same in every command that has them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mfdvep.model.mfd import MFDModel
    from mfdvep.model.virtual import VirtualTrack


def virtual_option(command: Callable) -> Callable:
    """Add --virtual."""
    return click.option(
        "--virtual",
        multiple=True,
        metavar="COLUMN=VALUE,...|TOML",
        help="A track of metadata, such as target=H3K27ac,biosample=K562, which no experiment "
        "need have; what is not said is averaged over; repeat.",
    )(command)


def track_options(command: Callable) -> Callable:
    """Add --where, --tracks and --virtual."""
    for option in (
        virtual_option,
        click.option("--tracks", multiple=True, help="A track's name, or a file of names; repeat."),
        click.option(
            "--where",
            multiple=True,
            help="""Only tracks like 'target == "CTCF" and n_peaks > 500'; repeat.""",
        ),
    ):
        command = option(command)
    return command


def with_virtual(model: MFDModel, given: Sequence[str]) -> MFDModel:
    """Return the model with the tracks that --virtual describes, if it describes some."""
    from mfdvep.model.virtual import add_virtual

    return add_virtual(model, _described(given))


def chosen(model: str | None, given: Mapping[str, Any]) -> tuple[MFDModel, list[int]]:
    """Return a model, and the rows of the tracks that the options of `track_options` choose.

    All tracks where nothing is chosen; --virtual alone chooses what it describes.

    Parameters
    ----------
    model
        Name or folder; None: the bundled one.
    """
    from mfdvep.model.checkpoint import DEFAULT_MODEL, load_model
    from mfdvep.model.selection import select
    from mfdvep.model.virtual import virtual_rows

    loaded = load_model(model or DEFAULT_MODEL)
    more = with_virtual(loaded, given["virtual"])
    own: list[int] = []
    if given["where"] or given["tracks"] or more is loaded:
        own = select(loaded.tracks, where=given["where"], names=given["tracks"])
    return more, own + virtual_rows(more.tracks)


def track_files(given: Mapping[str, Any]) -> list[Path]:
    """Return the files that --tracks and --virtual name, and those of the model's folder."""
    from mfdvep.model.checkpoint import DEFAULT_MODEL, model_folder

    paths = [Path(name) for name in (*given["tracks"], *given["virtual"])]
    inside = model_folder(given["model"] or DEFAULT_MODEL).iterdir()
    return [path for path in [*paths, *inside] if path.is_file()]


def _described(given: Sequence[str]) -> list[VirtualTrack]:
    from mfdvep.model.virtual import parse_virtual, read_virtual

    tracks = []
    for text in given:
        is_file = text.endswith(".toml") or os.path.isfile(text)
        tracks += read_virtual(text) if is_file else [parse_virtual(text)]
    return tracks
