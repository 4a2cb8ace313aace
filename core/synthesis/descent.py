"""How far a step goes along the gradient: two ways, and the size that a gradient is brought to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch

_MOMENTUM = 0.9

DescentName = Literal["adam", "momentum"]
DESCENTS: dict[DescentName, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "momentum": partial(torch.optim.SGD, momentum=_MOMENTUM),
}
"""Adam moves every number by about the learning rate, however small its gradient: on waves also
the thousands of fine ones that the network hardly cares for, and a grain covers the picture. With
momentum and a gradient of unit size, large shapes move far and fine waves little, as the gradient
has it."""


def unit(gradient: torch.Tensor) -> torch.Tensor:
    """Return the gradient scaled to a root mean square of 1; a gradient of zeros stays so.

    >>> unit(torch.tensor([3.0, 4.0])).square().mean().item()
    1.0
    """
    size = gradient.square().mean().sqrt()
    return gradient / size.clamp_min(torch.finfo(gradient.dtype).tiny)
