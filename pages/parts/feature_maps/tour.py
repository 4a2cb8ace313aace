"""From edges to cat: five depths, one sentence each, three channels with their ideal pictures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import streamlit as st
from PIL import Image

from core.features import mosaic
from core.features.diagram import at_depth
from core.features.tour import DEPTHS, Stop, stops
from core.images import photos
from core.problem import N_
from core.server.jobs import Snapshot
from core.steps import Pixels
from core.synthesis.thumbnail import SIDE, thumbnails
from core.zoo.classifier import Classifier
from pages.parts.feature_maps import channel as channel_part
from pages.parts.feature_maps import diagram, maps
from pages.parts.feature_maps.channel import Place
from pages.parts.feature_maps.follow import follow
from pages.parts.feature_maps.walk import place_of
from pages.parts.shared import layout, live, save, session
from pages.parts.shared.language import class_name, plain, remember_choice, t
from pages.parts.shared.live import progress

_SENTENCES = (
    N_(
        "**Edges and colours.** The first layer answers to edges, dots and colours, each in a few pixels."
    ),
    N_("**Textures.** Edges that lie together in a rhythm: stripes, grids, fur."),
    N_("**Patterns.** Textures that bend around corners and circles: parts begin to show."),
    N_("**Parts.** Eyes, noses, wheels, feathers – wherever in the photo they are."),
    N_("**Things.** Whole animals and objects; from here it is one weighted sum to the answer."),
)
_NAMES = (N_("Edges"), N_("Textures"), N_("Patterns"), N_("Parts"), N_("Things"))
_STOP = "maps_stop"
_TURNS = "maps_stop_turns"
_LED = "maps_stop_led"
_NOT_YET: Pixels = np.full((SIDE, SIDE, 3), 238, np.uint8)


def lead(classifier: Classifier, *, is_open: bool) -> None:
    """Let the diagram follow the tour; to be called before it is drawn."""
    stop = st.session_state.get(_STOP, 0)
    led = (classifier.provenance.network, stop) if is_open else None
    if led and st.session_state.get(_LED) != led:
        diagram.choose(classifier, at_depth(classifier, DEPTHS[stop]).name)
    st.session_state[_LED] = led


def view(classifier: Classifier, photo: Image.Image) -> None:
    """Show the stops of the tour one by one; the ideal pictures are drawn when they are asked for."""
    observation = maps.observed(classifier, photo)
    halts = stops(classifier, observation)
    wanted = [(stop.maps.layer.name, channel) for stop in halts for channel in stop.channels]
    job = session.job("maps_tour")
    if st.session_state.get("maps_tour_of") != _name(classifier, wanted):
        job = None
    if job is not None and job.snapshot().state.is_end:
        channel_part.keep_drawn(classifier, job.snapshot())
    missing = channel_part.missing(classifier, wanted)
    is_drawing = bool(missing) and job is not None and not job.snapshot().state.is_end
    with st.container(key="maps_tour_stage"):  # the stops, too: the next press is there
        with st.container(horizontal=True, vertical_alignment="center"):
            st.segmented_control(
                t("Stop of the tour"),
                range(len(_NAMES)),
                format_func=lambda stop: f"{stop + 1} · {t(_NAMES[stop])}",
                default=0,
                required=True,
                key=remember_choice(_STOP),
                persist_state="session",
                on_change=layout.count,
                args=(_TURNS,),
                label_visibility="collapsed",
            )
            if missing and not is_drawing:
                st.button(
                    t("Draw their ideal pictures"),
                    type="primary",
                    icon=":material/play_arrow:",
                    key="maps_tour_start",
                    on_click=_start,
                    args=(classifier, missing, _name(classifier, wanted)),
                    help=t("Fifteen small pictures, about ten seconds."),
                )
        drawing = job if is_drawing else None
        layout.in_sight(
            layout.counted(_TURNS) or live.run_number(drawing), "maps_tour_stage", just=1
        )
        if drawing:
            st.button(
                t("Stop run"), icon=":material/stop:", on_click=drawing.stop, key="maps_tour_stop"
            )
            follow(
                drawing,
                lambda snapshot: _live(snapshot, classifier, observation.seen, halts),
                seconds=1,
            )
            return
        if missing and job is not None and job.snapshot().problem is not None:
            progress(st.empty(), job.snapshot())
        _show(classifier, observation.seen, halts, {})
    answer = observation.predictions[0]
    st.caption(
        t(
            "How does a photo become “{name}”? Five stops on the way, and at each three channels: **lit, where in your photo they are active**, and **the picture each of them would like best**.",
            name=plain(class_name(answer.class_name)),
        )
    )
    if not missing:
        save.png(
            lambda: mosaic.sheet([_row(classifier, observation.seen, stop) for stop in halts]),
            f"tour-{classifier.provenance.network}",
            "maps_tour_download",
        )


def _name(classifier: Classifier, wanted: list[Place]) -> object:
    return (id(classifier), tuple(wanted))


def _start(classifier: Classifier, missing: list[Place], name: object) -> None:
    st.session_state["maps_tour_of"] = name
    session.start_job("maps_tour", partial(thumbnails, classifier, missing))


def _live(
    snapshot: Snapshot, classifier: Classifier, seen: Pixels, halts: tuple[Stop, ...]
) -> None:
    _show(classifier, seen, halts, snapshot.step.result if snapshot.step else {})


def _show(
    classifier: Classifier,
    seen: Pixels,
    halts: tuple[Stop, ...],
    drawn: Mapping[Place, Pixels],
) -> None:
    chosen = st.session_state.get(_STOP, 0)
    stop, text = halts[chosen], _SENTENCES[chosen]
    layer = stop.maps.layer
    with st.container(border=True, key="maps_halt"), st.container(key="maps_row_tour"):
        size = t(
            "layer {number} of {count} · one number sees {field}×{field} pixels",
            **place_of(classifier, layer.name),
            field=min(layer.receptive_field, classifier.input_size),
        )
        st.markdown(f"{t(text)} :small[:gray[{plain(size)}]]")
        count = len(stop.channels)
        if all(_picture(classifier, stop, c, drawn) is _NOT_YET for c in stop.channels):
            *lit, last = st.columns([*[1] * count, count], gap="small")
            for column, channel in zip(lit, stop.channels, strict=True):
                with column:
                    _lit(seen, stop, channel)
            last.caption(
                t(
                    "“Draw their ideal pictures” puts beside each the picture that it would like best."
                )
            )
            return
        columns = iter(st.columns(2 * count, gap="small"))
        for channel in stop.channels:
            with next(columns):
                _lit(seen, stop, channel)
            with next(columns):
                _ideal(classifier, stop, channel, drawn)


def _row(classifier: Classifier, seen: Pixels, stop: Stop) -> list[Pixels]:
    """A stop's channels over the photo, each beside its ideal picture."""
    row = []
    for channel in stop.channels:
        ideal = Image.fromarray(_picture(classifier, stop, channel, {}))
        row.append(mosaic.spotlight(stop.maps, channel, seen))
        row.append(np.asarray(photos.centre_square(ideal, len(seen))))
    return row


def _lit(seen: Pixels, stop: Stop, channel: int) -> None:
    layout.picture(
        mosaic.spotlight(stop.maps, channel, seen),
        t("Channel {channel}", channel=channel),
        t("Lit where channel {channel} is active", channel=channel),
    )


def _ideal(classifier: Classifier, stop: Stop, channel: int, drawn: Mapping[Place, Pixels]) -> None:
    picture = _picture(classifier, stop, channel, drawn)
    alt = (
        t("Not drawn yet")
        if picture is _NOT_YET
        else t(
            "The ideal picture of channel {channel} of {layer}",
            channel=channel,
            layer=stop.maps.layer.name,
        )
    )
    layout.picture(picture, t("its ideal"), alt)


def _picture(
    classifier: Classifier, stop: Stop, channel: int, drawn: Mapping[Place, Pixels]
) -> Pixels:
    place = (stop.maps.layer.name, channel)
    kept = channel_part.drawings().get(channel_part.drawing_key(classifier, place), _NOT_YET)
    return drawn.get(place, kept)
