"""What `features` tells of the inside: one number, what feeds a channel, the answer without some."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from PIL import Image

from core.commands.shared import Answer
from core.problem import Problem
from core.zoo.classifier import Classifier

if TYPE_CHECKING:
    from core.features.computation import Convolution, Operation, Pooling

_SHOWN = 10
_PHOTO = "photo"
_DIGITS = 9
"""More than any map has; Python refuses to read numbers of thousands."""


# What is asked


def explained(classifier: Classifier, photo: Image.Image, asked: str) -> Answer:
    """Return how a value is computed, as LAYER:CHANNEL:ROW:COLUMN asks for it.

    Raises:
        Problem: there is no such place.
    """
    from core.features.computation import Place, computation, needed_for, values

    name, channel, row, column = _place(asked, "LAYER:CHANNEL:ROW:COLUMN", "blocks.2.1:3:10:12")
    node = _node_of(classifier, name)
    maps = values(classifier, photo, needed_for(classifier, node))
    found = computation(classifier, maps, Place(node, channel, row, column))
    return {
        "place": asked,
        "operations": [_operation(classifier, operation) for operation in found.operations],
        "value": found.result,
    }


def fed(classifier: Classifier, photo: Image.Image, asked: str) -> Answer:
    """Return what feeds a channel, as LAYER:CHANNEL asks for it.

    Raises:
        Problem: there is no such channel, or nothing feeds it.
    """
    from core.features.contributions import fed_by

    name, channel = _place(asked, "LAYER:CHANNEL", "blocks.2.1:3")
    found = fed_by(classifier, photo, _node_of(classifier, name), channel)
    shown, others = found.contributions[:_SHOWN], found.contributions[_SHOWN:]
    return {
        "channel": asked,
        "contributions": [
            {"from": _name_of(classifier, c.node), "channel": c.channel, "amount": c.amount}
            for c in shown
        ],
        "others": {"channels": len(others), "amount": sum(c.amount for c in others)},
        "bias": found.bias,
        "total": found.total,
    }


def without(classifier: Classifier, photo: Image.Image, asked: Sequence[str]) -> Answer:
    """Return the answer with and without some channels, as LAYER:3,17 asks, once or several times.

    Raises:
        Problem: there is no such layer or channel.
    """
    from core.features.ablation import with_gains
    from core.zoo.predictions import top

    gains: dict[str, dict[int, float]] = {}
    for text in asked:
        name, channels = _channels(text)
        gains.setdefault(name, {}).update(dict.fromkeys(channels, 0.0))
    answers = [
        [asdict(prediction) for prediction in top(network, photo)]
        for network in (classifier, with_gains(classifier, gains))
    ]
    off = [{"layer": name, "channels": sorted(channels)} for name, channels in gains.items()]
    return {"off": off, "predictions": answers[0], "predictions_without": answers[1]}


def _place(asked: str, form: str, example: str) -> tuple[Any, ...]:
    """Return the name and the numbers of a place that is written in a form with colons."""
    name, *numbers = asked.rsplit(":", form.count(":"))
    if not name or len(numbers) < form.count(":") or not all(map(_is_number, numbers)):
        raise Problem(
            "{form} is meant, with numbers counted from 0, such as {example}; {asked} is not of this form.",
            form=form,
            example=example,
            asked=asked,
        )
    return name, *map(int, numbers)


def _channels(asked: str) -> tuple[str, list[int]]:
    name, _, numbers = asked.rpartition(":")
    channels = numbers.split(",")
    if not name or not all(map(_is_number, channels)):
        raise Problem(
            "{form} is meant, with numbers counted from 0, such as {example}; {asked} is not of this form.",
            form="LAYER:CHANNEL,CHANNEL",
            example="blocks.2.1:3,17",
            asked=asked,
        )
    return name, [int(channel) for channel in channels]


def _is_number(text: str) -> bool:
    return re.fullmatch(rf"[0-9]{{1,{_DIGITS}}}", text) is not None


def _node_of(classifier: Classifier, name: str) -> str:
    """Return the node of a layer, or the one that an answer named so.

    Raises:
        Problem: there is neither.
    """
    from core.features.maps import find_layer

    for node in classifier.body.graph.nodes:
        if node.op != "output" and name in (node.name, node.op == "placeholder" and _PHOTO):
            return str(node.name)
    return find_layer(classifier, name).node


def _name_of(classifier: Classifier, node: str) -> str:
    """Return what a person calls a node: the layer or the photo, if it is one; else its own name."""
    if node == next(iter(classifier.body.graph.nodes)).name:
        return _PHOTO
    layer = classifier.layer_at(node)
    return layer.name if layer else node


# What is answered


def _operation(classifier: Classifier, operation: Operation) -> Answer:
    """Return one operation with its numbers."""
    from core.features import computation

    kind = type(operation).__name__.lower()
    if isinstance(operation, computation.Convolution):
        return {"operation": kind} | _convolution(classifier, operation)
    if isinstance(operation, computation.Pooling):
        return {
            "operation": "greatest" if operation.takes_greatest else "mean",
            "from": _name_of(classifier, operation.source),
            "top": operation.top,
            "left": operation.left,
            "patch": _patch(operation),
            "result": operation.result,
        }
    if isinstance(operation, computation.Sum | computation.Product):
        terms = [
            {"from": _name_of(classifier, t.source), "value": t.value} for t in operation.terms
        ]
        return {"operation": kind, "terms": terms, "result": operation.result}
    return {"operation": kind} | asdict(operation)


def _convolution(classifier: Classifier, operation: Convolution) -> Answer:
    shown, rest = operation.strongest(_SHOWN)
    patch = _patch(operation)
    return {
        "from": _name_of(classifier, operation.source),
        "top": operation.top,
        "left": operation.left,
        "dilation": operation.dilation,
        "channels": [
            {
                "channel": operation.channels[index],
                "patch": patch[index],
                "kernel": operation.kernel[index].tolist(),
                "contribution": float(operation.contributions[index]),
            }
            for index in shown
        ],
        "others": {"channels": len(operation.channels) - len(shown), "contribution": rest},
        "bias": operation.bias,
        "has_folded_norm": operation.has_folded_norm,
        "result": operation.result,
    }


def _patch(operation: Convolution | Pooling) -> Any:
    """Return a patch as lists of numbers; None, in JSON null, in the padding."""
    patch = operation.patch.astype(object)
    patch[..., ~operation.is_inside] = None
    return patch.tolist()


# How a person reads it


def _explanation(found: Answer) -> Iterator[str]:
    yield f"{found['place']} = {found['value']:.4f}"
    for operation in found["operations"]:
        yield from _SAID[operation["operation"]](operation)


def _said_convolution(operation: Answer) -> Iterator[str]:
    folded = ", a batch norm folded in" if operation["has_folded_norm"] else ""
    count = len(operation["channels"]) + operation["others"]["channels"]
    yield f"  convolution over {count} {_noun(count)} of {operation['from']}{_where(operation)}{folded}"
    for channel in operation["channels"]:
        yield f"    channel {channel['channel']}: {channel['contribution']:+.4f}"
        for row, weights in zip(channel["patch"], channel["kernel"], strict=True):
            yield f"      {_row(row)}  ×  {_row(weights)}"
    if operation["others"]["channels"]:
        others = operation["others"]
        yield f"    the other {others['channels']} {_noun(others['channels'])}: {others['contribution']:+.4f}"
    yield f"    bias: {operation['bias']:+.4f}"
    yield f"    together: {operation['result']:.4f}"


def _said_pooling(operation: Answer) -> Iterator[str]:
    what = "the greatest value" if operation["operation"] == "greatest" else "the mean"
    yield f"  {what} of a patch of {operation['from']}{_where(operation)}"
    for row in operation["patch"]:
        yield f"      {_row(row)}"
    yield f"    is: {operation['result']:.4f}"


def _said_terms(operation: Answer) -> Iterator[str]:
    sign = " + " if operation["operation"] == "sum" else " × "
    terms = sign.join(f"{term['value']:.4f} ({term['from']})" for term in operation["terms"])
    yield f"  {operation['operation']}: {terms} = {operation['result']:.4f}"


def _said_activation(operation: Answer) -> Iterator[str]:
    yield f"  {operation['name']}: from {operation['before']:.4f} to {operation['result']:.4f}"


def _said_normalisation(o: Answer) -> Iterator[str]:
    yield (
        f"  batch norm: ({o['before']:.4f} − {o['mean']:.4f}) ÷ {o['deviation']:.4f} "
        f"× {o['scale']:.4f} + {o['shift']:.4f} = {o['result']:.4f}"
    )


def _said_pixel(o: Answer) -> Iterator[str]:
    yield (
        f"  the photo, normalised: ({o['colour']:.4f} − {o['mean']:.4f}) ÷ {o['deviation']:.4f} "
        f"= {o['result']:.4f}"
    )


_SAID: Mapping[str, Callable[[Answer], Iterator[str]]] = {
    "convolution": _said_convolution,
    "greatest": _said_pooling,
    "mean": _said_pooling,
    "sum": _said_terms,
    "product": _said_terms,
    "activation": _said_activation,
    "normalisation": _said_normalisation,
    "pixel": _said_pixel,
}


def _feeding(found: Answer) -> Iterator[str]:
    yield f"{found['channel']} is fed by, averaged over its map:"
    for c in found["contributions"]:
        yield f"  {c['amount']:+.4f}  channel {c['channel']} of {c['from']}"
    if count := found["others"]["channels"]:
        yield f"  {found['others']['amount']:+.4f}  the other {count} {_noun(count)}"
    yield f"  {found['bias']:+.4f}  bias"
    yield f"  {found['total']:+.4f}  together, before any activation"


def _ablation(found: Answer) -> Iterator[str]:
    off = "; ".join(f"{o['layer']}: {', '.join(map(str, o['channels']))}" for o in found["off"])
    for title, key in (("all channels on", "predictions"), (f"off: {off}", "predictions_without")):
        yield title
        for prediction in found[key]:
            yield f"  {prediction['probability']:.4f}  {prediction['class_name']}"


TOLD: Mapping[str, Callable[[Answer], Iterator[str]]] = {
    "explain": _explanation,
    "fed_by": _feeding,
    "without": _ablation,
}
"""What gives the lines of text for each part of the answer."""


def _where(operation: Answer) -> str:
    return f", from row {operation['top']} and column {operation['left']}"


def _row(values: Sequence[float | None]) -> str:
    return " ".join("       ·" if value is None else f"{value:8.4f}" for value in values)


def _noun(count: int) -> str:
    return "channel" if count == 1 else "channels"
