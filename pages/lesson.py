"""The lesson: scenes for 45 minutes in their order, each with a question to predict."""

import streamlit as st

from core.classroom import lesson
from pages.parts.shared import entry, layout, questions, session, startup
from pages.parts.shared.language import t
from pages.parts.shared.registry import LESSON

entry.only_through_app()
startup.wait_until_warm()  # the ranges of the settings, with which links are written, come with PyTorch

layout.heading(t(LESSON.title), t(LESSON.promise))
answers = session.answers()
right = sum(answer.is_right for answer in answers.values())
st.progress(
    len(answers) / len(lesson.PARTS),
    t(
        "{done} of {total} questions answered, {right} as predicted",
        done=len(answers),
        total=len(lesson.PARTS),
        right=right,
    ),
)
with st.container(key="lesson_list"):
    for part in lesson.PARTS:
        with st.container(border=True, key=f"lesson_{part.id}"):
            words, link = st.columns([3, 2], vertical_alignment="center")
            with words:
                st.header(f"{questions.number_of(part)} · {t(part.title)}", anchor=False)
                st.caption(t("{minutes} minutes", minutes=part.minutes) + " · " + t(part.task))
            with link, st.container(horizontal=True, horizontal_alignment="right"):
                questions.reveal(part)
                questions.open_link(part, t("Open the scene"))
            questions.ask(part, task="")
