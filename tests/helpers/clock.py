"""A clock that goes when a test tells it to."""

from __future__ import annotations


class Clock:
    """Seconds that only ever grow, when a test adds some to `now`."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
