"""The ways of measuring how much a photo was changed, and what each asks of a step.

A norm says how to step (the steepest direction of unit length), how to stay within ε of the
photo, and how to measure. Perturbations are (N, 3, H, W) differences of pictures in [0, 1].
"""

from __future__ import annotations

from typing import Literal, Protocol

import torch

from core.problem import N_, Text
from core.setting import Setting

_TINY = 1e-12


class Norm(Protocol):
    """See `LInf` and `L2`.

    Attributes:
        title: its name, translatable.
        unit: what an ε of 1 means, in pixels of [0, 1].
        unit_name: how to write that after a number.
        most: the greatest ε.
        search: the greatest ε that is tried where the smallest one is looked for.
        usual: the ε that a page begins with.
        epsilon: what pages and links ask for.
        power: a change of length 1 that is spread evenly over n numbers is n^-power in each.
        told: what ε is, for a script to take along.
        code: there, functions that do what `steepest` and `project` do.
        start: there, what `anywhere` returns, times `EPSILON`.
    """

    title: Text
    unit: float
    unit_name: str
    most: float
    search: float
    usual: float
    epsilon: Setting
    power: float
    told: str
    code: str
    start: str

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

    title = N_("L∞: each pixel")
    unit = 1 / 255
    unit_name = "/255"
    most = 255.0
    search = 64.0
    usual = 4.0
    epsilon = Setting(
        label=N_("ε – at most, in 1/255"),
        help=N_(
            "A pixel's brightness goes from 0 to 255; with ε = 4 none may change by more than 4. Move it while the attack runs, or afterwards: the change is brought back to within it at once."
        ),
        offered=(0.0, 16.0),
        step=0.5,
        link="epsilon",
    )
    power = 0.0
    told = "how far each pixel may go"
    code = '''# %% How large a change is: the greatest change of a pixel
def steepest(gradient):
    """Every pixel moves by 1, up or down."""
    return gradient.sign()

def projected(change):
    """Back to where no pixel has changed by more than EPSILON."""
    return change.clamp(-EPSILON, EPSILON)
'''
    start = "EPSILON * (2 * torch.rand_like(photo) - 1)"

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

    title = N_("L2: all together")
    unit = 1.0
    unit_name = ""
    most = 500.0
    search = 32.0
    usual = 3.0
    epsilon = Setting(
        label=N_("ε – at most, as a length"),
        help=N_("The root of all squared changes, with brightness from 0 to 1."),
        offered=(0.0, 10.0),
        step=0.25,
        link="length",
    )
    power = 0.5
    told = "length of the whole change"
    code = '''# %% How large a change is: its length
def steepest(gradient):
    """The gradient itself, brought to length 1."""
    return gradient / gradient.norm().clamp_min(1e-12)

def projected(change):
    """Back to where the change is no longer than EPSILON."""
    return change * (EPSILON / change.norm().clamp_min(1e-12)).clamp(max=1)
'''
    start = "projected(EPSILON * torch.randn_like(photo))"

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


NormName = Literal["linf", "l2"]
NORMS: dict[str, Norm] = {"linf": LInf(), "l2": L2()}
