"""The walk through a network in a real Chromium, as a visitor clicks it."""

from __future__ import annotations

import re

import pytest

from tests.helpers.accessibility import assert_open_to_all
from tests.helpers.sight import in_sight

LAYER = "blocks.2.1"
PHONE, PROJECTOR = {"width": 390, "height": 844}, {"width": 1280, "height": 720}


def test_a_layer_is_chosen_in_the_diagram_and_a_channel_in_the_mosaic(browse):
    page = browse("feature_maps")
    network = page.get_by_role("radiogroup", name="The layers of EfficientNet-Lite0")
    network.get_by_role("radio", name=re.compile(f"{re.escape(LAYER)} ")).click()
    page.get_by_alt_text(f"Mosaic of the feature maps of {LAYER}").wait_for()
    page.get_by_role("radio", name="Channel 6", exact=True).click()
    page.get_by_role("heading", name=f"Channel 6 of {LAYER}").wait_for()
    overlay = page.get_by_alt_text("The channel laid over the photo")
    first = overlay.get_attribute("src")
    page.get_by_role("radio", name="Channel 7", exact=True).click()
    page.get_by_role("heading", name=f"Channel 7 of {LAYER}").wait_for()
    page.wait_for_function(
        "before => document.querySelector(\"img[alt='The channel laid over the photo']\")?.src"
        " !== before",
        arg=first,
    )
    page.get_by_alt_text(re.compile("receptive field of the chosen value")).wait_for()
    page.get_by_role("button", name="Draw it").click()
    page.get_by_alt_text(
        f"The ideal picture of channel 7 of {LAYER}"
    ).first.wait_for()  # the one before it may still be fading


def test_the_diagram_and_the_mosaic_work_with_the_keyboard(browse):
    page = browse("feature_maps")
    network = page.get_by_role("radiogroup", name="The layers of EfficientNet-Lite0")
    network.get_by_role("radio", checked=True).focus()
    for _ in range(3):  # faster than the server answers
        page.keyboard.press("ArrowRight")
    page.get_by_alt_text("Mosaic of the feature maps of blocks.2.1").wait_for()
    chosen = network.get_by_role("radio", checked=True)
    assert chosen.get_attribute("aria-label").startswith(
        "Layer 6 of 18, blocks.2.1 · 40 maps of 28×28 numbers · "
    )
    assert chosen.evaluate("button => button.getRootNode().activeElement === button")
    page.keyboard.press("End")
    page.get_by_alt_text("Mosaic of the feature maps of conv_head").wait_for()
    page.keyboard.press("Home")
    page.get_by_alt_text("Mosaic of the feature maps of conv_stem").wait_for()

    # Where the picture is lower than its place, as on a projector, the frames keep to it.
    page.add_style_tag(content=".st-key-maps_mosaic img { max-height: 100px; object-fit: contain }")
    frames = page.locator(".channels").first.bounding_box()
    assert frames["height"] == pytest.approx(100, abs=1)
    assert frames["width"] == pytest.approx(200, abs=1)  # 8 by 4 channels
    place = page.locator(".st-key-maps_mosaic").bounding_box()
    middles = [box["x"] + box["width"] / 2 for box in (frames, place)]
    assert middles[0] == pytest.approx(middles[1], abs=1)

    page.get_by_role("radio", name="Channel 5", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Channel 5 of conv_stem").wait_for()


def test_from_the_photo_to_a_number_and_back_by_touch_and_by_keys(browse):
    page = browse("feature_maps?layer=blocks.1.0", locale="pt-BR")
    page.set_viewport_size(PHONE)
    page.get_by_role("radio", name="Canal 12", exact=True).click()
    page.get_by_role("heading", name="Canal 12 de blocks.1.0").wait_for()

    shown = page.get_by_role("application")
    shown.click(position={"x": 60, "y": 60})
    page.get_by_text(re.compile(r"^linha \d+, coluna \d+: ")).wait_for()
    shown.focus()
    before = page.locator("output").first.inner_text()
    page.keyboard.press("ArrowRight")
    told = page.locator("output").first.inner_text()
    column = int(re.search(r"coluna (\d+)", before)[1])
    assert f"coluna {column + 1}:" in told
    value = told.rpartition(": ")[2]
    following = page.get_by_role("button", name="Um passo adiante")
    page.locator(".number .sum > b").last.get_by_text(value, exact=True).wait_for(state="attached")
    for step in ("1/3", "2/3"):  # it begins at its first step
        page.get_by_text(step).wait_for()
        following.click()
    page.get_by_text("3/3").wait_for()
    page.locator(".number .sum > b").last.get_by_text(value, exact=True).wait_for()

    page.get_by_role("button", name="Um passo para trás").click()
    page.get_by_text("2/3").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_text("3/3").wait_for()
    page.set_viewport_size(PROJECTOR)
    assert_open_to_all(page)
    page.set_viewport_size(PHONE)

    page.locator(".number .source").first.click()
    page.get_by_role("heading", name=re.compile("dentro de blocks.1.0")).wait_for()
    page.locator(".number .told", has_text="1/5").wait_for()  # another kind: from the start again
    in_sight(page, ".st-key-maps_number", 0.5)
    page.get_by_role("radio", name="De onde vem").click()
    page.get_by_text("Alimentado por").first.wait_for()
    page.locator(".links button").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=re.compile("depois da convolução 1×1")).wait_for()
    page.get_by_role("button", name=re.compile("Voltar a: Canal")).click()
    page.get_by_role("button", name="Voltar a: Canal 12 de blocks.1.0").click()
    page.get_by_role("heading", name="Canal 12 de blocks.1.0").wait_for()

    page.get_by_role("radio", name="Desligar canais").click()
    page.get_by_role("radio", name="desligado").click()
    page.get_by_text("Alterados – canal 12 desligado (blocks.1.0)").wait_for()
    page.get_by_role("button", name="Tudo como era").click()
    page.get_by_text("Alterados").wait_for(state="detached")


def test_where_it_looks_is_shown_by_three_methods(browse):
    page = browse("feature_maps")
    page.get_by_text("Where it looks", exact=True).click()
    for name in ("Grad-CAM", "Integrated Gradients", "Occlusion"):
        page.get_by_alt_text(name, exact=True).wait_for()
    page.get_by_text("Yellow speaks for").wait_for()
    assert_open_to_all(page)


def test_the_tour_draws_what_its_channels_look_for(browse):
    page = browse("feature_maps")
    page.get_by_text("Where it looks", exact=True).click()
    page.get_by_alt_text("Grad-CAM", exact=True).wait_for()
    page.get_by_text("From edges to cat", exact=True).click()  # the other methods still compute
    page.get_by_text("How does a photo become “Egyptian cat”?").wait_for()
    page.get_by_alt_text(re.compile("Lit where channel")).nth(2).wait_for()
    page.get_by_role("button", name="Draw their ideal pictures").click()
    for stop in ("1 · Edges", "5 · Things"):
        page.get_by_text(stop, exact=True).click()
        page.get_by_alt_text(re.compile("The ideal picture of channel")).nth(2).wait_for()
    page.get_by_role("button", name="Download PNG").wait_for()
    assert page.get_by_alt_text("Grad-CAM", exact=True).count() == 0


def test_two_networks_stand_side_by_side(browse):
    page = browse("feature_maps")
    page.get_by_text("Side by side", exact=True).click()
    page.get_by_alt_text(re.compile("^Maps of")).nth(1).wait_for()
    page.get_by_text("At the same relative depth").wait_for()
    page.get_by_role("radio", name="photos", exact=True).click()
    page.get_by_text("The same channels in the same places").wait_for()


def test_a_knot_on_the_way_back_opens_its_channel(browse):
    page = browse("feature_maps")
    page.get_by_text("Trace it back", exact=True).click()
    tree = page.get_by_role("group", name="The way back from Egyptian cat to the edges")
    knot = tree.get_by_role("button", name=re.compile("of layer 11 of 18")).nth(1)
    knot.wait_for()
    assert_open_to_all(page)
    channel = re.match(r"Channel (\d+) of", knot.get_attribute("aria-label"))[1]
    knot.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=f"Channel {channel} of blocks.4.1").wait_for()
    page.get_by_alt_text("Mosaic of the feature maps of blocks.4.1").wait_for()
