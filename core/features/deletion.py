"""Deletion curves: how soon a network loses a class when a heat map's places are covered."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from core.images import photos
from core.zoo.classifier import Classifier

_GREY = 0.5


@torch.no_grad()
def deletion_curve(
    classifier: Classifier, photo: Image.Image, class_id: int, heat: np.ndarray
) -> tuple[float, ...]:
    """Cover a photo place by place, the most important first, and follow the class's probability.

    Petsiuk, Das and Saenko, "RISE", BMVC 2018: the sooner it falls, the better the heat map. As
    there, what is covered turns mid-grey; in the squares of Samek et al., "Evaluating the
    visualization of what a deep neural network has learned", 2017, since single grey pixels
    scattered over a photo spoil it whatever they cover. There is a square for each place of the
    last layer: a finer random order covers the photo evenly, which is a deed of its own and no
    ranking that Grad-CAM could give.

    Args:
        classifier: the network.
        photo: RGB.
        class_id: the class that the heat map is of.
        heat: (H, W), any size from one value a place on.

    Returns:
        The probability before, after each row's worth of the places, and with all of them grey.
    """
    picture = photos.prepare(photo, classifier.input_size).to(classifier.device)
    side = classifier.layers[-1].size
    worth = F.adaptive_avg_pool2d(torch.from_numpy(np.ascontiguousarray(heat))[None, None], side)
    rank = torch.empty(side * side)
    rank[worth.flatten().argsort(descending=True)] = torch.arange(side * side).float()
    ranks = F.interpolate(rank.view(1, 1, side, side), picture.shape[-2:], mode="nearest")
    covered = [
        torch.where(ranks < rows * side, torch.full_like(picture, _GREY), picture)
        for rows in range(side + 1)
    ]
    fractions = classifier.probabilities(torch.cat(covered))[:, class_id]
    return tuple(fractions.tolist())


def area_under(curve: tuple[float, ...]) -> float:
    """Return the area under a deletion curve, in [0, 1]: the mean probability along the way."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))
