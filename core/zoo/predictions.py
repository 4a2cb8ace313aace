"""What a network says of a picture, and what others say of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from PIL import Image

from core.images import photos
from core.steps import Pixels
from core.zoo.classifier import Classifier

SURE = 0.6
"""The probability from which on an answer is given rather than "not sure"."""
RECOGNISED = 0.5
"""The probability from which on a network recognises what a picture was made to be of."""


@dataclass(frozen=True)
class Prediction:
    """One class with its probability in [0, 1]."""

    class_id: int
    class_name: str
    probability: float


@dataclass(frozen=True)
class Opinion:
    """What a network says of a picture that was made to be of a certain class.

    Attributes:
        model: the network's name.
        class_id, class_name: what it takes the picture for.
        probability: how sure it is of that, in [0, 1].
        target_probability: how sure it is of the intended class; None where it has no such class.
        target: the intended class.
    """

    model: str
    class_id: int
    class_name: str
    probability: float
    target_probability: float | None
    target: str = ""


Recognition = Literal["recognised", "unsure", "not recognised"]
RECOGNITIONS: tuple[Recognition, ...] = get_args(Recognition)


def recognition(asked: Sequence[Opinion]) -> Recognition:
    """Say whether a network recognises a picture that was made to be of one class, or of several.

    It does where it is surer of what was wanted than of all else together. Of a thousand classes
    the first can have two per cent: that is being unsure.

    Args:
        asked: one network's opinions, one for each class that was wanted.

    >>> [recognition([Opinion("net", 7, "cat", p, p, "cat")]) for p in (0.9, 0.028)]
    ['recognised', 'unsure']
    """
    shares = [opinion.target_probability or 0.0 for opinion in asked]
    if asked[0].probability not in shares:  # its first answer is none of them
        return "not recognised"
    return "recognised" if sum(shares) >= RECOGNISED else "unsure"


def by_network(asked: Iterable[Opinion]) -> dict[str, tuple[Opinion, ...]]:
    """Put the opinions of each network together, in their order."""
    found: dict[str, tuple[Opinion, ...]] = {}
    for opinion in asked:
        found[opinion.model] = (*found.get(opinion.model, ()), opinion)
    return found


def top(classifier: Classifier, photo: Image.Image, count: int = 5) -> tuple[Prediction, ...]:
    """Return the `count` most probable classes of an RGB photo, the most probable first."""
    probabilities = classifier.probabilities(photos.prepare(photo, classifier.input_size))[0]
    return best_of(classifier, probabilities, count)


def best_of(
    classifier: Classifier, probabilities: torch.Tensor, count: int = 5
) -> tuple[Prediction, ...]:
    """Return the `count` greatest of a network's probabilities (classes,), the greatest first."""
    values, indices = probabilities.topk(min(count, len(classifier.labels)))
    return tuple(
        Prediction(i, classifier.labels[i], p)
        for i, p in zip(indices.tolist(), values.tolist(), strict=True)
    )


def sure_answer(predictions: Sequence[Prediction], least: float = SURE) -> Prediction | None:
    """Return the most probable class, or None where it is better to say "not sure".

    Chow's rule (1970, equation 5): where a wrong answer costs 1 and no answer costs c, the mean
    cost is least if one answers only from the probability 1 - c on. It presumes probabilities
    that are right; of what it has never seen, a network can be sure without any reason.

    Args:
        predictions: of one picture, in any order.
        least: the probability 1 - c in [0, 1].

    >>> sure_answer([Prediction(0, "cat", 0.55), Prediction(1, "dog", 0.45)])
    >>> sure_answer([Prediction(0, "cat", 0.3), Prediction(1, "dog", 0.7)]).class_name
    'dog'
    """
    best = max(predictions, key=lambda prediction: prediction.probability, default=None)
    return best if best and best.probability >= least else None


def opinions(classifier: Classifier, pixels: Pixels, targets: Sequence[str]) -> tuple[Opinion, ...]:
    """Ask a network, once, what it sees in an 8-bit picture (H, W, 3).

    Args:
        classifier: the network to ask.
        pixels: the picture as it would be saved.
        targets: names of the classes that the picture is meant to show.

    Returns:
        An opinion for each of them.
    """
    if not targets:
        return ()
    photo = Image.fromarray(pixels)
    probabilities = classifier.probabilities(photos.prepare(photo, classifier.input_size))[0]
    best = int(probabilities.argmax())
    wanted = (classifier.labels.called(target) for target in targets)
    return tuple(
        Opinion(
            model=classifier.name,
            class_id=best,
            class_name=classifier.labels[best],
            probability=float(probabilities[best]),
            target_probability=None if class_id is None else float(probabilities[class_id]),
            target=target,
        )
        for target, class_id in zip(targets, wanted, strict=True)
    )
