"""Which of some photos activate a channel most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from core.images import photos
from core.problem import N_
from core.steps import Step, Steps
from core.zoo.classifier import Classifier


@dataclass(frozen=True)
class MaxActivations:
    """The greatest activation of each channel, in each of some photos.

    Attributes:
        maxima: by the photo's name and the layer's, (channels,).
    """

    maxima: Mapping[str, Mapping[str, NDArray[np.float32]]]

    def ranking(self, layer: str, channel: int) -> list[tuple[str, float]]:
        """Return the photos with their maximum for a channel, the greatest first."""
        values = [(name, float(seen[layer][channel])) for name, seen in self.maxima.items()]
        return sorted(values, key=lambda pair: -pair[1])


def max_activations(
    classifier: Classifier, by_name: Mapping[str, Image.Image]
) -> Steps[MaxActivations]:
    """Show photos to a network, one pass each, and keep each channel's maximum.

    Args:
        classifier: the network.
        by_name: RGB photos by name.

    Yields:
        A step per photo, with what is known so far as its result.
    """
    look = classifier.look([layer.name for layer in classifier.layers])
    maxima: dict[str, dict[str, NDArray[np.float32]]] = {}
    for index, (name, photo) in enumerate(by_name.items(), 1):
        picture = photos.prepare(photo, classifier.input_size).to(classifier.device)
        with torch.no_grad():
            seen = look(picture).maps
        maxima[name] = {
            layer: maps[0].amax(dim=(1, 2)).cpu().numpy() for layer, maps in seen.items()
        }
        yield Step(
            index,
            len(by_name),
            phase=N_("looking through the photos"),
            result=MaxActivations(dict(maxima)),
        )
