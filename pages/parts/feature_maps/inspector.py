"""One channel from all sides: over the photo, its map to click in, and what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from core.features import mosaic
from core.features.computation import Place, computation
from core.features.maps import FeatureMaps, Observation, field_at
from core.problem import N_
from core.zoo.classifier import Classifier
from core.zoo.graph import Layer
from pages.parts.feature_maps import answer, fed, off_switch
from pages.parts.feature_maps import number as number_part
from pages.parts.feature_maps.walk import (
    COLOURS,
    Channel,
    go_back,
    inside,
    title_of,
    walked,
    whereabouts,
)
from pages.parts.shared import layout
from pages.parts.shared.components import component
from pages.parts.shared.language import number, plain, remember_choice, t, tag
from pages.parts.shared.live import data_uri

_ASKED, _VALUES = "maps_asked", "maps_values"

QUESTIONS = {
    "number": N_("One number"),
    "fed": N_("Fed by, feeds"),
    "switch": N_("Off-switch"),
    "answer": N_("The answer"),
}

_grid = component("value_grid")


@dataclass(frozen=True)
class Subject:
    """What is looked at.

    Attributes:
        classifier: the network, with what is switched.
        photo: what it looks at.
        key: what tells both from all others.
        observation: what the network makes of the photo.
    """

    classifier: Classifier
    photo: Image.Image
    key: tuple[object, ...]
    observation: Observation


@st.fragment
def panel(about: Subject, layer_name: str, channel: int, *, wide: bool) -> None:
    """Show a channel of a layer, and what is asked of it. A click runs only this part.

    Args:
        about: what is looked at.
        layer_name: of the layer.
        channel: its number there.
        wide: whether there is room for what is asked beside the pictures.
    """
    classifier, seen = about.classifier, about.observation.seen
    layer = classifier.layer(layer_name)
    walk = walked(classifier, layer, channel)
    here = walk[-1] if walk else Channel(layer.node, channel)
    at_hand = inside(classifier, about.photo, about.key, here.node)
    features = at_hand.features
    # Switching channels makes a new graph, whose nodes are called otherwise: the layer stays.
    map_id = f"{layer_name if not walk else here.node} {here.channel}"
    row, column = _chosen(here, features, map_id)
    in_inspector = st.container(key="maps_inspector")
    looked, told = in_inspector.columns(2, gap="medium") if wide else (in_inspector, in_inspector)
    with looked:
        _heading(classifier, layer, channel, walk)
        st.caption(_path(classifier, here, features.layer.name, row, column))
        over, boxed, map_shown = st.container(key="maps_row_channel").columns(3, gap="small")
        with over:
            layout.picture(
                mosaic.overlay(features, here.channel, seen),
                t("Where it is active"),
                t("The channel laid over the photo"),
            )
        with boxed:
            layout.picture(
                mosaic.marked(seen, field_at(features.layer, row, column, len(seen))),
                t("What this number sees"),
                t("The receptive field of the chosen value, as a box on the photo"),
            )
        with map_shown:
            _map(features, here, map_id, row, column)
    with told:
        asked = _question(is_inside=bool(walk), is_last=layer == classifier.layers[-1])
        if asked == "fed":
            rows, columns = features.maps[here.channel].shape
            at = ((row + 0.5) / rows, (column + 0.5) / columns)
            fed.view(classifier, about.photo, about.key, features.layer, here, at)
        elif asked == "switch":
            off_switch.view(about.photo, about.key, about.observation, layer, channel)
        elif asked == "answer":
            answer.view(classifier, about.photo, about.observation, layer)
        else:
            place = Place(here.node, here.channel, row, column)
            number_part.explained(classifier, at_hand, computation(classifier, at_hand.maps, place))
        if not walk:
            _numbers(about.observation.maps[layer_name], channel)


def _path(classifier: Classifier, here: Channel, layer: str, row: int, column: int) -> str:
    """Return the way from the photo to the number, a click each."""
    if not layer:  # the photo itself
        colour = t(COLOURS[here.channel])
        return t(
            "Photo → {colour} → row {row}, column {column}", colour=colour, row=row, column=column
        )
    return t(
        "Photo → {layer} → channel {channel} → row {row}, column {column}",
        layer=plain(whereabouts(classifier, layer)),
        channel=here.channel,
        row=row,
        column=column,
    )


def _question(*, is_inside: bool, is_last: bool) -> str:
    """Let it be chosen what is asked of a channel; inside of a layer, and at the end, not the same."""
    hidden = {"switch"} if is_inside else set()
    hidden |= set() if is_last and not is_inside else {"answer"}
    offered = [question for question in QUESTIONS if question not in hidden]
    if st.session_state.get(_ASKED) not in offered:
        st.session_state[_ASKED] = offered[0]
    return str(
        st.segmented_control(
            t("What to ask"),
            offered,
            format_func=lambda question: t(QUESTIONS[question]),
            required=True,
            key=remember_choice(_ASKED),
            persist_state="session",
            label_visibility="collapsed",
        )
    )


def _chosen(here: Channel, features: FeatureMaps, map_id: str) -> tuple[int, int]:
    """Return the place that was clicked; at first the one walked to, or the most active."""
    of_channel = features.maps[here.channel]
    clicked = (st.session_state.get(_VALUES) or {}).get("place")
    if clicked and clicked["map"] == map_id:
        place = clicked["row"], clicked["column"]
    elif here.row is not None and here.column is not None:
        place = here.row, here.column
    elif here.at is not None:
        down, right = here.at
        rows, columns = of_channel.shape
        place = int(down * rows), int(right * columns)
    else:
        place = np.unravel_index(of_channel.argmax(), of_channel.shape)
    row, column = (
        min(max(int(at), 0), size - 1) for at, size in zip(place, of_channel.shape, strict=True)
    )
    return row, column


def _heading(classifier: Classifier, layer: Layer, channel: int, walk: list[Channel]) -> None:
    """Show which channel this is, and the way back to the one that one came from."""
    way = [Channel(layer.node, channel), *walk]
    st.header(title_of(classifier, way[-1]), anchor=False)
    if walk:
        st.button(
            t("Back to: {channel}", channel=title_of(classifier, way[-2])),
            icon=":material/arrow_back:",
            key="maps_back",
            type="tertiary",
            on_click=go_back,
        )


def _map(features: FeatureMaps, here: Channel, map_id: str, row: int, column: int) -> None:
    of_channel = features.maps[here.channel]
    rows, columns = of_channel.shape
    _grid(
        key=_VALUES,
        data={
            "map": map_id,
            "src": data_uri(mosaic.coloured(features, here.channel)),
            "rows": rows,
            "columns": columns,
            "values": [round(float(value), 5) for value in of_channel.flat],
            "selected": [row, column],
            "label": t("The channel's map. Choose a value with the arrow keys."),
            "hint": t("The map: click a square. White is 0, red above, blue below"),
            "row": t("row"),
            "column": t("column"),
            "locale": tag(),
        },
        on_place_change=lambda: layout.count(number_part.CLICKS),
    )


def _numbers(maps: FeatureMaps, channel: int) -> None:
    """Say the numbers of a whole channel."""
    values = maps.maps[channel]
    told = [
        t("Mean {mean}", mean=number(float(values.mean()), 3)),
        t("greatest {maximum}", maximum=number(float(values.max()), 3)),
    ]
    method = None
    if maps.evidence is not None:
        told.append(evidence_told(float(maps.evidence[channel])))
        method = t(
            "Gradient × activation: how much the answer's logit would change with each value, times the value, added up over the map."
        )
    st.caption(" · ".join(told), help=method)


def evidence_told(evidence: float) -> str:
    """Say how much a channel speaks for the answer, or against it."""
    strength = number(abs(evidence), 3)
    if strength == number(0, 3):
        return t("speaks neither for the answer nor against it")
    if evidence < 0:
        return t("speaks against the answer with {evidence}", evidence=strength)
    return t("speaks for the answer with {evidence}", evidence=strength)
