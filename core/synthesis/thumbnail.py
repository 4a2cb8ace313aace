"""Small, quick ideal pictures of channels: enough to tell an edge from an eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from PIL import Image

from core import photos
from core.problem import N_
from core.steps import Pixels, Step, Steps
from core.synthesis.canvas import PhaseCanvas
from core.synthesis.loop import Settings, Synthesis, synthesise
from core.synthesis.objective import ChannelActivation
from core.synthesis.view import View
from core.zoo.classifier import Classifier

SIDE = 128
"""The network looks at as few pixels as are drawn: a third of the work of its usual size."""
STEPS = 40
_SETTINGS = Settings(
    size=SIDE,
    steps=STEPS,
    learning_rate=0.08,
    view=View(scale=(0.9, 1.3), rotation=5, shift=True),
    photo="clouds",
)
_CONTRAST = 0.6


def thumbnail(classifier: Classifier, layer: str, channel: int) -> Steps[Synthesis]:
    """Draw a channel's ideal picture at `SIDE` pixels, in `STEPS` steps.

    Args:
        classifier: the network.
        layer: name of the layer.
        channel: which of its channels.

    Raises:
        KeyError: the network has no such layer.
    """
    small = classifier.for_drawing(SIDE)
    yield from synthesise(small, ChannelActivation(layer, channel), _SETTINGS, _clouds())


def thumbnails(
    classifier: Classifier, places: Sequence[tuple[str, int]]
) -> Steps[Mapping[tuple[str, int], Pixels]]:
    """Draw the ideal pictures of several channels, one after the other.

    Args:
        classifier: the network.
        places: layer and channel of each.

    Yields:
        A step per step of each; the result holds all pictures so far, the latest as it is.
    """
    pictures: dict[tuple[str, int], Pixels] = {}
    for number, place in enumerate(places):
        for step in thumbnail(classifier, *place):
            assert step.picture is not None
            pictures[place] = step.picture
            done, total = number * STEPS + step.index, len(places) * STEPS
            yield Step(done, total, phase=N_("drawing"), result=dict(pictures))


def _clouds() -> Image.Image:
    """Give coloured clouds to begin with: from grey, early channels find only the picture's edges."""
    clouds = PhaseCanvas(SIDE, torch.Generator().manual_seed(0)).picture()
    return Image.fromarray(photos.to_pixels(0.5 + _CONTRAST * (clouds - 0.5)))
