"""How good a trained network is, and how sure one can be of that."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.zoo.classifier import Classifier
from core.zoo.labels import Labels

_GROUPS = {
    "cat": range(281, 286),
    "dog": range(151, 269),
    "wolf": range(269, 273),
    "fox": range(277, 281),
    "big cat": range(286, 294),
    "bear": range(294, 298),
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "fish": (*range(7), *range(389, 398)),
    "frog": range(30, 33),
    "turtle": range(33, 38),
    "lizard": range(38, 49),
    "snake": range(52, 69),
    "spider": range(72, 78),
    "insect": range(300, 327),
    "beetle": range(300, 308),
    "butterfly": range(321, 327),
    "monkey": range(370, 383),
    "ape": range(365, 370),
    "elephant": range(385, 387),
}
"""Kinds of animals that stand side by side among ImageNet's classes, by WordNet's order; most
breeds of dogs are not called "dog"."""
_OTHER_WORDS = {
    "kitten": "cat",
    "puppy": "dog",
    "tortoise": "turtle",
    "gato": "cat",
    "cachorro": "dog",
    "cão": "dog",
    "lobo": "wolf",
    "raposa": "fox",
    "urso": "bear",
    "pássaro": "bird",
    "ave": "bird",
    "peixe": "fish",
    "sapo": "frog",
    "tartaruga": "turtle",
    "lagarto": "lizard",
    "cobra": "snake",
    "aranha": "spider",
    "inseto": "insect",
    "besouro": "beetle",
    "borboleta": "butterfly",
    "macaco": "monkey",
    "elefante": "elephant",
    "formiga": "ant",
    "abelha": "bee",
    "cavalo": "sorrel",
    "horse": "sorrel",
}
"""What people call them, in the app's languages, and the word that ImageNet has for it."""
_SEVERAL = {"wolves": "wolf", "cães": "cão", "mice": "mouse", "geese": "goose"}


def wilson(correct: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's interval for a fraction, 95 % by default (Wilson 1927).

    Unlike the textbook's ± it stays within [0, 1] and does not collapse at 100 % right.

    Args:
        correct: how many were right.
        total: of how many.
        z: quantile of the normal distribution.

    Returns:
        Lower and upper end, in [0, 1]; (0, 1) where nothing was measured.
    """
    if total == 0:
        return 0.0, 1.0
    fraction = correct / total
    scale = 1 + z**2 / total
    centre = (fraction + z**2 / (2 * total)) / scale
    half = z / scale * math.sqrt(fraction * (1 - fraction) / total + z**2 / (4 * total**2))
    # The formula touches the ends exactly only without rounding.
    return max(0.0, centre - half), min(1.0, centre + half)


def confusion_matrix(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Count photos by true class (rows) and predicted class (columns)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


@dataclass(frozen=True)
class Score:
    """How many photos of a class were recognised: its recall.

    Attributes:
        class_name: the class.
        correct: how many were taken for what they are.
        total: of how many.
    """

    class_name: str
    correct: int
    total: int

    @property
    def accuracy(self) -> float | None:
        """Fraction of them that was recognised; None where there was none."""
        return self.correct / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of that fraction (Wilson)."""
        return wilson(self.correct, self.total)


def per_class(matrix: NDArray[np.int64], class_names: Sequence[str]) -> tuple[Score, ...]:
    """Read the recall of each class off a confusion matrix (true classes in rows)."""
    return tuple(
        Score(name, int(row[i]), int(row.sum()))
        for i, (name, row) in enumerate(zip(class_names, matrix, strict=True))
    )


def confident_mistakes(
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    confidence: NDArray[np.float32],
    most: int | None = None,
) -> NDArray[np.int64]:
    """Return the places of wrong answers, the most confident first.

    Args:
        truth: the true classes, (n,).
        predicted: the answered ones, (n,).
        confidence: probabilities of the answers, (n,).
        most: how many at most; None for all.
    """
    wrong = np.flatnonzero(truth != predicted)
    return wrong[np.argsort(-confidence[wrong], kind="stable")][:most]


def in_cell(
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    confidence: NDArray[np.float32],
    cell: tuple[int, int],
) -> NDArray[np.int64]:
    """Return the places behind a cell (true, predicted) of the matrix, the most confident first."""
    here = np.flatnonzero((truth == cell[0]) & (predicted == cell[1]))
    return here[np.argsort(-confidence[here], kind="stable")]


@dataclass(frozen=True)
class Familiarity:
    """Whether a network that was trained on other classes already knows one of the visitor's.

    Attributes:
        class_name: the visitor's class.
        by_name: its own classes that are called so.
        answer: what it takes photos of the class for, most often; empty without photos.
        fraction: how often it gives that answer, in [0, 1].
        fraction_by_name: how often it answers with one of `by_name`.
        confidence: how sure it is of its answers, on average.
        total: how many photos it was asked about.
    """

    class_name: str
    by_name: tuple[str, ...]
    answer: str
    fraction: float
    fraction_by_name: float
    confidence: float
    total: int

    @property
    def known(self) -> bool:
        """Whether name and answers agree that the network knows the class."""
        return bool(self.by_name) and (self.fraction_by_name > 0.5 or not self.total)


@torch.no_grad()
def familiarity(
    classifier: Classifier,
    class_names: Sequence[str],
    features: torch.Tensor,
    labels: torch.Tensor,
) -> tuple[Familiarity, ...]:
    """Ask a network, with the head that it came with, for what it takes the visitor's photos.

    Args:
        classifier: the network, usually with ImageNet's classes.
        class_names: the visitor's classes.
        features: (n, D), embeddings of photos by that very network.
        labels: (n,), the photos' classes among the visitor's.
    """
    if len(features) == 0:
        confidence, answers = torch.empty(0), torch.empty(0, dtype=torch.long)
    else:
        logits = classifier.head(features.to(classifier.device)).cpu()
        confidence, answers = logits.softmax(dim=-1).max(dim=-1)
    return tuple(
        _familiarity(classifier.labels, name, answers[labels == label], confidence[labels == label])
        for label, name in enumerate(class_names)
    )


def _familiarity(
    known: Labels, name: str, answers: torch.Tensor, confidence: torch.Tensor
) -> Familiarity:
    by_name = called(name, known)
    total = len(answers)
    counts = answers.bincount(minlength=len(known))
    return Familiarity(
        class_name=name,
        by_name=tuple(known[i] for i in by_name),
        answer=known[int(counts.argmax())] if total else "",
        fraction=float(counts.max()) / max(1, total),
        fraction_by_name=float(counts[list(by_name)].sum()) / max(1, total),
        confidence=float(confidence.mean()) if total else 0.0,
        total=total,
    )


def called(class_name: str, known: Labels) -> tuple[int, ...]:
    """Find the classes of a network that a person would call by a name.

    A kind of animal is all of its breeds. Otherwise a class fits if one of its names ends with
    the words asked for, as the last word of an English name says what the thing is: a tree frog
    is a frog, a bee eater is no bee.

    Args:
        class_name: what a person calls it, in the singular or plural.
        known: the network's classes.

    Returns:
        Their numbers; none where nothing fits, which does not prove that the class is unknown.
    """
    for words in _readings(class_name):
        if words in _GROUPS and len(known) == 1000:  # the groups are ImageNet's
            return tuple(_GROUPS[words])
        found = tuple(
            i for i in range(len(known)) if any(_ends(name, words) for name in known.names(i))
        )
        if found:
            return found
    return ()


def _readings(class_name: str) -> list[str]:
    """A name as it stands, in the singular, and as the network's language has it."""
    words = re.sub(r"[\W\d_]+", " ", class_name.lower()).strip()
    if not words:
        return []
    *before, last = words.split()
    singular = [_SEVERAL.get(last, last)]
    for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if last.endswith(ending) and len(last) > len(ending) + 2:
            singular.append(last.removesuffix(ending) + instead)
    readings = [" ".join([*before, word]) for word in singular]
    return [_OTHER_WORDS.get(reading, reading) for reading in readings]


def _ends(name: str, words: str) -> bool:
    plain = re.sub(r"[\W_]+", " ", name.lower()).strip()
    return f" {plain}".endswith(f" {words}")
