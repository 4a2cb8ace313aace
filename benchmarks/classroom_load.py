"""Thirty students at once on one server: does it hold?

    python -m benchmarks.classroom_load [--students 30] [--steps 64] [--attack-steps 64]

Real sessions of a real server, over its own protocol (`benchmarks.visitor`). Each draws an ideal
class, then attacks a photo, and all the while changes something on the page now and then. The
server has the machine to itself but for the visitors' part. With 30 students it takes about ten
minutes on two cores.

What it prints: errors; runs that came to their end; the progress of the slowest over that of the
fastest, at its worst, from when all have begun and the fastest has done a quarter; how long a page
took to stand anew after a change; the server's memory. "Idle" is the memory before the class, after one visitor has
been through both pages and gone: networks are loaded, nobody is there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from benchmarks.serving import memory, started
from benchmarks.visitor import Visitor

LONGEST = 420.0
SAMPLE_SECONDS = 0.5
AFTERWARDS = 60.0
WIDGETS = {"ideal": "ideal_stretch", "attack": "attack_stop_early"}
PAGES = {"ideal": "ideal_class", "attack": "adversarial_attack"}


async def prepare(visitor: Visitor, run: str, steps: int) -> None:
    """Open a page and set the number of steps."""
    await visitor.open(PAGES[run])
    runs = visitor.runs
    await visitor.until(
        lambda: visitor.is_enabled(f"{run}_start") and visitor.finished > runs, LONGEST
    )
    await visitor.set(f"{run}_steps", double_value=steps)
    await visitor.until(lambda: visitor.finished > runs + 1, LONGEST)


async def work(visitor: Visitor, run: str) -> None:
    """Start a run and see it to its end."""
    visitor.progress, visitor.done = "", 0.0
    await visitor.press(f"{run}_start")
    await visitor.until(
        lambda: "· done ·" in visitor.progress and visitor.is_enabled(f"{run}_start"), LONGEST
    )
    await visitor.until(lambda: visitor.finished == visitor.runs)


async def fidget(visitor: Visitor, run: str, dice: random.Random, answers: list[float]) -> None:
    """Flip a switch now and then, and note how long the page takes."""
    value = False
    while True:
        await asyncio.sleep(dice.uniform(4, 8))
        value = not value
        answers.append(await visitor.answer(WIDGETS[run], bool_value=value))


async def watch(class_: list[Visitor], ratios: list[float]) -> None:
    """Note the slowest progress over the fastest."""
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        done = [visitor.done for visitor in class_]
        if max(done) >= 0.25 and min(done) > 0:
            ratios.append(min(done) / max(done))


async def beside(main: Awaitable[Any], *others: Awaitable[Any]) -> None:
    """Do something while other things go on, and end these with it."""
    tasks = [asyncio.ensure_future(other) for other in others]
    try:
        await main
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


async def lesson(
    class_: list[Visitor], run: str, steps: int, tell: Callable[..., None]
) -> dict[str, float]:
    """Let all do the same, each on their own, and give what was measured."""
    await asyncio.gather(*(prepare(visitor, run, steps) for visitor in class_))
    tell("all have opened", run)
    answers: list[float] = []
    ratios: list[float] = []
    began = time.monotonic()

    async def student(number: int, visitor: Visitor) -> None:
        dice = random.Random(number)
        await beside(work(visitor, run), fidget(visitor, run, dice, answers))

    students = asyncio.gather(*(student(i, visitor) for i, visitor in enumerate(class_)))
    await beside(students, watch(class_, ratios))
    return {
        f"{run}_seconds": time.monotonic() - began,
        f"{run}_finished": sum("· done ·" in visitor.progress for visitor in class_),
        f"{run}_slowest_over_fastest": min(ratios, default=1.0),
        f"{run}_answers": len(answers),
        f"{run}_answer_p50": float(np.quantile(answers, 0.5)) if answers else 0.0,
        f"{run}_answer_p95": float(np.quantile(answers, 0.95)) if answers else 0.0,
        f"{run}_answer_longest": max(answers, default=0.0),
    }


async def school(url: str, server: Any, options: argparse.Namespace) -> dict[str, Any]:
    """One visitor first, then the class; then an empty room."""
    began = time.monotonic()

    def tell(*what: object) -> None:
        print(f"{time.monotonic() - began:6.1f} s {memory(server):7.1f} MB ", *what, flush=True)

    plan = {"ideal": options.steps, "attack": options.attack_steps}
    fresh = memory(server)
    first = Visitor(url)
    await first.connect()
    for run, steps in plan.items():
        await prepare(first, run, steps)
        await work(first, run)
        tell("the first visitor has done", run)
    await first.leave()
    await asyncio.sleep(AFTERWARDS)
    idle = memory(server)
    tell("idle")

    class_ = [Visitor(url) for _ in range(options.students)]
    await asyncio.gather(*(visitor.connect() for visitor in class_))
    measured: dict[str, Any] = {}
    for run, steps in plan.items():
        measured |= await lesson(class_, run, steps, tell)
        tell("all have done", run)
    errors = [error for visitor in class_ for error in visitor.errors]
    frames = sum(visitor.frames for visitor in class_)
    received = sum(visitor.received for visitor in class_) / 1e6
    await asyncio.gather(*(visitor.leave() for visitor in class_))
    tell("all have left")
    await asyncio.sleep(AFTERWARDS)
    after = memory(server)
    tell("a minute later")
    return {
        "students": options.students,
        "errors": errors,
        **measured,
        "frames": frames,
        "received_mb": received,
        "fresh_mb": fresh,
        "idle_mb": idle,
        "peak_mb": memory(server, "VmHWM"),
        "a_minute_after_mb": after,
        "after_over_idle": after / idle,
        "seconds": time.monotonic() - began,
    }


def main() -> None:
    """Start a server, send the class, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--attack-steps", type=int, default=64)
    options = parser.parse_args()
    with started() as (url, server):
        print(json.dumps(asyncio.run(school(url, server, options))))


if __name__ == "__main__":
    main()
