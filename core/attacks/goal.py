"""What an attack wants the network to say, and how far it is from that."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from PIL import Image

from core.problem import N_, Problem
from core.zoo import predictions
from core.zoo.classifier import Classifier


@dataclass(frozen=True)
class Goal:
    """Towards a class, or away from one.

    Attributes:
        class_id: the class.
        targeted: True: the picture is to be seen as this class; False: as any other.
        true_id: what the photo is seen as, or really is, where that is known.
    """

    class_id: int
    targeted: bool
    true_id: int | None = field(default=None, compare=False)

    def loss(self, logits: torch.Tensor) -> torch.Tensor:
        """Return what the attack brings down, per picture.

        The cross-entropy of the class: as it is towards the class, negated away from it
        (Kurakin, Goodfellow and Bengio, "Adversarial examples in the physical world", 2017).

        Args:
            logits: (N, classes).

        Returns:
            (N,), in nats.
        """
        classes = torch.full((len(logits),), self.class_id, device=logits.device)
        cross_entropy = F.cross_entropy(logits, classes, reduction="none")
        return cross_entropy if self.targeted else -cross_entropy

    def reached(self, logits: torch.Tensor) -> torch.Tensor:
        """Return per picture, (N,) booleans, whether logits (N, classes) are what was wanted."""
        return (logits.argmax(dim=-1) == self.class_id) == self.targeted

    def wanted(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the probability, (N,), of what is wanted: the target, or the strongest other."""
        probabilities = logits.softmax(dim=-1)
        if self.targeted:
            return probabilities[:, self.class_id]
        others = probabilities.clone()
        others[:, self.class_id] = 0
        return others.amax(dim=-1)


def goal_for(classifier: Classifier, photo: Image.Image, target: int | None) -> Goal:
    """Return the goal for a photo.

    Args:
        classifier: the network to fool.
        photo: an RGB photo.
        target: the class to be seen as, or None for "anything but what it is seen as now".

    Raises:
        Problem: the network sees the target already.
    """
    seen = predictions.top(classifier, photo, count=1)[0]
    if target is None:
        return Goal(seen.class_id, targeted=False, true_id=seen.class_id)
    if target == seen.class_id:
        raise already_seen(seen.class_name)
    return Goal(target, targeted=True, true_id=seen.class_id)


def already_seen(class_name: str) -> Problem:
    """Return what is wrong with a target that the network sees already."""
    return Problem(
        N_("The network already takes this photo for {name}. Choose another class or photo."),
        name=class_name,
    )
