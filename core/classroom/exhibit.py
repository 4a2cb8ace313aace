"""What may hang on the class's wall: synthesised and adversarial pictures, never anybody's photo.

Where a picture comes from is read off the result itself. A drawing carries the name of the photo
that it started from. An attack carries the photo, which must be one of the app's samples, pixel
for pixel. What an exhibit says is made of ids, not of words that somebody has typed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from core.attacks.report import Report
from core.images import photos
from core.problem import N_, Problem
from core.steps import Pixels
from core.synthesis.loop import Synthesis
from core.synthesis.objective import ChannelActivation, classes_of
from core.zoo import catalogue

Kind = Literal["ideal", "attack"]


@dataclass(frozen=True)
class Exhibit:
    """A picture for the wall, with what is to be said of it.

    Attributes:
        kind: "ideal" for a drawing, "attack" for a changed photo.
        pixels: the picture, (H, W, 3), 8-bit.
        network: name of a network of the catalogue; empty for one of a visitor's own.
        classes: numbers of ImageNet's classes: those drawn, or the one that the network now
            sees; none where the network's classes are its visitor's, or a channel was drawn.
        channel: layer and channel that were drawn, such as "conv_head · 3"; else empty.
        photo: id of the sample photo that it started from; empty for noise.
    """

    kind: Kind
    pixels: Pixels
    network: str
    classes: tuple[int, ...] = ()
    channel: str = ""
    photo: str = ""


def of(work: Synthesis | Report, network: str) -> Exhibit:
    """Make an exhibit of what was drawn, or of what an attack on a network has come to.

    Raises:
        Problem: it began with a visitor's own photo.
    """
    return _of_drawing(work) if isinstance(work, Synthesis) else _of_attack(work, network)


def _of_drawing(synthesis: Synthesis) -> Exhibit:
    """Make an exhibit of a drawn picture.

    Raises:
        Problem: it started from a visitor's own photo.
    """
    photo = synthesis.settings.photo
    if photo and photo not in {sample.id for sample in photos.SAMPLES}:
        raise _own_photo()
    network, objective = _known(synthesis.model), synthesis.objective
    channel = ""
    if isinstance(objective, ChannelActivation):
        channel = f"{objective.layer} · {objective.channel}"
    return Exhibit(
        "ideal",
        synthesis.pixels,
        network,
        classes_of(objective) if network else (),
        channel,
        photo,
    )


def _of_attack(found: Report, network: str) -> Exhibit:
    """Make an exhibit of a changed photo.

    Args:
        found: what the attack has come to.
        network: name of the network that was attacked.

    Raises:
        Problem: the photo is none of the app's samples.
    """
    photo = _samples(found.original.shape[0]).get(_fingerprint(found.original))
    if photo is None:
        raise _own_photo()
    network = _known(network)
    return Exhibit(
        "attack",
        found.adversarial,
        network,
        (found.after[0].class_id,) if network else (),
        photo=photo,
    )


def _own_photo() -> Problem:
    return Problem(
        N_(
            "This picture began with a photo of somebody's own, and those stay with their owner. "
            "Only what began with noise or with a sample photo of the app can hang on the wall."
        )
    )


def _known(network: str) -> str:
    return network if network in {entry.name for entry in catalogue.ENTRIES} else ""


@lru_cache(maxsize=8)
def _samples(size: int) -> dict[str, str]:
    """The sample photos as networks of an input size see them: ids by their pixels."""
    return {
        _fingerprint(photos.to_pixels(photos.prepare(photos.read_sample(photo.id), size))): photo.id
        for photo in photos.SAMPLES
    }


def _fingerprint(pixels: Pixels) -> str:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
