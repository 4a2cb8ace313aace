"""A network of one's own in a real Chromium: from uploaded files to an attack on it."""

from __future__ import annotations

import re

import numpy as np

from core.images import photos


def cut_outs(sample: str) -> list[dict]:
    """Six different pieces of a sample photo, as files to upload."""
    picture = photos.read_sample(sample)
    side = min(picture.size) - 60
    return [
        {
            "name": f"{sample}-{i}.jpg",
            "mimeType": "image/jpeg",
            "buffer": photos.encode_jpeg(
                np.asarray(picture.crop((i, i, i + side, i + side)).resize((160, 160)))
            ),
        }
        for i in range(0, 60, 10)
    ]


def test_two_classes_of_files_become_a_network_that_goes_home_comes_back_and_is_attacked(
    browse, tmp_path
):
    from playwright.sync_api import expect

    page = browse("fine_tuning")
    page.get_by_text("Your photos", exact=True).click()
    expect(page.get_by_text("Add photos of at least two classes first.")).to_be_visible()
    classes = (("fur 🐈", "cat"), ("metal/paint", "car"))
    for i, (name, _) in enumerate(classes):
        field = page.get_by_label(f"Class {i + 1}", exact=True)
        field.fill(name)
        field.press("Enter")
    for i, (_, sample) in enumerate(classes):
        page.wait_for_timeout(1000)  # for the run that the class before has begun: it replaces
        page.locator("[data-test-script-state=notRunning]").wait_for()  # the fields
        files = page.locator(f".st-key-train_files_{i}")
        files.locator("input[type=file]").set_input_files(cut_outs(sample))
        files.get_by_text(re.compile(f"{sample}-\\d+.jpg")).first.wait_for()
    page.locator(".st-key-train_start button:enabled").first.click()
    expect(page.get_by_text(re.compile(r"It learned from 6 photos and gets"))).to_be_visible()
    expect(page.get_by_text("Confusion matrix").first).to_be_visible()

    page.get_by_role("tab", name="Take it home").click()
    with page.expect_download() as download:
        page.locator(".st-key-train_export button").first.click()
    zipped = tmp_path / "network.zip"
    download.value.save_as(zipped)

    page = browse("fine_tuning")  # another tab knows nothing of this one
    page.get_by_role("tab", name="Use it").click()
    expect(page.get_by_text("Train a network first.")).to_be_visible()
    page.get_by_role("tab", name="Take it home").click()
    page.locator(".st-key-train_import input[type=file]").set_input_files(zipped)
    expect(page.get_by_text("is now your network")).to_be_visible()
    page.get_by_role("tab", name="Use it").click()
    expect(page.get_by_text("Your photo, seen by your network")).to_be_visible()

    page.get_by_role("combobox", name="Network").first.click()
    page.get_by_text("★ Your network").last.click()
    page.get_by_role("link", name="Adversarial attack").first.click()
    expect(page.get_by_text(re.compile("2 classes"))).to_be_visible()
    page.locator(".st-key-attack_start button:enabled").first.click()
    expect(page.get_by_text(re.compile(r"Probability of")).first).to_be_visible()
    expect(page.locator(".st-key-attack_start button:enabled").first).to_be_visible()
    expect(page.get_by_text("The changed photo").first).to_be_visible()
