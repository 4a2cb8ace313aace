"""A job: a long computation that is watched, paused and stopped between any two of its steps.

This module knows generators and nothing of networks, pictures or pages.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.problem import N_, Problem
from core.server.fairness import Account
from core.server.log import who
from core.steps import Step

_PACE_SECONDS = 10.0
_PACE_STEPS = 5
"""A job's pace is that of the latest seconds, and of so many steps at least."""
_UNEXPECTED = N_("The computation failed unexpectedly. Nothing else was lost; start it again.")

_log = logging.getLogger(__name__)


JobGenerator = Generator[Any, None, None]
"""Of steps. A `Future` in between says that another computer is at work: the thread is free for
others until that is done."""


class State(StrEnum):
    """Where a job is in its life. The last three are ends."""

    WAITING = N_("waiting")
    RUNNING = N_("running")
    PAUSED = N_("paused")
    DONE = N_("done")
    STOPPED = N_("stopped")
    FAILED = N_("failed")

    @property
    def is_end(self) -> bool:
        """Whether nothing more will happen."""
        return self in (State.DONE, State.STOPPED, State.FAILED)


@dataclass(frozen=True)
class Snapshot:
    """How far a job is, at one moment.

    Attributes:
        state: where in its life.
        step: its latest step; None before the first.
        history: by name, the scalars of all steps so far.
        version: grows with every change, for `Job.wait`.
        sharing: how many people compute right now, this job's owner included.
        parts: it gets one in so many parts of the computer: more than `sharing` where its owner
            has several jobs.
        place: in the queue of those that do not take turns yet, from 1; 0 where it takes turns.
        is_away: whether another computer makes its steps.
        seconds: since it was submitted, until now or its end.
        seconds_left: estimate from its latest pace; None while there is none.
        result: what its conclusion gave, once it is done or stopped.
        problem: why it failed, as a sentence for people.
    """

    state: State
    step: Any | None
    history: Mapping[str, tuple[float, ...]]
    version: int
    sharing: int
    parts: int
    place: int
    is_away: bool
    seconds: float
    seconds_left: float | None
    result: Any | None
    problem: Problem | None


_numbers = itertools.count(1)


class Job:
    """One long computation; see `Scheduler.submit`. All methods are safe from any thread.

    Attributes:
        owner: the session it belongs to.
        name: of the job within the session.
        number: no other job of this process has it.
        stop_wanted: whether it shall end after the present step.
        pause_wanted: whether it shall pause after the present step.
        steps_made: how many, by this job itself.
        state: where it is in its life.
        sharing: see `Snapshot`.
        account: what its owner is charged for it.
    """

    def __init__(
        self,
        owner: str,
        name: str,
        make: Callable[[], JobGenerator],
        conclude: Callable[[Any], Any] | None,
        history: Mapping[str, Sequence[float]],
        lock: threading.RLock,
        wake: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """Wait to be advanced.

        Args:
            owner: the session.
            name: of the job within the session.
            make: gives the generator; called when the first step is made.
            conclude: turns the last step into the result.
            history: the scalars of the job that this one goes on from.
            lock: the scheduler's.
            wake: tells the scheduler that something else is wanted.
            clock: tells the seconds that pass.
        """
        self.owner = owner
        self.name = name
        self.number = next(_numbers)
        self.stop_wanted = self.pause_wanted = False
        self.steps_made = 0
        self.sharing = self._parts = 1
        self._place = 0
        self.account = Account()
        # With a bell of its own: a step need not wake those who watch other jobs.
        self._changed = threading.Condition(lock)
        self._wake = wake
        self._clock = clock
        self._generator: JobGenerator | None = _steps(make)
        self._conclude = conclude
        self._awaited: Future[Any] | None = None  # what another computer is at work on
        self._is_away = False
        self.state = State.WAITING
        self._step: Any | None = None
        self._history = {name: list(values) for name, values in history.items()}
        self._version = 0
        self._started = clock()
        self._ended: float | None = None
        self._pace: deque[tuple[float, int]] = deque()  # when which step was made
        self._result: Any | None = None
        self._problem: Problem | None = None
        self._is_forgotten = False

    def snapshot(self) -> Snapshot:
        """Return how far the job is; cheap."""
        with self._changed:
            return Snapshot(
                state=self.state,
                step=self._step,
                history={name: tuple(values) for name, values in self._history.items()},
                version=self._version,
                sharing=self.sharing,
                parts=self._parts,
                place=self._place,
                is_away=self._is_away,
                seconds=(self._clock() if self._ended is None else self._ended) - self._started,
                seconds_left=self._seconds_left(),
                result=self._result,
                problem=self._problem,
            )

    def wait(self, version: int = -1, timeout: float | None = None) -> Snapshot:
        """Wait until the job has changed since `version`, at most `timeout` seconds.

        With the version -1 this waits for the end instead.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self.state.is_end or -1 < version < self._version, timeout
            )
        return self.snapshot()

    def stop(self) -> None:
        """Ask for the end; it comes between two steps, and what was reached is concluded."""
        self.stop_wanted = True
        self._wake()

    def pause(self) -> None:
        """Ask for a pause after the present step."""
        self.pause_wanted = True
        self._wake()

    def resume(self) -> None:
        """Go on after a pause."""
        self.pause_wanted = False
        self._wake()

    def forget(self) -> None:
        """Ask for the end, and keep nothing of what was reached, whoever still holds the job."""
        with self._changed:
            self._is_forgotten = True
            self._conclude = None
            self._drop()
        self.stop()

    def _drop(self) -> None:
        self._step = self._result = None
        self._history.clear()
        self._pace.clear()

    # What follows is called by the scheduler.

    def is_due(self) -> bool:
        """Return whether a turn would be of use: it would not while another computer is at work."""
        return self.stop_wanted or self._awaited is None or self._awaited.done()

    def advance(self, seconds: float, interrupted: Callable[[], bool]) -> Future[Any] | None:
        """Make steps for so long, or until the thread is needed or the job's end is wanted.

        Returns:
            What another computer is at work on, if the job waits for that.
        """
        until = self._clock() + seconds
        self._awaited = None
        try:
            while not self.stop_wanted and not self.pause_wanted:
                step = next(self._generator, None) if self._generator else None
                if step is None:
                    self._finish(State.DONE)
                    break
                if isinstance(step, Future):
                    self._awaited, self._is_away = step, True
                    break
                self._record(step)
                if self._clock() >= until or interrupted():
                    break
            else:
                if self.stop_wanted and self._generator:
                    self._generator.close()
                    self._finish(State.STOPPED)
        except Problem as problem:
            self.end(State.FAILED, problem=problem)
        except Exception:  # a job must never take its thread down with it
            _log.exception("job %s failed", self.name, extra={"who": who(self.owner)})
            self.end(State.FAILED, problem=Problem(_UNEXPECTED))
        return self._awaited

    def set_share(self, people: int, parts: int) -> None:
        """Take turns, with so many people, and get one in so many parts."""
        self.sharing, self._parts, self._place = people, parts, 0

    def set_place(self, place: int) -> None:
        """Wait at a place in the queue, from 1."""
        if self._place != place:
            self._place = place
            self._set(self.state)

    def set_paused(self) -> None:
        """Note that no step will be made for a while."""
        self._pace.clear()
        self._set(State.PAUSED)

    def end(
        self, state: State, *, result: Any | None = None, problem: Problem | None = None
    ) -> None:
        """Come to an end, and let go of what the job has worked with."""
        with self._changed:
            self._ended = self._clock()
            self._place = 0
            self._generator = self._conclude = None  # they may hold networks and photos
            self._result, self._problem = result, problem
            if self._is_forgotten:
                self._drop()
            self._set(state)

    def _finish(self, state: State) -> None:
        conclude, step = self._conclude, self._step  # `forget` may take them away at any moment
        self.end(state, result=None if conclude is None or step is None else conclude(step))

    def _record(self, step: Step[Any]) -> None:
        with self._changed:
            self._step = step
            self.steps_made += 1
            for name, value in step.scalars.items():
                self._history.setdefault(name, []).append(value)
            now = self._clock()
            self._pace.append((now, step.index))
            while now - self._pace[0][0] > _PACE_SECONDS and len(self._pace) > _PACE_STEPS:
                self._pace.popleft()
            self._set(State.RUNNING)

    def _set(self, state: State) -> None:
        self.state = state
        self._version += 1
        self._changed.notify_all()

    def _seconds_left(self) -> float | None:
        if self._step is None or len(self._pace) < 2 or self.state.is_end:
            return None
        (first, begun), (last, done) = self._pace[0], self._pace[-1]
        if done <= begun:
            return None
        return (last - first) / (done - begun) * (self._step.total - done)


def _steps(make: Callable[[], JobGenerator]) -> JobGenerator:
    yield from make()
