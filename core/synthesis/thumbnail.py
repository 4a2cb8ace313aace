"""Small, quick ideal pictures of channels: enough to tell an edge from an eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from PIL import Image

from core.images import photos
from core.problem import N_
from core.steps import Pixels, Step, Steps
from core.synthesis.canvas import PhaseCanvas
from core.synthesis.loop import Settings, Synthesis, synthesise
from core.synthesis.objective import ChannelActivation
from core.synthesis.schedule import Schedule
from core.synthesis.view import View
from core.zoo.classifier import Classifier

SIDE = 128
"""The network looks at as few pixels as are drawn: a third of the work of its usual size."""
STEPS = 40
_OF_EDGES = Settings(
    size=SIDE,
    steps=STEPS,
    learning_rate=0.08,
    view=View(scale=(0.9, 1.3), rotation=5, shift=True),
    photo="clouds",
)
_OF_PARTS = Settings(
    size=SIDE,
    steps=STEPS,
    learning_rate=0.012,
    tv=100.0,
    view=View(scale=(1.0, 1.5), rotation=5, shift=True),
    descent="momentum",
    schedule=Schedule(
        length=STEPS,
        noise=0.08,
        colour=(0.2, 0.05),
        calm=0.8,
        rate=0.3,
        details=0.8,
        details_rate=20.0,
    ),
    relative=True,
)
_SMALL_FIELD = 32
"""Pixels that a channel sees along a side, up to which it looks for edges and colours: drawn like
larger parts, it would be a sheet of one colour."""
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
    objective = ChannelActivation(layer, channel)
    if classifier.layer(layer).receptive_field < _SMALL_FIELD:
        yield from synthesise(small, objective, _OF_EDGES, _clouds())
    else:
        yield from synthesise(small, objective, _OF_PARTS)


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
    """Return coloured clouds to begin with: from grey, early channels find only the picture's edges."""
    clouds = PhaseCanvas(SIDE, torch.Generator().manual_seed(0)).picture()
    return Image.fromarray(photos.to_pixels(0.5 + _CONTRAST * (clouds - 0.5)))
