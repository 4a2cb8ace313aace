"""Fool the camera: a round in which teams make a network see what is not there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.zoo.classifier import Classifier

SECONDS = 120.0
"""Of a round."""


@dataclass(frozen=True)
class Target:
    """What the network is to say.

    Attributes:
        class_id: index of the class.
        name: of the class.
    """

    class_id: int
    name: str


@dataclass(frozen=True)
class Best:
    """The best that a team has reached.

    Attributes:
        member: id of the team.
        probability: of the target, in [0, 1].
        jpeg: the frame that reached it, for the projector.
    """

    member: str
    probability: float
    jpeg: bytes = field(repr=False)


class Contest:
    """One round. Safe from several threads."""

    def __init__(
        self,
        target: Target,
        *,
        network: Classifier | None = None,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin the round now.

        Args:
            target: what the network is to say.
            network: which it is, whatever the room trains meanwhile; None for the built-in one.
            seconds: how long the round lasts.
            clock: gives seconds that only ever grow.
        """
        self.target = target
        self.network = network
        self.seconds = seconds
        self._clock = clock
        self._ends = clock() + seconds
        self._best: dict[str, Best] = {}
        self._latest: tuple[str, bytes] | None = None
        self._lock = threading.Lock()

    def seconds_left(self) -> float:
        """Return how long the round still lasts; 0 once it is over."""
        return max(0.0, self._ends - self._clock())

    def stop(self) -> None:
        """End the round now."""
        self._ends = min(self._ends, self._clock())

    def offer(self, member: str, probability: float, jpeg: bytes) -> float:
        """Note what the network said of a team's frame, and return the team's best.

        A frame that comes after the end does not count.
        """
        with self._lock:
            before = self._best.get(member)
            if self.seconds_left() > 0:
                self._latest = (member, jpeg)
                if before is None or probability > before.probability:
                    self._best[member] = Best(member, probability, jpeg)
            best = self._best.get(member)
        return best.probability if best else 0.0

    def forget(self, member: str) -> None:
        """Take a team off the board."""
        with self._lock:
            self._best.pop(member, None)
            if self._latest and self._latest[0] == member:
                self._latest = None

    def board(self) -> tuple[Best, ...]:
        """Return the teams' best, the highest first."""
        with self._lock:
            return tuple(sorted(self._best.values(), key=lambda best: -best.probability))

    def latest(self) -> tuple[str, bytes] | None:
        """Return whose frame came last, and the frame."""
        with self._lock:
            return self._latest
