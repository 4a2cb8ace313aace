"""A full lesson of scenes in a real Chromium, in Portuguese, and what a link carries.

The scenes' buttons are found by their keys, so that the test needs no text of either language.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from core.classroom import lesson
from tests.helpers.accessibility import assert_open_to_all


def click(field) -> None:
    """Click a field of a form: Streamlit draws something else over it."""
    field.evaluate("field => field.click()")


def answer(page, part, option: int) -> None:
    """Predict, and reveal what holds."""
    click(page.locator(f".st-key-lesson_choice_{part.id} input[type=radio]").nth(option))
    reveal = page.locator(f".st-key-lesson_reveal_{part.id} button").first
    page.locator(f".st-key-lesson_reveal_{part.id} button:enabled").first.wait_for()
    reveal.click()
    page.locator(".st-key-lesson_strip [data-testid=stAlert]").wait_for()
    reveal.wait_for(state="detached")


def look(page, part) -> None:
    """Do a little of what the scene is for."""
    match part.id:
        case "unfamiliar":
            page.get_by_text("trenó de bobsled", exact=True).wait_for()
        case "transfer":
            page.locator(".st-key-train_start button").first.click()
            page.locator(".js-plotly-plot").first.wait_for()
        case "noise":
            page.get_by_role("heading", name="Classe ideal", level=1).wait_for()
            page.locator(".st-key-ideal_lesson button").first.click()
            page.locator('[data-testid="stImage"] img').nth(1).wait_for()
            page.locator(".st-key-ideal_stop button:enabled").first.click()
            page.locator(".st-key-ideal_stop button:disabled").first.wait_for()
        case "dog":
            page.locator(".st-key-attack_start button").first.click()
            page.locator('[data-testid="stAlertContentSuccess"]').wait_for()


def test_a_lesson_runs_from_start_to_finish_in_portuguese(browse):
    page = browse("lesson", locale="pt-BR")
    page.locator(f".st-key-lesson_open_{lesson.PARTS[-1].id} button").first.wait_for()
    page.locator(f".st-key-lesson_open_{lesson.PARTS[0].id} button").first.click()
    for number, part in enumerate(lesson.PARTS, 1):
        strip = page.locator(".st-key-lesson_strip")
        strip.get_by_text(f"{number}/{len(lesson.PARTS)}").wait_for()
        page.locator(f".st-key-lesson_choice_{part.id}").wait_for()
        look(page, part)
        answer(page, part, part.expected if number % 2 else 0)
        if part.id in ("unfamiliar", "transfer", "noise", "dog"):  # on four pages, with results
            assert_open_to_all(page)
        if number < len(lesson.PARTS):
            following = lesson.PARTS[number].id
            page.locator(f".st-key-lesson_open_{following} button").first.click()
    page.locator(".st-key-lesson_strip [data-testid=stPageLink] a").first.click()
    page.wait_for_url("**/lesson*")
    page.locator("[data-testid=stAlert]").nth(len(lesson.PARTS) - 1).wait_for()
    assert page.locator("[class*=st-key-lesson_reveal]").count() == 0
    right = sum(n % 2 == 1 or part.expected == 0 for n, part in enumerate(lesson.PARTS, 1))
    assert page.locator("[data-testid=stAlertContentSuccess]").count() == right


def test_a_link_opens_what_it_was_taken_from(browse):
    from playwright.sync_api import expect

    page = browse("adversarial_attack?epsilon=2.5&photo=eagle&class=340")
    page.locator(".st-key-attack_steps input").fill("17")
    page.locator(".st-key-attack_steps input").press("Enter")
    click(page.locator(".st-key-attack_untargeted input"))
    page.locator(".st-key-attack_untargeted input:checked").wait_for(state="attached")
    page.locator(".st-key-scene_link button").first.click()
    link = page.locator("[data-testid=stPopoverBody] code").inner_text()
    code = page.locator("[data-testid=stPopoverBody] img")
    code.wait_for()
    assert code.bounding_box()["width"] >= 300
    query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert query.pop("language") == "EN"
    assert query == {
        "epsilon": "2.5",
        "photo": "eagle",
        "class": "340",
        "steps": "17",
        "untargeted": "1",
    }

    other = browse(link.split("/", 3)[3], locale="pt-BR")
    expect(other.locator(".st-key-attack_steps input")).to_have_value("17")
    expect(other.get_by_role("slider").first).to_have_value("2.5")
    expect(other.locator(".st-key-attack_untargeted input")).to_be_checked()
    eagle = other.get_by_role("radio", name="Bald eagle")
    expect(eagle).to_have_attribute("aria-checked", "true")
    other.get_by_role("heading", name="Adversarial attack", level=1).wait_for()
    other.get_by_role("link", name="Feature maps").first.click()
    other.get_by_role("heading", name="Feature maps", level=1).wait_for()
    assert "photo=" not in other.url  # a scene is of its page


def test_the_projector_gets_large_pictures(browse):
    page = browse("ideal_class?question=noise&present=1")
    page.set_viewport_size({"width": 1280, "height": 720})
    page.locator(".st-key-ideal_lesson button").first.click()
    pictures = page.locator('[data-testid="stImage"] img')
    pictures.nth(1).wait_for()
    boxes = [picture.bounding_box() for picture in pictures.all()[:2]]
    assert all(box["width"] >= 300 for box in boxes)
    assert abs(boxes[0]["y"] - boxes[1]["y"]) < 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.locator(".st-key-ideal_stop button:enabled").first.click()
    page.locator(".st-key-ideal_stop button:disabled").first.wait_for()
