"""Penalties that keep a picture from being noise.

All are means rather than sums, so that a weight means the same at every size. Those of the
picture alone take (N, 3, H, W) in [0, 1] and give a scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F

from core.zoo.graph import NormStatistics

_LEAST_STD = 1e-3


def total_variation(picture: torch.Tensor) -> torch.Tensor:
    """How much neighbouring pixels differ: what turns noise into shapes.

    The mean of |difference| to the right and downwards over pixels and channels (Rudin, Osher
    and Fatemi 1992, anisotropic form); 0 for a flat picture.

    >>> total_variation(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])).item()
    1.0
    """
    right = (picture[..., :, 1:] - picture[..., :, :-1]).abs().mean()
    down = (picture[..., 1:, :] - picture[..., :-1, :]).abs().mean()
    return right + down


def distance_from_grey(picture: torch.Tensor) -> torch.Tensor:
    """How far pixels are from mid-grey: the mean of (x - ½)², L2 (Simonyan et al. 2014).

    >>> distance_from_grey(torch.tensor([[[[0.0, 0.5]]]])).item()
    0.125
    """
    return (picture - 0.5).square().mean()


def fine_detail(picture: torch.Tensor) -> torch.Tensor:
    """How much a blur would change: the mean of (x - blur(x))².

    Descending it blurs the picture a little at each step, as Yosinski et al. (2015) do by hand.
    The blur is that of Pascal's triangle, 1 4 6 4 1, in both directions, with mirrored edges.
    """
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=picture.dtype, device=picture.device) / 16
    channels = picture.shape[1]
    kernel = torch.outer(row, row).expand(channels, 1, 5, 5)
    blurred = F.conv2d(F.pad(picture, (2, 2, 2, 2), mode="reflect"), kernel, groups=channels)
    return (picture - blurred).square().mean()


def batch_norm_prior(
    norms: Mapping[str, torch.Tensor], statistics: Sequence[NormStatistics]
) -> torch.Tensor:
    """How far the layers' statistics are from those of the training photos.

    The mean over layers and channels of (difference of means)² + (difference of standard
    deviations)², in units of the trained standard deviation. After DeepInversion (Yin et al.
    2020, eq. 4), which takes norms of unscaled differences; scaled, one weight suits all
    networks. It brings natural colours and contrast.

    Args:
        norms: by node, the batch norms' values for the picture, (N, channels, h, w).
        statistics: what they were in training.
    """
    losses = []
    for trained in statistics:
        values = norms[trained.node]
        mean = trained.mean.to(values.device)
        std = trained.std.to(values.device).clamp_min(_LEAST_STD)
        spread, centre = torch.std_mean(values, dim=(0, 2, 3), correction=0)
        losses.append(((centre - mean) / std).square().mean() + (spread / std - 1).square().mean())
    return torch.stack(losses).mean()


PENALTIES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "tv": total_variation,
    "l2": distance_from_grey,
    "blur": fine_detail,
}
"""Those of the picture alone, under the names that their weights have in `loop.Settings`."""
