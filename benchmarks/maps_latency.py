"""From click to maps on screen: the feature maps' page, in a real browser.

    python -m benchmarks.maps_latency [--clicks 20]

Times are taken inside the browser, from the click to the moment that what was clicked for has been
painted: another photo seen before, another layer, a channel. Server and browser share this machine.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from benchmarks.browsing import chromium, serving

SINCE_CLICK = """([selector, index, kind]) => new Promise((resolve, reject) => {
  const deep = (selector) => [document, ...[...document.querySelectorAll('*')]
    .map(element => element.shadowRoot).filter(Boolean)]
    .flatMap(root => [...root.querySelectorAll(selector)]);
  const look = {
    maps: () => deep('.channels img')[0]?.src,
    channel: () => document.querySelector('h3')?.textContent + [...document.querySelectorAll(
      '[data-testid="stImage"] img')].slice(0, 2).map(image => image.src).join(),
  }[kind];
  const before = look();
  const timer = setTimeout(() => reject('nothing changed'), 20000);
  const began = performance.now();
  deep(selector)[index].click();
  const check = () => {
    const now = look();
    if (now && now !== before && !now.startsWith('undefined')) {
      clearTimeout(timer);
      requestAnimationFrame(() => resolve(performance.now() - began));
    } else requestAnimationFrame(check);
  };
  requestAnimationFrame(check);
})"""


def times(page: Any, selector: str, places: list[int], kind: str, clicks: int) -> dict[str, float]:
    """Click on some of the selector's elements in turn; give the median and p95 in ms."""
    taken = []
    for click in range(clicks + len(places)):
        place = places[click % len(places)]
        taken.append(page.evaluate(SINCE_CLICK, [selector, place, kind]))
        page.wait_for_timeout(400)
    seen = taken[len(places) :]  # the first round sees each for the first time
    return {"p50_ms": float(np.median(seen)), "p95_ms": float(np.percentile(seen, 95))}


def main() -> None:
    """Start a server and a browser, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=20)
    clicks = parser.parse_args().clicks
    with serving() as url, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        page.goto(f"{url}/feature_maps")
        page.locator(".channels img").wait_for()
        page.wait_for_timeout(8000)  # the other photos are looked through meanwhile
        answer = {
            "channel": times(page, ".channels button", [3, 7, 11, 5], "channel", clicks),
            "layer": times(page, ".network .layer", [4, 6, 2], "maps", clicks),
            "photo": times(page, ".gallery button", [1, 0], "maps", clicks),
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
