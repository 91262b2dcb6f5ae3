"""A connection to Ray, which places tasks, and repeats those whose worker or machine died."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mfdvep.errors import ClusterError, MfdvepError

RETRIES = 2  # of a task whose worker died
_REACHABLE = 10.0  # seconds in which an address has to answer; Ray itself takes minutes


class Cluster:
    """A connection to Ray; a context manager.

    Parameters
    ----------
    address
        "local": this machine alone; "HOST:PORT" or "ray://HOST:PORT"; "auto": the cluster that
        RAY_ADDRESS names or that `ray start` began on this machine, else this machine alone.
    workers
        How many at once; None: as many as the cluster has room for.
    threads
        CPUs of each.
    gpus
        Of each, at most 1; a share such as .5 lets several use one. None: one if the cluster has
        GPUs, and none otherwise.

    Raises
    ------
    ClusterError
        Ray is not installed, or of another version than the cluster's; nothing answers at the
        address; the cluster has no room for a worker.
    """

    def __init__(
        self,
        address: str = "auto",
        *,
        workers: int | None = None,
        threads: int = 1,
        gpus: float | None = None,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise ClusterError("--ray needs Ray: pip install 'mfdvep[ray]'") from error
        self.ray: Any = ray
        self._wanted, self.threads = workers, threads
        self._is_own = not ray.is_initialized()
        if self._is_own:
            n_cpus = None if workers is None else workers * threads
            with _same_signals():
                _connect(ray, address, n_cpus)
        try:
            has_gpus = any(has.get("GPU", 0) > 0 for has in self._machines().values())
            self.gpus: float = gpus if gpus is not None else float(has_gpus)
            if self.n_workers < 1:
                found = [
                    f"{has.get('CPU', 0):g} and {has.get('GPU', 0):g}"
                    for has in self._machines().values()
                ]
                raise ClusterError(
                    f"no machine has room for a worker with {threads} and {self.gpus:g}: the "
                    f"cluster's have these CPUs and GPUs: {'; '.join(found[:5]) or 'none'}; give "
                    "fewer --threads or --gpus-per-worker"
                )
        except BaseException:
            self.close()
            raise

    @property
    def n_workers(self) -> int:
        """How many there is room for now, or those that were asked for."""
        room = sum(map(self._room, self._machines().values()))
        return room if self._wanted is None else min(self._wanted, room)

    def _machines(self) -> dict[str, dict[str, float]]:
        """Return the machines that are there now: Ray's name of each -> what it has."""
        found = self.ray.nodes()
        return {node["NodeID"]: node["Resources"] for node in found if node["Alive"]}

    def _room(self, has: dict[str, float]) -> int:
        """Return for how many workers a machine has room."""
        room = has.get("CPU", 0) // self.threads
        if self.gpus:
            room = min(room, has.get("GPU", 0) * int(1 / self.gpus))  # none uses parts of two
        return int(room)

    def task(self, function: Callable[..., Any], **options: Any) -> Any:
        """Return a function as a Ray task that takes a worker's share of a machine."""
        share = {"num_cpus": self.threads, "num_gpus": self.gpus}
        # else Ray ends a process that has a GPU after each task, and the scorer with it
        options = {"max_retries": RETRIES, "max_calls": 0, **share, **options}
        return self.ray.remote(**options)(function)

    def everywhere(self, function: Callable[..., Any], *args: Any) -> list[Any]:
        """Return what a task gives on each machine that has room for a worker.

        Raises
        ------
        MfdvepError
            As the task does; the first of them.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        waiting = []
        for name, has in self._machines().items():
            if self._room(has) < 1:
                continue
            there = NodeAffinitySchedulingStrategy(name, soft=False)
            waiting.append(self.task(function, scheduling_strategy=there).remote(*args))
        return [self.get(ref, lambda: "the check") for ref in waiting]

    def get(self, ref: Any, what: Callable[[], str]) -> Any:
        """Return what a task gives.

        Parameters
        ----------
        what
            Gives the name of the task for a message.

        Raises
        ------
        MfdvepError
            As the task does.
        ClusterError
            Its workers died, three times; or one could not read or write, or had no memory; or
            the cluster itself failed.
        """
        lost = self.ray.exceptions
        try:
            with _as_signalled():
                return self.ray.get(ref)
        except lost.RayTaskError as error:
            if isinstance(error.cause, MfdvepError):
                raise error.cause from None
            if isinstance(error.cause, OSError | MemoryError):
                kind = type(error.cause).__name__
                raise ClusterError(f"{what()}: {kind}: {error.cause}") from error
            error.add_note(what())
            raise
        except (lost.WorkerCrashedError, lost.NodeDiedError, lost.OutOfMemoryError) as error:
            raise ClusterError(
                f"{what()} ended the worker {1 + RETRIES} times ({type(error).__name__}: "
                f"{_first_sentence(error)})"
            ) from error
        except lost.RayError as error:
            raise ClusterError(
                f"{what()}: {type(error).__name__}: {_first_sentence(error)}"
            ) from error

    def each(self, tasks: Iterable[tuple[Any, Callable[[], str]]]) -> Generator[Any, None, None]:
        """Yield what tasks give, as they end; no more of them are begun than are needed.

        Parameters
        ----------
        tasks
            References to tasks, made when they are asked for, each with what names it for `get`.
        """
        waiting: dict[Any, Callable[[], str]] = {}

        def ended() -> Any:
            with _as_signalled():
                (ref,), _ = self.ray.wait(list(waiting), num_returns=1)
            return self.get(ref, waiting.pop(ref))

        try:
            for ref, what in tasks:
                waiting[ref] = what
                # the next task of each worker waits for it, unless Ray would begin it at once
                room = max(1, self.n_workers) * (2 if self._wanted is None else 1)
                while len(waiting) >= room:
                    yield ended()
            while waiting:
                yield ended()
        finally:
            for ref in () if self._is_own else waiting:  # what is our own ends with us
                with suppress(Exception):  # the cluster may be gone
                    self.ray.cancel(ref)

    def close(self) -> None:
        """End the connection, and what runs for it."""
        if self._is_own:
            self.ray.shutdown()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connect(ray: Any, address: str, n_cpus: int | None) -> None:
    """Begin to use a cluster, or start one on this machine alone; raises ClusterError."""
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", address)
    try:
        if address in ("auto", "local"):
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if address == "auto":
            try:
                # Ray's "auto" joins any that runs here, such as what another run began for itself
                ray.init(**quiet)
                return
            except ConnectionError:  # what `ray start` began is gone
                address = "local"
        if address == "local":
            ray.init(address="local", num_cpus=n_cpus, include_dashboard=False, **quiet)
            return
        host, _, port = address.removeprefix("ray://").rpartition(":")
        socket.create_connection((host, int(port)), timeout=_REACHABLE).close()
        ray.init(address=address, **quiet)
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        raise ClusterError(
            f"--ray {address}: {_first_sentence(error)}; is it the address that `ray start` told, "
            "is this machine in the cluster, and is RAY_AUTH_MODE set as there?"
        ) from error


@contextmanager
def _same_signals() -> Iterator[None]:
    """Keep who handles SIGINT and SIGTERM, which Ray takes for itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)


@contextmanager
def _as_signalled() -> Iterator[None]:
    """Let SIGTERM end this process as its handler does: Ray 2.60 forgets the exit status."""
    try:
        yield
    except SystemExit:
        handler = signal.getsignal(signal.SIGTERM)
        if callable(handler):
            handler(signal.SIGTERM, None)
        raise


def _first_sentence(error: BaseException) -> str:
    # Ray's client ends the first line with a colon, and says on the next what it is
    lines = str(error).strip().replace(":\n", ": ").splitlines()
    text = (lines or [type(error).__name__])[0]
    return text.partition(". ")[0].rstrip(".")[:200]
