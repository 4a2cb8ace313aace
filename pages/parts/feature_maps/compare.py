"""Side by side: two photos through one network, or one photo through several networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import streamlit as st
from PIL import Image

from core.features import mosaic
from core.features.compare import changes, layer_changes
from core.features.diagram import at_depth, depth_of
from core.features.maps import FeatureMaps, ranked
from core.problem import N_
from core.steps import Pixels
from core.zoo import catalogue, weights
from core.zoo.classifier import Classifier
from pages.parts.feature_maps import channel as channel_part
from pages.parts.feature_maps import maps as maps_part
from pages.parts.shared import layout, plots, save, session
from pages.parts.shared.language import class_name, number, percent, plain, remember_choice, t

KINDS = {
    "networks": N_("networks"),
    "photos": N_("photos"),
    "own": N_("your network and the one it is based on"),
}
_MOST_NETWORKS = 3
_SHOWN = 24
_UNCHANGED = 1e-3
"""A share below which maps differ by rounding only."""


def view(classifier: Classifier, photo: Image.Image, layer: str) -> None:
    """Show the strongest maps of two to four networks or photos beside each other."""
    kinds = [kind for kind in KINDS if kind != "own" or session.own_classifier()]
    kind = st.segmented_control(
        t("Compare"),
        kinds,
        format_func=lambda choice: t(KINDS[choice]),
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
        t("Beside {network}", network=plain(classifier.title)),
        here,
        default=here[:1],
        format_func=catalogue.TITLES.__getitem__,
        max_selections=_MOST_NETWORKS,
        key=f"maps_compare_networks_{classifier.name}",
        help=t("Networks whose weights are here. Choose another in the side bar to fetch it."),
    )
    depth = depth_of(classifier, layer)
    networks = [classifier, *(session.network_named(name) for name in names)]
    places = [(network, photo, at_depth(network, depth).name) for network in networks]
    pictures = _columns(
        [(network.title, *place) for network, place in zip(networks, places, strict=True)]
    )
    st.caption(
        t("At the same relative depth: {share} of the way to the answer.", share=percent(depth))
    )
    _download(pictures, "networks")


def _photos(classifier: Classifier, photo: Image.Image, layer: str) -> None:
    album = channel_part.album()
    names = list(album)
    other = st.selectbox(
        t("The other photo"),
        names,
        index=names.index("dalmatian"),
        format_func=channel_part.title_of,
        key=remember_choice("maps_compare_photo"),
    )
    pictures = _columns(
        [
            (t("Your choice"), classifier, photo, layer),
            (channel_part.title_of(other), classifier, album[other], layer),
        ],
        same_channels=True,
    )
    st.caption(t("The same channels in the same places: those that are strongest in the first."))
    _download(pictures, "photos")


def _columns(
    shown: Sequence[tuple[str, Classifier, Image.Image, str]], *, same_channels: bool = False
) -> list[Pixels]:
    """Show a column for each; give the pictures of their maps."""
    channels: list[int] = []
    pictures = []
    columns = zip(st.columns(len(shown)), shown, strict=True)
    for place, (column, (title, network, photo, layer)) in enumerate(columns):
        observation = maps_part.observed(network, photo)
        maps = observation.maps[layer]
        if not (same_channels and channels):
            channels = ranked(maps, "strength")[:_SHOWN]
        answer = observation.predictions[0]
        with column:
            layout.label(plain(title))
            with st.container(key=f"maps_row_compare_{place}"):
                _photo_and_answer(observation.seen, answer.class_name, answer.probability)
            pictures.append(_maps(maps, channels))
    return pictures


def _photo_and_answer(seen: Pixels, name: str, probability: float) -> None:
    small, words = st.columns([1, 2], gap="small", vertical_alignment="center")
    with small:
        layout.picture(seen, "", t("The photo"))
    words.markdown(f"**{plain(class_name(name))}**  \n{percent(probability, 1)}")


def _maps(maps: FeatureMaps, channels: list[int], beside: FeatureMaps | None = None) -> Pixels:
    picture = mosaic.mosaic(maps, channels, beside=beside, width=700)
    layout.picture(
        picture,
        t(
            "{layer} · {height}×{width}×{channels}",
            layer=maps.layer.name,
            height=maps.layer.size,
            width=maps.layer.size,
            channels=maps.layer.channels,
        ),
        t("Maps of {layer}", layer=maps.layer.name),
    )
    return picture


def _own(photo: Image.Image, layer: str) -> None:
    own = session.network_named(catalogue.OWN)
    base = session.network_named(own.provenance.network)
    if own.provenance.body == base.provenance.body:
        st.info(
            t(
                "Your network learned only a new head, so all its maps are those of {network}. On the page “Fine-tuning”, let the last blocks learn too, and look again.",
                network=plain(base.title),
            ),
            icon=":material/info:",
        )
        return
    before, after = maps_part.observed(base, photo), maps_part.observed(own, photo)
    by_layer = layer_changes(before, after)
    shown = (
        layer if by_layer.get(layer, 0.0) > _UNCHANGED else max(by_layer, key=by_layer.__getitem__)
    )
    if shown != layer:
        st.caption(
            t(
                "The maps of {layer} are as they were: only later layers learned. Here is {other}, which changed most.",
                layer=plain(layer),
                other=plain(shown),
            )
        )
    changed = changes(before.maps[shown], after.maps[shown])
    channels = [int(channel) for channel in (-changed).argsort(kind="stable")[:_SHOWN]]
    titles = (plain(base.title), t("★ Your network"))
    pictures = []
    pair = (before.maps[shown], after.maps[shown])
    for column, title, maps, beside in zip(
        st.columns(2, gap="medium"), titles, pair, reversed(pair), strict=True
    ):
        with column:
            layout.label(title)
            pictures.append(_maps(maps, channels, beside))
    st.caption(
        t(
            "The maps that changed most come first, in the same colours on both sides. Channel {channel} changed by {most} times the average strength of a channel in this layer, all {count} channels by {mean} times.",
            channel=channels[0],
            most=number(float(changed[channels[0]]), 1),
            count=len(changed),
            mean=number(float(changed.mean()), 1),
        )
    )
    _download(pictures, f"changed-{shown}")
    _by_layer(by_layer, shown)


def _by_layer(by_layer: Mapping[str, float], shown: str) -> None:
    """Show how much each layer changed, from the photo to the answer."""
    title = t("How much the maps of each layer changed")
    layout.label(title)
    names = list(by_layer)
    colours = ["#d55e00" if name == shown else "#0072b2" for name in names]
    bars = go.Bar(x=names, y=list(by_layer.values()), marker_color=colours)
    bars.hovertemplate = "%{x}: %{y:.0%}<extra></extra>"
    figure = go.Figure(bars)
    figure.update_layout(height=190, margin={"l": 5, "r": 5, "t": 5, "b": 5})
    figure.update_xaxes(type="category")
    figure.update_yaxes(tickformat=".0%")
    plots.chart(figure, "maps_compare_layers", title)


def _download(pictures: Sequence[Pixels], name: str) -> None:
    save.png(lambda: mosaic.sheet([pictures]), name, "maps_compare_download")
