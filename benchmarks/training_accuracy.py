"""How often a head is right that learned from 10, 60 or 100 photos a class, over many draws.

    IDEALCAT_TEST_DATA=... python -m benchmarks.training_accuracy [--draws 20]

Eighty photos to be examined on leave an interval of eleven points, and which sixty are learned
from moves the answer as well. So each task is drawn anew with many seeds, and the mean is given
with its standard error, beside the one division that a data set may come with.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.data.datasets import Dataset, from_folder
from core.steps import finish
from core.training.embeddings import EmbeddingCache
from core.training.loop import train
from core.training.settings import Settings
from core.zoo import loading

TASKS = (("PetImages", 10), ("PetImages", 100), ("hymenoptera_data", 60))


def accuracies(dataset: Dataset, per_class: int, draws: int, cache: EmbeddingCache) -> list[float]:
    """Train and examine a head for each seed of the split."""
    base = loading.shared("lite0")
    return [
        finish(train(base, dataset, Settings(per_class=per_class, seed=seed), cache)).accuracy
        for seed in range(draws)
    ]


def undivided(dataset: Dataset) -> Dataset:
    """The same photos without the division that they came with."""
    return replace(
        dataset, photos=tuple(replace(photo, is_validation=None) for photo in dataset.photos)
    )


def main() -> None:
    """Train on every task, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    source, cache = Path(os.environ["IDEALCAT_TEST_DATA"]), EmbeddingCache()
    answer: list[dict[str, Any]] = []
    for name, per_class in TASKS:
        dataset = from_folder(source / name)
        found = accuracies(undivided(dataset), per_class, options.draws, cache)
        (as_divided,) = accuracies(dataset, per_class, 1, cache)
        mean, error = statistics.fmean(found), statistics.stdev(found) / options.draws**0.5
        print(
            f"{name}, {per_class} a class: {mean:.4f} ± {error:.4f} over {options.draws} draws"
            f" ({min(found):.3f} to {max(found):.3f}); as it comes: {as_divided:.4f}",
            flush=True,
        )
        answer.append(
            {"data": name, "per_class": per_class, "mean": mean, "standard_error": error}
            | {"draws": found, "as_it_comes": as_divided}
        )
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
