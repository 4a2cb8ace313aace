"""What the picture is to become: a number to climb, made of what the network sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from core.zoo.classifier import Seen


@dataclass(frozen=True)
class ClassLogit:
    """The logit of a class: "more of this", whatever else is seen beside it."""

    class_id: int

    def loss(self, seen: Seen) -> torch.Tensor:
        """Give the mean of the negative logits."""
        return -seen.logits[:, self.class_id].mean()


@dataclass(frozen=True)
class CrossEntropy:
    """The lesson's loss, -log p(class): it may also fall by making other classes less likely."""

    class_id: int

    def loss(self, seen: Seen) -> torch.Tensor:
        """Give the mean cross-entropy, in nats."""
        target = torch.full((len(seen.logits),), self.class_id, device=seen.logits.device)
        return F.cross_entropy(seen.logits, target)


@dataclass(frozen=True)
class ChannelActivation:
    """The mean of one feature map: what a single little detector looks for.

    Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017.
    """

    layer: str
    channel: int

    def loss(self, seen: Seen) -> torch.Tensor:
        """Give the negative mean over the channel's map."""
        return -seen.maps[self.layer][:, self.channel].mean()


ClassObjective = ClassLogit | CrossEntropy


@dataclass(frozen=True)
class Mixture:
    """Half cat, half zebra: two classes at once.

    Attributes:
        first, second: what is mixed.
        share: how much the first one counts, in [0, 1]; the second one counts the rest.
    """

    first: ClassObjective
    second: ClassObjective
    share: float = 0.5

    def loss(self, seen: Seen) -> torch.Tensor:
        """Give the weighted mean of both losses."""
        return self.share * self.first.loss(seen) + (1 - self.share) * self.second.loss(seen)


Objective = ClassObjective | ChannelActivation | Mixture

OBJECTIVES: dict[str, type[ClassLogit] | type[CrossEntropy]] = {
    "logit": ClassLogit,
    "cross_entropy": CrossEntropy,
}


def classes_of(objective: Objective) -> tuple[int, ...]:
    """Give the classes that an objective wants, the first one first; none for a channel."""
    match objective:
        case Mixture(first, second):
            return first.class_id, second.class_id
        case ChannelActivation():
            return ()
        case _:
            return (objective.class_id,)


def layers_of(objective: Objective) -> tuple[str, ...]:
    """Give the layers whose maps an objective needs to see."""
    return (objective.layer,) if isinstance(objective, ChannelActivation) else ()
