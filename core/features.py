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

Order = Literal["network", "strength", "maximum", "variance", "evidence"]
Scale = Literal["own", "common"]

# Ten anchors of viridis (Smith and van der Walt, CC0): even steps look even, in grey print too.
_VIRIDIS = "440154 482878 3e4a89 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725"  # fmt: skip
# ColorBrewer's RdBu (Apache-2.0), from blue through white to red.
_DIVERGING = "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f"


@dataclass(frozen=True)
class FeatureMaps:
    """The feature maps of one layer for one photo.

    Attributes:
        layer: where they were taken.
        maps: (channels, h, w), in the network's own units.
        evidence: (channels,), how much each speaks for the predicted class, in units of its
            logit: the sum of gradient × activation; None where it was not asked for.
    """

    layer: Layer
    maps: NDArray[np.float32]
    evidence: NDArray[np.float32] | None = None

    @property
    def signed(self) -> bool:
        """Whether the layer says both more and less than nothing, as linear ones do."""
        return bool(self.maps.min() < 0 < self.maps.max())


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


def observe(classifier: Classifier, photo: Image.Image) -> dict[str, FeatureMaps]:
    """Give the feature maps of all layers for an RGB photo, by one pass there and back.

    On the way back each channel's evidence for the predicted class is read off: the sum over its
    map of gradient × activation (Shrikumar et al., "Not Just a Black Box", 2016). The network
    itself is left as it is; no hooks are used.
    """
    picture = photos.prepare(photo, classifier.input_size).to(classifier.device)
    with torch.enable_grad():
        seen = classifier.look([layer.name for layer in classifier.layers])(
            picture.requires_grad_()
        )
        gradients = torch.autograd.grad(seen.logits[0].max(), list(seen.maps.values()))
    observed = {}
    for (name, maps), gradient in zip(seen.maps.items(), gradients, strict=True):
        evidence = (gradient * maps.detach()).sum(dim=(0, 2, 3))
        values = maps.detach()[0].contiguous().cpu().numpy()
        observed[name] = FeatureMaps(classifier.layer(name), values, evidence.cpu().numpy())
    return observed


def ranked(features: FeatureMaps, order: Order) -> list[int]:
    """Order the channels.

    Args:
        features: the maps.
        order: "network" as the network has them; the greatest first by "strength", the mean
            absolute activation, "maximum", "variance" or "evidence" for the predicted class.

    Raises:
        ValueError: by evidence, where none was taken; see `observe`.
    """
    maps = features.maps
    if order == "network":
        return list(range(len(maps)))
    scores: NDArray[np.float32]
    if order == "strength":
        scores = np.abs(maps).mean(axis=(1, 2))
    elif order == "maximum":
        scores = maps.max(axis=(1, 2))
    elif order == "variance":
        scores = maps.var(axis=(1, 2))
    elif features.evidence is None:
        raise ValueError("no evidence was taken with these maps")
    else:
        scores = features.evidence
    return [int(channel) for channel in np.argsort(-scores, kind="stable")]


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
        An 8-bit picture, dark for the least and bright yellow for the greatest activation; where
        the layer is signed, white for zero, red above and blue below it.
    """
    maps = features.maps[channels]
    columns, rows = grid(len(maps))
    cell = max(8, (width - gap) // columns - gap)
    picture = np.full((rows * (cell + gap) + gap, columns * (cell + gap) + gap, 3), 255, np.uint8)
    colours = _colours(_DIVERGING if features.signed else _VIRIDIS)
    shares_of = _around_zero if features.signed else _stretched
    for position, shares in enumerate(shares_of(maps, scale)):
        row, column = divmod(position, columns)
        top, left = row * (cell + gap) + gap, column * (cell + gap) + gap
        tile = Image.fromarray((shares * 255).astype(np.uint8))
        enlarged = np.asarray(tile.resize((cell, cell), Image.Resampling.NEAREST))
        picture[top : top + cell, left : left + cell] = colours[enlarged]
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


def _around_zero(maps: NDArray[np.float32], scale: Scale) -> NDArray[np.float32]:
    """Bring maps (N, h, w) to [0, 1] with zero at one half."""
    axes = (1, 2) if scale == "own" else None
    reach = np.abs(maps).max(axis=axes, keepdims=True)
    shares: NDArray[np.float32] = (0.5 + maps / np.where(reach > 0, 2 * reach, 1)).astype(
        np.float32
    )
    return shares


def overlay(features: FeatureMaps, channel: int, seen: Pixels) -> Pixels:
    """Lay one map over the photo: bright where the channel is active, dim where it is not.

    Args:
        features: the maps.
        channel: which.
        seen: the photo as the network sees it, (H, W, 3).
    """
    shares = _stretched(np.abs(features.maps[channel])[None], "own")[0]
    height, width, _ = seen.shape
    light = Image.fromarray((shares * 255).astype(np.uint8))
    light = light.resize((width, height), Image.Resampling.BICUBIC)
    return (seen * (0.3 + 0.7 * np.asarray(light)[..., None] / 255)).astype(np.uint8)


def _colours(map: str) -> Pixels:
    """A colour map, given by evenly spaced anchors, as 256 RGB rows."""
    anchors = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in map.split()])
    places = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(places, np.arange(len(anchors)), anchors[:, i]) for i in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)
