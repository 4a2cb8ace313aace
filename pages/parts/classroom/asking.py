"""The task to ask the network: a phone shows it something, and reads what it says."""

from __future__ import annotations

import streamlit as st

from core.classroom.room import Asking, Room
from pages.parts.shared import teacher
from pages.parts.shared.language import t


def panel(room: Room) -> None:
    """Let the phones ask the class's network, or the built-in one."""
    st.markdown(t("Each phone photographs something and reads what the network says of it."))
    is_on = isinstance(room.task, Asking)
    st.button(
        t("Stop") if is_on else t("Let the phones ask"),
        type="secondary" if is_on else "primary",
        on_click=teacher.act,
        args=(lambda: room.begin(None if is_on else Asking()),),
        key="room_ask",
    )
