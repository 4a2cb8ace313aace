"""From click to maps on screen: the feature maps' page, in a real browser.

    python -m benchmarks.maps_latency [--clicks 20]

Times are taken inside the browser, from the click to the moment that what was clicked for has been
painted: another photo seen before, one seen for the first time, another layer, a channel, a number
of its map with all that it is computed from. First on
the built-in network, then on VGG-16 with random weights: what they are takes no time. Server and
browser share this machine.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from benchmarks import random_weights
from benchmarks.browsing import chromium, serving

SINCE_CLICK = """([selector, index, kind]) => new Promise((resolve, reject) => {
  const deep = (selector) => [document, ...[...document.querySelectorAll('*')]
    .map(element => element.shadowRoot).filter(Boolean)]
    .flatMap(root => [...root.querySelectorAll(selector)]);
  const look = {
    maps: () => deep('.st-key-maps_mosaic img')[0]?.src,
    channel: () => document.querySelector('.st-key-maps_inspector h2')?.textContent + [...document.querySelectorAll(
      '.st-key-maps_row_channel img')].map(image => image.src).join(),
    number: () => deep('.number .body')[0]?.textContent,
  }[kind];
  const before = look();
  const timer = setTimeout(() => reject('nothing changed'), 20000);
  const began = performance.now();
  if (kind === 'number') deep(selector)[0].dispatchEvent(
    new KeyboardEvent('keydown', {key: ['ArrowDown', 'ArrowUp'][index], bubbles: true}));
  else deep(selector)[index].click();
  const check = () => {
    const now = look();
    if (now && now !== before && !now.startsWith('undefined')) {
      clearTimeout(timer);
      requestAnimationFrame(() => resolve(performance.now() - began));
    } else requestAnimationFrame(check);
  };
  requestAnimationFrame(check);
})"""
PHOTO, LAYER, CHANNEL = ".gallery button", ".network .layer", ".channels button"
VALUE = ".values"
REST = 400
"""Milliseconds between clicks: what a visit still has to do after one is not the next one's."""
LOOKING_THROUGH = {"efficientnet_lite0": 8_000, "vgg16": 40_000}
"""Milliseconds in which the page has looked through the sample photos, in the background."""


def once(page: Any, selector: str, place: int, kind: str) -> float:
    """Click on an element; give the milliseconds until what it is for has been painted."""
    taken: float = page.evaluate(SINCE_CLICK, [selector, place, kind])
    page.wait_for_timeout(REST)
    return taken


def summary(taken: list[float]) -> dict[str, float]:
    """Give the median and the 95th percentile."""
    return {"p50_ms": float(np.median(taken)), "p95_ms": float(np.percentile(taken, 95))}


def clicks(page: Any, selector: str, places: list[int], kind: str, count: int) -> dict[str, float]:
    """Click on some elements in turn; the first round sees each for the first time."""
    taken = [
        once(page, selector, places[click % len(places)], kind)
        for click in range(count + len(places))
    ]
    return summary(taken[len(places) :])


def measured(page: Any, count: int) -> dict[str, dict[str, float]]:
    """Measure all kinds of clicks on the network that is open."""
    return {
        "channel": clicks(page, CHANNEL, [3, 7, 11, 5], "channel", count),
        "number": clicks(page, VALUE, [0, 1], "number", count),
        "layer": clicks(page, LAYER, [4, 6, 2], "maps", count),
        "photo": clicks(page, PHOTO, [1, 0], "maps", count),
        "new_photo": summary([once(page, PHOTO, place, "maps") for place in range(2, 10)]),
    }


def choose(page: Any, title: str) -> None:
    """Choose a network in the side bar, and wait for its maps."""
    page.get_by_role("combobox", name="Network").click()
    page.get_by_role("option", name=title).click()
    page.get_by_role("radiogroup", name=f"The layers of {title}").wait_for()
    page.locator(".st-key-maps_mosaic img").wait_for()


def main() -> None:
    """Start a server and a browser, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=20)
    count = parser.parse_args().clicks
    answer = {}
    with random_weights.cached("vgg16"), serving() as url, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
        page.set_default_timeout(120_000)
        page.goto(f"{url}/feature_maps")
        page.locator(".st-key-maps_mosaic img").wait_for()
        for network, patience in LOOKING_THROUGH.items():
            if network == "vgg16":
                choose(page, "VGG-16")
            page.wait_for_timeout(patience)
            answer[network] = measured(page, count)
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
