"""The task to fool the camera: teams make a network see what is not there, for two minutes."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core.classroom.contest import Best, Contest, Target
from core.classroom.room import Room
from core.classroom.scene import Scene, Value
from core.features import mosaic
from core.features.saliency import explain
from core.images import photos
from core.server.scheduler import scheduler
from core.steps import Pixels
from core.zoo import catalogue
from core.zoo.classifier import Classifier
from pages.parts.classroom import desk
from pages.parts.shared import layout, pickers, scenes, session, teacher
from pages.parts.shared.language import class_name, fine_percent, plain, t, tn
from pages.parts.shared.registry import ATTACK

_FAVOURITES = (
    *("teapot", "envelope", "banana", "digital clock"),
    *("umbrella", "bow tie", "comic book", "sunglasses"),
)
"""What a classroom has the paper, pens and bags for."""
_MOST_FAVOURITES = 8
_MOST_ON_BOARD = 6


def panel(room: Room) -> None:
    """Let the teacher begin a round, and show it as it goes and how it ended."""
    contest = room.task
    if not isinstance(contest, Contest):
        _offer(room)
    elif contest.seconds_left() > 0:
        with st.container(key="fool"):
            _head(room)
            _round(room)
    else:
        with st.container(key="fool"):
            _winner(room)
        with st.expander(t("Another round"), icon=":material/replay:"):
            _offer(room)
        _same_by_gradient(contest)


def _offer(room: Room) -> None:
    """Let the teacher choose what the network is to see, and begin."""
    own = room.network
    labels = _network(own).labels
    favourites = labels if len(labels) <= _MOST_FAVOURITES else _FAVOURITES
    st.markdown(
        t(
            "Choose what the network is to see. Then each team shows things to its phone's camera, and draws, folds and covers, until the network sees it – though it is not there."
        )
    )
    columns = st.columns([3, 2], vertical_alignment="bottom")
    with columns[0]:
        class_id = pickers.class_id(t("Make it say"), labels, "room_fool", favourites)
    columns[1].button(
        t("Begin"),
        type="primary",
        icon=":material/timer:",
        on_click=teacher.act,
        args=(lambda: room.begin(Contest(Target(class_id, labels[class_id]), network=own)),),
        key="room_fool_begin",
    )


def _network(own: Classifier | None) -> Classifier:
    """Return the class's own network, or else the built-in one."""
    return own or session.network_named(catalogue.DEFAULT)


def _stop(room: Room) -> None:
    if isinstance(room.task, Contest):
        room.task.stop()


def _head(room: Room) -> None:
    """Show what the network is to say, how long the round still lasts, and how to end it."""
    with st.container(horizontal=True, vertical_alignment="center", key="fool_head"):
        _countdown(room)
        st.button(
            t("End the round"),
            icon=":material/stop:",
            on_click=teacher.act,
            args=(lambda: _stop(room),),
            key="room_fool_stop",
        )


@st.fragment(run_every=1)
def _countdown(room: Room) -> None:
    contest = room.task
    if not isinstance(contest, Contest) or contest.seconds_left() == 0:
        st.rerun()
    seconds = round(contest.seconds_left())
    share = contest.seconds_left() / contest.seconds
    target = html.escape(t("Make it say: {name}", name=class_name(contest.target.name)))
    st.html(
        f'<div class="fool-target"><strong>{target}</strong>'
        f'<span role="timer">{seconds // 60}:{seconds % 60:02}</span></div>'
        f'<div class="fool-left"><span style="width:{100 * share:.1f}%"></span></div>'
    )


@st.fragment(run_every=desk.REFRESH_SECONDS)
def _round(room: Room) -> None:
    """Show the latest frame, where the target is seen in it, and the board, as they change."""
    contest = room.task
    if not isinstance(contest, Contest):
        return  # the countdown draws the page anew
    stage, beside = st.columns([3, 2], gap="medium")
    latest = contest.latest()
    with stage:
        if latest is None:
            st.info(t("Turn the camera on, or take a photo, on your phone."), icon="📱")
        else:
            member, jpeg = latest
            _show(contest, jpeg, room.nickname(member))
    with beside:
        _board(room, contest.board())


def _winner(room: Room) -> None:
    """Show who has won, with the frame that did it."""
    contest = room.task
    if not isinstance(contest, Contest):
        return
    board = contest.board()
    if not board:
        st.info(t("The round is over, and no frame came in time."), icon=":material/timer_off:")
        return
    best = board[0]
    st.header(
        t(
            "🏆 {team}: {share} “{name}”",
            team=plain(room.nickname(best.member)),
            share=fine_percent(best.probability),
            name=plain(class_name(contest.target.name)),
        ),
        anchor=False,
    )
    stage, beside = st.columns([3, 2], gap="medium")
    with stage:
        _show(contest, best.jpeg, room.nickname(best.member))
    with beside:
        _board(room, board)
    _follow(room, tuple(best.member for best in board))


@st.fragment(run_every=desk.REFRESH_SECONDS)
def _follow(room: Room, shown: tuple[str, ...]) -> None:
    """Draw the page anew when a team leaves, and with it its frame."""
    contest = room.task
    board = contest.board() if isinstance(contest, Contest) else ()
    if tuple(best.member for best in board) != shown:
        st.rerun()


def _board(room: Room, board: Sequence[Best]) -> None:
    """Show the teams with their best, the first first."""
    if not board:
        return
    rows = "".join(
        f'<li class="{"" if place else "marked"}">'
        f'<span class="name">{html.escape(room.nickname(best.member))}</span>'
        f'<span class="share">{fine_percent(best.probability)}</span>'
        f'<span class="bar"><span style="width:{100 * best.probability:.1f}%"></span></span></li>'
        for place, best in enumerate(board[:_MOST_ON_BOARD])
    )
    st.html(f'<ol class="predictions fool-board">{rows}</ol>')
    if (others := len(board) - _MOST_ON_BOARD) > 0:
        st.caption(tn("and {count} other team", "and {count} other teams", others))


@dataclass(frozen=True)
class _Seen:
    """A frame as the network sees it, and where it sees the target."""

    pixels: Pixels
    lit: Pixels
    is_seen: bool


def _show(contest: Contest, jpeg: bytes, nickname: str) -> None:
    """Show a frame, and beside it where the network sees the target."""
    seen = _looked(_network(contest.network), jpeg, contest.target.class_id)
    name = class_name(contest.target.name)
    where = t("What speaks for it") if seen.is_seen else t("Nothing speaks for it yet")
    for column, pixels, caption in zip(
        st.columns(2, gap="small"), (seen.pixels, seen.lit), (plain(nickname), where), strict=True
    ):
        with column:
            layout.picture(pixels, caption, f"{nickname}: {name}")


def _looked(classifier: Classifier, jpeg: bytes, class_id: int) -> _Seen:
    """Return where a network sees a class in a frame, by Grad-CAM.

    It is computed anew each time: what a phone has sent is kept with the round and nowhere else.
    """
    photo = photos.centre_square(photos.decode(jpeg, "photo"), classifier.input_size)
    # Grad-CAM is the first step; the slower methods that follow are left.
    found = scheduler().call(lambda: next(iter(explain(classifier, photo, class_id))).result)
    assert found is not None, "the first step has heat maps"
    pixels = np.asarray(photo)
    heat = mosaic.heat(found.heats["grad_cam"], pixels, found.reach["grad_cam"])
    return _Seen(pixels, heat, found.is_seen)


def _same_by_gradient(contest: Contest) -> None:
    """Lead to the sticker that computes what the teams have sought by hand."""
    settings: dict[str, Value] = {"part": "sticker"}
    if contest.network is None:
        settings["sticker"] = contest.target.class_id
    scene = Scene(ATTACK.address, settings=settings)
    st.page_link(
        ATTACK.file,
        label=t(
            "The same by gradient: compute a sticker that makes the network say it, and print it."
        ),
        icon=":material/print:",
        query_params=scenes.query(ATTACK, scene),
    )
