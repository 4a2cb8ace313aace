"""Trace it back: from a class to the channels that it owes most to, and on to the edges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from core.features import mosaic
from core.features.contributions import Knot, Trace, tracing
from core.features.maps import Observation
from core.server.jobs import Job, Snapshot
from core.steps import Pixels
from core.synthesis.thumbnail import thumbnails
from core.zoo.classifier import Classifier
from pages.parts.feature_maps import channel as channel_part
from pages.parts.feature_maps import diagram, maps
from pages.parts.feature_maps.channel import Place
from pages.parts.feature_maps.follow import begun, follow
from pages.parts.feature_maps.walk import place_of
from pages.parts.shared import layout, live, pickers, session
from pages.parts.shared.components import component
from pages.parts.shared.language import class_name, number, percent, plain, t
from pages.parts.shared.live import data_uri, progress

WIDTHS = (3, 2, 1, 1)
"""How many channels are followed from each knot: as many as can be seen without scrolling."""
_SIDE = 96
_THINNEST, _THICKEST = 1.5, 12.0
"""Of a line between two knots, in pixels."""
_COMPONENT = "maps_trace_tree"
_DRAWING, _DRAWING_OF = "maps_trace_drawing", "maps_trace_drawing_of"

_tree = component("trace_tree")


@dataclass(frozen=True)
class _Placed:
    """A knot in the tree: its column, its rows, and where in the list the one to its left is."""

    knot: Knot
    column: int
    row: int
    rows: int
    parent: int | None

    @property
    def place(self) -> Place:
        return self.knot.layer, self.knot.channel


def view(classifier: Classifier, photo: Image.Image) -> None:
    """Let a class be chosen, and show the way back from it to the edges."""
    observation = maps.observed(classifier, photo)
    predictions = observation.predictions
    left, right = st.columns([2, 1], gap="medium")
    with left:
        class_id = pickers.class_id(
            t("Where does it come from …"),
            classifier.labels,
            "maps_trace_" + "_".join(str(p.class_id) for p in predictions),
            [p.class_name for p in predictions],
        )
    tracing_job = _traced(classifier, photo, class_id)
    found = tracing_job.snapshot().result
    if not isinstance(found, Trace):
        follow(tracing_job, lambda snapshot: None)
        return
    with right:
        drawing = _drawing(classifier, found)
    layout.in_sight(f"{tracing_job.number} {live.run_number(drawing)}", "maps_trace", just=1)
    draw = partial(_draw, classifier, observation, found)
    if drawing is not None:
        follow(drawing, partial(_draw_live, classifier, draw), seconds=1)
    else:
        draw()
    _say_how_to_read_it(classifier, found)


def _traced(classifier: Classifier, photo: Image.Image, class_id: int) -> Job:
    """The job that follows a class back; begun anew for another class, photo or network."""
    key = (*maps.photo_key(classifier, photo), class_id)
    run = partial(tracing, classifier, photo, class_id, WIDTHS)
    return begun("maps_trace", key, run, lambda step: step.result)


def _drawing(classifier: Classifier, found: Trace) -> Job | None:
    """Offer to draw what the channels look for; return the job that does, while it runs."""
    wanted = list(dict.fromkeys(placed.place for placed in laid_out(found.knots)))
    name = (id(classifier), tuple(wanted))
    job = session.job(_DRAWING) if st.session_state.get(_DRAWING_OF) == name else None
    if job is not None:
        channel_part.keep_drawn(classifier, job.snapshot())
    if live.is_running(job):
        assert job is not None
        st.button(t("Stop run"), icon=":material/stop:", on_click=job.stop, key="maps_trace_stop")
        return job
    missing = channel_part.missing(classifier, wanted)
    if missing:
        st.button(
            t("Draw what they look for"),
            type="primary",
            icon=":material/play_arrow:",
            key="maps_trace_start",
            on_click=_start,
            args=(classifier, missing, name),
            help=t("A small ideal picture of each channel; all take about ten seconds."),
        )
        if job is not None and job.snapshot().problem is not None:
            progress(st.empty(), job.snapshot())
    return None


def _start(classifier: Classifier, missing: list[Place], name: object) -> None:
    st.session_state[_DRAWING_OF] = name
    session.start_job(_DRAWING, partial(thumbnails, classifier, missing))


def _draw_live(classifier: Classifier, draw: Callable[[], None], snapshot: Snapshot) -> None:
    channel_part.keep_drawn(classifier, snapshot)
    draw()


def laid_out(knots: Sequence[Knot]) -> Iterator[_Placed]:
    """Yield the knots of a tree column by column, each beside those that it comes from."""
    waiting: list[tuple[Knot, int | None, int]] = []
    row = 0
    for knot in knots:
        waiting.append((knot, None, row))
        row += _rows(knot)
    column = count = 0
    while waiting:
        later: list[tuple[Knot, int | None, int]] = []
        for knot, parent, row in waiting:
            yield _Placed(knot, column, row, _rows(knot), parent)
            for before in knot.before:
                later.append((before, count, row))
                row += _rows(before)
            count += 1
        waiting, column = later, column + 1


def _rows(knot: Knot) -> int:
    """Return how many rows a knot takes: as many as its tree has ends."""
    return sum(map(_rows, knot.before)) or 1


def _draw(classifier: Classifier, observation: Observation, found: Trace) -> None:
    """Show the tree."""
    placed = list(laid_out(found.knots))
    greatest = max((abs(p.knot.amount) for p in placed), default=0) or 1
    name = class_name(classifier.labels[found.class_id])
    predicted = {p.class_id: p.probability for p in observation.predictions}
    columns = list(dict.fromkeys(p.knot.layer for p in placed))
    with st.container(key="maps_trace"):
        _tree(
            key=_COMPONENT,
            data={
                "label": t("The way back from {name} to the edges", name=name),
                "answer": {
                    "name": name,
                    "logit": t("logit {logit}", logit=number(found.logit, 2)),
                    "share": percent(predicted[found.class_id], 1)
                    if found.class_id in predicted
                    else "",
                },
                "columns": [
                    {
                        "title": t("layer {number} of {count}", **place_of(classifier, layer)),
                        "name": layer,
                    }
                    for layer in columns
                ],
                "rows": sum(p.rows for p in placed if p.parent is None),
                "knots": [
                    _knot(classifier, observation, p, placed, greatest, name) for p in placed
                ],
            },
            on_knot_change=partial(_open, classifier, [p.place for p in placed]),
        )


def _knot(
    classifier: Classifier,
    observation: Observation,
    placed: _Placed,
    all_placed: Sequence[_Placed],
    greatest: float,
    answer: str,
) -> dict[str, Any]:
    layer, channel = placed.place
    amount = number(placed.knot.amount, 3)
    target = answer
    if placed.parent is not None:
        left = all_placed[placed.parent].knot
        target = t("Channel {channel} of {layer}", channel=left.channel, layer=left.layer)
    return {
        "column": placed.column,
        "row": placed.row,
        "rows": placed.rows,
        "parent": placed.parent,
        "channel": t("channel {channel}", channel=channel),
        "amount": amount,
        "told": t(
            "Channel {channel} of layer {number} of {count}, {layer}: gives {amount} to {target}",
            channel=channel,
            **place_of(classifier, layer),
            layer=layer,
            amount=amount,
            target=target,
        ),
        "against": placed.knot.amount < 0,
        "width": max(_THINNEST, _THICKEST * abs(placed.knot.amount) / greatest),
        "map": _map(observation, placed.place),
        "ideal": _ideal(classifier, placed.place),
    }


def _map(observation: Observation, place: Place) -> str:
    """The address of a channel's map, small, laid over the photo."""
    layer, channel = place
    key = (id(observation), *place)
    made = _made().get(
        key,
        lambda: (
            observation,
            data_uri(_small(mosaic.overlay(observation.maps[layer], channel, observation.seen))),
        ),
    )
    return made[1]


@session.kept
def _made() -> session.Latest[tuple[Observation, str]]:
    """Small pictures of maps, with the observations, so that ids stay theirs."""
    return session.Latest(64)


def _ideal(classifier: Classifier, place: Place) -> str:
    """The address of a channel's ideal picture; empty if it is not drawn yet."""
    kept = channel_part.drawings().get(channel_part.drawing_key(classifier, place))
    return "" if kept is None else data_uri(_small(kept))


def _small(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))


def _open(classifier: Classifier, places: Sequence[Place]) -> None:
    """Open the channel of the knot that was clicked on, in the maps."""
    clicked = st.session_state[_COMPONENT]["knot"]
    if clicked is None or not 0 <= int(clicked) < len(places):
        return
    layer, channel = places[int(clicked)]
    st.session_state["maps_view"] = "maps"
    diagram.choose(classifier, layer)
    maps.choose_channel(classifier, layer, channel)


def _say_how_to_read_it(classifier: Classifier, found: Trace) -> None:
    name = plain(class_name(classifier.labels[found.class_id]))
    if not any(knot.amount > 0 for knot in found.knots):
        st.info(
            t("No channel of the last layer speaks for **{name}** here.", name=name),
            icon=":material/visibility_off:",
        )
        return
    st.caption(
        t(
            "From left to right: **{name}**, the channels of the last layer that give most to its logit, and the earlier channels that give most to each of these. **The number, and how thick the line is, say how much of the logit comes this way**: gradient × activation, added up over the map. That is an approximation – it asks what a small change would do – and only the strongest ways are shown. Click a channel to see more of it.",
            name=name,
        )
    )
