"""Operators of PyTorch that the app uses though nobody has promised that they stay.

PyTorch's own compiler and its automatic differentiation call them; its documentation does not name
them. What they are for is done the documented way where one is missing or answers otherwise, see
`core.zoo.chains`, which tries them before it relies on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Operators:
    """What a chain of convolutions is computed with, and differentiated.

    Attributes:
        convolution: oneDNN's convolution with an activation inside.
        convolution_backward: the gradient of a convolution.
        threshold_backward: the gradient of ReLU, from its output.
        hardtanh_backward: the gradient of ReLU6, from its output.
        hardswish_backward: the gradient of hardswish, from its input.
        silu_backward: the gradient of SiLU, from its input.
    """

    convolution: Any
    convolution_backward: Any
    threshold_backward: Any
    hardtanh_backward: Any
    hardswish_backward: Any
    silu_backward: Any


def operators() -> Operators:
    """Return the operators of this PyTorch.

    Raises:
        AttributeError: it lacks one.
    """
    aten = torch.ops.aten
    return Operators(
        convolution=torch.ops.mkldnn._convolution_pointwise,
        convolution_backward=aten.convolution_backward,
        threshold_backward=aten.threshold_backward,
        hardtanh_backward=aten.hardtanh_backward,
        hardswish_backward=aten.hardswish_backward,
        silu_backward=aten.silu_backward,
    )
