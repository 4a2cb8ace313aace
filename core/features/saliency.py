"""Attribution: which parts of a photo speak for a class, by three methods.

for step in explain(classifier, photo, class_id=285):    # rather than a dog: against=251
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
_SMOOTH, _SMOOTH_CONTRAST = 1 / 100, _WINDOW / 2
"""How far single pixels are blurred, as shares of the side: for one class to what an eye can follow.
In a contrast, pixels beside each other speak for the one class and for the other, and most of it
cancels out: only the sum over about a grey patch says which of the two is there."""
_AT_ONCE = 8
_SEEN = 0.005
"""The probability from which on a class may be said to be seen."""

Heat = NDArray[np.float32]
"""(H, W) at the network's input size, at least 0: how much each pixel speaks for the class."""
Question = tuple[int, int | None]
"""A class, and the one it is told from, if any: what is explained is the first one's logit, or by
how much it exceeds the second one's."""


@dataclass(frozen=True)
class Explanation:
    """Where a network looks for a class, or for one class rather than another.

    Attributes:
        class_id: the class.
        against: the class that it is told from, if any.
        heats: by method, how much each pixel speaks for the class, rather than for the other if
            there is one; those that are ready.
        probability: of the class, in [0, 1].
        answer_id: the class that the network answers with.
        is_seen: whether the class is probable enough to be worth locating. The one it is told from
            does not count here: of two animals on a photo, one may leave the other no probability.
        reach: by method, what is fully lit: the greatest value of this heat map and the
            answer's, or of both directions of a contrast, so that neither is stretched to the
            other's brightness. For a class that is not seen, it is as many times greater as the
            most probable one is more probable, so that the map stays dark: something in a photo
            always raises a logit.
        opposite: of a contrast, the other direction.
    """

    class_id: int
    against: int | None
    heats: Mapping[Method, Heat]
    probability: float
    answer_id: int
    is_seen: bool
    reach: Mapping[Method, float]
    opposite: Explanation | None = None


def explain(
    classifier: Classifier, photo: Image.Image, class_id: int, against: int | None = None
) -> Steps[Explanation]:
    """Compute the attributions of a class by three methods, from the quickest to the slowest.

    Args:
        classifier: the network; nothing is left behind on it.
        photo: RGB; the network sees its middle square.
        class_id: the class that is asked about; it need not be the network's answer.
        against: another class, to see what speaks for the first one rather than for it.

    Yields:
        A step per piece of work; the result holds the heat maps that are ready.
    """
    picture = photos.prepare(photo, classifier.input_size).to(classifier.device)
    probabilities = classifier.probabilities(picture)[0]
    asked = (class_id, against)
    # What the heat maps share a scale with.
    other = (int(probabilities.argmax()), None) if against is None else (against, class_id)
    questions: list[Question] = list(dict.fromkeys((asked, other)))
    maps: dict[Method, tuple[Heat, ...]] = {}
    done = 0
    total = 1 + _PIECES + len(_places(classifier.input_size))
    work: dict[Method, Iterator[tuple[Heat, ...] | None]] = {
        "grad_cam": iter(
            [tuple(grad_cam(classifier, picture, *q).cpu().numpy() for q in questions)]
        ),
        "integrated_gradients": _integrated_gradients(classifier, picture, questions),
        "occlusion": _occlusion(classifier, picture, questions),
    }
    for method, pieces in work.items():
        for ready in pieces:
            done += 1
            if ready is not None:
                maps[method] = ready
            result, *opposite = (
                _explanation(q, {m: heats[i] for m, heats in maps.items()}, maps, probabilities)
                for i, q in enumerate(questions)
            )
            if against is not None:
                result = replace(result, opposite=opposite[0])
            yield Step(done, total, phase=METHODS[method], result=result)


def _explanation(
    question: Question,
    heats: Mapping[Method, Heat],
    on_scale: Mapping[Method, Sequence[Heat]],
    probabilities: torch.Tensor,
) -> Explanation:
    """Return what the heat maps of one question say, on the scale of several."""
    class_id, against = question
    rest = probabilities.clone()
    if against is not None:
        rest[against] = 0
    is_seen = class_id == int(rest.argmax()) or bool(rest[class_id] >= _SEEN * rest.sum())
    times = 1.0 if is_seen else float(rest.max() / rest[class_id].clamp(min=1e-9))
    return Explanation(
        class_id=class_id,
        against=against,
        heats=heats,
        probability=float(probabilities[class_id]),
        answer_id=int(probabilities.argmax()),
        is_seen=is_seen,
        reach={m: times * max(float(h.max()) for h in maps) for m, maps in on_scale.items()},
    )


def _integrated_gradients(
    classifier: Classifier, picture: torch.Tensor, questions: Sequence[Question]
) -> Iterator[tuple[Heat, ...] | None]:
    """Integrate the gradient along the straight line from grey to the photo.

    Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017. The integral
    over the line is the sum over its pieces, and between two of them a run can be stopped. That of
    a difference of logits is the difference of theirs.
    """
    from captum.attr import IntegratedGradients

    method = IntegratedGradients(classifier)
    grey = torch.full_like(picture, _GREY)
    ends = [torch.lerp(grey, picture, piece / _PIECES) for piece in range(_PIECES + 1)]
    classes = {c for question in questions for c in question if c is not None}
    totals = {c: torch.zeros_like(picture) for c in sorted(classes)}
    for begin, end in pairwise(ends):
        for class_id, total in totals.items():
            with torch.enable_grad():
                piece = method.attribute(end, begin, target=class_id, n_steps=_STEPS_A_PIECE)
            total += piece.detach()
        if end is ends[-1]:
            sums = {c: total.sum(dim=1, keepdim=True) for c, total in totals.items()}
            yield tuple(
                _smoothed(sums[c].relu(), _SMOOTH)
                if d is None
                else _smoothed(sums[c] - sums[d], _SMOOTH_CONTRAST).clip(min=0)
                for c, d in questions
            )
        else:
            yield None


def _smoothed(heat: torch.Tensor, share: float) -> Heat:
    """Blur (1, 1, H, W) by two boxes, a triangle, that reach so far, as a share of the side."""
    radius = max(1, int(heat.shape[-1] * share))
    for _ in range(2):
        heat = F.avg_pool2d(heat, 2 * radius + 1, 1, radius, count_include_pad=False)
    smoothed: Heat = heat[0, 0].cpu().numpy()
    return smoothed


def _places(size: int) -> list[int]:
    """Return how far from the top the grey patch is put: at even distances from edge to edge."""
    window, stride = round(size * _WINDOW), round(size * _STRIDE)
    return [*range(0, size - window, stride), size - window]


def _occlusion(
    classifier: Classifier, picture: torch.Tensor, questions: Sequence[Question]
) -> Iterator[tuple[Heat, ...] | None]:
    """Measure how far each score falls when a grey patch covers a place, a row at a time.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.
    """
    size = classifier.input_size
    window, stride = round(size * _WINDOW), round(size * _STRIDE)
    before = _scores(classifier, picture, questions)
    totals, counts = torch.zeros(len(questions), size, size), torch.zeros(size, size)
    places = _places(size)
    for top in places:
        rows = slice(top, top + window)
        patches = [slice(left, left + window) for left in range(0, size - window + stride, stride)]
        covered = picture.repeat(len(patches), 1, 1, 1)
        for photo, columns in zip(covered, patches, strict=True):
            photo[:, rows, columns] = _GREY
        falls = before - _scores(classifier, covered, questions)
        for fall, columns in zip(falls.cpu(), patches, strict=True):
            totals[:, rows, columns] += fall[:, None, None]
            counts[rows, columns] += 1
        if top == places[-1]:
            yield tuple(heat.numpy() for heat in (totals / counts).relu())
        else:
            yield None


@torch.no_grad()
def _scores(
    classifier: Classifier, pictures: torch.Tensor, questions: Sequence[Question]
) -> torch.Tensor:
    """Return what is explained, (N, questions), for pictures (N, 3, H, W)."""
    logits = torch.cat([classifier(some) for some in pictures.split(_AT_ONCE)])
    return torch.stack(
        [logits[:, c] if d is None else logits[:, c] - logits[:, d] for c, d in questions], dim=1
    )
