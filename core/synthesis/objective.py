"""What the picture is to become: a number to climb, made of the network's logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class ClassLogit:
    """The logit of a class: "more of this", whatever else is seen beside it."""

    class_id: int

    def loss(self, logits: torch.Tensor) -> torch.Tensor:
        """Give the mean of the negative logits for logits (N, classes)."""
        return -logits[:, self.class_id].mean()


@dataclass(frozen=True)
class CrossEntropy:
    """The lesson's loss, -log p(class): it may also fall by making other classes less likely."""

    class_id: int

    def loss(self, logits: torch.Tensor) -> torch.Tensor:
        """Give the mean cross-entropy for logits (N, classes)."""
        target = torch.full((len(logits),), self.class_id, device=logits.device)
        return F.cross_entropy(logits, target)


Objective = ClassLogit | CrossEntropy

OBJECTIVES: dict[str, type[ClassLogit] | type[CrossEntropy]] = {
    "logit": ClassLogit,
    "cross_entropy": CrossEntropy,
}
