"""What the commands of `mfdvep variants` share: options of the output, and telling the counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mfdvep.cli.progress import Report, progress_bar

if TYPE_CHECKING:
    from mfdvep.enrichment.sets.labelled import LabelledSet

PATH = click.Path(path_type=Path)
_OUTPUT = "NAME.vcf.gz, .vcf, .bcf or .parquet"


def output_options(default: str | None = None) -> Callable[[Any], Any]:
    """Return a decorator that adds -o, --write-index, --force and -q.

    Parameters
    ----------
    default
        How to say where the output goes without -o; None requires -o.
    """
    told = f"{_OUTPUT}.  [default: {default}]" if default else f"{_OUTPUT}."
    options = [
        click.option("-o", "--output", type=PATH, required=default is None, help=told),
        click.option("--write-index", is_flag=True, help="Write the .tbi or .csi of the output."),
        click.option("--force", is_flag=True, help="Overwrite the output."),
        click.option("-q", "--quiet", is_flag=True, help="No progress and no counts."),
    ]

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


class Bars:
    """Progress bars, one a step; a context manager, which ends the last one."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._stack = quiet, ExitStack()

    def __call__(self, label: str, unit: str = "rows") -> Report | None:
        """End the last bar and return the callback of a new one."""
        self._stack.close()
        return self._stack.enter_context(progress_bar(label, unit, quiet=self._quiet))

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def write_set(found: LabelledSet, output: Path, command: str, *, index: bool, quiet: bool) -> None:
    """Write a labelled set and tell its counts."""
    from mfdvep.enrichment.sets.labelled import NEGATIVE, POSITIVE, publish

    publish(found, output, made_by=f"mfdvep variants {command}", index=index)
    if quiet:
        return
    labels = [variant.label for variant in found.variants]
    said = f"{labels.count(POSITIVE):,} positives, {labels.count(NEGATIVE):,} negatives"
    if set(labels) - {POSITIVE, NEGATIVE}:
        said = f"{min(labels):g} to {max(labels):g}"
    lines = [f"{output}: {len(labels):,} variants: {said}"]
    for counts in found.counts:
        lines += counts.lines()
    click.echo("\n".join(lines), err=True)


def make_parent(output: Path, given: Path | None) -> None:
    """Make the data folder of an output that the user did not name."""
    from mfdvep.errors import OutputError

    if given is not None:
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{output.parent}: cannot make the data folder: {error.strerror}; name another with "
            "--data"
        ) from error


def all_files(paths: Sequence[Path | None]) -> list[Path]:
    """Return those of the paths that are given."""
    return [path for path in paths if path is not None]
