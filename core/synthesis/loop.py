"""The loop that lets gradient descent draw.

for step in synthesise(classifier, ClassLogit(284), AT_ITS_BEST):
    ...                          # step.picture grows out of noise
step.result.pixels               # the picture
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from core.photos import to_pixels
from core.problem import N_, check_range, check_seed
from core.steps import Pixels, Step, Steps
from core.synthesis.canvas import CANVASES
from core.synthesis.objective import Objective
from core.synthesis.regularisers import total_variation
from core.synthesis.view import View
from core.zoo.classifier import Classifier

SIZES = (64, 512)
STEPS = (1, 5000)
_FROM_ANYWHERE = View(scale=(0.9, 1.6), rotation=8.0, shift=True)


@dataclass(frozen=True)
class Settings:
    """How a picture is drawn.

    Attributes:
        canvas: "pixel" or "fourier"; see `canvas`.
        size: side of the picture in pixels.
        steps: how many steps of gradient descent.
        learning_rate: Adam's.
        tv: weight of the total variation, against a loss in nats or logits.
        view: how the network sees the canvas.
        seed: of all randomness in the run.
    """

    canvas: Literal["pixel", "fourier"] = "fourier"
    size: int = 320
    steps: int = 192
    learning_rate: float = 0.05
    tv: float = 0.0
    view: View = _FROM_ANYWHERE
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings with which no picture can be drawn.

        Raises:
            Problem: size, steps, learning rate or weight is out of its range.
        """
        check_range(N_("size"), self.size, *SIZES)
        check_range(N_("steps"), self.steps, *STEPS)
        check_range(N_("learning rate"), self.learning_rate, 1e-5, 10)
        check_range(N_("TV weight"), self.tv, 0, 1e6)
        check_seed(self.seed)


@dataclass(frozen=True)
class Synthesis:
    """A drawn picture with what drew it.

    Attributes:
        pixels: the 8-bit picture.
        model: name of the network.
        objective: what it was to become.
        settings: how it was drawn.
        steps_done: how many steps were made; fewer than asked for after a stop.
    """

    pixels: Pixels
    model: str
    objective: Objective
    settings: Settings
    steps_done: int

    def recipe(self) -> dict[str, Any]:
        """Give all that made the picture, for its PNG."""
        return {
            "kind": "ideal",
            "model": self.model,
            "objective": {"name": type(self.objective).__name__, **asdict(self.objective)},
            "settings": asdict(self.settings),
            "steps_done": self.steps_done,
            "versions": {"torch": torch.__version__},
        }


def synthesise(
    classifier: Classifier, objective: Objective, settings: Settings
) -> Steps[Synthesis]:
    """Draw a picture that a network takes for the ideal of a class.

    Args:
        classifier: the network; it is not changed.
        objective: what the picture is to become.
        settings: how it is drawn.

    Yields:
        A step per step of gradient descent: the picture after it, and as scalars the loss terms
        and the class's probability in the view just before it. Every step carries the picture as
        its result, so the run can be left after any of them.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    canvas = CANVASES[settings.canvas](settings.size, generator)
    canvas.parameters = canvas.parameters.to(classifier.device).requires_grad_()
    optimiser = torch.optim.Adam([canvas.parameters], lr=settings.learning_rate)

    for index in range(1, settings.steps + 1):
        picture = canvas.picture()
        logits = classifier(settings.view.look(picture, classifier.input_size, generator))
        class_loss = objective.loss(logits)
        smoothness = settings.tv * total_variation(picture)
        loss = class_loss + smoothness
        (canvas.parameters.grad,) = torch.autograd.grad(loss, canvas.parameters)
        optimiser.step()
        canvas.constrain()

        with torch.no_grad():
            pixels = to_pixels(canvas.picture())
            probability = logits.softmax(-1)[:, objective.class_id].mean()
        yield Step(
            index,
            settings.steps,
            scalars={
                N_("probability"): probability.item(),
                N_("class loss"): class_loss.item(),
                N_("TV loss"): smoothness.item(),
            },
            picture=pixels,
            result=Synthesis(pixels, classifier.name, objective, settings, index),
        )
