"""What may go wrong in a classroom, and what has to be left: on a real server, in a real browser."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest

from core.problem import Problem
from core.zoo import catalogue, weights
from tests.helpers.serving import A_WHILE, Wifi, serving


@pytest.fixture
def wifi(address):
    """What lies between the browser and the server."""
    between = Wifi(address)
    yield between
    between.close()


def drawing(page, url: str):
    """Come by a link, and start a picture that takes long."""
    page.goto(f"{url}/ideal_class?steps=2000")
    page.get_by_role("button", name="Draw").click()
    page.get_by_text(re.compile(r"^[\d,]+ of 2,000 steps")).wait_for()
    return page


def steps_done(page) -> int:
    return int(
        page.get_by_text(re.compile(r"^[\d,]+ of 2,000 steps"))
        .inner_text()
        .split()[0]
        .replace(",", "")
    )


def beyond(page, steps: int) -> None:
    """Wait until more steps are shown than these."""
    page.wait_for_function(
        "steps => Number(document.body.innerText.match(/([\\d,]+) of 2,000 steps/)?.[1]"
        ".replace(',', '')) > steps",
        arg=steps,
    )


def test_after_a_lost_connection_the_run_is_still_there(wifi, tab):
    page = drawing(tab(), wifi.url)
    beyond(page, 5)
    done = steps_done(page)
    wifi.lose()
    wifi.find()
    beyond(page, done)
    page.get_by_role("button", name="Stop run").click()
    page.get_by_text(re.compile("of 2,000 steps · stopped")).wait_for()


def test_the_run_of_a_browser_that_was_killed_ends_and_the_others_have_its_share(
    wifi, address, tab
):
    stays = drawing(tab(), address)
    drawing(tab(), wifi.url)
    stays.get_by_text(re.compile(r"2,000 steps.*2 people")).wait_for()
    wifi.lose()  # and is never found again, as where a browser is killed
    stays.get_by_text(re.compile(r"2,000 steps.*2 people")).wait_for(state="detached")
    stays.get_by_role("button", name="Stop run").click()
    stays.get_by_text(re.compile("of 2,000 steps · stopped")).wait_for()


def test_who_has_left_is_forgotten_though_nobody_comes_or_goes_after(served, browse):
    def forgotten() -> int:
        lines = (
            json.loads(line) for line in served.log.read_text().splitlines() if line[:1] == "{"
        )
        return sum(line["count"] for line in lines if line["event"] == "sessions forgotten")

    before = forgotten()
    browse("lesson").close()
    ends = time.monotonic() + A_WHILE / 1000
    while forgotten() == before and time.monotonic() < ends:
        time.sleep(0.2)
    assert forgotten() > before


def test_a_fresh_server_opens_at_a_link_and_goes_cleanly_under_load(tmp_path, tab):
    """Streamlit decides at the first visit what a page is, so nobody may have been there before."""
    with serving("app.py", tmp_path) as server:
        first = drawing(tab(), server.url)
        assert first.get_by_role("dialog").count() == 0
        assert first.locator("h1").inner_text() == "Ideal class"
        first.get_by_role("link", name="Feature maps").first.click()
        first.get_by_role("heading", name="Feature maps", level=1).wait_for()
        drawing(tab(), server.url)
        server.process.send_signal(signal.SIGTERM)
        # As long as Docker waits; uvicorn ends, and then passes the signal on to itself.
        assert server.process.wait(timeout=10) in (0, -signal.SIGTERM)
    told = server.log.read_text()
    assert "terminate called" not in told


def test_a_reloaded_tab_has_what_it_had_and_no_other_tab_has_it(tmp_path, tab):
    pin = "4321"
    with serving("app.py", tmp_path, IDEALCAT_TEACHER_PIN=pin) as server:
        page = tab()
        page.goto(f"{server.url}/teacher")
        page.get_by_text("For the teacher").click()
        page.get_by_label("PIN", exact=True).fill(pin)
        page.get_by_role("button", name="Sign in").click()
        signed_in = re.compile("The wall is closed; only you see it")
        page.get_by_text(signed_in).wait_for()
        page.goto(f"{server.url}/ideal_class?question=zebra&steps=2000")  # in the same tab
        page.locator(".st-key-lesson_choice_zebra label").nth(1).click()
        page.locator(".st-key-lesson_reveal_zebra button:enabled").first.click()
        page.get_by_text("You predicted").wait_for()
        page.locator(".st-key-present label").first.click()
        page.locator(".st-key-present input:checked").wait_for(state="attached")
        page.locator(".st-key-ideal_start button").first.click()
        beyond(page, 5)
        done = steps_done(page)
        page.reload()
        beyond(page, done)
        page.get_by_text("You predicted").wait_for()
        page.locator(".st-key-present input:checked").wait_for(state="attached")
        # For a moment the one of the run before may be there too, disabled.
        page.locator("button:enabled").filter(has_text="Stop run").click()
        page.get_by_text(re.compile("of 2,000 steps · stopped")).wait_for()

        visitor = "sessionStorage.getItem('ideal-cat visitor')"
        mine = page.evaluate(visitor)
        copy = tab()  # of the tab, with all that the browser keeps of it
        copy.goto(f"{server.url}/teacher")
        copy.evaluate("mine => sessionStorage.setItem('ideal-cat visitor', mine)", mine)
        copy.reload()
        copy.wait_for_function(f"mine => ![null, mine].includes({visitor})", arg=mine)
        copy.get_by_text("For the teacher").wait_for()
        assert copy.get_by_text(signed_in).count() == 0
        page.goto(f"{server.url}/teacher")
        page.get_by_text(signed_in).wait_for()

        # Another link in the same tab opens what it names, not what was open before.
        page.goto(f"{server.url}/feature_maps?question=unfamiliar&photo=astronaut")
        page.locator(".st-key-maps_inspector, .st-key-lesson_strip").first.wait_for()
        page.wait_for_function(f"mine => mine === {visitor}", arg=mine)
        page.locator(".st-key-lesson_choice_unfamiliar label").nth(1).click()
        page.locator(".st-key-lesson_fold_unfamiliar").wait_for()


def test_a_full_disk_fails_the_download_with_a_sentence_and_the_rest_goes_on(
    server, monkeypatch, full_disk
):
    server.content = b"0" * (3 << 20)
    monkeypatch.setenv(weights.MIRROR_VARIABLE, server.address)
    entry = catalogue.entry("resnet18")
    with full_disk(1 << 20), pytest.raises(Problem, match="could not be downloaded"):
        list(weights.download(entry))
    assert not weights.present(entry)
