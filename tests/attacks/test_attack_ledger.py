"""The ledger: measured on the saved pixels, with scikit-image as it is, and safe to export."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.attacks import ledger
from core.attacks.goal import Goal, goal_for
from core.attacks.loop import Attempt, Settings, attack
from core.attacks.report import report
from core.images import photos
from core.steps import finish
from core.zoo import loading
from core.zoo.classifier import Classifier
from core.zoo.labels import Labels, imagenet
from tests.helpers.files import ODD_PICTURES

TABBY = 281


def row_of(network: Classifier, attempt: Attempt, **known) -> ledger.Row:
    return ledger.enter_report(network, report(network, attempt), **known)


@pytest.fixture(scope="module")
def found(lite0, dalmatian) -> tuple[Attempt, ledger.Row]:
    prepared = photos.prepare(dalmatian, 224)
    goal = Goal(TABBY, targeted=True, true_id=251)
    attempt = finish(attack(lite0, prepared, goal, Settings(epsilon=4, steps=10)))
    others = [loading.shared("efficientnet_lite1")]
    row = row_of(lite0, attempt, photo="dalmatian", attack="ifgsm", seconds=1.5, others=others)
    return attempt, row


def test_a_row_tells_what_the_saved_file_gives(lite0, found):
    attempt, row = found
    saved = photos.decode(photos.encode_png(photos.to_pixels(attempt.adversarial)), "x.png")
    probabilities = lite0.probabilities(photos.prepare(saved, 224))[0]
    assert row.success
    assert row.survives.png
    assert row.after[0].class_id == TABBY
    assert row.after[0].probability == pytest.approx(float(probabilities[TABBY]), abs=1e-3)
    assert row.before[0].class_name == "dalmatian"
    assert len(row.before) == len(row.after) == 5
    assert row.linf <= 4


def test_similarity_follows_its_definition(found):
    attempt, row = found
    before, after = (photos.to_pixels(p) for p in (attempt.original, attempt.adversarial))
    error = ((before.astype(float) - after) ** 2).mean()
    assert row.psnr == pytest.approx(10 * math.log10(255**2 / error))
    assert 0.9 < row.ssim < 1
    assert row.changed == (before != after).any(-1).mean()


def test_nothing_changed_is_written_as_such(lite0, found):
    attempt, _ = found
    unchanged = replace(attempt.within(0), success=False)
    row = row_of(lite0, unchanged, photo="x", attack="pgd", seconds=0)
    assert (row.linf, row.l2, row.changed, row.ssim) == (0, 0, 0, 1)
    assert math.isinf(row.psnr)
    assert not row.success
    assert ledger.as_record(row)["psnr_db"] is None


def test_transfer_tells_what_the_other_network_says_of_the_saved_picture(found):
    attempt, row = found
    (other,) = row.transfer
    lite1 = loading.shared("efficientnet_lite1")
    pixels = photos.to_pixels(attempt.adversarial)
    seen = lite1.probabilities(
        photos.prepare(photos.decode(photos.encode_png(pixels), "x"), lite1.input_size)
    )[0]
    assert other.network == "efficientnet_lite1"
    assert other.after.class_id == int(seen.argmax())
    assert other.wanted == pytest.approx(float(seen[TABBY]), abs=1e-3)
    assert other.fooled == (other.after.class_id == TABBY)


def test_a_network_is_not_fooled_by_a_photo_that_nobody_changed(lite0, found):
    pixels = photos.to_pixels(found[0].original)
    for goal in (Goal(251, targeted=True), Goal(251, targeted=False)):
        assert not ledger.transfer(lite0, lite0, goal, pixels, pixels).fooled


def test_a_network_without_the_class_cannot_be_asked_for_it(lite0, tiny, found):
    pixels = photos.to_pixels(found[0].original)
    told = ledger.transfer(tiny, lite0, Goal(TABBY, targeted=True), pixels, pixels)
    assert told.wanted is None
    assert not told.fooled


def test_a_network_is_asked_for_a_class_that_people_call_otherwise(lite0, tiny, found):
    """Classes of one's own are called as folders are: "ants", where ImageNet says "ant"."""
    mine = tiny.with_head(
        tiny.head, name="own", title="", labels=Labels(["ants", "bees", "c", "d", "e"]), accuracy=0
    )
    pixels = photos.to_pixels(found[0].original)
    told = ledger.transfer(lite0, mine, Goal(0, targeted=True), pixels, pixels)
    assert told.wanted is not None
    assert imagenet().called("Ants") == imagenet().index("ant")
    assert imagenet().called("no such thing") is None
    assert imagenet().called("crane") is None  # a bird or a machine?


def test_a_shift_moves_the_picture_by_two_pixels(tiny, monkeypatch):
    shown = []
    original = type(tiny).forward
    monkeypatch.setattr(
        type(tiny), "forward", lambda self, x: (shown.append(x), original(self, x))[1]
    )
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    ledger.survival(tiny, Goal(1, targeted=True), pixels)
    _, _, shifted, _ = shown
    assert torch.equal(shifted[..., 2:, 2:], photos.from_pixels(pixels)[..., :-2, :-2])


@pytest.mark.parametrize("kind", ODD_PICTURES)
def test_odd_pictures_get_a_sensible_row(tiny, kind):
    photo = photos.decode(ODD_PICTURES[kind](), kind)
    goal = goal_for(tiny, photo, None)
    prepared = photos.prepare(photo, tiny.input_size)
    attempt = finish(attack(tiny, prepared, goal, Settings(epsilon=8, steps=3)))
    row = row_of(tiny, attempt, photo=kind, attack="ifgsm", seconds=0)
    assert row.linf <= 8
    assert row.before[0].class_id == goal.class_id
    assert row.success == (row.after[0].class_id != goal.class_id)
    assert ledger.to_csv([row])


def test_a_photo_that_is_wrong_already_counts_as_fooled_without_a_change(lite0, dalmatian):
    prepared = photos.prepare(dalmatian, 224)
    attempt = finish(
        attack(lite0, prepared, Goal(TABBY, targeted=False), Settings(steps=3, stop_early=True))
    )
    row = row_of(lite0, attempt, photo="x", attack="ifgsm", seconds=0)
    assert row.success
    assert (row.steps, row.linf, row.changed) == (0, 0, 0)


def test_no_room_to_change_anything_fools_nobody(lite0, dalmatian):
    goal = goal_for(lite0, dalmatian, None)
    prepared = photos.prepare(dalmatian, 224)
    attempt = finish(attack(lite0, prepared, goal, Settings(epsilon=0, steps=2)))
    row = row_of(lite0, attempt, photo="x", attack="ifgsm", seconds=0)
    assert not row.success
    assert row.linf == 0


@pytest.mark.parametrize("side", [1, 2, 6])
def test_tiny_pictures_have_a_survival_and_no_similarity(tiny, side):
    pixels = np.full((side, side, 3), 90, np.uint8)
    ledger.survival(tiny, Goal(1, targeted=True), pixels)
    assert math.isnan(ledger.ssim(pixels, pixels))


def test_the_export_is_read_back_as_it_was_written(found):
    row = replace(found[1], photo='=cmd|"x", and\nmore')
    text = ledger.to_csv([row, found[1]]).decode("utf-8-sig")
    first, second = csv.DictReader(io.StringIO(text))
    assert tuple(first) == ledger.COLUMNS
    assert first["photo"] == "'" + row.photo
    assert second["after"] == "tabby"
    assert float(second["l2"]) == pytest.approx(row.l2, abs=1e-4)
    assert second["survives_png"] == "True"
