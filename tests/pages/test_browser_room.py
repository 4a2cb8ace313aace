"""A class in a room: one projector and two phones in a real Chromium, in Portuguese.

Join, collect two classes, train on them, vote, reveal, fool the camera, close.
"""

from __future__ import annotations

import io

import pytest

from core.images import photos
from tests.helpers.accessibility import assert_open_to_all, problems
from tests.helpers.serving import serving

PIN = "gato-2718"
PHONE = {"width": 390, "height": 844}
PROJECTOR = {"width": 1280, "height": 720}
TASKS = ("join", "collect", "vote", "ask", "fool")
"""In the order of the page."""
ALONE = "Object.defineProperty(window, 'localStorage', {value: sessionStorage})"
"""Each tab a phone of its own, as it would be: the tabs of one browser share their storage."""


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    with serving("app.py", tmp_path_factory.mktemp("school"), IDEALCAT_TEACHER_PIN=PIN) as running:
        yield running.url


def jpeg(sample: str, number: int) -> bytes:
    """A part of a sample photo, as a phone would take it: another part for each number."""
    whole = photos.read_sample(sample).resize((480, 480))
    buffer = io.BytesIO()
    whole.crop((10 * number, 0, 320 + 10 * number, 320)).save(buffer, "JPEG")
    return buffer.getvalue()


def join(tab, school: str, code: str, nickname: str):
    page = tab("pt-BR")
    page.add_init_script(ALONE)
    page.set_viewport_size(PHONE)
    page.goto(f"{school}/join?{code}")
    page.locator("#nickname").fill(nickname)
    page.locator("form .main").click()
    page.locator(".wait").wait_for()
    return page


def turn_to(projector, task: str) -> None:
    projector.locator(".st-key-room_task button").nth(TASKS.index(task)).click()


def press(projector, key: str) -> None:
    projector.locator(f".st-key-{key} button:enabled").first.click()


def send(phone, label: int, sample: str, numbers) -> None:
    phone.locator("label.option").nth(label).click()
    for number in numbers:
        file = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg(sample, number)}
        before = phone.locator(".mine li").count()
        phone.locator("input[capture]").set_input_files(file)
        phone.locator(".mine li").nth(before).wait_for()


def test_a_class_collects_trains_votes_and_fools_the_camera_together(tab, school):
    projector = tab("pt-BR")
    projector.set_viewport_size(PROJECTOR)
    projector.goto(f"{school}/classroom")
    projector.locator("summary").first.click()
    projector.locator("input[type=password]").fill(PIN)
    projector.locator("input[type=password]").press("Enter")
    press(projector, "room_open")
    code = projector.locator(".st-key-room_code").inner_text().strip()
    assert len(code) == 4

    ana, bia = join(tab, school, code, "Ana"), join(tab, school, code.lower(), "<b>Bia</b>")
    projector.get_by_text("bBiab").first.wait_for()
    assert_open_to_all(projector)

    turn_to(projector, "collect")
    press(projector, "room_collect")
    for phone in (ana, bia):
        assert not problems(phone)
        phone.locator("main .main").click()  # agreed to
        assert not problems(phone)
    for phone, first in ((ana, 0), (bia, 8)):
        send(phone, 0, "cat", range(first, first + 4))
        send(phone, 1, "coffee", range(first, first + 4))
    ana.reload()  # the screen was off: it is still Ana, and has what she sent
    ana.locator(".mine li").nth(7).wait_for()
    ana.locator(".mine button").first.click()
    ana.locator(".mine li").nth(7).wait_for(state="detached")
    send(ana, 1, "coffee", [7])
    projector.locator(".st-key-room_sheet").get_by_text("8").nth(1).wait_for()
    assert_open_to_all(projector)

    press(projector, "room_train")
    projector.wait_for_url("**/fine_tuning*")
    press(projector, "train_start")
    press(projector, "train_give")
    projector.locator(".st-key-train_room code").wait_for()
    projector.goto(f"{school}/classroom")  # in the same tab: still the teacher, and in the room
    turn_to(projector, "vote")
    press(projector, "room_vote_next")
    for phone, answer in ((ana, 0), (bia, 1)):
        phone.locator("button.option").nth(answer).click()
        phone.locator("button.option[aria-pressed=true]").wait_for()
        assert not problems(phone)
    assert_open_to_all(projector)
    press(projector, "room_vote_reveal")
    for phone in (ana, bia):
        phone.locator("button.is-right").wait_for()
    assert_open_to_all(projector)

    turn_to(projector, "fool")
    press(projector, "room_fool_begin")
    ana.locator("#camera button.main").click()  # the camera, live
    ana.locator(".answers li").first.wait_for()
    file = {"name": "b.jpg", "mimeType": "image/jpeg", "buffer": jpeg("cat", 5)}
    bia.locator("input[capture]").set_input_files(file)
    bia.locator(".answers li").first.wait_for()
    assert bia.locator(".answers li").count() == 2  # of the class's own network
    projector.locator(".fool-board li").nth(1).wait_for()
    assert not problems(bia)
    press(projector, "room_fool_stop")
    bia.locator("#place").get_by_text("de 2").wait_for()

    press(projector, "room_controls")
    press(projector, "room_close")
    projector.locator(".st-key-room_open").wait_for()
    for phone in (ana, bia):
        phone.locator("#code").wait_for()
        assert phone.evaluate("sessionStorage.length") == 0
