"""Doing something now and then, beside everything else."""

from __future__ import annotations

import threading
from collections.abc import Callable


def regularly(name: str, seconds: float, do: Callable[[], None]) -> threading.Event:
    """Do something every so many seconds, on a thread of that name, until the event is set."""
    enough = threading.Event()

    def go_on() -> None:
        while not enough.wait(seconds):
            do()

    threading.Thread(target=go_on, name=name, daemon=True).start()
    return enough
