"""An attack as the page runs it: what is planned, what comes of it, and the session's ledger."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from core.attacks import foolbox_adapter, ledger, loop
from core.attacks.goal import goal_for
from core.attacks.mask import MaskName, mask_for
from core.attacks.norm import NormName
from core.attacks.report import Report, report
from core.attacks.starting_points import at_hand, beginning
from core.data.photo_files import PhotoFile
from core.images import photos
from core.steps import LiveSetting, Step, Steps
from core.synthesis.verdict import Verdict
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier
from core.zoo.predictions import top
from pages.parts.adversarial_attack import kept_attacks
from pages.parts.shared import session

METHODS: dict[str, loop.Method | foolbox_adapter.Method] = {
    **loop.METHODS,
    **foolbox_adapter.METHODS,
}
BROUGHT_BACK = "_brought_back"
"""Ends the method's name in rows of a change that was brought back to a smaller ε."""
_MOST_ROWS = 100


@dataclass(frozen=True)
class Plan:
    """What is chosen on the page.

    Attributes:
        method: name of the attack, in `METHODS`.
        target: class to be seen as; None for anything else.
        settings: of the gradient attacks.
        mask: where the photo may be changed.
        place: of the patch, as shares.
        side: of the patch, as a share.
        others: names of the networks that are shown the result, too.
    """

    method: str
    target: int | None
    settings: loop.Settings
    mask: MaskName = "everywhere"
    place: tuple[float, float] = (0.1, 0.1)
    side: float = 0.25
    others: tuple[str, ...] = ()

    @property
    def bounded(self) -> bool:
        """Whether the method keeps within ε."""
        return self.method not in foolbox_adapter.METHODS

    @property
    def kind(self) -> tuple[NormName, MaskName]:
        """What makes two ε comparable: the norm, and where the photo may be changed."""
        return self.settings.norm, self.mask


@dataclass(frozen=True)
class Outcome:
    """What became of an attack.

    Attributes:
        plan: what was wanted.
        classifier: the network that was attacked.
        report: what was found.
        row: of the ledger.
    """

    plan: Plan
    classifier: Classifier
    report: Report
    row: ledger.Row

    @property
    def kind(self) -> tuple[NormName, MaskName]:
        """See `Plan.kind`; a method of foolbox has a norm of its own."""
        return self.report.attempt.settings.norm, self.plan.mask


@session.kept
def book() -> list[ledger.Row]:
    """This session's ledger, the newest attempt last."""
    return []


@session.kept
def _live_epsilon() -> dict[tuple[NormName, MaskName], LiveSetting[float]]:
    """The ε that holds now, for the attack that is running, by its kind; see `loop.attack`."""
    return {}


def keep_within(plan: Plan) -> None:
    """Let an attack that runs go on within the ε that is chosen now."""
    if plan.bounded and (running := _live_epsilon().get(plan.kind)):
        running.value = plan.settings.epsilon


def photo_key(photo: Image.Image) -> str:
    """Return what tells a photo from all others."""
    return hashlib.sha256(photo.tobytes()).hexdigest()


def is_of(outcome: Outcome, classifier: Classifier, photo: Image.Image) -> bool:
    """Whether an outcome is of this network and this photo."""
    if outcome.classifier.name != classifier.name:
        return False
    if classifier.name in catalogue.TRAINED_HERE and outcome.classifier is not classifier:
        return False
    now = photos.to_pixels(photos.prepare(photo, classifier.input_size))
    return np.array_equal(now, outcome.report.original)


@session.kept
def _seen() -> session.Latest[tuple[Classifier, Image.Image, int]]:
    """What this session's latest networks see in its latest photos."""
    return session.Latest(4)


def seen_as(classifier: Classifier, photo: Image.Image) -> int:
    """Return the class that a network takes a photo for."""

    def ask() -> tuple[Classifier, Image.Image, int]:
        # Both are kept with the answer, so that no others can come by their ids.
        return classifier, photo, session.compute(lambda: top(classifier, photo, 1)[0].class_id)

    return _seen().get((id(classifier), id(photo)), ask)[2]


def networks(names: Sequence[str]) -> Callable[[], list[Classifier]]:
    """Return a function that loads networks by their names; called on the compute thread."""
    own = session.own_classifier()
    others = [name for name in names if name != catalogue.OWN]
    # The visitor's own may have gone: a new one is being trained.
    mine = [own] if own and catalogue.OWN in names else []
    return partial(_loaded, mine, others)


def _loaded(mine: Sequence[Classifier], others: Sequence[str]) -> list[Classifier]:
    return [*mine, *map(loading.shared, others)]


def photos_at_hand() -> list[PhotoFile]:
    """List every photo of this session and the app's: where an attack may begin."""
    files = at_hand()
    for name, image in session.own_photos().items():
        files.append(PhotoFile(name, partial(_encoded, image)))
    if training := session.training():
        files += [PhotoFile(p.name, partial(bytes, p.data)) for p in training.validation]
    drawing = session.job("ideal")
    if drawing and isinstance(drawn := drawing.snapshot().result, Verdict):
        files.append(PhotoFile("ideal", partial(photos.encode_png, drawn.synthesis.pixels)))
    return files


def _encoded(image: Image.Image) -> bytes:
    return photos.encode_png(np.asarray(image))


def run(
    classifier: Classifier,
    photo: Image.Image,
    plan: Plan,
    epsilon_now: Callable[[], float],
    beginnings: Sequence[PhotoFile] = (),
) -> Steps[loop.Attempt]:
    """Attack as planned.

    Args:
        classifier: the network to fool.
        photo: what is changed.
        plan: what is chosen.
        epsilon_now: gives the ε that holds now.
        beginnings: where an attack may begin that sees answers only.

    Raises:
        Problem: the network sees the target already, or the method cannot be aimed.
    """
    goal = goal_for(classifier, photo, plan.target)
    prepared = photos.prepare(photo, classifier.input_size)
    if not plan.bounded:
        start = None
        if foolbox_adapter.METHODS[plan.method].label_only:
            start = yield from beginning(classifier, prepared, goal, beginnings)
        yield from foolbox_adapter.attack(
            classifier,
            prepared,
            goal,
            plan.method,
            rounds=plan.settings.steps,
            seed=plan.settings.seed,
            start=start,
        )
        return
    mask = mask_for(plan.mask, classifier, prepared, place=plan.place, side=plan.side)
    yield from loop.attack(
        classifier, prepared, goal, plan.settings, mask=mask, epsilon=epsilon_now
    )


def starter(
    classifier: Classifier, photo: Image.Image, name: str, plan: Plan
) -> tuple[Callable[[], Steps[loop.Attempt]], Callable[[Step[loop.Attempt]], Outcome | None]]:
    """Return a job's generator and its conclusion, which enters a row into the ledger."""
    rows, pictures = book(), kept_attacks.attacks()
    _live_epsilon().clear()
    _live_epsilon()[plan.kind] = epsilon = LiveSetting(plan.settings.epsilon)
    began = time.perf_counter()
    others = networks(plan.others)
    known = foolbox_adapter.METHODS.get(plan.method)
    beginnings = photos_at_hand() if known and known.label_only else []
    make = partial(run, classifier, photo, plan, epsilon.read, beginnings)

    def conclude(last: Step[loop.Attempt]) -> Outcome | None:
        if last.result is None:
            return None
        seconds = time.perf_counter() - began
        found = report(classifier, last.result)
        row = ledger.enter_report(
            classifier,
            found,
            photo=name,
            attack=plan.method,
            seconds=seconds,
            bounded=plan.bounded,
            others=others(),
        )
        _append(rows, row)
        kept_attacks.keep(pictures, row, found)
        return Outcome(plan, classifier, found, row)

    return make, conclude


def _append(rows: list[ledger.Row], row: ledger.Row) -> None:
    rows.append(row)
    del rows[:-_MOST_ROWS]


def enter(outcome: Outcome, brought_back: Report) -> None:
    """Enter a change that was brought back to a smaller ε into the ledger, measured anew."""
    others = networks(outcome.plan.others)
    row = session.compute(
        lambda: ledger.enter_report(
            outcome.classifier,
            brought_back,
            photo=outcome.row.photo,
            attack=outcome.plan.method + BROUGHT_BACK,
            seconds=outcome.row.seconds,
            others=others(),
        )
    )
    _append(book(), row)


def within(outcome: Outcome, epsilon: float) -> Report:
    """Return the outcome brought back to within another ε; the network is asked once for each."""
    attempt = outcome.report.attempt
    if not outcome.plan.bounded or epsilon >= attempt.settings.epsilon:
        return outcome.report

    def brought_back() -> tuple[Outcome, Report]:
        # The outcome is kept with it, so that no other one can come by its id.
        narrowed = attempt.within(epsilon)
        return outcome, session.compute(lambda: report(outcome.classifier, narrowed))

    return _brought_back().get((id(outcome), epsilon), brought_back)[1]


@session.kept
def _brought_back() -> session.Latest[tuple[Outcome, Report]]:
    """Outcomes beside what is left of them within a smaller ε."""
    return session.Latest(4)
