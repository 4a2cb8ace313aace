"""What a turn costs where several people do the same thing.

What one and the same step takes varies with what else the machine does: with thirty visitors, by
half and more. If each paid that, the slowest of a class that does the same would have done 0.35 of
what the fastest has. So runs of the same kind whose steps cost about the same share their costs: it
is 0.86 then (`python -m benchmarks.fair_turns`).
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

ALIKE = 1.5
"""Up to this factor between the costs of a typical step, the difference is taken for chance."""
BEGINNING = 12
"""Turns whose price is made good as more becomes known."""
_TURNS_REMEMBERED = 32


@dataclass(frozen=True)
class Turn:
    """What was done in a turn, or in several.

    Attributes:
        seconds: of computing.
        steps: how many were made.
    """

    seconds: float = 0.0
    steps: int = 0

    def __add__(self, other: Turn) -> Turn:
        """Take two together."""
        return Turn(self.seconds + other.seconds, self.steps + other.steps)


class Account:
    """What one run is charged for its turns, in seconds."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._turns = 0
        self._first = Turn()
        self._charged = 0.0
        self._latest: deque[Turn] = deque(maxlen=_TURNS_REMEMBERED)
        self._total = Turn()  # of the latest; kept, since each turn of a class asks thirty accounts
        self._typical = 0.0  # seconds of a step

    def charge(self, turn: Turn, others: Iterable[Account]) -> float:
        """Return the seconds to be charged for a turn; below 0, they are given back.

        A turn costs what it took; or, where other runs' steps cost about the same, what its steps
        have cost of late on average over all of these. So what is charged to all together is what
        they take together.

        What it takes to begin, such as loading a network, serves others as well, so the first turn
        costs nothing at once. What the first turns cost is made good as more becomes known.

        Args:
            turn: what was done, and what it took.
            others: the accounts of the other runs of the same kind that are under way.
        """
        self._turns += 1
        if self._turns == 1:
            self._first = turn
            return 0.0
        if turn.steps == 0:
            return turn.seconds
        self._remember(turn)
        alike = [other._total for other in others if self._is_like(other)]
        if self._turns > BEGINNING and not alike:
            return turn.seconds
        total = sum(alike, self._total)
        price = total.seconds / total.steps
        if self._turns > BEGINNING:
            return turn.steps * price
        first = min(self._first.seconds, self._first.steps * price)
        owed = first + self._total.steps * price - self._charged
        self._charged += owed
        return owed

    def _remember(self, turn: Turn) -> None:
        self._latest.append(turn)
        self._total = sum(self._latest, Turn())
        # The median, which a few unlucky ones do not move.
        self._typical = statistics.median(turn.seconds / turn.steps for turn in self._latest)

    def _is_like(self, other: Account) -> bool:
        return self._typical / ALIKE <= other._typical <= self._typical * ALIKE
