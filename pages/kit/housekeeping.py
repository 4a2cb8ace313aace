"""Letting go of visitors who have left.

Streamlit keeps the sessions of those whose connection was lost, for when they come back, and
forgets the ones that are due only when the next one is lost: after a class, thirty of them stay.
"""

from __future__ import annotations

import gc
import logging
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import cast

from streamlit import runtime
from streamlit.runtime.caching.ttl_cache import TTLCache
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.session_manager import SessionInfo
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from core.memory import give_back, memory_mb

SECONDS = 5.0
_log = logging.getLogger(__name__)


def tidy_regularly(seconds: float = SECONDS) -> threading.Event:
    """Forget those who are gone now and then, in the background, until the event is set."""
    enough = threading.Event()

    def tidy() -> None:
        # Either the event loop is closed, since the server ends, or this is no server but a test of
        # a page, whose sessions are made up.
        with suppress(RuntimeError, AttributeError):
            while not enough.wait(seconds):
                if count := _on_the_event_loop().result():
                    gc.collect()  # a session's parts know each other, and so do a page's
                    give_back()
                    _log.info("sessions forgotten", extra={"count": count, "mb": memory_mb()})

    threading.Thread(target=tidy, name="housekeeping", daemon=True).start()
    return enough


def forget_expired(storage: MemorySessionStorage) -> int:
    """Drop the sessions that nobody can come back to any more, and tell how many they were."""
    return len(cast("TTLCache[str, SessionInfo]", storage._cache).expire())


def _on_the_event_loop() -> Future[int]:
    """Let Streamlit's own thread do it: no other may touch its sessions."""
    counted: Future[int] = Future()
    running = runtime.get_instance()
    manager = cast(WebsocketSessionManager, running._session_mgr)
    storage = cast(MemorySessionStorage, manager._session_storage)
    running._get_async_objs().eventloop.call_soon_threadsafe(
        lambda: counted.set_result(forget_expired(storage))
    )
    return counted
