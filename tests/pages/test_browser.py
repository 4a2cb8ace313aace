"""The app in a real Chromium, on the real network: what a newcomer clicks, in one sitting.

With `IDEALCAT_SCREENSHOTS=1` the pictures of the README are taken on the way.
"""

from __future__ import annotations

import os
import re

from tests.helpers.accessibility import assert_open_to_all
from tests.helpers.serving import ROOT

SCREENSHOTS = ROOT / "assets" / "screenshots"


TAKES_SCREENSHOTS = bool(os.environ.get("IDEALCAT_SCREENSHOTS"))


def keep_screenshot(page, name: str) -> None:
    """Keep a picture for the README, if it is wanted."""
    if TAKES_SCREENSHOTS:
        SCREENSHOTS.mkdir(exist_ok=True)
        page.mouse.move(1270, 790)
        page.wait_for_timeout(1500)
        page.screenshot(path=SCREENSHOTS / f"{name}.png")


def percentage(text: str) -> float:
    return float(re.search(r"([\d.,]+)\s?%", text).group(1).replace(",", "."))


def test_the_start_page_leads_into_every_page(browse):
    page = browse()
    keep_screenshot(page, "start")
    assert_open_to_all(page)
    for title in ("Feature maps", "Fine-tuning", "Ideal class", "Adversarial attack"):
        page.get_by_role("link", name=f"Try it: {title}").click()
        page.get_by_role("heading", name=title, level=1).wait_for()
        page.get_by_role("link", name="Start").first.click()
        page.get_by_role("heading", name="Ideal Cat", level=1).wait_for()


def test_the_ideal_siamese_cat_grows_before_the_eyes(browse):
    steps = "" if TAKES_SCREENSHOTS else "?steps=120"
    page = browse(f"ideal_class{steps}")
    page.evaluate(
        """() => {
            window.frames = new Set();
            new MutationObserver(() => document
                .querySelectorAll('[data-testid="stImage"] img')
                .forEach(image => window.frames.add(image.src))
            ).observe(document.body, {subtree: true, childList: true, attributes: true});
        }"""
    )
    page.get_by_role("button", name="Draw").click()
    page.get_by_text("networks that never saw this run").wait_for()
    frames = page.evaluate("window.frames.size")
    assert frames >= 4
    page.locator("ul.opinions li").nth(2).wait_for()
    own, *others = page.locator("ul.opinions li").all_inner_texts()
    assert "drew it" in own
    assert percentage(own) > 90
    assert len(others) == 2
    for told in (own, *others):
        assert "Siamese cat" in told
        assert percentage(told) > 20  # rounding decides how much more
    keep_screenshot(page, "ideal_class")
    assert_open_to_all(page)


def test_a_drawing_can_be_scrubbed_through_and_gone_on_with(browse):
    from playwright.sync_api import expect

    page = browse("ideal_class?steps=20")
    page.get_by_role("button", name="Draw").click()
    slider = page.get_by_role("slider", name="Time-lapse")
    slider.wait_for()
    film = page.locator(".film img")
    last = film.get_attribute("src")
    slider.press("Home")
    page.locator(".film span").get_by_text("step 1", exact=True).wait_for()
    first = film.get_attribute("src")
    assert first != last
    # The page is drawn again, with the pictures otherwise; the film stands where it was left.
    page.get_by_text("Stretch the contrast").click()
    expect(film).not_to_have_attribute("src", first)
    assert page.locator(".film span").inner_text() == "step 1"
    page.get_by_role("button", name="Play").click()
    page.get_by_text("step 20", exact=True).wait_for()
    page.get_by_role("button", name="200 steps more").click()
    page.get_by_text(re.compile(r"^\d+ of 220 steps · \d+ s left")).wait_for()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Stop run").click()
    page.get_by_text(re.compile("of 220 steps · stopped")).wait_for()


def test_a_dropped_in_picture_draws_itself_again(browse, tmp_path):
    from playwright.sync_api import expect

    page = browse("ideal_class?steps=10")
    page.get_by_role("button", name="zebra").click()
    page.get_by_role("button", name="Draw").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PNG").click()
    picture = tmp_path / "zebra.png"
    download.value.save_as(picture)

    another = browse("ideal_class")
    another.get_by_text("Draw a saved picture again").click()
    inputs = another.locator('input[type="file"]')
    inputs.set_input_files(
        {"name": "no.png", "mimeType": "image/png", "buffer": picture.read_bytes()[:900]}
    )
    another.get_by_text("is damaged or cut off").wait_for()
    inputs.set_input_files(str(picture))
    another.get_by_text("Identical, pixel for pixel").wait_for()
    expect(another.get_by_label("Steps", exact=True)).to_have_value("10")
    another.get_by_text("All settings are now as for that picture").wait_for()


def test_a_run_goes_on_while_another_page_is_looked_at_and_keeps_what_is_there_when_it_stops(
    browse,
):
    page = browse("ideal_class?steps=2000")
    page.get_by_role("button", name="Draw").click()
    running = page.get_by_text(re.compile(r"^\d+ of 2,000 steps · \d+ s left"))
    running.wait_for()
    done = int(running.inner_text().split()[0])
    page.get_by_role("link", name="Feature maps").first.click()
    page.get_by_role("heading", name="Feature maps", level=1).wait_for()
    page.get_by_role("link", name="Ideal class").first.click()
    running.wait_for()
    assert int(running.inner_text().split()[0]) > done
    page.get_by_role("button", name="Stop run").click()
    ended = page.get_by_text(re.compile(r"of 2,000 steps · stopped"))
    ended.wait_for()
    assert int(ended.inner_text().split()[0]) < 1500
    assert page.get_by_role("button", name="Download PNG").is_enabled()
    page.get_by_role("slider", name="Time-lapse").wait_for()


def test_the_dalmatian_becomes_a_tabby(browse):
    page = browse("adversarial_attack")
    assert float(page.get_by_role("slider").input_value()) == 4
    page.locator(".st-key-attack_start button").first.click()
    page.get_by_text("The network now takes it for tabby").wait_for()
    assert "still fools it" in page.get_by_text("saved as PNG and read back").inner_text()
    assert "4/255" in page.get_by_text("greatest change of a pixel").inner_text()
    page.locator('[data-testid="stImage"] img').nth(3).wait_for()
    assert page.locator('[data-testid="stImage"] img').count() == 4
    keep_screenshot(page, "adversarial_attack")
    assert_open_to_all(page)


def test_feature_maps_of_the_chosen_photo_are_shown(browse):
    page = browse("feature_maps")
    page.get_by_role("radio", name="Dalmatian").click()
    page.get_by_text("dalmatian", exact=True).wait_for()
    page.get_by_role("radio", name="Dalmatian").press("ArrowLeft")  # back to the cat, by keyboard
    page.get_by_text("Egyptian cat", exact=True).wait_for()
    page.keyboard.press("ArrowRight")  # the keys have not lost their place
    page.get_by_text("dalmatian", exact=True).wait_for()
    mosaic = page.get_by_alt_text("Mosaic of the feature maps of blocks.1.0")
    assert mosaic.evaluate("image => image.naturalWidth") > 1000
    page.get_by_role("radio", name="Channel 7", exact=True).click()
    page.get_by_role("heading", name="Channel 7 of blocks.1.0").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_role("heading", name="Channel 7 of blocks.1.0").wait_for(state="detached")
    keep_screenshot(page, "feature_maps")
    assert_open_to_all(page)


def test_what_imagenet_does_not_know_is_learned(browse):
    query = "" if TAKES_SCREENSHOTS else "?set=faces&photos=15"  # digits are many to look at
    page = browse(f"fine_tuning{query}")
    page.get_by_role("button", name="Train").first.click()
    sentence = page.get_by_text(
        re.compile(f"It learned from {600 if TAKES_SCREENSHOTS else 30} photos")
    )
    sentence.wait_for()
    assert percentage(sentence.inner_text()) >= 80  # guessing gets 50
    page.locator(".js-plotly-plot").first.wait_for()
    page.locator('[data-testid="stMain"]').evaluate("main => main.scrollTo(0, 290)")
    keep_screenshot(page, "fine_tuning")
    assert_open_to_all(page)


def test_a_link_in_a_language_keeps_it_through_a_reload(browse):
    page = browse("feature_maps?language=PT", locale="en-US")
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.reload()
    page.get_by_role("heading", name="Mapas de características", level=1).wait_for()
    assert page.url.endswith("?language=PT")


def test_the_language_is_the_browsers_until_it_is_switched_and_choices_survive_that(browse):
    from playwright.sync_api import expect

    page = browse("feature_maps", locale="pt-BR")
    assert page.locator("h1").inner_text() == "Mapas de características"
    page.get_by_text("EN", exact=True).click()
    page.get_by_role("heading", name="Feature maps", level=1).wait_for()
    page.get_by_role("link", name="Ideal class").first.click()
    page.get_by_role("heading", name="Ideal class", level=1).wait_for()
    page.get_by_text("More settings").click()
    page.get_by_role("radio", name="As in the lesson").click()
    page.get_by_text("2,000", exact=True).first.wait_for()
    page.get_by_text("PT", exact=True).click()
    page.get_by_role("heading", name="Classe ideal", level=1).wait_for()
    page.get_by_text("2.000", exact=True).first.wait_for()
    if not page.get_by_role("spinbutton", name="Passos").is_visible():
        page.get_by_text("Mais ajustes").click()
    page.get_by_role("spinbutton", name="Passos").fill("100")
    page.get_by_role("spinbutton", name="Passos").press("Enter")
    page.locator("[data-test-script-state=notRunning]").wait_for()
    expect(page.get_by_role("radio", name="Como na aula")).to_be_checked()
    expect(page.get_by_text("2.000", exact=True).first).to_be_visible()
