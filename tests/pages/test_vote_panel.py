"""The teacher asks the phones: about pictures in the classroom, and in the scenes of the lesson."""

from __future__ import annotations

import pytest

from core.classroom import lesson, pin
from core.classroom.poll import Poll
from core.classroom.room import rooms
from pages.parts.shared import registry
from tests.helpers.pages import all_text

PIN = "gato 7"
pytestmark = pytest.mark.usefixtures("lite0")


@pytest.fixture
def teacher(visit, monkeypatch):
    """A page with a teacher who runs a room, and that room."""
    monkeypatch.setenv("IDEALCAT_TEACHER_PIN", PIN)
    pin.guard.cache_clear()
    app = visit(registry.CLASSROOM)
    app.text_input(key="wall_pin").set_value(PIN)
    next(b for b in app.button if b.label == "Sign in").click().run()
    app.button(key="room_open").click().run()
    room = rooms().all()[-1]
    yield app, room
    rooms().close(room)


def test_a_picture_is_asked_about_and_nothing_is_told_before_the_reveal(teacher):
    app, room = teacher
    members = [room.join(name)[1] for name in ("Ana", "Bob")]
    app.segmented_control(key="room_task").set_value("vote").run()
    app.button(key="room_vote_next").click().run()
    poll = room.task
    assert isinstance(poll, Poll)
    for member in members:
        poll.vote(member.id, poll.question.right)
    app.run()
    assert not app.exception
    assert 'class="share"' not in "".join(h.body for h in app.get("html"))
    app.button(key="room_vote_reveal").click().run()
    assert not app.exception
    told = "".join(h.body for h in app.get("html"))
    assert f'<span class="share">{len(members)}</span>' in told
    assert "EfficientNet-Lite2" in told
    assert "Ana" not in told
    app.button(key="room_vote_next").click().run()
    assert isinstance(room.task, Poll)
    assert room.task.question.id != poll.question.id
    for part in ("pairs", "numbers"):
        app.segmented_control(key="room_vote_part").set_value(part).run()
        assert not app.exception


def test_the_phones_predict_in_a_scene_of_the_lesson(teacher):
    app, room = teacher
    member = room.join("Ana")[1]
    part = lesson.part("noise")
    app.query_params["question"] = part.id
    app.switch_page(registry.IDEAL.file).run()
    assert not app.exception
    app.button(key=f"lesson_phones_{part.id}").click().run()
    assert isinstance(room.task, Poll)
    room.task.vote(member.id, part.expected)
    app.run()
    assert "1 of 1 has answered" in all_text(app)
    app.radio(key=f"lesson_choice_{part.id}").set_value(0).run()
    app.button(key=f"lesson_reveal_{part.id}").click().run()
    assert not app.exception
    assert room.task.revealed
    assert f"**1** × {part.options[part.expected]}" in all_text(app)


def test_a_picture_that_was_just_drawn_is_put_to_the_room(teacher):
    app, room = teacher
    app.switch_page(registry.IDEAL.file).run()
    app.number_input(key="ideal_steps").set_value(10).run()
    app.button(key="ideal_start").click().run()
    app.button(key="ideal_ask_room").click().run()
    assert not app.exception
    question = room.task.question
    assert question.options[question.right] == question.subject == "Siamese cat"
    assert len(question.opinions) == 3
    assert "ideal_ask_room" not in {button.key for button in app.button}  # asked once
