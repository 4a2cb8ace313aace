"""What a visitor has brought and made stays: over a lost connection and a look at another page."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.caching import clear_session_data_cache, clear_session_resource_cache
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec
from streamlit.testing.v1 import AppTest

from core.images import photos
from core.server.scheduler import scheduler
from pages.parts.shared import registry, session, streamlit_internals, uploads

ROOT = Path(__file__).parents[2]
SESSION_OF_TESTS = "test session id"  # Streamlit's own name for it


def lose_connection() -> None:
    """Do what Streamlit does to a session's caches when the Wi-Fi drops."""
    clear_session_data_cache(SESSION_OF_TESTS)
    clear_session_resource_cache(SESSION_OF_TESTS)


def calls(script: Path) -> list[ast.Call]:
    return [
        node for node in ast.walk(ast.parse(script.read_text("utf-8"))) if type(node) is ast.Call
    ]


def test_nothing_of_a_visitor_lies_in_a_cache_that_empties_with_the_connection():
    found = [
        (script.relative_to(ROOT).as_posix(), call.lineno)
        for script in (ROOT / "pages").rglob("*.py")
        for call in calls(script)
        for keyword in call.keywords
        if keyword.arg == "scope"
        and not (isinstance(keyword.value, ast.Constant) and keyword.value.value == "global")
    ]
    assert [name for name, _ in found] == ["pages/parts/shared/session.py"], (
        "use session.kept: " + str(found)
    )


def test_no_page_asks_for_files_that_are_forgotten_on_another_page():
    asking = {"file_uploader", "camera_input", "audio_input"}
    for script in (ROOT / "pages").rglob("*.py"):
        for call in calls(script):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            assert name not in asking, f"use files.ask: {script}, line {call.lineno}"


def a_page() -> None:
    from uuid import uuid4

    import streamlit as st

    from pages.parts.adversarial_attack import kept_attacks
    from pages.parts.fine_tuning import webcam
    from pages.parts.fine_tuning.webcam import Recording
    from pages.parts.ideal_class import gallery
    from pages.parts.shared import session

    latest = session.kept(lambda: session.Latest(2))
    if st.button("work", key="work"):
        kept_attacks.attacks().append("pictures")
        gallery.gallery().append("picture")
        webcam._recordings()["class 1"] = Recording(photos=[b"photo"] * 3)
        session.own_photos()["upload"] = "photo"
    st.text(session.owner())
    st.text(latest().get("key", lambda: uuid4().hex))
    st.text(str([len(kept_attacks.attacks()), len(gallery.gallery()), len(session.own_photos())]))
    st.text(str([len(r.photos) for r in webcam._recordings().values()]))


def test_all_that_a_visitor_has_survives_a_lost_connection():
    app = AppTest.from_function(a_page, default_timeout=60)
    app.run()
    app.button(key="work").click().run()
    assert not app.exception
    before = [text.value for text in app.text]
    assert before[2:] == ["[1, 1, 1]", "[3]"]
    lose_connection()
    app.run()
    assert [text.value for text in app.text] == before


def test_the_latest_results_are_kept_and_the_oldest_are_not():
    latest: session.Latest[str] = session.Latest(2)
    assert [latest.get(key, lambda key=key: key) for key in "abab"] == list("abab")
    assert latest.get("a", lambda: "anew") == "a"
    latest.get("c", lambda: "c")  # in the place of b, which was asked for before a
    assert latest.get("a", lambda: "anew") == "a"
    assert latest.get("b", lambda: "anew") == "anew"


def test_a_file_that_is_let_go_of_takes_no_room_any_more(monkeypatch):
    manager = MemoryUploadedFileManager("/upload")
    record = UploadedFileRec("id", "photos.zip", "application/zip", b"bytes")
    manager.add_file("visitor", record)

    class Context:
        session_id, uploaded_file_mgr = "visitor", manager

    monkeypatch.setattr("streamlit.runtime.scriptrunner.get_script_run_ctx", Context)
    uploads.remove(UploadedFile(record, FileURLs()))
    assert manager.get_files("visitor", ["id"]) == []


def test_the_files_of_a_reloaded_tab_count_as_those_of_its_visitor(monkeypatch):
    manager = MemoryUploadedFileManager("/upload")
    monkeypatch.setattr(streamlit_internals, "upload_store", lambda: manager)
    for number in range(2):
        manager.add_file("before", UploadedFileRec(str(number), "a.zip", "", b"bytes"))
    streamlit_internals.move_uploads("before", "after")
    assert uploads.size_of(manager, "before") == 0
    assert uploads.size_of(manager, "after") == uploads.size_of(manager) == 10


def test_what_buttons_and_uploads_hold_is_nothing_to_come_back_to():
    def page() -> None:
        import streamlit as st

        from pages.parts.shared import streamlit_internals

        st.toggle("on", key="lasting", persist_state="session")
        st.toggle("on", key="passing")
        st.button("go", key="button")
        st.session_state.noted = 1
        st.text(str(sorted(streamlit_internals.lasting_state().items())))

    app = AppTest.from_function(page).run()
    app.toggle(key="lasting").set_value(True)
    app.toggle(key="passing").set_value(True)
    app.button(key="button").click().run()
    assert app.text[0].value == "[('lasting', True), ('noted', 1)]"


def jpeg(sample: str, turned: float = 0) -> bytes:
    return photos.encode_jpeg(np.asarray(photos.read_sample(sample).rotate(turned)))


@pytest.fixture
def training(lite0):
    """Open the page of fine-tuning as a new visitor."""
    st.cache_resource.clear()
    st.cache_data.clear()
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.context = {"locale": "en-US"}
    app.run()
    app.switch_page(registry.TRAINING.file).run()
    return app


def captions(app: AppTest) -> str:
    return "\n".join(caption.value for caption in app.caption)


def test_three_classes_of_photos_are_still_there_after_a_look_at_another_page(training):
    training.session_state["train_source"] = "files"
    training.run()
    training.number_input(key="train_classes").set_value(3).run()
    for place, sample in enumerate(("cat", "car", "drum")):
        training.text_input(key=f"train_class_{place}").set_value(f"my {sample}")
        training.file_uploader(key=f"train_files_{place}").set_value(
            [(f"{sample}-{i}.jpg", jpeg(sample, 5 * i), "image/jpeg") for i in range(2)]
        )
    training.run()
    assert not training.button(key="train_start").disabled

    training.switch_page(registry.HOME.file).run()
    training.switch_page(registry.TRAINING.file).run()
    assert not training.exception
    assert training.number_input(key="train_classes").value == 3
    assert training.text_input(key="train_class_2").value == "my drum"
    assert captions(training).count("Still here: 2 files") == 3
    training.button(key="train_start").click().run()
    (outcome,) = (
        scheduler().get(training.session_state["owner"], "train").snapshot().result.values()
    )
    assert tuple(outcome.training.classifier.labels) == ("my car", "my cat", "my drum")

    training.button(key="train_files_1_remove").click().run()
    training.button(key="train_files_2_remove").click().run()
    assert training.button(key="train_start").disabled
    assert captions(training).count("Still here: 2 files") == 1


def test_with_its_file_a_photo_goes_from_wherever_it_came(training):
    def own_photos() -> dict:
        owner = training.session_state["owner"]
        return scheduler().belonging(owner, "pages.parts.shared.session.own_photos", dict)

    upload = training.sidebar.file_uploader(key="photo_upload")
    upload.set_value(("me.jpg", jpeg("cat"), "image/jpeg")).run()
    assert list(own_photos()) == ["upload"]
    assert training.session_state["photo"] == "upload"
    training.sidebar.file_uploader(key="photo_upload").set_value(None).run()
    assert own_photos() == {}
    assert "photo" not in training.session_state

    training.sidebar.toggle(key="photo_camera_on").set_value(True).run()
    camera = training.sidebar.get("camera_input")[0]
    camera.set_value(("me.jpg", jpeg("cat"), "image/jpeg")).run()
    training.sidebar.toggle(key="photo_camera_on").set_value(False).run()
    assert list(own_photos()) == ["camera"]
    training.sidebar.button(key="photo_camera_remove").click().run()
    assert not training.exception
    assert own_photos() == {}
