"""Outputs by path or URI: what a name stands for, and whether it can be written."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from mfdvep.errors import OutputError
from mfdvep.storage import AnyPath, Remote

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_S3_OPTIONS = ("scheme", "endpoint_override", "tls_ca_file_path")


def is_uri(name: str) -> bool:
    """Return whether the name of an output is a URI, and no path."""
    return _URI.match(name) is not None


def located(output: str | AnyPath) -> AnyPath:
    """Return what the name of an output stands for.

    Parameters
    ----------
    output
        A path, or a URI that `pyarrow.fs.FileSystem.from_uri` takes, as text: a `Path` would make
        one slash of two.

    Raises
    ------
    OutputError
        A URI of nothing that pyarrow knows or can reach, of no file, or with a password.
    """
    if not isinstance(output, str) or not is_uri(output):
        return output if isinstance(output, Remote) else Path(output)
    import pyarrow as pa
    from pyarrow.fs import FileSystem, LocalFileSystem

    if urlsplit(output).password is not None:
        scheme, _, rest = output.partition("://")
        raise OutputError(
            f"{scheme}://...@{rest.rpartition('@')[2]}: a key in a URI would be written to the "
            "outputs; give it as the environment has it, as in AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
    try:
        filesystem, path = FileSystem.from_uri(output)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(_unreachable(output, error)) from error
    if isinstance(filesystem, LocalFileSystem):
        return Path(path)
    if "/" not in path:
        raise OutputError(f"{output} names no file; expected as s3://BUCKET/NAME")
    return Remote(_steady(filesystem, output), path, output)


def _steady(filesystem: FileSystem, uri: str) -> FileSystem:
    """Return a file system of S3 that waits for what it writes; any other as it is.

    Written in the background, 500 MB to a slow server were held in 466 MB of memory; so in 89. A
    file that is opened when its bytes are there is one request, and not three.
    """
    if filesystem.type_name != "s3":
        return filesystem
    from pyarrow.fs import S3FileSystem

    given = dict(parse_qsl(urlsplit(uri).query))
    options: dict[str, Any] = {name: given[name] for name in _S3_OPTIONS if name in given}
    return S3FileSystem(
        region=filesystem.region, background_writes=False, allow_delayed_open=True, **options
    )


def check_remotes(
    outputs: Mapping[str, Remote], inputs: Sequence[str | Path], *, force: bool = False
) -> None:
    """Refuse outputs that cannot be written or would destroy something, as `check_outputs` does.

    Raises
    ------
    OutputError
        See `check_outputs`, but that folders on object storage come with what is in them.
    """
    seen: list[tuple[str, Remote]] = []
    read = {str(path) for path in inputs}
    for use, remote in outputs.items():
        if str(remote) in read:
            raise OutputError(f"{use} {remote} is an input of this run; choose another output")
        for other_use, other in seen:
            if remote.is_same(other):
                raise OutputError(f"{use} {remote} is the {other_use} too; give each its own")
        seen.append((use, remote))
        try:
            if remote.is_dir():
                raise OutputError(f"{use} {remote} is a folder; give a file")
            if remote.exists() and not force:
                raise OutputError(f"{use} {remote} exists; choose another output or use --force")
        except OSError as error:
            raise OutputError(_unreachable(remote, error)) from error


def check_writable(remotes: Sequence[Remote]) -> None:
    """Write a small file to each folder that outputs are in, and remove it.

    Raises
    ------
    OutputError
        There is no such bucket or server; these credentials may not write there, or remove; or a
        path that storage does not take.
    """
    import pyarrow as pa

    probed: list[Remote] = []
    for remote in remotes:
        probe = remote.with_name(f"{remote.name}.{uuid.uuid4().hex[:12]}.tmp")
        if any(remote.with_name("").is_same(other.with_name("")) for other in probed):
            continue
        probed.append(remote)
        try:
            probe.touch()
            probe.unlink()
        except (OSError, pa.ArrowException, OutputError) as error:
            cause = error.__cause__ if isinstance(error, OutputError) else error
            raise OutputError(_unreachable(remote, cause or error)) from error


def _unreachable(place: str | Remote, error: BaseException) -> str:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{place}: {text}; are the bucket, its endpoint or region, and the credentials right?"
