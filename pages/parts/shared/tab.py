"""A reload of a tab comes back to the same visitor, with all that was made, chosen and predicted.

The server keeps a visitor's things for a grace after the connection has gone (`session.kept`), and
Streamlit gives a reloaded tab a new session. So the tab itself remembers who its visitor was, in the
browser's storage of that one tab: nothing stands in the address, and another tab is another visitor.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from core.environment import GRACE_SECONDS
from core.server.scheduler import scheduler
from pages.parts.shared import language, session, streamlit_internals
from pages.parts.shared.components import component

_KEY = "unseen_tab"
_GONE = "tab_gone"
_PLAIN = (str, int, float, bool, type(None))

_tab = component("tab")


@dataclass
class _Visit:
    """What a reload has to find again beside what is kept for the visitor.

    Attributes:
        session_id: by which Streamlit knows the visitor's session.
        choices: the session's state as far as it is plain values: what the widgets were set to, and
            which link was opened: another one in the same tab is opened over them.
    """

    session_id: str = ""
    choices: dict[str, object] = field(default_factory=dict)


def _visit_of(owner: str) -> _Visit:
    return scheduler().belonging(owner, "visit", _Visit)


def kept_for() -> str:
    """Return for how many seconds a visitor's things outlast the tab, in the language in use."""
    return language.number(GRACE_SECONDS.read())


def arrive() -> None:
    """Come back to the visitor that this tab had before a reload, if there is still such a one.

    To be called before any widget is made. The first run after a reload does not know yet: the tab
    answers, and what follows runs again.
    """
    owner = session.owner()
    visit = _visit_of(owner)
    visit.session_id = streamlit_internals.session_id()
    visit.choices = {
        key: value
        for key, value in streamlit_internals.lasting_state().items()
        if key not in (session.OWNER, _GONE, language.KEY) and _is_plain(value)
    }
    _tab(
        key=_KEY,
        data={"visitor": owner, "gone": st.session_state.get(_GONE)},
        on_before_change=_come_back,
    )


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, (*value.keys(), *value.values())))
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)


def _come_back() -> None:
    """Become the visitor that the tab names, unless nothing is left of it, or it is still there."""
    before = st.session_state[_KEY].get("before")
    if not before:
        return
    owner = str(before)
    visit = _visit_of(owner) if scheduler().knows(owner) else None
    if visit is None or streamlit_internals.is_connected(visit.session_id):
        st.session_state[_GONE] = owner  # a copied tab names a visitor who is still there
        return
    scheduler().release(session.owner())
    streamlit_internals.move_uploads(visit.session_id, streamlit_internals.session_id())
    st.session_state[session.OWNER] = owner
    for key, value in visit.choices.items():
        st.session_state[key] = value
