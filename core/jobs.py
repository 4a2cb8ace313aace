"""Jobs take turns: many long computations on few compute threads, each getting its share.

A job is a generator. A compute thread takes the next job, advances it for a slice of time and
puts it back, so that everyone progresses and nobody waits behind a long run. Between any two
steps a job can be stopped, and `snapshot()` tells from any thread how far it is.

This module knows generators and nothing of networks, pictures or pages.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from core.environment import COMPUTE_THREADS
from core.limits import LIMITS
from core.log import who
from core.memory import memory_mb
from core.problem import N_, Problem

SLICE_SECONDS = 0.25
GRACE_SECONDS = 120.0
"""How long jobs outlive their session: long enough for a reload or a network blip."""
_RATE_WINDOW_SECONDS = 8.0

_log = logging.getLogger(__name__)
T = TypeVar("T")


class JobStep(Protocol):
    """What a job's generator must yield; `core.steps.Step` does."""

    @property
    def index(self) -> int:
        """How many of `total` units of work are done."""

    @property
    def total(self) -> int:
        """How many there are."""

    @property
    def scalars(self) -> Mapping[str, float]:
        """The numbers worth a curve, by name."""


JobGenerator = Generator[Any, None, None]


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
        sharing: how many jobs take turns on the compute threads, this one included.
        seconds: since it was submitted, until now or its end.
        seconds_left: estimate from its present pace; None while there is none.
        result: what its conclusion gave, once it is done or stopped.
        problem: why it failed, as a sentence for people.
    """

    state: State
    step: Any | None
    history: Mapping[str, tuple[float, ...]]
    version: int
    sharing: int
    seconds: float
    seconds_left: float | None
    result: Any | None
    problem: Problem | None


def _nothing() -> JobGenerator:
    yield from ()


class Job:
    """One long computation; see `Scheduler.submit`. All methods are safe from any thread."""

    def __init__(
        self,
        owner: str,
        name: str,
        make: Callable[[], JobGenerator],
        conclude: Callable[[Any], Any] | None,
        changed: threading.Condition,
        history: Mapping[str, Sequence[float]],
    ) -> None:
        """Used by `Scheduler` only."""
        self.owner = owner
        self.name = name
        self._make = make
        self._conclude = conclude
        self._changed = changed  # the scheduler's own condition: one lock for all
        self._generator: JobGenerator | None = None
        self._state = State.WAITING
        self._step: Any | None = None
        self._history = {name: list(values) for name, values in history.items()}
        self._version = 0
        self._sharing = 1
        self._started = time.monotonic()
        self._ended: float | None = None
        self._pace: deque[tuple[float, int]] = deque()
        self._result: Any | None = None
        self._problem: Problem | None = None
        self._stop_wanted = False
        self._pause_wanted = False

    def snapshot(self) -> Snapshot:
        """Tell how far the job is; cheap."""
        with self._changed:
            return Snapshot(
                state=self._state,
                step=self._step,
                history={name: tuple(values) for name, values in self._history.items()},
                version=self._version,
                sharing=self._sharing,
                seconds=(self._ended or time.monotonic()) - self._started,
                seconds_left=self._seconds_left(),
                result=self._result,
                problem=self._problem,
            )

    def stop(self) -> None:
        """Ask for the end; it comes between two steps, and what was reached is concluded."""
        with self._changed:
            self._stop_wanted = True
            self._pause_wanted = False
            self._changed.notify_all()

    def pause(self) -> None:
        """Ask for a pause after the present step."""
        with self._changed:
            self._pause_wanted = not self._state.is_end
            self._changed.notify_all()

    def resume(self) -> None:
        """Go on after a pause."""
        with self._changed:
            self._pause_wanted = False
            self._changed.notify_all()

    def wait(self, version: int = -1, timeout: float | None = None) -> Snapshot:
        """Wait until the job has changed since `version`, at most `timeout` seconds.

        With the version -1 this waits for the end instead.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._state.is_end or -1 < version < self._version, timeout
            )
        return self.snapshot()

    # What follows is called by compute threads.

    def _advance(self, until: float, interrupted: Callable[[], bool]) -> None:
        """Make steps until a moment, or until someone needs the thread or the job's end."""
        try:
            while not self._stop_wanted and not self._pause_wanted:
                if self._generator is None:
                    self._generator = self._make()
                step = next(self._generator, None)
                if step is None:
                    self._finish(State.DONE)
                    return
                self._record(step)
                if time.monotonic() >= until or interrupted():
                    return
            if self._stop_wanted:
                if self._generator is not None:
                    self._generator.close()
                self._finish(State.STOPPED)
        except Problem as problem:
            self._fail(problem)
        except Exception:  # a job must never take its thread down with it
            _log.exception("job %s failed", self.name, extra={"who": who(self.owner)})
            self._fail(
                Problem(
                    N_(
                        "The computation failed unexpectedly. Nothing else was lost; start it again."
                    )
                )
            )

    def _record(self, step: JobStep) -> None:
        with self._changed:
            self._step = step
            for name, value in step.scalars.items():
                self._history.setdefault(name, []).append(value)
            now = time.monotonic()
            self._pace.append((now, step.index))
            while now - self._pace[0][0] > _RATE_WINDOW_SECONDS and len(self._pace) > 2:
                self._pace.popleft()
            self._set(State.RUNNING)

    def _finish(self, state: State) -> None:
        result = None
        if self._conclude is not None and self._step is not None:
            result = self._conclude(self._step)
        with self._changed:
            self._result = result
            self._end(state)

    def _fail(self, problem: Problem) -> None:
        with self._changed:
            self._problem = problem
            self._end(State.FAILED)

    def _end(self, state: State) -> None:
        self._ended = time.monotonic()
        # The generator and its makers may hold networks and photos.
        self._generator = self._conclude = None
        self._make = _nothing
        self._set(state)

    def _set(self, state: State) -> None:
        self._state = state
        self._version += 1
        self._changed.notify_all()

    def _seconds_left(self) -> float | None:
        if self._step is None or len(self._pace) < 2 or self._state.is_end:
            return None
        (first, begun), (last, done) = self._pace[0], self._pace[-1]
        if done <= begun:
            return None
        return (last - first) / (done - begun) * (self._step.total - done)


@dataclass
class _Session:
    """What the scheduler knows of one session."""

    jobs: dict[str, Job] = field(default_factory=dict)
    expires: float | None = None  # None while somebody is there


class Scheduler:
    """Runs jobs on a few compute threads that take turns.

    A job belongs to an owner (a session) under a name (a page): submitting again under the same
    name replaces it. When an owner is released, its jobs end after a grace, unless it returns.
    """

    def __init__(
        self,
        *,
        threads: int = 1,
        slice_seconds: float = SLICE_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """Start the compute threads.

        Args:
            threads: how many; one, with all cores to itself, serves a lone user best.
            slice_seconds: how long a job computes before it is the next one's turn.
            grace_seconds: how long jobs outlive their session.
        """
        self._slice = slice_seconds
        self._grace = grace_seconds
        self._changed = threading.Condition(threading.RLock())
        self._ready: deque[Job] = deque()
        self._paused: list[Job] = []
        self._running = 0
        self._urgent: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._sessions: dict[str, _Session] = {}
        self.on_end: Callable[[Job], None] = lambda job: None
        """Told of each job that has ended; it must be quick and not raise."""
        self._closing = False
        self._threads = [
            threading.Thread(target=self._work, name=f"compute-{i}", daemon=True)
            for i in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self,
        owner: str,
        name: str,
        make: Callable[[], JobGenerator],
        conclude: Callable[[Any], Any] | None = None,
        history: Mapping[str, Sequence[float]] | None = None,
    ) -> Job:
        """Take on a job; one of the same owner and name is stopped and replaced.

        Args:
            owner: the session.
            name: of the job within the session.
            make: gives the generator; called on a compute thread.
            conclude: turns the last step into the job's result, also after a stop; called on a
                compute thread, so it may compute too.
            history: the scalars of the job that this one goes on from.
        """
        job = Job(owner, name, make, conclude, self._changed, history or {})
        with self._changed:
            session = self._sessions.setdefault(owner, _Session())
            session.expires = None  # whoever starts something is there
            if previous := session.jobs.get(name):
                previous.stop()
            session.jobs[name] = job
            if refused := self._refusal(session):
                job._fail(refused)
                self.on_end(job)
                return job
            self._ready.append(job)
            self._changed.notify_all()
        return job

    def _refusal(self, session: _Session) -> Problem | None:
        """Why no further job can be begun for a session, if it cannot."""
        going = sum(not job._state.is_end and not job._stop_wanted for job in session.jobs.values())
        if going > LIMITS.session_jobs:
            return Problem(
                N_("{count} of your runs are going already. They go on; stop one, or wait."),
                count=going - 1,
            )
        if memory_mb() > LIMITS.memory_mb:
            return Problem(
                N_("The server's memory is full. What runs goes on; try again in a minute.")
            )
        return None

    def call(self, work: Callable[[], T]) -> T:
        """Do something short on a compute thread, before the next slice, and give its result.

        Raises:
            Whatever `work` raises.
        """
        if threading.current_thread() in self._threads:
            return work()
        future: Future[T] = Future()
        with self._changed:
            self._urgent.append((work, future))
            self._changed.notify_all()
        return future.result()

    def get(self, owner: str, name: str) -> Job | None:
        """Give a session's job of that name, and keep it from ending for lack of its owner."""
        with self._changed:
            session = self._sessions.get(owner)
            if session is None:
                return None
            session.expires = None
            return session.jobs.get(name)

    def discard(self, owner: str, name: str) -> None:
        """Stop a job and forget it with its result."""
        with self._changed:
            session = self._sessions.get(owner)
            if session and (job := session.jobs.pop(name, None)):
                job.stop()

    def release(self, owner: str) -> None:
        """Note that a session has gone; its jobs end after the grace unless it comes back."""
        with self._changed:
            if session := self._sessions.get(owner):
                session.expires = time.monotonic() + self._grace
                self._changed.notify_all()

    @property
    def active(self) -> int:
        """How many jobs take turns right now."""
        with self._changed:
            return len(self._ready) + self._running

    def census(self) -> tuple[int, tuple[Job, ...]]:
        """Count the sessions that have run something and are still there, and give their jobs."""
        with self._changed:
            sessions = self._sessions.values()
            return len(sessions), tuple(job for each in sessions for job in each.jobs.values())

    def close(self, timeout: float = 10.0) -> None:
        """Stop all jobs and end the compute threads."""
        with self._changed:
            self._closing = True
            for session in self._sessions.values():
                for job in session.jobs.values():
                    job.stop()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout)

    # What follows runs on the compute threads.

    def _work(self) -> None:
        while True:
            with self._changed:
                self._sweep()
                self._wake_resumed()
                if not (self._urgent or self._ready):
                    if self._closing:
                        return
                    self._changed.wait(timeout=self._seconds_to_next_expiry())
                    continue
                urgent = self._urgent.popleft() if self._urgent else None
                job = None if urgent else self._ready.popleft()
                if job:
                    self._running += 1
            if urgent:
                _fulfil(*urgent)
            elif job:
                self._take_turn(job)

    def _wake_resumed(self) -> None:
        self._ready.extend(job for job in self._paused if not job._pause_wanted)
        self._paused = [job for job in self._paused if job._pause_wanted]

    def _take_turn(self, job: Job) -> None:
        job._sharing = self.active
        job._advance(time.monotonic() + self._slice, interrupted=lambda: bool(self._urgent))
        if job._state.is_end:
            self.on_end(job)
        with self._changed:
            self._running -= 1
            if job._state.is_end:
                return
            if job._pause_wanted:
                self._paused.append(job)
                job._set(State.PAUSED)
            else:
                self._ready.append(job)

    def _sweep(self) -> None:
        """Stop and forget the jobs of sessions that have been gone for longer than the grace."""
        now = time.monotonic()
        for owner, session in list(self._sessions.items()):
            if session.expires is not None and session.expires <= now:
                for job in session.jobs.values():
                    job.stop()
                del self._sessions[owner]

    def _seconds_to_next_expiry(self) -> float | None:
        expiries = [s.expires for s in self._sessions.values() if s.expires is not None]
        return max(0.0, min(expiries) - time.monotonic()) if expiries else None


def _fulfil(work: Callable[[], Any], future: Future[Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)


@lru_cache(maxsize=1)
def scheduler() -> Scheduler:
    """The process's one scheduler; `IDEALCAT_COMPUTE_THREADS` sets its threads."""
    return Scheduler(threads=COMPUTE_THREADS.read())
