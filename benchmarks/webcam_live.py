"""How many answers a second does the live panel give? In a real browser, with its fake camera.

    python -m benchmarks.webcam_live

On the built-in network: alone, beside a run that embeds photos all the time, and beside one that
the same page watches. Server, browser and run share this machine. 3 answers a second are wanted,
and 8 are the most that a panel asks for.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from benchmarks.browsing import chromium, serving

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
SECONDS = 12
COUNT = """() => {
  window.answers = 0;
  const root = [...document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')]
    .map(host => host.shadowRoot).find(root => root.querySelector('.live'));
  new MutationObserver(() => window.answers++)
    .observe(root.querySelector('.bars'), {attributes: true, attributeFilter: ['data-frame']});
}"""


def answers_per_second(browser: Any, url: str) -> float:
    """Open the page, turn the live panel on, and count."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, permissions=["camera"], locale="en-US"
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.locator(".live .switch").click()
    page.locator(".live .bars li").first.wait_for()
    page.wait_for_timeout(2000)
    page.evaluate(COUNT)
    began = time.monotonic()
    page.wait_for_timeout(1000 * SECONDS)
    rate = page.evaluate("window.answers") / (time.monotonic() - began)
    context.close()
    return round(rate, 2)


def measured(query: str) -> float:
    """Start a server and a browser, and measure; a server of its own, since runs outlive a visit."""
    with serving("tests/pages/webcam_page.py") as url, chromium(*CAMERA) as browser:
        return answers_per_second(browser, f"{url}/{query}")


def main() -> None:
    """Measure the three cases; the load before each tells whether the machine was idle."""
    cases = {"alone": "", "beside_a_run": "?busy=1", "beside_a_watched_run": "?busy=watched"}
    answer: dict[str, object] = {}
    for name, query in cases.items():
        load = round(os.getloadavg()[0], 1)
        answer[name] = {"answers_per_second": measured(query), "load_before": load}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
