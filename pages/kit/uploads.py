"""What visitors upload: only in memory, as much as there is room for, and gone with the session."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import cast

import streamlit as st
from starlette.formparsers import MultiPartParser
from streamlit import config, runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from core.limits import check_room
from core.problem import Problem
from pages.kit.language import say

_MOST_REMEMBERED = 1000
_log = logging.getLogger(__name__)
_refused: OrderedDict[str, Problem] = OrderedDict()


def guard() -> None:
    """Keep uploads off the disk, and refuse those for which there is no room; once per process."""
    keep_in_memory()
    if runtime.exists():
        bound(cast(MemoryUploadedFileManager, runtime.get_instance().uploaded_file_mgr))


def keep_in_memory() -> None:
    """Stop the web server from putting uploads beyond a megabyte into a temporary file."""
    MultiPartParser.spool_max_size = 2 * 10**6 * int(config.get_option("server.maxUploadSize"))


def bound(manager: MemoryUploadedFileManager) -> None:
    """Let the store of uploads keep the name only of a file for which there is no room.

    The browser's part of Streamlit has no words for a refusal. So the file arrives empty, and
    `read` tells why.
    """
    add = manager.add_file

    def add_if_there_is_room(session_id: str, file: UploadedFileRec) -> None:
        try:
            check_room(
                size_of(manager, session_id) + len(file.data), size_of(manager) + len(file.data)
            )
        except Problem as problem:
            _log.warning("upload refused", extra={"problem": problem.template})
            _refused[file.file_id] = problem
            if len(_refused) > _MOST_REMEMBERED:
                _refused.popitem(last=False)
            file = file._replace(data=b"")
        add(session_id=session_id, file=file)

    manager.add_file = add_if_there_is_room  # type: ignore[method-assign]


def size_of(manager: MemoryUploadedFileManager, session_id: str | None = None) -> int:
    """Bytes of the files of a session, or of all."""
    stored = dict(manager.file_storage)
    of_session = stored.values() if session_id is None else [stored.get(session_id, {})]
    return sum(len(file.data) for files in of_session for file in list(files.values()))


def held_mb() -> float:
    """What all visitors' uploads take, in millions of bytes."""
    if not runtime.exists():
        return 0.0
    return size_of(cast(MemoryUploadedFileManager, runtime.get_instance().uploaded_file_mgr)) / 1e6


def read(file: UploadedFile) -> bytes:
    """Give the bytes of an upload.

    Raises:
        Problem: there was no room for it.
    """
    if problem := _refused.get(file.file_id):
        raise problem
    return file.getvalue()


def remove(file: UploadedFile) -> None:
    """Free the memory of an upload of this session, and its share of what a visitor may have."""
    if context := get_script_run_ctx():
        manager = cast(MemoryUploadedFileManager, context.uploaded_file_mgr)
        manager.remove_file(context.session_id, file.file_id)


def taken(file: UploadedFile) -> bytes | None:
    """Give the bytes of an upload, or say on the page why it was refused."""
    try:
        return read(file)
    except Problem as problem:
        st.error(say(problem), icon=":material/error:")
        return None
