"""How many ideal pictures do networks recognise that never saw the run?

    python -m benchmarks.ideal_classes [--classes 50] [--draw 2024] [--model lite0] [--preset best]

The classes are those of `random.Random(draw).sample(range(1000), classes)`.
"""

from __future__ import annotations

import argparse
import json
import random
import time

from core.steps import finish
from core.synthesis.loop import synthesise
from core.synthesis.presets import PRESETS
from core.synthesis.record import Record
from core.synthesis.verdict import judge
from core.zoo import catalogue, loading


def main() -> None:
    """Draw each class once and print who recognises it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--draw", type=int, default=2024, help="seed of the choice of classes")
    parser.add_argument("--model", choices=catalogue.BUILT_IN, default="lite0", help="who draws")
    parser.add_argument("--preset", choices=list(PRESETS), default="best")
    options = parser.parse_args()
    classifier, preset = loading.shared(options.model), PRESETS[options.preset]
    own: list[float] = []
    recognised: dict[str, int] = {}
    steps, seconds = 0, 0.0
    for class_id in random.Random(options.draw).sample(range(1000), options.classes):
        began = time.perf_counter()
        drawn = finish(synthesise(classifier, preset.objective(class_id), preset.settings))
        seconds += time.perf_counter() - began
        steps += drawn.steps_done
        verdict = judge(classifier, Record(drawn))
        own.append(verdict.own[0].target_probability or 0)
        for opinion in verdict.others:
            hit = opinion.class_id == class_id
            recognised[opinion.model] = recognised.get(opinion.model, 0) + hit
        seen = ", ".join(f"{o.class_name} {o.probability:.2f}" for o in verdict.others)
        print(
            f"{class_id:4} {classifier.labels[class_id]:30} own {own[-1]:.3f} | {seen}", flush=True
        )
    shares = {model: hits / options.classes for model, hits in recognised.items()}
    answer = {
        "classes": options.classes,
        "recognised": shares,
        "own_probability": sum(own) / len(own),
        "ms_per_step": 1000 * seconds / steps,
        "seconds_per_picture": seconds / options.classes,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
