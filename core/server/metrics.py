"""Numbers for whoever runs the server: sessions, jobs, share, memory."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache

from core.server.background import regularly
from core.server.jobs import Job, State
from core.server.log import who
from core.server.memory import memory_mb
from core.server.scheduler import Scheduler

LOG_SECONDS = 300.0
_STARTED = time.monotonic()
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Numbers:
    """How the server is, at one moment.

    Attributes:
        sessions: how many visitors have run something and are still there.
        jobs: how many jobs there are of each state, by its name.
        share: the part of the computer that each visitor who computes gets, in (0, 1].
        memory_mb: resident memory of the program, in millions of bytes.
        uptime_seconds: since the program began.
        ended: how many jobs have ended since then, by how.
    """

    sessions: int
    jobs: Mapping[str, int]
    share: float
    memory_mb: float
    uptime_seconds: float
    ended: Mapping[str, int]


class Ends:
    """Counts and logs the ends of jobs. Safe from any thread."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def note(self, job: Job) -> None:
        """Note that a job has ended."""
        ended = job.snapshot()
        with self._lock:
            self._counts[ended.state] += 1
        _log.info(
            "job ended",
            extra={
                "who": who(job.owner),
                "what": job.name,
                "seconds": round(ended.seconds, 2),
                "outcome": ended.state.value,
                "steps": ended.step.index if ended.step else 0,
                # The template alone: its fields may be names of people's files.
                "problem": ended.problem.template if ended.problem else None,
            },
        )

    def counts(self) -> dict[str, int]:
        """Return how many jobs have ended, by how."""
        with self._lock:
            return {state.value: self._counts[state] for state in State if state.is_end}


def numbers(scheduler: Scheduler) -> Numbers:
    """Return how the server is now; cheap."""
    jobs = scheduler.jobs()
    computing = {job.owner for job in jobs if not job.state.is_end}
    states = Counter(job.state for job in jobs)
    return Numbers(
        sessions=scheduler.sessions,
        jobs={state.value: states[state] for state in State},
        share=1 / max(1, len(computing)),
        memory_mb=memory_mb(),
        uptime_seconds=time.monotonic() - _STARTED,
        ended=ends().counts(),
    )


@lru_cache(maxsize=1)
def ends() -> Ends:
    """Return the process's count of ended jobs."""
    return Ends()


def log_regularly(scheduler: Scheduler, seconds: float = LOG_SECONDS) -> threading.Event:
    """Log the numbers now and then, in the background, until the event that is returned is set."""
    return regularly(
        "numbers", seconds, lambda: _log.info("numbers", extra=asdict(numbers(scheduler)))
    )
