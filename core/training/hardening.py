"""Is adversarial training worth it? The same photos trained on twice, with it and without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.data.datasets import Dataset
from core.steps import Step, Steps
from core.training.embeddings import EmbeddingCache
from core.training.loop import Training, train
from core.training.settings import ALL_BLOCKS, settings_for
from core.zoo.classifier import Classifier

PLAIN, HARDENED = "plain", "hardened"
RECIPE = settings_for("blocks", blocks=ALL_BLOCKS, epochs=12, learning_rate=5e-5, batch=8)
"""To withstand attacks, all blocks have to be trained: what is frozen passes on what it was fooled
by. A greater learning rate makes a network that knows so many photos by ImageNet forget them."""


def with_and_without(
    base: Classifier, training: Training, epsilon: float, cache: EmbeddingCache
) -> Steps[Mapping[str, Training]]:
    """Train blocks on a training's photos, as they are and against attacks within ε.

    All else is equal: `RECIPE`, or what that training did if it was adversarial. A training that
    is one of the two already is not repeated.

    Args:
        base: the network to start from; it is not changed.
        training: one on the photos to be used.
        epsilon: of adversarial training, in 1/255.
        cache: of embeddings.

    Yields:
        The steps of both; the result has what was trained so far, under `PLAIN` and `HARDENED`.
    """
    settings = training.settings
    if not settings.epsilon:
        settings = replace(RECIPE, seed=settings.seed)
    plans = {PLAIN: replace(settings, epsilon=0.0), HARDENED: replace(settings, epsilon=epsilon)}
    trainings = {name: training for name, plan in plans.items() if plan == training.settings}
    missing = {name: plan for name, plan in plans.items() if name not in trainings}
    for number, (name, plan) in enumerate(missing.items()):
        for step in train(base, _same_photos(training), plan, cache):
            if step.result:
                trainings[name] = step.result
            index, total = number * step.total + step.index, len(missing) * step.total
            yield Step(index, total, step.scalars, phase=step.phase, result=dict(trainings))


def _same_photos(training: Training) -> Dataset:
    """Return the photos as a data set that is divided as they were."""
    learned = (replace(photo, is_validation=False) for photo in training.train)
    validated = (replace(photo, is_validation=True) for photo in training.validation)
    return Dataset(tuple(training.classifier.labels), (*learned, *validated))
