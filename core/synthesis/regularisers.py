"""Penalties on the picture itself, which the network never sees."""

from __future__ import annotations

import torch


def total_variation(picture: torch.Tensor) -> torch.Tensor:
    """How much neighbouring pixels differ: what turns noise into shapes.

    The mean of |difference| to the right and downwards over pixels and channels (Rudin, Osher
    and Fatemi 1992, anisotropic form). A mean rather than a sum, so that a weight means the same
    at every size.

    Args:
        picture: (N, 3, H, W).

    Returns:
        A scalar; 0 for a flat picture.

    >>> total_variation(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])).item()
    1.0
    """
    right = (picture[..., :, 1:] - picture[..., :, :-1]).abs().mean()
    down = (picture[..., 1:, :] - picture[..., :-1, :]).abs().mean()
    return right + down
