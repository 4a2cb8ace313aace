"""A full lesson of scenes in a real Chromium, in Portuguese, and what a link carries.

The scenes' buttons are found by their keys, so that the test needs no text of either language.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from core.classroom import lesson
from tests.helpers.accessibility import assert_open_to_all
from tests.helpers.sight import in_sight

PROJECTOR = {"width": 1280, "height": 720}


def click(field) -> None:
    """Click without a mouse: Streamlit draws something else over a form's fields."""
    field.evaluate("field => field.click()")


CHANGED = ".st-key-attack_pictures [data-testid=stColumn]:last-child img"


RESULTS = {
    "number": (".st-key-maps_number", 0.9),
    "unfamiliar": ('[class*="st-key-maps_diagram"]', 0.95),
    "switch": (".st-key-maps_switched", 0.95),
    "transfer": (".live-number", 0.95),
    "noise": ('[class*="st-key-abreast"] img', 0.95),
    "dog": ("[data-testid=stAlertContentSuccess]", 0.95),
}
"""What a scene has shown, and how much of it is seen when the answer stands above it."""


def predict(page, part, option: int) -> None:
    """Choose an option: the question folds to a line that says it, and what it covered is seen."""
    click(page.locator(f".st-key-lesson_choice_{part.id} input[type=radio]").nth(option))
    page.locator(f".st-key-lesson_reveal_{part.id} button:enabled").first.wait_for()
    line = page.locator(f".st-key-scene_is_answered .st-key-lesson_fold_{part.id} summary")
    line.wait_for()
    assert line.bounding_box()["height"] < 65  # two lines of large type


def reveal(page, part) -> None:
    """Let the page tell what holds; button, answer and result are seen, however far down one is."""
    in_sight(page, f".st-key-lesson_reveal_{part.id} button")
    page.locator(f".st-key-lesson_reveal_{part.id} button").first.click()
    page.locator(f".st-key-lesson_fold_{part.id} details[open]").wait_for()
    in_sight(page, f".st-key-lesson_fold_{part.id}")
    if part.id in RESULTS:
        in_sight(page, *RESULTS[part.id])


def place_of(page, selector: str) -> tuple[int, int]:
    """Return where a button stands in the window."""
    box = page.locator(selector).locator("visible=true").first.bounding_box()
    return round(box["x"]), round(box["y"])


def look(page, part) -> None:
    """Do a little of what the scene is for; what comes of it is seen without scrolling."""
    match part.id:
        case "edges":
            page.locator(".st-key-maps_stop button").nth(3).click()
            layer = page.locator(".network .layer[aria-checked=true]")
            layer.and_(page.locator("[aria-label*='14']")).wait_for()  # the diagram follows
            in_sight(page, ".st-key-maps_halt img")
            # The page may still be scrolling to the stop: a mouse could miss what moves under it.
            click(page.locator(".st-key-maps_view button").first)
            page.locator(".st-key-maps_mosaic").wait_for()
            click(page.locator(".network .layer").first)
            page.get_by_alt_text("conv_stem").first.wait_for()
            in_sight(page, ".st-key-maps_mosaic", part=0.4)
            in_sight(page, '[class*="st-key-maps_diagram"]')  # for the next click
        case "number":
            in_sight(page, ".st-key-maps_row_channel img")
            in_sight(page, ".st-key-maps_number")
        case "switch":
            page.locator(".st-key-maps_measure_losses button").first.click()
            in_sight(page, ".st-key-maps_losses_row")
            most = page.locator(".links button").first
            channel = most.locator("span").inner_text()
            most.click()
            # There is a switch for the channel before until the page has run.
            switch = f".st-key-maps_switch_efficientnet_lite0_blocks-1-0_{channel}"
            page.locator(f"{switch} button").first.click()
            in_sight(page, ".st-key-maps_switched")
            in_sight(page, ".st-key-maps_inspector [data-testid=stMarkdown]")
        case "unfamiliar":
            page.get_by_text("trenó de bobsled", exact=True).wait_for()
        case "transfer":
            in_sight(page, ".st-key-train_start button")
            page.locator(".st-key-train_count_1 button").click()
            page.locator(".st-key-train_count_1 [data-testid=stIconMaterial]").wait_for()
            page.locator(".st-key-train_start button").first.click()
            page.locator(".js-plotly-plot").first.wait_for()
            in_sight(page, ".live-number")
            page.locator(".st-key-train_count_1 button", has_text="%").wait_for()
            in_sight(page, ".st-key-train_counts")  # for the next number of photos
        case "noise":
            page.get_by_role("heading", name="Classe ideal", level=1).wait_for()
            page.locator(".st-key-ideal_lesson button").first.click()
            page.locator('[data-testid="stImage"] img').nth(1).wait_for()
            in_sight(page, '[class*="st-key-abreast"] img')
            page.locator(".st-key-ideal_stop button:enabled").first.click()
            page.locator(".st-key-ideal_stop button:disabled").first.wait_for()
        case "zebra":  # nothing is left of the scene before
            assert page.locator('[class*="st-key-abreast"]').count() == 0
            page.locator(".st-key-ideal_start button").first.click()
            in_sight(page, ".st-key-stage_picture img")
            page.locator(".st-key-ideal_stop button:enabled").first.click()
            page.locator(".st-key-ideal_stop button:disabled").first.wait_for()
        case "dog":
            page.locator(".st-key-attack_start button").first.click()
            page.locator('[data-testid="stAlertContentSuccess"]').wait_for()
            in_sight(page, '[data-testid="stAlertContentSuccess"]')
            in_sight(page, CHANGED, part=0.8)
        case "helps":
            in_sight(page, ".st-key-attack_defences_start button")


def test_a_lesson_runs_from_start_to_finish_on_the_projector_in_portuguese(browse):
    page = browse("lesson?present=1", locale="pt-BR")
    page.set_viewport_size(PROJECTOR)
    page.locator(f".st-key-lesson_open_{lesson.PARTS[-1].id} button").first.wait_for()
    page.locator(f".st-key-lesson_open_{lesson.PARTS[0].id} button").first.click()
    places = set()
    for number, part in enumerate(lesson.PARTS, 1):
        strip = page.locator(".st-key-lesson_strip")
        strip.get_by_text(f"{number}/{len(lesson.PARTS)}").wait_for()
        page.locator(f".st-key-lesson_choice_{part.id}").wait_for()
        predict(page, part, part.expected if number % 2 else 0)
        look(page, part)
        reveal(page, part)
        if part.id in ("number", "noise"):  # the others, with results, in tests of their pages
            assert_open_to_all(page)
        if number < len(lesson.PARTS):
            following = f".st-key-lesson_open_{lesson.PARTS[number].id} button"
            buttons = (f".st-key-lesson_reveal_{part.id} button", following)
            places.add(tuple(place_of(page, button) for button in buttons))
            page.locator(following).first.click()
    assert len(places) == 1
    page.locator(".st-key-lesson_strip [data-testid=stPageLink] a").first.click()
    page.wait_for_url("**/lesson*")
    page.locator("[class*=st-key-lesson_fold]").nth(len(lesson.PARTS) - 1).wait_for()
    assert page.locator("[class*=st-key-lesson_choice]").count() == 0
    right = sum(n % 2 == 1 or part.expected == 0 for n, part in enumerate(lesson.PARTS, 1))
    told = page.locator("[data-testid=stProgress]").inner_text()
    assert [int(word.strip(",")) for word in told.split() if word.strip(",").isdigit()] == [
        *(len(lesson.PARTS), len(lesson.PARTS)),
        right,
    ]


def test_on_a_phone_whoever_presses_a_button_sees_what_it_does(browse):
    page = browse("adversarial_attack?steps=4")
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator(".st-key-attack_start button").locator("visible=true").click()
    in_sight(page, CHANGED)
    page.locator(".st-key-attack_verdict [data-testid=stAlert]").wait_for()
    in_sight(page, ".st-key-attack_verdict [data-testid=stAlert]")
    in_sight(page, CHANGED)
    assert page.locator("[data-testid=stMain] kbd").locator("visible=true").count() == 0

    menu = page.locator("[data-testid=stSidebar]")
    page.get_by_test_id("stExpandSidebarButton").click()
    menu.get_by_role("link", name="Feature maps").click()
    page.get_by_role("heading", name="Feature maps", level=1).wait_for()
    page.wait_for_function(
        "document.querySelector('[data-testid=stSidebar]').getBoundingClientRect().right <= 0"
    )
    page.locator(".network .layers.more-after").wait_for()  # a hint at the bars that are cut
    page.locator(".network .layer").nth(1).click()
    page.get_by_alt_text("Mosaic of the feature maps of blocks.0.0").wait_for()
    in_sight(page, ".st-key-maps_mosaic", part=0.4)
    page.get_by_role("radio", name="Channel 5", exact=True).click()
    page.get_by_role("heading", name="Channel 5 of blocks.0.0").wait_for()
    in_sight(page, ".st-key-maps_row_channel img", part=0.8)


def test_a_link_opens_what_it_was_taken_from(browse):
    from playwright.sync_api import expect

    page = browse("adversarial_attack?epsilon=2.5&photo=eagle&class=340")
    page.locator(".st-key-attack_steps input").fill("17")
    page.locator(".st-key-attack_steps input").press("Enter")
    click(page.locator(".st-key-attack_untargeted input"))
    page.locator(".st-key-attack_untargeted input:checked").wait_for(state="attached")
    page.locator(".st-key-scene_link button").first.click()
    link = page.get_by_role("dialog").locator("code").inner_text()
    code = page.get_by_role("dialog").locator("img")
    for size in (PROJECTOR, {"width": 390, "height": 844}):  # whole, and large
        page.set_viewport_size(size)
        in_sight(page, "[role=dialog] img", part=1)
        in_sight(page, "[role=dialog] code", part=1)
        assert code.bounding_box()["width"] >= 240
    page.set_viewport_size(PROJECTOR)
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
    in_sight(page, ".st-key-lesson_strip", part=1)
    page.locator(".st-key-ideal_lesson button").first.click()
    pictures = page.locator('[data-testid="stImage"] img')
    pictures.nth(1).wait_for()
    boxes = pictures.evaluate_all(  # at one moment: the page may be moving
        "images => images.slice(0, 2).map(image => image.getBoundingClientRect().toJSON())"
    )
    in_sight(page, '[data-testid="stImage"] img')
    assert all(box["width"] >= 240 for box in boxes)
    assert abs(boxes[0]["y"] - boxes[1]["y"]) < 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.locator(".st-key-ideal_stop button:enabled").first.click()
    page.locator(".st-key-ideal_stop button:disabled").first.wait_for()
    in_sight(page, '[class*="st-key-abreast"] ul.opinions')
    # While the page runs again after that, nothing vanishes: it would get shorter, and jump.
    shown = page.locator('[class*="st-key-abreast"] [data-testid="stElementContainer"]:has(img)')
    shown.first.evaluate("element => (element.dataset.stale = 'true')")
    page.wait_for_timeout(800)
    assert shown.first.is_visible()
