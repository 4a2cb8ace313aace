"""Jobs take turns: many long computations on few compute threads, each getting its share.

A compute thread takes the next job, advances it for a slice of time and puts it back, so that
everyone progresses and nobody waits behind a long run. What is shared equally is seconds, and among
people: whoever has three jobs, or one with long steps, gets no more than the others.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, TypeVar

from core import effort
from core.environment import COMPUTE_THREADS, GRACE_SECONDS, MOST_JOBS
from core.limits import LIMITS
from core.problem import N_, Problem
from core.server.fairness import Turn
from core.server.jobs import Job, JobGenerator, State
from core.server.memory import give_back, memory_mb

SLICE_SECONDS = 0.25
ROUND_SECONDS = 1.0
"""With many people the slices get shorter, so that each of them has a turn about this often."""
CATCH_UP_SECONDS = 2.0
"""Of computing, by which somebody who was idle may be behind the others."""
_ASK_SECONDS = 1.0
"""How often those who have gone are looked for, at least, while nothing computes."""

T = TypeVar("T")


@dataclass
class _Session:
    """What the scheduler keeps of one session."""

    jobs: dict[str, Job] = field(default_factory=dict)
    belongings: dict[str, Any] = field(default_factory=dict)
    expires: float | None = None  # None while somebody is there
    is_back: Callable[[], bool] = lambda: False  # asked while it may expire


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
        self.on_end: Callable[[Job], None] = lambda job: None
        """Told of each job that has ended; it must be quick and not raise."""
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
        self._used: dict[str, float] = {}  # seconds charged to each owner since nobody computed
        self._served = 0.0  # what the owner who had the latest turn had used before it
        self._urgent: deque[Callable[[], None]] = deque()
        self._sessions: dict[str, _Session] = {}
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
        job = Job(owner, name, make, conclude, history or {}, self._lock, self._wake, self._clock)
        with self._changed:
            session = self._session(owner)
            if previous := session.jobs.get(name):
                previous.stop()
            session.jobs[name] = job
            if self._closing:
                job.end(State.STOPPED)
            elif refusal := _refusal(session):
                job.end(State.FAILED, problem=refusal)
                self.on_end(job)
            else:
                self._queue.append(job)
            self._wake()
        return job

    def call(self, work: Callable[[], T]) -> T:
        """Do something short on a compute thread, before the next slice, and return its result.

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
            self._urgent.append(partial(_fulfil, work, future))
            self._wake()
        return future.result()

    def get(self, owner: str, name: str) -> Job | None:
        """Return a session's job of that name, and keep it from ending for lack of its owner."""
        with self._changed:
            return self._session(owner).jobs.get(name) if owner in self._sessions else None

    def belonging(self, owner: str, name: str, make: Callable[[], T]) -> T:
        """Return what a session keeps under a name, made when first asked for; it goes with it."""
        with self._changed:
            belongings = self._session(owner).belongings
            if name not in belongings:
                belongings[name] = make()
            kept: T = belongings[name]
            return kept

    def knows(self, owner: str) -> bool:
        """Return whether anything is kept of a session; asking does not keep it."""
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
                self._wake()

    @property
    def sessions(self) -> int:
        """How many sessions have run something and are still there."""
        return len(self._sessions)

    def jobs(self) -> list[Job]:
        """Return the jobs of the sessions that are still there, ended ones too."""
        with self._changed:
            return [job for each in self._sessions.values() for job in each.jobs.values()]

    def close(self, timeout: float = 10.0) -> bool:
        """Stop all jobs and end the compute threads; nothing is concluded any more.

        Returns:
            Whether they have ended: a step that takes longer than the timeout holds its thread.
        """
        with self._changed:
            self._closing = True
            for job in [*self._queue, *self._ready, *self._running, *self._paused]:
                job.forget()
            self._wake()
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _session(self, owner: str) -> _Session:
        """Return what is kept of a session that is there, since it asks for something."""
        session = self._sessions.setdefault(owner, _Session())
        session.expires = None
        return session

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # What follows runs on the compute threads.

    def _work(self) -> None:
        while (work := self._next()) is not None:
            work()
            del work  # and with it what it knows, somebody's photo perhaps, while nothing is to do

    def _next(self) -> Callable[[], None] | None:
        """Wait for something to do, and return it; None once the scheduler is closed."""
        with self._changed:
            while True:
                self._sweep()
                self._admit()
                if self._urgent:
                    return self._urgent.popleft()
                if due := [job for job in self._ready if job.is_due()]:
                    return partial(self._take_turn, self._chosen(due))
                if self._closing:
                    return None
                if self._has_freed:  # now that nobody waits for it
                    self._has_freed = False
                    give_back()
                may_expire = any(each.expires is not None for each in self._sessions.values())
                self._changed.wait(_ASK_SECONDS if may_expire else None)

    def _admit(self) -> None:
        """Let waiting jobs take turns, in their order, as far as there is room."""
        resumed = [job for job in self._paused if job.stop_wanted or not job.pause_wanted]
        self._paused = [job for job in self._paused if job not in resumed]
        self._queue += resumed
        for job in list(self._queue):
            if len(self._active()) < self._most or job.stop_wanted:
                self._join(job.owner)
                self._queue.remove(job)
                self._ready.append(job)
        active = self._active()
        own = Counter(job.owner for job in active)
        for job in active:
            job.set_share(len(own), max(len(own) * own[job.owner], len(self._threads)))
        for place, job in enumerate(self._queue, 1):
            job.set_place(place)

    def _active(self) -> list[Job]:
        return [*self._ready, *self._running]

    def _join(self, owner: str) -> None:
        """Let an owner compute with the others.

        Who begins a little later than the rest of a class catches up with it. No other time that
        somebody was idle is a credit to be used up later, nor is what an earlier run has cost a
        debt, and after a quiet moment all begin as equals.
        """
        active = self._active()
        if not active:
            self._used.clear()
            self._served = 0.0
        if all(job.owner != owner for job in active):
            begun = max(self._used.get(owner, 0.0), self._served - CATCH_UP_SECONDS)
            self._used[owner] = min(begun, self._served)

    def _chosen(self, due: list[Job]) -> Job:
        """Return the job whose turn it is."""
        # What is to be stopped goes first: it computes no more, and somebody waits for it.
        job = min(due, key=lambda job: (not job.stop_wanted, self._used[job.owner]))
        self._served = max(self._served, min(self._used[job.owner] for job in due))
        self._ready.remove(job)
        self._running.append(job)
        return job

    def _take_turn(self, job: Job) -> None:
        spent, made = self._effort(), job.steps_made
        seconds = min(self._slice, ROUND_SECONDS / job.sharing)
        awaited = job.advance(seconds, interrupted=lambda: bool(self._urgent))
        turn = Turn(self._effort() - spent, job.steps_made - made)
        if job.state.is_end:
            self.on_end(job)
        with self._changed:
            self._running.remove(job)
            alike = [other.account for other in self._active() if other.name == job.name]
            self._used[job.owner] += job.account.charge(turn, alike)
            if job.state.is_end:
                return
            if job.pause_wanted:
                self._paused.append(job)
                job.set_paused()
            else:
                self._ready.append(job)
        if awaited is not None:
            awaited.add_done_callback(lambda _: self._wake())

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


def _refusal(session: _Session) -> Problem | None:
    """Return why no further job can be begun for a session, if it cannot."""
    going = sum(not job.state.is_end and not job.stop_wanted for job in session.jobs.values())
    if going > LIMITS.session_jobs:
        return Problem(
            N_("{count} of your runs are going already. They go on; stop one, or wait."),
            count=going - 1,
        )
    if memory_mb() > LIMITS.memory_mb:
        return Problem(N_("The server's memory is full. What runs goes on; try again in a minute."))
    return None


def _fulfil(work: Callable[[], Any], future: Future[Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)


@lru_cache(maxsize=1)
def scheduler() -> Scheduler:
    """Return the process's one scheduler, as the environment sets it; it ends with the program."""
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
