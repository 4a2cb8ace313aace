"""The honest score of a drawn picture: what networks that never saw the run say of it."""

from __future__ import annotations

from dataclasses import dataclass

from core.predictions import Opinion, opinion, opinions
from core.synthesis.loop import Synthesis
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier


@dataclass(frozen=True)
class Verdict:
    """What networks see in a drawn picture, as it would be saved.

    Attributes:
        synthesis: the picture.
        target: name of the class it was to become.
        own: what the network says that drew it.
        others: what the other built-in networks say.
    """

    synthesis: Synthesis
    target: str
    own: Opinion
    others: tuple[Opinion, ...]


def judge(classifier: Classifier, synthesis: Synthesis) -> Verdict:
    """Ask the network that drew a picture, and the other built-in ones, what it shows."""
    target = classifier.labels[synthesis.objective.class_id]
    others = [loading.shared(name) for name in catalogue.BUILT_IN if name != classifier.name]
    return Verdict(
        synthesis,
        target,
        opinion(classifier, synthesis.pixels, target),
        opinions(others, synthesis.pixels, target),
    )
