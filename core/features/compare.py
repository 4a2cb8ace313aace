"""Which maps changed: the same photo through a network and the one it grew out of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.features.maps import FeatureMaps, Observation


def changes(before: FeatureMaps, after: FeatureMaps) -> NDArray[np.float32]:
    """Return how much each channel's map changed, relative to the layer: (channels,).

    The mean absolute difference over the mean absolute activation of the layer, so that small
    changes of a silent channel do not count as great ones.

    Raises:
        ValueError: the maps are not of one shape.
    """
    if before.maps.shape != after.maps.shape:
        raise ValueError(f"maps of {before.maps.shape} and of {after.maps.shape}")
    difference = np.abs(after.maps - before.maps).mean(axis=(1, 2))
    strength = float(np.abs(before.maps).mean())
    relative: NDArray[np.float32] = difference / (strength or 1.0)
    return relative


def layer_changes(before: Observation, after: Observation) -> dict[str, float]:
    """Return by layer how much its maps changed on average; see `changes`.

    Raises:
        ValueError: the networks do not have the same layers.
    """
    if list(before.maps) != list(after.maps):
        raise ValueError("the networks do not have the same layers")
    return {
        name: float(changes(maps, after.maps[name]).mean()) for name, maps in before.maps.items()
    }
