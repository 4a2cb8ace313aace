"""Letting go of visitors who have left.

Streamlit keeps the sessions of those whose connection was lost, for when they come back, and
forgets the ones that are due only when the next one is lost: after a class, thirty of them stay.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

from core.classroom.room import rooms
from core.server.background import regularly
from core.server.memory import give_back, memory_mb
from pages.parts.shared import streamlit_internals

SECONDS = 5.0
_log = logging.getLogger(__name__)


def tidy_regularly(seconds: float = SECONDS) -> None:
    """Forget those who are gone now and then, in the background, where this is a server."""
    regularly("rooms", seconds, rooms().sweep)
    forget = streamlit_internals.forgetting_sessions()
    if forget is not None:
        regularly("housekeeping", seconds, lambda: _tidy(forget))


def _tidy(forget: Callable[[], Future[list[str]]]) -> None:
    """Drop the sessions that nobody can come back to any more, and give their memory back."""
    with suppress(RuntimeError):  # the event loop is closed: the server ends
        if count := len(forget().result()):
            gc.collect()  # a session's parts know each other, and so do a page's
            give_back()
            _log.info("sessions forgotten", extra={"count": count, "mb": memory_mb()})
