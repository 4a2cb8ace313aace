"""Thirty students do the same, and chance decides what each step takes: do they keep together?

    python -m benchmarks.fair_turns [--students 30] [--steps 64] [--lessons 8]

The real scheduler, with jobs that only turn a clock: a step takes 70 ms on average; what it really
takes varies from step to step, from student to student, and with what else the machine does. So it
needs no quiet machine, and a minute.

What it prints: the progress of the slowest over that of the fastest, at its worst from when the
fastest has done a quarter, of the worst and of the median lesson, where runs that are alike share
their costs (`core/server/fairness.py`), and where each turn costs what it took.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import threading
from collections.abc import Callable, Iterable
from functools import partial
from unittest import mock

from core.server.fairness import Account, Turn
from core.server.scheduler import Scheduler
from core.steps import Step, Steps

STEP_SECONDS = 0.07
LUCK, CHANCE, MACHINE = 0.1, 0.25, 0.3
"""Standard deviations of the logarithm of what a step takes: among students, among steps, and of
what the machine does, which lasts for about fifty steps."""
UNLUCKY, TIMES = 0.02, 4.0
"""So many steps take so many times as long."""


class Lesson:
    """One lesson of a class, in seconds that only pass where a job says so."""

    def __init__(self, students: int, steps: int, seed: int) -> None:
        """Begin at nothing."""
        self._dice = random.Random(seed)
        self._steps = steps
        self._now = self._machine = 0.0
        self._done = [0] * students
        self._luck = [self._dice.gauss(0, LUCK) for _ in range(students)]
        self.worst = 1.0

    def run(self) -> float:
        """Return the slowest over the fastest, at its worst."""
        turns, begun = Scheduler(clock=lambda: self._now), threading.Event()
        turns.submit("gate", "gate", lambda: self._waits(begun))
        jobs = [
            turns.submit(f"student {student}", "ideal", partial(self._draw, student))
            for student in range(len(self._done))
        ]
        begun.set()
        for job in jobs:
            job.wait()
        turns.close()
        return self.worst

    @staticmethod
    def _waits(begun: threading.Event) -> Steps[None]:
        begun.wait()
        yield Step(1, 1)

    def _draw(self, student: int) -> Steps[None]:
        for index in range(1, self._steps + 1):
            self._now += self._seconds(student)
            self._done[student] = index
            if max(self._done) >= self._steps / 4 and min(self._done):
                self.worst = min(self.worst, min(self._done) / max(self._done))
            yield Step(index, self._steps)

    def _seconds(self, student: int) -> float:
        dice = self._dice
        self._machine = 0.98 * self._machine + math.sqrt(1 - 0.98**2) * dice.gauss(0, MACHINE)
        chance = dice.gauss(0, CHANCE) + self._luck[student] + self._machine
        return STEP_SECONDS * math.exp(chance) * (TIMES if dice.random() < UNLUCKY else 1)


def its_own(account: Account, turn: Turn, others: Iterable[Account]) -> float:
    """Charge a turn what it took."""
    return turn.seconds


def main() -> None:
    """Hold the lessons, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--lessons", type=int, default=8)
    options = parser.parse_args()
    charges: dict[str, Callable[..., float]] = {"shared": Account.charge, "its own": its_own}
    for name, charge in charges.items():
        with mock.patch.object(Account, "charge", charge):
            seeds = range(options.lessons)
            worst = [Lesson(options.students, options.steps, seed).run() for seed in seeds]
        print(f"{name}: worst {min(worst):.2f}, median {statistics.median(worst):.2f}", flush=True)


if __name__ == "__main__":
    main()
