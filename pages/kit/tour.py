"""From edges to cat: five depths, one sentence each, three channels with their ideal pictures."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from PIL import Image

from core.features import mosaic
from core.features.tour import Stop, stops
from core.jobs import Snapshot, scheduler
from core.problem import N_
from core.steps import Pixels
from core.synthesis.thumbnail import thumbnails
from core.zoo.classifier import Classifier
from pages.kit import channel as channel_kit
from pages.kit import layout, session
from pages.kit import maps as maps_kit
from pages.kit.channel import Place
from pages.kit.follow import follow
from pages.kit.language import class_name, plain, t

_SENTENCES = (
    N_(
        "**Edges and colours.** The first layer answers to edges, dots and colours, each in a few pixels."
    ),
    N_("**Textures.** Edges that lie together in a rhythm: stripes, grids, fur."),
    N_("**Patterns.** Textures that bend around corners and circles: parts begin to show."),
    N_("**Parts.** Eyes, noses, wheels, feathers – wherever in the photo they are."),
    N_("**Things.** Whole animals and objects; from here it is one weighted sum to the answer."),
)


def view(classifier: Classifier, photo: Image.Image) -> None:
    """Show the tour; the ideal pictures are drawn when they are asked for."""
    observation = maps_kit.observed(classifier, photo)
    halts = stops(classifier, observation)
    wanted = [(stop.maps.layer.name, channel) for stop in halts for channel in stop.channels]
    missing = [p for p in wanted if _key(classifier, p) not in channel_kit.drawings()]
    job = session.job("maps_tour")
    running = job is not None and st.session_state.get("maps_tour_of") == _name(classifier, wanted)
    answer = observation.predictions[0]
    st.markdown(
        t(
            "How does a photo become “{name}”? Five stops on the way, and at each the three channels that are most active: **lit on your photo**, and **the picture each of them would like best**.",
            name=plain(class_name(answer.class_name)),
        )
    )
    if job is not None and running:
        follow(
            job, lambda snapshot: _live(snapshot, classifier, observation.seen, halts), seconds=1
        )
        return
    if missing:
        st.button(
            t("Draw their ideal pictures"),
            type="primary",
            icon=":material/play_arrow:",
            key="maps_tour_start",
            on_click=_start,
            args=(classifier, missing, _name(classifier, wanted)),
            help=t("Fifteen small pictures, about half a minute."),
        )
    _show(classifier, observation.seen, halts, {})


def _key(classifier: Classifier, place: Place) -> tuple[object, ...]:
    return channel_kit.drawing_key(classifier, place)


def _name(classifier: Classifier, wanted: list[Place]) -> object:
    return (id(classifier), tuple(wanted))


def _start(classifier: Classifier, missing: list[Place], name: object) -> None:
    st.session_state["maps_tour_of"] = name
    scheduler().submit(
        session.owner(),
        "maps_tour",
        lambda: thumbnails(classifier, missing),
    )


def _live(
    snapshot: Snapshot, classifier: Classifier, seen: Pixels, halts: tuple[Stop, ...]
) -> None:
    drawn: Mapping[Place, Pixels] = snapshot.step.result if snapshot.step else {}
    if snapshot.state.is_end:
        for place, pixels in drawn.items():
            channel_kit.keep(_key(classifier, place), pixels)
    _show(classifier, seen, halts, drawn)


def _show(
    classifier: Classifier,
    seen: Pixels,
    halts: tuple[Stop, ...],
    drawn: Mapping[Place, Pixels],
) -> None:
    for number, (stop, text) in enumerate(zip(halts, _SENTENCES, strict=True), 1):
        layer = stop.maps.layer
        with st.container(border=True):
            words, *columns = st.columns([1.6, *[1] * len(stop.channels)], gap="small")
            with words:
                st.markdown(f"{number} · {t(text)}")
                st.caption(
                    t(
                        "{layer} · {height}×{width}×{channels}",
                        layer=layer.name,
                        height=layer.size,
                        width=layer.size,
                        channels=layer.channels,
                    )
                )
            for channel, column in zip(stop.channels, columns, strict=True):
                with column:
                    _pair(classifier, seen, stop, channel, drawn)


def _pair(
    classifier: Classifier,
    seen: Pixels,
    stop: Stop,
    channel: int,
    drawn: Mapping[Place, Pixels],
) -> None:
    layer = stop.maps.layer.name
    kept = channel_kit.drawings().get(_key(classifier, (layer, channel)))
    ideal = drawn.get((layer, channel), kept)
    title = t("Channel {channel}", channel=channel)
    lit = mosaic.overlay(stop.maps, channel, seen)
    left, right = st.columns(2, gap="xsmall")
    with left:
        layout.picture(lit, title, t("The channel laid over the photo"))
    with right:
        if ideal is not None:
            alt = t(
                "The ideal picture of channel {channel} of {layer}", channel=channel, layer=layer
            )
            layout.picture(ideal, t("its ideal"), alt)
