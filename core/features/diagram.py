"""The network as a picture: its layers from the photo to the answer, with what each is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from core.zoo.classifier import Classifier
from core.zoo.graph import Layer


@dataclass(frozen=True)
class Block:
    """One layer in the diagram.

    Attributes:
        layer: name, shape and receptive field.
        parameters: how many learned numbers lie between the layer before and this one.
    """

    layer: Layer
    parameters: int


def blocks(classifier: Classifier) -> tuple[Block, ...]:
    """Return the layers of a network with the parameters that each has behind the one before."""
    ends = {layer.node for layer in classifier.layers}
    counts: dict[str, int] = {}
    since = 0
    for node in classifier.body.graph.nodes:
        if node.op == "call_module":
            module = classifier.body.get_submodule(str(node.target))
            since += sum(p.numel() for p in module.parameters())
        if node.name in ends:
            counts[node.name], since = since, 0
    return tuple(Block(layer, counts[layer.node]) for layer in classifier.layers)


def at_depth(classifier: Classifier, depth: float) -> Layer:
    """Return the layer at a relative depth, from 0 for the first to 1 for the last."""
    last = len(classifier.layers) - 1
    return classifier.layers[min(last, max(0, round(depth * last)))]


def depth_of(classifier: Classifier, name: str) -> float:
    """Return the relative depth in [0, 1] of a layer.

    Raises:
        ValueError: the network has none of that name.
    """
    names = [layer.name for layer in classifier.layers]
    return names.index(name) / max(1, len(names) - 1)


def first_filters(classifier: Classifier) -> NDArray[np.float32]:
    """Return the weights of the first convolution, (N, 3, k, k).

    Its batch norm, if folded in, only scales each filter.
    """
    for module in classifier.body.modules():
        if isinstance(module, nn.Conv2d):
            filters: NDArray[np.float32] = module.weight.detach().cpu().contiguous().numpy()
            return filters
    raise ValueError("the network has no convolution")
