"""Ctrl-C while a model is trained: it ends after the step at hand."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click


@contextmanager
def interrupt_after_the_step() -> Iterator[Callable[[], None]]:
    """Hold back the first SIGINT until the function that is given is called; the second ends all.

    A run can be resumed exactly only from the end of a step.
    """
    from mfdvep.model.processes import anywhere, process

    held = False

    def hold(number: int, frame: FrameType | None) -> None:
        nonlocal held
        if held:
            raise KeyboardInterrupt
        held = True
        if process() == 0:
            click.echo("mfdvep: ends after this step; again to end at once", err=True)

    def give() -> None:
        if anywhere(held):  # so that all processes of a run end after the same step
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, hold)
    try:
        yield give
    finally:
        signal.signal(signal.SIGINT, before)
