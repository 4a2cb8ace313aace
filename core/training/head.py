"""Training a new head: the one linear layer that turns embeddings into classes."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from core.problem import N_, Problem, check_range, check_seed
from core.steps import Step, Steps
from core.training.descent import (
    Examples,
    Group,
    OptimiserName,
    RateSearch,
    Tricks,
    descend,
    dropped,
    find_learning_rate,
)

MAX_EPOCHS = 500
MAX_BATCH = 10_000


@dataclass(frozen=True)
class HeadSettings:
    """How a head is trained.

    Attributes:
        epochs: how many times all photos are learned from.
        learning_rate: the optimiser's at the start; see `LEARNING_RATES`.
        batch: photos per step.
        seed: of the order of the photos.
        tricks: what is done beyond plain descent.
    """

    epochs: int = 40
    learning_rate: float = 0.01
    batch: int = 32
    seed: int = 0
    tricks: Tricks = field(default_factory=Tricks)

    def __post_init__(self) -> None:
        """Refuse settings with which nothing can be learned.

        Raises:
            Problem: a setting is out of its range.
        """
        if not 1 <= self.epochs <= MAX_EPOCHS:
            raise Problem(
                N_("Between 1 and {most} epochs can be trained, not {value}."),
                most=MAX_EPOCHS,
                value=self.epochs,
            )
        check_range(N_("learning rate"), self.learning_rate, 1e-9, 100)
        check_range(N_("batch size"), self.batch, 1, MAX_BATCH)
        check_seed(self.seed)


LEARNING_RATES: dict[OptimiserName, float] = {"adam": 0.01, "momentum": 0.3, "sgd": 3.0}
"""What suits each optimiser on embeddings scaled to a mean squared length of 1."""


@dataclass(frozen=True)
class LinearHead:
    """A linear layer on raw embeddings.

    Attributes:
        weight: (classes, D).
        bias: (classes,).
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Give the logits (n, classes) of embeddings (n, D)."""
        return F.linear(features, self.weight, self.bias)

    def module(self) -> nn.Linear:
        """Give the head as a frozen layer of its own."""
        classes, width = self.weight.shape
        layer = blank_layer(width, classes)
        with torch.no_grad():  # copy_ refuses what does not fit
            layer.weight.copy_(self.weight)
            layer.bias.copy_(self.bias)
        return layer.requires_grad_(False)


@dataclass(frozen=True)
class Examination:
    """A head's answers for some photos.

    Attributes:
        loss: mean cross-entropy in nats.
        accuracy: share of right answers.
        predicted: the answered classes, (n,).
        confidence: their probabilities, (n,).
    """

    loss: float
    accuracy: float
    predicted: torch.Tensor
    confidence: torch.Tensor


@dataclass(frozen=True)
class TrainedHead:
    """The best head so far.

    Attributes:
        head: the layer.
        epoch: after which it was taken, from 1.
        examination: its answers for the validation photos.
    """

    head: LinearHead
    epoch: int
    examination: Examination


def fit_head(
    train: tuple[torch.Tensor, torch.Tensor],
    validation: tuple[torch.Tensor, torch.Tensor],
    classes: int,
    settings: HeadSettings,
) -> Steps[TrainedHead]:
    """Train a linear layer on embeddings; a multinomial logistic regression by gradient descent.

    Embeddings are first centred and scaled, all by one number, to a mean squared length of 1, so
    that one learning rate suits every network; the head that comes out works on raw ones. Scaling
    each feature by itself would make the rare ones loud, and costs two points of accuracy on
    cats and dogs.

    Args:
        train: features (n, D) and labels (n,).
        validation: likewise, to be examined on after each epoch.
        classes: how many there are.
        settings: how.

    Yields:
        A step per epoch with the losses in nats and the accuracies; its result is the head with
        the lowest validation loss so far.
    """
    scale = Scale.of(train[0])
    layer = blank_layer(train[0].shape[1], classes)
    best: TrainedHead | None = None
    for batch in descend(
        layer,
        [Group(tuple(layer.parameters()), settings.learning_rate)],
        _scaled(train, scale, settings.tricks),
        settings.tricks,
        epochs=settings.epochs,
        batch=settings.batch,
        seed=settings.seed,
    ):
        if not batch.ends_epoch:
            continue
        head = scale.on_raw_embeddings(layer)
        training, examination = examine(head, *train), examine(head, *validation)
        if best is None or examination.loss < best.examination.loss:
            best = TrainedHead(head, batch.epoch, examination)
        is_last = is_enough(batch.epoch, best.epoch, settings.tricks.patience)
        yield Step(
            batch.epoch,
            batch.epoch if is_last else settings.epochs,
            scalars=scores(training, examination),
            phase=N_("training the head"),
            result=best,
        )
        if is_last:
            return


def search_rate(
    train: tuple[torch.Tensor, torch.Tensor], classes: int, settings: HeadSettings
) -> RateSearch:
    """Find a learning rate for a head on embeddings (n, D) with labels (n,)."""
    layer = blank_layer(train[0].shape[1], classes)
    return find_learning_rate(
        layer,
        tuple(layer.parameters()),
        _scaled(train, Scale.of(train[0]), settings.tricks),
        settings.tricks,
        rates=(1e-5, 100.0),
        batch=settings.batch,
        seed=settings.seed,
    )


def scores(training: Examination, validation: Examination) -> dict[str, float]:
    """Give the numbers that are worth a curve."""
    return {
        N_("training loss"): training.loss,
        N_("validation loss"): validation.loss,
        N_("training accuracy"): training.accuracy,
        N_("validation accuracy"): validation.accuracy,
    }


def is_enough(epoch: int, best: int, patience: int) -> bool:
    """Whether so many epochs have passed since the best one that waiting is over."""
    return bool(patience) and epoch - best >= patience


@dataclass(frozen=True)
class Scale:
    """Where embeddings lie, and how far from there.

    Attributes:
        mean: (D,).
        length: root of the mean squared distance from it.
    """

    mean: torch.Tensor
    length: torch.Tensor

    @classmethod
    def of(cls, features: torch.Tensor) -> Scale:
        """Measure embeddings (n, D)."""
        mean = features.mean(dim=0)
        return cls(mean, (features - mean).square().sum(dim=1).mean().sqrt().clamp_min(1e-6))

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Centre and scale embeddings (n, D)."""
        return (features - self.mean) / self.length

    def on_raw_embeddings(self, layer: nn.Linear) -> LinearHead:
        """Fold centring and scaling into a layer: W(x - m)/s + b = (W/s)x + (b - (W/s)m)."""
        weight = layer.weight.detach() / self.length
        return LinearHead(weight, layer.bias.detach() - weight @ self.mean)


def _scaled(train: tuple[torch.Tensor, torch.Tensor], scale: Scale, tricks: Tricks) -> Examples:
    features, labels = train
    inputs = scale(features)
    return Examples(labels, lambda chosen, random: dropped(inputs[chosen], tricks.dropout, random))


def blank_layer(width: int, classes: int) -> nn.Linear:
    """A layer of zeros: no class is preferred before the first photo.

    `nn.Linear` itself would draw from the random numbers that everybody shares.
    """
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, width, classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


@torch.no_grad()
def examine(head: LinearHead, features: torch.Tensor, labels: torch.Tensor) -> Examination:
    """Let a head answer for embeddings (n, D) whose classes (n,) are known."""
    return examined(head(features), labels)


def examined(logits: torch.Tensor, labels: torch.Tensor) -> Examination:
    """Judge answers (n, classes) to photos whose classes (n,) are known."""
    confidence, predicted = logits.softmax(-1).max(dim=-1)
    return Examination(
        loss=F.cross_entropy(logits, labels).item(),
        accuracy=(predicted == labels).float().mean().item(),
        predicted=predicted,
        confidence=confidence,
    )
