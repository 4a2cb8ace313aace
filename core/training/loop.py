"""From a data set to a classifier: split, look at every photo once, train the head."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.photo_files import Skipped
from core.problem import N_, Problem
from core.steps import Step, Steps, relayed
from core.training.data import Dataset, Photo, Split, split
from core.training.descent import RateSearch
from core.training.embeddings import Embedded, EmbeddingCache, embed
from core.training.evidence import confusion_matrix, wilson
from core.training.finetune import TuningSettings, tune
from core.training.head import HeadSettings, TrainedHead, fit_head, search_rate
from core.zoo.classifier import Classifier
from core.zoo.labels import Labels

Way = Literal["head", "blocks", "scratch"]
WAYS: tuple[Way, ...] = get_args(Way)
OWN_NETWORK = "own"
"""The name of the network that a person has trained in a session."""
_CLASSES_IN_TITLE = 3


@dataclass(frozen=True)
class Settings:
    """How a classifier is trained.

    Attributes:
        per_class: photos to learn from, per class; None for seven in ten (see `to_learn_from`).
        validation_per_class: photos to be examined on, per class at most; None for all others.
        head: how the head is trained.
        tuning: how blocks are trained with it; None for the head alone, on frozen features.
        seed: of the split.
        reserve: whether enough photos stay for validation, however many are to be learned from;
            see `data.to_learn_from`.
    """

    per_class: int | None = None
    validation_per_class: int | None = None
    head: HeadSettings = field(default_factory=HeadSettings)
    tuning: TuningSettings | None = None
    seed: int = 0
    reserve: bool = False

    def __post_init__(self) -> None:
        """Refuse a number of photos with which nothing can be learned.

        Raises:
            Problem: it is less than one.
        """
        if self.per_class is not None and self.per_class < 1:
            raise Problem(
                N_("It takes at least 1 photo per class to learn from, not {value}."),
                value=self.per_class,
            )

    @property
    def way(self) -> Way:
        """What learns: the head alone, the last blocks with it, or everything from nothing."""
        if self.tuning is None:
            return "head"
        return "scratch" if self.tuning.blocks is None else "blocks"


@dataclass(frozen=True)
class Training:
    """A trained classifier with the evidence for it.

    Attributes:
        classifier: ready for use, on the shared frozen body or on one of its own.
        trained: its head, with its answers for the validation photos.
        train: the photos it learned from.
        validation: the photos it was examined on, in the order of these answers.
        skipped: files that were left out, with the reasons.
        settings: how it was trained.
    """

    classifier: Classifier
    trained: TrainedHead
    train: tuple[Photo, ...]
    validation: tuple[Photo, ...]
    skipped: tuple[Skipped, ...]
    settings: Settings

    @property
    def n_train(self) -> int:
        """How many photos it learned from."""
        return len(self.train)

    @property
    def n_val(self) -> int:
        """How many photos it was examined on."""
        return len(self.validation)

    @property
    def accuracy(self) -> float:
        """Share of validation photos that it gets right."""
        return self.trained.examination.accuracy

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy (Wilson)."""
        return wilson(round(self.accuracy * self.n_val), self.n_val)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Validation photos by true class (rows) and predicted class (columns)."""
        truth = np.array([photo.label for photo in self.validation])
        predicted = self.trained.examination.predicted.numpy()
        return confusion_matrix(truth, predicted, len(self.classifier.labels))


def train(
    base: Classifier, dataset: Dataset, settings: Settings, cache: EmbeddingCache
) -> Steps[Training]:
    """Train a network on a data set, and examine it.

    Args:
        base: the network to start from; it is not changed.
        dataset: the photos.
        settings: how.
        cache: of embeddings.

    Yields:
        Steps counted in photos looked at and then in epochs or batches. From the first epoch on
        the result is the best classifier so far.

    Raises:
        Problem: there are not enough readable photos.
    """
    parts = split(
        dataset,
        per_class=settings.per_class,
        validation_per_class=settings.validation_per_class,
        seed=settings.seed,
        reserve=settings.reserve,
    )
    embedded = yield from _embed_all(base, parts, settings, cache)
    _check_readable(dataset, parts, embedded)
    learned = set(map(id, parts.train))
    is_train = np.array([id(photo) in learned for photo in embedded.photos])
    examined = (embedded.features[~is_train], embedded.labels[~is_train])
    students = tuple(p for p, t in zip(embedded.photos, is_train, strict=True) if t)
    validation = tuple(p for p, t in zip(embedded.photos, is_train, strict=True) if not t)
    looked_at = len(parts.train) + len(parts.validation)

    def training(classifier: Classifier, trained: TrainedHead) -> Training:
        own = _with_head(classifier, dataset, trained)
        skipped = (*dataset.left_out, *embedded.skipped)
        return Training(own, trained, students, validation, skipped, settings)

    frozen: TrainedHead | None = None
    if settings.way != "scratch":
        for step in fit_head(
            (embedded.features[is_train], embedded.labels[is_train]),
            examined,
            len(dataset.classes),
            settings.head,
        ):
            assert step.result is not None
            frozen = step.result
            if settings.way == "head":
                yield _after(looked_at, step, training(base, frozen))
    if settings.tuning is None:
        return
    start = frozen.head if frozen else None
    for tuning in tune(base, students, validation, len(dataset.classes), start, settings.tuning):
        result = None
        if best := tuning.result:
            trained = TrainedHead(best.head, best.epoch, best.examination)
            result = training(best.classifier, trained)
        yield _after(looked_at, tuning, result)


def search(
    base: Classifier, dataset: Dataset, settings: Settings, cache: EmbeddingCache
) -> Steps[RateSearch]:
    """Search for a learning rate for a head on a data set; see `descent.find_learning_rate`.

    Yields:
        Steps counted in photos; the last one has the result.

    Raises:
        Problem: there are not enough readable photos.
    """
    parts = split(
        dataset,
        per_class=settings.per_class,
        validation_per_class=1,
        seed=settings.seed,
        reserve=settings.reserve,
    )
    embedded = yield from _embed_all(base, parts, settings, cache)
    _check_readable(dataset, parts, embedded)
    learned = set(map(id, parts.train))
    is_train = np.array([id(photo) in learned for photo in embedded.photos])
    examples = (embedded.features[is_train], embedded.labels[is_train])
    found = search_rate(examples, len(dataset.classes), settings.head)
    yield Step(1, 1, phase=N_("searching for the learning rate"), result=found)


def _after(looked_at: int, step: Step[Any], result: Training | None) -> Step[Training]:
    return Step(
        looked_at + step.index,
        looked_at + step.total,
        scalars=step.scalars,
        phase=step.phase,
        result=result,
    )


def _embed_all(
    base: Classifier, parts: Split, settings: Settings, cache: EmbeddingCache
) -> Generator[Step[Any], None, Embedded]:
    more = settings.tuning.epochs if settings.tuning else settings.head.epochs
    return relayed(
        embed(base, parts.train + parts.validation, cache),
        lambda step: Step(step.index, step.total + more, phase=step.phase),
    )


def _check_readable(dataset: Dataset, parts: Split, embedded: Embedded) -> None:
    readable = set(map(id, embedded.photos))
    learned_from = {photo.label for photo in parts.train if id(photo) in readable}
    reasons = {skipped.file: skipped.reason for skipped in embedded.skipped}
    for label, name in enumerate(dataset.classes):
        if label not in learned_from:
            of_class = (photo.name for photo in parts.train if photo.label == label)
            if reason := next((reasons[file] for file in of_class if file in reasons), None):
                raise Problem(
                    N_("No photo of the class {name} could be read to learn from. {reason}"),
                    name=name,
                    reason=reason,
                )
            raise Problem(
                N_("No photo of the class {name} could be read to learn from. Add photos to it."),
                name=name,
            )
    if not any(id(photo) in readable for photo in parts.validation):
        raise Problem(N_("No photo is left for validation. Add photos, at least two per class."))


def _with_head(base: Classifier, dataset: Dataset, trained: TrainedHead) -> Classifier:
    return base.with_head(
        trained.head.module(),
        name=OWN_NETWORK,
        title=_title(dataset.classes),
        labels=Labels(dataset.classes),
        accuracy=trained.examination.accuracy,
    )


def _title(classes: tuple[str, ...]) -> str:
    shown = " · ".join(classes[:_CLASSES_IN_TITLE])
    return shown if len(classes) <= _CLASSES_IN_TITLE else f"{shown} …"
