"""The two ways of measuring how much a photo was changed, and what each asks of a step.

A norm says how to step (the steepest direction of unit length), how to stay within ε of the
photo, and how to measure. Perturbations are (N, 3, H, W) differences of pictures in [0, 1].
"""

from __future__ import annotations

from typing import Protocol

import torch

_TINY = 1e-12


class Norm(Protocol):
    """See `LInf` and `L2`.

    Attributes:
        unit: what an ε of 1 means, in pixels of [0, 1].
        unit_name: how to write that after a number.
    """

    unit: float
    unit_name: str

    def steepest(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the step of length 1 that goes up fastest."""

    def project(self, perturbation: torch.Tensor, radius: float) -> torch.Tensor:
        """Return the nearest perturbation of at most that length."""

    def measure(self, perturbation: torch.Tensor) -> torch.Tensor:
        """Return the lengths, (N,)."""

    def anywhere(self, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
        """Return a random perturbation, uniform among those of at most length 1."""


class LInf:
    """No pixel may change by more than ε; ε is counted in 1/255, the smallest visible change."""

    unit = 1 / 255
    unit_name = "/255"

    def steepest(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the sign: every pixel moves by 1, up or down."""
        return gradient.sign()

    def project(self, perturbation: torch.Tensor, radius: float) -> torch.Tensor:
        """Clamp every pixel's change to the radius."""
        return perturbation.clamp(-radius, radius)

    def measure(self, perturbation: torch.Tensor) -> torch.Tensor:
        """Return the greatest change of a pixel, (N,)."""
        return perturbation.abs().flatten(1).amax(dim=1)

    def anywhere(self, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
        """Draw every pixel by itself, uniform in [-1, 1]."""
        return torch.rand(shape, generator=generator) * 2 - 1


class L2:
    """The square root of the summed squares may not exceed ε, an absolute number."""

    unit = 1.0
    unit_name = ""

    def steepest(self, gradient: torch.Tensor) -> torch.Tensor:
        """Scale the gradient to length 1."""
        return gradient / _per_picture(self.measure(gradient)).clamp_min(_TINY)

    def project(self, perturbation: torch.Tensor, radius: float) -> torch.Tensor:
        """Scale what is too long down to the radius."""
        length = _per_picture(self.measure(perturbation))
        return perturbation * (radius / length.clamp_min(_TINY)).clamp(max=1)

    def measure(self, perturbation: torch.Tensor) -> torch.Tensor:
        """Return the Euclidean length, (N,)."""
        # In 32 bits, the sum of 150,000 squares is off by a millionth.
        lengths = torch.linalg.vector_norm(perturbation.flatten(1), dim=1, dtype=torch.float64)
        return lengths.to(perturbation.dtype)

    def anywhere(self, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
        """Draw a direction and a length: with so many dimensions, mostly near the greatest one."""
        dimensions = shape[1:].numel()
        lengths = torch.rand(shape[0], generator=generator) ** (1 / dimensions)
        return self.steepest(torch.randn(shape, generator=generator)) * _per_picture(lengths)


def _per_picture(values: torch.Tensor) -> torch.Tensor:
    return values.view(-1, 1, 1, 1)


NORMS: dict[str, Norm] = {"linf": LInf(), "l2": L2()}
