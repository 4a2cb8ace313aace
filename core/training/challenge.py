"""The challenge: the same training on other data sets, such as ones that ImageNet has nothing of."""

from __future__ import annotations

from collections.abc import Mapping

from core.data.datasets import Dataset
from core.steps import Step, Steps
from core.training.embeddings import EmbeddingCache
from core.training.evidence import Score
from core.training.loop import train
from core.training.settings import Settings
from core.zoo.classifier import Classifier


def challenge(
    base: Classifier, datasets: Mapping[str, Dataset], settings: Settings, cache: EmbeddingCache
) -> Steps[tuple[Score, ...]]:
    """Train on one data set after the other, and tell how many answers were right on each.

    Args:
        base: the network whose body is used.
        datasets: by the names they are shown under.
        settings: of each training; the same for all, or the comparison would not be fair.
        cache: of embeddings.

    Yields:
        Steps counted in thousandths of all the work. The result has the data sets done so far,
        and, from its first epoch on, the one that is being learned.

    Raises:
        Problem: a data set has not enough readable photos.
    """
    done: tuple[Score, ...] = ()
    scores = done
    for place, (name, dataset) in enumerate(datasets.items()):
        for step in train(base, dataset, settings, cache):
            if training := step.result:
                scores = (*done, Score(name, training.correct, training.n_val))
            yield Step(
                round(1000 * (place + step.index / step.total) / len(datasets)),
                1000,
                phase=step.phase,
                result=scores or None,
            )
        done = scores
