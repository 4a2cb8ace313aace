"""Does adversarial training help? With and without it, on the same photos, in one run.

    python -m benchmarks.hardening FOLDER [--per-class 100] [--eps 1]

FOLDER has a sub-folder of photos for each class, such as PetImages. Both networks learn as the
page lets them (`core.training.hardening`), and are attacked on the photos that they did not learn
from, as `python -m core robustness` does. Accuracies come with 95 % intervals (Wilson).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from core.attacks.loop import Settings as AttackSettings
from core.attacks.robustness import accuracy_by_network
from core.data.datasets import from_folder
from core.images import photos
from core.steps import finish
from core.training.embeddings import EmbeddingCache
from core.training.evidence import wilson
from core.training.hardening import with_and_without
from core.training.loop import train
from core.training.settings import Settings
from core.zoo import loading

EPSILONS = (0.0, 0.25, 0.5, 1.0, 2.0)


def main() -> None:
    """Train, attack, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-class", type=int, default=100)
    parser.add_argument("--eps", type=float, default=1, help="of adversarial training, in 1/255")
    parser.add_argument("--steps", type=int, default=20, help="of the attack")
    options = parser.parse_args()

    base, cache = loading.shared("lite0"), EmbeddingCache()
    settings = Settings(per_class=options.per_class)
    head_only = finish(train(base, from_folder(options.folder), settings, cache))
    began = time.perf_counter()
    trainings = finish(with_and_without(base, head_only, options.eps, cache))
    seconds = time.perf_counter() - began
    networks = {"head": head_only.classifier} | {
        name: training.classifier for name, training in trainings.items()
    }
    pictures = torch.cat(
        [
            photos.prepare(photos.decode(photo.data, photo.name), base.input_size)
            for photo in head_only.validation
        ]
    )
    classes = [photo.label for photo in head_only.validation]
    attack = AttackSettings(steps=options.steps)
    curves = finish(accuracy_by_network(networks, pictures, classes, attack, EPSILONS))
    print(f"{len(classes)} photos      " + "".join(f"ε = {epsilon:<13g}" for epsilon in EPSILONS))
    for name, points in curves.items():
        cells = []
        for point in points:
            low, high = wilson(round(point.accuracy_saved * len(classes)), len(classes))
            cells.append(f"{point.accuracy_saved:.3f} ({low:.2f}–{high:.2f})")
        print(f"{name:12}" + "  ".join(cells))
    answer = {
        "benchmark": "hardening",
        "photos": len(classes),
        "seconds_of_training": seconds,
        "accuracy_saved": {n: [p.accuracy_saved for p in points] for n, points in curves.items()},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
