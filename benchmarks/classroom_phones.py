"""Thirty phones in a room, while others train and draw on the same server: does it hold?

    python -m benchmarks.classroom_phones [--phones 30] [--drawings 10] [--seconds 120]

A real server, and phones that are real HTTP clients, each with a connection of its own: they join
within 20 seconds, ask for the state every two seconds as the phones' page does, and send ten
photos each within two minutes, every fifth of them twice, as if its answer had been lost. All the
while one visitor trains a network again and again and ten draw an ideal class.

What it prints: photos that were lost or counted twice; how long answers took, in seconds; the
server's memory before the phones come, at its highest, and a minute after the room has closed
and all have left. Server, phones and visitors share this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import io
import json
import os
import random
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks.classroom_load import prepare, work
from benchmarks.serving import memory, started
from benchmarks.visitor import Visitor
from core.images import photos

JOIN_SECONDS = 20.0
STATE_SECONDS = 2.0
PHOTOS = 10
AFTERWARDS = 60.0
LONGEST = 900.0


@dataclass
class Phone:
    """A phone's connection, and how long its answers took.

    Attributes:
        host: of the server, with its port.
        code: of the room.
        took: seconds by what was asked.
        refused: what the server did not do.
    """

    host: str
    code: str
    token: str = ""
    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the connection."""
        self._connection = http.client.HTTPConnection(self.host, timeout=60)

    def ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        """Ask the server, and note how long its answer took."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Language": "pt-BR"}
        began = time.monotonic()
        self._connection.request(method, f"/join/{self.code}/{path}", body, headers)
        told = json.loads(self._connection.getresponse().read())
        self.took[path.split("/")[0]].append(time.monotonic() - began)
        if "problem" in told:
            self.refused.append(f"{path}: {told['problem']}")
        return dict(told)

    def attend(self, number: int, pictures: list[bytes], seconds: float) -> None:
        """Join, then ask for the state and send photos until all are sent and the time is over."""
        dice = random.Random(number)
        time.sleep(dice.uniform(0, JOIN_SECONDS))
        nickname = json.dumps({"nickname": f"Phone {number}"}).encode()
        self.token = str(self.ask("POST", "join", nickname)["token"])
        self.ask("POST", "consent")
        due = sorted(dice.uniform(0, seconds) for _ in pictures)
        began, asked = time.monotonic(), 0.0
        while due or time.monotonic() - began < seconds:
            now = time.monotonic() - began
            if due and due[0] <= now:
                due.pop(0)
                photo = len(pictures) - len(due) - 1
                for _ in range(2 if photo % 5 == 0 else 1):
                    self.ask("POST", f"photos/{photo % 2}/photo-{photo}", pictures[photo])
            elif now - asked >= STATE_SECONDS:
                asked = now
                self.ask("GET", "state")
            time.sleep(0.02)


def made_pictures(count: int) -> list[bytes]:
    """Return so many JPEGs of 640 by 480 pixels as phones send them, none like another."""
    dice = np.random.default_rng(0)
    originals = [photos.read_sample(photo.id) for photo in photos.SAMPLES]
    made = []
    for number in range(count):
        whole = originals[number % len(originals)].resize((960, 720))
        left, top = (int(dice.integers(0, most)) for most in (320, 240))
        buffer = io.BytesIO()
        whole.crop((left, top, left + 640, top + 480)).save(buffer, "JPEG", quality=85)
        made.append(buffer.getvalue())
    return made


async def train_again_and_again(visitor: Visitor, runs: list[float]) -> None:
    """Train a network on the app's own photos, and again as soon as it is done."""
    await visitor.open("fine_tuning")
    await visitor.until(lambda: visitor.is_enabled("train_start"), LONGEST)
    await visitor.until(lambda: visitor.finished == visitor.runs, LONGEST)
    while True:
        began = time.monotonic()
        await visitor.press("train_start")
        await visitor.until(lambda: not visitor.is_enabled("train_start"), LONGEST)
        await visitor.until(lambda: visitor.is_enabled("train_start"), LONGEST)
        await visitor.until(lambda: visitor.finished == visitor.runs, LONGEST)
        runs.append(time.monotonic() - began)


async def draw_again_and_again(visitor: Visitor, runs: list[float], steps: int) -> None:
    """Draw an ideal class, and again as soon as it is done."""
    await prepare(visitor, "ideal", steps)
    while True:
        began = time.monotonic()
        await work(visitor, "ideal")
        runs.append(time.monotonic() - began)


async def lesson(url: str, server: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Let visitors compute, send the phones, close the room, and tell what was measured."""
    arrived = time.monotonic()

    def tell(what: str) -> None:
        seconds = time.monotonic() - arrived
        print(f"{seconds:6.1f} s {memory(server):7.1f} MB  {what}", file=sys.stderr, flush=True)

    host = urlsplit(url).netloc
    load = os.getloadavg()[0]
    pictures = made_pictures(options.phones * PHOTOS)
    room = await asyncio.to_thread(benchmark, host, "GET", "room")

    first = Visitor(url)  # until networks are loaded
    await first.connect()
    await prepare(first, "ideal", 8)
    await work(first, "ideal")
    await first.leave()
    await asyncio.sleep(10)
    before = memory(server)
    tell("networks are loaded")

    visitors = [Visitor(url) for _ in range(options.drawings + 1)]
    await asyncio.gather(*(visitor.connect() for visitor in visitors))
    trained: list[float] = []
    drawn: list[float] = []
    computing = [asyncio.create_task(train_again_and_again(visitors[0], trained))]
    computing += [
        asyncio.create_task(draw_again_and_again(visitor, drawn, options.steps))
        for visitor in visitors[1:]
    ]
    await asyncio.sleep(10)
    tell(f"visitors compute: {[visitor.progress for visitor in visitors]}")
    phones = [Phone(host, room["code"]) for _ in range(options.phones)]
    threads = [
        threading.Thread(
            target=phone.attend,
            args=(number, pictures[PHOTOS * number : PHOTOS * (number + 1)], options.seconds),
            daemon=True,
        )
        for number, phone in enumerate(phones)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    held = await asyncio.to_thread(benchmark, host, "GET", "room")
    full = memory(server)
    tell(f"the phones are done: {[visitor.progress for visitor in visitors]}")
    stopped = [str(task.exception()) for task in computing if task.done()]
    for task in computing:
        task.cancel()
    await asyncio.gather(*computing, return_exceptions=True)
    await asyncio.to_thread(benchmark, host, "POST", "close")
    errors = [error for visitor in visitors for error in visitor.errors]
    await asyncio.gather(*(visitor.leave() for visitor in visitors))
    tell("all have left")
    await asyncio.sleep(AFTERWARDS)

    expected = options.phones * PHOTOS
    return {
        "phones": options.phones,
        "load_before": load,
        "refused": [refusal for phone in phones for refusal in phone.refused],
        "lost": expected - held["different"],
        "twice": held["photos"] - held["different"],
        "photos": held["photos"],
        "trainings": len(trained),
        "drawings": len(drawn),
        "visitors_errors": errors + stopped,
        "answers": {
            what: quantiles([seconds for phone in phones for seconds in phone.took[what]])
            for what in ("join", "consent", "state", "photos")
        },
        "all_answers": quantiles(
            [seconds for phone in phones for each in phone.took.values() for seconds in each]
        ),
        "before_mb": before,
        "full_mb": full,
        "peak_mb": memory(server, "VmHWM"),
        "a_minute_after_mb": memory(server),
    }


def benchmark(host: str, method: str, what: str) -> dict[str, Any]:
    """Ask the server of this benchmark what its room holds, or close it."""
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request(method, f"/benchmark/{what}")
    return dict(json.loads(connection.getresponse().read()))


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Return how many there are, their 50th and 95th percentile, and the longest."""
    return {
        "count": len(seconds),
        "p50": round(float(np.quantile(seconds, 0.5)), 3),
        "p95": round(float(np.quantile(seconds, 0.95)), 3),
        "longest": round(max(seconds), 3),
    }


def main() -> None:
    """Start a server, hold the lesson, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=30)
    parser.add_argument("--drawings", type=int, default=10)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=120.0)
    options = parser.parse_args()
    with started("benchmarks/phones_server.py") as (url, server):
        print(json.dumps(asyncio.run(lesson(url, server, options))))


if __name__ == "__main__":
    main()
