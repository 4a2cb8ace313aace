"""Any channel of the network, inside its layers, too, and the walk from one to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
import torch
from PIL import Image
from torch import fx, nn

from core.features.computation import called, find_node, needed_for, path_to, values
from core.features.maps import FeatureMaps
from core.problem import N_
from core.zoo.classifier import Classifier
from core.zoo.graph import Layer, measure_node
from pages.parts.shared import scenes, session
from pages.parts.shared.language import t
from pages.parts.shared.registry import MAPS

_WALK = "maps_walk"
COLOURS = (N_("red"), N_("green"), N_("blue"))
"""The channels of the photo."""


@dataclass(frozen=True)
class Channel:
    """A channel anywhere in the network, and the place in its map that is looked at first.

    Attributes:
        node: of the graph.
        channel: its number there.
        row, column: the place.
        at: where neither is known, how far down and to the right of the map, in [0, 1).
    """

    node: str
    channel: int
    row: int | None = None
    column: int | None = None
    at: tuple[float, float] | None = None


@dataclass(frozen=True)
class Inside:
    """What is at hand of one node: its maps, and all that they are computed from."""

    features: FeatureMaps
    maps: Mapping[str, torch.Tensor]


@session.kept
def _looked_into() -> session.Latest[Inside]:
    return session.Latest(2)


def inside(
    classifier: Classifier, photo: Image.Image, photo_key: tuple[object, ...], node: str
) -> Inside:
    """Return what is needed to explain any value of a node for a photo."""

    def look() -> Inside:
        maps = values(classifier, photo, needed_for(classifier, node))
        layer = classifier.layer_at(node) or measure_node(
            classifier.body, node, classifier.input_size
        )
        return Inside(FeatureMaps(layer, maps[node].cpu().numpy()), maps)

    return _looked_into().get((*photo_key, node), lambda: session.compute(look))


def chosen_key(classifier: Classifier, layer: str) -> str:
    """Return under which key the session keeps the chosen channel of a layer."""
    return f"maps_channel_{classifier.provenance.network}_{layer}"


def choose(classifier: Classifier, layer: str, channel: int) -> None:
    """Choose a channel of a layer as if it was clicked on."""
    st.session_state[chosen_key(classifier, layer)] = channel


def walked(classifier: Classifier, layer: Layer, channel: int) -> list[Channel]:
    """Return the way that was gone from a channel to others that it is fed by; empty at first."""
    origin = (classifier.provenance.network, layer.name, channel)
    kept = st.session_state.get(_WALK)
    if kept is None or kept[0] != origin:
        st.session_state[_WALK] = kept = (origin, [])
    return list(kept[1])


def go_to(target: Channel) -> None:
    """Look at a channel that the one in sight is fed by, or that it feeds."""
    origin, walk = st.session_state[_WALK]
    st.session_state[_WALK] = (origin, [*walk, target])


def go_back() -> None:
    """Look again at the channel that one came from."""
    origin, walk = st.session_state[_WALK]
    st.session_state[_WALK] = (origin, walk[:-1])


def layer_title(classifier: Classifier, layer: str) -> str:
    """Return what to call a layer: in a scene of the lesson its place, elsewhere its name."""
    if not scenes.question(MAPS) or all(layer != found.name for found in classifier.layers):
        return layer
    return t("layer {number} of {count}", **place_of(classifier, layer))


def place_of(classifier: Classifier, layer: str) -> dict[str, int]:
    """Return the number of a layer, counted from the photo, and how many there are."""
    names = [found.name for found in classifier.layers]
    return {"number": names.index(layer) + 1, "count": len(names)}


def channel_title(classifier: Classifier, layer: str, channel: int) -> str:
    """Return what to call a channel of a layer."""
    title = layer_title(classifier, layer)
    if title == layer:
        return t("Channel {channel} of {layer}", channel=channel, layer=layer)
    return t("Channel {channel}", channel=channel) + f" · {title}"


def title_of(classifier: Classifier, channel: Channel) -> str:
    """Return what to call a channel anywhere in the network."""
    if layer := classifier.layer_at(channel.node):
        return channel_title(classifier, layer.name, channel.channel)
    node = find_node(classifier, channel.node)
    if node.op == "placeholder":
        return t("The photo, {colour}", colour=t(COLOURS[channel.channel]))
    path = str(node.target) if node.op == "call_module" else channel.node
    return t(
        "Channel {channel} inside {layer}, after its {operation}",
        channel=channel.channel,
        layer=_layer_around(classifier, path),
        operation=t(_kind(path_to(node)[0])),
    )


def whereabouts(classifier: Classifier, path: str) -> str:
    """Return what to call a layer, or the place of a module inside one."""
    around = _layer_around(classifier, path)
    return layer_title(classifier, path) if around == path else t("inside {layer}", layer=around)


def _layer_around(classifier: Classifier, path: str) -> str:
    """Return what to call the layer in which a module is; its own path if it is in none."""
    names = [layer.name for layer in classifier.layers if path.startswith(f"{layer.name}.")]
    return layer_title(classifier, max(names, key=len)) if names else path


def _kind(node: fx.Node) -> str:
    """Return the name of the operation at a node that looks at a patch."""
    layer = called(node)
    if not isinstance(layer, nn.Conv2d):
        return N_("pooling")
    if layer.groups == layer.in_channels > 1:
        return N_("depthwise convolution")
    return N_("1×1 convolution") if layer.kernel_size == (1, 1) else N_("convolution")
