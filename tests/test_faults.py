"""What may go wrong in a classroom, and what has to be left: on a real server, with real sessions.

What a browser does is done over Streamlit's own protocol, see `benchmarks/visitor.py`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time

import pytest

from benchmarks.serving import ROOT, started
from benchmarks.visitor import Visitor

GRACE = "IDEALCAT_GRACE_SECONDS"
STREAMLITS_GRACE = "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL"
GRACE_OF_THE_SERVER = 3
A_WHILE = 60.0


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("server") / "log.txt"


@pytest.fixture(scope="module")
def url(log):
    seconds = str(GRACE_OF_THE_SERVER)
    with (
        log.open("wb") as output,
        started("app.py", {GRACE: seconds, STREAMLITS_GRACE: seconds}, output) as (address, _),
    ):
        yield address


async def drawing(url: str) -> Visitor:
    """Come, and start a picture that takes long."""
    visitor = Visitor(url)
    await visitor.connect()
    await visitor.open("ideal_class")
    await visitor.until(lambda: visitor.is_enabled("ideal_start"), A_WHILE)
    await visitor.until(lambda: visitor.finished == visitor.runs, A_WHILE)
    run = visitor.runs
    await visitor.set("ideal_steps", double_value=2000)
    await visitor.until(lambda: visitor.finished > run, A_WHILE)
    await visitor.press("ideal_start")
    await visitor.until(lambda: "of 2000 steps" in visitor.progress, A_WHILE)
    return visitor


def test_after_a_lost_connection_the_run_is_still_there(url):
    async def play():
        visitor = await drawing(url)
        await visitor.until(lambda: visitor.done > 5 / 2000, A_WHILE)
        session, done = visitor.session_id, visitor.done
        await visitor.vanish()
        visitor.done = 0.0
        await visitor.connect()
        # Back, but looking only: the grace begins when the connection is lost again.
        await asyncio.sleep(GRACE_OF_THE_SERVER + 2)
        await visitor.open("ideal_class")
        await visitor.until(lambda: visitor.done > done, A_WHILE)
        assert visitor.session_id == session
        assert visitor.errors == []
        await visitor.press("ideal_stop")
        await visitor.until(lambda: "stopped" in visitor.progress, A_WHILE)
        await visitor.leave()

    asyncio.run(play())


def test_the_run_of_a_browser_that_was_killed_ends_and_the_others_have_its_share(url):
    async def play():
        stays, goes = await asyncio.gather(drawing(url), drawing(url))
        await stays.until(lambda: "2 people" in stays.progress, A_WHILE)
        await goes.vanish()
        await stays.until(lambda: "people" not in stays.progress, A_WHILE)
        assert stays.errors == []
        await stays.leave()

    asyncio.run(play())


def test_who_has_left_is_forgotten_though_nobody_comes_or_goes_after(url, log):
    async def play():
        visitor = Visitor(url)
        await visitor.connect()
        await visitor.open("ideal_class")
        await visitor.until(lambda: visitor.is_enabled("ideal_start"), A_WHILE)
        await visitor.leave()

    def forgotten() -> int:
        lines = (json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{")
        return sum(line["count"] for line in lines if line["event"] == "sessions forgotten")

    asyncio.run(play())
    before, began = forgotten(), time.monotonic()
    while forgotten() == before and time.monotonic() - began < A_WHILE:
        time.sleep(0.2)
    assert forgotten() > before


def test_a_server_that_is_told_to_go_under_load_goes_cleanly_within_ten_seconds(tmp_path):
    log = tmp_path / "log.txt"

    async def play(server: subprocess.Popen) -> None:
        await asyncio.gather(*(drawing(address) for _ in range(3)))
        server.send_signal(signal.SIGTERM)
        began = time.monotonic()
        while server.poll() is None and time.monotonic() - began < 10:
            await asyncio.sleep(0.05)

    with log.open("wb") as output, started("app.py", log=output) as (address, server):
        asyncio.run(play(server))
        code = server.poll()
    told = log.read_text()
    assert code == 0, told
    assert "terminate called" not in told
    assert "Traceback" not in told


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from core.problem import Problem
from core.zoo import catalogue, weights

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that a write fails, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
entry = catalogue.entry("resnet18")
try:
    for step in weights.download(entry):
        pass
except Problem as problem:
    print(problem)
    print(weights.present(entry))
"""


def test_a_full_disk_fails_the_download_with_a_sentence_and_the_rest_goes_on(
    server, tmp_path, monkeypatch
):
    server.content = b"0" * (3 << 20)
    monkeypatch.setenv("IDEALCAT_WEIGHTS_MIRROR", server.address)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK], cwd=ROOT, capture_output=True, text=True, timeout=A_WHILE
    )
    assert done.returncode == 0, done.stderr
    sentence, present = done.stdout.strip().splitlines()
    assert sentence
    assert present == "False"
