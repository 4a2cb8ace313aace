"""One channel, and one number of its map: where it looks, and how it is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from core.features import mosaic
from core.features.computation import (
    Activation,
    Computation,
    Convolution,
    Normalisation,
    Operation,
    Pixel,
    Place,
    Pooling,
    Product,
    Sum,
    Switched,
    Term,
    find_node,
)
from core.features.maps import FeatureMaps
from core.problem import N_
from core.zoo.classifier import Classifier
from pages.parts.feature_maps.walk import COLOURS, Channel, Inside, go_to, title_of
from pages.parts.shared import layout
from pages.parts.shared.components import component
from pages.parts.shared.language import number, short, t, tag
from pages.parts.shared.live import data_uri

_ROWS, _ROWS_OF_PATCHES = 10, 3
"""How many channels are shown one by one, of single values and of patches."""
_LARGEST_PATCH = 7
CLICKS = "maps_number_clicks"
"""Under which it is counted how often a number was asked for."""
_KEY = "maps_number"

_one_number = component("one_number")

_FUNCTIONS: dict[str, str] = {
    "ReLU": N_("what is below 0 becomes 0"),
    "ReLU6": N_("what is below 0 becomes 0, what is above 6 becomes 6"),
    "Hardswish": N_("what is far below 0 becomes 0, what is far above stays"),
    "SiLU": N_("what is far below 0 becomes 0, what is far above stays"),
    "Hardsigmoid": N_("everything is brought between 0 and 1"),
    "Sigmoid": N_("everything is brought between 0 and 1"),
}


def explained(classifier: Classifier, at_hand: Inside, found: Computation) -> None:
    """Show how a value comes about."""
    # On a phone it is further down, or up, than what was clicked.
    layout.in_sight(layout.counted(CLICKS), _KEY, just=0.25)
    steps = [_told(classifier, at_hand, found.place, step) for step in found.operations]
    if isinstance(found.operations[-1], Convolution):
        linear = t("Nothing is cut off here: the sum is the number.")
        steps[-1]["note"] = f"{linear} {steps[-1]['note']}".strip()
    place = found.place
    title = t(
        "{channel}, row {row}, column {column}",
        channel=title_of(classifier, Channel(place.node, place.channel)),
        row=place.row,
        column=place.column,
    )
    show(f"{place.node} {place.channel} {place.row} {place.column}", place.node, title, steps)


def show(of: str, kind: str, title: str, steps: Sequence[Mapping[str, Any]]) -> None:
    """Show a computation, to be gone through step by step.

    Args:
        of: what is computed.
        kind: how: whoever has gone through one of this kind to its end sees the next ones whole.
        title: what it is called.
        steps: of the computation, as assets/components/one_number.js reads them.
    """
    _one_number(
        key=_KEY,
        data={
            "key": of,
            "kind": kind,
            "title": title,
            "steps": steps,
            "locale": tag(),
            "words": {
                "back": t("One step back"),
                "next": t("One step on"),
                "padding": t("Outside of the map: 0"),
                "patch": t("What it is fed"),
                "kernel": t("The kernel"),
                "go": t("See where its strongest value comes from"),
                "hint": t(
                    "Click a map or a number of it to see where that comes from. All numbers are rounded."
                ),
                "outside": t("Striped: outside of the map, 0."),
            },
        },
        on_walk_change=_walk_on,
    )


def _walk_on() -> None:
    """Look at the channel whose button was pressed."""
    target = st.session_state[_KEY]["walk"]
    layout.count(CLICKS)
    go_to(Channel(str(target["node"]), int(target["channel"]), target["row"], target["column"]))


def _told(classifier: Classifier, at_hand: Inside, place: Place, step: Operation) -> dict[str, Any]:
    """Return what the component shows of one operation."""
    told: dict[str, Any] = {"result": step.result}
    if isinstance(step, Convolution):
        return told | _convolution(classifier, at_hand, place, step)
    if isinstance(step, Pooling):
        return told | _pooling(place, step)
    if isinstance(step, Sum):
        return told | {
            "phases": [t("The residual connection adds what came in before")],
            "sum": [_term(classifier, place, term) for term in step.terms],
        }
    return told | _of_one_value(step)


def _of_one_value(step: Operation) -> dict[str, Any]:
    if isinstance(step, Activation):
        function = t(_FUNCTIONS[step.name]) if step.name in _FUNCTIONS else ""
        phase = f"{step.name}: {function}" if function else step.name
        return {"phases": [phase], "line": f"{step.name}({number(step.before, 2)})"}
    if isinstance(step, Switched):
        line = f"{number(step.before, 2)} × {short(step.factor)}"
        phase = t(
            "You have switched this channel: all its values are multiplied by the same number"
        )
        return {"phases": [phase], "line": line}
    if isinstance(step, Product):
        factors = " × ".join(number(term.value, 2) for term in step.terms)
        return {"phases": [t("A gate lets a part of the channel through")], "line": factors}
    if isinstance(step, Normalisation):
        line = "({} − {}) ÷ {} × {} + {}".format(
            *(
                number(value, 2)
                for value in (step.before, step.mean, step.deviation, step.scale, step.shift)
            )
        )
        return {"phases": [t("The batch norm brings it to its usual range")], "line": line}
    assert isinstance(step, Pixel)
    line = f"({number(step.colour, 3)} − {short(step.mean)}) ÷ {short(step.deviation)}"
    phase = t(
        "A colour of the photo lies between 0 and 1. Less the mean, divided by the standard deviation, it lies around 0"
    )
    return {"phases": [phase], "line": line}


def _term(classifier: Classifier, place: Place, term: Term) -> dict[str, Any]:
    """Return one value of a residual sum: just computed, or brought from an earlier layer."""
    if classifier.layer_at(term.source) is None:
        return {"name": t("just computed"), "value": term.value}
    return {
        "name": title_of(classifier, Channel(term.source, place.channel)),
        "value": term.value,
        "target": target_of(term.source, place.channel, place.row, place.column),
    }


def target_of(
    node: str, channel: int, row: int | None = None, column: int | None = None
) -> dict[str, Any]:
    """Return where a button leads: a channel, and a place in its map if one is meant."""
    return {"node": node, "channel": channel, "row": row, "column": column}


def _convolution(
    classifier: Classifier, at_hand: Inside, place: Place, step: Convolution
) -> dict[str, Any]:
    channels, height, width = step.patch.shape
    is_single = height * width == 1
    shown, rest = step.strongest(_ROWS if is_single else _ROWS_OF_PATCHES)
    if channels <= 3:
        shown = list(range(channels))
    source = at_hand.maps[step.source].cpu().numpy()
    features = FeatureMaps(at_hand.features.layer, source)
    is_photo = find_node(classifier, step.source).op == "placeholder"
    note = t("What the batch norm behind it does is in weights and bias already.")
    return {
        "rows": [_row(step, features, index, is_photo=is_photo) for index in shown],
        "single": is_single,
        "spacing": step.dilation,
        "inside": step.is_inside.tolist(),
        "sum": summed(step.contributions[shown].tolist(), channels - len(shown), rest, step.bias),
        "phases": _phases(place, step, shown, is_photo=is_photo),
        "note": note if step.has_folded_norm else "",
    }


def summed(shown: Sequence[float], others: int, rest: float, bias: float) -> list[dict[str, Any]]:
    """Return what is added up: the values that are shown, all others as one, and the bias."""
    terms = [{"name": "", "value": value} for value in shown]
    if others:
        terms.append({"name": t("(the other {count})", count=others), "value": rest})
    return [*terms, {"name": t("(bias)"), "value": bias}]


def _row(step: Convolution, features: FeatureMaps, index: int, *, is_photo: bool) -> dict[str, Any]:
    """Return one channel's patch and kernel, and where one gets to from there."""
    channel = step.channels[index]
    products = np.abs(step.patch[index] * step.kernel[index]) * step.is_inside
    row, column = np.unravel_index(products.argmax(), products.shape)
    return {
        "name": t(COLOURS[channel]) if is_photo else str(channel),
        "src": "" if is_photo else data_uri(mosaic.coloured(features, channel, least=26)),
        "target": target_of(
            step.source,
            channel,
            step.top + int(row) * step.dilation,
            step.left + int(column) * step.dilation,
        ),
        "corner": [step.top, step.left],
        "patch": step.patch[index].tolist(),
        "kernel": step.kernel[index].tolist(),
        "sum": float(step.contributions[index]),
    }


def _phases(place: Place, step: Convolution, shown: Sequence[int], *, is_photo: bool) -> list[str]:
    """Return a sentence for each step of a convolution."""
    channels, height, width = step.patch.shape
    fed = _fed(place, step, is_photo=is_photo)
    if channels > len(shown):
        fed += " – " + t("here are the {count} that count most", count=len(shown))
    total = (
        t("The bias is added, one more number that training has found")
        if channels == 1
        else t("All of them are added up, and the bias, one more number that training has found")
    )
    if height * width == 1:  # of each map there is only one product, which is its sum
        times = t(
            "Each value is multiplied by its weight, a number that training has found; the weights of a channel are its kernel"
        )
        return [fed, times, total]
    index = shown[0]
    products = step.patch[index] * step.kernel[index]
    at = np.unravel_index(np.abs(products).argmax(), products.shape)
    times = t(
        "Each value is multiplied by the weight at its place in the kernel, a number that training has found: {value} × {weight} = {product}, and so on",
        value=number(float(step.patch[index][at]), 2),
        weight=number(float(step.kernel[index][at]), 2),
        product=number(float(products[at]), 2),
    )
    within = (
        t("The {count} products are added up", count=height * width)
        if channels == 1
        else t("The {count} products of each map are added up", count=height * width)
    )
    return [fed, times, within, total]


def _fed(place: Place, step: Convolution, *, is_photo: bool) -> str:
    """Say what a convolution is fed, and from where."""
    channels, height, width = step.patch.shape
    names = {"channels": channels, "height": height, "width": width}
    if is_photo:
        return t(
            "It is fed {height}×{width} pixels of the photo. Their colours are brought around 0, so dark ones are below 0",
            **names,
        )
    if height * width == 1:
        return t(
            "It is fed one value of each of {channels} maps of the step before, all from the same place",
            **names,
        )
    if channels > 1:
        return t(
            "It is fed {height}×{width} values of each of {channels} maps of the step before",
            **names,
        )
    row = step.top + step.dilation * (height // 2)
    column = step.left + step.dilation * (width // 2)
    if (row, column) == (place.row, place.column):
        return t(
            "It is fed {height}×{width} values of one map of the step before, around the same place",
            **names,
        )
    return t(
        "It is fed {height}×{width} values of one map of the step before. That map is larger: the same place is row {row}, column {column} there",
        row=row,
        column=column,
        **names,
    )


def _pooling(place: Place, step: Pooling) -> dict[str, Any]:
    height, width = step.patch.shape
    names = {"height": height, "width": width}
    phase = (
        t("The greatest of {height}×{width} values is taken", **names)
        if step.takes_greatest
        else t("The mean of {height}×{width} values is taken", **names)
    )
    told: dict[str, Any] = {"phases": [phase], "line": "max" if step.takes_greatest else "Σ ÷ n"}
    if max(height, width) <= _LARGEST_PATCH:
        target = target_of(step.source, place.channel, max(step.top, 0), max(step.left, 0))
        name = t("channel {channel}", channel=place.channel)
        told["rows"] = [{"name": name, "target": target, "patch": step.patch.tolist()}]
        told["inside"] = step.is_inside.tolist()
    return told
