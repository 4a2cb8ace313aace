"""Why it works: the features, how few photos they need, and what was known before."""

from __future__ import annotations

from collections.abc import Sequence

from core.server.jobs import Snapshot
from core.steps import returned
from core.training.embeddings import embed, shared_cache
from core.training.evidence import Score, familiarity
from core.training.loop import Training
from pages.parts.fine_tuning import embedding_map, known_before
from pages.parts.fine_tuning import learning_curve as curve_part
from pages.parts.fine_tuning.runs import CURVE, FAIR, Runs
from pages.parts.shared import layout, live, session
from pages.parts.shared.language import t


def understanding(runs: Runs, training: Training) -> None:
    """Show where the photos lie, how many it takes, and whether ImageNet knew the classes."""
    classes = tuple(training.classifier.labels)
    network = session.network_named(training.classifier.provenance.network)
    found = session.compute(lambda: returned(embed(network, training.photos, shared_cache())))
    embedding_map.embedding_map(found.features, found.photos, classes, "train_map")
    layout.label(t("How many photos does it take?"))
    runs.button(
        CURVE,
        t("Measure the learning curve"),
        runs.measure_curve,
        icon=":material/trending_up:",
        key="train_curve",
        help=t(
            "Trains many heads on few and on more photos: on the network's features, on those of "
            "the same network with random weights, and on the bare pixels."
        ),
    )
    _learning_curve(runs)
    known_before.is_it_fair(
        familiarity(network, classes, found.features, found.labels),
        _with_own(training, runs.result(FAIR)),
    )
    runs.button(
        FAIR,
        t("Try what it cannot know"),
        runs.try_the_unfamiliar,
        icon=":material/help_center:",
        key="train_unfamiliar",
        help=t("Learns digits and faces in the same way, for which ImageNet has no classes."),
    )


def _learning_curve(runs: Runs) -> None:
    """Show the learning curve as it grows, or what came of it."""
    if live.is_running(runs.jobs[CURVE]):
        growing = curve_part.GrowingCurve("train_growing_curve")

        def draw(snapshot: Snapshot) -> None:
            growing.draw(snapshot.step.result if snapshot.step else None)

        runs.draw[CURVE] = draw
    elif curve := runs.result(CURVE):
        curve_part.learning_curve(curve, "train_learning_curve")
        curve_part.learning_curve_words(curve)


def _with_own(training: Training, others: Sequence[Score] | None) -> list[Score]:
    """Put how many of the visitor's photos were right before the scores of other sets."""
    if not others:
        return []
    classes = " · ".join(training.classifier.labels)
    return [Score(classes, training.correct, training.n_val), *others]
