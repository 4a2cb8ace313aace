"""What does watching cost? The default picture in a real browser, watched and unwatched.

    python -m benchmarks.ideal_live

The run's time beside that of the same run with the visitor on another page, turn by turn, and, in
a run of its own, the pictures a second that really appear: those in which the browser's own
screen recording differs where the picture is. Server and browser share this machine.
"""

from __future__ import annotations

import base64
import io
import json
import re
import statistics
import time
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.browsing import chromium, serving

TURNS = 7
PICTURE = '[data-testid="stImage"] img'


def seconds(page: Any) -> float:
    """The run's own time, as its progress line tells."""
    # By a selector, because looking for a text all the time would slow the run down.
    page.locator(".st-key-ideal_start button:enabled").wait_for()
    line = page.get_by_text(re.compile(r"(\d+) of \1 steps · done"))
    line.wait_for()
    found = re.search(r"([\d.]+) s$", line.inner_text())
    assert found is not None
    return float(found[1])


def start(page: Any, seed: int) -> None:
    """Start the run of a seed, and wait until it has made a few steps."""
    field = page.get_by_label("Seed", exact=True)
    if not field.is_visible():
        page.get_by_text("More settings").click()
    field.fill(str(seed))
    field.press("Enter")
    page.wait_for_timeout(1000)
    page.locator(".st-key-ideal_start button").click()
    page.get_by_text(re.compile(r"of \d+ steps · \d+ s left")).wait_for()


def watched(page: Any, seed: int) -> float:
    """Draw one picture before the visitor's eyes; give its seconds."""
    start(page, seed)
    return seconds(page)


def unwatched(page: Any, seed: int) -> float:
    """Draw one while the visitor is on another page; give its seconds."""
    start(page, seed)
    page.get_by_role("link", name="Start").first.click()
    page.wait_for_timeout(20_000)
    page.get_by_role("link", name="Ideal class").first.click()
    return seconds(page)


def frames_per_second(page: Any, seed: int) -> float:
    """Draw one with the browser recording its screen; give the pictures a second that appear."""
    recorded: list[tuple[float, bytes]] = []
    recorder = page.context.new_cdp_session(page)

    def receive(frame: Any) -> None:
        recorded.append((time.monotonic(), base64.b64decode(frame["data"])))
        recorder.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    recorder.on("Page.screencastFrame", receive)
    start(page, seed)
    box = page.locator(PICTURE).first.bounding_box()
    recorder.send("Page.startScreencast", {"format": "jpeg", "quality": 60})
    page.wait_for_timeout(5000)
    recorder.send("Page.stopScreencast")
    seconds(page)
    width = page.viewport_size["width"]
    return _changes([frame for _, frame in recorded], box, width) / (
        recorded[-1][0] - recorded[0][0]
    )


def _changes(frames: list[bytes], box: Any, width: int) -> int:
    """How often the middle of the picture changes from one frame to the next."""
    pictures = []
    for frame in frames:
        image = Image.open(io.BytesIO(frame)).convert("L")
        scale = image.width / width
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        half = box["width"] / 4
        left, top, right, bottom = (
            round(scale * edge) for edge in (x - half, y - half, x + half, y + half)
        )
        pictures.append(np.asarray(image.crop((left, top, right, bottom)), np.float64))
    return sum(float(np.abs(one - other).mean()) > 0.3 for one, other in pairwise(pictures))


def main() -> None:
    """Start a server and a browser, and measure."""
    with serving() as url, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        page.goto(f"{url}/ideal_class")
        page.locator(".st-key-ideal_start button").wait_for()
        watched(page, 0)  # loads the other networks
        times: dict[str, list[float]] = {"watched": [], "unwatched": []}
        for turn in range(TURNS):
            times["unwatched"].append(unwatched(page, 2 * turn + 1))
            times["watched"].append(watched(page, 2 * turn + 2))
            print({name: taken[-1] for name, taken in times.items()}, flush=True)
        frames = frames_per_second(page, 100)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    answer = {
        "frames_per_second": frames,
        "watched_seconds": medians["watched"],
        "unwatched_seconds": medians["unwatched"],
        "slowdown": medians["watched"] / medians["unwatched"] - 1,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
