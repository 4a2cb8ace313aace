"""What visitors upload: only in memory, as much as there is room for, and gone with the session."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

import streamlit as st

from core.limits import check_room
from core.problem import Problem
from pages.parts.shared import starlette_internals, streamlit_internals
from pages.parts.shared.language import say, t

if TYPE_CHECKING:
    from pages.parts.shared.streamlit_internals import UploadedFile, UploadedFileRec, UploadStore

_MOST_REMEMBERED = 1000
_log = logging.getLogger(__name__)
_refused: OrderedDict[str, Problem] = OrderedDict()


def guard() -> None:
    """Keep uploads off the disk, and refuse those for which there is no room; once per process."""
    keep_in_memory()
    if (store := streamlit_internals.upload_store()) is not None:
        bound(store)


def keep_in_memory() -> None:
    """Stop the web server from putting uploads beyond a megabyte into a temporary file.

    A photo on the disk is what visitors are promised not to happen. So where the server cannot be
    told, it takes no file that large.
    """
    megabytes = int(st.get_option("server.maxUploadSize"))
    if not starlette_internals.keep_uploads_in_memory(2 * 10**6 * megabytes):
        streamlit_internals.hold_uploads_to(1)
        _log.warning(
            "files are held to 1 MB: Starlette would write larger ones to the disk, and can no longer be told not to"
        )


def bound(manager: UploadStore) -> None:
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


def warn_if_refused() -> None:
    """Say on the page that uploads will be refused, and lead to where they are not."""
    if streamlit_internals.refuses_uploads():
        st.warning(
            t(
                "Files cannot be uploaded here: the app is shown inside another site's page, and your browser keeps back the cookie that protects uploads. Open the app in a tab of its own."
            ),
            icon=":material/tab:",
        )
        if address := st.context.url:
            st.link_button(t("Open in a new tab"), address, icon=":material/open_in_new:")


def size_of(manager: UploadStore, session_id: str | None = None) -> int:
    """Bytes of the files of a session, or of all."""
    stored = dict(manager.file_storage)
    of_session = stored.values() if session_id is None else [stored.get(session_id, {})]
    return sum(len(file.data) for files in of_session for file in list(files.values()))


def held_mb() -> float:
    """What all visitors' uploads take, in millions of bytes."""
    store = streamlit_internals.upload_store()
    return 0.0 if store is None else size_of(store) / 1e6


def read(file: UploadedFile) -> bytes:
    """Return the bytes of an upload.

    Raises:
        Problem: there was no room for it.
    """
    if problem := _refused.get(file.file_id):
        raise problem
    return file.getvalue()


def remove(file: UploadedFile) -> None:
    """Free the memory of an upload of this session, and its share of what a visitor may have."""
    streamlit_internals.remove_upload(file.file_id)


def taken(file: UploadedFile) -> bytes | None:
    """Return the bytes of an upload, or say on the page why it was refused."""
    try:
        return read(file)
    except Problem as problem:
        st.error(say(problem), icon=":material/error:")
        return None
