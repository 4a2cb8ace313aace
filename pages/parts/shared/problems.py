"""What went wrong in a callback, where nothing can be shown: the run that follows shows it, once."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.problem import Problem
from pages.parts.shared.language import say

_ICON = ":material/error:"


def attempt(action: Callable[[], object], place: str) -> None:
    """Do something in a callback, and keep a problem for the place where it is to be shown."""
    try:
        action()
    except Problem as problem:
        st.session_state[_key(place)] = problem


def notice(place: str, icon: str = _ICON) -> None:
    """Show what went wrong in the last callback, if it belongs here."""
    if problem := st.session_state.get(_key(place)):
        st.error(say(problem), icon=icon)
        # Only now: a run may be ended by the next one whenever it shows something.
        del st.session_state[_key(place)]


def _key(place: str) -> str:
    return f"problem_{place}"
