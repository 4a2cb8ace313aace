"""Training, whatever is trained: the head of a network, its last blocks too, or all of it.

`descend` is the whole lesson: gradient descent, a batch at a time, which keeps the best epoch.
`train` puts around it what makes a classifier of a data set: the split, and what the frozen part
of the network makes of each photo, which is computed once.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from core.data.datasets import Dataset, Photo, Split, split
from core.data.photo_files import Skipped
from core.problem import N_, Problem
from core.steps import Step, Steps, finish, relayed
from core.training.descent import (
    RateSearch,
    dropout,
    make_optimiser,
    make_schedule,
    regularise,
    search_rate,
)
from core.training.embeddings import Embedded, EmbeddingCache, Examples, compute_views, embed
from core.training.evidence import confusion_matrix, wilson
from core.training.network import Blocks, HeadAlone, Network, fast_gradient_sign
from core.training.settings import Settings, Strategy
from core.zoo import catalogue
from core.zoo.classifier import Classifier
from core.zoo.labels import Labels

"""The name of the network that a person has trained in a session."""
_CLASSES_IN_TITLE = 3
_PHASES: dict[Strategy, str] = {
    "head": N_("training the head"),
    "blocks": N_("fine-tuning the last blocks"),
    "scratch": N_("training from nothing"),
}


@dataclass(frozen=True)
class Evaluation:
    """A network's answers for some photos.

    Attributes:
        loss: mean cross-entropy in nats.
        accuracy: fraction of right answers.
        predicted: the answered classes, (n,).
        confidence: their probabilities, (n,).
    """

    loss: float
    accuracy: float
    predicted: torch.Tensor
    confidence: torch.Tensor

    @classmethod
    def of(cls, logits: torch.Tensor, labels: torch.Tensor) -> Evaluation:
        """Compare logits (n, classes) for photos with the classes (n,) that they are of."""
        confidence, predicted = logits.softmax(-1).max(dim=-1)
        return cls(
            loss=F.cross_entropy(logits, labels).item(),
            accuracy=(predicted == labels).float().mean().item(),
            predicted=predicted,
            confidence=confidence,
        )


@dataclass(frozen=True)
class Best:
    """What was trained, as it was after the best epoch so far.

    Attributes:
        head: the head, for raw embeddings.
        network: what gives its embeddings, with another head; None where that is frozen.
        epoch: from 1.
        evaluation: on the validation photos.
    """

    head: nn.Linear
    network: Classifier | None
    epoch: int
    evaluation: Evaluation


def descend(
    network: Network, train: Examples, validation: Examples, settings: Settings
) -> Steps[Best]:
    """Train by gradient descent, and keep the epoch with the lowest validation loss.

    In adversarial training the latest epoch is kept, and patience never runs out.

    Args:
        network: what is trained, in place.
        train: what it is trained on.
        validation: what it is evaluated on after each epoch.
        settings: how.

    Yields:
        Steps counted in batches; at the end of an epoch with losses in nats and accuracies. From
        the first epoch on, the result is the best one, or, in adversarial training, the latest.

    Raises:
        Problem: the loss is infinite, or no number.
    """
    batches = settings.batches(len(train.labels))  # in an epoch
    optimiser = make_optimiser(network.weights, settings)
    schedule = make_schedule(optimiser, settings, batches)
    generator = torch.Generator().manual_seed(settings.seed)  # of the order, and of augmentation
    # Dropout and FGSM draw from one of their own, so that they do not change the order. A head draws
    # its order and dropout from the same one, so that a seed gives the same head as ever.
    is_head = settings.strategy == "head"
    noise = generator if is_head else torch.Generator().manual_seed(settings.seed + 1)
    now: Step[Best] = Step(0, batches * settings.epochs, phase=_PHASES[settings.strategy])
    best: Best | None = None
    for epoch in range(1, settings.epochs + 1):
        network.train(True)
        for batch in _shuffled(train, generator).split(settings.batch):
            # Pictures, or what the frozen part made of them.
            inputs, labels = train.draw(batch, generator), train.labels[batch]
            if settings.epsilon:
                radius = settings.epsilon / 255
                inputs = fast_gradient_sign(network, inputs, labels, radius, noise)
            logits = network.head(dropout(network.body(inputs), settings.dropout, noise))
            loss = F.cross_entropy(logits, labels, label_smoothing=settings.label_smoothing)
            _check_finite(loss)
            optimiser.zero_grad()
            loss.backward()
            regularise(network.weights, settings, len(train.labels))  # weight decay, clipping
            optimiser.step()
            schedule.step()
            now = replace(now, index=now.index + 1)
            yield now

        network.train(False)
        training = yield from evaluate(network, train, now)
        evaluation = yield from evaluate(network, validation, now)
        # In adversarial training the latest epoch is kept: evaluated on photos that are not
        # attacked, an early one that does not withstand much yet would look best.
        if best is None or settings.epsilon or evaluation.loss < best.evaluation.loss:
            best = Best(*network.trained(), epoch, evaluation)  # copies: training goes on
        now = replace(now, result=best)
        stops_early = 0 < settings.patience <= epoch - best.epoch  # patience 0: never
        total = now.index if stops_early else now.total
        yield replace(now, total=total, scalars=_scores(training, evaluation))
        if stops_early:
            return


def _shuffled(examples: Examples, generator: torch.Generator) -> torch.Tensor:
    return torch.randperm(len(examples.labels), generator=generator)


def _check_finite(loss: torch.Tensor) -> None:
    if not math.isfinite(loss.item()):
        raise Problem(
            N_(
                "The training went astray: its loss is no number any more. Choose a smaller learning rate."
            )
        )


@torch.no_grad()
def _logits(network: Network, inputs: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = network.head(network.body(inputs))
    return logits


def evaluate(
    network: Network, examples: Examples, now: Step[Best]
) -> Generator[Step[Best], None, Evaluation]:
    """Let the network answer, a few photos at a time, so that others get their turns."""
    logits: list[torch.Tensor] = []
    for batch in torch.arange(len(examples.labels)).split(examples.at_once):
        logits.append(_logits(network, examples.plain(batch)))
        yield replace(now, phase=N_("examining"))
    return Evaluation.of(torch.cat(logits), examples.labels)


def _scores(training: Evaluation, validation: Evaluation) -> dict[str, float]:
    """Return the numbers that are worth a curve."""
    return {
        N_("training loss"): training.loss,
        N_("validation loss"): validation.loss,
        N_("training accuracy"): training.accuracy,
        N_("validation accuracy"): validation.accuracy,
    }


def train_head(
    train: tuple[torch.Tensor, torch.Tensor],
    validation: tuple[torch.Tensor, torch.Tensor],
    classes: int,
    settings: Settings,
) -> Steps[Best]:
    """Train a head on embeddings.

    Args:
        train: features (n, D) and labels (n,).
        validation: those that it is evaluated on after each epoch.
        classes: how many there are.
        settings: how.

    Yields:
        A step per epoch, as `descend` does at its end.
    """
    network = HeadAlone(train[0], classes)
    learned = Examples(network.frozen(train[0]), train[1])
    validated = Examples(network.frozen(validation[0]), validation[1])
    steps = descend(network, learned, validated, settings)
    ends = (step for step in steps if step.scalars)
    for epoch, step in enumerate(ends, start=1):
        total = epoch if step.index == step.total else settings.epochs
        yield replace(step, index=epoch, total=total)


def _train_blocks(
    base: Classifier, train: Embedded, validation: Embedded, classes: int, settings: Settings
) -> Steps[Best]:
    """Train the last blocks with a head, which is trained alone before; or all from scratch."""
    start = None
    if settings.strategy == "blocks":
        features = train.labelled, validation.labelled
        start = finish(train_head(*features, classes, settings.of_head)).head
    network = Blocks(base, settings, classes, start)
    n_train, looks = len(train.photos), len(train.photos) + len(validation.photos)
    total = looks + settings.batches(n_train) * settings.epochs
    size, frozen = base.input_size, network.frozen
    examples = yield from relayed(
        compute_views(frozen, size, train.photos, augmentation=settings.augmentation),
        lambda step: replace(step, total=total),
    )
    validated = yield from relayed(
        compute_views(frozen, size, validation.photos, augmentation=False),
        lambda step: replace(step, index=n_train + step.index, total=total),
    )
    for step in descend(network, examples, validated, settings):
        yield replace(step, index=looks + step.index, total=looks + step.total)


@dataclass(frozen=True)
class Training:
    """A trained classifier with the evidence for it.

    Attributes:
        classifier: ready for use, on the shared frozen body or on one of its own.
        epoch: after which it was as it is, from 1.
        evaluation: its answers for the validation photos.
        train: the photos it was trained on.
        validation: the photos it was evaluated on, in the order of these answers.
        skipped: files that were left out, with the reasons.
        settings: how it was trained.
    """

    classifier: Classifier
    epoch: int
    evaluation: Evaluation
    train: tuple[Photo, ...]
    validation: tuple[Photo, ...]
    skipped: tuple[Skipped, ...]
    settings: Settings

    @property
    def photos(self) -> tuple[Photo, ...]:
        """Those it was trained on, then those it was evaluated on."""
        return (*self.train, *self.validation)

    @property
    def n_train(self) -> int:
        """How many photos it was trained on."""
        return len(self.train)

    @property
    def n_val(self) -> int:
        """How many photos it was evaluated on."""
        return len(self.validation)

    @property
    def accuracy(self) -> float:
        """Fraction of validation photos that it gets right."""
        return self.evaluation.accuracy

    @property
    def correct(self) -> int:
        """How many validation photos it gets right."""
        return round(self.accuracy * self.n_val)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy (Wilson)."""
        return wilson(self.correct, self.n_val)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Validation photos by true class (rows) and predicted class (columns)."""
        truth = np.array([photo.label for photo in self.validation])
        predicted = self.evaluation.predicted.numpy()
        return confusion_matrix(truth, predicted, len(self.classifier.labels))


def train(
    base: Classifier, dataset: Dataset, settings: Settings, cache: EmbeddingCache
) -> Steps[Training]:
    """Train a network on a data set, and evaluate it.

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
    parts = _split(dataset, settings, settings.validation_per_class)
    embedded = yield from _embed(base, dataset, parts, settings.epochs, cache)
    learned, validated = embedded.of(parts.train), embedded.of(parts.validation)
    classes = len(dataset.classes)
    if settings.strategy == "head":
        steps = train_head(learned.labelled, validated.labelled, classes, settings)
    else:
        steps = _train_blocks(base, learned, validated, classes, settings)
    looked_at = len(parts.train) + len(parts.validation)
    for step in steps:
        result = None
        if best := step.result:
            result = Training(
                classifier=_with_head(best.network or base, dataset, best),
                epoch=best.epoch,
                evaluation=best.evaluation,
                train=learned.photos,
                validation=validated.photos,
                skipped=(*dataset.left_out, *embedded.skipped),
                settings=settings,
            )
        index, total = looked_at + step.index, looked_at + step.total
        yield Step(index, total, scalars=step.scalars, phase=step.phase, result=result)


def search(
    base: Classifier, dataset: Dataset, settings: Settings, cache: EmbeddingCache
) -> Steps[RateSearch]:
    """Search for a learning rate for a head on a data set; see `descent.search_rate`.

    Yields:
        Steps counted in photos; the last one has the result.

    Raises:
        Problem: there are not enough readable photos.
    """
    parts = _split(dataset, settings, validation_per_class=1)
    embedded = yield from _embed(base, dataset, parts, settings.epochs, cache)
    train = embedded.of(parts.train).labelled
    result = search_rate(train, len(dataset.classes), settings.of_head)
    yield Step(1, 1, phase=N_("searching for the learning rate"), result=result)


def _split(dataset: Dataset, settings: Settings, validation_per_class: int | None) -> Split:
    return split(
        dataset,
        per_class=settings.per_class,
        validation_per_class=validation_per_class,
        seed=settings.seed,
        reserve=settings.reserve,
    )


def _embed(
    base: Classifier, dataset: Dataset, parts: Split, epochs: int, cache: EmbeddingCache
) -> Generator[Step[Any], None, Embedded]:
    """Look at the photos of both parts, with which a training of so many epochs begins."""
    embedded = yield from relayed(
        embed(base, parts.train + parts.validation, cache),
        lambda step: replace(step, total=step.total + epochs),
    )
    _check_readable(dataset, parts, embedded)
    return embedded


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


def _with_head(base: Classifier, dataset: Dataset, best: Best) -> Classifier:
    shown = " · ".join(dataset.classes[:_CLASSES_IN_TITLE])
    return base.with_head(
        best.head,
        name=catalogue.OWN,
        title=shown if len(dataset.classes) <= _CLASSES_IN_TITLE else f"{shown} …",
        labels=Labels(dataset.classes),
        accuracy=best.evaluation.accuracy,
    )
