"""Parts of Streamlit that the app uses though nobody has promised that they stay.

Nothing else in the app imports `streamlit.runtime`. Where a part is not as it was, a warning in the
log says what that means, and the app goes on without it. `tests/test_internals.py` does with a real
server what each of them is for.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, TypeGuard

import streamlit as st

if TYPE_CHECKING:
    from streamlit.runtime.memory_uploaded_file_manager import (
        MemoryUploadedFileManager as UploadStore,
    )
    from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

    __all__ = ["UploadStore", "UploadedFile", "UploadedFileRec"]

_XSRF_COOKIE = "_streamlit_xsrf"
_log = logging.getLogger(__name__)


def upload_store() -> UploadStore | None:
    """Return where the server keeps uploads; None where there is no server, or it is not known."""
    server = _server()
    if server is None:
        return None
    store: UploadStore | None = getattr(server, "uploaded_file_mgr", None)
    if hasattr(store, "add_file") and hasattr(store, "file_storage"):
        return store
    _warn(
        "Streamlit keeps uploads otherwise than before: they are held to its limit for one file, no longer to this app's for a visitor and for all"
    )
    return None


def remove_upload(file_id: str) -> None:
    """Free the memory of an upload of the session whose page is run."""
    try:
        context = importlib.import_module("streamlit.runtime.scriptrunner").get_script_run_ctx()
        if context is not None:
            context.uploaded_file_mgr.remove_file(context.session_id, file_id)
    except (ImportError, AttributeError):
        _warn(
            "Streamlit keeps uploads otherwise than before: those that were removed stay in memory until their visitor leaves"
        )


def move_uploads(from_session: str, to_session: str) -> None:
    """Let the files of a session count as another's, which frees their memory when it goes."""
    store = upload_store()
    files = list(store.file_storage.get(from_session, {}).values()) if store is not None else []
    if store is not None and files:
        store.remove_session_files(from_session)
        for file in files:
            store.add_file(to_session, file)


def lasting_state() -> dict[str, Any]:
    """Return the session's state without what no code may set: buttons, uploads and their like.

    It has what the app itself has noted, and what the widgets were set to that keep their value
    while another page is open.
    """
    try:
        context = importlib.import_module("streamlit.runtime.scriptrunner").get_script_run_ctx()
        if context is None:
            return {}
        state = context.session_state._state
        ids, scope_of = state._key_id_mapper, state._persist_tracker.scope_of
        return {
            key: value
            for key, value in state.filtered_state.items()
            if key not in ids or scope_of(ids.get_id_from_key(key)) == "session"
        }
    except (ImportError, AttributeError):
        _warn(
            "Streamlit keeps what widgets are set to otherwise than before: whoever reloads the page finds pictures and predictions again, but network and settings as they were at first"
        )
        return {}


def session_id() -> str:
    """Return by which name the server knows the session whose page is run; empty if unknown."""
    try:
        context = importlib.import_module("streamlit.runtime.scriptrunner").get_script_run_ctx()
        return "" if context is None else str(context.session_id)
    except (ImportError, AttributeError):
        _warn(
            "Streamlit names its sessions otherwise than before: a visitor whose connection was lost for a moment, and who does nothing for the grace after that, loses runs and photos"
        )
        return ""


def is_connected(session_id: str) -> bool:
    """Return whether a browser is there for this session."""
    check = getattr(_server(), "is_active_session", None)
    return bool(check(session_id)) if check is not None else False


def is_upload(file: object) -> TypeGuard[UploadedFile]:
    """Return whether this is an uploaded file, not the note that one was removed."""
    return hasattr(file, "file_id") and hasattr(file, "getvalue")


def is_removed(file: object) -> bool:
    """Return whether this is the note that an uploaded file was removed."""
    return hasattr(file, "file_id") and not hasattr(file, "getvalue")


def forgetting_sessions() -> Callable[[], Future[list[str]]] | None:
    """Return a function that drops the sessions which nobody can come back to any more.

    It lets Streamlit's own thread do so, since no other may touch its sessions, and returns their
    names. It raises RuntimeError once the server has ended. None where there is no server, or where
    its sessions are not known.
    """
    server = _server()
    if server is None:
        return None
    try:
        expire = server._session_mgr._session_storage._cache.expire
        call_soon = server._get_async_objs().eventloop.call_soon_threadsafe
    except AttributeError:
        _warn(
            "Streamlit keeps its sessions otherwise than before: the memory of visitors who have left is given back only when others leave"
        )
        return None

    def forget() -> Future[list[str]]:
        dropped: Future[list[str]] = Future()

        def drop() -> None:
            try:
                # Their names only: what holds the sessions would keep them from being collected.
                dropped.set_result([name for name, _ in expire()])
            except Exception as error:  # else who waits would wait for ever
                dropped.set_exception(error)

        call_soon(drop)
        return dropped

    return forget


def entered_past_app() -> bool:
    """Return whether Streamlit serves the folder `pages` by itself, and end that."""
    try:
        manager = importlib.import_module("streamlit.runtime.pages_manager").PagesManager
        is_past = bool(manager.uses_pages_directory)
    except (ImportError, AttributeError):
        _warn(
            "Streamlit treats a folder called pages otherwise than before: who opens a link to a page on a fresh server may see it without navigation and side bar"
        )
        return False
    if is_past:
        manager.uses_pages_directory = False
    return is_past


def refuses_uploads() -> bool:
    """Return whether the server will refuse this visitor's uploads, as forged ones.

    A browser proves that an upload is its visitor's by a cookie. Some keep it back where the page is
    shown inside another site's.
    """
    if _server() is None or not st.get_option("server.enableXsrfProtection"):
        return False
    return _XSRF_COOKIE not in st.context.cookies


def send_all_before_a_fragment() -> None:
    """Let the server send what is still waiting to be sent before it runs a fragment.

    Streamlit 1.67 drops what waits of the fragment that runs again, but not what waits of the
    fragments within it. The browser is then told to put something into a container that it never
    got, and the whole page turns white: "Cannot set a node at a delta path". It takes a click on a
    page that has just been laid out, and a busy server.
    """
    try:
        queue = importlib.import_module("streamlit.runtime.forward_msg_queue").ForwardMsgQueue
        drop = queue.clear
        if "fragment_ids_this_run" not in inspect.signature(drop).parameters:
            raise AttributeError("fragment_ids_this_run")
    except (ImportError, AttributeError):
        _warn(
            "Streamlit keeps what it has to send otherwise than before: a click on a page that has just been laid out may turn it white, and the visitor has to load it again"
        )
        return

    @wraps(drop)
    def clear(
        waiting: Any,
        retain_lifecycle_msgs: bool = False,
        fragment_ids_this_run: list[str] | None = None,
    ) -> None:
        if retain_lifecycle_msgs and fragment_ids_this_run is not None:
            waiting._delta_index_map = {}  # nothing new may take the place of what waits
        else:
            drop(waiting, retain_lifecycle_msgs, fragment_ids_this_run)

    queue.clear = clear


def end_callbacks_before_the_next_run() -> None:
    """Let every press have its callback, and every callback its end, before the next one is heeded.

    Streamlit 1.67 looks for a newer request of the browser whenever a run sends something or reads
    the session's state, also before the callbacks of the request that it has begun with, and within
    them. A newer request then takes its place, without the press that the older one brought: it has
    no answer, or half of one. It takes two requests in quick succession, and a busy server.
    """
    try:
        runner = importlib.import_module(
            "streamlit.runtime.scriptrunner.script_runner"
        ).ScriptRunner
        state = importlib.import_module(
            "streamlit.runtime.state.safe_session_state"
        ).SafeSessionState
        heed, call_back = runner._maybe_handle_execution_control_request, state.on_script_will_rerun
    except (ImportError, AttributeError):
        _warn(
            "Streamlit runs callbacks otherwise than before: a press that another one follows at once may have no answer, and has to be repeated"
        )
        return
    busy = threading.local()

    @wraps(heed)
    def heed_later(self: Any) -> None:
        if not getattr(busy, "with_callbacks", False):
            heed(self)

    @wraps(call_back)
    def call_all_back(self: Any, *args: Any, **options: Any) -> None:
        busy.with_callbacks = True
        try:
            call_back(self, *args, **options)
        finally:
            busy.with_callbacks = False

    runner._maybe_handle_execution_control_request = heed_later
    state.on_script_will_rerun = call_all_back


def hold_uploads_to(megabytes: int) -> None:
    """Lower Streamlit's limit for one uploaded file while the server runs."""
    importlib.import_module("streamlit.config").set_option("server.maxUploadSize", megabytes)


def _server() -> Any:
    """Return the running server; None on the command line and in a test of a page."""
    try:
        runtime = importlib.import_module("streamlit.runtime")
        server = runtime.get_instance() if runtime.exists() else None
        is_real = type(server).__module__.startswith("streamlit.")  # a test of a page makes one up
    except (ImportError, AttributeError):
        _warn(
            "Streamlit's server is not where it was: uploads are held to its limit for one file only, and the memory of visitors who have left is given back only when others leave"
        )
        return None
    return server if is_real else None


@lru_cache
def _warn(sentence: str) -> None:
    """Log a warning, once."""
    _log.warning(sentence)
