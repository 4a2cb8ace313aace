"""Convolutions padded as TensorFlow does, without the copy of the map that this usually costs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from timm.layers import Conv2dSame
from torch import nn


class SameConvolution(Conv2dSame):
    """A convolution with "same" padding that lets the library do the padding where it can.

    At stride 2, an even map is padded by one row and column more at its end than at its
    beginning, which no library does by itself. But a kernel with a row and a column of zeros put
    before it is the same convolution with equal padding at both ends.
    """

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the convolved maps, half as high and wide."""
        # Written as ONNX, a kernel has to be a constant.
        if torch.compiler.is_exporting():
            padded: torch.Tensor = super().forward(maps)  # type: ignore[no-untyped-call]
            return padded
        weight, padding = self.equally_padded(maps)
        return F.conv2d(maps, weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def equally_padded(self, maps: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int]]:
        """Return a kernel and a padding, equal at both ends, that make the same convolution.

        An odd map is padded equally anyhow.
        """
        margin = (self.kernel_size[0] - 1) // 2
        height, width = maps.shape[-2:]
        wider = F.pad(self.weight, (1 - width % 2, 0, 1 - height % 2, 0))
        return wider, (margin, margin)


def is_replaceable(module: nn.Module) -> bool:
    """Whether a layer is padded in a way that `SameConvolution` knows."""
    return (
        type(module) is Conv2dSame
        and module.stride == (2, 2)
        and module.dilation == (1, 1)
        and module.kernel_size[0] == module.kernel_size[1]
        and module.kernel_size[0] % 2 == 1
    )


def replacement(layer: Conv2dSame) -> SameConvolution:
    """Return the same layer, on the same weights, in the form that needs no copy."""
    other = SameConvolution(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size[0],
        stride=2,
        groups=layer.groups,
        bias=layer.bias is not None,
        device="meta",  # its own weights are never made
    )
    other.weight, other.bias = layer.weight, layer.bias
    return other
