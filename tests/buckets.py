"""Object storage for tests: a server on this machine that speaks as S3 does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mfdvep.storage import Remote
from mfdvep.uris import located


@dataclass(frozen=True)
class Bucket:
    """A bucket that is empty at first, and its server's address."""

    name: str
    address: str

    def uri(self, name: str) -> str:
        return f"s3://{self.name}/{name}?endpoint_override={self.address}&scheme=http"

    def at(self, name: str) -> Remote:
        found = located(self.uri(name))
        assert isinstance(found, Remote)
        return found

    def names(self) -> set[str]:
        """Return the names of all objects but those that stand for folders."""
        from pyarrow.fs import FileSelector

        found = self.at("x").filesystem.get_file_info(FileSelector(self.name, recursive=True))
        return {info.path.removeprefix(f"{self.name}/") for info in found if info.is_file}

    def read(self, name: str) -> bytes:
        with self.at(name).open("rb") as file:
            return bytes(file.read())

    def contents(self) -> dict[str, bytes]:
        return {name: self.read(name) for name in self.names()}


def start() -> tuple[Any, str]:
    """Start a server; return it and its address."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return server, f"{host}:{port}"


def make(name: str, address: str) -> Bucket:
    """Make a bucket."""
    from pyarrow.fs import S3FileSystem

    S3FileSystem(endpoint_override=address, scheme="http", allow_bucket_creation=True).create_dir(
        name
    )
    return Bucket(name, address)
