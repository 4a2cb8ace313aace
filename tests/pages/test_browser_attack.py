"""The attack lab in a real Chromium: from the smallest ε to the attack that goes through."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from PIL import Image

from core.zoo import predictions
from tests.helpers.accessibility import assert_open_to_all

A_LONG_WHILE = 120_000  # ms; three networks are bisected, on any machine


def downloaded(page, name: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return Path(download.value.path()).read_bytes()


def test_the_lab_from_the_smallest_epsilon_to_the_adaptive_attack(browse, lite0):
    page = browse("adversarial_attack")
    from playwright.sync_api import expect

    page.set_default_timeout(A_LONG_WHILE)
    steps = page.get_by_role("spinbutton", name="Steps").first
    steps.fill("8")
    steps.press("Enter")

    page.get_by_role("tab", name="How much is needed").click()
    page.get_by_role("button", name="Find the smallest").click()
    use = page.get_by_role("button", name="Attack with ε")
    use.click()
    expect(page.get_by_role("slider").first).not_to_have_value("4", timeout=A_LONG_WHILE)
    epsilon = float(page.get_by_role("slider").first.input_value())
    assert epsilon < 4

    page.get_by_test_id("stBaseButton-primary").click()
    page.get_by_text("The network now takes it for tabby").wait_for()
    page.get_by_role("slider", name="Before or after").fill("20")

    page.get_by_role("tab", name="Ledger").click()
    page.get_by_text("probability of what was wanted").first.wait_for()
    assert page.get_by_text("probability of what was wanted").count() == 2
    (row,) = csv.DictReader(io.StringIO(downloaded(page, "Download CSV").decode("utf-8-sig")))
    assert float(row["epsilon"]) == epsilon
    assert row["after"] == "tabby"
    assert row["survives_png"] == "True"
    assert row["transfer"].count("fooled") == 2

    saved = Image.open(io.BytesIO(downloaded(page, "Download PNG")))
    seen = predictions.top(lite0, saved)[0]
    assert seen.class_name == "tabby"
    assert seen.probability == pytest.approx(float(row["after_probability"]), abs=1e-3)

    page.get_by_role("tab", name="What helps").click()
    for other in ("JPEG", "Fewer bits", "Resize and pad", "Random crops"):
        page.get_by_text(other, exact=True).first.click()
    page.get_by_role("button", name="Measure", exact=True).click()
    page.get_by_text("All of it on pictures saved in 8 bits").wait_for()
    table = page.locator('[data-testid="stTable"]:visible')
    table.wait_for()
    assert page.get_by_test_id("stException").count() == 0
    assert table.count() == 1

    # Other photos to measure on: the place stays the same.
    page.get_by_role("radio", name="Your photos").click()
    page.get_by_text("Add some photos first.").wait_for()
    expect(page.get_by_role("tab", name="What helps")).to_have_attribute("aria-selected", "true")

    # The words that a class is only found by lie beyond the edge of its box, also of a wide one.
    page.get_by_role("tab", name="Sticker").click()
    box = page.locator(".st-key-attack_sticker_1000 input")
    width, em = box.evaluate("e => [e.clientWidth, parseFloat(getComputedStyle(e).fontSize)]")
    assert box.input_value().startswith("toaster")
    assert width < 24 * em
    assert_open_to_all(page)
