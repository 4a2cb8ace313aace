"""The lesson: scenes in their order, each with a question to predict."""

import streamlit as st

from core.classroom import lesson
from pages.parts.shared import entry, layout, questions, session, startup
from pages.parts.shared.language import t
from pages.parts.shared.registry import CLASSROOM, LESSON

entry.only_through_app()
startup.wait_until_warm()  # the ranges of the settings, with which links are written, come with PyTorch

layout.heading(t(LESSON.title), t(LESSON.promise))
answers = session.answers()
right = sum(answer.is_right for answer in answers.values())
st.progress(
    len(answers) / len(lesson.PARTS),
    t(
        "{done} of {total} answers revealed, {right} as predicted",
        done=len(answers),
        total=len(lesson.PARTS),
        right=right,
    ),
)
with st.popover(  # always there, so that nothing moves when the first question is answered
    t("Begin again for another class"),
    icon=":material/restart_alt:",
    disabled=not questions.answered_any(),
):
    st.markdown(
        t(
            "Predictions and answers go, and so do what the scenes have made and the network that was trained. Pictures that were kept stay, and so do room and wall."
        )
    )
    st.button(t("Yes"), on_click=questions.begin_again, key="lesson_begin_again")
with st.container(key="lesson_list"):
    for part in lesson.PARTS:
        with st.container(border=True, key=f"lesson_{part.id}"):
            words, link = st.columns([3, 2], vertical_alignment="center")
            with words:
                st.header(f"{questions.number_of(part)} · {t(part.title)}", anchor=False)
                told = [t("{minutes} minutes", minutes=part.minutes)]
                if part.if_time:
                    told.append(t("if there is time"))
                if CLASSROOM.address in part.pages:
                    told.append(t("it takes phones, and the teacher's PIN"))
                if questions.is_answered(part):  # what there is to do often tells the answer
                    told.append(t(part.task))
                st.caption(" · ".join(told))
            with link, st.container(horizontal=True, horizontal_alignment="right"):
                questions.reveal(part)
                questions.open_link(part, t("Open the scene"))
            questions.ask(part, in_scene=False)
