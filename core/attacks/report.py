"""What an attack really achieved, measured on the picture that can be saved."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from core.attacks.goal import Goal
from core.attacks.loop import Attempt, Network
from core.images import photos
from core.steps import Pixels
from core.zoo.classifier import Classifier
from core.zoo.predictions import Prediction, top

_MOST_AMPLIFIED = 64


@dataclass(frozen=True)
class Report:
    """The balance of one attack.

    Attributes:
        attempt: what was found.
        original, adversarial: the photo before and after, 8-bit.
        before, after: the network's five most probable classes for these.
        success: whether the network says what was wanted of the unrounded picture.
        success_after_png: whether it still does of the picture saved as 8-bit PNG and read back.
        linf: greatest change of a saved pixel, in 1/255.
        l2: root of the summed squares of the saved changes, in pixels of [0, 1].
    """

    attempt: Attempt
    original: Pixels
    adversarial: Pixels
    before: tuple[Prediction, ...]
    after: tuple[Prediction, ...]
    success: bool
    success_after_png: bool
    linf: int
    l2: float


def report(classifier: Classifier, attempt: Attempt) -> Report:
    """Measure an attempt on the 8-bit picture that can be saved."""
    original = photos.to_pixels(attempt.original)
    adversarial = photos.to_pixels(attempt.adversarial)
    saved = Image.open(io.BytesIO(photos.encode_png(adversarial)))
    change = adversarial.astype(np.int16) - original
    return Report(
        attempt=attempt,
        original=original,
        adversarial=adversarial,
        before=top(classifier, Image.fromarray(original)),
        after=top(classifier, saved),
        success=is_reached(attempt.goal, classifier, attempt.adversarial),
        success_after_png=is_reached(attempt.goal, classifier, photos.to_tensor(saved)),
        linf=int(np.abs(change).max()),
        l2=float(np.linalg.norm(change / 255)),
    )


@torch.no_grad()
def is_reached(goal: Goal, network: Network, picture: torch.Tensor) -> bool:
    """Return whether a network says what was wanted of a picture, (1, 3, H, W) in [0, 1]."""
    return bool(goal.reached(network(picture.to(network.device))).item())


def amplify(original: Pixels, adversarial: Pixels) -> tuple[Pixels, int]:
    """Show what was changed, around mid-grey, large enough to be seen.

    Args:
        original: the photo before, 8-bit (H, W, 3).
        adversarial: the photo after, likewise.

    Returns:
        The amplified difference, 8-bit, and the factor: the greatest power of two (at most 64)
        that keeps every change within range.
    """
    change = adversarial.astype(np.int16) - original
    greatest = max(1, int(np.abs(change).max()))
    factor = min(_MOST_AMPLIFIED, 2 ** int(np.log2(max(1, 127 // greatest))))
    return (128 + factor * change).clip(0, 255).astype(np.uint8), factor
