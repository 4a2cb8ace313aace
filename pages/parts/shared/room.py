"""The class's room beyond its own page: the one that a teacher runs, the one that a visitor came to."""

from __future__ import annotations

import streamlit as st

from core.classroom.room import CODE_LENGTH, Room, rooms
from core.problem import N_, Problem
from core.zoo import catalogue
from pages.parts.shared import problems, session, teacher
from pages.parts.shared.language import t

PARAMETER = "room"
"""In a link for visitors: the room's code."""
ORIGIN = "room"
"""What Fine-tuning calls the class's photos, among the photos to learn from."""
ORIGIN_KEY = "train_source"
TO_TRAINING = "room_to_training"
"""In the session, from the press that leads to Fine-tuning until one is there."""
_TAUGHT = "room_code"
_ASKED = "room_asked"
_TYPED = "room_typed"
_COMING = "coming_to_room"


def of_teacher() -> Room | None:
    """Return the room that this session runs; None if it has not given the PIN, or has no room."""
    return _found(_TAUGHT) if teacher.is_signed_in() else None


def teach_in(room: Room) -> None:
    """Let this session's teacher run a room."""
    st.session_state[_TAUGHT] = room.code


def _found(key: str) -> Room | None:
    try:
        return rooms().find(str(st.session_state.get(key, "")))
    except Problem:
        return None


def arrive() -> None:
    """Come to the room that the address names, once, and let go of the network of one that ended.

    To be called before the choice of networks is made.
    """
    asked = st.query_params.get(PARAMETER, "")
    if asked and st.session_state.get(_ASKED) != asked:
        st.session_state[_ASKED] = asked
        _come_to(asked)
    problems.notice(_COMING, ":material/meeting_room:")
    if st.session_state.get(session.NETWORK) == catalogue.ROOM and not session.room_classifier():
        st.session_state[session.NETWORK] = catalogue.DEFAULT
        st.toast(
            t("The room's network has gone. Going on with the built-in network."),
            icon=":material/meeting_room:",
            duration="long",
        )


def ask() -> None:
    """Ask for the code of a room, as long as there are rooms and this visitor is in none."""
    if of_teacher() is not None:
        return
    if _found(session.VISITED) is not None:
        if session.room_classifier() is None:
            st.caption(
                t("You are in the room. Its network appears here once your teacher gives it.")
            )
        return
    if rooms().all():
        st.text_input(
            t("Your class's room: its four letters"),
            max_chars=CODE_LENGTH,
            key=_TYPED,
            on_change=_come_to_typed,
        )


def _come_to_typed() -> None:
    if typed := str(st.session_state.get(_TYPED) or ""):
        _come_to(typed)


def _come_to(code: str) -> None:
    """Be in a room from now on; `arrive` shows why that is not possible."""
    problems.attempt(lambda: _enter(code), _COMING)


def _enter(code: str) -> None:
    room = rooms().find(code)
    if room.is_locked:
        raise Problem(N_("This room is locked. Ask your teacher to unlock it."))
    st.session_state[session.VISITED] = room.code
    st.toast(t("You are in your class's room now."), icon=":material/meeting_room:")
    if session.room_classifier():
        st.session_state[session.NETWORK] = catalogue.ROOM
