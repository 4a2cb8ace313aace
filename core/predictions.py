"""What a network says of a picture, and what others say of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from core import photos
from core.steps import Pixels
from core.zoo.classifier import Classifier

SURE = 0.6
"""The probability from which on an answer is given rather than "not sure"."""


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


def top(classifier: Classifier, photo: Image.Image, count: int = 5) -> tuple[Prediction, ...]:
    """Give the `count` most probable classes of an RGB photo, the most probable first."""
    probabilities = classifier.probabilities(photos.prepare(photo, classifier.input_size))[0]
    return best_of(classifier, probabilities, count)


def best_of(
    classifier: Classifier, probabilities: torch.Tensor, count: int = 5
) -> tuple[Prediction, ...]:
    """Give the `count` greatest of a classifier's probabilities (classes,), the greatest first."""
    values, indices = probabilities.topk(min(count, len(classifier.labels)))
    return tuple(
        Prediction(i, classifier.labels[i], p)
        for i, p in zip(indices.tolist(), values.tolist(), strict=True)
    )


def sure_answer(predictions: Sequence[Prediction], least: float = SURE) -> Prediction | None:
    """Give the most probable class, or None where it is better to say "not sure".

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


def opinion(classifier: Classifier, pixels: Pixels, target: str) -> Opinion:
    """Ask a network what it sees in an 8-bit picture (H, W, 3).

    Args:
        classifier: the network to ask.
        pixels: the picture as it would be saved.
        target: name of the class that the picture is meant to show.
    """
    photo = Image.fromarray(pixels)
    probabilities = classifier.probabilities(photos.prepare(photo, classifier.input_size))[0]
    best = int(probabilities.argmax())
    known = target in classifier.labels
    return Opinion(
        model=classifier.name,
        class_id=best,
        class_name=classifier.labels[best],
        probability=float(probabilities[best]),
        target_probability=float(probabilities[classifier.labels.index(target)]) if known else None,
        target=target,
    )


def opinions(classifiers: Iterable[Classifier], pixels: Pixels, target: str) -> tuple[Opinion, ...]:
    """Ask several networks; see `opinion`."""
    return tuple(opinion(classifier, pixels, target) for classifier in classifiers)
