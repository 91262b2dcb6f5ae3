"""Options of `mfdvep score` for a Ray cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mfdvep.scoring.cluster import Cluster

_ADDRESS = r"auto|local|(ray://)?[^/:\s]+:\d+"
CLUSTER_OPTIONS = {"--ray": _ADDRESS, "--workers": r"\d+", "--gpus-per-worker": r"[\d.]+"}
"""Option -> what its value looks like."""


class _Address(click.ParamType):
    """Where a Ray cluster is."""

    name = "[ADDRESS]"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        if re.fullmatch(_ADDRESS, value):
            return value
        self.fail(
            f"{value!r}: expected auto, local, HOST:PORT or ray://HOST:PORT; or put --ray after "
            "the VCF",
            param,
            ctx,
        )


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; `check_cluster_options` checks what is given."""
    for option in (
        click.option(
            "--gpus-per-worker",
            type=click.FloatRange(0, 1),
            help="Of --ray; .5 lets two workers share a GPU.  [default: 1 if the cluster has GPUs]",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            help="Of --ray, each with --threads CPUs (default 1).  [default: as many as fit]",
        ),
        click.option(
            "--ray",
            type=_Address(),
            is_flag=False,
            flag_value="auto",
            help="Score on a Ray cluster that shares the files: HOST:PORT, ray://HOST:PORT, local "
            "(this machine alone) or auto (RAY_ADDRESS, what `ray start` began here, or local). "
            "Outputs on object storage need no shared file system. "
            "The files are those of a run with as many --threads.",
        ),
    ):
        command = option(command)
    return command


def check_cluster_options(given: dict[str, Any]) -> None:
    """Raise a usage error for options of a cluster without one."""
    if given["ray"] is None and (given["workers"] or given["gpus_per_worker"] is not None):
        raise click.UsageError("--workers and --gpus-per-worker are of a cluster; give --ray too")


@contextmanager
def connected(given: dict[str, Any], threads: int | None) -> Iterator[Cluster | None]:
    """Give the cluster that the options name, or None; raises ClusterError."""
    if given["ray"] is None:
        yield None
        return
    from mfdvep.scoring.cluster import Cluster

    with Cluster(
        given["ray"],
        workers=given["workers"],
        threads=threads or 1,
        gpus=given["gpus_per_worker"],
    ) as cluster:
        yield cluster
