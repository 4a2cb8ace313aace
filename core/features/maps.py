"""What the layers of a network make of a photo: activations, evidence, ranking, receptive field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from core.images import photos
from core.problem import N_, Problem
from core.steps import Pixels
from core.zoo.classifier import Classifier
from core.zoo.graph import Layer
from core.zoo.predictions import Prediction, best_of

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels of the picture that the network sees."""
Order = Literal["network", "strength", "maximum", "variance", "evidence"]


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


def check_channel(name: str, channel: int, channels: int) -> None:
    """Refuse a channel that there is not.

    Args:
        name: of the layer, or of another place in the network.
        channel: which is wanted.
        channels: how many there are.

    Raises:
        Problem: there are not so many.
    """
    if not 0 <= channel < channels:
        raise Problem(
            N_("{name} has {channels} channels, counted from 0; there is no {channel}."),
            name=name,
            channels=channels,
            channel=channel,
        )


@dataclass(frozen=True)
class Observation:
    """What a network makes of one photo, from the first layer to the answer.

    Attributes:
        maps: by name, those of all layers.
        predictions: the most probable classes, the most probable first.
        seen: the photo as the network sees it.
    """

    maps: Mapping[str, FeatureMaps]
    predictions: tuple[Prediction, ...]
    seen: Pixels

    @property
    def size(self) -> int:
        """How many bytes the maps take."""
        return sum(features.maps.nbytes for features in self.maps.values())


def observe(classifier: Classifier, photo: Image.Image) -> Observation:
    """Look at all layers and at the answer for an RGB photo, by one pass there and back.

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
    probabilities = seen.logits[0].detach().softmax(dim=-1)
    return Observation(observed, best_of(classifier, probabilities), photos.to_pixels(picture))


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


def receptive_field(features: FeatureMaps, channel: int, size: int) -> Box:
    """Return the receptive field of a channel's greatest activation.

    Args:
        features: the maps.
        channel: which.
        size: side in pixels of the picture that the network saw.
    """
    values = features.maps[channel]
    row, column = np.unravel_index(values.argmax(), values.shape)
    return field_at(features.layer, int(row), int(column), size)


def field_at(layer: Layer, row: int, column: int, size: int) -> Box:
    """Return the receptive field of one value of a layer's maps.

    Args:
        layer: which.
        row: of the value in the map.
        column: likewise.
        size: side in pixels of the picture that the network saw.
    """
    x, y = (layer.start + place * layer.stride for place in (column, row))
    reach = layer.receptive_field / 2
    return max(0.0, x - reach), max(0.0, y - reach), min(size, x + reach), min(size, y + reach)
