"""The teacher's PIN: who knows it may open the wall and clear it, and guessing it takes for ever.

Wrong attempts are counted per session and, since a new session costs nothing, in all. After a few
free ones each further one makes the next wait twice as long.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from core.environment import TEACHER_PIN
from core.problem import N_, Problem

SHORTEST = 4
FREE_HERE, FREE_IN_ALL = 3, 20
"""Wrong attempts before the waiting begins: a session's own, and those of all sessions."""
LONGEST_HERE, LONGEST_IN_ALL = 900.0, 60.0
"""Seconds. The wait of all is short: whoever guesses must not lock the teacher out."""
FORGOTTEN_AFTER = 3600.0
"""Seconds without a wrong attempt, after which all waits are forgotten."""
_MOST_SESSIONS = 1000
"""Remembered at once; the oldest are forgotten, so that memory has a bound."""

_log = logging.getLogger(__name__)


def is_set() -> bool:
    """Return whether whoever runs the server has set a PIN that is long enough."""
    return len(TEACHER_PIN.read()) >= SHORTEST


@dataclass
class _Tally:
    """Wrong attempts, and until when nobody may try again."""

    free: int
    longest: float
    wrong: int = 0
    latest: float = -math.inf
    closed_until: float = -math.inf

    def count(self, now: float) -> None:
        if now - self.latest > FORGOTTEN_AFTER:
            self.wrong = 0
        self.wrong += 1
        self.latest = now
        beyond = self.wrong - self.free
        if beyond >= 0:
            self.closed_until = now + min(self.longest, 2.0 ** min(beyond, 20))


class Guard:
    """Lets in who knows the PIN, ever more slowly. Its methods are safe from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without any attempts.

        Args:
            clock: gives seconds that only ever grow.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._all = _Tally(FREE_IN_ALL, LONGEST_IN_ALL)
        self._sessions: OrderedDict[str, _Tally] = OrderedDict()
        self._inside: OrderedDict[str, None] = OrderedDict()

    def enter(self, session: str, attempt: str) -> None:
        """Let a session in that knows the PIN.

        Args:
            session: id of whoever tries.
            attempt: what was typed.

        Raises:
            Problem: it is wrong, it is too early to try again, or there is no PIN.
        """
        if not is_set():
            raise Problem(N_("The teacher's functions are off on this server."))
        with self._lock:
            here = self._tally(session)
            now = self._clock()
            wait = max(here.closed_until, self._all.closed_until) - now
            if wait > 0:  # not even compared, so that waiting cannot be skipped
                raise Problem(
                    N_("Too many wrong attempts. Try again in {seconds} s."),
                    seconds=math.ceil(wait),
                )
            if _same(attempt.strip(), TEACHER_PIN.read()):
                self._sessions.pop(session, None)
                self._inside[session] = None
                if len(self._inside) > _MOST_SESSIONS:
                    self._inside.popitem(last=False)
                return
            here.count(now)
            self._all.count(now)
            _log.warning(
                "wrong PIN, attempt %d of a session, %d in all", here.wrong, self._all.wrong
            )
        raise Problem(N_("This is not the PIN."))

    def is_inside(self, session: str) -> bool:
        """Return whether a session has given the PIN."""
        return session in self._inside

    def leave(self, session: str) -> None:
        """Let a session out again."""
        with self._lock:
            self._inside.pop(session, None)

    def _tally(self, session: str) -> _Tally:
        if session not in self._sessions and len(self._sessions) >= _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return self._sessions.setdefault(session, _Tally(FREE_HERE, LONGEST_HERE))


def _same(attempt: str, pin: str) -> bool:
    # Of equal length, so that the time tells nothing, not even how long the PIN is.
    digests = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (attempt, pin))
    return hmac.compare_digest(*digests)


@lru_cache(maxsize=1)
def guard() -> Guard:
    """Return the guard that all sessions of this program share."""
    return Guard()
