"""How much is needed: the smallest ε for one photo, and accuracy under attack over many.

The curve is the usual one (Madry et al., 2018; Carlini et al., "On evaluating adversarial
robustness", 2019): the fraction of photos that are still classified correctly when each was
attacked within ε. A photo that is misclassified without any attack counts as wrong at every ε.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from PIL import Image

from core.attacks.goal import Goal
from core.attacks.loop import Attempt, Network, Settings, attack, attack_all
from core.attacks.norm import NORMS
from core.attacks.report import is_reached
from core.images import photos
from core.problem import N_, Problem, check_range
from core.steps import Step, Steps
from core.zoo.classifier import Classifier

EPSILONS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Of the curve, in 1/255."""
_PRECISION = 0.125
_FIRST = 1.0
_LEAST = 1 / 16
"""Before rounding, nobody looks for less."""


@dataclass(frozen=True)
class Needed:
    """The smallest ε that was found to do.

    Attributes:
        epsilon: it, in the norm's unit; None if even `most` did not do.
        failed: the greatest ε that was tried and did not do, 0 if every one did.
        most: the greatest that was tried.
        unrounded: the smallest ε that was found to do before the picture is rounded to 8 bits;
            None if none did, or as long as it is not known.
        attempt: the successful attempt within `epsilon`, with 8-bit values; the photo, if none.
    """

    epsilon: float | None
    failed: float
    most: float
    attempt: Attempt
    unrounded: float | None = None

    @property
    def linf(self) -> int:
        """Greatest change of a saved value, in 1/255; rounding may go beyond ε by a half."""
        change = self.attempt.adversarial - photos.quantised(self.attempt.original)
        return round(255 * change.abs().max().item())


def holds_when_saved(network: Network, attempt: Attempt) -> bool:
    """Return whether the goal is reached for the picture rounded to 8 bits."""
    return is_reached(attempt.goal, network, photos.quantised(attempt.adversarial))


@dataclass
class _Bracket:
    """Between which ε the smallest one lies that does.

    Attributes:
        most: the greatest that is tried.
        precision: how small the gap shall become, as a fraction of ε.
        least: below which nobody looks any closer.
        low: the greatest that did not do.
        high: the smallest that did; None as long as none has.
    """

    most: float
    precision: float
    least: float = 0.0
    low: float = 0.0
    high: float | None = None

    @property
    def is_narrow(self) -> bool:
        if self.high is None:
            return self.low >= self.most
        return self.high <= self.least or (self.high - self.low) / self.high <= self.precision

    def next(self) -> float:
        """Return the ε to try: twice as much until one does, then the middle of the gap."""
        if self.high is not None:
            return (self.low + self.high) / 2
        return min(2 * self.low or _FIRST, self.most)

    def note(self, tried: float, did: bool) -> None:
        if did:
            self.high = min(tried, self.high or tried)
            self.low = self.low if self.low < self.high else 0.0  # a greater one had failed
        elif self.high is None or tried < self.high:
            self.low = max(tried, self.low)


def smallest_epsilon(
    network: Network,
    photo: torch.Tensor,
    goal: Goal,
    settings: Settings,
    *,
    mask: torch.Tensor | None = None,
    precision: float = _PRECISION,
    most: float | None = None,
) -> Steps[Needed]:
    """Look for the smallest ε with which the saved picture is seen as wanted, by bisection.

    It first doubles ε until the attack succeeds, then halves the gap; then likewise for the picture
    before it is rounded. What is found is what this attack needs; a better one might need less.

    Args:
        network: what to fool.
        photo: (1, 3, H, W) in [0, 1].
        goal: what it shall say.
        settings: of the attack; its ε does not matter.
        mask: see `attack_all`.
        precision: how small the gap shall become, as a fraction of ε.
        most: the greatest ε to try, in the norm's unit; None: see `Norm.search`.

    Yields:
        A step per attack. The scalar is the ε tried.
    """
    ceiling = most or NORMS[settings.norm].search
    check_range(N_("precision"), precision, 1e-3, 1)
    settings = replace(settings, stop_early=True)
    untouched = Attempt(photo, photo, goal, replace(settings, epsilon=0), 0)
    untouched = replace(untouched, success=holds_when_saved(network, untouched))
    if untouched.success:
        found = Needed(0.0, 0.0, ceiling, untouched, unrounded=0.0)
        yield Step(1, 1, {N_("ε tried"): 0.0}, picture=photos.to_pixels(photo), result=found)
        return
    saved = _Bracket(ceiling, precision)
    unrounded = _Bracket(ceiling, precision, least=_LEAST)
    best, made = untouched, 0
    while True:
        looks_at_saved = not saved.is_narrow
        tried = (saved if looks_at_saved else unrounded).next()
        attempt = None
        for step in attack(network, photo, goal, replace(settings, epsilon=tried), mask=mask):
            attempt = step.result
        assert attempt is not None
        made += 1
        unrounded.note(tried, attempt.success)
        if looks_at_saved:
            holds = holds_when_saved(network, attempt)
            saved.note(tried, holds)
            if holds:
                best = replace(
                    attempt, adversarial=photos.quantised(attempt.adversarial), success=True
                )
        over = saved.is_narrow and unrounded.is_narrow
        yield Step(
            made,
            made if over else made + 4,
            {N_("ε tried"): tried},
            picture=photos.to_pixels(attempt.adversarial),
            result=Needed(saved.high, saved.low, ceiling, best, unrounded.high),
        )
        if over:
            return


@dataclass(frozen=True)
class Point:
    """One ε of the curve.

    Attributes:
        epsilon: in the norm's unit.
        accuracy: fraction of photos classified correctly although attacked, on unrounded pictures.
        accuracy_saved: the same for pictures saved in 8 bits, for which changes of less than
            half of 1/255 vanish.
    """

    epsilon: float
    accuracy: float
    accuracy_saved: float


def accuracy_under_attack(
    network: Network,
    pictures: torch.Tensor,
    classes: Sequence[int],
    settings: Settings,
    epsilons: Sequence[float] = EPSILONS,
) -> Steps[tuple[Point, ...]]:
    """Attack many photos with growing ε and count those that are still classified correctly.

    Args:
        network: what to fool.
        pictures: (N, 3, H, W) in [0, 1].
        classes: what they really show.
        settings: of the attack, away from the true class; its ε does not matter.
        epsilons: those of the curve, in the norm's unit; ascending order is made of them.

    Yields:
        A step whenever the attack made some. The result has a point for every ε that is done.

    Raises:
        Problem: there are no photos.
    """
    if not len(pictures):
        raise Problem(N_("There are no photos to attack. Choose a folder with some."))
    goals = [Goal(c, targeted=False, true_id=c) for c in classes]
    wrong = _wrong(network, pictures, classes)
    wrong_saved = wrong.clone()
    points: list[Point] = []
    ordered = sorted(set(epsilons))
    for number, epsilon in enumerate(ordered):
        # Whatever fools within a smaller ε fools within a greater one.
        left = (~(wrong & wrong_saved)).nonzero().flatten().tolist()
        if epsilon > 0 and left:
            chosen = replace(settings, epsilon=epsilon, stop_early=True)
            attempts: tuple[Attempt, ...] = ()
            for step in attack_all(network, pictures[left], [goals[i] for i in left], chosen):
                attempts = step.result or ()
                share = (number + step.index / step.total) / len(ordered)
                yield Step(
                    round(1000 * share), 1000, picture=step.picture, result=tuple(points) or None
                )
            for place, attempt in zip(left, attempts, strict=True):
                wrong[place] |= attempt.success
                wrong_saved[place] |= holds_when_saved(network, attempt)
        right, right_saved = (1 - w.float().mean().item() for w in (wrong, wrong_saved))
        points.append(Point(epsilon, right, right_saved))
        yield Step(
            round(1000 * (number + 1) / len(ordered)),
            1000,
            {N_("accuracy under attack"): right_saved},
            result=tuple(points),
        )


def _wrong(network: Network, pictures: torch.Tensor, classes: Sequence[int]) -> torch.Tensor:
    """Return, (N,) booleans, which pictures are misclassified."""
    with torch.no_grad():
        answers = torch.cat([network(p[None].to(network.device)).argmax(-1) for p in pictures])
    return answers.cpu() != torch.tensor(list(classes))


def accuracy_by_network(
    networks: Mapping[str, Network],
    pictures: torch.Tensor,
    classes: Sequence[int],
    settings: Settings,
    epsilons: Sequence[float] = EPSILONS,
) -> Steps[Mapping[str, tuple[Point, ...]]]:
    """Compute the curve of several networks on the same photos, each attacked by itself.

    Args:
        networks: by name, all for pictures of this size and these classes.
        pictures: see `accuracy_under_attack`, here and for what follows.
        classes: what they really show.
        settings: of the attack.
        epsilons: those of the curves.

    Yields:
        The steps of all; the result has the points so far, by the networks' names.
    """
    curves: dict[str, tuple[Point, ...]] = {}
    for number, (name, network) in enumerate(networks.items()):
        for step in accuracy_under_attack(network, pictures, classes, settings, epsilons):
            if step.result:
                curves[name] = step.result
            done = number * step.total + step.index
            total = step.total * len(networks)
            yield Step(done, total, picture=step.picture, result=dict(curves) or None)


def needed_by_network(
    classifiers: Sequence[Classifier], photo: Image.Image, target: str | None, settings: Settings
) -> Steps[dict[str, Needed]]:
    """Look for the smallest ε for several networks, one after the other.

    Args:
        classifiers: the networks; those that do not know the target are left out.
        photo: an RGB photo of any size.
        target: name of the class to be seen as; None for anything but what each sees now.
        settings: see `smallest_epsilon`.

    Yields:
        A step per attack; the result has what was found so far, by the networks' names.
    """
    goals = [(c, None if target is None else c.labels.called(target)) for c in classifiers]
    asked = [(c, class_id) for c, class_id in goals if target is None or class_id is not None]
    needed: dict[str, Needed] = {}
    for number, (classifier, class_id) in enumerate(asked):
        picture = photos.prepare(photo, classifier.input_size)
        if class_id is None:
            seen = int(classifier.probabilities(picture).argmax())
            goal = Goal(seen, targeted=False, true_id=seen)
        else:
            goal = Goal(class_id, targeted=True)
        for step in smallest_epsilon(classifier, picture, goal, settings):
            if step.result:
                needed[classifier.name] = step.result
            share = (number + step.index / step.total) / len(asked)
            yield Step(
                round(100 * share), 100, step.scalars, picture=step.picture, result=dict(needed)
            )
