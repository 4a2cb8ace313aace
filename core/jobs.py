"""Jobs take turns: many long computations on few compute threads, each getting its share.

A job is a generator. A compute thread takes the next job, advances it for a slice of time and
puts it back, so that everyone progresses and nobody waits behind a long run. What is shared
equally is seconds, and among people: whoever has three jobs, or one with long steps, gets no more
than the others. Between any two steps a job can be stopped, and `snapshot()` tells from any thread
how far it is.

This module knows generators and nothing of networks, pictures or pages.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from core import effort
from core.environment import COMPUTE_THREADS, GRACE_SECONDS, MOST_JOBS
from core.limits import LIMITS
from core.log import who
from core.memory import give_back, memory_mb
from core.prices import Account, Turn
from core.problem import N_, Problem

SLICE_SECONDS = 0.25
ROUND_SECONDS = 1.0
"""With many people the slices get shorter, so that each of them has a turn about this often."""
CATCH_UP_SECONDS = 2.0
"""Of computing, by which somebody who was idle may be behind the others."""
_PACE_SECONDS = 4.0
"""Of a job's own computing, by which its pace is judged."""
_ASK_SECONDS = 1.0
"""How often those who have gone are looked for, at least, while nothing computes."""

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
        seconds_left: estimate from its present pace and part; None while there is none.
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


def _nothing() -> JobGenerator:
    yield from ()


@dataclass
class _Session:
    """What the scheduler knows of one session."""

    jobs: dict[str, Job] = field(default_factory=dict)
    belongings: dict[str, Any] = field(default_factory=dict)
    expires: float | None = None  # None while somebody is there
    is_back: Callable[[], bool] = lambda: False  # asked while it may expire
    used: float = 0.0  # seconds of computing, and more where it has joined late: see `_admit`


_numbers = itertools.count(1)


class Job:
    """One long computation; see `Scheduler.submit`. All methods are safe from any thread."""

    def __init__(
        self,
        owner: str,
        name: str,
        make: Callable[[], JobGenerator],
        conclude: Callable[[Any], Any] | None,
        history: Mapping[str, Sequence[float]],
        session: _Session,
        lock: threading.RLock,
        changed: threading.Condition,
        clock: Callable[[], float],
        effort: Callable[[], float],
    ) -> None:
        """Used by `Scheduler` only."""
        self.owner = owner
        self.name = name
        self.number = next(_numbers)
        """No other job of this process has it."""
        self._make = make
        self._conclude = conclude
        self._session = session
        self._changed = changed  # the scheduler's own
        # The same lock, but a bell of its own: a step need not wake those who watch other jobs.
        self._news = threading.Condition(lock)
        self._clock = clock
        self._effort = effort
        self._generator: JobGenerator | None = None
        self._awaited: Future[Any] | None = None  # what another computer is at work on
        self._awaited_since = 0.0
        self._is_away = False
        self._state = State.WAITING
        self._step: Any | None = None
        self._history = {name: list(values) for name, values in history.items()}
        self._version = 0
        self._sharing = self._parts = 1
        self._slowed = 1.0
        self._place = 0
        self._started = clock()
        self._ended: float | None = None
        self._used = 0.0
        self._steps_made = 0
        self._account = Account()
        self._turn_began = 0.0
        self._pace: deque[tuple[float, int]] = deque()
        self._result: Any | None = None
        self._problem: Problem | None = None
        self._stop_wanted = False
        self._pause_wanted = False
        self._is_forgotten = False

    def snapshot(self) -> Snapshot:
        """Tell how far the job is; cheap."""
        with self._changed:
            return Snapshot(
                state=self._state,
                step=self._step,
                history={name: tuple(values) for name, values in self._history.items()},
                version=self._version,
                sharing=self._sharing,
                parts=self._parts,
                place=self._place,
                is_away=self._is_away,
                seconds=(self._clock() if self._ended is None else self._ended) - self._started,
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
        with self._news:
            self._news.wait_for(lambda: self._state.is_end or -1 < version < self._version, timeout)
        return self.snapshot()

    # What follows is called by compute threads.

    def _advance(self, seconds: float, interrupted: Callable[[], bool]) -> Turn:
        """Make steps for so long, or until someone needs the thread or the job's end."""
        spent, steps = self._effort(), self._steps_made
        self._turn_began = self._clock()
        if self._awaited:
            # Those who share that computer were at work in between, so this is more than a part.
            self._used += (self._turn_began - self._awaited_since) / self._slowed
            self._awaited = None
        self._make_steps(self._turn_began + seconds, interrupted)
        self._used += self._clock() - self._turn_began
        return Turn(self._effort() - spent, self._steps_made - steps)

    def _is_due(self) -> bool:
        """Whether a turn would be of use: it would not while another computer is at work."""
        return self._stop_wanted or self._awaited is None or self._awaited.done()

    def _make_steps(self, until: float, interrupted: Callable[[], bool]) -> None:
        try:
            while not self._stop_wanted and not self._pause_wanted:
                if self._generator is None:
                    self._generator = self._make()
                step = next(self._generator, None)
                if step is None:
                    self._finish(State.DONE)
                    return
                if isinstance(step, Future):
                    self._awaited, self._awaited_since = step, self._clock()
                    self._is_away = True
                    return
                self._record(step)
                if self._clock() >= until or interrupted():
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
            self._steps_made += 1
            for name, value in step.scalars.items():
                self._history.setdefault(name, []).append(value)
            used = self._used + self._clock() - self._turn_began
            self._pace.append((used, step.index))
            while used - self._pace[0][0] > _PACE_SECONDS and len(self._pace) > 2:
                self._pace.popleft()
            self._set(State.RUNNING)

    def _finish(self, state: State) -> None:
        result = None
        conclude = self._conclude  # `close` may take it away at any moment
        if conclude is not None and self._step is not None:
            result = conclude(self._step)
        with self._changed:
            self._result = result
            self._end(state)

    def _fail(self, problem: Problem) -> None:
        with self._changed:
            self._problem = problem
            self._end(State.FAILED)

    def _end(self, state: State) -> None:
        self._ended = self._clock()
        self._place = 0
        # The generator and its makers may hold networks and photos.
        self._generator = self._conclude = None
        self._make = _nothing
        if self._is_forgotten:
            self._drop()
        self._set(state)

    def _set(self, state: State) -> None:
        self._state = state
        self._version += 1
        self._news.notify_all()

    def _seconds_left(self) -> float | None:
        if self._step is None or len(self._pace) < 2 or self._state.is_end:
            return None
        (first, begun), (last, done) = self._pace[0], self._pace[-1]
        if done <= begun:
            return None
        return (last - first) / (done - begun) * (self._step.total - done) * self._slowed


class Scheduler:
    """Runs jobs on a few compute threads that take turns.

    A job belongs to an owner (a session) under a name (a page, or a part of one): submitting again
    under the same name replaces it. When an owner is released, its jobs end after a grace, unless
    it returns.

    The next turn goes to the owner whose jobs have computed least, counted from when it joined
    (Goyal, Vin and Cheng: Start-time Fair Queuing, SIGCOMM 1996). So a long step is paid for by
    waiting longer afterwards, and nobody is ever ahead of the others by more than one step.
    """

    def __init__(
        self,
        *,
        threads: int = 1,
        most_jobs: int = MOST_JOBS.default,
        slice_seconds: float = SLICE_SECONDS,
        grace_seconds: float = GRACE_SECONDS.default,
        clock: Callable[[], float] = time.monotonic,
        effort: Callable[[], float] | None = None,
    ) -> None:
        """Start the compute threads.

        Args:
            threads: how many; one, with all cores to itself, serves a lone user best.
            most_jobs: how many take turns; those beyond wait, in order, until one has ended.
            slice_seconds: how long a job computes before it is the next one's turn, at most.
            grace_seconds: how long jobs and belongings outlive their session.
            clock: tells the seconds that pass.
            effort: tells those that the calling thread has computed, by which computing is shared;
                None: `clock`.
        """
        self._most = most_jobs
        self._slice = slice_seconds
        self._grace = grace_seconds
        self._clock = clock
        self._effort = effort or clock
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._queue: list[Job] = []  # waiting for room
        self._ready: list[Job] = []  # taking turns
        self._running: list[Job] = []
        self._paused: list[Job] = []
        self._served = 0.0  # what the owner who had the latest turn had used before it
        self._quiet = 0.0  # likewise, when nobody computed, the last time
        self._urgent: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._sessions: dict[str, _Session] = {}
        self.on_end: Callable[[Job], None] = lambda job: None
        """Told of each job that has ended; it must be quick and not raise."""
        self._closing = False
        self._has_freed = False  # whether a session has gone, with all that it held
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
        with self._changed:
            session = self._sessions.setdefault(owner, _Session())
            session.expires = None  # whoever starts something is there
            job = Job(
                owner,
                name,
                make,
                conclude,
                history or {},
                session,
                self._lock,
                self._changed,
                self._clock,
                self._effort,
            )
            if previous := session.jobs.get(name):
                previous.stop()
            session.jobs[name] = job
            if self._closing:
                job._end(State.STOPPED)
            elif refused := self._refusal(session):
                job._fail(refused)
                self.on_end(job)
            else:
                self._queue.append(job)
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
            CancelledError: the scheduler is closed.
            Whatever `work` raises.
        """
        if threading.current_thread() in self._threads:
            return work()
        future: Future[T] = Future()
        with self._changed:
            if self._closing:
                raise CancelledError
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

    def belonging(self, owner: str, name: str, make: Callable[[], T]) -> T:
        """Give what a session keeps under a name, made when first asked for; it goes with it."""
        with self._changed:
            session = self._sessions.setdefault(owner, _Session())
            session.expires = None
            if name not in session.belongings:
                session.belongings[name] = make()
            kept: T = session.belongings[name]
            return kept

    def knows(self, owner: str) -> bool:
        """Whether anything is kept of a session; asking does not keep it."""
        with self._changed:
            return owner in self._sessions

    def discard(self, owner: str, name: str) -> None:
        """Stop a job and forget it with its result."""
        with self._changed:
            session = self._sessions.get(owner)
            if session and (job := session.jobs.pop(name, None)):
                job.stop()

    def release(self, owner: str, is_back: Callable[[], bool] = lambda: False) -> None:
        """Note that a session has gone; its jobs end after the grace unless it comes back.

        Args:
            owner: the session.
            is_back: tells whether it has come back, though it has asked for nothing since; it must
                be quick, and is called again and again. The grace begins anew with each yes.
        """
        with self._changed:
            if session := self._sessions.get(owner):
                session.expires = time.monotonic() + self._grace
                session.is_back = is_back
                self._changed.notify_all()

    @property
    def active(self) -> int:
        """How many jobs take turns right now or wait for room."""
        with self._changed:
            return len(self._queue) + len(self._ready) + len(self._running)

    def census(self) -> tuple[int, tuple[Job, ...]]:
        """Count the sessions that have run something and are still there, and give their jobs."""
        with self._changed:
            sessions = self._sessions.values()
            return len(sessions), tuple(job for each in sessions for job in each.jobs.values())

    def close(self, timeout: float = 10.0) -> bool:
        """Stop all jobs and end the compute threads; nothing is concluded any more.

        Returns:
            Whether they have ended: a step that takes longer than the timeout holds its thread.
        """
        with self._changed:
            self._closing = True
            for job in [*self._queue, *self._ready, *self._running, *self._paused]:
                job._conclude = None
                job.stop()
            self._changed.notify_all()
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    # What follows runs on the compute threads.

    def _work(self) -> None:
        while True:
            with self._changed:
                self._sweep()
                self._admit()
                if not (self._urgent or any(job._is_due() for job in self._ready)):
                    if self._closing:
                        return
                    if self._has_freed:  # now that nobody waits for it
                        self._has_freed = False
                        give_back()
                    self._changed.wait(timeout=self._seconds_to_next_expiry())
                    continue
                urgent = self._urgent.popleft() if self._urgent else None
                turn = None if urgent else self._next()
            if urgent:
                _fulfil(*urgent)
            elif turn:
                self._take_turn(*turn)

    def _admit(self) -> None:
        """Let waiting jobs take turns, in their order, as far as there is room."""
        self._queue += [job for job in self._paused if not job._pause_wanted]
        self._paused = [job for job in self._paused if job._pause_wanted]
        for job in list(self._queue):
            active = [*self._ready, *self._running]
            if len(active) < self._most or job._stop_wanted:
                session = job._session
                if not active:
                    self._quiet = self._served
                if all(other._session is not session for other in active):
                    # Who begins a little later than the rest of a class catches up with it. No
                    # other time that somebody was idle is a credit to be used up later, nor is
                    # what an earlier run has cost a debt.
                    begun = max(self._served - CATCH_UP_SECONDS, self._quiet)
                    session.used = min(max(session.used, begun), self._served)
                self._queue.remove(job)
                self._ready.append(job)
        self._tell()

    def _tell(self) -> None:
        """Let the jobs know how they share, and those that wait how many are before them."""
        own = Counter(job.owner for job in [*self._ready, *self._running])
        for job in [*self._ready, *self._running]:
            job._sharing, job._place = len(own), 0
            job._parts = max(len(own) * own[job.owner], len(self._threads))
            job._slowed = job._parts / len(self._threads)
        for place, job in enumerate(self._queue, 1):
            if job._place != place:
                job._place = place
                job._set(job._state)

    def _next(self) -> tuple[Job, float]:
        """Choose whose turn it is, and for how many seconds."""
        # What is to be stopped goes first: it computes no more, and somebody waits for it.
        due = [job for job in self._ready if job._is_due()]
        job = min(due, key=lambda job: (not job._stop_wanted, job._session.used))
        self._served = max(self._served, min(job._session.used for job in due))
        self._ready.remove(job)
        self._running.append(job)
        seconds = min(self._slice, ROUND_SECONDS / job._sharing)
        job._session.used += seconds  # charged in advance, so that other threads see it
        return job, seconds

    def _take_turn(self, job: Job, granted: float) -> None:
        turn = job._advance(granted, interrupted=lambda: bool(self._urgent))
        if job._state.is_end:
            self.on_end(job)
        with self._changed:
            job._session.used += self._charge(job, turn, granted) - granted
            self._running.remove(job)
            if job._state.is_end:
                return
            if job._pause_wanted:
                self._paused.append(job)
                job._set(State.PAUSED)
            else:
                self._ready.append(job)
        if (awaited := job._awaited) is not None:
            awaited.add_done_callback(lambda _: self._wake())

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _charge(self, job: Job, turn: Turn, granted: float) -> float:
        """Give the seconds to be charged for a turn, which may be more than were granted."""
        going = [*self._ready, *self._running]
        alike = [other._account for other in going if other is not job and other.name == job.name]
        seconds = job._account.charge(turn, granted, alike)
        return seconds + job._account.close() if job._state.is_end else seconds

    def _sweep(self) -> None:
        """Stop and forget the jobs of sessions that have been gone for longer than the grace."""
        now = time.monotonic()
        for owner, session in list(self._sessions.items()):
            if session.expires is None:
                continue
            if session.is_back():
                session.expires = now + self._grace
            elif session.expires <= now:
                for job in session.jobs.values():
                    job.forget()
                del self._sessions[owner]
                self._has_freed = True

    def _seconds_to_next_expiry(self) -> float | None:
        expiries = [s.expires for s in self._sessions.values() if s.expires is not None]
        if not expiries:
            return None
        return min(_ASK_SECONDS, max(0.0, min(expiries) - time.monotonic()))


def _fulfil(work: Callable[[], Any], future: Future[Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)


@lru_cache(maxsize=1)
def scheduler() -> Scheduler:
    """The process's one scheduler, as the environment sets it; it ends with the program."""
    running = Scheduler(
        threads=COMPUTE_THREADS.read(),
        most_jobs=MOST_JOBS.read(),
        grace_seconds=GRACE_SECONDS.read(),
        effort=effort.spent,
    )
    # A thread that still computes while the interpreter goes would take the program down with
    # "terminate called without an active exception".
    atexit.register(running.close)
    return running
