"""The webcam's panels: what a browser may send, and a real Chromium with its fake camera."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from core.images import photos
from core.problem import Problem
from core.zoo.predictions import Prediction, sure_answer
from pages.parts.fine_tuning.webcam import MOST_PHOTOS, SIDE, Frame, Recording, read_photo
from tests.helpers.serving import A_WHILE, ELSEWHERE, serving


def jpeg(side: int = SIDE, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return photos.encode_jpeg(np.asarray(Image.fromarray(pixels).resize((side, side))))


def sent(data: bytes) -> str:
    return base64.b64encode(data).decode()


def png() -> bytes:
    return photos.encode_png(np.zeros((SIDE, SIDE, 3), np.uint8))


def huge_jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8000, 8000)).save(buffer, "JPEG", quality=10)
    return buffer.getvalue()[:190_000]


HOSTILE = {
    "nothing": None,
    "a number": 3,
    "a list": ["x"],
    "an empty text": "",
    "no base64": "<img src=x onerror=alert(1)>",
    "base64 with junk": sent(jpeg()) + "\n!",
    "not ASCII": "ä" * 40,
    "an address": "data:image/jpeg;base64," + sent(jpeg()),
    "a picture of another format": sent(png()),
    "half a photo": sent(jpeg()[:2000]),
    "only a beginning": sent(b"\xff\xd8\xff\xe0"),
    "too small": sent(jpeg(64)),
    "too large": sent(jpeg(SIDE + 1)),
    "a bomb": sent(huge_jpeg()),
    "too many bytes": sent(jpeg() + bytes(300_000)),
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_photo_of_the_camera_is_left_out_and_said(value):
    with pytest.raises(Problem, match="left out"):
        read_photo(value)
    recording = Recording()
    recording.receive({"batch": "a", "photos": [sent(jpeg()), value], "last": True})
    assert recording.photos == [jpeg()]
    assert recording.problem is not None


@pytest.mark.parametrize(
    "message", [None, 7, "text", [], {}, {"batch": 7}, {"batch": "x" * 1000, "photos": []}]
)
def test_a_message_that_is_none_changes_nothing(message):
    recording = Recording()
    assert not recording.receive(message)
    assert recording == Recording()
    assert Frame.read(message) is None


@pytest.mark.parametrize("taken", [None, "text", {"0": "x"}, 3])
def test_a_batch_without_a_list_of_photos_is_empty(taken):
    recording = Recording()
    assert recording.receive({"batch": "a", "photos": taken, "last": True})
    assert recording.photos == []


def test_a_batch_sent_twice_is_taken_once():
    recording = Recording()
    batch = {"batch": "a", "photos": [sent(jpeg())], "last": True}
    assert recording.receive(batch)
    assert recording.receive(batch)
    assert len(recording.photos) == 1
    recording.receive({**batch, "batch": "b"})
    assert len(recording.photos) == 2


def test_a_class_and_a_batch_are_never_more_than_full():
    recording = Recording(photos=[jpeg()] * (MOST_PHOTOS - 30))
    recording.receive({"batch": "a", "photos": [sent(jpeg())] * 500, "last": False})
    assert len(recording.photos) == MOST_PHOTOS - 10
    recording.receive({"batch": "b", "photos": [sent(jpeg())] * 20, "last": False})
    assert len(recording.photos) == MOST_PHOTOS
    assert len(recording.thumbnails) == 12
    recording.clear()
    assert (recording.photos, recording.thumbnails) == ([], [])


def test_a_frame_is_read_with_the_id_to_answer_to():
    frame = Frame.read({"frame": "v-1", "photo": sent(jpeg())})
    assert frame is not None
    assert (frame.id, frame.photo.size) == ("v-1", (SIDE, SIDE))
    with pytest.raises(Problem):
        Frame.read({"frame": "v-1", "photo": sent(png())})


@pytest.mark.parametrize(
    ("probabilities", "answer"),
    [
        ((0.61, 0.39), "0"),
        ((0.6, 0.4), "0"),
        ((0.4, 0.6), "1"),
        ((0.59, 0.41), None),
        ((0.34, 0.33, 0.33), None),
        ((1.0,), "0"),
        ((), None),
    ],
)
def test_not_sure_is_said_below_six_in_ten(probabilities, answer):
    predictions = [Prediction(i, str(i), p) for i, p in enumerate(probabilities)]
    best = sure_answer(predictions)
    assert (best.class_name if best else None) == answer


# What follows needs a browser.


@pytest.fixture(scope="module")
def panels(tmp_path_factory) -> str:
    """Where the panels' page is served."""
    folder = tmp_path_factory.mktemp("server")
    elsewhere = f"--browser.serverAddress={ELSEWHERE}"
    with serving("tests/pages/webcam_page.py", folder, elsewhere) as running:
        yield running.url


@pytest.fixture
def visit(panels, tab):
    """Open the panels' page as a new visitor."""

    def open_page(path: str = "", host: str = "127.0.0.1", script: str = ""):
        page = tab("en-US")
        if script:
            page.add_init_script(script)
        page.goto(panels.replace("127.0.0.1", host) + path)
        page.locator(".webcam .switch").nth(2).wait_for()
        return page

    return open_page


def hold_button(page, name: str = "cat"):
    return page.get_by_role("button", name=f"Hold to record “{name}”")


def count(text: str) -> int:
    return int(re.search(r"\d+", text).group())


def wait_for_page_to_know(page) -> int:
    known = page.get_by_text(re.compile(r"The page knows of [1-9]\d* and 0 photos"))
    known.wait_for()
    return count(known.inner_text())


class TestInTheBrowser:
    def test_holding_the_button_for_a_second_takes_about_ten_photos(self, visit):
        page = visit()
        page.locator(".webcam .switch").first.click()
        hold = hold_button(page)
        hold.hover()
        page.mouse.down()
        page.wait_for_timeout(1200)
        page.mouse.up()
        known = wait_for_page_to_know(page)
        assert 3 <= known <= 20
        assert count(page.locator(".recorder .count").first.inner_text()) == known
        assert page.locator(".recorder").first.locator(".thumbnails img").count() == min(known, 12)
        page.get_by_role("button", name=re.compile("Delete these")).click()
        page.get_by_text("The page knows of 0 and 0 photos").wait_for()
        assert page.locator(".thumbnails img").count() == 0
        assert hold.is_visible()  # the camera is still on

    def test_photos_taken_before_and_without_a_connection_are_all_there_once_when_it_is_back(
        self, visit
    ):
        page = visit(
            script="const Real = WebSocket; window.sockets = [];"
            "window.WebSocket = class extends Real {"
            "  constructor(...all) { super(...all); window.sockets.push(this); }"
            "};"
        )
        page.locator(".webcam .switch").first.click()
        hold_button(page).hover()
        page.mouse.down()
        page.wait_for_timeout(600)
        page.mouse.up()
        before = wait_for_page_to_know(page)
        page.mouse.down()
        page.wait_for_timeout(300)
        page.context.set_offline(True)
        page.evaluate("window.sockets.forEach(socket => socket.close())")
        page.wait_for_timeout(600)
        page.mouse.up()
        taken = count(page.locator(".recorder .count").first.inner_text())
        assert taken > before
        page.context.set_offline(False)
        page.get_by_text(f"The page knows of {taken} and 0 photos").wait_for()
        assert count(page.locator(".recorder .count").first.inner_text()) == taken

    def test_the_space_bar_can_be_held_and_a_click_without_a_pointer_is_a_second(self, visit):
        page = visit()
        page.locator(".webcam .switch").first.press("Enter")
        hold = hold_button(page)
        hold.focus()
        page.keyboard.down(" ")
        page.wait_for_timeout(600)
        page.keyboard.up(" ")
        first = wait_for_page_to_know(page)
        hold.dispatch_event("click")
        page.wait_for_function(
            f"document.body.innerText.match(/knows of (\\d+)/)[1] > {first} + 2", timeout=A_WHILE
        )
        assert hold.get_attribute("aria-pressed") == "false"

    def test_one_panel_at_a_time_has_the_camera_and_gives_it_back(self, visit):
        page = visit()
        page.locator(".webcam .switch").nth(0).click()
        hold_button(page).wait_for()
        page.locator(".webcam .switch").nth(1).click()
        hold_button(page, "<b>🐶 / dog</b>").wait_for()
        assert hold_button(page).count() == 0
        tracks = page.evaluate_handle(
            "() => document.querySelectorAll('[data-testid=\"stBidiComponentIsolated\"]')[1]"
            ".shadowRoot.querySelector('video').srcObject.getTracks()"
        )
        page.get_by_role("button", name="Turn the camera off").click()
        assert tracks.evaluate("tracks => tracks.map(track => track.readyState)") == ["ended"]

    @pytest.mark.parametrize("query", ["", "?busy=watched"])
    def test_the_live_panel_goes_on_answering(self, visit, query):
        page = visit("/" + query)
        page.locator(".live .switch").click()
        bars = page.locator(".live .bars")
        bars.locator("li").nth(4).wait_for()
        assert page.locator(".live .verdict").inner_text() != ""
        seen = set()
        for _ in range(3):
            page.wait_for_timeout(100)
            before = bars.get_attribute("data-frame")
            page.locator(f'.live .bars:not([data-frame="{before}"])').wait_for()
            seen.add(before)
        assert len(seen) == 3
        page.locator(".live .switch").click()
        bars.wait_for(state="hidden")

    def test_elsewhere_than_on_localhost_or_https_the_page_says_so(self, visit):
        page = visit(host=ELSEWHERE)
        page.locator(".webcam .switch").first.click()
        page.get_by_text("only to pages on localhost or with HTTPS").wait_for()

    def test_a_camera_that_cannot_be_had_is_explained(self, visit):
        page = visit()
        told = {
            "NotAllowedError": "was not allowed to use the camera",
            "NotFoundError": "There is no camera",
            "NotReadableError": "perhaps another program has it",
            "UnheardOfError": "could not be turned on",
        }
        for error, sentence in told.items():
            page.evaluate(
                "name => { navigator.mediaDevices.getUserMedia ="
                " () => Promise.reject(new DOMException('no', name)); }",
                error,
            )
            page.locator(".webcam .switch").first.click()
            page.get_by_text(sentence).wait_for()
            assert page.get_by_role("button", name="Turn the camera on").count() == 3


def test_each_hold_of_the_button_is_a_take_of_its_own():
    recording = Recording()
    for batch, (photos_taken, last) in enumerate(
        [(2, False), (1, True), (3, True), (0, True), (1, True)]
    ):
        message = {"batch": str(batch), "photos": [sent(jpeg())] * photos_taken, "last": last}
        recording.receive(message)
        recording.receive(message)  # its answer was lost
    assert recording.takes == [1, 1, 1, 2, 2, 2, 4]
    recording.clear()
    assert recording.takes == []
