"""Letting go of visitors who have left.

Streamlit keeps the sessions of those whose connection was lost, for when they come back, and
forgets the ones that are due only when the next one is lost: after a class, thirty of them stay.
"""

from __future__ import annotations

import gc
import logging
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from streamlit import runtime
from streamlit.runtime.caching.ttl_cache import TTLCache

from core.background import regularly
from core.memory import give_back, memory_mb

SECONDS = 5.0
_log = logging.getLogger(__name__)


def tidy_regularly(seconds: float = SECONDS) -> None:
    """Forget those who are gone now and then, in the background, where this is a server."""
    sessions = _kept_sessions()
    if sessions is not None:
        regularly("housekeeping", seconds, lambda: _tidy(sessions))


def _kept_sessions() -> TTLCache[str, Any] | None:
    """Streamlit's sessions without a connection; in a test of a page there are none."""
    found: object = runtime.get_instance() if runtime.exists() else None
    for name in ("_session_mgr", "_session_storage", "_cache"):
        found = getattr(found, name, None)
    return found if isinstance(found, TTLCache) else None


def _tidy(sessions: TTLCache[str, Any]) -> None:
    """Drop the sessions that nobody can come back to any more, and give their memory back."""
    with suppress(RuntimeError):  # the event loop is closed: the server ends
        if count := len(_expired(sessions).result()):
            gc.collect()  # a session's parts know each other, and so do a page's
            give_back()
            _log.info("sessions forgotten", extra={"count": count, "mb": memory_mb()})


def _expired(sessions: TTLCache[str, Any]) -> Future[list[str]]:
    """Let Streamlit's own thread drop them, since no other may touch its sessions."""
    dropped: Future[list[str]] = Future()
    runtime.get_instance()._get_async_objs().eventloop.call_soon_threadsafe(
        # Their names only: what holds the sessions would keep them from being collected.
        lambda: dropped.set_result([name for name, _ in sessions.expire()])
    )
    return dropped
