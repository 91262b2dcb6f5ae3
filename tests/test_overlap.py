from __future__ import annotations

import threading
import time

import pytest

from mfdvep.overlap import ahead


def test_items_come_in_order_from_another_thread():
    threads = set()

    def items():
        for i in range(100):
            threads.add(threading.get_ident())
            yield i

    assert list(ahead(items())) == list(range(100))
    assert threads.isdisjoint({threading.get_ident()})
    assert list(ahead([])) == []


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise KeyError("two")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(KeyError, match="two"):
        next(found)


def test_the_thread_runs_no_further_ahead_than_told():
    made = []

    def items():
        for i in range(100):
            made.append(i)
            yield i

    found = ahead(items(), depth=2)
    next(found)
    time.sleep(0.3)
    assert len(made) <= 5  # one given, two waiting, one held by the thread, one being made
    found.close()


def test_closing_ends_the_thread_and_what_it_reads():
    closed = []

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.get_ident())

    before = threading.active_count()
    found = ahead(ahead(items()))
    next(found)
    found.close()
    assert len(closed) == 1
    assert threading.active_count() == before


def test_reading_and_using_overlap():
    def items():
        for i in range(5):
            time.sleep(0.1)
            yield i

    began = time.monotonic()
    for _ in ahead(items()):
        time.sleep(0.1)
    assert time.monotonic() - began < 0.9  # 1.0 one after the other
