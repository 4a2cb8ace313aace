"""How alike two pictures are to an eye."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.steps import Pixels

_SIDE = 7
_PIXELS = _SIDE**2
_LUMINANCE, _CONTRAST = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def structural_similarity(first: Pixels, second: Pixels) -> float:
    """Return the structural similarity (SSIM) of two 8-bit pictures, (H, W, 3) of at least 7×7.

    1 for the same picture, about 0 for two that have nothing in common. In each window of 7×7
    pixels brightness μ, contrast σ² and what varies together σ₁₂ are compared, channel by channel:
    (2μ₁μ₂ + c₁)(2σ₁₂ + c₂) / ((μ₁² + μ₂² + c₁)(σ₁² + σ₂² + c₂)), and the mean is taken (Wang, Bovik,
    Sheikh and Simoncelli 2004, eq. 13). The same as scikit-image's, which takes a second to import.
    """
    one, two = first.astype(np.float64), second.astype(np.float64)
    mean_one, mean_two = _means(one), _means(two)
    unbiased = _PIXELS / (_PIXELS - 1)
    variances = unbiased * (_means(one * one + two * two) - mean_one**2 - mean_two**2)
    together = unbiased * (_means(one * two) - mean_one * mean_two)
    brightness = (2 * mean_one * mean_two + _LUMINANCE) / (mean_one**2 + mean_two**2 + _LUMINANCE)
    return float((brightness * (2 * together + _CONTRAST) / (variances + _CONTRAST)).mean())


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of all windows that fit into a picture."""
    sums = np.pad(values, ((1, 0), (1, 0), (0, 0))).cumsum(axis=0).cumsum(axis=1)
    down = sums[_SIDE:] - sums[:-_SIDE]
    return (down[:, _SIDE:] - down[:, :-_SIDE]) / _PIXELS
