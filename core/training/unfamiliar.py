"""The challenge of unfamiliar images: the same training on sets that ImageNet has nothing like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.steps import Step, Steps
from core.training import sources
from core.training.embeddings import EmbeddingCache
from core.training.loop import Settings, Training, train
from core.zoo.classifier import Classifier

SETS = ("digits", "faces")
"""Both are always here: handwriting, and faces as grey as a stamp."""


def learn(
    base: Classifier, settings: Settings, cache: EmbeddingCache
) -> Steps[Mapping[str, Training]]:
    """Train a head on each of the sets, with the settings of another training.

    Args:
        base: the network to start from.
        settings: of the training that is to be compared; its blocks stay frozen here.
        cache: of embeddings.

    Yields:
        The steps of all; the result has the trainings so far, by the sets' names.
    """
    done: dict[str, Training] = {}
    before = 0
    for place, name in enumerate(SETS):
        dataset = sources.read(sources.source(name))
        for step in train(base, dataset, replace(settings, tuning=None), cache):
            if step.result is not None:
                done[name] = step.result
            total = before + step.total * (len(SETS) - place)
            yield Step(before + step.index, total, phase=step.phase, result=dict(done) or None)
        before += step.index
