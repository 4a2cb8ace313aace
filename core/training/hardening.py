"""Is adversarial training worth it? The same photos learned from twice, with it and without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.steps import Step, Steps
from core.training.data import Dataset, Photo
from core.training.embeddings import EmbeddingCache
from core.training.finetune import ALL_BLOCKS, TuningSettings
from core.training.loop import Training, train
from core.zoo.classifier import Classifier

PLAIN, HARDENED = "plain", "hardened"
RECIPE = TuningSettings(blocks=ALL_BLOCKS, epochs=12, learning_rate=5e-5, batch=8)
"""To withstand attacks, all blocks have to learn: what is frozen passes on what it was fooled by.
A greater learning rate makes a network that knows so many photos by ImageNet forget them."""


def with_and_without(
    base: Classifier, training: Training, epsilon: float, cache: EmbeddingCache
) -> Steps[Mapping[str, Training]]:
    """Train the last blocks on a training's photos, as they are and against attacks within ε.

    All else is equal: `RECIPE`, or what that training did if it was adversarial. A training that
    is one of the two already is not repeated.

    Args:
        base: the network to start from; it is not changed.
        training: what has been learned.
        epsilon: of adversarial training, in pixels of [0, 1].
        cache: of embeddings.

    Yields:
        The steps of both; the result has what was trained so far, under `PLAIN` and `HARDENED`.
    """
    tuning = training.settings.tuning
    if tuning is None or not tuning.epsilon:
        tuning = RECIPE
    wanted = {
        name: replace(training.settings, tuning=replace(tuning, epsilon=within))
        for name, within in ((PLAIN, 0.0), (HARDENED, epsilon))
    }
    found = {name: training for name, plan in wanted.items() if plan == training.settings}
    missing = {name: plan for name, plan in wanted.items() if name not in found}
    for number, (name, plan) in enumerate(missing.items()):
        for step in train(base, _same_photos(training), plan, cache):
            if step.result:
                found[name] = step.result
            done, total = number * step.total + step.index, len(missing) * step.total
            yield Step(done, total, step.scalars, phase=step.phase, result=dict(found))


def _same_photos(training: Training) -> Dataset:
    parts = ((training.train, False), (training.validation, True))
    return Dataset(
        tuple(training.classifier.labels),
        tuple(
            Photo(photo.name, photo.label, photo.data, is_validation)
            for photos, is_validation in parts
            for photo in photos
        ),
    )
