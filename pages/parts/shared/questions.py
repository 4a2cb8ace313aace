"""The lesson's questions: predict, then reveal."""

from __future__ import annotations

import re

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.classroom import lesson
from core.classroom.answer import Answer
from core.classroom.lesson import Part
from core.classroom.poll import Poll, Question
from core.classroom.room import Room
from core.classroom.scene import Scene
from core.server.scheduler import scheduler
from pages.parts.shared import layout, polls, scenes, session, teacher
from pages.parts.shared import room as class_room
from pages.parts.shared.language import plain, remember_choice, t, tn
from pages.parts.shared.registry import HAND_IN, LESSON, PAGES, PageInfo

_SURPRISE = ":material/lightbulb:"
_REFRESH_SECONDS = 2


def strip(page: PageInfo) -> DeltaGenerator:
    """Show the question of the scene that is open on a page, if it is one of the lesson.

    Until it is answered it has its options below it; then it folds to a line, which still asks it
    and stays in sight.

    Returns:
        The place for what every page has at its top: beside the question, where there is one.
    """
    part = lesson.part(scenes.question(page))
    if part is None:
        return st.container(
            horizontal=True,
            horizontal_alignment="right",
            vertical_alignment="center",
            key="page_tools",
        )
    layout.in_sight(scenes.opened(), "lesson_strip")
    with (
        st.container(key="scene_is_answered" if is_answered(part) else "scene_asks"),
        st.container(border=True, gap="xxsmall", key="lesson_strip"),
    ):
        with st.container(horizontal=True, vertical_alignment="center", key="lesson_head"):
            left_out = f" :small[{t('if there is time')}]" if part.if_time else ""
            st.markdown(f"**{number_of(part)} · {t(part.title)}**{left_out}", width="stretch")
            tools = st.container(
                horizontal=True, width="content", vertical_alignment="center", key="scene_tools"
            )
            with st.container(
                horizontal=True,
                width="content",
                vertical_alignment="center",
                key="lesson_buttons",
            ):
                st.page_link(LESSON.file, label=t("Lesson"), icon=":material/arrow_back:")
                _ask_the_phones(part)
                reveal(part)
                following(part)
        ask(part, in_scene=True)
    return tools


def _question_id(part: Part) -> str:
    return f"scene-{part.id}"


def _ask_the_phones(part: Part) -> None:
    """Let the teacher of a room put the question to its phones; then show how many have answered."""
    room = class_room.of_teacher()
    if room is None or part.id in session.answers():
        return
    if poll := polls.asked(room, _question_id(part)):
        _waiting(room, poll)
        return
    question = Question(
        part.question, options=part.options, right=part.expected, id=_question_id(part)
    )
    st.button(
        t("Ask the phones"),
        icon=":material/smartphone:",
        on_click=polls.ask,
        args=(room, question),
        key=f"lesson_phones_{part.id}",
    )


@st.fragment(run_every=_REFRESH_SECONDS)
def _waiting(room: Room, poll: Poll) -> None:
    count, of = polls.answered(room, poll)
    st.markdown(tn("{count} of {of} has answered", "{count} of {of} have answered", count, of=of))


def _phones_told(part: Part) -> str:
    """Say what the phones have answered to a part's question; empty where they were not asked."""
    room = class_room.of_teacher()
    results = room.results() if room else ()
    result = next((r for r in results[::-1] if r.question.id == _question_id(part)), None)
    if result is None:
        return ""
    rows = (f"**{row.count}** × {plain(t(row.answer))}" for row in result.rows())
    return t("On the phones: {answers}.", answers=" · ".join(rows)) + "  \n"


def awaits_prediction(page: PageInfo) -> bool:
    """Whether what answers the question of a page's scene is still to be covered."""
    part = lesson.part(scenes.question(page))
    return part is not None and not is_answered(part)


def number_of(part: Part) -> str:
    """Return a part's place in the lesson, such as "3/7"."""
    return f"{lesson.PARTS.index(part) + 1}/{len(lesson.PARTS)}"


def open_link(part: Part, label: str, help: str | None = None) -> None:
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
        help=help,
    )


def following(part: Part) -> None:
    """Show the button to what comes after a scene: the next one, at the end the handing in."""
    if after := lesson.after(part):
        open_link(after, t("Next"), help=t(after.title))
    else:
        st.button(
            t(HAND_IN.title),
            icon=":material/arrow_forward:",
            on_click=scenes.go,
            args=(HAND_IN, Scene(HAND_IN.address)),
            key="lesson_hand_in",
        )


def reveal(part: Part) -> None:
    """Show the button that tells what holds, for whoever has predicted."""
    is_revealed = part.id in session.answers()
    st.button(
        t("Reveal"),
        icon=":material/visibility:",
        on_click=_reveal,
        args=(part,),
        disabled=is_revealed or _prediction(part) is None,
        key=f"lesson_reveal_{part.id}",
        help=t("Predict first; it is locked after that."),
    )


def ask(part: Part, *, in_scene: bool) -> None:
    """Ask a part's question; once revealed, show what was predicted and what holds.

    Args:
        part: the part.
        in_scene: whether it is asked on its page, where the task is told, too, and little room is
            taken from what the question is about.
    """
    given, predicted = session.answers().get(part.id), _prediction(part)
    if given:
        icon = ":material/check:" if given.is_right else _SURPRISE
        answer = told(given)
        label = _asked(part) if in_scene else f"{t(part.question)} {answer}"
        with _folded(part, label, icon, expanded=in_scene):
            if in_scene:  # on a phone it is at the top of the page
                layout.in_sight(f"{scenes.opened()} told", "lesson_head")
            st.markdown(_phones_told(part) + (f"{answer} " if in_scene else "") + t(part.why))
        st.empty()  # in the place of what was predicted, which would else stay until the run's end
    elif predicted is not None:
        with _folded(part, _asked(part), ":material/edit:"):
            _choose(part)
        label = t("You predict: **{option}**.", option=t(part.options[predicted]))
        st.markdown(f"{label} {t(part.task)}" if in_scene else label)
    else:
        _choose(part)
        st.empty()


def answered_any() -> bool:
    """Whether anything of the lesson is predicted or revealed."""
    return any(map(is_answered, lesson.PARTS))


def begin_again() -> None:
    """Forget what was predicted, and what the scenes have made; for a button's callback."""
    session.answers().clear()
    for part in lesson.PARTS:
        st.session_state.pop(_choice_key(part), None)
        st.session_state.pop(_fold_key(part), None)
    for name in (session.TRAIN, *(name for page in PAGES for name in page.draws)):
        scheduler().discard(session.owner(), name)


def _asked(part: Part) -> str:
    """Return the sentence that asks: a line has no room for those that lead to it."""
    return re.split(r"(?<=[.!?”]) ", t(part.question))[-1]


def told(given: Answer) -> str:
    """Say in one line what was predicted and what holds."""
    if given.is_right:
        return t("You predicted: **{option}**. That is right.", option=plain(given.predicted))
    predicted = t("You predicted: {option}.", option=plain(given.predicted))
    expected = t("The answer: **{option}**.", option=plain(given.expected))
    return f"{predicted} {expected}"


def _folded(part: Part, label: str, icon: str, *, expanded: bool = False) -> DeltaGenerator:
    return st.expander(label, expanded, icon=icon, key=_fold_key(part), on_change="rerun")


def _fold_key(part: Part) -> str:
    return f"lesson_fold_{part.id}"


def _choice_key(part: Part) -> str:
    return f"lesson_choice_{part.id}"


def _prediction(part: Part) -> int | None:
    """Return the number of the option that is chosen; None if none is."""
    chosen: int | None = st.session_state.get(_choice_key(part))
    return chosen


def is_answered(part: Part) -> bool:
    """Whether a part's question is predicted or revealed."""
    return part.id in session.answers() or _prediction(part) is not None


def _choose(part: Part) -> None:
    st.radio(
        t(part.question),
        range(len(part.options)),
        index=None,
        format_func=lambda option: t(part.options[option]),
        horizontal=True,
        key=remember_choice(_choice_key(part)),
        persist_state="session",
        on_change=_fold,
        args=(part,),
    )


def _fold(part: Part) -> None:
    st.session_state[_fold_key(part)] = False


def _reveal(part: Part) -> None:
    chosen = _prediction(part)
    if chosen is None:
        return
    room = class_room.of_teacher()
    if room and polls.asked(room, _question_id(part)):
        teacher.act(room.reveal)
    st.session_state[_fold_key(part)] = True  # what holds is to be read, and folded by hand
    session.answers()[part.id] = Answer(
        part.id, t(part.question), t(part.options[chosen]), t(part.options[part.expected])
    )
