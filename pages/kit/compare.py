"""Side by side: two photos through one network, or one photo through several networks."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from PIL import Image

from core.features import mosaic
from core.features.compare import changes
from core.features.diagram import at_depth, depth_of
from core.features.maps import FeatureMaps, ranked
from core.problem import N_
from core.steps import Pixels
from core.zoo import catalogue, weights
from core.zoo.classifier import Classifier
from pages.kit import channel as channel_kit
from pages.kit import layout, session
from pages.kit import maps as maps_kit
from pages.kit.language import class_name, percent, plain, remember_choice, t

_KINDS = {
    "networks": N_("networks"),
    "photos": N_("photos"),
    "own": N_("your network and the one it grew out of"),
}
_MOST_NETWORKS = 3
_SHOWN = 24


def view(classifier: Classifier, photo: Image.Image, layer: str) -> None:
    """Show the strongest maps of two to four networks or photos beside each other."""
    kinds = [kind for kind in _KINDS if kind != "own" or session.training() is not None]
    kind = st.segmented_control(
        t("Compare"),
        kinds,
        format_func=lambda choice: t(_KINDS[choice]),
        default=kinds[0],
        required=True,
        key=remember_choice("maps_compare"),
        persist_state="session",
    )
    if kind == "own":
        _own(photo, layer)
    elif kind == "photos":
        _photos(classifier, photo, layer)
    else:
        _networks(classifier, photo, layer)


def _networks(classifier: Classifier, photo: Image.Image, layer: str) -> None:
    here = [e.name for e in catalogue.ENTRIES if weights.present(e) and e.name != classifier.name]
    names = st.multiselect(
        t("Beside {network}", network=classifier.title),
        here,
        default=here[:1],
        format_func=lambda name: catalogue.entry(name).title,
        max_selections=_MOST_NETWORKS,
        key=f"maps_compare_networks_{classifier.name}",
        help=t("Networks whose weights are here. Choose another in the side bar to fetch it."),
    )
    depth = depth_of(classifier, layer)
    networks = [classifier, *(session.network_named(name) for name in names)]
    places = [(network, photo, at_depth(network, depth).name) for network in networks]
    _columns([(network.title, *place) for network, place in zip(networks, places, strict=True)])
    st.caption(
        t("At the same relative depth: {share} of the way to the answer.", share=percent(depth))
    )


def _photos(classifier: Classifier, photo: Image.Image, layer: str) -> None:
    album = channel_kit.album()
    names = list(album)
    other = st.selectbox(
        t("The other photo"),
        names,
        index=names.index("dalmatian"),
        format_func=channel_kit.title_of,
        key=remember_choice("maps_compare_photo"),
    )
    _columns(
        [
            (t("Your choice"), classifier, photo, layer),
            (channel_kit.title_of(other), classifier, album[other], layer),
        ],
        same_channels=True,
    )
    st.caption(t("The same channels in the same places: those that are strongest in the first."))


def _columns(
    shown: Sequence[tuple[str, Classifier, Image.Image, str]], *, same_channels: bool = False
) -> None:
    channels: list[int] = []
    for column, (title, network, photo, layer) in zip(st.columns(len(shown)), shown, strict=True):
        observation = maps_kit.observed(network, photo)
        maps = observation.maps[layer]
        if not (same_channels and channels):
            channels = ranked(maps, "strength")[:_SHOWN]
        answer = observation.predictions[0]
        with column:
            layout.label(plain(title))
            _photo_and_answer(observation.seen, answer.class_name, answer.probability)
            _maps(maps, channels)


def _photo_and_answer(seen: Pixels, name: str, probability: float) -> None:
    small, words = st.columns([1, 2], gap="small", vertical_alignment="center")
    with small:
        layout.picture(seen, "", t("The photo"))
    words.markdown(f"**{plain(class_name(name))}**  \n{percent(probability, 1)}")


def _maps(maps: FeatureMaps, channels: list[int]) -> None:
    picture = mosaic.mosaic(maps, channels, width=700)
    layout.picture(
        picture,
        t(
            "{layer} · {height}×{width}×{channels}",
            layer=maps.layer.name,
            height=maps.layer.size,
            width=maps.layer.size,
            channels=maps.layer.channels,
        ),
        t("The strongest maps of {layer}", layer=maps.layer.name),
    )


def _own(photo: Image.Image, layer: str) -> None:
    own = session.network_named(session.OWN)
    base = session.network_named(own.provenance.network)
    names = [found.name for found in own.layers]
    layer = layer if layer in names else at_depth(own, 0.5).name
    before = maps_kit.observed(base, photo).maps[layer]
    after = maps_kit.observed(own, photo).maps[layer]
    changed = changes(before, after)
    if float(changed.max()) < 1e-4:
        st.info(
            t(
                "Your network learned only a new head, so all its maps are those of {network}. Train the whole network on the page “Fine-tuning” and look again.",
                network=base.title,
            ),
            icon=":material/info:",
        )
        return
    channels = [int(channel) for channel in (-changed).argsort(kind="stable")[:_SHOWN]]
    left, right = st.columns(2, gap="medium")
    with left:
        layout.label(plain(base.title))
        _maps(before, channels)
    with right:
        layout.label(t("★ Your network"))
        _maps(after, channels)
    st.caption(
        t(
            "The maps that changed most come first. Channel {channel} changed by {share} of the layer's strength.",
            channel=channels[0],
            share=percent(float(changed[channels[0]])),
        )
    )
    st.caption(
        t(
            "Mean change of all {count} channels: {share}",
            count=len(changed),
            share=percent(float(changed.mean())),
        )
    )
