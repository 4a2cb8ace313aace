"""A server of its own and a real browser, for benchmarks that click."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.serving import started

_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def serving(script: str = "app.py") -> Iterator[str]:
    """Serve a script on a free port, and give its address."""
    with started(script) as (url, _):
        yield url


@contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    """Start Chromium, and give it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*_FLAGS, *flags]
        )
        yield browser
        browser.close()
