"""A finished picture as a question to the phones of the class's room."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.classroom import vote
from core.classroom.poll import Question
from core.classroom.room import Room
from core.images import photos
from core.synthesis.objective import classes_of
from core.synthesis.verdict import Verdict
from core.zoo import catalogue
from pages.parts.shared import polls
from pages.parts.shared.language import t
from pages.parts.shared.registry import CLASSROOM
from pages.parts.shared.room import of_teacher


def offer(verdict: Verdict, labels: Sequence[str], *, series: str = "", named: str = "") -> None:
    """Let a teacher with a room ask it what a picture shows; nothing for anybody else.

    Only a picture of one class can be asked about: the options are others of its network.

    Args:
        verdict: the picture.
        labels: all classes of the network that drew it.
        series: what it belongs to where people are compared with networks, translatable; empty
            for what its network stands for.
        named: tells its button from those beside it.
    """
    room = of_teacher()
    if room is None or len(verdict.own) != 1 or verdict.own[0].target not in labels:
        return
    question = _question(verdict, labels, room, series)
    label = f"{t('Ask the room')}: {t(series)}" if series else t("Ask the room")
    if polls.asked(room, question.id) or any(
        result.question.id == question.id for result in room.results()
    ):
        st.page_link(
            CLASSROOM.file, label=t("The room was asked: go there"), icon=":material/groups:"
        )
        return
    st.button(
        label,
        icon=":material/groups:",
        on_click=polls.ask,
        args=(room, question),
        key=f"ideal_ask_room{named}",
        help=t("The phones are asked what the picture shows, without its name."),
    )


def _question(verdict: Verdict, labels: Sequence[str], room: Room, series: str) -> Question:
    synthesis, subject = verdict.synthesis, verdict.own[0].target
    picture = photos.encode_jpeg(photos.stretched(synthesis.pixels))
    id = vote.id_of(picture)
    is_own = synthesis.model not in catalogue.TITLES
    return vote.about(
        subject,
        picture,
        # A network that does not know the class was not asked about it.
        tuple(one for one in (*verdict.own, *verdict.others) if one.target_probability is not None),
        series=series or (vote.OWN_NETWORK if is_own else vote.OWN),
        options=vote.options_among(labels, subject, f"{room.code} {id}")
        if is_own
        else vote.options(classes_of(synthesis.objective)[0], f"{room.code} {id}"),
        id=id,
    )
