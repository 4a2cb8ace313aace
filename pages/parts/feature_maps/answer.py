"""The last step: how the answer is computed from the last maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from core.features.computation import Logit, logit
from core.features.maps import Observation
from core.zoo.classifier import Classifier
from core.zoo.graph import Layer
from pages.parts.feature_maps import number as number_part
from pages.parts.shared import session
from pages.parts.shared.language import class_name, number, percent, remember_choice, t

_SHOWN = 10


def view(
    classifier: Classifier, photo: Image.Image, observation: Observation, layer: Layer
) -> None:
    """Let one of the answers be chosen, and show how its logit and its share come about.

    Args:
        classifier: the network.
        photo: what it looks at.
        observation: what it makes of it.
        layer: the last one.
    """
    offered = {p.class_id: p.class_name for p in observation.predictions}
    key = "maps_answer_" + "_".join(map(str, offered))
    class_id: int = st.selectbox(
        t("The answer"),
        list(offered),
        format_func=lambda choice: class_name(offered[choice]),
        key=remember_choice(key),
        label_visibility="collapsed",
    )
    found = session.compute(lambda: logit(classifier, photo, class_id))
    number_part.show(f"logit {class_id}", "logit", "", [_sum(found, layer), _softmax(found)])


def _sum(found: Logit, layer: Layer) -> dict[str, Any]:
    """Return the step that adds up what each channel gives."""
    shown, rest = found.strongest(_SHOWN)
    # Most heads are fed the mean of each of the last maps; others, features that have no map.
    has_maps = len(found.fed) == layer.channels
    rows = [
        {
            "name": str(channel),
            "patch": [[float(found.fed[channel])]],
            "kernel": [[float(found.weights[channel])]],
            "sum": float(found.contributions[channel]),
            "target": number_part.target_of(layer.node, channel) if has_maps else None,
        }
        for channel in shown
    ]
    fed = (
        t("The head is fed the mean of each of the {count} last maps", count=len(found.fed))
        if has_maps
        else t("The head is fed {count} features", count=len(found.fed))
    )
    return {
        "rows": rows,
        "sum": number_part.summed(
            found.contributions[shown].tolist(), len(found.fed) - len(shown), rest, found.bias
        ),
        "result": found.result,
        "phases": [
            fed + " – " + t("here are the {count} that count most", count=len(shown)),
            t("Each is multiplied by its weight for this class"),
            t("That is what each gives to the class"),
            t("All of them are added up, and the bias: the logit of the class"),
        ],
    }


def _softmax(found: Logit) -> dict[str, Any]:
    """Return the step from the logit to the share."""
    powers = np.exp(found.others)
    own, all_of_them = (number(float(value), 0) for value in (np.exp(found.result), powers.sum()))
    return {
        "phases": [
            t(
                "Softmax: e to the power of this logit, divided by the sum of the same for all {count} classes, is {share}",
                count=number(len(found.others)),
                share=percent(found.probability, 1),
            )
        ],
        "line": f"e^{number(found.result, 2)} ÷ Σ = {own} ÷ {all_of_them}",
        "result": found.probability,
    }
