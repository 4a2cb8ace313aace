"""How often cameras may ask, so that long runs keep about half of the compute thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

MOST_PER_SECOND = 8.0
"""Of one camera's answers; no eye wants more."""
MOST_FOR_ALL = 20.0
"""Shared among all cameras."""
SHARE = 0.5
"""Of the compute thread, at most: the rest stays for the long runs. A slow computer answers less."""
_WEIGHT = 0.1
"""Of the latest answer in what an answer is taken to cost."""
GONE_SECONDS = 3.0
"""A camera that has not asked for so long, and for twice what it was told to wait, is not counted."""


class Pace:
    """Shares a number of answers a second among the cameras that ask. Safe from any thread."""

    def __init__(
        self,
        most: float = MOST_FOR_ALL,
        most_of_one: float = MOST_PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Allow so many answers a second, together and to one.

        Args:
            most: together.
            most_of_one: to one.
            clock: gives seconds that only ever grow.
        """
        self._most = most
        self._most_of_one = most_of_one
        self._clock = clock
        self._asked: dict[str, float] = {}
        self._cost = 0.0  # of an answer, in seconds
        self._interval = 0.0  # what a camera was told to wait last
        self._lock = threading.Lock()

    def seconds(self, camera: str) -> float:
        """Note that a camera asks, and return how long it is to wait from question to question."""
        now = self._clock()
        with self._lock:
            self._asked[camera] = now
            gone = max(GONE_SECONDS, 2 * self._interval)
            self._asked = {who: when for who, when in self._asked.items() if now - when < gone}
            each = max(1 / self._most, self._cost / SHARE)
            self._interval = max(1 / self._most_of_one, len(self._asked) * each)
            return self._interval

    def timed(self, work: Callable[[], T]) -> Callable[[], T]:
        """Return the computing of an answer, which notes how long it has taken."""

        def answer() -> T:
            began = self._clock()
            try:
                return work()
            finally:
                with self._lock:
                    self._cost += _WEIGHT * (self._clock() - began - self._cost)

        return answer


@lru_cache(maxsize=1)
def pace() -> Pace:
    """Return the pace of all cameras that ask this server."""
    return Pace()
