"""Folders that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep.errors import OutputError
from mfdvep.files import check_outputs


@contextmanager
def new_folder(folder: str | Path, *, marker: str, force: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `folder`, which it becomes on leaving without an error.

    Parameters
    ----------
    folder
        What will be there in the end; on an error nothing is left and an old one stays.
    marker
        File that tells a folder of this kind: `force` replaces only a folder that has it.
    force
        Replace an existing folder.

    Raises
    ------
    OutputError
        See `check_output`; or the folder cannot be made or renamed.
    """
    folder = Path(folder)
    check_output(folder, marker=marker, force=force)
    part = folder.absolute().with_name(f".{folder.absolute().name}.part-{os.getpid()}")
    try:
        with writing(folder):
            part.mkdir(parents=True)
        yield part
        check_output(folder, marker=marker, force=force)
        with writing(folder):
            if folder.exists():
                shutil.rmtree(folder)
            part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError inside (disk full, not permitted) into an OutputError that names `path`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot write it whole: {error}") from error


def check_output(
    folder: str | Path, *, marker: str, force: bool, apart: Sequence[Path] = ()
) -> None:
    """Refuse a folder that must not be replaced.

    Parameters
    ----------
    marker, force
        See `new_folder`.
    apart
        Files and folders of the same run, which may not lie in the folder that is replaced.

    Raises
    ------
    OutputError
        One of `apart` is the folder or lies in it; it exists and `force` is not given; or it is
        not empty and has no file `marker`.
    """
    folder = Path(folder)
    for path in apart:
        if path.resolve().is_relative_to(folder.resolve()):
            raise OutputError(f"{path} lies in the folder {folder}; give the folder its own place")
    if not folder.exists():
        return
    if not force:
        raise OutputError(f"{folder}: exists already; name another folder, or use --force")
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / marker).is_file()):
        raise OutputError(
            f"{folder}: --force replaces only a folder with {marker} in it; name another folder"
        )


def check_file_or_folder(
    output: str | Path,
    inputs: Sequence[Path],
    *,
    files: Collection[str],
    marker: str,
    force: bool = False,
) -> None:
    """Refuse an output that cannot be written or would destroy something, before any work.

    Parameters
    ----------
    inputs
        Files that are read.
    files
        Endings of an output that is a file; any other is a folder.
    marker, force
        See `new_folder`.

    Raises
    ------
    OutputError
        See `check_outputs` and `check_output`.
    """
    if Path(output).suffix in files:
        check_outputs({"output": output}, inputs, force=force)
    else:
        check_output(output, marker=marker, force=force, apart=inputs)


def write_json(path: Path, value: Any, *, allow_nan: bool = True) -> None:
    """Write a record to read: indented, with its own letters, arrays as lists, paths as text."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=allow_nan, default=_plain)
    path.write_text(f"{text}\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    """Return what JSON has for a value of NumPy, or a path."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
