"""Attribution: which parts of a photo speak for a class, by three methods.

for step in explain(classifier, photo, class_id=285):
    ...                        # step.result holds the heat maps that are ready
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from core.images import photos
from core.problem import N_
from core.steps import Step, Steps
from core.zoo.classifier import Classifier
from core.zoo.grad_cam import grad_cam

Method = Literal["grad_cam", "integrated_gradients", "occlusion"]
METHODS: dict[Method, str] = {
    "grad_cam": N_("Grad-CAM"),
    "integrated_gradients": N_("Integrated Gradients"),
    "occlusion": N_("Occlusion"),
}

_GREY = 0.5
_PIECES, _STEPS_A_PIECE = 4, 6
"""The line of Integrated Gradients, in pieces so that other jobs get their turn between them."""
_WINDOW, _STRIDE = 1 / 5, 1 / 10
"""Side of the grey patch and how far it is moved, as fractions of the photo's side."""
_AT_ONCE = 8
_SEEN = 0.005
"""The probability from which on a class may be said to be seen."""

Heat = NDArray[np.float32]
"""(H, W) at the network's input size, at least 0: how much each pixel speaks for the class."""


@dataclass(frozen=True)
class Explanation:
    """Where a network looks for a class.

    Attributes:
        class_id: the class.
        heats: by method, how much each pixel speaks for it; those that are ready.
        probability: of the class, in [0, 1].
        answer_id: the class that the network answers with.
        reach: by method, what is fully lit: the greatest value of this heat map and the
            answer's. For a class that is not seen, it is as many times greater as the answer is
            more probable, so that the map stays dark: something in a photo always raises a logit.
    """

    class_id: int
    heats: Mapping[Method, Heat]
    probability: float
    answer_id: int
    reach: Mapping[Method, float]

    @property
    def is_seen(self) -> bool:
        """Whether the class is probable enough to be worth locating."""
        return self.class_id == self.answer_id or self.probability >= _SEEN


def explain(classifier: Classifier, photo: Image.Image, class_id: int) -> Steps[Explanation]:
    """Compute the attributions of a class by three methods, from the quickest to the slowest.

    Args:
        classifier: the network; nothing is left behind on it.
        photo: RGB; the network sees its middle square.
        class_id: the class that is asked about; it need not be the network's answer.

    Yields:
        A step per piece of work; the result holds the heat maps that are ready.
    """
    picture = photos.prepare(photo, classifier.input_size).to(classifier.device)
    probabilities = classifier.probabilities(picture)[0]
    answer_id, probability = int(probabilities.argmax()), float(probabilities[class_id])
    classes = tuple(dict.fromkeys((class_id, answer_id)))
    heats: dict[Method, Heat] = {}
    reach: dict[Method, float] = {}
    done = 0
    total = 1 + _PIECES + len(_places(classifier.input_size))
    work: dict[Method, Iterator[tuple[Heat, ...] | None]] = {
        "grad_cam": iter([tuple(grad_cam(classifier, picture, c).cpu().numpy() for c in classes)]),
        "integrated_gradients": _integrated_gradients(classifier, picture, classes),
        "occlusion": _occlusion(classifier, picture, classes),
    }
    for method, pieces in work.items():
        for maps in pieces:
            done += 1
            if maps is not None:
                heats[method] = maps[0]
                reach[method] = max(float(heat.max()) for heat in maps)
            result = Explanation(class_id, dict(heats), probability, answer_id, dict(reach))
            if not result.is_seen:
                times = float(probabilities[answer_id]) / max(probability, 1e-9)
                result = replace(result, reach={m: times * most for m, most in reach.items()})
            yield Step(done, total, phase=METHODS[method], result=result)


def _integrated_gradients(
    classifier: Classifier, picture: torch.Tensor, class_ids: Sequence[int]
) -> Iterator[tuple[Heat, ...] | None]:
    """Integrate the gradient along the straight line from grey to the photo.

    Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017. The integral
    over the line is the sum over its pieces, and between two of them a run can be stopped.
    """
    from captum.attr import IntegratedGradients

    method = IntegratedGradients(classifier)
    grey = torch.full_like(picture, _GREY)
    ends = [torch.lerp(grey, picture, piece / _PIECES) for piece in range(_PIECES + 1)]
    totals = [torch.zeros_like(picture) for _ in class_ids]
    for begin, end in pairwise(ends):
        for total, class_id in zip(totals, class_ids, strict=True):
            with torch.enable_grad():
                piece = method.attribute(end, begin, target=class_id, n_steps=_STEPS_A_PIECE)
            total += piece.detach()
        if end is ends[-1]:
            yield tuple(_smoothed(total.sum(dim=1, keepdim=True).relu()) for total in totals)
        else:
            yield None


def _smoothed(heat: torch.Tensor) -> Heat:
    """Blur single pixels (1, 1, H, W) to what an eye can follow: about a fiftieth of the side."""
    radius = max(1, heat.shape[-1] // 100)
    for _ in range(2):  # two boxes make a triangle
        heat = F.avg_pool2d(heat, 2 * radius + 1, 1, radius, count_include_pad=False)
    smoothed: Heat = heat[0, 0].cpu().numpy()
    return smoothed


def _places(size: int) -> list[int]:
    """Return how far from the top the grey patch is put: at even distances from edge to edge."""
    window, stride = round(size * _WINDOW), round(size * _STRIDE)
    return [*range(0, size - window, stride), size - window]


def _occlusion(
    classifier: Classifier, picture: torch.Tensor, class_ids: Sequence[int]
) -> Iterator[tuple[Heat, ...] | None]:
    """Measure how far each class's logit falls when a grey patch covers a place, a row at a time.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.
    """
    size = classifier.input_size
    window, stride = round(size * _WINDOW), round(size * _STRIDE)
    classes = list(class_ids)
    before = _logits(classifier, picture)[:, classes]
    totals, counts = torch.zeros(len(classes), size, size), torch.zeros(size, size)
    places = _places(size)
    for top in places:
        rows = slice(top, top + window)
        patches = [slice(left, left + window) for left in range(0, size - window + stride, stride)]
        covered = picture.repeat(len(patches), 1, 1, 1)
        for photo, columns in zip(covered, patches, strict=True):
            photo[:, rows, columns] = _GREY
        falls = before - _logits(classifier, covered)[:, classes]
        for fall, columns in zip(falls.cpu(), patches, strict=True):
            totals[:, rows, columns] += fall[:, None, None]
            counts[rows, columns] += 1
        if top == places[-1]:
            yield tuple(heat.numpy() for heat in (totals / counts).relu())
        else:
            yield None


@torch.no_grad()
def _logits(classifier: Classifier, pictures: torch.Tensor) -> torch.Tensor:
    return torch.cat([classifier(some) for some in pictures.split(_AT_ONCE)])
