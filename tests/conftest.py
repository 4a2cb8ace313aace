"""What the tests share: one loaded network for all of them, real photos, a tiny random network.

No test reaches the network or writes outside its temporary folder. Real photographs beyond the
app's own samples are looked for in the folder that `IDEALCAT_TEST_DATA` names.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from core import environment, photos
from core.training import sources
from core.zoo import loading, weights
from core.zoo.classifier import Classifier, Provenance
from core.zoo.graph import cut_head, measure_layers, trace
from core.zoo.labels import Labels

DATA_VARIABLE = "IDEALCAT_TEST_DATA"
collect_ignore = ["webcam_page.py"]  # a page for Streamlit to serve, not a module of tests


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
