"""The class's wall, large enough for a projector, and the teacher's desk behind a PIN."""

import streamlit as st

from core.classroom import pin
from pages.parts.shared import entry, layout, teacher, wall
from pages.parts.shared.language import t
from pages.parts.shared.registry import WALL
from pages.parts.teacher import numbers

entry.only_through_app()

layout.heading(t(WALL.title), t(WALL.promise))
if not pin.is_set():
    teacher.how_to_set_up()
elif teacher.is_signed_in():
    # The wall is projected; how the server is, is for the teacher alone.
    names = [t("The wall"), t("The server")]
    on_wall, on_server = st.tabs(names, key="teacher_tab", on_change="rerun")
    if on_server.open:
        with on_server:
            numbers.panel()
    else:
        with on_wall:
            wall.teacher_controls()
            wall.pictures()
else:
    wall.pictures()
    teacher.sign_in()
