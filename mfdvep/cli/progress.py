"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from tqdm import tqdm

PLAIN_EVERY = 10.0  # seconds between plain lines

Report = Callable[..., None]


@contextmanager
def progress_bar(label: str, unit: str, *, quiet: bool = False) -> Iterator[Report | None]:
    """Give a callback report(done, total, figures=None) that shows count, rate, ETA and figures.

    A total of None means that it is not known.

    Parameters
    ----------
    quiet
        Show nothing: the callback is None.
    """
    if quiet or sys.stderr is None:
        yield None
    elif sys.stderr.isatty():
        with tqdm(desc=label, unit=f" {unit}", file=sys.stderr, dynamic_ncols=True) as bar:

            def draw(done: int, total: int | None, figures: dict[str, float] | None = None) -> None:
                bar.total = total
                if figures:
                    bar.set_postfix({k: f"{v:.4g}" for k, v in figures.items()}, refresh=False)
                bar.update(done - bar.n)

            yield draw
    else:
        yield _plain(label, unit)


def _plain(label: str, unit: str) -> Report:
    start = last = time.monotonic()
    first: int | None = None

    def write(done: int, total: int | None, figures: dict[str, float] | None = None) -> None:
        nonlocal last, first
        now = time.monotonic()
        first = done if first is None else first
        if now - last < PLAIN_EVERY and done != total:
            return
        last = now
        rate = (done - first) / (now - start) if now > start else 0.0
        of = f"/{total}" if total else ""
        eta = f", {(total - done) / rate:.0f} s left" if total and rate and done < total else ""
        more = "".join(f", {k} {v:.4g}" for k, v in (figures or {}).items())
        click.echo(f"{label}: {done}{of} {unit} ({rate:.3g}/s{eta}){more}", err=True)

    return write
