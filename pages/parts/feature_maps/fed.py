"""What a channel is fed by, and what it feeds: a walk through the network, channel by channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from core.features import mosaic
from core.features.computation import find_node, values
from core.features.contributions import Contribution, Fed, fed_by, feeds
from core.features.maps import FeatureMaps
from core.steps import Pixels
from core.zoo.classifier import Classifier
from core.zoo.graph import Layer
from pages.parts.feature_maps import channel_links
from pages.parts.feature_maps.walk import COLOURS, Channel, go_to, layer_title, title_of
from pages.parts.shared import layout, session
from pages.parts.shared.language import number, t

_SHOWN = 7


@dataclass(frozen=True)
class _Found:
    """What a channel is fed, None for the photo, to whom it gives, and the maps of all of these."""

    fed: Fed | None
    given: tuple[Contribution, ...]
    maps: Mapping[tuple[str, int], Pixels]


@session.kept
def _found() -> session.Latest[_Found]:
    return session.Latest(12)


def view(
    classifier: Classifier,
    photo: Image.Image,
    photo_key: tuple[object, ...],
    layer: Layer,
    here: Channel,
    at: tuple[float, float],
) -> None:
    """Show which channels give most to a channel, and to which it gives most.

    Args:
        classifier: the network.
        photo: what it looks at.
        photo_key: what tells both from all others.
        layer: where the channel is, or an inner one that stands for it.
        here: the channel.
        at: the place in its map that is looked at, as `Channel.at`: a click leads to the same.
    """
    found = _found().get(
        (*photo_key, here.node, here.channel),
        lambda: session.compute(lambda: _look(classifier, photo, layer, here)),
    )
    layout.label(t("Fed by"))
    if found.fed is None:
        st.caption(t("The photo is fed by nothing."))
    else:
        shown = found.fed.contributions[:_SHOWN]
        _row(classifier, t("Fed by"), shown, found, "maps_fed_by", at)
        st.caption(_adds_up(found.fed))
    layout.label(t("Feeds"))
    if found.given:
        _row(classifier, t("Feeds"), found.given, found, "maps_feeds", at)
        st.caption(
            t("How much it gives to each of these: its values times their weights, on average.")
        )
    else:
        st.caption(t("The head: its mean goes into the answer."))


def _look(classifier: Classifier, photo: Image.Image, layer: Layer, here: Channel) -> _Found:
    """Look up what comes before and behind a channel; shows nothing."""
    is_photo = find_node(classifier, here.node).op == "placeholder"
    fed = None if is_photo else fed_by(classifier, photo, here.node, here.channel)
    given = feeds(classifier, photo, here.node, here.channel)[:_SHOWN]
    beside = [*(fed.contributions[:_SHOWN] if fed else ()), *given]
    maps = values(classifier, photo, [contribution.node for contribution in beside])
    pictures = {
        (c.node, c.channel): mosaic.coloured(
            FeatureMaps(layer, maps[c.node][c.channel : c.channel + 1].cpu().numpy()), 0
        )
        for c in beside
    }
    return _Found(fed, given, pictures)


def _adds_up(fed: Fed) -> str:
    """Say how what a channel is fed adds up."""
    others = fed.contributions[_SHOWN:]
    told = {"bias": number(fed.bias, 2), "total": number(fed.total, 2)}
    if not others:
        return t(
            "How much each gives: its values times its weight, on average over the map. With a bias of {bias} that makes {total}, before any activation function.",
            **told,
        )
    return t(
        "How much each gives: its values times its weight, on average over the map. With {rest} from the other {count} channels and a bias of {bias} that makes {total}, before any activation function.",
        rest=number(sum(c.amount for c in others), 2),
        count=len(others),
        **told,
    )


def _row(
    classifier: Classifier,
    label: str,
    shown: Sequence[Contribution],
    found: _Found,
    key: str,
    at: tuple[float, float],
) -> None:
    channel_links.row(
        label,
        [
            channel_links.Link(
                name=title_of(classifier, Channel(c.node, c.channel)),
                short=_short(classifier, c),
                told=("+" if c.amount >= 0 else "−") + number(abs(c.amount), 2),
                target={"node": c.node, "channel": c.channel},
                picture=found.maps[c.node, c.channel],
                is_below=c.amount < 0,
            )
            for c in shown
        ],
        key,
        lambda target: go_to(Channel(str(target["node"]), int(target["channel"]), at=at)),
    )


def _short(classifier: Classifier, found: Contribution) -> str:
    """Return a channel's number, and its layer where it is the output of one; a photo's colour."""
    if find_node(classifier, found.node).op == "placeholder":
        return t(COLOURS[found.channel])
    layer = classifier.layer_at(found.node)
    if layer is None:
        return str(found.channel)
    return f"{found.channel} · {layer_title(classifier, layer.name)}"
