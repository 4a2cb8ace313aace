"""The default picture against lucent's, on the same network, in one run.

    pip install --no-deps -r requirements-bench.txt
    python -m benchmarks.ideal_lucent [--class 284 340 207 281 292 985]

Milliseconds per step of both, turn by turn, and how long both take to a picture that Lite1 and
Lite2 recognise, for the first time and for good: lucent with `param.image(320)`, its standard
transforms and its own learning rate.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import time
from collections.abc import Sequence

import kornia
import numpy as np
import torch
from kornia.geometry.transform import get_rotation_matrix2d, warp_affine
from lucent.optvis import param, render
from torch import nn

from core.steps import Pixels
from core.synthesis.loop import synthesise
from core.synthesis.presets import PRESETS
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier
from core.zoo.predictions import opinions

# lucent 0.1.8 knows these by the names that they had in kornia 0.4.
kornia.get_rotation_matrix2d, kornia.warp_affine = get_rotation_matrix2d, warp_affine

CHECKS = {"ours": tuple(range(8, 97, 8)), "lucent": tuple(range(8, 193, 8))}
"""After how many steps each is asked whether its picture is recognised yet."""


class Plain(nn.Module):
    """The network as lucent's users have it: batch norms and all, normalisation inside."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.features, self.head = classifier.body, classifier.head
        self.mean, self.std = classifier.mean, classifier.std

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Give the logits."""
        return self.head(self.features((pictures - self.mean) / self.std))


def ours(class_id: int, checks: Sequence[int]) -> tuple[float, list[Pixels]]:
    """Draw with this project; give the seconds, and the pictures after so many steps."""
    classifier, preset = loading.shared("lite0"), PRESETS["best"]
    drawing = synthesise(classifier, preset.objective(class_id), preset.changed(steps=checks[-1]))
    began = time.perf_counter()
    pictures = [step.picture for step in drawing if step.index in checks]
    return time.perf_counter() - began, [picture for picture in pictures if picture is not None]


def lucents(class_id: int, checks: Sequence[int]) -> tuple[float, list[Pixels]]:
    """Draw with lucent, likewise."""
    network = Plain(loading.load("lite0", trainable=True)).eval()
    torch.manual_seed(0)
    np.random.seed(0)  # its transforms and its canvas draw from both
    began = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):
        pictures = render.render_vis(
            network,
            f"head:{class_id}",
            param_f=lambda: param.image(320),
            thresholds=tuple(checks),
            preprocess=False,
            progress=False,
            show_image=False,
        )
    seconds = time.perf_counter() - began
    return seconds, [(picture[0] * 255).round().astype(np.uint8) for picture in pictures]


def recognised(class_id: int, pictures: Sequence[Pixels]) -> list[bool]:
    """Say of each picture whether both second opinions see the class."""
    target = loading.shared("lite0").labels[class_id]
    judges = [loading.shared(name) for name in catalogue.BUILT_IN[1:]]
    return [
        all(opinions(judge, pixels, [target])[0].class_id == class_id for judge in judges)
        for pixels in pictures
    ]


def first(checks: Sequence[int], seen: Sequence[bool]) -> int:
    """Give the steps after which it is first recognised; where it never is, all of them."""
    return next((steps for steps, yes in zip(checks, seen, strict=True) if yes), checks[-1])


def for_good(checks: Sequence[int], seen: Sequence[bool]) -> int:
    """Give the steps from which on it is always recognised; where it never is, all of them."""
    misses = [place for place, yes in enumerate(seen) if not yes]
    return checks[min(misses[-1] + 1 if misses else 0, len(checks) - 1)]


def main() -> None:
    """Time both and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--class", dest="classes", type=int, nargs="+", default=[284, 340, 207, 281, 292, 985]
    )
    options = parser.parse_args()
    for draw in (ours, lucents):
        draw(options.classes[0], [4])
    per_step: dict[str, list[float]] = {"ours": [], "lucent": []}
    until = {when: {"ours": 0, "lucent": 0} for when in ("first", "for good")}
    print(f"{'class':>6}  {'':8}{'ms per step':>12}{'steps until recognised':>24}{'for good':>10}")
    for class_id in options.classes:
        for name, draw in (("ours", ours), ("lucent", lucents)):
            checks = CHECKS[name]
            seconds, pictures = draw(class_id, checks)
            per_step[name].append(1000 * seconds / checks[-1])
            seen = recognised(class_id, pictures)
            once, always = first(checks, seen), for_good(checks, seen)
            until["first"][name] += once
            until["for good"][name] += always
            print(
                f"{class_id:6}  {name:8}{per_step[name][-1]:12.1f}{once:24}{always:10}", flush=True
            )
    medians = {name: statistics.median(values) for name, values in per_step.items()}
    # At the usual pace, so that no class is held against the other by what else the machine did.
    totals = {
        when: {name: count * medians[name] / 1000 for name, count in steps.items()}
        for when, steps in until.items()
    }
    answer = {
        "ms_per_step": medians,
        "ratio": medians["lucent"] / medians["ours"],
        "seconds_to_recognised": totals,
        "sooner": {when: times["lucent"] / times["ours"] for when, times in totals.items()},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
