"""What the picture is to become: a number to climb, made of what the network sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F

from core.problem import N_, Text
from core.setting import Setting
from core.zoo.classifier import Seen


@dataclass(frozen=True)
class ClassLogit:
    """The logit of a class: "more of this", whatever else is seen beside it."""

    class_id: int
    title: ClassVar[Text] = N_("Logit")

    def loss(self, seen: Seen) -> torch.Tensor:
        """Return the mean of the negative logits."""
        return -seen.logits[:, self.class_id].mean()


@dataclass(frozen=True)
class CrossEntropy:
    """The lesson's loss, -log p(class): it may also fall by making other classes less likely."""

    class_id: int
    title: ClassVar[Text] = N_("Cross-entropy")

    def loss(self, seen: Seen) -> torch.Tensor:
        """Return the mean cross-entropy, in nats."""
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
        """Return the negative mean over the channel's map."""
        return -seen.maps[self.layer][:, self.channel].mean()


_NEAR = 3


def nearest(seen: Seen, classes: Sequence[int]) -> torch.Tensor:
    """Return how sure the network is of the three likeliest other classes, a soft maximum.

    log Σ exp(logit) over them, the mean over the pictures; 0 where there are no others. Taken from
    what a picture is to become, it leaves what tells the class from its neighbours.

    Args:
        seen: what the network made of the pictures.
        classes: those that are wanted.
    """
    count = min(_NEAR, seen.logits.shape[1] - len(set(classes)))
    if not count:
        return seen.logits.new_zeros(())
    wanted = torch.tensor(classes, device=seen.logits.device)
    others = seen.logits.index_fill(1, wanted, -torch.inf)
    return others.topk(count, dim=-1).values.logsumexp(dim=-1).mean()


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
        """Return the weighted mean of both losses."""
        return self.share * self.first.loss(seen) + (1 - self.share) * self.second.loss(seen)


Objective = ClassObjective | ChannelActivation | Mixture

OBJECTIVES: dict[str, type[ClassLogit] | type[CrossEntropy]] = {
    "logit": ClassLogit,
    "cross_entropy": CrossEntropy,
}
OBJECTIVE = Setting(
    choices={name: kind.title for name, kind in OBJECTIVES.items()},
    label=N_("Objective"),
    help=N_(
        "The logit asks for more of the class. Cross-entropy, the lesson's loss, is also content with less of all others."
    ),
)
"""Which of them draws a class."""


def classes_of(objective: Objective) -> tuple[int, ...]:
    """Return the classes that an objective wants, the first one first; none for a channel."""
    match objective:
        case Mixture(first, second):
            return first.class_id, second.class_id
        case ChannelActivation():
            return ()
        case _:
            return (objective.class_id,)


def layers_of(objective: Objective) -> tuple[str, ...]:
    """Return the layers whose maps an objective needs to see."""
    return (objective.layer,) if isinstance(objective, ChannelActivation) else ()
