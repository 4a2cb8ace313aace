"""What a channel is fed by, and what it feeds: a walk through the network, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from PIL import Image

from core.features import mosaic
from core.features.computation import find_node, values
from core.features.contributions import Contribution, fed_by, feeds
from core.features.maps import FeatureMaps
from core.zoo.classifier import Classifier
from core.zoo.graph import Layer
from pages.parts.feature_maps import links
from pages.parts.feature_maps.walk import Channel, go_to, title_of
from pages.parts.shared import layout, session
from pages.parts.shared.language import number, t

_SHOWN = 7


@session.kept
def _found() -> session.Latest[tuple[str, list[links.Link], list[links.Link]]]:
    return session.Latest(12)


def view(
    classifier: Classifier,
    photo: Image.Image,
    photo_key: tuple[object, ...],
    layer: Layer,
    here: Channel,
) -> None:
    """Show which channels give most to a channel, and to which it gives most."""

    def look() -> tuple[str, list[links.Link], list[links.Link]]:
        return session.compute(lambda: _look(classifier, photo, layer, here))

    sentence, before, after = _found().get((*photo_key, here.node, here.channel), look)
    layout.label(t("Fed by"))
    clicked = links.row(t("Fed by"), before, "maps_fed_by") if before else None
    st.caption(sentence)
    layout.label(t("Feeds"))
    if after:
        clicked = links.row(t("Feeds"), after, "maps_feeds") or clicked
    else:
        st.caption(t("The head: its mean goes into the answer."))
    if clicked:
        go_to(Channel(str(clicked["node"]), int(clicked["channel"])))
        st.rerun(scope="fragment")


def _look(
    classifier: Classifier, photo: Image.Image, layer: Layer, here: Channel
) -> tuple[str, list[links.Link], list[links.Link]]:
    """Return a sentence on what a channel is fed, and the links to those before and behind it."""
    given = feeds(classifier, photo, here.node, here.channel)[:_SHOWN]
    if find_node(classifier, here.node).op == "placeholder":
        return t("The photo is fed by nothing."), [], _links(classifier, photo, layer, given)
    found = fed_by(classifier, photo, here.node, here.channel)
    shown = found.contributions[:_SHOWN]
    rest = sum(c.amount for c in found.contributions[_SHOWN:])
    sentence = t(
        "Weight × activation, on average over the map: what is shown, {rest} of the other {count} channels and a bias of {bias} make {total}.",
        rest=number(rest, 2),
        count=len(found.contributions) - len(shown),
        bias=number(found.bias, 2),
        total=number(found.total, 2),
    )
    before = _links(classifier, photo, layer, shown)
    return sentence, before, _links(classifier, photo, layer, given)


def _links(
    classifier: Classifier, photo: Image.Image, layer: Layer, found: Sequence[Contribution]
) -> list[links.Link]:
    maps = values(classifier, photo, [contribution.node for contribution in found])
    return [
        links.Link(
            name=title_of(classifier, Channel(c.node, c.channel)),
            short=_short(classifier, c),
            told=("+" if c.amount >= 0 else "−") + number(abs(c.amount), 2),
            target={"node": c.node, "channel": c.channel},
            picture=mosaic.coloured(
                FeatureMaps(layer, maps[c.node][c.channel : c.channel + 1].cpu().numpy()), 0
            ),
            is_below=c.amount < 0,
        )
        for c in found
    ]


def _short(classifier: Classifier, found: Contribution) -> str:
    """Return a channel's number, and its layer where it is the output of one."""
    layers = [layer.name for layer in classifier.layers if layer.node == found.node]
    return " · ".join([str(found.channel), *layers])
