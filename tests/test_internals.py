"""Canaries: what the app uses of others though it is not promised still does what it is for.

Each fails with a sentence that says what has broken and what it would mean. The operators of
PyTorch have theirs in `test_chains.py`.
"""

from __future__ import annotations

import ast
import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest
import streamlit as st
from starlette.formparsers import MultiPartParser
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.pages_manager import PagesManager
from websockets.sync.client import connect

from pages.parts.shared import entry, housekeeping, streamlit_internals, uploads

ROOT = Path(__file__).parents[1]
A_WHILE = 60.0

# An app of two pages on the parts in question; whoever writes a temporary file on it fails.
APP = {
    "app.py": """
import gc
import tempfile
import threading
import streamlit as st
from core.server import log
from pages.parts.shared import housekeeping, streamlit_internals, uploads

@st.cache_resource
def begin() -> list:
    collections = []

    def note(phase, about):
        of_a_run = threading.current_thread().name.startswith("ScriptRunner")
        if of_a_run and phase == "start" and about["generation"] == 2:
            collections.append(about)

    gc.disable()  # what is left are those that are asked for
    gc.callbacks.append(note)
    tempfile.tempdir = "/nowhere"
    log.set_up()
    uploads.guard()
    streamlit_internals.end_callbacks_before_the_next_run()
    housekeeping.tidy_regularly(0.2)
    return collections

st.session_state.collections = len(begin())
st.navigation([st.Page("pages/home.py", default=True), st.Page("pages/one.py")]).run()
""",
    "pages/home.py": """
import time
import streamlit as st
from pages.parts.shared import streamlit_internals, uploads

store, asked = streamlit_internals.upload_store(), st.query_params
if "remove" in asked:
    streamlit_internals.remove_upload(asked["remove"])
held = uploads.size_of(store, asked.get("session")) / 1e6
st.text(f"{held} MB of {uploads.held_mb()}, refused: {streamlit_internals.refuses_uploads()}")
st.text(f"{st.session_state.collections} collections")
if "collect" in asked:
    st.config.set_option("runner.postScriptGC", asked["collect"] == "yes")

def answer():
    time.sleep(0.5)
    st.session_state.answers = st.session_state.get("answers", 0) + 1

st.button("Press", on_click=answer)
st.text(f"{st.session_state.get('answers', 0)} answers")
""",
    "pages/one.py": """
from pages.parts.shared import entry
entry.only_through_app()
import streamlit as st
st.text("page one")
""",
}


class Visit:
    """A visitor's session, over Streamlit's own protocol; `cookie` is what the browser sends."""

    def __init__(self, url: str, cookie: str = "") -> None:
        self._open = ExitStack()
        self._socket = self._open.enter_context(
            connect(
                url.replace("http", "ws", 1) + "/_stcore/stream",
                subprotocols=["streamlit"],
                additional_headers={"Cookie": cookie} if cookie else {},
                max_size=None,
            )
        )
        self.session = self.button = ""

    def ask(self, page: str = "", *, press: bool = False, **query: str) -> None:
        """Have a page run, and its button pressed if it was seen before."""
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = urlencode({"session": self.session, **query})
        if press:
            message.rerun_script.widget_states.widgets.add(id=self.button, trigger_value=True)
        self._socket.send(message.SerializeToString())

    def open(self, page: str = "", **query: str) -> tuple[str, bool]:
        """Run a page, and give its texts and whether it came with the navigation."""
        self.ask(page, **query)
        texts, navigated = [], False
        while True:
            told = ForwardMsg.FromString(self._socket.recv(A_WHILE))
            kind = told.WhichOneof("type")
            if kind == "new_session":
                self.session = told.new_session.initialize.session_id
            elif kind == "navigation":
                navigated = True
            elif kind == "delta":
                element = told.delta.new_element
                self.button = element.button.id or self.button
                texts.append(element.text.body or str(element.exception.message))
            elif kind == "script_finished" and told.script_finished == (
                ForwardMsg.FINISHED_SUCCESSFULLY
            ):
                return "\n".join(texts), navigated

    def close(self) -> None:
        self._open.close()


class Server:
    """The running app.

    Attributes:
        url: its address.
        log: its output.
        first: what its first visitor, who opened a page by its address, was shown.
        cookie: how it sets the cookie that protects uploads.
    """

    def __init__(self, url: str, log: Path) -> None:
        self.url, self.log = url, log
        visit = Visit(url)
        self.first = visit.open("one")
        visit.close()
        with urllib.request.urlopen(f"{url}/_stcore/health") as answer:
            self.cookie = str(answer.headers["Set-Cookie"])

    @property
    def token(self) -> str:
        return self.cookie.partition(";")[0]

    def upload(self, session: str, content: bytes, name: str, *, token: str | None = None) -> int:
        """Send a file as the browser does, and give the status of the answer."""
        token = self.token if token is None else token
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="cat.jpg"\r\n\r\n'
        request = urllib.request.Request(
            f"{self.url}/_stcore/upload_file/{session}/{name}",
            data=head + content + b"\r\n--b--\r\n",
            headers={
                "Content-Type": "multipart/form-data; boundary=b",
                "Cookie": token,
                "X-Xsrftoken": token.partition("=")[2],
            },
            method="PUT",
        )
        try:
            with urllib.request.urlopen(request, timeout=A_WHILE) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("app")
    for name, script in APP.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(script)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "STREAMLIT_SERVER_XSRF_COOKIE_SAME_SITE": "none",
        "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "1",
        "IDEALCAT_MAX_SESSION_MB": "5",
    }
    command = [sys.executable, "-m", "streamlit", "run", str(folder / "app.py")]
    command += [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health"):
                break
            time.sleep(0.1)
        yield Server(url, log)
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def visit(server):
    visit = Visit(server.url, server.token)
    visit.open()
    yield visit
    visit.close()


# Uploads


def test_an_upload_stays_in_memory_while_it_arrives(server, visit):
    status = server.upload(visit.session, bytes(range(256)) * 12_000, "photo")
    assert status == 204, (
        "an upload beyond 1 MB was written to the disk: Starlette's MultiPartParser no longer heeds spool_max_size. Visitors are promised that it is not; see pages/parts/shared/starlette_internals.py."
    )
    assert visit.open()[0].startswith("3.072 MB"), (
        "the app does not see the uploads that Streamlit keeps: MemoryUploadedFileManager is not what it was, so limits for a visitor and for all no longer hold."
    )


def test_what_a_visitor_may_keep_is_held_to_the_apps_limit(server, visit):
    for name in ("first", "second"):
        assert server.upload(visit.session, bytes(4_000_000), name) == 204
    assert visit.open()[0].startswith("4.0 MB"), (
        "uploads are no longer held to the app's limits: Streamlit stores them without calling add_file of its MemoryUploadedFileManager, or has replaced that."
    )


def test_an_upload_that_is_removed_leaves_the_memory(server, visit):
    assert server.upload(visit.session, bytes(1_000_000), "photo") == 204
    assert visit.open()[0].startswith("1.0 MB")
    assert visit.open(remove="photo")[0].startswith("0.0 MB"), (
        "uploads that were removed stay in memory and count: the context of Streamlit's script runner no longer has the session's id or its uploaded_file_mgr."
    )


def test_uploads_are_protected_in_a_frame_of_another_site_too(server, visit):
    assert {"SameSite=None", "Secure"} <= {part.strip() for part in server.cookie.split(";")}, (
        "on Hugging Face no browser sends the cookie that protects uploads any more: server.xsrfCookieSameSite no longer does what Dockerfile relies on, and uploads are refused there."
    )
    assert server.upload(visit.session, b"forged", "forged", token="") == 403, (
        "an upload without the protecting cookie was taken: with server.xsrfCookieSameSite=none nothing keeps forged ones out any more."
    )


def test_a_browser_that_keeps_the_cookie_back_is_told_apart(server, visit):
    assert visit.open()[0].split("\n")[0].endswith("refused: False"), (
        "every visitor is told that uploads are refused: Streamlit's cookie against forgery has another name, see pages/parts/shared/streamlit_internals.py."
    )
    without = Visit(server.url)
    assert without.open()[0].split("\n")[0].endswith("refused: True")
    without.close()


# Sessions, pages and the collector


def test_sessions_that_nobody_comes_back_to_are_forgotten(server):
    visit = Visit(server.url)
    visit.open()
    before = forgotten(server.log)
    visit.close()
    until = time.monotonic() + A_WHILE
    while forgotten(server.log) == before and time.monotonic() < until:
        time.sleep(0.1)
    assert forgotten(server.log) > before, (
        "sessions of those who have left stay in memory until others leave: Streamlit no longer keeps them in _session_mgr._session_storage._cache, or it cannot be told to expire. See pages/parts/shared/streamlit_internals.py."
    )


def forgotten(log: Path) -> int:
    lines = (json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{")
    return sum(line["count"] for line in lines if line["event"] == "sessions forgotten")


def test_a_link_to_a_page_of_a_fresh_server_leads_through_the_app(server):
    shown, navigated = server.first
    assert navigated, (
        "who opens a link to a page on a fresh server sees it without navigation, side bar and language: PagesManager.uses_pages_directory no longer decides whether Streamlit serves the folder pages by itself."
    )
    assert "page one" in shown


def test_no_part_was_missed_on_a_server_as_it_is(server):
    lines = server.log.read_text().splitlines()
    warnings = [
        line for line in lines if '"level": "warning"' in line and "upload refused" not in line
    ]
    assert warnings == [], "a private part of Streamlit or Starlette is not where it was"


def test_no_run_of_a_page_ends_with_a_full_collection(visit):
    def collections(**query: str) -> int:
        return int(re.search(r"(\d+) collections", visit.open(**query)[0])[1])

    before = collections()
    assert collections() == before, (
        "each run of a page ends with a full collection, which holds everybody's thread for up to 0.2 s: runner.postScriptGC, an undocumented option, is no longer heeded."
    )
    ends, seen = time.monotonic() + A_WHILE, before
    while seen == before and time.monotonic() < ends:
        seen = collections(collect="yes")  # a run is told to have ended before it collects
    collections(collect="no")
    assert seen > before, "this test no longer sees collections"


def test_a_fragment_that_runs_again_leaves_nothing_without_its_container(monkeypatch):
    monkeypatch.setattr(ForwardMsgQueue, "clear", ForwardMsgQueue.clear)  # as it is afterwards
    streamlit_internals.send_all_before_a_fragment()
    waiting = ForwardMsgQueue()
    for path, fragment in (([0, 0], "outer"), ([0, 0, 0], "inner")):
        message = ForwardMsg()
        message.metadata.delta_path.extend(path)
        message.delta.add_block.SetInParent()
        message.delta.fragment_id = fragment
        waiting.enqueue(message)
    waiting.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["outer"])
    assert [list(message.metadata.delta_path) for message in waiting.flush()] == [
        [0, 0],
        [0, 0, 0],
    ], (
        "a click on a page that has just been laid out can turn it white: Streamlit drops a container that waits to be sent, and sends what is in it."
    )
    waiting.enqueue(message)
    waiting.clear(retain_lifecycle_msgs=True)
    assert waiting.is_empty()  # where the whole page runs again, nothing else is as it was


@pytest.mark.parametrize("pause", [0, 0.2])  # seconds: before its callback begins, and within it
def test_a_press_is_answered_though_another_request_follows_at_once(visit, pause):
    visit.ask(press=True)
    time.sleep(pause)
    visit.ask()
    # What the first runs say may still be of the requests before.
    assert any("1 answers" in visit.open()[0] for _ in range(4)), (
        "a press that another request follows at once may have no answer: Streamlit ends callbacks for it. See pages/parts/shared/streamlit_internals.py."
    )


def test_streamlit_knows_every_option_that_the_app_sets():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    for section in ("server", "browser", "runner", "client", "global"):
        for name, value in config[section].items():
            try:
                found = st.get_option(f"{section}.{name}")
            except RuntimeError:
                found = None
            assert found == value, (
                f"Streamlit no longer heeds {section}.{name} of .streamlit/config.toml; what it is for stands there."
            )


# Where a part is missing


@pytest.fixture
def new_warnings():
    streamlit_internals._warn.cache_clear()
    yield
    streamlit_internals._warn.cache_clear()


def test_where_starlette_cannot_be_told_no_file_is_taken_that_it_would_write(monkeypatch, caplog):
    monkeypatch.delattr(MultiPartParser, "spool_max_size")
    before = st.get_option("server.maxUploadSize")
    try:
        uploads.keep_in_memory()
        assert st.get_option("server.maxUploadSize") == 1
    finally:
        st.config.set_option("server.maxUploadSize", before)
    assert len(caplog.messages) == 1
    assert "held to 1 MB" in caplog.messages[0]


class Unlike:
    """A server whose parts are all called otherwise."""

    __module__ = "streamlit.runtime.of_the_future"


def test_where_streamlits_server_is_unlike_the_app_goes_on(monkeypatch, caplog, new_warnings):
    monkeypatch.setattr(Runtime, "_instance", Unlike())
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            uploads.guard()
            housekeeping.tidy_regularly()
            assert uploads.held_mb() == 0
    assert len(caplog.messages) == 2
    assert any("uploads" in told for told in caplog.messages)
    assert any("memory of visitors who have left" in told for told in caplog.messages)


def test_where_streamlit_sends_otherwise_the_app_goes_on(monkeypatch, caplog, new_warnings):
    monkeypatch.setattr(ForwardMsgQueue, "clear", lambda waiting: None)
    streamlit_internals.send_all_before_a_fragment()
    (told,) = caplog.messages
    assert "white" in told


def test_where_the_folder_of_pages_is_treated_otherwise_the_app_goes_on(
    monkeypatch, caplog, new_warnings
):
    monkeypatch.delattr(PagesManager, "uses_pages_directory")
    entry.only_through_app()
    entry.only_through_app()
    (told,) = caplog.messages
    assert "fresh server" in told


# Style sheets, which name Streamlit's elements

SHEETS = sorted((ROOT / "assets").glob("*.css"))
PRIVATE = re.compile(r'\[data-[\w-]+="(\w+)"\]')


@pytest.fixture(scope="module")
def browser_part() -> str:
    """The scripts that Streamlit sends to browsers."""
    scripts = Path(st.__file__).parent / "static" / "static" / "js"
    return "\n".join(script.read_text("utf-8") for script in scripts.glob("*.js"))


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_streamlits_browser_part_has_the_names_that_style_sheets_use(sheet, browser_part):
    for name in sorted(set(PRIVATE.findall(sheet.read_text("utf-8")))):
        assert any(f"{quote}{name}{quote}" in browser_part for quote in "\"'`"), (
            f"{sheet.name} sets how {name} looks, and Streamlit's browser part has no such element any more: see what the rules with it are for."
        )


# Nobody else

INTERNALS = {"streamlit_internals.py", "starlette_internals.py", "torch_internals.py"}
PUBLIC_STREAMLIT = {"streamlit", "streamlit.delta_generator"}
PUBLIC_STARLETTE = {
    *("starlette.concurrency", "starlette.requests"),
    *("starlette.responses", "starlette.routing"),
}
DOCUMENTED = {"_replace", "_asdict", "_fields"}  # of named tuples
NOT_FOR_US = {("st", "config"), ("st", "runtime"), ("st", "web"), ("torch", "ops")}


def sources() -> dict[Path, ast.Module]:
    files = [ROOT / "app.py", *(ROOT / "core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
    return {file: ast.parse(file.read_text("utf-8")) for file in files}


def own_private_names(trees: dict[Path, ast.Module]) -> set[str]:
    """Names with an underscore that the app itself defines, as functions, classes or attributes."""
    names = set(DOCUMENTED)
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
                names.add(node.attr)
    return names


def private_uses(tree: ast.Module, own: set[str]) -> Iterator[str]:
    """What a module uses that others keep to themselves."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                path = f"{module}.{alias.name}" if module else alias.name
                package, *parts = path.split(".")
                if package in ("core", "pages", "__future__"):
                    continue
                if any(part.startswith("_") for part in parts):
                    yield path
                public = PUBLIC_STREAMLIT | PUBLIC_STARLETTE
                if package in ("starlette", "streamlit") and (module or alias.name) not in public:
                    yield path
                if path in ("streamlit.runtime", "streamlit.config", "streamlit.web"):
                    yield path
        elif isinstance(node, ast.Attribute):
            if node.attr.startswith("_") and not node.attr.endswith("__") and node.attr not in own:
                yield node.attr
            if isinstance(node.value, ast.Name) and (node.value.id, node.attr) in NOT_FOR_US:
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "setattr"):
            name = node.args[1]
            text = str(name.value) if isinstance(name, ast.Constant) else ""
            if text.startswith("_") and not text.endswith("__"):  # those are Python's own
                yield text


def test_what_is_not_promised_is_used_in_its_own_modules_only():
    trees = sources()
    own = own_private_names(trees)
    found = {
        str(file.relative_to(ROOT)): uses
        for file, tree in trees.items()
        if file.name not in INTERNALS and (uses := sorted(set(private_uses(tree, own))))
    }
    assert found == {}, (
        "these are private to Streamlit, Starlette, PyTorch or others; take a public way, or put them into the module of that dependency's internals, with a canary here"
    )


@pytest.mark.parametrize(
    "line",
    [
        "from streamlit import runtime",
        "import streamlit.runtime.caching",
        "from streamlit.runtime.pages_manager import PagesManager",
        "from starlette.formparsers import MultiPartParser",
        "import torch._dynamo",
        "from torch._C import Graph",
        "pets._images",
        "st.config.set_option('server.port', 1)",
        "torch.ops.mkldnn",
        "getattr(server, '_session_mgr')",
    ],
)
def test_a_private_use_is_seen(line):
    assert list(private_uses(ast.parse(line), {"_own"}))
