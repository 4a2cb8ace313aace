"""Features in the plane: a map on which photos that the network finds alike lie close together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
_PERPLEXITY = 30.0
_LEAST_FOR_TSNE = 4
_COMPONENTS_FOR_TSNE = 50


def pca(features: NDArray[np.float32], components: int = 2) -> Points:
    """Project features on the directions in which they differ most (Pearson 1901).

    The sign of each direction is chosen so that its largest entry is positive; otherwise it would
    be a matter of chance.

    Args:
        features: (n, D), n may be 0.
        components: how many directions.

    Returns:
        (n, components), centred; zeros where there are no more directions.
    """
    n, width = features.shape
    projected = np.zeros((n, components))
    if n < 2 or width == 0:
        return projected
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    axes = _axes(centred)[:components]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    projected[:, : len(axes)] = centred @ (axes * signs[:, None]).T
    return projected


def tsne(features: NDArray[np.float32], seed: int = 0) -> Points:
    """Lay features out so that neighbours stay neighbours (van der Maaten and Hinton 2008).

    Only who is near whom means something on such a map; sizes of groups and the distances
    between them do not. A second or two for a few hundred photos.

    Args:
        features: (n, D), n may be 0.
        seed: of the layout.

    Returns:
        (n, 2); the principal components for fewer than four photos, and zeros for photos that
        are all the same.
    """
    n = len(features)
    if n < _LEAST_FOR_TSNE:
        return pca(features)
    # The advice of the paper, section 4.2: first to 50 dimensions, which takes noise and time away.
    reduced = pca(features, min(_COMPONENTS_FOR_TSNE, n, features.shape[1]))
    if np.ptp(reduced, axis=0).max(initial=0.0) < 1e-9:
        return np.zeros((n, 2))
    from sklearn.manifold import TSNE

    layout = TSNE(
        perplexity=min(_PERPLEXITY, (n - 1) / 3),
        # By hand: its own "pca" divides by the spread, which copies of one photo do not have.
        init=(reduced[:, :2] / reduced[:, 0].std() * 1e-4).astype(np.float32),
        learning_rate="auto",
        random_state=seed,
    )
    return np.asarray(layout.fit_transform(reduced), dtype=np.float64)


def _axes(centred: Points) -> Points:
    """Principal directions (k, D) of centred features, from the smaller of the two Gram matrices."""
    n, width = centred.shape
    if n >= width:
        _, directions = np.linalg.eigh(centred.T @ centred)
        return np.asarray(directions.T[::-1])
    values, left = np.linalg.eigh(centred @ centred.T)
    kept = values > values.max() * 1e-12 if values.max() > 0 else np.zeros(n, dtype=bool)
    directions = (left[:, kept] / np.sqrt(values[kept])).T @ centred
    return np.asarray(directions[::-1])
