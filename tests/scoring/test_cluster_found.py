"""Clusters that run already: found, or reached through Ray's client; and those of others."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import make_model
from scoring.clustered import N_CHUNKS, PER_CHUNK, fill

import mfdvep
from mfdvep.model.checkpoint import save_model

pytest.importorskip("ray")
pytestmark = pytest.mark.slow
N_CPUS = 3  # of the cluster, in name; another number than this machine has
OPTIONS = [
    "-f", "g.fa", "-m", "model", "--shifts", "1", "--strand", "forward", "--no-version",
    "--threads", "1",
]  # fmt: skip
NOT_BEGUN = "Initialization failure from server"


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """In which Ray's files lie apart from those of other clusters of this machine."""
    folder = tempfile.mkdtemp(prefix="r", dir="/tmp")  # names of sockets may not be long
    yield {
        **{name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
        "PYTHONPATH": str(Path(mfdvep.__file__).parents[1]),
        "RAY_TMPDIR": folder,
        "RAY_USAGE_STATS_ENABLED": "0",
        # what `ray start` asks for by default, and Ray's client does not give by default
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "a" * 32,
        "OMP_NUM_THREADS": "1",
    }
    shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def client_port(environment) -> Iterator[int]:
    """Begin a cluster as a person does."""
    port, client = free_port(), free_port()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block",
            f"--port={port}", f"--ray-client-server-port={client}", f"--num-cpus={N_CPUS}",
            "--include-dashboard=false", f"--object-store-memory={80 << 20}",
        ],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 60
    current = Path(environment["RAY_TMPDIR"]) / "ray" / "ray_current_cluster"
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", client)) == 0 and current.exists():
                break
        time.sleep(0.2)
    yield client
    process.terminate()  # and what it began
    process.wait(timeout=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = fill(tmp_path_factory.mktemp("found") / "in")
    save_model(make_model(), folder / "model", about={"name": "small"})
    return folder


def score(folder: Path, environment: dict[str, str], where: str, *more: str) -> dict:
    """Run the command; return its record."""
    (folder / where).mkdir()
    args = ["score", "in.vcf.gz", "-o", f"{where}/o.vcf.gz", *OPTIONS, *more]
    done = subprocess.run(
        [sys.executable, "-m", "mfdvep", *args, "--stats", f"{where}/o.stats.json"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if NOT_BEGUN in done.stderr:
        raise ConnectionError(done.stderr)
    assert done.returncode == 0, done.stderr
    return {"said": done.stderr, **json.loads((folder / where / "o.stats.json").read_text())}


def reached(folder: Path, environment: dict[str, str], where: str, *more: str) -> dict:
    """Return as `score`, again where Ray's proxy cannot reach the server that it began.

    So it was here in one run of four with Ray 2.60, after 30 s. Why is not known; the proxy's log
    says that it forks beside threads of gRPC, but it says so in the good runs too.
    """
    for attempt in range(6):
        try:
            return score(folder, environment, where, *more)
        except ConnectionError as error:
            said = str(error)
            (folder / where).rename(folder / f"{where}.{attempt}")
    pytest.skip(f"Ray did not begin its server for clients: {said}")


@pytest.mark.parametrize("way", ["auto", "client"])
def test_a_cluster_that_runs(folder, environment, client_port, way):
    """`--ray` finds what `ray start` began; `ray://` reaches it as from another machine."""
    if not (folder / "here").exists():
        score(folder, environment, "here")
    address = [] if way == "auto" else [f"ray://127.0.0.1:{client_port}"]
    assert os.cpu_count() != N_CPUS
    record = reached(folder, environment, way, "--ray", *address)
    assert record["records"] == N_CHUNKS * PER_CHUNK
    expected = (folder / "here" / "o.vcf.gz").read_bytes()
    assert (folder / way / "o.vcf.gz").read_bytes() == expected


def test_what_another_process_began_for_itself_is_not_joined(environment, tmp_path):
    """It would end with that process; Ray's own "auto" joins it."""
    apart = {**environment, "RAY_TMPDIR": tempfile.mkdtemp(prefix="r", dir="/tmp")}
    begin = "import ray; ray.init(address='local', num_cpus=61, include_dashboard=False)"
    ask = (
        "from mfdvep.scoring.cluster import Cluster\n"
        "with Cluster('auto') as cluster: print(cluster.n_workers)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", f"{begin}; print('up', flush=True); input()"],
        env=apart, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    try:
        assert other.stdout is not None
        while "up" not in (said := other.stdout.readline()):
            assert said, "it ended"
        found = subprocess.run(
            [sys.executable, "-c", ask], env=apart, capture_output=True, text=True, timeout=120
        )
    finally:
        other.communicate("\n", timeout=60)
        shutil.rmtree(apart["RAY_TMPDIR"], ignore_errors=True)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout.split()[-1]) == os.cpu_count()
