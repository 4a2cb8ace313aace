"""The loop that lets gradient descent draw.

for step in synthesise(classifier, ClassLogit(284), AT_ITS_BEST):
    ...                          # step.picture grows out of noise
step.result.pixels               # the picture
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import torch
from PIL import Image

from core.images import photos
from core.limits import LIMITS
from core.problem import MOST_SEED, N_, Problem, check_range
from core.setting import check, setting, settings_of
from core.steps import LiveSetting, Pixels, Step, Steps
from core.synthesis.canvas import CANVASES, CanvasName
from core.synthesis.descent import DESCENTS, DescentName, unit
from core.synthesis.objective import (
    Objective,
    OfPhoto,
    Reconstruction,
    classes_of,
    layers_of,
    nearest,
)
from core.synthesis.regularisers import REGULARISERS, Weights
from core.synthesis.schedule import Moment, Schedule
from core.synthesis.view import View, disturbed, straight
from core.zoo.classifier import Classifier, Seen

SIZES = (64, LIMITS.drawing_size)
STEPS = (1, LIMITS.drawing_steps)
_LEARNING_RATES = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
MOST_TURNS = 1000
CLASS_GRADIENT = 18_000.0
"""With relative weights: what the gradient of the class is brought to, its root mean square times
the numbers of a picture. At this weight total variation pulls at a pixel as hard as the class
does: about what the logits of EfficientNet-Lite0 have once a picture has begun to show."""
_SEEN = 0.6
"""The probability of the class, a mean over about the last `_GLANCES` views, from which on it is
seen, and nothing is waited for any more."""
_GLANCES = 20
_FROM_ANYWHERE = View(scale=(0.9, 1.6), rotation=8.0, shift=True)
_SAME_THROUGHOUT = Schedule()


@dataclass(frozen=True)
class Turn:
    """Settings that were changed while the picture was being drawn.

    Attributes:
        after: the number of steps that were made before.
        tv, learning_rate: their values from then on.
    """

    after: int
    tv: float
    learning_rate: float


LIVE = tuple(f.name for f in fields(Turn) if f.name != "after")
"""The settings that can be changed while a picture is being drawn."""


@dataclass(frozen=True)
class Settings(Weights):
    """How a picture is drawn.

    Without its last three, which are off unless they are set, it draws as the app did before they
    came, bit for bit.

    Attributes:
        canvas: "pixel", "fourier", "soft" or "phase"; see `canvas`.
        size: side of the picture in pixels.
        steps: how many steps of gradient descent.
        learning_rate: in the units of the canvas: brightness, waves or radians.
        view: how the network sees the canvas.
        photo: what the picture starts from: empty for noise, else the name of a photo. A
            reconstruction starts from noise, and this names the photo that it is one of.
        seed: of all randomness in the run.
        turns: settings that were changed on the way, the earliest first.
        descent: "adam" or "momentum"; see `descent`.
        schedule: how the way of drawing changes on the way.
        relative: whether weights stand against a gradient of the class of always the same size,
            so that they mean the same for every network and at every step, or against the loss
            itself, in nats or logits.
    """

    canvas: CanvasName = setting(
        "fourier",
        choices={name: kind.title for name, kind in CANVASES.items()},
        label=N_("Canvas"),
        help=N_(
            "What descent paints with. On pixels it finds noise; on waves it finds shapes. “Phases only” keeps the contrast of photographs and moves only outlines (MACO)."
        ),
    )
    size: int = setting(
        320,
        N_("size"),
        *SIZES,
        label=N_("Size in pixels"),
        help=N_("A larger canvas has room for more; the time grows with it only a little."),
        offered=(160, SIZES[1]),
        step=32,
        told="side in pixels",
    )
    steps: int = setting(
        192,
        N_("steps"),
        *STEPS,
        label=N_("Steps"),
        offered=(1, 2000),
        step=32,
        typed=True,
        digits=0,
    )
    learning_rate: float = setting(
        0.05,
        N_("learning rate"),
        1e-5,
        10.0,
        label=N_("Learning rate"),
        help=N_("How far each step goes. You can change it while the picture grows."),
        marks=_LEARNING_RATES,
        option="--lr",
        told="learning rate",
        link="rate",
    )
    view: View = _FROM_ANYWHERE
    photo: str = setting(
        "",
        label=N_("Start from"),
        help=N_("From noise everything is the network's own; from a photo it dreams."),
        told="start from this photo (a file or a sample), not from noise",
        link="start",
    )
    seed: int = setting(
        0,
        N_("seed"),
        0,
        MOST_SEED,
        label=N_("Seed"),
        help=N_("The same seed and settings give the same picture, bit for bit."),
        typed=True,
        told="default: 0",
    )
    turns: tuple[Turn, ...] = ()
    descent: DescentName = setting("adam", later=True)
    schedule: Schedule = setting(_SAME_THROUGHOUT, later=True)
    relative: bool = setting(False, later=True)

    def __post_init__(self) -> None:
        """Refuse settings with which no picture can be drawn.

        Raises:
            Problem: a value is out of its range.
        """
        check(self)
        check_range(N_("number of changed settings"), len(self.turns), 0, MOST_TURNS)
        for turn in self.turns:
            for name in LIVE:
                settings_of(Settings)[name].check(getattr(turn, name))


@dataclass(frozen=True)
class Synthesis:
    """A drawn picture with what drew it.

    Attributes:
        pixels: the 8-bit picture.
        model: name of the network.
        objective: what it was to become.
        settings: how it was drawn, with those that were changed on the way, and the steps that were
            waited for the class.
        steps_done: how many steps were made; fewer than asked for after a stop.
    """

    pixels: Pixels
    model: str
    objective: Objective
    settings: Settings
    steps_done: int


def synthesise(
    classifier: Classifier,
    objective: Objective,
    settings: Settings,
    photo: Image.Image | None = None,
) -> Steps[Synthesis]:
    """Draw a picture that a network takes for the ideal of something; see `Drawing.steps`."""
    yield from Drawing(classifier, objective, settings, photo).steps(settings.steps)


class Drawing:
    """A picture in the making: canvas, optimiser and randomness, so that it can be continued.

    It can be pickled between two steps, and goes on in another process.
    """

    def __init__(
        self,
        classifier: Classifier,
        objective: Objective,
        settings: Settings,
        photo: Image.Image | None = None,
    ) -> None:
        """Lay the canvas out.

        Args:
            classifier: the network; it is not changed.
            objective: what the picture is to become.
            settings: how it is drawn.
            photo: the RGB photo that `settings.photo` names, if it names one.

        Raises:
            Problem: the settings name a photo and there is none, or the network has no batch
                norms and they are to be used.
            KeyError, IndexError: the network has not what the objective wants.
        """
        uses_norms = any(getattr(settings, n) for n, r in REGULARISERS.items() if r.of_norms)
        if uses_norms and not classifier.norms:
            raise Problem(
                N_("{network} has no batch norms. Set the weight of the batch-norm prior to 0."),
                network=classifier.title,
            )
        is_missing = isinstance(objective, OfPhoto) and photo is None
        if is_missing or bool(settings.photo) != (photo is not None):
            raise Problem(N_("The picture starts from a photo that is not here. Choose it first."))
        self.classifier = classifier
        self.objective = objective
        self.settings = settings
        self.done = 0
        self._seen = 0.0
        self._generator = torch.Generator().manual_seed(settings.seed)
        self._canvas = CANVASES[settings.canvas](settings.size, self._generator)
        self._canvas.boldness = settings.schedule.at(0).boldness
        pixels = None if photo is None else photos.prepare(photo, settings.size)
        if pixels is not None and not isinstance(objective, Reconstruction):
            self._canvas.paint(pixels)
        start = self._canvas.parameters.to(classifier.device).requires_grad_()
        self._canvas.parameters = start
        self._optimisers = {
            name: optimiser([start], lr=settings.learning_rate)
            for name, optimiser in DESCENTS.items()
        }
        self._norms = classifier.norms if uses_norms else ()
        self._look = self._looking()
        self._loss = self._objective_loss(pixels)
        self._wanted: LiveSetting[Turn | None] = LiveSetting(None)
        self._heeded: Turn | None = None

    def _looking(self) -> Callable[[torch.Tensor], Seen]:
        return self.classifier.look(
            layers_of(self.objective),
            [norm.node for norm in self._norms],
            answer=bool(classes_of(self.objective)),
        )

    @torch.no_grad()
    def _objective_loss(self, photo: torch.Tensor | None) -> Callable[[Seen], torch.Tensor]:
        """Return the loss; that of an objective beside a photo is told what is seen of the photo."""
        if not isinstance(self.objective, OfPhoto):
            return self.objective.loss
        assert photo is not None, "refused above"
        view = straight(photo.to(self.classifier.device), self.classifier.input_size)
        return partial(self.objective.loss, photo=self._look(view))

    def __getstate__(self) -> dict[str, Any]:
        """Return all but what the network is looked at with, which is made from the rest."""
        return {name: value for name, value in vars(self).items() if name != "_look"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take all that, and make the rest."""
        vars(self).update(state)
        self._look = self._looking()

    def turn(self, **values: float) -> None:
        """Change settings while it is being drawn, from any thread, from the next step on.

        Args:
            **values: of each of `LIVE`.

        Raises:
            Problem: a value is out of its range.
        """
        replace(self.settings, **values)  # type: ignore[arg-type]  # checks them
        self._wanted.value = Turn(self.done, **values)

    def steps(self, count: int) -> Steps[Synthesis]:
        """Draw on. Two times 100 steps give, bit for bit, the picture of 200.

        Args:
            count: how many steps to make, beside those that the coarse part waits for the class.

        Yields:
            A step per step of gradient descent: the picture after it, and as scalars the loss
            terms and the classes' probabilities, or the channel's activation, in the view just
            before it. Every step carries the picture as its result, so the run can be left after
            any of them.
        """
        total = self.done + count
        picture = self._canvas.picture()
        while self.done < total:
            turn, now = self._turn(), self.settings.schedule.at(self.done)
            if now.size < 1:
                picture = self._canvas.picture(round(now.size * self.settings.size))
            seen = self._look(self._view(picture, now))
            losses = self._losses(picture, seen, turn, now)
            self._canvas.parameters.grad = self._gradient(picture, list(losses.values()))
            optimiser = self._optimisers["adam" if now.details else self.settings.descent]
            optimiser.param_groups[0]["lr"] = turn.learning_rate * now.rate
            optimiser.step()
            self._canvas.constrain()
            self.done += 1
            scores = self._scores(seen)
            self._seen += (sum(scores.values()) - self._seen) / _GLANCES
            waits = self._has_to_wait()
            if waits:
                self._wait()
                total += 1

            self._canvas.boldness = self.settings.schedule.at(self.done).boldness
            picture = self._canvas.picture()
            pixels = photos.to_pixels(picture)
            yield Step(
                self.done,
                total,
                scalars=scores | {name: term.item() for name, term in losses.items()},
                phase=N_("until the network sees the class") if waits else "",
                picture=pixels,
                result=Synthesis(
                    pixels, self.classifier.name, self.objective, self.settings, self.done
                ),
            )

    @property
    def planned(self) -> int:
        """Where the run stands, not counting steps that are waited.

        It begins below 0 where a run is drawn again, since how long it waits is known before.
        """
        return self.done - self.settings.schedule.waited

    def _has_to_wait(self) -> bool:
        """Return whether the class is not yet seen though the last coarse step has been made."""
        is_seen = self._seen >= _SEEN or not classes_of(self.objective)
        return not is_seen and self.settings.schedule.may_wait(self.done)

    def _wait(self) -> None:
        """Let the schedule stand still for a step, and write it down."""
        schedule = self.settings.schedule
        waited = replace(schedule, waited=schedule.waited + 1)
        self.settings = replace(self.settings, schedule=waited)

    def _view(self, picture: torch.Tensor, now: Moment) -> torch.Tensor:
        """Return the picture as the network is shown it this time."""
        size = round(now.size * self.classifier.input_size)
        view = self.settings.view.look(picture, size, self._generator)
        return disturbed(view, noise=now.noise, colour=now.colour, generator=self._generator)

    def _losses(
        self, picture: torch.Tensor, seen: Seen, turn: Turn, now: Moment
    ) -> dict[str, torch.Tensor]:
        """Return the terms of the loss by name, that of the class first."""
        loss = self._loss(seen)
        if now.contrast and (classes := classes_of(self.objective)):
            loss = loss + now.contrast * nearest(seen, classes)
        return {N_("class loss"): loss} | self._penalties(picture, seen, turn)

    def _gradient(self, picture: torch.Tensor, losses: list[torch.Tensor]) -> torch.Tensor:
        """Return the gradient of what is descended, with respect to the canvas.

        Args:
            picture: what the canvas gave.
            losses: the terms, that of the class first.
        """
        parameters = self._canvas.parameters
        if self.settings.relative:
            (of_class,) = torch.autograd.grad(losses[0], picture, retain_graph=True)
            together = CLASS_GRADIENT / picture.numel() * unit(of_class)
            rest = torch.stack(losses[1:]).sum()
            if rest.requires_grad:
                together += torch.autograd.grad(rest, picture, retain_graph=True)[0]
            (gradient,) = torch.autograd.grad(picture, parameters, together)
        else:
            (gradient,) = torch.autograd.grad(torch.stack(losses).sum(), parameters)
        return unit(gradient) if self.settings.descent == "momentum" else gradient

    def _turn(self) -> Turn:
        """Return the values of `LIVE` for this step, and write down what was changed."""
        turned = self._wanted.read()
        if turned is not None and turned != self._heeded:
            self._heeded, wanted = turned, replace(turned, after=self.done)
            # What lay ahead in a recipe gives way to what is wanted now.
            kept = tuple(turn for turn in self.settings.turns if turn.after < self.done)
            self.settings = replace(self.settings, turns=(*kept, wanted)[-MOST_TURNS:])
        now = Turn(0, **{name: getattr(self.settings, name) for name in LIVE})
        for turn in self.settings.turns:
            if turn.after <= self.done:
                now = turn
        return now

    def _penalties(self, picture: torch.Tensor, seen: Seen, turn: Turn) -> dict[str, torch.Tensor]:
        """Return the weighted penalties by name; one without weight costs nothing."""
        losses: dict[str, torch.Tensor] = {}
        for name, regulariser in REGULARISERS.items():
            if weight := getattr(turn if name in LIVE else self.settings, name):
                taken = (seen.nodes, self._norms) if regulariser.of_norms else (picture,)
                losses[regulariser.loss] = weight * regulariser.penalty(*taken)
            elif name in LIVE:  # so that its curve is there when it is changed
                losses[regulariser.loss] = picture.new_zeros(())
        return losses

    @torch.no_grad()
    def _scores(self, seen: Seen) -> dict[str, float]:
        """Return what is worth a curve beside the losses."""
        classes = classes_of(self.objective)
        if not classes:
            return {N_("activation"): -self._loss(seen).item()}
        shares = seen.logits.softmax(-1)[:, list(classes)].mean(dim=0).tolist()
        return dict(zip((N_("probability"), N_("second probability")), shares, strict=False))
