"""Gradient attacks, all of them: step towards the goal, come back to within ε, repeat.

One step is FGSM (Goodfellow, Shlens and Szegedy, 2015); many are I-FGSM (Kurakin, Goodfellow and
Bengio, 2017); from a random place within ε it is PGD (Madry et al., 2018); with momentum it is
MI-FGSM (Dong et al., 2018). `descend` is the whole lesson; the rest lets several photos be
looked at together, a few at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

import torch

from core.attacks.goal import Goal
from core.attacks.norm import NORMS
from core.limits import LIMITS
from core.photos import to_pixels
from core.problem import N_, Problem, check_range, check_seed
from core.steps import Step, Steps

NormName = Literal["linf", "l2"]
MethodName = Literal["fgsm", "ifgsm", "pgd", "mifgsm"]
MAX_STEPS = LIMITS.attack_steps
MAX_EPSILON = {"linf": 255.0, "l2": 500.0}
MAX_RESTARTS = 20
BATCH = 8
"""Photos looked at together: on CPUs, no more are faster, and fewer leave the cores waiting."""


class Network(Protocol):
    """What can be attacked: a classifier, or one behind a defence."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Give the logits (N, classes) of pictures (N, 3, H, W) in [0, 1]."""


@dataclass(frozen=True)
class Settings:
    """How a photo is attacked.

    Attributes:
        norm: "linf" or "l2"; see `norm`.
        epsilon: how far the photo may be changed: in 1/255 for "linf", absolute for "l2".
        steps: how many steps.
        step_size: length of a step as a share of ε; None for 2.5 / steps, with which the border
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

    norm: NormName = "linf"
    epsilon: float = 4.0
    steps: int = 40
    step_size: float | None = None
    random_start: bool = False
    restarts: int = 1
    momentum: float = 0.0
    tv: float = 0.0
    stop_early: bool = False
    keep: Literal["best", "last"] = "best"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            Problem: one of them is out of its range.
        """
        if not 0 <= self.epsilon <= MAX_EPSILON[self.norm]:
            raise Problem(
                N_("ε must lie between 0 and {most:g}, not {value:g}."),
                most=MAX_EPSILON[self.norm],
                value=self.epsilon,
            )
        if not 1 <= self.steps <= MAX_STEPS:
            raise Problem(
                N_("Between 1 and {most} steps can be made, not {value}."),
                most=MAX_STEPS,
                value=self.steps,
            )
        check_range(N_("number of restarts"), self.restarts, 1, MAX_RESTARTS)
        check_range(N_("momentum"), self.momentum, 0, 1)
        check_range(N_("weight of the total variation"), self.tv, 0, 1e6)
        if self.step_size is not None:
            check_range(N_("step size"), self.step_size, 0, 1)
        check_seed(self.seed)

    @property
    def radius(self) -> float:
        """ε in pixels of [0, 1]."""
        return self.epsilon * NORMS[self.norm].unit

    @property
    def stride(self) -> float:
        """Length of a step in pixels of [0, 1]."""
        share = 2.5 / self.steps if self.step_size is None else self.step_size
        # With one step the share would overshoot; the sign method goes exactly to the border.
        return self.radius * min(1.0, share)


def settings_for(method: MethodName, **chosen: Any) -> Settings:
    """Give the settings of a method by the name that papers give it; see the module.

    Args:
        method: its name.
        **chosen: further fields of `Settings`; what makes the method up goes before them.

    Raises:
        Problem: one of them is out of its range, whether it goes with the method or not.
    """
    makes_it: dict[MethodName, dict[str, Any]] = {
        "fgsm": {"steps": 1, "random_start": False, "momentum": 0.0, "restarts": 1},
        "ifgsm": {"random_start": False, "momentum": 0.0, "restarts": 1},
        "pgd": {"random_start": True, "momentum": 0.0},
        "mifgsm": {"random_start": False, "momentum": 1.0, "restarts": 1},
    }
    return replace(Settings(**chosen), **makes_it[method])


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
        """Give the same change brought back to within another ε, without a step more.

        Whether that one is a success has to be measured; see `report`.
        """
        settings = replace(self.settings, epsilon=epsilon)
        change = NORMS[settings.norm].project(self.adversarial - self.original, settings.radius)
        return replace(self, adversarial=(self.original + change).clamp(0, 1), settings=settings)


@dataclass(frozen=True)
class Look:
    """What the network says of one picture.

    Attributes:
        logits: (1, classes).
        loss: the goal's, in nats.
        reached: whether it is what was wanted.
        gradient: of the loss, (1, 3, H, W); None where none was asked for.
    """

    logits: torch.Tensor
    loss: float
    reached: bool
    gradient: torch.Tensor | None


@dataclass(frozen=True)
class Question:
    """A picture, (1, 3, H, W), for the network to look at, with the loss's gradient or without."""

    picture: torch.Tensor
    gradient: bool = True


Looking: TypeAlias = Generator[Question, Look, None]


def descend(trial: Trial) -> Looking:
    """Change one photo within ε until the network says what is wanted, and then more surely.

    Whatever stands after `yield` is what the network says of the picture.
    """
    photo, settings = trial.photo, trial.settings
    norm = NORMS[settings.norm]
    generator = torch.Generator().manual_seed(settings.seed)
    for _ in range(settings.restarts):
        changed = photo
        if settings.random_start:
            noise = norm.anywhere(photo.shape, generator).to(photo.device)
            changed = (photo + settings.radius * trial.masked(noise)).clamp(0, 1)
        look = yield Question(changed)
        trial.note(changed, look)
        direction = None

        for step in range(1, settings.steps + 1):
            if settings.stop_early and look.reached and (yield from _holds_when_saved(trial)):
                return
            assert look.gradient is not None
            settings = trial.turned()
            slope = look.gradient
            if settings.tv and settings.radius:
                slope = slope + _roughness(changed - photo, settings)
            direction = _carried_on(direction, trial.masked(slope), settings)
            perturbation = changed - settings.stride * norm.steepest(direction) - photo
            changed = (photo + norm.project(perturbation, settings.radius)).clamp(0, 1)

            look = yield Question(changed, gradient=step < settings.steps)
            trial.steps_done += 1
            trial.note(changed, look)
        if trial.success:
            return


def _holds_when_saved(trial: Trial) -> Generator[Question, Look, bool]:
    """Say whether the picture is still seen as wanted when it is rounded to 8 bits."""
    look = yield Question(trial.shown.mul(255).round().div(255), gradient=False)
    if look.reached:
        trial.take(trial.shown)
    return look.reached


def _carried_on(
    before: torch.Tensor | None, slope: torch.Tensor, settings: Settings
) -> torch.Tensor:
    """Give the direction of a step, with what momentum keeps of the one before it."""
    if not settings.momentum:
        return slope
    # Slopes of different steps are made comparable before they are added (Dong, eq. 6).
    scaled = slope / slope.abs().sum().clamp_min(1e-12)
    return scaled if before is None else settings.momentum * before + scaled


def _roughness(perturbation: torch.Tensor, settings: Settings) -> torch.Tensor:
    """Give the gradient of the perturbation's weighted total variation."""
    leaf = perturbation.detach().requires_grad_()
    across = (leaf[..., :, 1:] - leaf[..., :, :-1]).square().mean()
    down = (leaf[..., 1:, :] - leaf[..., :-1, :]).square().mean()
    # In units of what one pixel may change, so that a weight means the same for every ε.
    unit = settings.radius if settings.norm == "linf" else settings.radius / leaf.numel() ** 0.5
    (gradient,) = torch.autograd.grad(settings.tv * (across + down) / unit**2, leaf)
    return gradient


class Trial:
    """The attack on one photo: where it is, and the best that it has found."""

    def __init__(
        self,
        photo: torch.Tensor,
        goal: Goal,
        settings: Settings,
        mask: torch.Tensor | None = None,
        epsilon: Callable[[], float] | None = None,
    ) -> None:
        """See `attack_all`."""
        self.photo = photo
        self.goal = goal
        self.settings = settings
        self._mask = None if mask is None else mask.to(photo.device)
        self.shown = photo
        self.look: Look | None = None
        self.steps_done = 0
        self.success = False
        self.finished = False
        self._best, self._lowest = photo, float("inf")
        self._epsilon = epsilon
        self._looking = descend(self)
        self.question = next(self._looking)

    def answer(self, look: Look) -> None:
        """Tell it what the network says of its question, and take its next one."""
        try:
            self.question = self._looking.send(look)
        except StopIteration:
            self.finished = True

    def note(self, picture: torch.Tensor, look: Look) -> None:
        """Remember a picture that the network has looked at, if it is the best so far."""
        self.shown, self.look = picture, look
        better = (not look.reached, look.loss) < (not self.success, self._lowest)
        if better or self.settings.keep == "last":
            self._best, self._lowest, self.success = picture, look.loss, look.reached

    def masked(self, change: torch.Tensor) -> torch.Tensor:
        """Give a change of the picture, where it may be changed."""
        return change if self._mask is None else change * self._mask

    def turned(self) -> Settings:
        """Give the settings that hold now; ε may have been turned since the last step.

        What was best within another ε counts no more: it may lie outside of this one.
        """
        if self._epsilon is None or (epsilon := self._epsilon()) == self.settings.epsilon:
            return self.settings
        here = replace(self.attempt(), adversarial=self.shown).within(epsilon)
        self.settings = here.settings
        self._best = self.shown = here.adversarial
        self._lowest, self.success = float("inf"), False
        return self.settings

    def take(self, picture: torch.Tensor) -> None:
        """Make a picture the result, whatever was better."""
        self._best, self.success = picture, True

    def attempt(self) -> Attempt:
        """Give the result so far."""
        return Attempt(
            self.photo, self._best, self.goal, self.settings, self.steps_done, self.success
        )

    @property
    def planned(self) -> int:
        """How many steps it will have made at most."""
        most = self.settings.steps * self.settings.restarts
        return self.steps_done if self.finished else most


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
    """Attack several photos, a few at a time; a photo that is done makes room for the next.

    Args:
        network: what to fool; it is not changed.
        photos: (N, 3, H, W) in [0, 1]; none is left by more than ε, nor is [0, 1].
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
        Trial(photo[None], goal, settings, mask, epsilon)
        for photo, goal in zip(photos.to(network.device), goals, strict=True)
    ]
    waiting, active = deque(trials), list[Trial]()
    told = 0
    while waiting or active:
        while waiting and len(active) < batch:
            active.append(waiting.popleft())
        shown = active[0]
        for trial, look in zip(active, _look(network, active), strict=True):
            trial.answer(look)
        active = [trial for trial in active if not trial.finished]
        done = sum(trial.steps_done for trial in trials)
        if done > told or not (waiting or active):
            told = done
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
    """Attack one photo, (1, 3, H, W) in [0, 1]; see `attack_all` and, for the idea, `descend`."""
    for step in attack_all(network, photo, [goal], settings, mask=mask, epsilon=epsilon):
        result = step.result[0] if step.result else None
        yield Step(step.index, step.total, step.scalars, picture=step.picture, result=result)


def _scalars(trial: Trial) -> dict[str, float]:
    look = trial.look
    assert look is not None
    scalars: dict[str, float] = {
        N_("probability"): trial.goal.wanted(look.logits).item(),
        N_("attack loss"): look.loss,
    }
    if trial.goal.true_id is not None:
        probabilities = look.logits.softmax(-1)[0]
        scalars[N_("probability of the true class")] = probabilities[trial.goal.true_id].item()
    return scalars


def _look(network: Network, trials: Sequence[Trial]) -> list[Look]:
    """Show the network the pictures of several photos at once."""
    with_gradient = any(trial.question.gradient for trial in trials)
    pictures = torch.cat([trial.question.picture for trial in trials]).detach()
    pictures.requires_grad_(with_gradient)
    with torch.set_grad_enabled(with_gradient):
        logits = network(pictures)
        losses = torch.cat(
            [trial.goal.loss(row[None]) for trial, row in zip(trials, logits, strict=True)]
        )
        gradients = torch.autograd.grad(losses.sum(), pictures)[0] if with_gradient else None
    logits = logits.detach()
    return [
        Look(
            logits[i : i + 1],
            losses[i].item(),
            bool(trial.goal.reached(logits[i : i + 1])),
            None if gradients is None else gradients[i : i + 1],
        )
        for i, trial in enumerate(trials)
    ]
