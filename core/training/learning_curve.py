"""The learning curve: accuracy against photos per class, with transfer and without."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch

from core.data.datasets import Photo, Split
from core.images import photos
from core.problem import N_, Problem, check_range
from core.steps import Step, Steps, relayed
from core.training.embeddings import Embedded, EmbeddingCache, embed, gathered
from core.training.loop import train_head
from core.training.random_body import random_body
from core.training.settings import Settings as TrainingSettings
from core.zoo.classifier import Classifier

Kind = Literal["transfer", "random", "pixels"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PIXELS_SIDE = 32
_ROUND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_BATCH = 32
AS_GOOD = 0.02
"""By how much an accuracy may be lower and still count as just as good."""
_MOST_SEEDS = 10
_USUAL = TrainingSettings()


@dataclass(frozen=True)
class CurveSettings:
    """What is measured.

    Attributes:
        kinds: of features: of the trained network, of the same one with random weights, and the
            bare pixels.
        seeds: how many times each point is measured, with other photos each time.
        head: how each head is trained.
        most_train: photos to learn from, at most; more are left out, class by class.
        most_validation: photos to validate on, at most.
        random_seed: of the random weights.
    """

    kinds: tuple[Kind, ...] = ("transfer", "pixels", "random")
    seeds: int = 3
    head: TrainingSettings = _USUAL
    most_train: int = 1000
    most_validation: int = 300
    random_seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a number of seeds with which nothing is measured, or for ever.

        Raises:
            Problem: it is out of its range.
        """
        check_range(N_("number of seeds"), self.seeds, 1, _MOST_SEEDS)


@dataclass(frozen=True)
class Point:
    """One measurement.

    Attributes:
        kind: of the features.
        per_class: how many photos of each class were learned from, where it has so many.
        seed: which of the choices of photos.
        accuracy: fraction of validation photos that were right after the last epoch, in [0, 1].
    """

    kind: Kind
    per_class: int
    seed: int
    accuracy: float


@dataclass(frozen=True)
class Spread:
    """The measurements of one place on the curve.

    Attributes:
        per_class: photos per class.
        mean: of the accuracies.
        low, high: the lowest and the highest of them.
        seeds: how many there are.
    """

    per_class: int
    mean: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class LearningCurve:
    """What has been measured so far.

    Attributes:
        points: all measurements.
        n_val: how many photos each was evaluated on; the same ones for all.
        chance: fraction of right answers for always naming the most frequent class.
        seeds: how many measurements a finished place has.
    """

    points: tuple[Point, ...]
    n_val: int
    chance: float
    seeds: int

    def curve(self, kind: Kind) -> tuple[Spread, ...]:
        """Return the places of one kind of features, from few photos to many."""
        by_count: dict[int, list[float]] = {}
        for point in self.points:
            if point.kind == kind:
                by_count.setdefault(point.per_class, []).append(point.accuracy)
        return tuple(
            Spread(count, float(np.mean(found)), min(found), max(found), len(found))
            for count, found in sorted(by_count.items())
        )

    def as_good_from(self, kind: Kind, than: Kind = "transfer") -> int | None:
        """Return from how many photos per class on one kind is as good as another; None if never.

        As good is what is at most `AS_GOOD` worse, at this and at each further place.
        """
        others = {spread.per_class: spread.mean for spread in self.curve(than)}
        found = None
        for spread in reversed(self.curve(kind)):
            if spread.mean < others.get(spread.per_class, 2.0) - AS_GOOD:
                break
            found = spread.per_class
        return found

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of features that have been measured, in a fixed order."""
        return tuple(kind for kind in KINDS if any(point.kind == kind for point in self.points))


def learning_curve(
    classifier: Classifier,
    parts: Split,
    classes: int,
    settings: CurveSettings,
    cache: EmbeddingCache,
) -> Steps[LearningCurve]:
    """Measure how many photos it takes, and what the network's earlier learning is worth.

    Every head is trained alike and evaluated on the same photos. Accuracy is taken after the last
    epoch: choosing the best one by the validation photos would flatter small numbers.

    Args:
        classifier: the network whose features are compared.
        parts: training photos, of which smaller choices are made, and validation photos.
        classes: how many there are.
        settings: what is measured.
        cache: of embeddings; random networks have entries of their own.

    Yields:
        Steps counted in photos looked at and heads trained. From the first head on, the result
        has all points so far.

    Raises:
        Problem: no training photo, or no validation photo, can be read.
    """
    train = _first_of_each(parts.train, classes, settings.most_train)
    validation = _first_of_each(parts.validation, classes, settings.most_validation)
    counts = counts_up_to(_size_of_largest(train))
    photos_and_heads = len(train) + len(validation) + settings.seeds * len(counts)
    progress = _Progress(photos_and_heads * len(settings.kinds))
    points: list[Point] = []
    for kind in settings.kinds:
        looking = _look(kind, classifier, (*train, *validation), settings, cache)
        embedded = yield from progress.through(looking)
        learned, validated = embedded.of(train), embedded.of(validation)
        if not learned.photos or not validated.photos:
            raise Problem(
                N_("Too few photos could be read for a learning curve. Add photos to each class.")
            )
        for seed in range(settings.seeds):
            order = _shuffled_by_class(learned.labels, classes, seed)
            for count in counts:
                chosen = [place for of_class in order for place in of_class[:count]]
                head = replace(settings.head, seed=settings.head.seed + seed)
                accuracy = _accuracy(learned, chosen, validated, classes, head)
                points.append(Point(kind, count, seed, accuracy))
                result = LearningCurve(
                    tuple(points), len(validated.labels), _chance(validated.labels), settings.seeds
                )
                yield progress.one_more(result)


def counts_up_to(most: int) -> tuple[int, ...]:
    """Return the round numbers of photos below `most`, and `most` itself: 1, 2, 5, 10 and so on."""
    return (*(count for count in _ROUND if count < most), most)


class _Progress:
    """Counts photos and heads through to the end, and carries the latest result along."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._latest: LearningCurve | None = None

    def through(
        self, looking: Generator[Step[Embedded], None, Embedded]
    ) -> Generator[Step[LearningCurve], None, Embedded]:
        before = self._done

        def counted(step: Step[Embedded]) -> Step[LearningCurve]:
            self._done = before + step.index
            return Step(self._done, self._total, phase=step.phase, result=self._latest)

        return relayed(looking, counted)

    def one_more(self, result: LearningCurve) -> Step[LearningCurve]:
        self._done += 1
        self._latest = result
        return Step(self._done, self._total, phase=N_("training heads"), result=result)


def _first_of_each(wanted: Sequence[Photo], classes: int, most: int) -> tuple[Photo, ...]:
    """At most so many photos in all; a split has shuffled them already."""
    of_class: list[list[Photo]] = [[] for _ in range(classes)]
    for photo in wanted:
        of_class[photo.label].append(photo)
    return tuple(photo for some in of_class for photo in some[: max(1, most // classes)])


def _size_of_largest(train: Sequence[Photo]) -> int:
    return max(Counter(photo.label for photo in train).values())


def _look(
    kind: Kind,
    classifier: Classifier,
    wanted: Sequence[Photo],
    settings: CurveSettings,
    cache: EmbeddingCache,
) -> Generator[Step[Embedded], None, Embedded]:
    if kind == "pixels":
        return _bare_pixels(wanted)
    if kind == "random":
        classifier = random_body(classifier, settings.random_seed)
    return embed(classifier, wanted, cache)


def _bare_pixels(wanted: Sequence[Photo]) -> Generator[Step[Embedded], None, Embedded]:
    """Make small copies of photos features as they are, (n, 3 * 32 * 32) in [0, 1]."""

    def pixels(photo: Photo) -> torch.Tensor | Problem:
        try:
            return photos.prepare(photos.decode(photo.data, photo.name), PIXELS_SIDE).flatten()
        except Problem as reason:
            return reason

    batches = [wanted[start : start + _BATCH] for start in range(0, len(wanted), _BATCH)]
    return gathered(batches, ([pixels(photo) for photo in batch] for batch in batches))


def _shuffled_by_class(labels: torch.Tensor, classes: int, seed: int) -> list[list[int]]:
    """The places of each class in an order of their own, so that few photos are part of many."""
    chance = random.Random(seed)
    order = [(labels == label).nonzero().flatten().tolist() for label in range(classes)]
    for of_class in order:
        chance.shuffle(of_class)
    return order


def _accuracy(
    learned: Embedded,
    chosen: list[int],
    validated: Embedded,
    classes: int,
    settings: TrainingSettings,
) -> float:
    train = learned.features[chosen], learned.labels[chosen]
    *_, last = train_head(train, validated.labelled, classes, settings)
    return float(last.scalars["validation accuracy"])


def _chance(labels: torch.Tensor) -> float:
    return float(labels.bincount().max()) / len(labels)
