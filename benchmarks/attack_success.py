"""How often a targeted attack succeeds: 20 foolbox photos × 3 random targets.

    python -m benchmarks.attack_success --steps 40 --eps 4 2

Success is counted twice: on the floats, and on the 8-bit PNG read back.
"""

from __future__ import annotations

import argparse
import io
import json
import time

import torch
from PIL import Image

from benchmarks.attack_photos import foolbox_photos
from core.attacks.goal import Goal
from core.attacks.loop import Settings, attack_all
from core.images import photos
from core.steps import finish
from core.zoo import loading


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--eps", type=float, nargs="+", default=[4, 2], help="in 1/255")
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--targets", type=int, default=3, help="random targets per photo")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    classifier = loading.load(options.model)
    pictures = foolbox_photos(classifier.input_size)[0][: options.photos]
    seen = classifier.probabilities(pictures).argmax(-1).tolist()
    generator = torch.Generator().manual_seed(options.seed)
    goals = []
    for true in seen:
        targets = [c for c in torch.randperm(1000, generator=generator).tolist() if c != true]
        goals += [Goal(target, targeted=True) for target in targets[: options.targets]]
    repeated = pictures.repeat_interleave(options.targets, dim=0)

    rows = []
    for epsilon in options.eps:
        began = time.perf_counter()
        settings = Settings(epsilon=epsilon, steps=options.steps)
        attempts = finish(attack_all(classifier, repeated, goals, settings))
        seconds = time.perf_counter() - began
        saved = 0
        for attempt in attempts:
            png = photos.encode_png(photos.to_pixels(attempt.adversarial))
            with torch.no_grad():
                logits = classifier(photos.to_tensor(Image.open(io.BytesIO(png))))
            saved += bool(attempt.goal.reached(logits))
        row = {
            "epsilon": epsilon,
            "n": len(attempts),
            "success": sum(a.success for a in attempts) / len(attempts),
            "success_after_png": saved / len(attempts),
            "seconds": round(seconds, 1),
        }
        rows.append(row)
        print("  ".join(f"{name} {value:g}" for name, value in row.items()))
    print(json.dumps({"benchmark": "attack_success", **vars(options), "rows": rows}))


if __name__ == "__main__":
    main()
