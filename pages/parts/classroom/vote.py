"""Can you tell? A picture without its name; the phones say what they see, then come the answers."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

import plotly.graph_objects as go
import streamlit as st

from core.classroom import vote
from core.classroom.poll import Poll, Question, Result, SeriesScore, as_csv, by_series
from core.classroom.room import Room
from core.images.photos import data_uri
from core.problem import N_
from core.zoo.labels import imagenet
from pages.parts.classroom import desk
from pages.parts.shared import network_names, plots, polls, save, teacher
from pages.parts.shared.language import class_name, class_names, percent, t, tn
from pages.parts.shared.settings import segments

PARTS = {
    "drawn": N_("What is drawn here?"),
    "pairs": N_("Which was changed?"),
    "numbers": N_("People and networks"),
}


def panel(room: Room) -> None:
    """Ask the phones about one picture after the other, and compare people with networks."""
    with st.container(horizontal=True, vertical_alignment="center", key="vote_head"):
        part = segments(
            t("What is asked"),
            PARTS,
            "room_vote_part",
            width="content",
            label_visibility="collapsed",
        )
        is_typed = part == "drawn" and st.toggle(
            t("Phones type the answer"),
            key="room_vote_typed",
            persist_state="session",
            help=t("From the next picture on, without four answers to choose from."),
        )
    if part == "numbers":
        _numbers(room.results())
        return
    poll = room.task
    if isinstance(poll, Poll) and poll.question.pictures:
        _round(room, poll, part, is_typed)
    else:
        st.markdown(
            t(
                "The picture is shown here and on the phones, without its name. Everybody answers, and nobody sees the answers of others. Then you reveal what it is and what networks say."
            )
            if part == "drawn"
            else t(
                "Two photos are shown here and on the phones. One of them was changed, too little for the eye to notice easily, so that a network sees something else in it. Which one?"
            )
        )
        _go_on(room, part, is_typed, t("Begin"))


def _round(room: Room, poll: Poll, part: str, is_typed: bool) -> None:
    question = poll.question
    is_pair = len(question.pictures) > 1
    with st.container(key="vote_round"):
        left, right = st.columns([3, 2] if is_pair else [1, 1], gap="medium")
    with left:
        columns = st.columns(len(question.pictures))
        for place, (column, jpeg) in enumerate(zip(columns, question.pictures, strict=True)):
            alt, caption = t("The picture that is asked about"), None
            if is_pair:
                alt = caption = t((vote.FIRST, vote.SECOND)[place])
                if poll.revealed and place == question.right:
                    caption = t("{title} – this one", title=alt)
            column.image(data_uri(jpeg), caption=caption, width="stretch", alt=alt)
    with right:
        st.markdown(f"## {t(question.text)}")
        with st.container(horizontal=True):
            if not poll.revealed:
                st.button(
                    t("Reveal"),
                    type="primary",
                    icon=":material/visibility:",
                    on_click=teacher.act,
                    args=(room.reveal,),
                    key="room_vote_reveal",
                )
            _go_on(room, part, is_typed, t("Next"), is_next=not poll.revealed)
        if poll.revealed:
            _outcome(poll.result())
        else:
            _options(question)
            _waiting(room, poll)


def _go_on(room: Room, part: str, is_typed: bool, label: str, *, is_next: bool = False) -> None:
    """Show the button that asks the next question; say so where there is none."""
    following = _following(room, part)
    if following is None:
        st.caption(t("That was the last one. See “People and networks”."))
        return
    st.button(
        label,
        type="secondary" if is_next else "primary",
        icon=":material/arrow_forward:",
        on_click=_ask,
        args=(room, following, is_typed),
        key="room_vote_next",
    )


def _ask(room: Room, following: vote.Drawn | vote.Pair, is_typed: bool) -> None:
    if isinstance(following, vote.Pair):
        polls.ask(room, vote.about_pair(following, room.code))
        return
    names = class_names(imagenet(), following.class_id) if is_typed else None
    polls.ask(room, vote.about_drawn(following, room.code, names))


def _following(room: Room, part: str) -> vote.Drawn | vote.Pair | None:
    """Return what comes after the picture that is asked about: the next that was not revealed yet."""
    now = room.task.question.id if isinstance(room.task, Poll) else ""
    over = {now, *(result.question.id for result in room.results())}
    line = vote.pairs() if part == "pairs" else vote.in_turn(room.code)
    ids = [one.id for one in line]
    start = ids.index(now) if now in ids else 0
    return next((one for one in (*line[start:], *line[:start]) if one.id not in over), None)


def _options(question: Question) -> None:
    if len(question.pictures) == 1 and question.options:
        rows = "".join(f"<li>{html.escape(polls.answer_text(o))}</li>" for o in question.options)
        st.html(f'<ul class="votes asked">{rows}</ul>')


@st.fragment(run_every=desk.REFRESH_SECONDS)
def _waiting(room: Room, poll: Poll) -> None:
    """Show how many have answered, as it changes; never who, nor what."""
    if room.task is not poll or poll.revealed or room.is_closed:
        st.rerun()
    count, of = polls.answered(room, poll)
    st.progress(
        count / max(1, of),
        text=tn("{count} of {of} has answered", "{count} of {of} have answered", count, of=of),
    )


def _outcome(result: Result) -> None:
    """Show what was answered, and what networks say."""
    rows = "".join(
        _row(
            polls.answer_text(row.answer),
            str(row.count),
            row.count / max(1, result.total),
            row.is_right,
        )
        for row in result.rows()
    )
    st.html(f'<ul class="votes">{rows}</ul>')
    if not result.question.opinions:
        return
    people = "" if result.people is None else _line(t("People"), t("right"), result.people)
    networks = "".join(
        _line(
            network_names.title_of(one.model),
            class_name(one.class_name),
            one.probability,
            one.class_name == one.target,
        )
        for one in result.question.opinions
    )
    st.html(f'<ul class="votes who">{people}{networks}</ul>')


def _row(answer: str, told: str, share: float, is_right: bool) -> str:
    mark = (
        f'<span class="mark" role="img" aria-label="{html.escape(t("right"))}">✓</span>'
        if is_right
        else ""
    )
    return (
        f'<li class="{"right" if is_right else ""}"><span class="bar" style="width:{100 * share:.1f}%"></span>'
        f'<span class="name">{mark} {html.escape(answer)}</span><span class="share">{told}</span></li>'
    )


def _line(who: str, what: str, share: float, is_right: bool | None = None) -> str:
    mark = "" if is_right is None else ("✓ " if is_right else "✗ ")
    return (
        f'<li><span class="name"><b>{html.escape(who)}</b> {mark}{html.escape(what)}</span>'
        f'<span class="share">{percent(share)}</span></li>'
    )


def _numbers(results: Sequence[Result]) -> None:
    """Show people against networks, series by series, and offer the numbers."""
    scores = by_series(results)
    if scores:
        title = t("How much people and networks got right")
        plots.chart(_plot(scores), "vote_plot", "; ".join((title, *_told(scores))))
    else:
        st.markdown(t("Once a question is over, people are compared with networks here."))
    if results:
        save.file(
            t("Take the numbers home"),
            lambda: as_csv(results).encode("utf-8-sig"),
            "vote.csv",
            "vote_csv",
            help=t("A table with a line for each question and without names."),
        )


def _told(scores: Sequence[SeriesScore]) -> Iterator[str]:
    for score in scores:
        yield t(
            "{series}: people {people}, networks {networks}",
            series=t(score.series),
            people=percent(score.people),
            networks=percent(score.networks),
        )


def _plot(scores: Sequence[SeriesScore]) -> go.Figure:
    names = [t(score.series) for score in scores]
    figure = go.Figure()
    for title, values, colour, shape in (
        (t("People"), [score.people for score in scores], "#0072B2", ""),
        (t("Networks"), [score.networks for score in scores], "#E69F00", "/"),
    ):
        figure.add_bar(
            x=names,
            y=values,
            name=title,
            text=[f"{title} {percent(value)}" for value in values],
            textposition="outside",
            textfont_size=18,
            cliponaxis=False,
            marker={
                "color": colour,
                "pattern": {"shape": shape, "fgcolor": "#16232B", "bgcolor": colour},
            },
        )
    figure.add_scatter(
        x=names,
        y=[score.guessing for score in scores],
        name=t("Guessing"),
        mode="markers",
        marker={"symbol": "line-ew", "size": 60, "line": {"width": 3, "color": "#999999"}},
    )
    return figure.update_layout(
        height=360,
        font_size=17,
        bargap=0.25,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        xaxis={"tickfont_size": 18},
        yaxis={"range": [0, 1.08], "tickformat": ".0%", "tickfont_size": 16},
        legend={"orientation": "h", "y": 1.06, "yanchor": "bottom", "font_size": 17},
    )
