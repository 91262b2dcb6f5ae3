"""A group of commands whose modules are imported when they are asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import click


class LazyGroup(click.Group):
    """Imports a command's module when it is asked for, so that --help stays quick.

    Parameters
    ----------
    told
        Command -> what the group's help says of it.
    prefix
        Of the module's name in `mfdvep.cli`; the module has a command of the module's name, which
        has "_" for the "-" of a command.
    modules
        Command -> module, for a command whose name a module must not have.
    """

    def __init__(
        self,
        *args: Any,
        told: Mapping[str, str],
        prefix: str = "",
        modules: Mapping[str, str] = MappingProxyType({}),
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._told, self._prefix, self._modules = told, prefix, modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._told)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self._told:
            return None
        module = f"{self._prefix}{self._modules.get(name, name)}".replace("-", "_")
        return getattr(importlib.import_module(f"mfdvep.cli.{module}"), module)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._told.items()))
