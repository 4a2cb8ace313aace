"""Where a network looks: which parts of a photo speak for a class, by three methods of captum.

for step in explain(classifier, photo, class_id=285):
    ...                        # step.result holds the heat maps that are ready
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from core import photos
from core.problem import N_
from core.steps import Step, Steps
from core.zoo.classifier import Classifier
from core.zoo.graph import with_spot

Method = Literal["grad_cam", "integrated_gradients", "occlusion"]
METHODS: dict[Method, str] = {
    "grad_cam": N_("Grad-CAM"),
    "integrated_gradients": N_("Integrated Gradients"),
    "occlusion": N_("Occlusion"),
}

_GREY = 0.5
_PIECES, _STEPS_A_PIECE = 4, 6
"""The path of Integrated Gradients, in pieces so that others get their turn between them."""
_WINDOW_SHARE, _STRIDE_SHARE = 1 / 5, 1 / 10
"""Side of the grey patch and how far it is moved, as shares of the photo's side."""
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
            answer's. Of a class that is not seen, more, as many times as the answer is more
            probable, so that its map stays dark: something in a photo always raises its logit.
    """

    class_id: int
    heats: Mapping[Method, Heat]
    probability: float
    answer_id: int
    reach: Mapping[Method, float]

    @property
    def is_seen(self) -> bool:
        """Whether the network gives the class a share worth looking for."""
        return self.class_id == self.answer_id or self.probability >= _SEEN


def explain(classifier: Classifier, photo: Image.Image, class_id: int) -> Steps[Explanation]:
    """Ask three methods, from the quickest to the slowest, where a class is seen in a photo.

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
        "grad_cam": iter([tuple(grad_cam(classifier, picture, c) for c in classes)]),
        "integrated_gradients": _together(
            [_integrated_gradients(classifier, picture, c) for c in classes]
        ),
        "occlusion": _occlusion(classifier, picture, classes),
    }
    for method, pieces in work.items():
        for found in pieces:
            done += 1
            if found is not None:
                heats[method] = found[0]
                reach[method] = max(float(heat.max()) for heat in found)
            result = Explanation(class_id, dict(heats), probability, answer_id, dict(reach))
            if not result.is_seen:
                times = float(probabilities[answer_id]) / max(probability, 1e-9)
                result = replace(result, reach={m: times * most for m, most in reach.items()})
            yield Step(done, total, phase=METHODS[method], result=result)


def _together(works: Sequence[Iterator[Heat | None]]) -> Iterator[tuple[Heat, ...] | None]:
    """Give the heat maps of several classes, once all of them are ready."""
    for heats in zip(*works, strict=True):
        ready = tuple(heat for heat in heats if heat is not None)
        yield ready or None


def grad_cam(classifier: Classifier, picture: torch.Tensor, class_id: int) -> Heat:
    """Grad-CAM at the last layer: its channels, weighted by their mean gradient, where positive.

    Selvaraju et al., "Grad-CAM", ICCV 2017, equations 1 and 2. captum hangs its hooks on a copy
    of the graph that nobody else runs; see `graph.with_spot`.

    Args:
        classifier: the network.
        picture: (1, 3, S, S) in [0, 1].
        class_id: of the class.
    """
    from captum.attr import LayerGradCam

    body, spot = with_spot(classifier.body, classifier.layers[-1].node)
    network = _WithBody(classifier, body)
    with torch.enable_grad():
        coarse = LayerGradCam(network, spot).attribute(
            picture.clone().requires_grad_(), target=class_id, relu_attributions=True
        )
    fine = F.interpolate(coarse.detach(), picture.shape[-2:], mode="bilinear", align_corners=False)
    heat: Heat = fine[0, 0].cpu().numpy()
    return heat


class _WithBody(torch.nn.Module):
    """A classifier that runs through a copy of its body."""

    def __init__(self, classifier: Classifier, body: torch.nn.Module) -> None:
        super().__init__()
        self.classifier, self.body = classifier, body

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier.head(self.body(self.classifier.normalise(pictures)))
        return logits


def _integrated_gradients(
    classifier: Classifier, picture: torch.Tensor, class_id: int
) -> Iterator[Heat | None]:
    """The gradient summed along the straight way from grey to the photo.

    Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017. The sum
    over the way is the sum over its pieces, which is what makes this stoppable.
    """
    from captum.attr import IntegratedGradients

    grey = torch.full_like(picture, _GREY)
    ends = [torch.lerp(grey, picture, piece / _PIECES) for piece in range(_PIECES + 1)]
    total = torch.zeros_like(picture)
    for begin, end in pairwise(ends):
        with torch.enable_grad():
            total += (
                IntegratedGradients(classifier)
                .attribute(
                    end,
                    begin,
                    target=class_id,
                    n_steps=_STEPS_A_PIECE,
                    internal_batch_size=_STEPS_A_PIECE,
                )
                .detach()
                .float()
            )
        yield None if end is not ends[-1] else _smoothed(total.sum(dim=1, keepdim=True).relu())


def _smoothed(heat: torch.Tensor) -> Heat:
    """Blur single pixels (1, 1, H, W) to what an eye can follow: about a fiftieth of the side."""
    radius = max(1, heat.shape[-1] // 100)
    for _ in range(2):  # two boxes make a triangle
        heat = F.avg_pool2d(heat, 2 * radius + 1, 1, radius, count_include_pad=False)
    smoothed: Heat = heat[0, 0].cpu().numpy()
    return smoothed


def _places(size: int) -> list[int]:
    """Give where, from the top, the grey patch is put: at even distances from edge to edge."""
    window, stride = round(size * _WINDOW_SHARE), round(size * _STRIDE_SHARE)
    return [*range(0, size - window, stride), size - window]


def _occlusion(
    classifier: Classifier, picture: torch.Tensor, class_ids: Sequence[int]
) -> Iterator[tuple[Heat, ...] | None]:
    """How much each class's logit falls when a grey patch covers a place, row of patches by row.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.
    """
    from captum.attr import Occlusion

    size = classifier.input_size
    window, stride = round(size * _WINDOW_SHARE), round(size * _STRIDE_SHARE)
    totals, count = torch.zeros(len(class_ids), size, size), torch.zeros(size, 1)
    places = _places(size)
    for top in places:
        rows = slice(top, top + window)
        answers: list[torch.Tensor] = []

        def logits(
            band: torch.Tensor, rows: slice = rows, answers: list[torch.Tensor] = answers
        ) -> torch.Tensor:
            whole = picture.repeat(len(band), 1, 1, 1)
            whole[:, :, rows] = band
            answers.append(classifier(whole))
            return answers[-1]

        ask: Callable[[torch.Tensor], torch.Tensor] = logits
        for number, class_id in enumerate(class_ids):
            with torch.no_grad():
                drop = Occlusion(ask).attribute(
                    picture[:, :, rows],
                    sliding_window_shapes=(3, window, window),
                    strides=(3, window, stride),
                    baselines=_GREY,
                    target=class_id,
                    perturbations_per_eval=_AT_ONCE,
                )
            totals[number, rows] += drop[0].mean(dim=0).cpu()
            # captum asks of all classes for the same pictures, in the same order.
            ask = partial(_again, iter(answers[:]))
        count[rows] += 1
        if top == places[-1]:
            yield tuple(heat.numpy() for heat in (totals / count).relu())
        else:
            yield None


def _again(answers: Iterator[torch.Tensor], _: torch.Tensor) -> torch.Tensor:
    return next(answers)


@torch.no_grad()
def deletion_curve(
    classifier: Classifier, photo: Image.Image, class_id: int, heat: Heat
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
    shares = classifier.probabilities(torch.cat(covered))[:, class_id]
    return tuple(shares.tolist())


def area_under(curve: tuple[float, ...]) -> float:
    """Give the area under a deletion curve, in [0, 1]: the mean probability along the way."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))
