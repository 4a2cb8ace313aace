"""Switching channels off, or up: what the answer and the later maps owe to them.

other = with_gains(classifier, {"blocks.2.1": {3: 0.0, 17: 0.0}})
# another classifier on the same weights: `observe` and all else take it as they take any
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from PIL import Image

from core.features.maps import check_channel, find_layer
from core.images import photos
from core.steps import Step, Steps
from core.zoo.chains import chained
from core.zoo.classifier import Classifier
from core.zoo.graph import rest, scaled

Gains: TypeAlias = Mapping[str, Mapping[int, float]]
"""By layer and channel, what the channel's map is multiplied by."""
_AT_ONCE = 16
"""So many copies of a layer's maps go through the rest of the network together."""


def with_gains(classifier: Classifier, gains: Gains) -> Classifier:
    """Return the network with some channels multiplied; the weights are shared, nothing is changed.

    Args:
        classifier: the network.
        gains: by layer and channel, what the channel's map is multiplied by: 0 switches it off,
            2 turns it up, 1 leaves it.

    Raises:
        Problem: the network has no such layer or channel.
    """
    by_node = {}
    for name, of_channels in gains.items():
        layer = find_layer(classifier, name)
        for channel in of_channels:
            check_channel(name, channel, layer.channels)
        factors = torch.ones(layer.channels, device=classifier.device)
        factors[list(of_channels)] = torch.tensor(
            list(of_channels.values()), dtype=factors.dtype, device=factors.device
        )
        by_node[layer.node] = factors
    body, renamed = scaled(classifier.body, by_node)
    layers = tuple(
        replace(layer, node=renamed.get(layer.node, layer.node)) for layer in classifier.layers
    )
    told = "; ".join(
        f"{name}:{channel}×{factor:g}"
        for name, of_channels in sorted(gains.items())
        for channel, factor in sorted(of_channels.items())
    )
    origin = replace(classifier.provenance, body=f"{classifier.provenance.body} {told}".strip())
    return classifier.like(body=body, layers=layers, provenance=origin)


@dataclass(frozen=True)
class Losses:
    """What switching off each channel of a layer does to the answer.

    Attributes:
        layer: its name.
        class_id: the class that was followed.
        probability: of this class with all channels on, in [0, 1].
        without: by channel, its probability with this channel off; those measured so far.
        answers: by channel, likewise, the class that the network answers with then.
    """

    layer: str
    class_id: int
    probability: float
    without: Mapping[int, float]
    answers: Mapping[int, int]

    @property
    def order(self) -> list[int]:
        """The channels, those whose loss takes most from the class first."""
        return sorted(self.without, key=lambda channel: self.without[channel])


@torch.no_grad()
def losses(
    classifier: Classifier, photo: Image.Image, layer_name: str, class_id: int
) -> Steps[Losses]:
    """Switch off each channel of a layer alone, and measure what is left of a class.

    The layer's maps are computed once; what comes behind it, for many channels at once.

    Args:
        classifier: the network; it is not changed.
        photo: RGB.
        layer_name: see `Layer.name`.
        class_id: the class to follow.

    Yields:
        A step for each group of channels; the result holds those measured so far.

    Raises:
        Problem: the network has no such layer.
    """
    layer = find_layer(classifier, layer_name)
    picture = photos.prepare(photo, classifier.input_size).to(classifier.device)
    seen = classifier.look([layer.name])(picture)
    maps = seen.maps[layer.name]
    behind = chained(rest(classifier.body, layer.node))
    probability = float(seen.logits.softmax(dim=-1)[0, class_id])
    without: dict[int, float] = {}
    answers: dict[int, int] = {}
    for group in torch.arange(layer.channels).split(_AT_ONCE):
        copies = maps.repeat(len(group), 1, 1, 1).contiguous(memory_format=torch.channels_last)
        copies[torch.arange(len(group)), group] = 0
        probabilities = classifier.head(behind(copies)).softmax(dim=-1)
        without |= zip(group.tolist(), probabilities[:, class_id].tolist(), strict=True)
        answers |= zip(group.tolist(), probabilities.argmax(dim=-1).tolist(), strict=True)
        result = Losses(layer.name, class_id, probability, dict(without), dict(answers))
        yield Step(len(without), layer.channels, result=result)
