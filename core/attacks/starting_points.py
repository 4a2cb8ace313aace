"""Where an attack that sees answers only begins: at a picture that is seen as wanted already."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from core.attacks.goal import Goal
from core.data.album import Album, reading, samples
from core.data.photo_files import PhotoFile
from core.images import photos
from core.problem import N_, Problem, Texts
from core.steps import Step
from core.zoo.classifier import Classifier

_MOST_NAMES = 12
_NOISES = 20


def beginning(
    classifier: Classifier, photo: torch.Tensor, goal: Goal, files: Sequence[PhotoFile]
) -> Generator[Step[Any], None, torch.Tensor | None]:
    """Return where to begin; see `starting_point`.

    Networks of many classes see nearly all noise as something else, and that is found at once;
    of two classes, all noise may be the wrong one.

    Returns:
        (1, 3, H, W) in [0, 1], or None where noise will do that the attack draws itself.
    """
    if not goal.targeted and any(_noises_seen_otherwise(classifier, photo, goal)):
        return None
    return (yield from starting_point(classifier, photo, goal, files))


def starting_point(
    classifier: Classifier, photo: torch.Tensor, goal: Goal, files: Iterable[PhotoFile]
) -> Generator[Step[Any], None, torch.Tensor]:
    """Look among photos for the nearest, in L2, of which the network says what is wanted.

    Args:
        classifier: the network.
        photo: the photo that is to be changed, (1, 3, H, W) in [0, 1].
        goal: what the network shall say.
        files: where to look.

    Yields:
        A step per photo.

    Returns:
        (1, 3, H, W) in [0, 1].

    Raises:
        Problem: the network says it of none of them.
    """
    # What a photo really shows does not matter here, only what the network says.
    asked = [replace(file, class_name="") for file in files]
    album = yield from reading(classifier, asked)
    wanted = [i for i, seen in enumerate(album.classes) if (seen == goal.class_id) == goal.targeted]
    found = album.pictures[wanted]
    if not wanted and not goal.targeted:
        raise Problem(
            N_(
                "Without a gradient, the attack has to begin at a picture that the network takes for something else than {name}, and none of the {count} at hand is one. Upload a photo of another class, or choose a method that follows the gradient."
            ),
            name=classifier.labels[goal.class_id],
            count=len(album.names),
        )
    if not wanted:
        raise Problem(
            N_(
                "Without a gradient, the attack has to begin at a photo that the network takes for {name} already, and none of the {count} at hand is one. Upload one, or choose a class that there is: {names}."
            ),
            name=classifier.labels[goal.class_id],
            count=len(album.names),
            names=Texts(_others(classifier, album, goal)),
        )
    distances = (found - photo.to(found)).flatten(1).norm(dim=1)
    return found[int(distances.argmin())][None]


def _noises_seen_otherwise(
    classifier: Classifier, photo: torch.Tensor, goal: Goal
) -> Iterator[bool]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(_NOISES):
        noise = torch.rand(photo.shape, generator=generator)
        yield int(classifier.probabilities(noise).argmax()) != goal.class_id


def _others(classifier: Classifier, album: Album, goal: Goal) -> list[str]:
    seen = sorted(set(album.classes) - {goal.true_id})
    return [classifier.labels[class_id] for class_id in seen][:_MOST_NAMES]


def at_hand() -> list[PhotoFile]:
    """List the photos that come with the app."""
    others = [sample.id for sample in photos.SAMPLES if sample.package != "foolbox"]
    return [*samples(), *(PhotoFile(name, partial(_sample, name)) for name in others)]


def _sample(sample_id: str) -> bytes:
    return photos.encode_png(np.asarray(photos.read_sample(sample_id)))
