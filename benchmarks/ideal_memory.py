"""Does drawing leak? Resident memory after 3 and after 30 runs in one process.

    python -m benchmarks.ideal_memory [--runs 30] [--steps 48]

Each run goes through the scheduler as on the page, with its time-lapse and second opinions.
"""

from __future__ import annotations

import argparse
import gc
import json
from functools import partial
from pathlib import Path

from core.server.scheduler import scheduler
from core.synthesis.loop import Drawing
from core.synthesis.presets import PRESETS
from core.synthesis.record import recorded
from core.synthesis.verdict import judge, second_opinions
from core.zoo import loading


def resident() -> float:
    """Resident memory of this process in MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    """Draw again and again and print the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--steps", type=int, default=48)
    options = parser.parse_args()
    classifier, preset = loading.shared("lite0"), PRESETS["best"]
    sizes = []
    for run in range(options.runs):
        objective = preset.objective(run * 33 % 1000)
        drawing = Drawing(classifier, objective, preset.settings)
        ask = second_opinions(classifier, objective)
        job = scheduler().submit(
            "benchmark",
            "ideal",
            partial(recorded, drawing.steps(options.steps), ask),
            lambda last: judge(classifier, last.result),
        )
        job.wait()
        sizes.append(resident())
        print(f"run {run + 1:3}: {sizes[-1]:7.1f} MB", flush=True)
    print(json.dumps({"after_3": sizes[2], "after_all": sizes[-1], "ratio": sizes[-1] / sizes[2]}))


if __name__ == "__main__":
    main()
