"""Where an attack that sees answers only begins when it is aimed: at a picture of the target."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from core import photos
from core.attacks.album import Album, reading, samples
from core.attacks.goal import Goal
from core.photo_files import PhotoFile
from core.problem import N_, Problem
from core.steps import Step
from core.zoo.classifier import Classifier

_MOST_NAMES = 12


def starting_point(
    classifier: Classifier, photo: torch.Tensor, goal: Goal, files: Iterable[PhotoFile]
) -> Generator[Step[Any], None, torch.Tensor]:
    """Look among photos for the nearest, in L2, that the network takes for the target.

    Args:
        classifier: the network.
        photo: the photo that is to be changed, (1, 3, H, W) in [0, 1].
        goal: towards a class.
        files: where to look.

    Yields:
        A step per photo.

    Returns:
        (1, 3, H, W) in [0, 1].

    Raises:
        Problem: the network takes none of them for the target.
    """
    # What a photo really shows does not matter here, only what the network says.
    asked = [replace(file, class_name="") for file in files]
    album = yield from reading(classifier, asked)
    places = [i for i, seen in enumerate(album.classes) if seen == goal.class_id]
    if not places:
        raise Problem(
            N_(
                "Without a gradient, the attack has to begin at a photo that the network takes for {name} already, and none of the {count} at hand is one. Upload one, or choose a class that there is: {names}."
            ),
            name=classifier.labels[goal.class_id],
            count=len(album.names),
            names=", ".join(_others(classifier, album, goal)),
        )
    found = album.pictures[places]
    distances = (found - photo.to(found)).flatten(1).norm(dim=1)
    return found[int(distances.argmin())][None]


def _others(classifier: Classifier, album: Album, goal: Goal) -> list[str]:
    seen = sorted(set(album.classes) - {goal.true_id})
    return [classifier.labels[class_id] for class_id in seen][:_MOST_NAMES]


def at_hand() -> list[PhotoFile]:
    """List the photos that come with the app."""
    others = [sample.id for sample in photos.SAMPLES if sample.package != "foolbox"]
    return [*samples(), *(PhotoFile(name, partial(_sample, name)) for name in others)]


def _sample(sample_id: str) -> bytes:
    return photos.encode_png(np.asarray(photos.read_sample(sample_id)))
