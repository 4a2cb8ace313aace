"""What gradient descent is made of: optimiser, learning rate, gradient, dropout."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from core.training.network import HeadAlone
from core.training.settings import Settings

MOMENTUM = 0.9
_WARM_UP = 0.1
"""Fraction of the steps in which "warm-up" raises the learning rate."""
_LEAST_RATE, _GREATEST_RATE = 1e-5, 100.0
_RATES = 80
_SMOOTHING = 0.8


def make_optimiser(weights: Sequence[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """Return the optimiser that is chosen, for these weights."""
    if settings.optimiser == "adam":
        return torch.optim.Adam(weights, lr=settings.learning_rate)
    momentum = MOMENTUM if settings.optimiser == "momentum" else 0.0
    return torch.optim.SGD(weights, lr=settings.learning_rate, momentum=momentum)


def make_schedule(optimiser: torch.optim.Optimizer, settings: Settings, batches: int) -> LambdaLR:
    """Return what changes the learning rate after each of an epoch's `batches`."""
    return LambdaLR(optimiser, _factor(settings, batches))


def _factor(settings: Settings, batches: int) -> Callable[[int], float]:
    """Return what gives the factor of the learning rate after so many batches."""
    if settings.schedule == "constant":
        return lambda step: 1.0

    def cosine(step: int) -> float:
        # By whole epochs, so that an epoch's batches are treated alike.
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step // batches) / settings.epochs)))

    if settings.schedule == "cosine":
        return cosine
    rising = max(1, round(_WARM_UP * settings.epochs * batches))
    return lambda step: min(1.0, (step + 1) / rising) * cosine(step)


def dropout(inputs: torch.Tensor, fraction: float, generator: torch.Generator) -> torch.Tensor:
    """Zero a fraction of the numbers (n, ...) and enlarge the others to make up for it.

    `F.dropout` would draw from the random numbers that everybody shares.
    """
    if not fraction:
        return inputs
    kept = torch.rand(inputs.shape, generator=generator) >= fraction
    return inputs * kept / (1 - fraction)


def regularise(weights: Sequence[nn.Parameter], settings: Settings, examples: int) -> None:
    """Add weight decay to the gradient of each weight, and clip the whole.

    Args:
        weights: with their gradients; biases do not decay.
        settings: weight decay and clipping.
        examples: how many there are in all, which the weight decay is measured in.
    """
    for weight in weights:
        if weight.grad is not None and weight.dim() > 1:
            weight.grad.add_(weight.detach(), alpha=settings.weight_decay / examples)
    if settings.clip:
        nn.utils.clip_grad_norm_(weights, settings.clip)


@dataclass(frozen=True)
class RateSearch:
    """What a search for the learning rate has come to.

    Attributes:
        rates: the learning rates tried, rising.
        losses: the smoothed loss at each, in nats.
        suggestion: where the loss falls fastest.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float


def search_rate(
    train: tuple[torch.Tensor, torch.Tensor], classes: int, settings: Settings
) -> RateSearch:
    """Raise a head's learning rate at each step and watch the loss (Smith 2017, "LR range test").

    The rates are evenly spaced on a logarithmic scale; it ends early once the loss is four times
    its least.

    Args:
        train: features (n, D) and labels (n,).
        classes: how many there are.
        settings: of the head.
    """
    network, labels = HeadAlone(train[0], classes), train[1]
    inputs = network.frozen(train[0])
    optimiser = make_optimiser(network.weights, settings)
    generator = torch.Generator().manual_seed(settings.seed)
    count = len(labels)
    rates: list[float] = []
    losses: list[float] = []
    smooth = 0.0
    for step in range(_RATES):
        rates.append(_LEAST_RATE * (_GREATEST_RATE / _LEAST_RATE) ** (step / (_RATES - 1)))
        optimiser.param_groups[0]["lr"] = rates[-1]
        batch = torch.randint(count, (min(settings.batch, count),), generator=generator)
        embeddings = dropout(inputs[batch], settings.dropout, generator)
        logits = network.head(embeddings)
        loss = F.cross_entropy(logits, labels[batch], label_smoothing=settings.label_smoothing)
        optimiser.zero_grad()
        loss.backward()
        regularise(network.weights, settings, count)
        optimiser.step()
        smooth = _SMOOTHING * smooth + (1 - _SMOOTHING) * loss.item()
        losses.append(smooth / (1 - _SMOOTHING ** (step + 1)))
        if not math.isfinite(loss.item()) or losses[-1] > 4 * min(losses):
            break
    return RateSearch(tuple(rates), tuple(losses), _steepest(rates, losses))


def _steepest(rates: Sequence[float], losses: Sequence[float]) -> float:
    """Return the rate at which the loss falls fastest, up to where it is least."""
    least = min(range(len(losses)), key=lambda i: losses[i])
    falls = [losses[i] - losses[i + 1] for i in range(least)] or [0.0]
    return rates[max(range(len(falls)), key=lambda i: falls[i])]
