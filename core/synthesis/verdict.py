"""The honest score of a drawn picture: what networks that never saw the run say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.steps import Pixels, Steps
from core.synthesis.loop import Drawing, Synthesis
from core.synthesis.objective import Objective, classes_of
from core.synthesis.record import Record, completed, recorded
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier
from core.zoo.predictions import Opinion, opinions


@dataclass(frozen=True)
class Verdict:
    """What networks see in a drawn picture, as it would be saved.

    Attributes:
        record: the picture, its time-lapse and what the others say of it. There is an opinion
            for each class that was wanted of each network; none where a channel was drawn.
        own: what the network says that drew it, likewise.
    """

    record: Record
    own: tuple[Opinion, ...]

    @property
    def synthesis(self) -> Synthesis:
        """The picture."""
        return self.record.synthesis

    @property
    def others(self) -> tuple[Opinion, ...]:
        """What networks say that never saw the run."""
        return self.record.opinions


def targets(classifier: Classifier, objective: Objective) -> tuple[str, ...]:
    """Return the names of the classes that a picture is to become."""
    return tuple(classifier.labels[class_id] for class_id in classes_of(objective))


def others_than(classifier: Classifier) -> list[str]:
    """Return the names of the built-in networks that share no layer with this one."""
    return [name for name in catalogue.BUILT_IN if name != classifier.provenance.network]


def second_opinions(
    classifier: Classifier, objective: Objective
) -> Callable[[Pixels], tuple[Opinion, ...]]:
    """Return a function that asks the other built-in networks what an 8-bit picture shows.

    They are loaded when they are first asked.
    """
    wanted = targets(classifier, objective)

    def ask(pixels: Pixels) -> tuple[Opinion, ...]:
        return tuple(
            opinion
            for name in (others_than(classifier) if wanted else ())
            for opinion in opinions(loading.shared(name), pixels, wanted)
        )

    return ask


def judge(classifier: Classifier, record: Record) -> Verdict:
    """Ask the network that drew a picture, and the others, what it shows."""
    synthesis = record.synthesis
    wanted = targets(classifier, synthesis.objective)
    return Verdict(
        completed(record, second_opinions(classifier, synthesis.objective)),
        opinions(classifier, synthesis.pixels, wanted),
    )


class RecordedDrawing:
    """A drawing with its record up to a number of steps; a `core.steps.Resumable`.

    Attributes:
        drawing: what is drawn.
        until: how many steps it is to have in the end, beside those that it waits.
        record: of what has been drawn.
    """

    def __init__(self, drawing: Drawing, count: int, record: Record | None = None) -> None:
        """Plan to draw on.

        Args:
            drawing: from where it stands.
            count: how many steps to make.
            record: of what has been drawn before.
        """
        self.drawing = drawing
        self.until = drawing.planned + count
        self.record = record

    def resume(self) -> Steps[Record]:
        """Draw the steps that are left; see `record.recorded`."""
        drawing = self.drawing
        steps = drawing.steps(self.until - drawing.planned)
        ask = second_opinions(drawing.classifier, drawing.objective)
        for step in recorded(steps, ask, self.record):
            self.record = step.result
            yield step
