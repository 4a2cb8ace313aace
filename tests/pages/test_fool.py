"""The projector's side of fooling the camera: a round begins, goes on, and has a winner."""

from __future__ import annotations

import numpy as np
import pytest

from core.classroom import pin
from core.classroom.contest import Contest
from core.classroom.room import Room, rooms
from core.images import photos
from pages.parts.shared import registry
from tests.helpers.pages import all_text

pytestmark = pytest.mark.usefixtures("lite0")


def jpeg(name: str = "coffee") -> bytes:
    return photos.encode_jpeg(np.asarray(photos.centre_square(photos.read_sample(name), 320)))


@pytest.fixture
def desk(visit, monkeypatch):
    """The page with a room that the teacher has just opened, and the room."""
    monkeypatch.setenv("IDEALCAT_TEACHER_PIN", "gato 7")
    pin.guard.cache_clear()
    rooms.cache_clear()

    def at_desk() -> tuple[object, Room]:
        app = visit(registry.CLASSROOM)
        app.text_input(key="wall_pin").set_value("gato 7")
        next(b for b in app.button if b.label == "Sign in").click().run()
        app.button(key="room_open").click().run()
        app.segmented_control(key="room_task").set_value("fool").run()
        assert not app.exception
        return app, rooms().all()[0]

    yield at_desk
    rooms.cache_clear()


def html_of(app) -> str:
    return "".join(one.proto.body for one in app.get("html"))


def test_a_round_begins_shows_the_latest_frame_and_ends_with_the_winner(desk):
    app, room = desk()
    app.button(key="room_fool_1000_pick_954").click().run()
    app.button(key="room_fool_begin").click().run()
    contest = room.task
    assert isinstance(contest, Contest)
    assert (contest.target.class_id, contest.target.name) == (954, "banana")
    assert "Make it say: banana" in html_of(app)
    assert not app.get("image")

    _, ana = room.join("Ana")
    _, bia = room.join("bia_*[x](y)*<i>")
    contest.offer(ana.id, 0.25, jpeg())
    contest.offer(bia.id, 0.125, jpeg("car"))
    app.run()
    assert not app.exception
    assert len(app.get("image")) == 2  # the latest frame, and where the target is seen
    board = html_of(app).partition("fool-board")[2]
    assert board.index("Ana") < board.index("25.0%") < board.index("biaxyi") < board.index("12.5%")

    app.button(key="room_fool_stop").click().run()
    assert contest.seconds_left() == 0
    assert "Ana: 25.0% “banana”" in all_text(app)
    assert len(app.get("image")) == 2
    (link,) = [one.proto for one in app.get("page_link") if "gradient" in one.proto.label]
    assert link.query_string == "part=sticker&sticker=954"

    room.remove(ana.id)
    app.run()
    assert "biaxyi: 12.5% “banana”" in all_text(app)
    room.remove(bia.id)
    app.run()
    assert "no frame came in time" in all_text(app)
    assert not app.get("image")
    assert not app.exception

    app.button(key="room_fool_begin").click().run()
    assert room.task is not contest


def test_a_network_of_the_class_s_own_is_asked_for_its_own_classes_to_the_end(desk, tiny):
    app, room = desk()
    room.network = tiny
    app.run()
    app.button(key="room_fool_5_pick_3").click().run()
    app.button(key="room_fool_begin").click().run()
    contest = room.task
    assert (contest.target.name, contest.network) == ("class 3", tiny)
    room.network = None
    contest.offer(room.join("Ana")[1].id, 0.5, jpeg())
    contest.stop()
    app.run()
    assert not app.exception
    assert "Ana: 50.0% “class 3”" in all_text(app)
    (link,) = [one.proto for one in app.get("page_link") if "gradient" in one.proto.label]
    assert link.query_string == "part=sticker"
