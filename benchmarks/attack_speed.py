"""Seconds for PGD (L∞, no random start), against foolbox and torchattacks on the same photos.

    python -m benchmarks.attack_speed

The peers get the network as it is published: batch norms and usual layout, all photos in one
batch. With --same-network they get our folded, channels-last one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import foolbox
import torchattacks

from benchmarks.attack_photos import foolbox_photos
from core.attacks.goal import Goal
from core.attacks.loop import Settings, attack_all
from core.steps import finish
from core.zoo import loading


def seconds(work: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Time the fastest of some runs of each, after one that warms caches and libraries up.

    They take turns, so that none is luckier than the others with what else the machine does.
    """
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(runs + 1):
        for name, run in work.items():
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    return {name: min(took[1:]) for name, took in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--eps", type=float, default=4, help="in 1/255")
    parser.add_argument("--runs", type=int, default=2, help="the fastest counts")
    parser.add_argument("--same-network", action="store_true")
    options = parser.parse_args()

    fast = loading.load(options.model)
    theirs = fast if options.same_network else loading.load(options.model, trainable=True)
    pictures = foolbox_photos(fast.input_size)[0][: options.photos]
    classes = fast.probabilities(pictures).argmax(-1)
    goals = [Goal(int(c), targeted=False) for c in classes]
    share = min(1.0, 2.5 / options.steps)
    radius = options.eps / 255
    settings = Settings(epsilon=options.eps, steps=options.steps, step_size=share)
    early = Settings(epsilon=options.eps, steps=options.steps, step_size=share, stop_early=True)
    pgd = foolbox.attacks.LinfPGD(rel_stepsize=share, steps=options.steps, random_start=False)
    model = foolbox.PyTorchModel(theirs, bounds=(0, 1))
    criterion = foolbox.criteria.Misclassification(classes)
    other = torchattacks.PGD(
        theirs, eps=radius, alpha=share * radius, steps=options.steps, random_start=False
    )
    work: dict[str, Callable[[], object]] = {
        "ours": lambda: finish(attack_all(fast, pictures, goals, settings)),
        "ours, stop at first success": lambda: finish(attack_all(fast, pictures, goals, early)),
        "foolbox": lambda: pgd(model, pictures, criterion, epsilons=radius),
        "torchattacks": lambda: other(pictures, classes),
    }
    took = seconds(work, options.runs)
    for name, value in took.items():
        print(f"{name:28} {value:6.2f} s   {value / took['ours']:5.2f} × ours")
    print(json.dumps({"benchmark": "attack_speed", **vars(options), "seconds": took}))


if __name__ == "__main__":
    main()
