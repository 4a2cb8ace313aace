"""Trainings side by side: the same photos, each with its accuracy and its time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.steps import Step, Steps
from core.training.loop import Training


@dataclass(frozen=True)
class Outcome:
    """What one training came to.

    Attributes:
        training: its best network.
        seconds: of computing, without waiting for turns.
    """

    training: Training
    seconds: float


Comparison = Mapping[str, Outcome]
"""By name, in the order in which they were trained."""


def best(comparison: Comparison) -> Training:
    """Return the network that is right most often; of equals, the one that is most sure of it."""
    return max(
        (outcome.training for outcome in comparison.values()),
        key=lambda training: (training.accuracy, -training.evaluation.loss),
    )


def compare(trainings: Mapping[str, Steps[Training]]) -> Steps[Comparison]:
    """Run several trainings, one after the other.

    Args:
        trainings: by name; all on the same split of the same photos.

    Yields:
        The steps of all; from the first result on, the outcomes so far. The scalars are named
        "training · scalar", so that each has curves of its own.
    """
    outcomes: dict[str, Outcome] = {}
    done = 0
    for place, (name, training) in enumerate(trainings.items()):
        for step, seconds in _timed(training):
            if step.result is not None:
                outcomes[name] = Outcome(step.result, seconds)
            # How long those to come will be is not known yet: as long as this one.
            total = done + step.total * (len(trainings) - place)
            yield Step(
                done + step.index,
                total,
                scalars={f"{name} · {key}": value for key, value in step.scalars.items()},
                phase=step.phase,
                result=dict(outcomes) or None,
            )
        done += step.index


def _timed(training: Steps[Training]) -> Iterator[tuple[Step[Training], float]]:
    seconds = 0.0
    while True:
        began = time.perf_counter()
        step = next(training, None)
        seconds += time.perf_counter() - began
        if step is None:
            return
        yield step, seconds
