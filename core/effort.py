"""The seconds that a thread has computed, or waited while others computed for it.

A clock on the wall would also count what a thread waits for its turn at Python's lock: with thirty
visitors' pages at work that is half of the time, and it hits one more than another by chance.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_local = threading.local()


def spent() -> float:
    """Return the calling thread's seconds so far, from an arbitrary beginning."""
    return time.thread_time() + float(getattr(_local, "waited", 0.0))


@contextmanager
def waiting() -> Iterator[None]:
    """Count what the calling thread waits meanwhile as its own: others compute for it."""
    began = time.monotonic() - time.thread_time()
    try:
        yield
    finally:
        waited = time.monotonic() - time.thread_time() - began
        _local.waited = getattr(_local, "waited", 0.0) + waited


def add(seconds: float) -> None:
    """Count what another computer has computed for the calling thread as its own."""
    _local.waited = getattr(_local, "waited", 0.0) + seconds
