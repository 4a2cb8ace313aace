"""How good a trained network is, and how sure one can be of that."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def wilson(correct: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Give Wilson's interval for a share, 95 % by default (Wilson 1927).

    Unlike the textbook's ± it stays within [0, 1] and does not collapse at 100 % right.

    Args:
        correct: how many were right.
        total: of how many.
        z: quantile of the normal distribution.

    Returns:
        Lower and upper end, in [0, 1]; (0, 1) where nothing was measured.
    """
    if total == 0:
        return 0.0, 1.0
    share = correct / total
    scale = 1 + z**2 / total
    centre = (share + z**2 / (2 * total)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    # The formula touches the ends exactly only without rounding.
    return max(0.0, centre - half), min(1.0, centre + half)


def confusion_matrix(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Count photos by true class (rows) and predicted class (columns)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts
