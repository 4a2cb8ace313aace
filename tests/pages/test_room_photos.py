"""A class's photos on the projector, learned from, and the network given to the class's room."""

from __future__ import annotations

import numpy as np
import pytest

from core.classroom import pin
from core.classroom.collection import Collection
from core.classroom.room import Room, rooms
from core.images import photos
from core.server.scheduler import scheduler
from core.zoo import catalogue
from pages.parts.shared import registry, session
from tests.helpers.pages import all_text

PIN = "gato 7"
pytestmark = pytest.mark.usefixtures("lite0")


@pytest.fixture(autouse=True)
def teacher(monkeypatch):
    """A server with a PIN, and without rooms before and after."""
    monkeypatch.setenv("IDEALCAT_TEACHER_PIN", PIN)
    pin.guard.cache_clear()
    rooms.cache_clear()
    yield
    rooms.cache_clear()


@pytest.fixture
def teach(visit):
    """Sign in on the classroom's page and open a room there."""

    def come(locale: str = "en-US"):
        app = visit(registry.CLASSROOM, locale)
        app.text_input(key="wall_pin").set_value(PIN)
        next(b for b in app.button if b.key and "FormSubmitter" in b.key).click().run()
        app.button(key="room_open").click().run()
        assert not app.exception
        (room,) = rooms().all()
        return app, room

    return come


def send(room: Room, members: int = 4, each: int = 2) -> None:
    """Let phones send photos of both classes: turned ones of two samples, all different."""
    for member in range(members):
        for label, name in enumerate(("cat", "dalmatian")):
            for number in range(each):
                turned = photos.read_sample(name).resize((96, 96)).rotate(7 * member + 3 * number)
                data = photos.encode_jpeg(np.asarray(turned))
                assert isinstance(room.task, Collection)
                room.task.add(f"phone {member}", f"{label}-{number}", label, data)


def collect(app, room: Room, **sent: int):
    app.segmented_control(key="room_task").set_value("collect").run()
    app.text_input(key="room_class_0").set_value("*cat*").run()
    app.text_input(key="room_class_1").set_value("dog").run()
    app.button(key="room_collect").click().run()
    assert not app.exception
    assert room.task is room.collection
    send(room, **sent)
    return app.run()


def test_a_teacher_collects_stops_and_throws_out(teach):
    app, room = teach()
    collect(app, room)
    assert room.collection is not None
    assert "**16** photos · 4 phones" in all_text(app)
    app.button(key="room_collect").click().run()
    assert room.task is None
    assert len(room.collection.photos()) == 16

    app.session_state["room_photo"] = "phone 1 0-0"  # as a click on it
    app.run()
    app.button(key="room_throw_out").click().run()
    assert len(room.collection.photos()) == 15
    app.session_state["room_photo"] = "phone 1 0-1"
    app.run()
    app.button(key="room_throw_out_all").click().run()
    assert not app.exception
    assert {sent.member for sent in room.collection.photos()} == {"phone 0", "phone 2", "phone 3"}

    app.button(key="room_discard_yes").click().run()
    assert room.collection is None
    assert app.button(key="room_collect").label == "Begin"


def test_classes_of_the_same_name_begin_nothing(teach):
    app, room = teach()
    app.segmented_control(key="room_task").set_value("collect").run()
    app.text_input(key="room_class_1").set_value("class 1").run()
    app.button(key="room_collect").click().run()
    assert room.task is None
    assert "different names" in all_text(app)


def test_the_class_s_network_is_learned_given_and_gone_with_the_room(teach, arrive):
    app, room = teach()
    collect(app, room)
    assert app.button(key="room_train").click().run().title[0].value == "Fine-tuning"
    app.switch_page(registry.TRAINING.file).run()  # where the browser is by now
    assert app.segmented_control(key="train_source").value == "room"
    assert "somebody it never saw" in all_text(app)
    app.slider(key="train_epochs").set_value(2).run()
    app.button(key="train_start").click().run()
    assert not app.exception
    app.button(key="train_give").click().run()
    assert not app.exception
    assert room.network is not None
    assert set(room.network.labels) == {"*cat*", "dog"}
    assert any(f"?room={room.code}" in code.value for code in app.code)

    owner = app.session_state["owner"]
    assert scheduler().get(owner, session.TRAIN) is not None

    student = arrive()
    student.query_params["room"] = room.code.lower()
    student.run()
    del student.query_params["room"]
    student.switch_page(registry.MAPS.file).run()
    assert not student.exception
    assert student.session_state[session.NETWORK] == catalogue.ROOM
    assert "2 classes" in all_text(student)

    student.switch_page(registry.IDEAL.file).run()
    student.number_input(key="ideal_steps").set_value(5).run()
    student.button(key="ideal_start").click().run()
    assert not student.exception
    assert "★ Your class's network" in all_text(student)
    assert "no network called" not in all_text(student)

    rooms().close(room)
    student.run()
    assert not student.exception
    assert student.session_state[session.NETWORK] == catalogue.DEFAULT
    assert "has gone" in student.toast[0].value
    assert "cat" in all_text(student)  # the picture is kept …
    assert "★ Your class's network" in all_text(student)  # … and what drew it is told

    app.run()
    assert not app.exception
    assert scheduler().get(owner, session.TRAIN) is None
    assert app.segmented_control(key="train_source").value == "sets"


def test_one_phone_s_photos_are_learned_from_with_a_warning(teach):
    app, room = teach()
    collect(app, room, members=1, each=4)
    app.button(key="room_train").click().run()
    assert not app.exception
    assert "Only one phone has sent photos of" in all_text(app)


def test_too_few_photos_are_asked_for(teach):
    app, room = teach()
    collect(app, room, members=0)
    app.button(key="room_train").click().run()
    assert not app.exception
    assert "at least two classes" in all_text(app)
    assert app.button(key="train_start").disabled


def test_only_the_teacher_of_a_room_is_offered_its_photos(teach, arrive):
    _, room = teach()
    room.begin(Collection(["cat", "dog"]))
    send(room)
    student = arrive()
    student.session_state["room_code"] = room.code
    student.session_state["train_source"] = "room"
    student.switch_page(registry.TRAINING.file).run()
    assert not student.exception
    assert student.segmented_control(key="train_source").value == "sets"


def test_a_typed_code_leads_to_the_room_and_a_wrong_or_locked_one_says_so(arrive):
    room = rooms().open()
    app = arrive().switch_page(registry.MAPS.file).run()
    app.text_input(key="room_typed").set_value("ZZZZ" if room.code != "ZZZZ" else "AAAA").run()
    assert "There is no room" in all_text(app)
    room.lock()
    app.text_input(key="room_typed").set_value(room.code).run()
    assert "locked" in all_text(app)
    room.lock(wanted=False)
    app.text_input(key="room_typed").set_value("").run()
    app.text_input(key="room_typed").set_value(room.code).run()
    assert not app.exception
    assert "Its network appears here" in all_text(app)
