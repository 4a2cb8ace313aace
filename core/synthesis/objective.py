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


@dataclass(frozen=True)
class Reconstruction:
    """Maps like those of a photo: what descent finds again is what a layer still knows of it.

    ‖Φ(x) - Φ₀‖² / ‖Φ₀‖², with the maps Φ of a layer, and Φ₀ those of the photo (Mahendran and
    Vedaldi, "Understanding Deep Image Representations by Inverting Them", CVPR 2015, section 2).
    """

    layer: str

    def loss(self, seen: Seen, photo: Seen) -> torch.Tensor:
        """Return how far the maps are from those of the photo: 0 for the same, 1 for none."""
        wanted = photo.maps[self.layer]
        energy = wanted.square().sum().clamp_min(_LEAST_ENERGY)
        return (seen.maps[self.layer] - wanted).square().sum() / energy


@dataclass(frozen=True)
class Caricature:
    """Maps that say what those of a photo say, only louder: "even more of that".

    -Φ(x)·Φ₀ · max(0.1, cos(Φ(x), Φ₀)), a mean over the values. The dot product grows with whatever
    the photo excites; the cosine holds back what it does not (lucid, `recipes/caricature.py`).
    """

    layer: str

    def loss(self, seen: Seen, photo: Seen) -> torch.Tensor:
        """Return the negative dot product per value, times the cosine."""
        maps, wanted = seen.maps[self.layer].flatten(), photo.maps[self.layer].flatten()
        cosine = F.cosine_similarity(maps, wanted, dim=0).clamp_min(_LEAST_COSINE)
        return -(maps * wanted).mean() * cosine


_LEAST_COSINE = 0.1
_LEAST_ENERGY = 1e-9
"""Of maps, so that a layer that is silent for a photo divides nothing by 0."""
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


OfPicture = ClassObjective | ChannelActivation | Mixture
OfPhoto = Reconstruction | Caricature
"""What a picture is to become beside a photo: its loss is given what is seen of both."""
Objective = OfPicture | OfPhoto

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
    """Return the classes that an objective wants, the first one first; none for maps."""
    match objective:
        case Mixture(first, second):
            return first.class_id, second.class_id
        case ChannelActivation() | Reconstruction() | Caricature():
            return ()
        case _:
            return (objective.class_id,)


def layers_of(objective: Objective) -> tuple[str, ...]:
    """Return the layers whose maps an objective needs to see."""
    match objective:
        case ChannelActivation(layer) | Reconstruction(layer) | Caricature(layer):
            return (layer,)
        case _:
            return ()
