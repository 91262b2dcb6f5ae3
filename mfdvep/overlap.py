"""Work that overlaps: an iterable made by a thread that runs a little ahead of who reads it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()
_POLL = 0.1  # seconds until a thread with nothing to do looks whether it is still wanted


def ahead(items: Iterable[T], depth: int = 2) -> Generator[T, None, None]:
    """Yield items that a thread makes, up to `depth` of them before they are asked for.

    An error of the thread is raised here, after the items before it. Closing this generator ends
    the thread, which closes `items` if they are a generator.
    """
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(maxsize=depth)
    unwanted = threading.Event()

    def put(item: Any, error: BaseException | None = None) -> None:
        while not unwanted.is_set():
            try:
                ready.put((item, error), timeout=_POLL)
                return
            except queue.Full:
                continue

    def work(source: Iterator[T]) -> None:
        try:
            for item in source:
                put(item)
                if unwanted.is_set():
                    break
            put(_END)
        except BaseException as error:
            put(_END, error)
        finally:
            if isinstance(source, Generator):
                source.close()

    thread = threading.Thread(target=work, args=(iter(items),), daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        unwanted.set()
        # one that waits for a stream on which nothing comes is left behind
        thread.join(timeout=1)
