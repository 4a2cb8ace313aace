"""The network as a picture in which a layer is chosen."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st
from PIL import Image

from core.features import diagram
from core.features.maps import Observation, find_layer
from core.images import photos
from core.zoo.classifier import Classifier
from pages.parts.shared import layout, scenes, session
from pages.parts.shared.components import component
from pages.parts.shared.language import class_name, current, number, percent, t, tn
from pages.parts.shared.live import data_uri
from pages.parts.shared.registry import MAPS

_PHOTO = 104

_component = component("network_diagram")


CLICKS = "maps_layer_clicks"
"""Counts the layers that were chosen by hand; see `layout.counted`."""


def layer_choice(
    classifier: Classifier,
    photo: Image.Image,
    observation: Observation,
    *,
    covered: bool = False,
) -> str:
    """Show the network with the photo coming in and the answer going out.

    Args:
        classifier: the network.
        photo: what it looks at.
        observation: what it made of it.
        covered: whether the answer is not to be seen yet, nor what a layer sees.

    Returns:
        The name of the chosen layer; at first one where a photo is still recognisable.
    """
    key = _key(classifier)
    names = [layer.name for layer in classifier.layers]
    if st.session_state.get(key) not in names:
        st.session_state[key] = find_layer(classifier, None).name
    chosen = str(st.session_state[key])
    identity = (current(), classifier.provenance.network, classifier.provenance.body)
    layers = _layers(classifier, identity)
    component = component_key(classifier)
    _component(
        key=component,
        data={
            "photo": data_uri(photos.to_pixels(photos.prepare(photo, _PHOTO))),
            "photoLabel": t("The photo"),
            "label": t("The layers of {network}", network=classifier.title),
            "layers": [{**bar, "told": bar["title"]} for bar in layers] if covered else layers,
            "selected": chosen,
            # The question of a scene says so, too, and leaves less room.
            "hint": "" if scenes.question(MAPS) else t("click a bar to choose another layer"),
            "answersLabel": t("What it says"),
            "covered": t("What it says is covered until you have predicted.") if covered else "",
            "answers": []
            if covered
            else [
                {
                    "name": class_name(p.class_name),
                    "share": percent(p.probability, 1),
                    "width": 100 * p.probability,
                }
                for p in observation.predictions
            ]
            + _others(classifier, observation),
        },
        on_layer_change=lambda: _choose(key, component),
    )
    return chosen


def choose(classifier: Classifier, layer: str) -> None:
    """Choose a layer as if it was clicked on; to be called before the diagram is shown."""
    st.session_state[_key(classifier)] = layer


def component_key(classifier: Classifier) -> str:
    """Return the key of the diagram on the page."""
    return f"maps_diagram_{classifier.provenance.network}"


def _key(classifier: Classifier) -> str:
    return f"maps_layer_{classifier.provenance.network}"


def _others(classifier: Classifier, observation: Observation) -> list[dict[str, Any]]:
    """Return what all other classes have together, so that the list adds up to 100 %; no bar."""
    count = len(classifier.labels) - len(observation.predictions)
    share = max(0.0, 1 - sum(p.probability for p in observation.predictions))
    name = tn("{count} other class", "{count} other classes", count)
    return [{"name": name, "share": percent(share, 1)}] if count else []


def _choose(key: str, component: str) -> None:
    st.session_state[key] = st.session_state[component]["layer"]
    layout.count(CLICKS)


def _layers(classifier: Classifier, identity: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the bars: as high as the maps are large, as wide as there are many."""
    return _drawn().get(
        identity,
        lambda: [
            _bar(block, classifier.input_size, number, len(classifier.layers))
            for number, block in enumerate(diagram.blocks(classifier), 1)
        ],
    )


@session.kept
def _drawn() -> session.Latest[list[dict[str, Any]]]:
    """The bars of the latest networks; of a session, since one may be the visitor's own."""
    return session.Latest(8)


def _bar(block: diagram.Block, input_size: int, number_of: int, count: int) -> dict[str, Any]:
    layer = block.layer
    return {
        "name": layer.name,
        "title": t("Layer {number} of {count}", number=number_of, count=count),
        "stage": layer.stage,
        "side": f"{layer.size}×{layer.size}",
        "height": round(min(104.0, 14 + 84 * math.sqrt(2 * layer.size / input_size))),
        "width": round(6 + 3 * math.log2(max(1, layer.channels / 8))),
        "told": t(
            "Layer {number} of {count}, {layer} · {channels} maps of {height}×{width} numbers · {parameters} parameters, found by training · one number sees {field}×{field} pixels of the photo",
            number=number_of,
            count=count,
            layer=layer.name,
            height=layer.size,
            width=layer.size,
            channels=layer.channels,
            parameters=number(block.parameters),
            field=min(layer.receptive_field, input_size),
        ),
    }
