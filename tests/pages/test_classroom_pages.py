"""Sending to the class's wall, the teacher's desk, and handing in, as a class does it."""

from __future__ import annotations

import numpy as np
import pytest
import streamlit as st

from core.classroom import pin
from core.classroom.wall import Wall
from core.images import photos
from pages.parts.shared import registry
from tests.helpers.pages import all_text

PIN = "gato 7"
pytestmark = pytest.mark.usefixtures("lite0")


@pytest.fixture
def wall(tmp_path, monkeypatch) -> Wall:
    """An open wall, and a teacher with a PIN."""
    path = tmp_path / "wall.sqlite"
    monkeypatch.setenv("IDEALCAT_TEACHER_PIN", PIN)
    monkeypatch.setenv("IDEALCAT_WALL_FILE", str(path))
    pin.guard.cache_clear()
    made = Wall(path)
    made.open()
    return made


def has(app, key: str) -> bool:
    return any(button.key == key for button in app.button)


def sign_in(app, attempt: str = PIN):
    app.text_input(key="wall_pin").set_value(attempt)
    return next(b for b in app.button if b.label == "Sign in").click().run()


def test_a_drawing_goes_to_the_wall_and_back_and_into_the_report(visit, wall):
    app = visit(registry.IDEAL)
    app.number_input(key="ideal_steps").set_value(2).run()
    app.button(key="ideal_start").click().run()
    app.text_input(key="wall_nickname").set_value("*Ana*").run()
    app.button(key="ideal_wall_send").click().run()
    assert not app.exception
    (hung,) = wall.pictures()
    assert (hung.classes, hung.nickname) == ((284,), "Ana")
    assert "It hangs on the class's wall" in all_text(app)

    app.switch_page(registry.WALL.file).run()
    assert not app.exception
    assert "**Siamese cat**" in all_text(app)
    assert "Ana" in all_text(app)
    assert not has(app, f"wall_remove_{hung.id}")

    app.switch_page(registry.HAND_IN.file).run()
    assert not app.exception
    assert [metric.value for metric in app.metric] == ["1", "0", "0", "0"]
    assert app.get("download_button")

    app.switch_page(registry.IDEAL.file).run()
    app.button(key="ideal_wall_back").click().run()
    assert wall.pictures() == ()
    assert has(app, "ideal_wall_send")
    wall.open(wanted=False)
    assert not has(app.run(), "ideal_wall_send")


def test_an_attack_is_sent_if_its_photo_is_a_sample_and_not_if_it_is_one_s_own(visit, wall):
    app = visit(registry.ATTACK)
    app.number_input(key="attack_steps").set_value(2).run()
    app.button(key="attack_start").click().run()
    app.button(key="attack_wall_send").click().run()
    (hung,) = wall.pictures()
    assert (hung.kind, hung.photo) == ("attack", "dalmatian")

    buffer = photos.encode_jpeg(np.asarray(photos.read_sample("cat").rotate(20)))
    app.sidebar.file_uploader(key="photo_upload").set_value(("me.jpg", buffer, "image/jpeg")).run()
    app.button(key="attack_start").click().run()
    assert not app.exception
    assert "those stay with their owner" in all_text(app)
    assert not has(app, "attack_wall_send")
    assert len(wall.pictures()) == 1


def test_only_who_knows_the_pin_opens_and_clears(visit, wall):
    wall.open(wanted=False)
    app = visit(registry.WALL)
    assert "The wall is closed" in all_text(app)
    assert not has(app, "wall_open")
    sign_in(app, "0000")
    assert "This is not the PIN" in all_text(app)
    assert not has(app, "wall_open")
    sign_in(app)
    app.button(key="wall_open").click().run()
    assert wall.is_open()
    assert "The wall is open" in all_text(app)
    app.button(key="wall_clear_yes").click().run()
    assert not app.metric  # how the server is, is not projected with the wall
    app.session_state["teacher_tab"] = "The server"  # as a click on the tab
    app.run()
    assert "Memory of the program" in [metric.label for metric in app.metric]
    assert not has(app, "wall_open")
    app.session_state["teacher_tab"] = "The wall"
    app.run()
    app.button(key="wall_sign_out").click().run()
    assert not app.exception
    assert not has(app, "wall_open")


def test_without_a_pin_the_page_says_how_to_set_it(visit, monkeypatch):
    monkeypatch.delenv("IDEALCAT_TEACHER_PIN", raising=False)
    app = visit(registry.WALL)
    assert not app.exception
    assert "off on this server" in all_text(app)
    assert "IDEALCAT_TEACHER_PIN" in app.code[0].value


def test_a_wall_that_cannot_be_read_leaves_the_other_pages_alone(visit, wall, tmp_path):
    for file in tmp_path.glob("wall.sqlite*"):
        file.write_bytes(b"this is no database at all" * 100)
    app = visit(registry.WALL)
    assert not app.exception
    assert "cannot be kept" in all_text(app)
    app.switch_page(registry.IDEAL.file).run()
    app.number_input(key="ideal_steps").set_value(1).run()
    app.button(key="ideal_start").click().run()
    assert not app.exception
    assert "networks that never saw this run" in all_text(app)


def test_with_nothing_done_the_page_says_where_to_begin(visit):
    app = visit(registry.HAND_IN)
    assert not app.exception
    assert "nothing to hand in yet" in all_text(app)
    assert not app.get("download_button")


def test_predictions_of_the_lesson_are_handed_in(app_test):
    def script():
        import streamlit as st

        from core.classroom.answer import Answer
        from pages.parts.hand_in import gathering
        from pages.parts.shared import session

        session.answers()["scene"] = Answer("scene", "<b>?</b>", "sim", "não")
        (section,) = gathering.gathered("Ana").sections
        st.text(repr(section.parts[0].table.rows))

    st.cache_resource.clear()
    app = app_test.from_function(script, default_timeout=60).run()
    assert not app.exception
    assert app.text[0].value == "(('<b>?</b>', 'sim', 'não', '–'),)"
    st.cache_resource.clear()
