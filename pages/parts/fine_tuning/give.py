"""The trained network for everybody in the class's room: phones ask it, laptops choose it."""

from __future__ import annotations

import streamlit as st

from core.classroom.room import Room
from core.problem import Problem
from core.zoo.classifier import Classifier
from pages.parts.shared import room as class_room
from pages.parts.shared import scenes
from pages.parts.shared.language import t
from pages.parts.shared.registry import TRAINING


def give(trained: Classifier) -> None:
    """Let a teacher give a network to the room, or take it back; nothing for anybody else."""
    room = class_room.of_teacher()
    if room is None:
        return
    is_given = room.network is not None and room.network.head is trained.head
    with st.container(horizontal=True, vertical_alignment="center", key="train_room"):
        st.button(
            t("Take it back from the room") if is_given else t("Give it to the room"),
            icon=":material/meeting_room:",
            on_click=_give,
            args=(room, None if is_given else trained),
            key="train_give",
        )
        if is_given:
            st.markdown(
                t("Phones ask it now. On laptops it is among the networks, by this link:"),
                width="content",
            )
            link = f"{scenes.root(TRAINING)}/?{class_room.PARAMETER}={room.code}"
            st.code(link, language=None, width="content")


def _give(room: Room, network: Classifier | None) -> None:
    if class_room.of_teacher() is not room:
        return
    try:
        room.give(network)
    except Problem:
        return  # it has just ended: the page, which runs next, no longer offers it
