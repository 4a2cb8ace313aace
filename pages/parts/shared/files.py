"""Files that a visitor has given: they stay until the visitor removes them.

Streamlit's upload widgets forget what they show when they are not drawn for a moment, as on another
page, but Streamlit keeps the bytes. Such a file goes on to be used, in a line with a button.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.parts.shared import session, uploads
from pages.parts.shared.language import number, plain, t, tn
from pages.parts.shared.streamlit_internals import is_removed, is_upload

if TYPE_CHECKING:
    from pages.parts.shared.streamlit_internals import UploadedFile

Changed = Callable[[Sequence["UploadedFile"]], None]
"""Told of the files that there are now, when the visitor has given or removed some."""


@dataclass
class _Given:
    """What has come by one widget.

    Attributes:
        shown: the files that the widget shows.
        earlier: those that it has forgotten.
    """

    shown: list[UploadedFile] = field(default_factory=list)
    earlier: list[UploadedFile] = field(default_factory=list)

    def all(self) -> list[UploadedFile]:
        """Return the files, in the order in which they came."""
        return [*self.earlier, *self.shown]

    def draw(self, shown: list[UploadedFile]) -> None:
        """Note what the widget shows, now that it is drawn; what it has forgotten stays."""
        known = {file.file_id for file in shown}
        # A file that the visitor removes in the widget is no longer among `self.shown` by now.
        self.earlier += [file for file in self.shown if file.file_id not in known]
        self.shown = shown


@session.kept
def _given() -> dict[str, _Given]:
    """This session's files, by the widget's key."""
    return {}


def ask(
    widget: Callable[..., Any],
    label: str,
    *,
    key: str,
    changed: Changed | None = None,
    **more: Any,
) -> list[UploadedFile]:
    """Show a widget that takes files, and below it what was given before.

    Args:
        widget: `st.file_uploader` or `st.camera_input`.
        label: of the widget.
        key: of the widget.
        changed: called, before the page runs again, when there are other files than before.
        more: what else the widget takes.

    Returns:
        The files, those of before included.
    """
    value = widget(label, key=key, on_change=_take_over, args=(key, changed), **more)
    if "max_upload_size" in more:
        # Streamlit says so in English only; see `streamlit_words`.
        st.caption(t("Up to {megabytes} MB a file", megabytes=number(more["max_upload_size"])))
    if any(is_removed(file) for file in _as_list(st.session_state[key])):
        # The browser was away for too long, or the file was let go of; the widget goes on showing it.
        st.caption(t("What is shown above is no longer here. Upload it again if you need it."))
    return _show(key, _as_list(value), changed)


def still_here(key: str, changed: Changed | None = None) -> list[UploadedFile]:
    """Show what was given by a widget that is not shown now; see `ask`."""
    return _show(key, [], changed)


def let_go(key: str) -> None:
    """Forget the files of a widget, and free their memory."""
    if given := _given().pop(key, None):
        _free(given.all())


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _take_over(key: str, changed: Changed | None) -> None:
    value, given = st.session_state[key], _given().setdefault(key, _Given())
    before = given.all()
    given.shown = [file for file in _as_list(value) if is_upload(file)]
    if given.shown and not isinstance(value, list):  # one file takes the place of the other
        given.earlier = []
    now = {file.file_id for file in given.all()}
    _free(file for file in before if file.file_id not in now)
    if changed:
        changed(given.all())


def _show(key: str, shown: list[UploadedFile], changed: Changed | None) -> list[UploadedFile]:
    given = _given().setdefault(key, _Given())
    given.draw(shown)
    if given.earlier:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(_told(given.earlier), width="content")
            st.button(
                t("Remove"),
                icon=":material/close:",
                type="tertiary",
                key=f"{key}_remove",
                on_click=_remove,
                args=(key, changed),
            )
    return given.all()


def _remove(key: str, changed: Changed | None) -> None:
    given = _given().setdefault(key, _Given())
    _free(given.earlier)
    given.earlier = []
    if changed:
        changed(given.all())


def _free(files: Iterable[UploadedFile]) -> None:
    for file in files:
        uploads.remove(file)


def _told(files: Sequence[UploadedFile]) -> str:
    size = _size(sum(file.size for file in files))
    if len(files) == 1:
        return t("Still here: {name} ({size})", name=plain(files[0].name), size=size)
    return t(
        "Still here: {files} ({size})",
        files=tn("{count} file", "{count} files", len(files)),
        size=size,
    )


def _size(count: int) -> str:
    if count < 10**6:
        return f"{number(max(1, count / 1000))} kB"
    return f"{number(count / 10**6, 1)} MB"
