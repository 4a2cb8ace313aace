"""Minimal-norm and label-only attacks, from foolbox, as generators of steps.

foolbox runs an attack in one call. Here that call is made on a thread of its own that goes on
only while it is asked for the next step, so that the attack can be watched, shared with others
and left, and never two threads compute at once.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from core import cores, effort
from core.attacks.goal import Goal
from core.attacks.loop import Attempt, Settings
from core.attacks.norm import NORMS
from core.images.photos import quantised, to_pixels
from core.problem import N_, Problem, Text, check_range
from core.steps import Step, Steps
from core.zoo.classifier import Classifier

MAX_ROUNDS = 5000
_PUSHES = (1.0, 1.02, 1.05, 1.1, 1.2, 1.35, 1.5, 2.0)
"""How far a found change is drawn out until it survives rounding to 8 bits."""

_HALVINGS = 10


@dataclass(frozen=True)
class Method:
    """An attack of foolbox.

    Attributes:
        label: its name in papers and, after a colon, what tells it from others.
        attack: foolbox's class.
        rounds: how many are usual.
        options: what the class is given beside the rounds.
        towards: whether it can be aimed at a class.
        label_only: whether it sees nothing but answers: no gradient, no probability. It begins at
            a picture that is seen as wanted, and needs one to be aimed at a class; see `starting_points`.
        random: whether it draws random numbers.
    """

    label: Text
    attack: str
    rounds: int
    options: Mapping[str, float] = field(default_factory=dict)
    towards: bool = True
    label_only: bool = False
    random: bool = False


METHODS: dict[str, Method] = {
    # Moosavi-Dezfooli, Fawzi and Frossard, 2016.
    "deepfool": Method(
        N_("DeepFool: the smallest change"),
        "L2DeepFoolAttack",
        50,
        towards=False,
    ),
    # Rony et al., "Decoupling direction and norm", 2019.
    "ddn": Method(N_("DDN: the smallest change"), "DDNAttack", 60),
    # Carlini and Wagner, 2017; the search for the constant takes as many runs of the rounds.
    "cw": Method(
        N_("Carlini–Wagner: the smallest change"),
        "L2CarliniWagnerAttack",
        40,
        {"binary_search_steps": 5, "stepsize": 0.01, "initial_const": 1},
    ),
    # Brendel, Rauber and Bethge, 2018.
    "boundary": Method(
        N_("Boundary: sees answers only"),
        "BoundaryAttack",
        1000,
        label_only=True,
        random=True,
    ),
    # Chen, Jordan and Wainwright, 2020.
    "hopskipjump": Method(
        N_("HopSkipJump: sees answers only"),
        "HopSkipJumpAttack",
        8,
        {"max_gradient_eval_steps": 300},
        label_only=True,
        random=True,
    ),
}


def check_rounds(count: int) -> None:
    """Refuse a number of rounds that makes no attack, or one without an end.

    Raises:
        Problem: it is out of its range.
    """
    check_range(N_("number of rounds"), count, 1, MAX_ROUNDS)


class _OwnChance(TorchFunctionMode):
    """Lets foolbox draw from a generator of its own thread instead of the one that all share.

    The others on this computer draw from that one, too, while an attack waits for its turn.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        super().__init__()
        self._generator = torch.Generator(device).manual_seed(seed)

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call a function of torch; the two that foolbox draws with are given the generator."""
        if function in (torch.rand, torch.randn):
            kwargs = {**(kwargs or {}), "generator": self._generator}
        return function(*args, **(kwargs or {}))


class _Watched(nn.Module):
    """The network as foolbox is shown it: it can be interrupted and remembers the best."""

    def __init__(self, classifier: Classifier, photo: torch.Tensor, goal: Goal) -> None:
        super().__init__()
        self._ask = classifier.forward
        self.photo = photo
        self.goal = goal
        self.best = photo
        self.distance = math.inf
        self.wanted = 0.0
        self.queries = 0
        self.shown = photo
        self.interrupt: Callable[[], None] = lambda: None

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return logits; called by foolbox's thread."""
        self.interrupt()
        logits = self._ask(pictures)
        self._note(pictures.detach(), logits.detach())
        return logits

    def _note(self, pictures: torch.Tensor, logits: torch.Tensor) -> None:
        self.queries += len(pictures)
        self.shown = pictures[:1]
        self.wanted = self.goal.wanted(logits[:1]).item()
        reached = self.goal.reached(logits)
        distances = torch.linalg.vector_norm((pictures - self.photo).flatten(1), dim=1)
        distances = torch.where(reached, distances, math.inf)
        nearest = int(distances.argmin())
        if distances[nearest] < self.distance:
            self.distance = distances[nearest].item()
            self.best = pictures[nearest : nearest + 1].clone()


class _Left(BaseException):
    """Ends a call when nobody waits for it any more; nothing in foolbox catches it."""


def _interrupted(call: Callable[[Callable[[], None]], None]) -> Generator[None, None, None]:
    """Make a call on a thread of its own that goes on only while the next item is asked for.

    Args:
        call: is given a function; where it calls that, it waits. It is left there, by an
            exception, when this is closed.

    Yields:
        Nothing, whenever it waits, from the second time on, and when it has ended.
    """
    go, waits = threading.Semaphore(0), threading.Semaphore(0)
    ended: Future[None] = Future()
    left = False

    def interrupt() -> None:
        waits.release()
        go.acquire()
        if left:
            raise _Left

    def run() -> None:
        cores.roam()
        try:
            call(interrupt)
            ended.set_result(None)
        except _Left:
            pass
        except BaseException as error:
            ended.set_exception(error)
        waits.release()

    thread = threading.Thread(target=run, name="foolbox", daemon=True)
    thread.start()
    waits.acquire()
    try:
        while not ended.done():
            with effort.waiting():
                go.release()
                waits.acquire()
            yield
        ended.result()
    finally:
        left = True
        go.release()
        thread.join()


def attack(
    classifier: Classifier,
    photo: torch.Tensor,
    goal: Goal,
    name: str,
    *,
    rounds: int | None = None,
    seed: int = 0,
    start: torch.Tensor | None = None,
) -> Steps[Attempt]:
    """Look for the smallest change, in L2, that makes the network say what is wanted.

    Args:
        classifier: the network to fool.
        photo: (1, 3, H, W) in [0, 1].
        goal: what it shall say.
        name: which attack; see `METHODS`.
        rounds: how many, in foolbox's count; None: the method's usual number.
        seed: of the attack's random numbers.
        start: a picture that the network says what is wanted of, (1, 3, H, W) in [0, 1], for
            methods that see answers only; see `starting_points`. None: away from a class, noise is drawn
            until some is seen as another one.

    Yields:
        A step per question put to the network. The result is the nearest picture so far that is
        seen as wanted; the last one is drawn out, if need be, until it survives rounding to
        8 bits. Its settings' ε is the length of its change.

    Raises:
        Problem: the method cannot be aimed at a class.
        ValueError: it needs a start to be aimed.
    """
    method = METHODS[name]
    if goal.targeted and not method.towards:
        raise Problem(
            N_("{method} can only lead away from a class. Choose “anything else” as the target."),
            method=method.label.split(":")[0],
        )
    if goal.targeted and method.label_only and start is None:
        raise ValueError(f"{name} needs a picture of the target to begin at")
    count = method.rounds if rounds is None else rounds
    check_rounds(count)
    import foolbox  # takes seconds, so not before somebody wants it

    photo = photo.to(classifier.device)
    beginning: dict[str, torch.Tensor] = {}
    if method.label_only and start is not None:
        beginning["starting_points"] = _brought_nearer(classifier, photo, start, goal)
    watched = _Watched(classifier, photo, goal).eval()
    classes = torch.tensor([goal.class_id], device=photo.device)
    criterion = (
        foolbox.criteria.TargetedMisclassification(classes)
        if goal.targeted
        else foolbox.criteria.Misclassification(classes)
    )

    def call(interrupt: Callable[[], None]) -> None:
        watched.interrupt = interrupt
        # Where foolbox finds no beginning it gives up like this, and what was found counts.
        with _OwnChance(seed, photo.device), suppress(AssertionError, ValueError):
            model = foolbox.PyTorchModel(watched, bounds=(0, 1), device=photo.device)
            made = getattr(foolbox.attacks, method.attack)(steps=count, **method.options)
            made.run(model, photo, criterion, **beginning)

    with closing(_interrupted(call)) as questions:
        for _ in questions:
            # How many questions there will be nobody knows; the bar shows a share that grows.
            made = watched.queries
            yield _step(watched, watched.best, seed, total=made + max(count, made // 2))
    best = _survives_rounding(classifier, photo, watched.best, goal)
    yield _step(watched, best, seed, total=max(1, watched.queries))


def _step(watched: _Watched, best: torch.Tensor, seed: int, *, total: int) -> Step[Attempt]:
    length = torch.linalg.vector_norm(best - watched.photo).item()
    settings = Settings(norm="l2", epsilon=min(length, NORMS["l2"].most), seed=seed)
    success = math.isfinite(watched.distance)
    attempt = Attempt(watched.photo, best, watched.goal, settings, watched.queries, success)
    scalars: dict[str, float] = {N_("probability"): watched.wanted}
    if success:
        scalars[N_("length of the change")] = watched.distance
    return Step(
        max(1, watched.queries),
        total,
        scalars,
        phase=N_("asking the network"),
        picture=to_pixels(watched.shown),
        result=attempt,
    )


@torch.no_grad()
def _brought_nearer(
    classifier: Classifier, photo: torch.Tensor, start: torch.Tensor, goal: Goal
) -> torch.Tensor:
    """Return the picture nearest to the photo, on the straight way to it, that is seen as wanted.

    The boundary attack takes hundreds of rounds for that way.
    """
    start = start.to(photo)
    kept, lost = 0.0, 1.0
    for _ in range(_HALVINGS):
        share = (kept + lost) / 2
        if goal.reached(classifier(start.lerp(photo, share))).item():
            kept = share
        else:
            lost = share
    return start.lerp(photo, kept)


@torch.no_grad()
def _survives_rounding(
    classifier: Classifier, photo: torch.Tensor, found: torch.Tensor, goal: Goal
) -> torch.Tensor:
    """Draw a change out until the rounded picture is seen as wanted, but no further."""
    for push in _PUSHES:
        drawn = quantised(photo + push * (found - photo))
        if goal.reached(classifier(drawn)).item():
            return drawn
    return found
