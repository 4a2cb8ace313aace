"""The classroom: a room that phones join, and what the class does in it together."""

import streamlit as st

from core.classroom import pin
from core.problem import N_
from pages.parts.classroom import asking, collect, desk, fool, vote
from pages.parts.shared import entry, layout, teacher
from pages.parts.shared.language import t
from pages.parts.shared.registry import CLASSROOM
from pages.parts.shared.room import of_teacher
from pages.parts.shared.settings import segments

entry.only_through_app()

TASKS = {
    "join": N_("Join"),
    "collect": N_("Collect photos"),
    "vote": N_("Can you tell?"),
    "ask": N_("Ask the network"),
    "fool": N_("Fool the camera"),
}
PANELS = {
    "join": desk.invitation,
    "collect": collect.panel,
    "vote": vote.panel,
    "ask": asking.panel,
    "fool": fool.panel,
}

layout.heading(t(CLASSROOM.title), t(CLASSROOM.promise))
if not pin.is_set():
    teacher.how_to_set_up()
    st.stop()
if not teacher.is_signed_in():
    teacher.sign_in()
    st.stop()
teacher.notice()
room = of_teacher()
if room is None:
    desk.offer()
    st.stop()
desk.who_is_there(room, by_name=st.session_state.get("room_task", "join") == "join")
tasks, menu = st.columns([5, 1])
with tasks:
    task = segments(t("What the class does"), TASKS, "room_task", label_visibility="collapsed")
with menu:  # far up, so that what it opens is in sight
    desk.controls(room)
PANELS[task](room)
