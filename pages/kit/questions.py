"""The lesson's questions: predict, then reveal."""

from __future__ import annotations

import streamlit as st

from core.classroom import lesson
from core.classroom.answer import Answer
from core.classroom.lesson import Part
from pages.kit import scenes, session
from pages.kit.language import plain, remember_choice, t
from pages.kit.registry import LESSON, PAGES, PageInfo


def strip(page: PageInfo) -> None:
    """Show the question of the scene that is open on a page, if it is one of the lesson."""
    part = lesson.part(scenes.question(page))
    if part is None:
        return
    with st.container(border=True, gap="xsmall", key="lesson_strip"):
        words, links = st.columns([3, 2], vertical_alignment="top")
        words.markdown(f"**{number_of(part)} · {t(part.title)}** — {t(part.task)}")
        with links, st.container(horizontal=True, horizontal_alignment="right"):
            back = t("Back to the lesson")
            st.page_link(LESSON.file, label=back, icon=":material/arrow_back:")
            if following := lesson.after(part):
                open_link(following, t("Next: {title}", title=t(following.title)))
        ask(part)


def number_of(part: Part) -> str:
    """Give a part's place in the lesson, such as "3/7"."""
    return f"{lesson.PARTS.index(part) + 1}/{len(lesson.PARTS)}"


def open_link(part: Part, label: str) -> None:
    """Show a button that opens a part's scene.

    A link would not do: Streamlit takes one to the page that is open for no change of page.
    """
    page = next(page for page in PAGES if page.address == part.scene.page)
    st.button(
        label,
        icon=":material/arrow_forward:",
        on_click=scenes.go,
        args=(page, part.scene),
        key=f"lesson_open_{part.id}",
    )


def ask(part: Part) -> None:
    """Ask a part's question; once revealed, show what was predicted and what holds."""
    if given := session.answers().get(part.id):
        _told(part, given)
        return
    key = f"lesson_choice_{part.id}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.radio(
            t(part.question),
            range(len(part.options)),
            index=None,
            format_func=lambda option: t(part.options[option]),
            horizontal=True,
            key=remember_choice(key),
            persist_state="session",
        )
        st.button(
            t("Reveal"),
            icon=":material/visibility:",
            on_click=_reveal,
            args=(part, key),
            disabled=st.session_state.get(key) is None,
            key=f"lesson_reveal_{part.id}",
            help=t("Predict first; it is locked after that."),
        )


def _reveal(part: Part, key: str) -> None:
    chosen = st.session_state.get(key)
    if chosen is None:
        return
    session.answers()[part.id] = Answer(
        part.id, t(part.question), t(part.options[chosen]), t(part.options[part.expected])
    )


def _told(part: Part, given: Answer) -> None:
    st.markdown(t(part.question))
    show, icon = (
        (st.success, ":material/check:") if given.is_right else (st.info, ":material/lightbulb:")
    )
    predicted = t("You predicted: {option}.", option=plain(given.predicted))
    expected = t("It is: **{option}**.", option=plain(given.expected))
    show(f"{predicted} {expected} {t(part.why)}", icon=icon)
