"""Servers of the app, browsers to open it in, and a connection that can be lost."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ELSEWHERE = "class.example"
"""A name of this machine for the browser, that is neither localhost nor safe."""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1",
]
A_WHILE = 120_000  # ms; generous, since machines differ. What must be fast is in benchmarks/


@dataclass(frozen=True)
class Served:
    """A server that runs: its address, its process, and the file that it logs to."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


def environment_of_a_server(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing that this machine has, or is told, counts."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("IDEALCAT_", "RAY_"))}
    places = {
        "TORCH_HOME": folder / "torch",
        "XDG_CACHE_HOME": folder / "cache",
        "IDEALCAT_WALL_FILE": folder / "wall.sqlite",
        "PYTHONPATH": ROOT,
        "OMP_NUM_THREADS": 1,  # as for the tests themselves, see conftest.py
    }
    return kept | {name: str(place) for name, place in places.items()}


@contextmanager
def serving(script: str, folder: Path, *options: str, **settings: str) -> Iterator[Served]:
    """Serve a script on a free port, and see to it that nothing goes wrong on the server.

    Args:
        script: of the project.
        folder: for the log and for what the server keeps.
        options: of Streamlit, for the command line.
        settings: variables of the environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1", *options]
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment_of_a_server(folder) | settings,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(url, process, log)
        yield Served(url, process, log)
    finally:
        process.terminate()
        process.wait(timeout=60)
    assert "Traceback" not in log.read_text()


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + A_WHILE / 1000
    while process.poll() is None and time.monotonic() < ends:
        with suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")


class Wifi:
    """Passes what a browser and a server say to each other on, until it is lost.

    Attributes:
        url: what the browser has to open.
    """

    def __init__(self, server_url: str) -> None:
        self._server = int(server_url.rpartition(":")[2])
        self._lost = False
        self._sockets: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self) -> None:
        """Break all connections without a word, and refuse new ones."""
        self._lost = True
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._sockets.clear()

    def find(self) -> None:
        """Accept connections again."""
        self._lost = False

    def close(self) -> None:
        """End for good."""
        self.lose()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._listening.accept()
                if self._lost:
                    browser.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._server))
                self._sockets += [browser, server]
                for ends in ((browser, server), (server, browser)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError), source, target:
            while content := source.recv(1 << 16):
                target.sendall(content)
            target.shutdown(socket.SHUT_RDWR)
