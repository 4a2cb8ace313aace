"""Safe with strangers: their names stay text, their photos stay in memory, their files stay few."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec
from streamlit.testing.v1 import AppTest

from core import environment, limits
from core.environment import Whole
from core.limits import Limits
from core.problem import Problem
from pages.parts.shared import registry, uploads
from tests.helpers.hostile import card, head, zipped

ROOT = Path(__file__).parents[1]
HOSTILE = "<img src=x onerror=alert(1)> ![x](http://evil.example/x.png) **b** /../🐈"
SHOWN_AS_MARKDOWN = (
    *("markdown", "caption", "title", "header", "subheader", "info", "success", "error"),
    *("warning", "metric", "button", "multiselect", "selectbox", "expander", "toggle", "slider"),
)


# Names


def test_no_page_lets_html_through_markdown():
    for script in [ROOT / "app.py", *(ROOT / "pages").rglob("*.py")]:
        assert "unsafe_allow_html" not in script.read_text("utf-8"), script


def test_no_component_makes_html_of_texts():
    for script in (ROOT / "assets" / "components").glob("*.js"):
        found = re.search(
            r"\.(inner|outer)HTML\s*=|insertAdjacentHTML|document\.write", script.read_text("utf-8")
        )
        assert found is None, script


@pytest.fixture(scope="module")
def hostile_network() -> bytes:
    """A network whose names are all hostile."""
    labels = [f"{HOSTILE} {i}" for i in range(2)]
    return zipped(
        {
            "classifier.json": card(labels=labels, title=HOSTILE),
            "head.safetensors": head(),
        }
    )


def markdown_of(app: AppTest) -> str:
    texts = []
    for kind in SHOWN_AS_MARKDOWN:
        for element in app.get(kind):
            texts += [getattr(element, "label", ""), getattr(element, "value", "")]
    return "\n".join(text for text in texts if isinstance(text, str) and "onerror" in text)


def test_names_that_strangers_give_are_shown_letter_by_letter_on_every_page(
    hostile_network, lite0, arrive
):
    app = arrive()
    app.switch_page(registry.TRAINING.file)
    app.session_state["train_tab"] = "Take it home"
    app.run()
    upload = app.file_uploader(key="train_import")
    upload.set_value((f"{HOSTILE}.zip", hostile_network, "application/zip")).run()
    app.sidebar.selectbox(key="network").set_value("own").run()
    seen = 0
    for page in registry.PAGES:
        app.switch_page(page.file).run()
        assert not app.exception, page.file
        told = markdown_of(app)
        seen += "onerror" in told
        assert "<img" not in told.replace(r"\<img", ""), page.file
        assert "![x]" not in told.replace(r"\!\[x\]", ""), page.file
        for element in app.get("html"):
            assert "<img src=x" not in str(element.proto), page.file
    assert seen >= 2, "the names have to be somewhere for this to mean anything"


# Uploads


def test_nobody_is_tracked_and_uploads_are_held_to_the_zips_limit():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    assert config["browser"]["gatherUsageStats"] is False
    assert config["server"]["maxUploadSize"] == Limits().zip_mb


@pytest.mark.parametrize(
    ("session", "total", "said"), [(10, 99, "yours would"), (99, 10, "all visitors")]
)
def test_files_beyond_the_limit_are_refused_and_those_before_kept(
    monkeypatch, session, total, said
):
    few = Limits(session_mb=session, total_mb=total)
    monkeypatch.setattr(uploads, "check_room", lambda *sizes: limits.check_room(*sizes, few))
    manager = MemoryUploadedFileManager("")
    uploads.bound(manager)
    for i in range(3):
        manager.add_file(
            "me", UploadedFileRec(f"{said}-{i}", "cat.jpg", "image/jpeg", bytes(4_000_000))
        )
    first, _, third = (
        UploadedFile(manager.get_files("me", [f"{said}-{i}"])[0], None) for i in range(3)
    )
    assert len(uploads.read(first)) == 4_000_000
    with pytest.raises(Problem, match=said):
        uploads.read(third)
    assert uploads.size_of(manager) == 8_000_000
    manager.remove_session_files("me")
    assert uploads.size_of(manager) == 0


# Limits


def declared() -> dict[str, str]:
    """Every whole number that the environment sets, with its default."""
    variables = [v for v in vars(environment).values() if isinstance(v, Whole)]
    variables += [field.metadata["variable"] for field in fields(Limits)]
    return {variable.name: str(variable.default) for variable in variables}


def test_the_table_of_settings_lists_every_limit_with_its_default():
    rows = re.findall(
        r"^\| `(IDEALCAT_\w+)` \| `([\d,]+)`", (ROOT / "docs/settings.md").read_text("utf-8"), re.M
    )
    listed = {name: default.replace(",", "") for name, default in rows}
    assert listed == declared()


def test_a_limit_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("IDEALCAT_MAX_FILE_MB", "7")
    monkeypatch.setenv("IDEALCAT_MAX_PHOTOS", "many")
    assert (Limits().file_mb, Limits().photos) == (7, 5000)
