"""How good a heat map is: what happens to a class when its places are covered, or shown, first.

for step in compare(classifier, photo, explanation):
    ...                        # step.result holds the curves that are ready
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from core.features.saliency import METHODS, Explanation, Method
from core.images import photos
from core.problem import N_
from core.steps import Step, Steps
from core.zoo.classifier import Classifier

Kind = Literal["deletion", "insertion"]
Curve = tuple[float, ...]
"""What the network gives a class, in [0, 1], after none of the places, equal parts, and all."""

ORDERS = 10
_BETTER = 0.9
"""Which share of the random orders a heat map has to beat: a single one may win by luck."""
_GREY = 0.5
_AT_ONCE = 8


@dataclass(frozen=True)
class Curves:
    """Deletion or insertion curves for one class on one photo; those that are ready.

    Attributes:
        kind: which.
        by_method: those of the heat maps.
        random: those of random orders.
    """

    kind: Kind
    by_method: Mapping[Method, Curve] = field(default_factory=dict)
    random: tuple[Curve, ...] = ()

    @property
    def mean_of_random(self) -> Curve:
        """The mean of the random orders, part by part."""
        return tuple(np.mean(self.random, axis=0).tolist())

    def beats_random(self, method: Method) -> bool:
        """Whether a heat map does better than nine tenths of the random orders."""
        area, areas = area_under(self.by_method[method]), map(area_under, self.random)
        beaten = [area < other if self.kind == "deletion" else area > other for other in areas]
        return sum(beaten) >= _BETTER * len(beaten)


def compare(
    classifier: Classifier, photo: Image.Image, found: Explanation, *, orders: int = ORDERS
) -> Steps[tuple[Curves, Curves]]:
    """Compute the deletion and insertion curves of heat maps, and those of random orders.

    Args:
        classifier: the network.
        photo: RGB, the one that was explained.
        found: the heat maps. Of a contrast, what speaks for the other class comes last.
        orders: how many random ones; they are the same in every run.

    Yields:
        A step per heat map and per random order; the result holds deletion, then insertion.
    """
    side = classifier.layers[-1].size
    random = np.random.default_rng(0)
    orders_of: list[tuple[Method | None, NDArray[np.float32]]] = [
        (method, heat - found.opposite.heats[method] if found.opposite else heat)
        for method, heat in found.heats.items()
    ]
    orders_of += [(None, random.random((side, side), np.float32)) for _ in range(orders)]
    deletion, insertion = Curves("deletion"), Curves("insertion")
    for index, (method, heat) in enumerate(orders_of, start=1):
        asked = (classifier, photo, found.class_id, heat, found.against)
        covered = deletion_curve(*asked)
        if method is None:  # backwards, a random order is another one
            deletion = replace(deletion, random=(*deletion.random, covered))
            insertion = replace(insertion, random=(*insertion.random, covered[::-1]))
        else:
            shown = insertion_curve(*asked)
            deletion = replace(deletion, by_method={**deletion.by_method, method: covered})
            insertion = replace(insertion, by_method={**insertion.by_method, method: shown})
        phase = METHODS[method] if method else N_("random orders")
        yield Step(index, len(orders_of), phase=phase, result=(deletion, insertion))


@torch.no_grad()
def deletion_curve(
    classifier: Classifier,
    photo: Image.Image,
    class_id: int,
    heat: NDArray[np.float32],
    against: int | None = None,
) -> Curve:
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
        against: another class. Followed is then the class's share of what the two are given.

    Returns:
        The probability before, after each row's worth of the places, and with all of them grey.
    """
    picture = photos.prepare(photo, classifier.input_size).to(classifier.device)
    side = classifier.layers[-1].size
    worth = F.adaptive_avg_pool2d(torch.from_numpy(np.ascontiguousarray(heat))[None, None], side)
    rank = torch.empty(side * side)
    order = worth.flatten().argsort(descending=True, stable=True)
    rank[order] = torch.arange(side * side).float()
    ranks = F.interpolate(rank.view(1, 1, side, side), picture.shape[-2:]).to(picture.device)
    grey = torch.full_like(picture, _GREY)
    covered = torch.cat([torch.where(ranks < n * side, grey, picture) for n in range(side + 1)])
    logits = torch.cat([classifier(some) for some in covered.split(_AT_ONCE)])
    if against is None:
        shares = logits.softmax(dim=-1)[:, class_id]
    else:
        shares = logits[:, [class_id, against]].softmax(dim=-1)[:, 0]
    return tuple(shares.tolist())


def insertion_curve(
    classifier: Classifier,
    photo: Image.Image,
    class_id: int,
    heat: NDArray[np.float32],
    against: int | None = None,
) -> Curve:
    """Show a grey photo place by place, the most important first; see `deletion_curve`.

    That is to cover it, the least important first, seen backwards. In the paper the photo is
    blurred at first, by 5 of 224 pixels: a network still sees the cat in it. In grey it does not.
    """
    return deletion_curve(classifier, photo, class_id, -heat, against)[::-1]


def area_under(curve: Curve) -> float:
    """Return the area under a curve, in [0, 1]: the mean along the way."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


def half_way(curve: Curve) -> float | None:
    """Return after which part of the photo, in [0, 1], a deletion curve is down to half.

    Between two parts it is straight. None where it never falls that far.

    >>> half_way((1.0, 0.75, 0.25)), half_way((0.8, 0.9, 0.7))
    (0.75, None)
    """
    half = curve[0] / 2
    for index, (before, after) in enumerate(pairwise(curve)):
        if after <= half < before:
            return (index + (before - half) / (before - after)) / (len(curve) - 1)
    return None
