"""The default picture against lucent's, on the same network, in one run.

    pip install --no-deps -r requirements-bench.txt
    python -m benchmarks.ideal_lucent [--steps 48] [--class 284]

Milliseconds per step of both, turn by turn, and how long both take to a picture that Lite1 and
Lite2 recognise: lucent with `param.image(320)`, its standard transforms and its own learning rate.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from lucent.optvis import param, render
from torch import nn

from core.predictions import opinion
from core.steps import Pixels
from core.synthesis.loop import synthesise
from core.synthesis.presets import PRESETS
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier

CHECKS = (16, 32, 64, 128, 192, 256, 384, 512)


class Plain(nn.Module):
    """The network as lucent's users have it: batch norms and all, normalisation inside."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.features, self.head = classifier.body, classifier.head
        self.mean, self.std = classifier.mean, classifier.std

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Give the logits."""
        return self.head(self.features((pictures - self.mean) / self.std))


def ours(class_id: int, steps: int, stop: Callable[[Pixels, int], bool]) -> float:
    """Draw with this project; give the seconds, those of `stop` left aside."""
    classifier, preset = loading.shared("lite0"), PRESETS["best"]
    drawing = synthesise(classifier, preset.objective(class_id), preset.changed(steps=steps))
    spent = 0.0
    while True:
        began = time.perf_counter()
        step = next(drawing, None)
        spent += time.perf_counter() - began
        if step is None or (step.index in CHECKS and stop(step.picture, step.index)):
            return spent


def lucents(class_id: int, steps: int, stop: Callable[[Pixels, int], bool]) -> float:
    """Draw with lucent; give the seconds, those of `stop` left aside."""
    network = Plain(loading.load("lite0", trainable=True)).eval()
    spent, done = 0.0, 0
    torch.manual_seed(0)
    image = param.image(320)
    for threshold in [check for check in CHECKS if check <= steps] or [steps]:
        began = time.perf_counter()
        with contextlib.redirect_stderr(io.StringIO()):
            render.render_vis(
                network,
                f"head:{class_id}",
                param_f=lambda: image,
                thresholds=(threshold - done,),
                preprocess=False,
                progress=False,
                show_image=False,
            )
        spent += time.perf_counter() - began
        done = threshold
        with torch.no_grad():
            pixels = (image[1]()[0].permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
        if stop(pixels, done):
            break
    return spent


def main() -> None:
    """Time both and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--class", dest="class_id", type=int, default=284)
    options = parser.parse_args()
    judges = [loading.shared(name) for name in catalogue.BUILT_IN[1:]]
    target = loading.shared("lite0").labels[options.class_id]

    def recognised(pixels: Pixels, _: int) -> bool:
        return all(opinion(j, pixels, target).class_id == options.class_id for j in judges)

    def never(pixels: Pixels, done: int) -> bool:
        return False

    ours(options.class_id, 4, never)
    lucents(options.class_id, 4, never)
    times: dict[str, list[float]] = {"ours": [], "lucent": []}
    for _ in range(options.rounds):
        for name, draw in (("ours", ours), ("lucent", lucents)):
            seconds = draw(options.class_id, options.steps, never)
            times[name].append(1000 * seconds / options.steps)
    per_step = {name: statistics.median(values) for name, values in times.items()}
    to_recognised = {
        "ours": ours(options.class_id, CHECKS[-1], recognised),
        "lucent": lucents(options.class_id, CHECKS[-1], recognised),
    }
    print(f"{'':8}{'ms per step':>14}{'s until both recognise it':>28}")
    for name, value in per_step.items():
        print(f"{name:8}{value:14.1f}{to_recognised[name]:28.1f}")
    print(
        json.dumps(
            {
                "ms_per_step": per_step,
                "ratio": per_step["lucent"] / per_step["ours"],
                "seconds_to_recognised": to_recognised,
                "sooner": to_recognised["lucent"] / to_recognised["ours"],
            }
        )
    )


if __name__ == "__main__":
    main()
