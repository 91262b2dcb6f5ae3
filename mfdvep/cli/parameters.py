"""Kinds of values that options take, besides those of click."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mfdvep.uris import is_uri

_MOST_WINDOWS = 1 << 16  # more than any memory holds, but no overflow


class FilePath(click.Path):
    """A file's path; not "-", which elsewhere stands for a stream."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if str(value) == "-":
            self.fail("- is no file, and this cannot be a stream; give a file", param, ctx)
        return super().convert(value, param, ctx)


class Output(click.ParamType):
    """A path, or a URI, which stays as it is typed."""

    name = "PATH|URI"

    def convert(self, value: Any, param: Any, ctx: Any) -> str | Path:
        return value if is_uri(str(value)) else Path(value)


class Share(click.ParamType):
    """A count such as 100, or a share such as 1%."""

    name = "N|N%"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        number = value.removesuffix("%")
        try:
            if float(number) >= 0 and (number != value or number.isdigit()):
                return value
        except ValueError:
            pass
        self.fail(f"{value!r}: expected a count such as 100, or a share such as 1%", param, ctx)


class Count(click.ParamType):
    """A number of windows, or auto."""

    name = "N|auto"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | str:
        if value == "auto":
            return value
        try:
            if 1 <= int(value) <= _MOST_WINDOWS:
                return int(value)
        except ValueError:
            pass
        self.fail(f"{value!r}: expected auto, or a count from 1 to {_MOST_WINDOWS}", param, ctx)


class Quantiles(click.ParamType):
    """Numbers with commas between them."""

    name = "Q,Q..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(text) for text in value.split(","))
        except ValueError:
            self.fail(f"{value!r}: expected numbers such as 0.9,0.99", param, ctx)


class Block(click.ParamType):
    """A number of bases, or contig."""

    name = "BASES|contig"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | None:
        if value is None or value == "contig":
            return None
        try:
            if int(value) > 0:
                return int(value)
        except ValueError:
            pass
        self.fail(f"{value!r}: expected a number of bases, or contig", param, ctx)


def comma_list(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    """Return the names of a comma list: the callback of an option."""
    return tuple(filter(None, (name.strip() for name in value.split(","))))
