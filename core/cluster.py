"""The same generators on other computers: with `RAY_ADDRESS` set, a Ray cluster makes the steps.

A worker (an actor) on the cluster holds the generators of several jobs and advances each for a
slice when asked, in the order of asking, so that they have equal shares. Here a generator relays
the steps: for the scheduler it is a job like any other, and closing it ends the one over there.
Ray is imported when the first such job begins, and never without that variable.

What travels is pickled, between processes of our own only. Nothing that a visitor sends is.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Generator
from functools import lru_cache
from typing import Any

from core import effort
from core.problem import N_
from core.steps import Step

ADDRESS = "RAY_ADDRESS"
_SLICE_SECONDS = 0.25
_WAIT_SECONDS = 0.02
_MOST_RESTARTS = 3

Generating = Callable[[], Generator[Step[Any], None, None]]


def is_set() -> bool:
    """Whether there is a cluster to compute on."""
    return bool(os.environ.get(ADDRESS))


def anywhere(make: Generating) -> Generating:
    """Let a job run on the cluster, if there is one.

    Args:
        make: gives the generator, from its seed, wherever it is called. What it holds on to is
            sent there, and changes over there do not come back but in the steps.
    """
    return (lambda: relayed_from_cluster(make)) if is_set() else make


def relayed_from_cluster(make: Generating) -> Generator[Step[Any], None, None]:
    """Run a generator on the cluster, and give its steps as they come.

    Where the computer that made them is lost, it starts again from the beginning on another, and
    a step's phase says so. While nothing has come, the latest step is given again without its
    numbers, so that nobody's turn is spent on waiting.

    Raises:
        Problem: the job's own.
    """
    import ray
    from ray.exceptions import RayActorError, RayTaskError

    name = uuid.uuid4().hex
    latest: Step[Any] = Step(0, 1, phase=N_("on its way to the cluster"))
    for attempt in range(_MOST_RESTARTS + 1):
        worker = _workers().least_busy()
        asked = worker.advance.remote(name, make)
        try:
            while True:
                with effort.waiting():
                    ready, _ = ray.wait([asked], timeout=_WAIT_SECONDS)
                if not ready:
                    yield _again(latest)
                    continue
                steps, is_end = ray.get(asked)
                for latest in steps:
                    yield latest
                if is_end:
                    return
                asked = worker.advance.remote(name)
        except RayTaskError as error:
            raise error.cause from None  # what happened over there, as it was raised
        except RayActorError:
            _workers().forget(worker)
            if attempt == _MOST_RESTARTS:
                raise
            latest = Step(0, 1, phase=N_("a computer was lost, starting again"))
            yield latest
        finally:
            _workers().release(worker)
            worker.drop.remote(name)


def _again(step: Step[Any]) -> Step[Any]:
    return Step(step.index, step.total, {}, step.phase, step.picture, step.result)


class Worker:
    """Holds generators and advances them, on a computer of the cluster."""

    def __init__(self) -> None:
        self._going: dict[str, Generator[Step[Any], None, None]] = {}

    def advance(self, name: str, make: Generating | None = None) -> tuple[list[Step[Any]], bool]:
        """Make a slice of steps, and tell whether these were the last."""
        import time

        if make is not None:
            self._going[name] = make()
        until = time.monotonic() + _SLICE_SECONDS
        steps: list[Step[Any]] = []
        while not steps or time.monotonic() < until:
            step = next(self._going[name], None)
            if step is None:
                return steps, True
            steps.append(step)
        return steps, False

    def drop(self, name: str) -> None:
        """End a generator."""
        if generator := self._going.pop(name, None):
            generator.close()


class _Workers:
    """The workers on the cluster: one for each of its processors at most, made when needed."""

    def __init__(self) -> None:
        import ray

        ray.init(ignore_reinit_error=True, log_to_driver=False)  # where RAY_ADDRESS says
        self._lock = threading.Lock()
        self._busy: dict[Any, int] = {}

    def least_busy(self) -> Any:
        """Give the worker with the fewest jobs, a new one where a processor is free."""
        import ray

        with self._lock:
            processors = int(ray.cluster_resources().get("CPU", 1))
            worker = min(self._busy, key=lambda known: self._busy[known], default=None)
            if worker is None or (self._busy[worker] and len(self._busy) < processors):
                worker = ray.remote(num_cpus=1)(Worker).remote()
                self._busy[worker] = 0
            self._busy[worker] += 1
            return worker

    def release(self, worker: Any) -> None:
        """Note that a job has left a worker."""
        with self._lock:
            if worker in self._busy:
                self._busy[worker] -= 1

    def forget(self, worker: Any) -> None:
        """Count no more on a worker that is lost."""
        with self._lock:
            self._busy.pop(worker, None)


@lru_cache(maxsize=1)
def _workers() -> _Workers:
    return _Workers()
