"""The class's wall on the pages: sending to it, looking at it, and what only the teacher may do."""

from __future__ import annotations

import streamlit as st

from core.attacks.report import Report
from core.classroom import exhibit, pin
from core.classroom.typed import LONGEST_NICKNAME
from core.classroom.wall import MOST_PICTURES, Hung, Wall, file
from core.images import photos
from core.problem import Problem
from core.synthesis.loop import Synthesis
from core.zoo import catalogue
from core.zoo.labels import imagenet
from pages.parts.shared import problems, session, teacher
from pages.parts.shared.language import class_name, plain, say, sentence, t

NICKNAME = "wall_nickname"
_SENDING = "wall"
_REFRESH_SECONDS = 3


def wall() -> Wall:
    """The wall that the whole class shares."""
    return Wall(file())


def send(work: Synthesis | Report, network: str, key: str) -> None:
    """Offer to send a result to the wall, as long as the teacher has it open.

    Args:
        work: what was drawn, or what an attack has come to.
        network: name of the network that drew it or was attacked.
        key: of the widgets.
    """
    try:
        if not pin.is_set() or not wall().is_open():
            return
        hangs = wall().hangs(work, sender=session.owner())
    except Problem:
        return  # the wall's page says what is wrong with it; here it is in nobody's way
    problems.notice(_SENDING)
    if hangs:
        st.success(t("It hangs on the class's wall."), icon=":material/gallery_thumbnail:")
        st.button(t("Take it back"), on_click=_take_back, args=(work,), key=f"{key}_back")
        return
    try:
        exhibit.of(work, network)
    except Problem as problem:
        st.caption(say(problem))
        return
    with st.popover(t("Send to the class wall"), icon=":material/gallery_thumbnail:", key=key):
        st.text_input(
            t("Nickname beside it"),
            max_chars=LONGEST_NICKNAME,
            key=NICKNAME,
            persist_state="session",
            placeholder=t("optional"),
            help=t("The whole class can read it. Letters and digits, at most 20."),
        )
        st.button(
            t("Send"), type="primary", on_click=_hang, args=(work, network), key=f"{key}_send"
        )


def _hang(work: Synthesis | Report, network: str) -> None:
    nickname = str(st.session_state.get(NICKNAME) or "")
    who = session.owner()
    problems.attempt(
        lambda: wall().hang(work, network=network, nickname=nickname, sender=who), _SENDING
    )


def _take_back(work: Synthesis | Report) -> None:
    problems.attempt(lambda: wall().take_back(work, sender=session.owner()), _SENDING)


def told(hung: Hung) -> tuple[str, str]:
    """Say what a picture on the wall is, and below that which network and who; plain texts."""
    names = [class_name(imagenet()[number]) for number in hung.classes if number < len(imagenet())]
    photo = next((t(sample.title) for sample in photos.SAMPLES if sample.id == hung.photo), "")
    title = " + ".join(names) or hung.channel or t("a class of one's own")
    if hung.kind == "attack":
        title = t("{photo}, seen as {name}", photo=photo, name=title)
    network = catalogue.TITLES.get(hung.network, t("Own network"))
    return sentence(title), " · ".join(filter(None, (network, hung.nickname)))


@st.fragment(run_every=_REFRESH_SECONDS)
def pictures() -> None:
    """Show what hangs on the wall, as it changes: to the teacher always, to all while it is open."""
    try:
        is_open, hanging = wall().is_open(), wall().pictures()
    except Problem as problem:
        st.error(say(problem), icon=":material/error:")
        return
    teacher.notice()
    if not is_open and not teacher.is_signed_in():
        st.info(t("The wall is closed. Your teacher can open it."), icon=":material/lock:")
        return
    if is_open:
        st.success(
            t(
                "The wall is open: below a picture of yours on “Ideal class” or “Adversarial "
                "attack” there is a button to send it."
            ),
            icon=":material/lock_open:",
        )
    else:
        st.info(t("The wall is closed; only you see it."), icon=":material/lock:")
    if not hanging:
        st.caption(t("Nothing hangs here yet."))
        return
    with st.grid(min_column_width=260, gap="medium"):
        for hung in hanging:
            with st.container():
                _picture(hung)


def _picture(hung: Hung) -> None:
    title, below = told(hung)
    st.image(photos.data_uri(hung.jpeg), width="stretch", alt=title)
    st.markdown(f"**{plain(title)}**  \n{plain(below)}")
    if teacher.is_signed_in():
        st.button(
            t("Take down"),
            icon=":material/delete:",
            type="tertiary",
            on_click=teacher.act,
            args=(lambda: wall().remove(hung.id),),
            key=f"wall_remove_{hung.id}",
        )


def teacher_controls() -> None:
    """Let the teacher open, close and clear the wall."""
    try:
        is_open = wall().is_open()
    except Problem:
        is_open = False  # the wall itself says what is wrong
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            t("Close the wall") if is_open else t("Open the wall"),
            type="secondary" if is_open else "primary",
            icon=":material/lock:" if is_open else ":material/lock_open:",
            on_click=teacher.act,
            args=(lambda: wall().open(wanted=not is_open),),
            key="wall_open",
        )
        with st.popover(t("Clear the wall"), icon=":material/delete_sweep:", key="wall_clear"):
            st.markdown(t("Takes down all pictures, for good."))
            st.button(
                t("Yes, clear it"),
                on_click=teacher.act,
                args=(lambda: wall().clear(),),
                key="wall_clear_yes",
            )
        st.button(t("Sign out"), on_click=teacher.sign_out, key="wall_sign_out")
        st.caption(t("Room for {count} pictures.", count=MOST_PICTURES))
