"""Real photos beside a drawn picture: the model beside the world.

A drawing shows what a network looks for. Photos that excite the same class show what it was looking
for in the world, and the channels that speak for the class in both tell how much they share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from core.images import photos
from core.problem import Problem
from core.steps import Pixels
from core.zoo.classifier import Classifier

MOST_PHOTOS = 4
CHANNELS = 10
SEEN = 0.01
"""The least probability at which a photo is shown as one of the class."""
_SIDE = 320
_AT_ONCE = 8

Read = Callable[[], Image.Image]


@dataclass(frozen=True)
class RealPhoto:
    """A photo of the class beside a drawing of it.

    Attributes:
        name: what to call it.
        pixels: its middle square, in 8 bits.
        probability: of the class, in [0, 1].
        shared: how many of the `CHANNELS` that speak most for the class in the drawing are among
            those that do in this photo.
    """

    name: str
    pixels: Pixels
    probability: float
    shared: int


@dataclass(frozen=True)
class Beside:
    """What the photos at hand have in common with a drawing.

    Attributes:
        shown: those that excite the class most, if the network sees it in them.
        asked: how many photos were looked at.
        highest: the greatest probability of the class among them; 0 if there were none.
        elsewhere: mean of `RealPhoto.shared` over all photos in which the class is not seen; None
            where there are none.
    """

    shown: tuple[RealPhoto, ...]
    asked: int
    highest: float
    elsewhere: float | None


@torch.no_grad()
def beside(
    classifier: Classifier, class_id: int, drawing: Pixels, candidates: Sequence[tuple[str, Read]]
) -> Beside:
    """Find the photos that excite a class most, and what a drawing has in common with them.

    Args:
        classifier: the network that drew it.
        class_id: what it drew.
        drawing: the 8-bit picture (H, W, 3).
        candidates: photos to look through: what to call each, and how to read it as RGB. Those
            that cannot be read are left out.
    """
    drawn, _ = _looked_at(classifier, class_id, [Image.fromarray(drawing)])
    found: list[tuple[float, int, str, Read]] = []
    for start in range(0, len(candidates), _AT_ONCE):
        batch = [
            (name, read, image)
            for name, read in candidates[start : start + _AT_ONCE]
            if (image := _read(read)) is not None
        ]
        if not batch:
            continue
        strongest, shares = _looked_at(classifier, class_id, [image for *_, image in batch])
        found += [
            (share, len(drawn[0] & channels), name, read)
            for channels, share, (name, read, _) in zip(strongest, shares, batch, strict=True)
        ]
    found.sort(key=lambda one: one[0], reverse=True)
    others = [shared for share, shared, *_ in found if share < SEEN]
    return Beside(
        shown=tuple(
            RealPhoto(name, photos.to_pixels(photos.prepare(read(), _SIDE)), share, shared)
            for share, shared, name, read in found[:MOST_PHOTOS]
            if share >= SEEN
        ),
        asked=len(found),
        highest=found[0][0] if found else 0.0,
        elsewhere=sum(others) / len(others) if others else None,
    )


def _read(read: Read) -> Image.Image | None:
    try:
        return read()
    except Problem:
        return None


def _looked_at(
    classifier: Classifier, class_id: int, pictures: Sequence[Image.Image]
) -> tuple[list[set[int]], list[float]]:
    """Return, for each picture, the channels that speak most for a class, and its probability.

    A channel speaks for a class by its activation times how much more its weight for the class is
    than its mean weight for all: only differences between logits count in a softmax.
    """
    batch = torch.cat([photos.prepare(picture, classifier.input_size) for picture in pictures])
    embedding = classifier.embed(batch.to(classifier.device))
    weights = classifier.head.weight
    speaking = embedding * (weights[class_id] - weights.mean(dim=0))
    strongest = speaking.topk(min(CHANNELS, speaking.shape[1])).indices.tolist()
    shares = classifier.head(embedding).softmax(dim=-1)[:, class_id].tolist()
    return [set(channels) for channels in strongest], shares
