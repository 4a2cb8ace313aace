"""Gradient descent on labelled examples, with the tricks that make it work better.

for batch in descend(model, groups, examples, tricks, epochs=5, batch=32, seed=0):
    ...                          # the model has learned a little more
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import nn

from core.problem import N_, Problem, check_range

OptimiserName = Literal["adam", "momentum", "sgd"]
ScheduleName = Literal["cosine", "constant", "warm-up"]
OPTIMISERS: tuple[OptimiserName, ...] = ("adam", "momentum", "sgd")
SCHEDULES: tuple[ScheduleName, ...] = ("cosine", "constant", "warm-up")
MOMENTUM = 0.9
_WARM_UP = 0.1
"""Share of the steps in which "warm-up" raises the learning rate."""

Draw = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
"""From the numbers of some examples (n,) to what the model is fed, (n, ...)."""


@dataclass(frozen=True)
class Tricks:
    """What is done beyond plain descent.

    Attributes:
        optimiser: "adam" (Kingma and Ba 2015), "momentum" (SGD with 0.9) or "sgd".
        schedule: how the learning rate moves: "cosine" falls to zero, "constant" stays,
            "warm-up" rises for a tenth of the way and then falls.
        weight_decay: how strongly weights are drawn towards zero, in examples: at 1, as much as
            one photo counts (the prior of a logistic regression).
        dropout: share of the head's inputs that are blanked at each step (Srivastava et al. 2014).
        clip: greatest length of the gradient; 0 for any.
        label_smoothing: share of the certainty that is spread over all classes (Szegedy 2016).
        patience: epochs without a better validation loss after which it ends; 0 for never.
        augmentation: whether varied views of each photo are learned from.
    """

    optimiser: OptimiserName = "adam"
    schedule: ScheduleName = "cosine"
    weight_decay: float = 0.5
    dropout: float = 0.0
    clip: float = 0.0
    label_smoothing: float = 0.0
    patience: int = 0
    augmentation: bool = False

    def __post_init__(self) -> None:
        """Refuse tricks that are none.

        Raises:
            Problem: a value is out of its range.
            ValueError: there is no such optimiser or schedule.
        """
        if self.optimiser not in OPTIMISERS or self.schedule not in SCHEDULES:
            raise ValueError(f"{self.optimiser} or {self.schedule} is unknown")
        check_range(N_("weight decay"), self.weight_decay, 0, 1e4)
        check_range(N_("dropout"), self.dropout, 0, 0.95)
        check_range(N_("gradient clipping"), self.clip, 0, 1e6)
        check_range(N_("label smoothing"), self.label_smoothing, 0, 0.95)
        check_range(N_("patience"), self.patience, 0, 500)


@dataclass(frozen=True)
class Examples:
    """What is learned from.

    Attributes:
        labels: the classes, (n,).
        draw: gives the model's inputs for some of the examples.
    """

    labels: torch.Tensor
    draw: Draw

    @classmethod
    def of(cls, inputs: torch.Tensor, labels: torch.Tensor) -> Examples:
        """Take examples as they are, inputs (n, ...) and labels (n,)."""
        return cls(labels, lambda chosen, _: inputs[chosen])


@dataclass(frozen=True)
class Batch:
    """How far a descent is.

    Attributes:
        epoch: from 1.
        done: batches of this epoch.
        total: how many an epoch has.
        loss: of this batch, in nats.
    """

    epoch: int
    done: int
    total: int
    loss: float

    @property
    def ends_epoch(self) -> bool:
        """Whether all examples have been learned from once more."""
        return self.done == self.total


@dataclass(frozen=True)
class Group:
    """Weights with a learning rate of their own."""

    parameters: tuple[nn.Parameter, ...]
    learning_rate: float


def descend(
    model: Callable[[torch.Tensor], torch.Tensor],
    groups: Sequence[Group],
    examples: Examples,
    tricks: Tricks,
    *,
    epochs: int,
    batch: int,
    seed: int,
) -> Generator[Batch, None, None]:
    """Train by gradient descent, a batch at a time.

    Args:
        model: from inputs (n, ...) to logits (n, classes).
        groups: the weights that are changed, in place.
        examples: what is learned from.
        tricks: how.
        epochs: how many times all examples are learned from.
        batch: examples per step.
        seed: of their order and of the inputs' variety.

    Yields:
        After each batch. Nothing keeps the weights of the best epoch here.

    Raises:
        Problem: the loss is infinite, or no number.
    """
    generator = torch.Generator().manual_seed(seed)
    count = len(examples.labels)
    total = math.ceil(count / batch)
    optimiser = make_optimiser(groups, tricks.optimiser)
    rate = torch.optim.lr_scheduler.LambdaLR(optimiser, _course(tricks.schedule, epochs, total))
    for epoch in range(1, epochs + 1):
        order = torch.randperm(count, generator=generator)
        for done, chosen in enumerate(torch.split(order, batch), start=1):
            inputs = examples.draw(chosen, generator)
            loss = learn(model, inputs, examples.labels[chosen], optimiser, tricks, count)
            if not math.isfinite(loss):
                raise Problem(
                    N_(
                        "The training went astray: its loss is no number any more. Choose a smaller learning rate."
                    )
                )
            rate.step()
            yield Batch(epoch, done, total, loss)


def learn(
    model: Callable[[torch.Tensor], torch.Tensor],
    inputs: torch.Tensor,
    labels: torch.Tensor,
    optimiser: torch.optim.Optimizer,
    tricks: Tricks,
    count: int,
) -> float:
    """Make one step of descent on a batch, and give its loss in nats, without penalties.

    Args:
        model: from inputs to logits.
        inputs: (n, ...).
        labels: (n,).
        optimiser: of the weights.
        tricks: label smoothing, weight decay and clipping.
        count: examples in all, which the weight decay is measured in.
    """
    weights = [p for group in optimiser.param_groups for p in group["params"]]
    entropy = F.cross_entropy(model(inputs), labels, label_smoothing=tricks.label_smoothing)
    squares = torch.stack([p.square().sum() for p in weights if p.dim() > 1]).sum()
    loss = entropy + tricks.weight_decay / count / 2 * squares
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        weight.grad = gradient
    if tricks.clip:
        nn.utils.clip_grad_norm_(weights, tricks.clip)
    optimiser.step()
    return entropy.item()


def make_optimiser(groups: Sequence[Group], name: OptimiserName) -> torch.optim.Optimizer:
    """Give the optimiser of that name."""
    described: list[dict[str, Any]] = [
        {"params": list(group.parameters), "lr": group.learning_rate} for group in groups
    ]
    if name == "adam":
        return torch.optim.Adam(described)
    return torch.optim.SGD(described, momentum=MOMENTUM if name == "momentum" else 0.0)


def _course(schedule: ScheduleName, epochs: int, total: int) -> Callable[[int], float]:
    """What the learning rate is multiplied by after so many batches."""
    if schedule == "constant":
        return lambda step: 1.0

    def cosine(step: int) -> float:
        # By whole epochs, so that an epoch's batches are treated alike.
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step // total) / epochs)))

    if schedule == "cosine":
        return cosine
    rising = max(1, round(_WARM_UP * epochs * total))
    return lambda step: min(1.0, (step + 1) / rising) * cosine(step)


def dropped(inputs: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Blank a share of the numbers (n, ...) and enlarge the others to make up for it.

    `F.dropout` would draw from the random numbers that everybody shares.
    """
    if not share:
        return inputs
    kept = torch.rand(inputs.shape, generator=generator) >= share
    return inputs * kept / (1 - share)


@dataclass(frozen=True)
class RateSearch:
    """What a search for the learning rate has found.

    Attributes:
        rates: the learning rates tried, rising.
        losses: the smoothed loss at each, in nats.
        suggestion: where the loss falls fastest.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float


def find_learning_rate(
    model: Callable[[torch.Tensor], torch.Tensor],
    parameters: Sequence[nn.Parameter],
    examples: Examples,
    tricks: Tricks,
    *,
    rates: tuple[float, float] = (1e-5, 10.0),
    steps: int = 80,
    batch: int = 32,
    seed: int = 0,
) -> RateSearch:
    """Raise the learning rate at each step and watch the loss (Smith 2017, "LR range test").

    The weights are put back at the end.

    Args:
        model: from inputs (n, ...) to logits.
        parameters: the weights.
        examples: what is learned from.
        tricks: how.
        rates: the least and the greatest tried.
        steps: how many are tried in between, evenly spaced on a logarithmic scale; it ends early
            once the loss is four times its least.
        batch: examples per step.
        seed: of their order.
    """
    before = [parameter.detach().clone() for parameter in parameters]
    generator = torch.Generator().manual_seed(seed)
    optimiser = make_optimiser([Group(tuple(parameters), rates[0])], tricks.optimiser)
    tried: list[float] = []
    losses: list[float] = []
    smooth = 0.0
    count = len(examples.labels)
    for step in range(steps):
        rate = rates[0] * (rates[1] / rates[0]) ** (step / max(1, steps - 1))
        optimiser.param_groups[0]["lr"] = rate
        chosen = torch.randint(count, (min(batch, count),), generator=generator)
        inputs = examples.draw(chosen, generator)
        loss = learn(model, inputs, examples.labels[chosen], optimiser, tricks, count)
        smooth = _SMOOTH * smooth + (1 - _SMOOTH) * loss
        tried.append(rate)
        losses.append(smooth / (1 - _SMOOTH ** (step + 1)))
        if not math.isfinite(loss) or losses[-1] > 4 * min(losses):
            break
    with torch.no_grad():
        for parameter, value in zip(parameters, before, strict=True):
            parameter.copy_(value)
    return RateSearch(tuple(tried), tuple(losses), _steepest(tried, losses))


_SMOOTH = 0.8


def _steepest(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate at which the loss falls fastest, up to where it is least."""
    least = min(range(len(losses)), key=lambda i: losses[i])
    falls = [losses[i] - losses[i + 1] for i in range(least)] or [0.0]
    return rates[max(range(len(falls)), key=lambda i: falls[i])]
