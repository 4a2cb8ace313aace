"""Small, quick ideal pictures of channels: enough to tell an edge from an eye."""

from __future__ import annotations

import torch
from PIL import Image

from core import photos
from core.steps import Steps
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


def _clouds() -> Image.Image:
    """Give coloured clouds to begin with: from grey, early channels find only the picture's edges."""
    clouds = PhaseCanvas(SIDE, torch.Generator().manual_seed(0)).picture()
    return Image.fromarray(photos.to_pixels(0.5 + _CONTRAST * (clouds - 0.5)))
