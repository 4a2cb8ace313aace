"""What a step costs where several people do the same thing.

What one and the same step takes varies with what else the machine does: with thirty visitors, by
half and more. Who is unlucky would fall behind the class, step by step. So runs of the same kind
whose steps cost about the same share their costs.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

ALIKE = 1.5
"""Up to this factor between the costs of a typical step, the difference is taken for chance."""
UNCERTAIN = 4
"""Turns in which nobody knows yet what a step of a run costs."""
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
        self._latest: deque[Turn] = deque(maxlen=_TURNS_REMEMBERED)
        # Of the latest turns; kept, since each turn of a class asks thirty accounts for them.
        self._total = Turn()
        self._typical: float | None = None
        self._paid = 0.0

    def charge(self, turn: Turn, granted: float, others: Iterable[Account]) -> float:
        """Give the seconds to be charged for a turn.

        A turn costs what it took; or, where other runs' steps cost about the same, what its steps
        have cost of late on average over all of these. So what is charged to all together is what
        they take together.

        What it takes to begin, such as loading a network, serves others as well. So the first
        turn costs nothing at once, and the next ones no more than was granted; what is missing or
        was too much is made good in the turns after these, at the price that is known by then.

        Args:
            turn: what was done, and what it took.
            granted: the seconds that it was to take.
            others: the accounts of the other runs of the same kind that are under way.
        """
        self._turns += 1
        if self._turns == 1:
            self._first = Turn(min(turn.seconds, granted), turn.steps)
            return 0.0
        if turn.steps:
            self._remember(turn)
        price = self._usual_price(others)
        if self._turns > BEGINNING:
            return turn.seconds if price is None else turn.steps * price
        owed = self._due(price) - self._paid
        if self._turns <= UNCERTAIN:
            owed = min(owed, granted)
        self._paid += owed
        return owed

    def close(self) -> float:
        """Give the seconds that are still to be charged when a run ends."""
        return self._due(None) - self._paid if self._turns <= BEGINNING else 0.0

    def _due(self, price: float | None) -> float:
        """What the beginning costs, as far as it has gone, at a price for a step or at its own."""
        total = self._total
        if price is not None:
            return (self._first.steps + total.steps) * price
        if not total.steps:
            return self._first.seconds
        first = self._first.steps * total.seconds / total.steps
        return total.seconds + min(self._first.seconds, first)

    def _usual_price(self, others: Iterable[Account]) -> float | None:
        """Seconds that a step has cost of late over all runs alike; None if there is no other."""
        if not (typical := self._typical):
            return None
        alike = [
            account._total
            for account in others
            if (other := account._typical) and 1 / ALIKE <= other / typical <= ALIKE
        ]
        total = sum(alike, self._total)
        return total.seconds / total.steps if alike else None

    def _remember(self, turn: Turn) -> None:
        self._latest.append(turn)
        self._total = sum(self._latest, Turn())
        # Of a step; the median, which a few unlucky ones do not move.
        self._typical = statistics.median(turn.seconds / turn.steps for turn in self._latest)
