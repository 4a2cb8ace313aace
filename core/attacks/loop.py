"""Gradient attacks, all of them: step towards the goal, come back to within ε, repeat.

One step is FGSM (Goodfellow, Shlens and Szegedy, 2015); many are I-FGSM (Kurakin, Goodfellow and
Bengio, 2017); from a random place within ε it is PGD (Madry et al., 2018); with momentum it is
MI-FGSM (Dong et al., 2018). `descend` is the whole lesson; `Batch` lets photos take part that are
not equally far, and remembers the best of each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import torch

from core.attacks.goal import Goal
from core.attacks.norm import NORMS, NormName
from core.images.photos import quantised, to_pixels
from core.limits import LIMITS
from core.problem import MOST_SEED, N_, Problem, Text
from core.setting import check, setting
from core.steps import Step, Steps

MAX_STEPS = LIMITS.attack_steps
MAX_RESTARTS = 20
BATCH = 8
"""Photos looked at together: on CPUs, no more are faster, and fewer leave the cores waiting."""


class Network(Protocol):
    """What can be attacked: a classifier, or one behind a defence."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, classes) of pictures (N, 3, H, W) in [0, 1]."""


@dataclass(frozen=True)
class Settings:
    """How a photo is attacked.

    Attributes:
        norm: which one bounds the change; see `NORMS`.
        epsilon: how far the photo may be changed, in the norm's unit: 1/255 for "linf".
        steps: how many steps.
        step_size: length of a step as a fraction of ε; None for 2.5 / steps, with which the border
            can be reached from anywhere and walked along (Madry et al.).
        random_start: whether to begin at a random place within ε instead of at the photo.
        restarts: how many beginnings; a further one is made only if those before failed.
        momentum: how much of the former direction is kept (Dong et al.); 1 is theirs, 0 is none.
        tv: weight of the perturbation's total variation, for a smooth one; with perturbation and
            variation in units of ε, as means.
        stop_early: whether to stop as soon as the picture, saved in 8 bits, is seen as wanted.
        keep: "best": the result is the picture nearest to the goal; "last": the last one, as
            other libraries have it.
        seed: of the random beginning.
    """

    norm: NormName = setting(
        "linf",
        choices={name: norm.title for name, norm in NORMS.items()},
        label=N_("What may change"),
        help=N_(
            "L∞ limits the change of every single pixel; L2 limits the change of the whole photo, so that a few pixels may change more."
        ),
    )
    epsilon: float = 4.0
    steps: int = setting(
        40,
        label=N_("Steps"),
        offered=(1, 500),
        step=10,
        typed=True,
        told="default: 40, or the usual rounds of the method",
    )
    step_size: float | None = setting(None, N_("step size"), 0, 1)
    random_start: bool = False
    restarts: int = setting(
        1,
        N_("number of restarts"),
        1,
        MAX_RESTARTS,
        label=N_("Restarts"),
        help=N_("With PGD, another random beginning is tried if the one before has failed."),
        typed=True,
        told="beginnings, with pgd",
    )
    momentum: float = setting(0.0, N_("momentum"), 0, 1)
    tv: float = setting(
        0.0,
        N_("weight of the total variation"),
        0.0,
        1e6,
        label=N_("Smoothness (TV)"),
        help=N_("Weight of the change's total variation: with it, the change gets soft."),
        offered=(0.0, 1000.0),
        step=10.0,
        typed=True,
        told="weight of the change's variation",
    )
    stop_early: bool = setting(
        False,
        label=N_("Stop at the first success"),
        help=N_("Otherwise it goes on, and the network gets ever surer of the wrong answer."),
        told="stop at the first success",
        link="early",
    )
    keep: Literal["best", "last"] = "best"
    seed: int = setting(
        0,
        N_("seed"),
        0,
        MOST_SEED,
        label=N_("Seed"),
        help=N_("Of the random numbers of PGD, Boundary and HopSkipJump. Equal seeds, equal runs."),
        typed=True,
    )

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            Problem: one of them is out of its range.
        """
        if not 0 <= self.epsilon <= NORMS[self.norm].most:
            raise Problem(
                N_("ε must lie between 0 and {most:g}, not {value:g}."),
                most=NORMS[self.norm].most,
                value=self.epsilon,
            )
        if not 1 <= self.steps <= MAX_STEPS:
            raise Problem(
                N_("Between 1 and {most} steps can be made, not {value}."),
                most=MAX_STEPS,
                value=self.steps,
            )
        check(self)

    @property
    def radius(self) -> float:
        """ε in pixels of [0, 1]."""
        return self.epsilon * NORMS[self.norm].unit

    @property
    def step_length(self) -> float:
        """Length of a step in pixels of [0, 1]."""
        fraction = 2.5 / self.steps if self.step_size is None else self.step_size
        # With one step it would overshoot; the sign method goes exactly to the border.
        return self.radius * min(1.0, fraction)


@dataclass(frozen=True)
class Method:
    """A gradient attack.

    Attributes:
        label: its name in papers and, after a colon, what tells it from the others.
        fixed: the settings that make it up.
    """

    label: Text
    fixed: Mapping[str, Any]

    @property
    def random(self) -> bool:
        """Whether it draws random numbers."""
        return bool(self.fixed["random_start"])


_FROM_THE_PHOTO = {"random_start": False, "restarts": 1}
METHODS: dict[str, Method] = {
    "ifgsm": Method(N_("I-FGSM: many small steps"), {**_FROM_THE_PHOTO, "momentum": 0.0}),
    "fgsm": Method(N_("FGSM: a single step"), {**_FROM_THE_PHOTO, "momentum": 0.0, "steps": 1}),
    "pgd": Method(N_("PGD: from a random place"), {"random_start": True, "momentum": 0.0}),
    "mifgsm": Method(N_("MI-FGSM: with momentum"), {**_FROM_THE_PHOTO, "momentum": 1.0}),
}
"""By the names on the command line; see the module."""


def settings_for(method: str, **chosen: Any) -> Settings:
    """Return the settings of a method.

    Args:
        method: one of `METHODS`.
        **chosen: further fields of `Settings`; what makes the method up goes before them.

    Raises:
        Problem: one of them is out of its range, whether it goes with the method or not.
    """
    return replace(Settings(**chosen), **METHODS[method].fixed)


@dataclass(frozen=True)
class Attempt:
    """The best that an attack has found so far for one photo.

    Attributes:
        original: the photo, (1, 3, H, W) in [0, 1].
        adversarial: the changed photo, likewise.
        goal: what it was to be seen as.
        settings: how it was changed.
        steps_done: how many steps were made.
        success: whether the network says what was wanted, of the unrounded picture.
    """

    original: torch.Tensor
    adversarial: torch.Tensor
    goal: Goal
    settings: Settings
    steps_done: int
    success: bool = False

    def within(self, epsilon: float) -> Attempt:
        """Return the same change brought back to within another ε, without a step more.

        Whether that one is a success has to be measured; see `report`.
        """
        settings = replace(self.settings, epsilon=epsilon)
        change = NORMS[settings.norm].project(self.adversarial - self.original, settings.radius)
        return replace(self, adversarial=(self.original + change).clamp(0, 1), settings=settings)


def descend(network: Network, batch: Batch) -> Iterator[None]:
    """Change photos within ε until the network says what is wanted, and then more surely.

    The loss is low where the network says what is wanted, so steps go downhill. Away from a class
    it is minus the cross-entropy, which papers climb; see `Goal.loss`.
    A round is one look and one step; each beginning has a last look after its last step. It pauses
    after each round; what was found by then is in `batch`.
    """
    norm = NORMS[batch.settings.norm]
    while batch.refill():
        photos, pictures = batch.photos, batch.pictures.requires_grad_()
        with torch.set_grad_enabled(batch.has_next_step):  # the last look needs no gradient
            logits = network(pictures)
            loss = batch.loss(logits)
        batch.note(logits.detach(), loss.detach())
        batch.stop_early(network)

        if batch.has_next_step:
            (gradient,) = torch.autograd.grad(loss.sum(), pictures)
            pictures = pictures.detach()
            settings = batch.current_settings()
            gradient = gradient + variation_gradient(pictures - photos, settings)
            direction = batch.momentum(gradient * batch.mask)
            # L∞: the gradient's sign. L2: the gradient, at length 1.
            pictures = pictures - settings.step_length * norm.steepest(direction)
            pictures = photos + norm.project(pictures - photos, settings.radius)
            batch.step_to(pictures.clamp(0, 1))
        yield


def variation_gradient(perturbations: torch.Tensor, settings: Settings) -> torch.Tensor | float:
    """Return the gradient of the perturbations' weighted total variation; 0 without a weight."""
    if not (settings.tv and settings.radius):
        return 0.0
    leaf = perturbations.requires_grad_()
    across = (leaf[..., :, 1:] - leaf[..., :, :-1]).square().mean((1, 2, 3))
    down = (leaf[..., 1:, :] - leaf[..., :-1, :]).square().mean((1, 2, 3))
    # In units of what one pixel may change, so that a weight means the same for every ε.
    unit = settings.radius / leaf[0].numel() ** NORMS[settings.norm].power
    (gradient,) = torch.autograd.grad(settings.tv * (across + down).sum() / unit**2, leaf)
    return gradient


class Trial:
    """One photo of a batch: where its attack is, and the best that it has found.

    Attributes:
        photo: the photo, (1, 3, H, W) in [0, 1].
        picture: what the photo has been changed to.
        direction: what momentum has gathered.
        step: how many steps were made from the latest beginning; None where it is yet to begin,
            for the first time or, after a restart, again.
        shown: the picture that the network has looked at last.
        logits: what it said of that, (1, classes).
        reached: whether that is seen as wanted.
        loss: the goal's, in nats.
        steps_done: how many steps were made in all.
        success: whether the best picture is seen as wanted.
        is_done: whether nothing more is tried.
    """

    def __init__(self, photo: torch.Tensor, goal: Goal, settings: Settings) -> None:
        """See `attack_all`."""
        self.photo = self.picture = self.shown = self._best = photo
        self.direction = torch.zeros_like(photo)
        self.goal, self.settings = goal, settings
        self.logits: torch.Tensor | None = None
        self.loss = self._lowest = float("inf")
        self.step: int | None = None
        self.steps_done = self._begun = 0
        self.reached = self.success = self.is_done = False
        # One for each photo: what comes of it does not depend on the others of its batch.
        self._generator = torch.Generator().manual_seed(settings.seed)

    def begin(self, mask: torch.Tensor) -> None:
        """Go to the photo, or to a random place within ε of it."""
        self.picture, self.direction = self.photo, torch.zeros_like(self.photo)
        if self.settings.random_start:
            noise = NORMS[self.settings.norm].anywhere(self.photo.shape, self._generator)
            noise = noise.to(self.photo.device) * mask
            self.picture = (self.photo + self.settings.radius * noise).clamp(0, 1)
        self.step = 0
        self._begun += 1

    def note(self, logits: torch.Tensor, loss: float) -> None:
        """Remember the picture that the network has looked at, if it is the best so far."""
        self.shown, self.logits, self.loss = self.picture, logits, loss
        self.reached = bool(self.goal.reached(logits))
        # Any success is better than none; then the lower loss counts.
        better = (not self.reached, loss) < (not self.success, self._lowest)
        if better or self.settings.keep == "last":
            self._best, self._lowest, self.success = self.shown, loss, self.reached
        self.steps_done += bool(self.step)  # to look at the beginning is no step
        if self.step == self.settings.steps:
            self.step = None
            self.is_done = self.success or self._begun == self.settings.restarts

    def finish(self) -> None:
        """Make the picture that the network has looked at last the result."""
        self._best, self.success, self.is_done = self.shown, True, True

    def change_epsilon(self, epsilon: float) -> None:
        """Go on within another ε.

        What was best within the former one counts no more: it may lie outside of this one.
        """
        here = replace(self.attempt(), adversarial=self.shown).within(epsilon)
        self.settings = here.settings
        self._best = self.shown = here.adversarial
        self._lowest, self.success = float("inf"), False

    def attempt(self) -> Attempt:
        """Return the result so far."""
        return Attempt(
            self.photo, self._best, self.goal, self.settings, self.steps_done, self.success
        )

    @property
    def planned(self) -> int:
        """How many steps it will have made at most."""
        most = self.settings.steps * self.settings.restarts
        return self.steps_done if self.is_done else most


class Batch:
    """Photos that are attacked together; one that is done makes room for the next.

    Attributes:
        settings: how they are attacked, as it holds now.
        mask: (1, 1 or 3, H, W) or a one for all: where photos may be changed.
        active: the photos that the network looks at together.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        settings: Settings,
        *,
        most: int,
        mask: torch.Tensor,
        epsilon: Callable[[], float] | None,
    ) -> None:
        """See `attack_all`."""
        self.settings = settings
        self.active: list[Trial] = []
        self._waiting = deque(trials)
        self._most, self.mask, self._epsilon = most, mask, epsilon

    def refill(self) -> bool:
        """Let photos in for those that are done, begin where it is due, and tell if any is left."""
        self.active = [trial for trial in self.active if not trial.is_done]
        while self._waiting and len(self.active) < self._most:
            self.active.append(self._waiting.popleft())
        for trial in self.active:
            if trial.step is None:
                trial.begin(self.mask)
        return bool(self.active)

    @property
    def photos(self) -> torch.Tensor:
        """The photos at work, (N, 3, H, W) in [0, 1]."""
        return torch.cat([trial.photo for trial in self.active])

    @property
    def pictures(self) -> torch.Tensor:
        """What they have been changed to, likewise, as a new tensor."""
        return torch.cat([trial.picture for trial in self.active])

    def step_to(self, changed: torch.Tensor) -> None:
        """Make a step: the pictures are these now. Those that are to begin again stay."""
        for trial, picture in zip(self.active, changed.split(1), strict=True):
            if trial.step is not None:
                trial.picture, trial.step = picture, trial.step + 1

    @property
    def has_next_step(self) -> bool:
        """Whether any of them will make a step from where it is."""
        return any(
            not trial.is_done and trial.step is not None and trial.step < self.settings.steps
            for trial in self.active
        )

    def loss(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the loss of each picture's goal, (N,), in nats."""
        rows = zip(self.active, logits.split(1), strict=True)
        return torch.cat([trial.goal.loss(row) for trial, row in rows])

    def note(self, logits: torch.Tensor, loss: torch.Tensor) -> None:
        """Remember the pictures that are the best so far."""
        rows = zip(self.active, logits.split(1), loss.tolist(), strict=True)
        for trial, row, value in rows:
            trial.note(row, value)

    def stop_early(self, network: Network) -> None:
        """Finish those that the network sees as wanted when they are saved in 8 bits, if asked to."""
        reached = [t for t in self.active if t.reached and t.step is not None]
        if not (self.settings.stop_early and reached):
            return
        saved = quantised(torch.cat([trial.shown for trial in reached]))
        with torch.no_grad():
            answers = network(saved).split(1)
        for trial, logits in zip(reached, answers, strict=True):
            if trial.goal.reached(logits):
                trial.finish()

    def current_settings(self) -> Settings:
        """Return the settings for this step: a person may have changed ε since the last one."""
        if self._epsilon and (epsilon := self._epsilon()) != self.settings.epsilon:
            self.settings = replace(self.settings, epsilon=epsilon)
            for trial in (*self.active, *self._waiting):
                if not trial.is_done:
                    trial.change_epsilon(epsilon)
        return self.settings

    def momentum(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the direction of a step, with what momentum keeps of the ones before."""
        if not self.settings.momentum:
            return gradient
        # Gradients of different steps are made comparable before they are added (Dong, eq. 6).
        scaled = gradient / gradient.abs().sum((1, 2, 3), keepdim=True).clamp_min(1e-12)
        before = torch.cat([trial.direction for trial in self.active])
        direction = self.settings.momentum * before + scaled
        for trial, row in zip(self.active, direction.split(1), strict=True):
            trial.direction = row
        return direction


def attack_all(
    network: Network,
    photos: torch.Tensor,
    goals: Sequence[Goal],
    settings: Settings,
    *,
    mask: torch.Tensor | None = None,
    batch: int = BATCH,
    epsilon: Callable[[], float] | None = None,
) -> Steps[tuple[Attempt, ...]]:
    """Attack several photos, a few at a time; for the idea, see `descend`.

    Args:
        network: what to fool; it is not changed.
        photos: (N, 3, H, W) in [0, 1]; each is changed by ε at most.
        goals: what the network shall say, one for each photo.
        settings: how.
        mask: (1, 1 or 3, H, W) of zeros and ones: where photos may be changed; None: everywhere.
        batch: how many are looked at together.
        epsilon: gives the ε that holds from now on, asked before every step; None: that of the
            settings.

    Yields:
        A step whenever steps of descent were made. Scalars and picture are those of the first
        photo at work; the result has an attempt for every photo, in their order.

    Raises:
        ValueError: not one goal for each photo.
    """
    if len(photos) != len(goals):
        raise ValueError(f"{len(goals)} goals for {len(photos)} photos")
    trials = [
        Trial(photo[None], goal, settings)
        for photo, goal in zip(photos.to(network.device), goals, strict=True)
    ]
    mask = (torch.ones(1, 1, 1, 1) if mask is None else mask).to(network.device)
    together = Batch(trials, settings, most=batch, mask=mask, epsilon=epsilon)
    told = 0
    for _ in descend(network, together):
        done = sum(trial.steps_done for trial in trials)
        if done > told or all(trial.is_done for trial in trials):
            told, shown = done, together.active[0]
            yield Step(
                done,
                max(1, sum(trial.planned for trial in trials)),
                scalars=_scalars(shown),
                picture=to_pixels(shown.shown),
                result=tuple(trial.attempt() for trial in trials),
            )


def attack(
    network: Network,
    photo: torch.Tensor,
    goal: Goal,
    settings: Settings,
    *,
    mask: torch.Tensor | None = None,
    epsilon: Callable[[], float] | None = None,
) -> Steps[Attempt]:
    """Attack one photo, (1, 3, H, W) in [0, 1]; see `attack_all`."""
    for step in attack_all(network, photo, [goal], settings, mask=mask, epsilon=epsilon):
        result = step.result[0] if step.result else None
        yield Step(step.index, step.total, step.scalars, picture=step.picture, result=result)


def _scalars(trial: Trial) -> dict[str, float]:
    assert trial.logits is not None
    scalars: dict[str, float] = {
        N_("probability"): trial.goal.wanted(trial.logits).item(),
        N_("attack loss"): trial.loss,
    }
    if trial.goal.true_id is not None:
        probabilities = trial.logits.softmax(-1)[0]
        scalars[N_("probability of the true class")] = probabilities[trial.goal.true_id].item()
    return scalars
