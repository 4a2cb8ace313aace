"""What the layers of a network make of a photo: activations, ranking, mosaic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from core import photos
from core.problem import N_, Problem
from core.steps import Pixels
from core.zoo.classifier import Classifier
from core.zoo.graph import Layer

Order = Literal["network", "strength"]
Scale = Literal["own", "common"]

# Ten anchors of viridis (Smith and van der Walt, CC0): even steps look even, in grey print too.
_VIRIDIS = "440154 482878 3e4a89 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725"  # fmt: skip


@dataclass(frozen=True)
class FeatureMaps:
    """The feature maps of one layer for one photo.

    Attributes:
        layer: where they were taken.
        maps: (channels, h, w), in the network's own units.
    """

    layer: Layer
    maps: NDArray[np.float32]


def find_layer(classifier: Classifier, name: str | None) -> Layer:
    """Look up a layer by name; None gives one where a photo is still recognisable.

    Raises:
        Problem: the network has no such layer.
    """
    for layer in classifier.layers:
        if layer.name == name or (name is None and layer.stage == 2):
            return layer
    raise Problem(
        N_("{network} has no layer called {name}. There are: {names}."),
        network=classifier.title,
        name=name,
        names=", ".join(layer.name for layer in classifier.layers),
    )


@torch.no_grad()
def feature_maps(classifier: Classifier, photo: Image.Image, layer: Layer) -> FeatureMaps:
    """Give the feature maps of a layer for an RGB photo.

    The network sees the photo's middle square at its own input size.
    """
    picture = photos.prepare(photo, classifier.input_size).to(classifier.device)
    maps = classifier.activations(picture, [layer.name])[layer.name][0]
    return FeatureMaps(layer, maps.contiguous().cpu().numpy())


def ranked(features: FeatureMaps, order: Order) -> list[int]:
    """Order the channels: as the network has them, or by mean absolute activation."""
    channels = len(features.maps)
    if order == "network":
        return list(range(channels))
    strength = np.abs(features.maps).mean(axis=(1, 2))
    return [int(channel) for channel in np.argsort(-strength, kind="stable")]


def mosaic(
    features: FeatureMaps,
    channels: list[int],
    *,
    scale: Scale = "own",
    width: int = 1200,
    gap: int = 3,
) -> Pixels:
    """Lay feature maps out in one picture, from left to right and top to bottom.

    Args:
        features: the maps.
        channels: which, in this order.
        scale: "own" stretches each map over all colours, "common" lets them be compared.
        width: greatest width of the picture in pixels.
        gap: pixels between maps.

    Returns:
        An 8-bit picture, dark for the least and bright yellow for the greatest activation.
    """
    maps = features.maps[channels]
    columns, rows = grid(len(maps))
    cell = max(8, (width - gap) // columns - gap)
    picture = np.full((rows * (cell + gap) + gap, columns * (cell + gap) + gap, 3), 255, np.uint8)
    for position, shares in enumerate(_stretched(maps, scale)):
        row, column = divmod(position, columns)
        top, left = row * (cell + gap) + gap, column * (cell + gap) + gap
        tile = Image.fromarray((shares * 255).astype(np.uint8))
        enlarged = np.asarray(tile.resize((cell, cell), Image.Resampling.NEAREST))
        picture[top : top + cell, left : left + cell] = _colours()[enlarged]
    return picture


def grid(count: int) -> tuple[int, int]:
    """Give columns and rows of a mosaic: between square and three times as wide as high.

    The last row is as full as it can be; among equals, the shape nearest to 2:1 wins.
    """
    candidates = range(math.isqrt(count - 1) + 1, math.ceil(math.sqrt(3 * count)) + 1)
    columns = min(candidates, key=lambda n: (-count % n, abs(n - math.sqrt(2 * count))))
    return columns, math.ceil(count / columns)


def _stretched(maps: NDArray[np.float32], scale: Scale) -> NDArray[np.float32]:
    """Bring maps (N, h, w) to [0, 1], each by itself or all together; flat ones become 0."""
    axes = (1, 2) if scale == "own" else None
    low = maps.min(axis=axes, keepdims=True)
    span = maps.max(axis=axes, keepdims=True) - low
    stretched: NDArray[np.float32] = (maps - low) / np.where(span > 0, span, 1)
    return stretched


def _colours() -> Pixels:
    """Viridis as 256 RGB rows."""
    anchors = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in _VIRIDIS.split()])
    places = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(places, np.arange(len(anchors)), anchors[:, i]) for i in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)
