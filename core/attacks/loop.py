"""Projected gradient descent: step towards the goal, come back to within ε, repeat.

Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", 2018; with one
step it is the fast gradient (sign) method of Goodfellow, Shlens and Szegedy, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from core.attacks.goal import Goal
from core.attacks.norm import NORMS
from core.photos import to_pixels
from core.problem import N_, Problem, check_seed
from core.steps import Step, Steps
from core.zoo.classifier import Classifier

NormName = Literal["linf", "l2"]
MAX_STEPS = 1000
MAX_EPSILON = {"linf": 255.0, "l2": 500.0}


@dataclass(frozen=True)
class Settings:
    """How a photo is attacked.

    Attributes:
        norm: "linf" or "l2"; see `norm`.
        epsilon: how far the photo may be changed: in 1/255 for "linf", absolute for "l2".
        steps: how many steps.
        step_size: length of a step as a share of ε; None for 2.5 / steps, with which the border
            can be reached from anywhere and walked along (Madry et al.).
        random_start: whether to begin at a random place within ε instead of at the photo.
        seed: of that place.
    """

    norm: NormName = "linf"
    epsilon: float = 4.0
    steps: int = 40
    step_size: float | None = None
    random_start: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            Problem: ε or steps are out of their range.
        """
        if not 0 <= self.epsilon <= MAX_EPSILON[self.norm]:
            raise Problem(
                N_("ε must lie between 0 and {most:g}, not {value:g}."),
                most=MAX_EPSILON[self.norm],
                value=self.epsilon,
            )
        if not 1 <= self.steps <= MAX_STEPS:
            raise Problem(
                N_("Between 1 and {most} steps can be made, not {value}."),
                most=MAX_STEPS,
                value=self.steps,
            )

        check_seed(self.seed)

    @property
    def radius(self) -> float:
        """ε in pixels of [0, 1]."""
        return self.epsilon * NORMS[self.norm].unit

    @property
    def stride(self) -> float:
        """Length of a step in pixels of [0, 1]."""
        share = 2.5 / self.steps if self.step_size is None else self.step_size
        # With one step the share would overshoot; the sign method goes exactly to the border.
        return self.radius * min(1.0, share)


@dataclass(frozen=True)
class Attempt:
    """The best that an attack has found so far.

    Attributes:
        original: the photo, (1, 3, H, W) in [0, 1].
        adversarial: the changed photo, likewise.
        goal: what it was to be seen as.
        settings: how it was changed.
        steps_done: how many steps were made.
    """

    original: torch.Tensor
    adversarial: torch.Tensor
    goal: Goal
    settings: Settings
    steps_done: int


def attack(
    classifier: Classifier, photo: torch.Tensor, goal: Goal, settings: Settings
) -> Steps[Attempt]:
    """Change a photo within ε until the network says what is wanted, and then more surely.

    Args:
        classifier: the network to fool; it is not changed.
        photo: (1, 3, H, W) in [0, 1]; never left by more than ε, nor is [0, 1].
        goal: what the network shall say.
        settings: how.

    Yields:
        A step per step of descent. Scalars and picture are those of the photo after it; the
        result is the one with the lowest loss so far.
    """
    norm = NORMS[settings.norm]
    photo = photo.to(classifier.device)
    changed = _start(photo, settings)
    loss, probability, gradient = _evaluate(classifier, changed, goal)
    best, lowest = changed, loss

    for index in range(1, settings.steps + 1):
        perturbation = changed - settings.stride * norm.steepest(gradient) - photo
        changed = (photo + norm.project(perturbation, settings.radius)).clamp(0, 1)
        loss, probability, gradient = _evaluate(classifier, changed, goal)
        if loss < lowest:
            best, lowest = changed, loss
        yield Step(
            index,
            settings.steps,
            scalars={N_("probability"): probability, N_("attack loss"): loss},
            picture=to_pixels(changed),
            result=Attempt(photo, best, goal, settings, index),
        )


def _start(photo: torch.Tensor, settings: Settings) -> torch.Tensor:
    if not settings.random_start:
        return photo
    generator = torch.Generator().manual_seed(settings.seed)
    noise = torch.rand(photo.shape, generator=generator).to(photo.device) * 2 - 1
    within = NORMS[settings.norm].project(noise * settings.radius, settings.radius)
    return (photo + within).clamp(0, 1)


def _evaluate(
    classifier: Classifier, picture: torch.Tensor, goal: Goal
) -> tuple[float, float, torch.Tensor]:
    """Give the loss, the probability of the goal's class, and the loss's gradient."""
    leaf = picture.detach().requires_grad_()
    logits = classifier(leaf)
    loss = goal.loss(logits).sum()
    (gradient,) = torch.autograd.grad(loss, leaf)
    probability = logits.detach().softmax(-1)[0, goal.class_id]
    return loss.item(), probability.item(), gradient
