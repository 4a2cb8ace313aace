"""What the tests share: one loaded network, one server and one browser for all of them, real
photos, a tiny random network.

No test reaches the network or writes outside its temporary folder. Real photographs beyond the
app's own samples are looked for in the folder that `IDEALCAT_TEST_DATA` names.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from core import environment
from core.data import sources
from core.images import photos
from core.zoo import loading, weights
from core.zoo.classifier import Classifier, Provenance
from core.zoo.graph import cut_head, measure_layers, trace
from core.zoo.labels import Labels
from tests.helpers.clock import Clock
from tests.helpers.serving import A_WHILE, CHROMIUM, FLAGS, ROOT, Served, serving

DATA_VARIABLE = "IDEALCAT_TEST_DATA"
collect_ignore = ["pages/webcam_page.py"]  # a page for Streamlit to serve, not a module of tests


# Tests may run in several processes. Where PyTorch's threads want more cores than there are, they
# spin for each other, and everything takes ten times as long.
torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser, and divide the tests among processes.

    Tests of a module stay together, for what they share. Those in a browser come first: they take
    the longest, and what is short fills the gaps at the end.
    """

    def needs_browser(item: pytest.Item) -> bool:
        return "chromium" in getattr(item, "fixturenames", ())

    for item in items:
        if needs_browser(item):
            item.add_marker("browser")
        module = item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(module))
    items.sort(key=lambda item: not needs_browser(item))


def pytest_collection_finish(session: pytest.Session) -> None:
    """See that pytest-xdist has taken the groups over: without them each process has a browser."""
    if session.config.getoption("loadgroup", False):
        ungrouped = [item.nodeid for item in session.items if "@" not in item.nodeid]
        assert not ungrouped, (
            "this pytest-xdist does not know this pytest; see requirements-dev.txt"
        )


@pytest.fixture(autouse=True)
def torch_home(tmp_path, monkeypatch) -> Path:
    """An empty torch cache: what the machine has downloaded before must not change a test."""
    home = tmp_path / "torch"
    monkeypatch.setenv("TORCH_HOME", str(home))
    monkeypatch.delenv(weights.MIRROR_VARIABLE, raising=False)
    monkeypatch.delenv(sources.MIRROR_VARIABLE, raising=False)
    monkeypatch.delenv(environment.TEACHER_PIN.name, raising=False)
    return home


class Server:
    """Serves files on this machine in good and in bad ways, and remembers what it was asked for.

    Attributes:
        content: what it serves under any address,
        files: unless this holds a file of that name.
        sent: after how many bytes it hangs up.
        status: its answer; anything but 200 is a refusal.
        headers: instead of the true ones.
        etag: the version of its files, if it tells one.
        ranged: whether it serves parts of files.
        asked_for: the paths.
        ranges: for each, the part of the file that was wanted, or None.
    """

    def __init__(self) -> None:
        self.content = b""
        self.files: dict[str, bytes] = {}
        self.sent = 10**12
        self.status = 200
        self.headers: dict[str, str] | None = None
        self.etag = ""
        self.ranged = True
        self.asked_for: list[str] = []
        self.ranges: list[str | None] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, server: Server, *args) -> None:
        self.told = server
        super().__init__(*args)

    def do_GET(self) -> None:
        told, wanted = self.told, self.headers.get("Range")
        told.asked_for.append(self.path)
        told.ranges.append(wanted)
        content = told.files.get(self.path.rpartition("/")[2], told.content)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if wanted and start >= len(content):
            self.send_response(416)
            self.end_headers()
            return
        is_part = wanted and told.ranged and self.headers.get("If-Range") == told.etag
        start = start if is_part else 0
        headers = {"Content-Length": str(len(content) - start)}
        if told.etag:
            headers["ETag"] = told.etag
        if is_part:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.send_response(206 if is_part else told.status)
        for name, value in (headers if told.headers is None else told.headers).items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # some tests close midway
            self.wfile.write(content[start : start + told.sent])
        self.close_connection = True

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")  # a school's proxy knows nothing of this server
    running = Server()
    yield running
    running.close()


@pytest.fixture(scope="session")
def lite0() -> Classifier:
    """The built-in network in its fast form, as everybody in the app shares it."""
    return loading.shared("efficientnet_lite0")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with real photographs."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        pytest.skip(f"{DATA_VARIABLE} does not name a folder with PetImages and hymenoptera_data")
    if not Path(folder).is_dir():
        pytest.skip(f"{DATA_VARIABLE} names {folder}, which is not there")
    return Path(folder)


@pytest.fixture(scope="session")
def dalmatian() -> Image.Image:
    return photos.read_sample("dalmatian")


@pytest.fixture
def make_tiny() -> Callable[..., Classifier]:
    """Wrap a small network that ends in a linear layer, as the zoo wraps the large ones."""

    def wrap(network: nn.Module, *, size: int = 16, blocks: str = r"\d+") -> Classifier:
        body = trace(network.eval())
        body.requires_grad_(False)
        head = cut_head(body)
        classifier = Classifier(
            name="tiny",
            title="Tiny",
            body=body,
            head=head,
            labels=Labels([f"class {i}" for i in range(head.out_features)]),
            input_size=size,
            mean=(0.5, 0.5, 0.5),
            std=(0.25, 0.25, 0.25),
            layers=measure_layers(body, blocks, size),
            provenance=Provenance("tiny", "random", "none"),
        )
        return classifier.eval()

    return wrap


@pytest.fixture
def tiny(make_tiny) -> Classifier:
    """Five classes, 16 pixels, random weights, smooth enough for gradients to mean something."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.Softplus(),
            nn.Conv2d(8, 12, 3, padding=1),
            nn.Softplus(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(12, 5),
        )
    return make_tiny(network)


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def full_disk() -> Callable:
    """Let no file grow beyond so many bytes for a while, as on a full disk."""
    resource = pytest.importorskip("resource", reason="only Unix can limit files")

    @contextmanager
    def limited(most_bytes: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


# Pages without a browser


@pytest.fixture(scope="session")
def app_test():
    """Streamlit's class for pages without a browser, which looks at all packages once only.

    Each new one looks for components in the metadata of all that is installed: a fifth of a second.
    """
    from streamlit.components.v2 import manifest_scanner
    from streamlit.testing.v1 import AppTest

    with pytest.MonkeyPatch.context() as patch:
        scan = getattr(manifest_scanner, "scan_component_manifests", list)
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(scan), raising=False)
        yield AppTest


@pytest.fixture
def arrive(app_test):
    """Come to the app's first page as a new visitor; all that runs for visitors ends with a test."""
    import streamlit as st

    from core.server.scheduler import scheduler

    def come(locale: str = "en-US"):
        st.cache_resource.clear()
        st.cache_data.clear()
        app = app_test.from_file(str(ROOT / "app.py"), default_timeout=A_WHILE / 1000)
        app.context = {"locale": locale}
        return app.run()

    yield come
    for job in scheduler().jobs():
        job.stop()
        job.wait(timeout=A_WHILE / 1000)


@pytest.fixture
def visit(arrive):
    """Open a page in a language, as a new visitor without a browser."""
    from pages.parts.shared import registry

    def open_page(page: registry.PageInfo, locale: str = "en-US"):
        app = arrive(locale)
        return app if page is registry.HOME else app.switch_page(page.file).run()

    return open_page


# The app in a browser


@pytest.fixture(scope="session")
def served(tmp_path_factory) -> Iterator[Served]:
    """The app, served for the whole run; who has left is soon forgotten."""
    grace = {"IDEALCAT_GRACE_SECONDS": "4", "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "4"}
    with serving("app.py", tmp_path_factory.mktemp("server"), **grace) as running:
        yield running


@pytest.fixture(scope="session")
def address(served) -> str:
    """Where the app is served."""
    return served.url


@pytest.fixture(scope="session")
def chromium(tmp_path_factory) -> Iterator[Callable]:
    """Open a browser in a language, with a camera that is not real; one stays open for all tests.

    Each tab is a visitor of its own for the app. It is a browser with a folder of its own, where it
    keeps what it has loaded and compiled of Streamlit; in a private window, where Playwright opens
    pages otherwise, a visit costs half as much again.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed on this machine")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=A_WHILE)
    with sync_playwright() as playwright, ExitStack() as opened:

        @cache
        def browser(locale: str):
            window = playwright.chromium.launch_persistent_context(
                tmp_path_factory.mktemp("browser"),
                executable_path=CHROMIUM,
                args=FLAGS,
                viewport={"width": 1280, "height": 800},
                locale=locale,
                device_scale_factor=1,
            )
            opened.callback(window.close)
            return window

        yield browser


@pytest.fixture
def tab(chromium):
    """Open a tab; nothing may have gone wrong in it when it is closed."""
    tabs, troubles = [], []

    def open_tab(locale: str = "en-US"):
        page = chromium(locale).new_page()
        tabs.append(page)
        page.set_default_timeout(A_WHILE)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        return page

    yield open_tab
    for page in tabs:
        if not page.is_closed():
            # Streamlit keeps there, for the next visitor, that a side bar was closed.
            page.evaluate("() => { try { localStorage.clear() } catch { /* no page of ours */ } }")
        page.close()
    assert troubles == []


@pytest.fixture
def browse(address, tab):
    """Open a page in the browser, as a new visitor."""

    def open_page(path: str = "", locale: str = "en-US"):
        page = tab(locale)
        page.goto(f"{address}/{path}")
        page.locator("h1").wait_for()
        return page

    return open_page
