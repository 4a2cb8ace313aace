"""Training a new head: the one linear layer that turns embeddings into classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from core.problem import N_, Problem, check_seed
from core.steps import Step, Steps

MAX_EPOCHS = 500


@dataclass(frozen=True)
class HeadSettings:
    """How a head is trained.

    Attributes:
        epochs: how many times all photos are learned from.
        learning_rate: Adam's at the start; it falls to zero along a cosine.
        weight_decay: how strongly weights are drawn towards zero, in examples: at 1, as much as
            one photo counts (the prior of a logistic regression on features of unit length).
        batch: photos per step.
        seed: of the order of the photos.
    """

    epochs: int = 40
    learning_rate: float = 0.01
    weight_decay: float = 0.5
    batch: int = 32
    seed: int = 0

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
        check_seed(self.seed)


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
        layer = _blank_layer(width, classes)
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
    features, labels = train
    mean = features.mean(dim=0)
    length = (features - mean).square().sum(dim=1).mean().sqrt().clamp_min(1e-6)
    scaled = (features - mean) / length
    generator = torch.Generator().manual_seed(settings.seed)
    layer = _blank_layer(features.shape[1], classes)
    nn.init.zeros_(layer.weight)  # no class is preferred before the first photo
    nn.init.zeros_(layer.bias)
    optimiser = torch.optim.Adam(layer.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs)
    decay = settings.weight_decay / len(labels)
    best: TrainedHead | None = None

    for epoch in range(1, settings.epochs + 1):
        for chosen in torch.split(torch.randperm(len(labels), generator=generator), settings.batch):
            loss = F.cross_entropy(layer(scaled[chosen]), labels[chosen])
            loss = loss + decay / 2 * layer.weight.square().sum()
            layer.weight.grad, layer.bias.grad = torch.autograd.grad(
                loss, (layer.weight, layer.bias)
            )
            optimiser.step()
        schedule.step()

        head = _on_raw_embeddings(layer, mean, length)
        training, examination = examine(head, *train), examine(head, *validation)
        if best is None or examination.loss < best.examination.loss:
            best = TrainedHead(head, epoch, examination)
        yield Step(
            epoch,
            settings.epochs,
            scalars={
                N_("training loss"): training.loss,
                N_("validation loss"): examination.loss,
                N_("training accuracy"): training.accuracy,
                N_("validation accuracy"): examination.accuracy,
            },
            phase=N_("training the head"),
            result=best,
        )


def _blank_layer(width: int, classes: int) -> nn.Linear:
    """A layer without numbers yet; `nn.Linear` itself would draw from the global random ones."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, width, classes)  # type: ignore[no-untyped-call]
    return layer


def _on_raw_embeddings(layer: nn.Linear, mean: torch.Tensor, length: torch.Tensor) -> LinearHead:
    """Fold centring and scaling into the layer: W(x - m)/s + b = (W/s)x + (b - (W/s)m)."""
    weight = layer.weight.detach() / length
    return LinearHead(weight, layer.bias.detach() - weight @ mean)


@torch.no_grad()
def examine(head: LinearHead, features: torch.Tensor, labels: torch.Tensor) -> Examination:
    """Let a head answer for embeddings (n, D) whose classes (n,) are known."""
    logits = head(features)
    confidence, predicted = logits.softmax(-1).max(dim=-1)
    return Examination(
        loss=F.cross_entropy(logits, labels).item(),
        accuracy=(predicted == labels).float().mean().item(),
        predicted=predicted,
        confidence=confidence,
    )
