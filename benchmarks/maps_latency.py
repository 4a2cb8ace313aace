"""From click to maps on screen: the feature maps' page, in a real browser.

    python -m benchmarks.maps_latency [--clicks 20]

Times are taken inside the browser, from the click to the moment that what was clicked for has been
painted: another photo seen before, another layer, a channel. Server and browser share this machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    server = subprocess.Popen(
        [*command, "--server.headless=true"], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            with (
                suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health"),
            ):
                break
            time.sleep(0.1)
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(120_000)
            page.goto(f"http://127.0.0.1:{port}/feature_maps")
            page.locator(".channels img").wait_for()
            page.wait_for_timeout(8000)  # the other photos are looked through meanwhile
            answer = {
                "channel": times(page, ".channels button", [3, 7, 11, 5], "channel", clicks),
                "layer": times(page, ".network .layer", [4, 6, 2], "maps", clicks),
                "photo": times(page, ".gallery button", [1, 0], "maps", clicks),
            }
            browser.close()
    finally:
        server.terminate()
        server.wait()
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
