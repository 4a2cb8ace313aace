"""What does watching cost? The default picture in a real browser, watched and unwatched.

    python -m benchmarks.ideal_live

Frames a second that the browser shows, and the run's time beside that of the same run with the
visitor on another page. Server and browser share this machine.
"""

from __future__ import annotations

import json
import re
from typing import Any

from benchmarks.browsing import chromium, serving

COUNT = """() => {
  window.frames_ = new Set();
  new MutationObserver(() => document.querySelectorAll('[data-testid="stImage"] img')
    .forEach(image => frames_.add(image.src)))
    .observe(document.body, {subtree: true, childList: true, attributes: true});
}"""


def seconds(page: Any) -> float:
    """The run's own time, as its progress line tells."""
    # By a selector, because looking for a text all the time would slow the run down.
    page.locator(".st-key-ideal_start button:enabled").wait_for()
    line = page.get_by_text(re.compile(r"192 of 192 steps · done"))
    line.wait_for()
    return float(re.search(r"([\d.]+) s$", line.inner_text()).group(1))


def run(page: Any, seed: int, *, watched: bool) -> tuple[float, float]:
    """Draw one picture; give its seconds and the frames a second that were shown."""
    field = page.get_by_label("Seed", exact=True)
    field.fill(str(seed))
    field.press("Enter")
    page.wait_for_timeout(1000)
    page.evaluate("window.frames_.clear()")
    page.locator(".st-key-ideal_start button").click()
    page.get_by_text(re.compile(r"of 192 steps · \d+ s left")).wait_for()
    if not watched:
        page.get_by_role("link", name="Start").first.click()
        page.wait_for_timeout(25_000)
        page.get_by_role("link", name="Ideal class").first.click()
    took = seconds(page)
    return took, page.evaluate("window.frames_.size") / took


def main() -> None:
    """Start a server and a browser, and measure."""
    with serving() as url, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        page.goto(f"{url}/ideal_class")
        page.locator(".st-key-ideal_start button").wait_for()
        page.evaluate(COUNT)
        run(page, 0, watched=True)  # loads the other networks
        unwatched, _ = run(page, 1, watched=False)
        watched, frames = run(page, 2, watched=True)
    answer = {
        "frames_per_second": frames,
        "watched_seconds": watched,
        "unwatched_seconds": unwatched,
        "slowdown": watched / unwatched - 1,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
