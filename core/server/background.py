"""Running a function periodically in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable


def regularly(name: str, seconds: float, do: Callable[[], None]) -> threading.Event:
    """Run a function periodically in a background thread, until the event it returns is set."""
    enough = threading.Event()

    def go_on() -> None:
        while not enough.wait(seconds):
            do()

    threading.Thread(target=go_on, name=name, daemon=True).start()
    return enough
