"""Who has given the teacher's PIN, and what only they may do."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.classroom import pin
from pages.parts.shared import problems, session
from pages.parts.shared.language import t

ACTS = "teacher"
"""Where what went wrong with something that only the teacher may do is shown."""
_SIGN_IN = "sign_in"


def is_signed_in() -> bool:
    """Whether this session has given the PIN."""
    return pin.guard().is_inside(session.owner())


def act(action: Callable[[], object]) -> None:
    """Do something in a callback that only the teacher may do; a problem is shown afterwards."""
    if is_signed_in():
        problems.attempt(action, ACTS)


def notice() -> None:
    """Show what went wrong when the teacher did something."""
    problems.notice(ACTS)


def sign_in() -> None:
    """Ask for the PIN."""
    # Its state is kept here: else one that is opened while the page is still coming closes again.
    with st.expander(
        t("For the teacher"), icon=":material/key:", key="teacher_sign_in", on_change="rerun"
    ):
        with st.form("wall_pin_form", clear_on_submit=True, border=False):
            st.text_input(
                t("PIN"), type="password", max_chars=100, key="wall_pin", autocomplete="off"
            )
            st.form_submit_button(t("Sign in"), on_click=_sign_in)
        problems.notice(_SIGN_IN)


def _sign_in() -> None:
    typed = str(st.session_state.get("wall_pin", ""))
    problems.attempt(lambda: pin.guard().enter(session.owner(), typed), _SIGN_IN)


def sign_out() -> None:
    """Take this session's rights of the teacher back."""
    pin.guard().leave(session.owner())


def how_to_set_up() -> None:
    """Say what it takes for there to be a teacher."""
    st.info(
        t(
            "The wall and the teacher's functions are off on this server. Whoever runs it sets a "
            "PIN of at least {count} characters, and starts it again:",
            count=pin.SHORTEST,
        ),
        icon=":material/key_off:",
    )
    st.code("IDEALCAT_TEACHER_PIN=… make run", language=None)
