"""The attack's page as a visitor works it, without a browser."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.classroom import pin
from core.classroom.room import rooms
from core.data.datasets import from_files
from core.images import photos
from core.server.scheduler import scheduler
from core.steps import Step, finish
from core.synthesis import comparisons
from core.training.comparison import compare
from core.training.embeddings import EmbeddingCache
from core.training.loop import train
from core.training.settings import settings_for
from core.zoo import loading
from pages.parts.adversarial_attack import curve
from pages.parts.shared import registry
from tests.helpers.files import ODD_PICTURES
from tests.helpers.pages import all_text

pytestmark = pytest.mark.usefixtures("lite0")


OTHERS = "attack_others_efficientnet_lite0_False"


@pytest.fixture
def lab(visit):
    """The page with few steps and without other networks to ask, so that it is quick."""
    app = visit(registry.ATTACK)
    app.multiselect(key=OTHERS).set_value([])
    app.number_input(key="attack_steps").set_value(6).run()
    return app


def ledger_of(app) -> list:
    """The ledger's tables: the attempts, how large the changes are, and what they survive."""
    return [table.value for table in app.table]


def test_every_attempt_gets_a_line_in_the_ledger(lab):
    lab.multiselect(key=OTHERS).set_value(["efficientnet_lite1"])
    lab.checkbox(key="attack_untargeted").check().run()
    lab.toggle(key="attack_stop_early").set_value(True).run()
    lab.button(key="attack_start").click().run()
    lab.button(key="attack_start").click().run()
    assert not lab.exception
    assert "The network now takes it for" in all_text(lab)
    assert "which nobody attacked" in all_text(lab)
    attempts, sizes, seen = ledger_of(lab)
    assert len(attempts) == len(sizes) == len(seen) == 2
    assert attempts["Fooled"].tolist() == ["✓", "✓"]
    assert attempts["Photo"].tolist() == ["Dalmatian", "Dalmatian"]
    assert attempts["Network"].tolist() == ["EfficientNet-Lite0"] * 2
    assert attempts["To be seen as"].tolist() == ["anything else"] * 2
    assert {"L∞", "SSIM"} <= set(sizes.columns)
    assert {"JPEG 75", "EfficientNet-Lite1"} <= set(seen.columns)


def test_a_smaller_epsilon_brings_the_shown_change_back_at_once(lab):
    lab.button(key="attack_start").click().run()
    lab.slider(key="attack_epsilon_linf").set_value(2.0).run()
    assert not lab.exception
    assert "Brought back from ε = 4 to ε = 2" in all_text(lab)
    assert "**2/255**" in all_text(lab)
    lab.slider(key="attack_epsilon_linf").set_value(0.0).run()
    assert "Not fooled" in all_text(lab)
    assert len(ledger_of(lab)[0]) == 1  # looking closer is no attempt …
    lab.button(key="attack_enter").click().run()
    assert not lab.exception
    attempts, sizes, _ = ledger_of(lab)  # … unless one wants it to be
    assert attempts["Method"].tolist() == ["I-FGSM, brought back", "I-FGSM"]
    assert attempts["ε"].tolist() == ["0/255", "4/255"]
    assert attempts["Fooled"].tolist() == ["–", "✓"]
    assert sizes["L∞"].tolist() == ["0/255", "4/255"]


def test_what_cannot_be_aimed_is_explained(lab):
    lab.selectbox(key="attack_method").set_value("deepfool").run()
    assert "Cannot be aimed at a class" in all_text(lab)
    assert lab.button(key="attack_start").disabled
    lab.checkbox(key="attack_untargeted").check().run()
    assert not lab.button(key="attack_start").disabled


def test_answers_alone_can_be_aimed_where_there_is_a_photo_of_the_class(lab, lite0):
    lab.selectbox(key="attack_method").set_value("boundary").run()
    lab.number_input(key="attack_rounds_boundary").set_value(5)
    lab.button(key="attack_start").click().run()
    assert not lab.exception
    assert "none of the 24 at hand is one" in all_text(lab)  # for a tabby
    lab.selectbox(key="attack_class_1000").set_value(lite0.labels.index("strawberry")).run()
    lab.button(key="attack_start").click().run()
    assert not lab.exception
    assert "The network now takes it for **strawberry**" in all_text(lab)
    # A round is several questions; these are what is counted.
    (line,) = [bar.proto.text for bar in lab.get("progress")]
    assert re.search(r"^Asking the network · (\d+) of \1 questions", line)


def test_a_random_start_depends_on_the_seed(lab):
    lab.selectbox(key="attack_method").set_value("pgd").run()
    changed = []
    for seed in (1, 2, 1):
        lab.number_input(key="attack_seed").set_value(seed).run()
        lab.button(key="attack_start").click().run()
        outcome = scheduler().get(lab.session_state["owner"], "attack").snapshot().result
        changed.append(outcome.report.adversarial)
    assert (changed[0] == changed[2]).all()
    assert (changed[0] != changed[1]).any()


def test_a_patch_may_change_as_it_likes(lab):
    lab.selectbox(key="attack_mask").set_value("patch").run()
    assert not lab.exception
    assert lab.slider(key="attack_epsilon_patch").value == 255
    assert lab.number_input(key="attack_patch_side").value == 25


def test_defences_are_measured_with_the_attack_that_goes_through(lab):
    for name in ("jpeg", "bits", "resize", "crops"):
        lab.toggle(key=f"attack_defence_{name}").set_value(False)
    lab.run()
    lab.button(key="attack_defences_start").click().run()
    assert not lab.exception
    (found,) = (table.value for table in lab.table)
    assert found["Defence"].tolist() == ["No defence", "Blur"]
    assert found["Without attack"].tolist() == ["right", "right"]  # of one photo no percentages
    assert found["Attacker knows it"].tolist() == ["fooled", "fooled"]


def test_a_result_is_gone_or_marked_once_another_photo_is_chosen(lab):
    lab.toggle(key="attack_stop_early").set_value(True)
    lab.button(key="attack_start").click().run()
    for name in ("jpeg", "bits", "resize", "crops"):
        lab.toggle(key=f"attack_defence_{name}").set_value(False)
    lab.run()
    lab.button(key="attack_defences_start").click().run()
    assert "Made with: Dalmatian · EfficientNet\\-Lite0 · tabby" in all_text(lab)
    assert "The network now takes it for" in all_text(lab)
    lab.session_state["photo"] = "strawberries"
    lab.run()
    assert "The network now takes it for" not in all_text(lab)
    assert "Here you will see the change" in all_text(lab)
    assert (
        "Made with: Dalmatian · EfficientNet\\-Lite0 · tabby. With what is chosen now"
        in all_text(lab)
    )
    lab.session_state["photo"] = "dalmatian"
    lab.run()
    assert "The network now takes it for" in all_text(lab)


def test_the_smallest_epsilon_tells_what_8_bits_allow(lab):
    lab.checkbox(key="attack_untargeted").check().run()
    lab.button(key="attack_needed_start").click().run()
    assert not lab.exception
    assert "less than ε = 0.5/255 in a saved picture" in all_text(lab)
    found = scheduler().get(lab.session_state["owner"], "attack_needed").snapshot().result
    (needed,) = found.values()
    assert needed.unrounded < 0.5 <= needed.epsilon


def test_only_the_chosen_networks_are_asked(lab):
    lab.multiselect(key=OTHERS).set_value(["efficientnet_lite2"]).run()
    lab.button(key="attack_start").click().run()
    assert not lab.exception
    columns = set(ledger_of(lab)[2].columns)
    assert "EfficientNet-Lite2" in columns
    assert "EfficientNet-Lite1" not in columns


def test_the_curve_is_drawn_on_ones_own_photos(lab):
    lab.segmented_control(key="attack_photos_2").set_value("uploads").run()
    assert "Add some photos first." in all_text(lab)
    assert lab.button(key="attack_curve_start").disabled
    files = [
        ("red.png", encoded(Image.new("RGB", (40, 30), "red")), "image/png"),
        ("no.png", b"no picture", "image/png"),
    ]
    lab.file_uploader(key="attack_uploads").set_value(files).run()
    lab.button(key="attack_curve_start").click().run()
    assert not lab.exception
    assert "Photos measured: 1;" in all_text(lab)
    assert "What they show is not known" in all_text(lab)
    assert "1 could not be read." in all_text(lab)
    lab.segmented_control(key="attack_photos_2").set_value("samples").run()
    lab.segmented_control(key="attack_photos_2").set_value("uploads").run()
    assert "Still here: 2 files" in all_text(lab)
    assert not lab.button(key="attack_curve_start").disabled


@pytest.fixture(scope="module")
def trained():
    """A network trained on twelve pieces of two photos, in the one way that was tried."""
    pieces = {}
    for name in ("dalmatian", "cat"):
        picture = photos.read_sample(name)
        crops = [picture.crop((i, i, i + 200, i + 200)).resize((96, 96)) for i in range(0, 60, 10)]
        pieces[name] = [(f"{i}.png", encoded(crop)) for i, crop in enumerate(crops)]
    dataset, base = from_files(pieces), loading.shared("lite0")
    # Adversarial already, so that only the other one is left to be trained.
    settings = settings_for("blocks", blocks=1, epochs=1, epsilon=2, augmentation=False)
    return finish(compare({"blocks": train(base, dataset, settings, EmbeddingCache())}))


@pytest.fixture
def own(lab, trained):
    """The page of the visitor who has trained that network."""
    job = scheduler().submit(
        lab.session_state["owner"],
        "train",
        lambda: iter([Step(1, 1, result=trained)]),
        lambda last: last.result,
    )
    while not (seen := job.snapshot()).state.is_end:
        job.wait(seen.version, timeout=20)
    return lab.run()


def encoded(picture: Image.Image) -> bytes:
    return photos.encode_png(np.asarray(picture))


def test_adversarial_training_is_measured_on_ones_own_network(own, monkeypatch):
    monkeypatch.setattr(curve, "CURVE", replace(curve.CURVE, steps=2))
    own.button(key="attack_hardening_start").click().run()
    assert not own.exception
    text = all_text(own)
    assert "Attacked within ε = 2/255" in text or "attacked within ε = 2/255" in text
    assert "Photos measured: 6;" in text
    own.button(key="attack_hardening_own").click().run()
    own.sidebar.selectbox(key="network").set_value("own").run()
    assert not own.exception
    assert "cat · dalmatian**, 2 classes" in all_text(own)

    # And both draw their ideals, from the same noise.
    preset = comparisons.PRESETS["best"]
    monkeypatch.setitem(
        comparisons.PRESETS, "best", replace(preset, settings=preset.changed(steps=2, size=96))
    )
    own.switch_page(registry.IDEAL.file).run()
    own.button(key="ideal_both").click().run()
    assert not own.exception
    assert "**Trained against attacks: " in all_text(own)
    drawn = scheduler().get(own.session_state["owner"], "ideal").snapshot().result
    plain, hardened = (drawn[name].synthesis for name in ("plain", "hardened"))
    assert plain.settings == hardened.settings
    assert not np.array_equal(plain.pixels, hardened.pixels)

    # A teacher lets the room say which of the two people recognise.
    monkeypatch.setenv("IDEALCAT_TEACHER_PIN", "gato 7")
    pin.guard.cache_clear()
    pin.guard().enter(own.session_state["owner"], "gato 7")
    room = rooms().open()
    own.session_state["room_code"] = room.code
    own.run().button(key="ideal_ask_room_hardened").click().run()
    assert not own.exception
    question = room.task.question
    assert set(question.options) == {"cat", "dalmatian"}
    assert question.options[question.right] == question.subject
    assert question.series == "Trained against attacks"
    assert "ideal_ask_room_plain" in {button.key for button in own.button}
    rooms().close(room)


@pytest.mark.parametrize("kind", ["1×1", "animated"])
def test_odd_photos_are_attacked_or_explained(lab, kind):
    upload = lab.sidebar.file_uploader(key="photo_upload")
    upload.set_value(("odd.png", ODD_PICTURES[kind](), "image/png")).run()
    lab.checkbox(key="attack_untargeted").check().run()
    lab.button(key="attack_start").click().run()
    assert not lab.exception
    assert "The network now takes it for" in all_text(lab)
    lab.slider(key="attack_epsilon_linf").set_value(0.0).run()
    lab.button(key="attack_start").click().run()
    assert not lab.exception
    assert "the network still says" in all_text(lab)


def test_ones_own_network_is_attacked_and_asked(own):
    own.segmented_control(key="attack_photos_3").set_value("training").run()
    own.button(key="attack_start").click().run()
    assert "★ Your network** has no class called tabby" in all_text(own)
    own.sidebar.selectbox(key="network").set_value("own").run()
    # What it sees already, the second of its classes, is not what it is to see.
    assert own.selectbox(key="attack_class_2").value == 0
    own.button(key="attack_start").click().run()
    assert not own.exception
    assert "The network now takes it for **cat**" in all_text(own)
    assert "EfficientNet-Lite1" in ledger_of(own)[2].columns
    own.selectbox(key="attack_class_2").set_value(1).run()
    assert "already takes this photo for dalmatian" in all_text(own)
    assert own.button(key="attack_start").disabled


def test_a_photo_that_ones_own_network_was_examined_on_can_be_attacked(own, app_test):
    def choose():  # as a click in the gallery does, which is drawn in the browser
        import streamlit as st

        from pages.parts.shared import pickers, session

        learned = session.learned_photos()
        st.text(" ".join(label for label, _ in learned.values()))
        pickers.use(next(iter(learned)))

    gallery = app_test.from_function(choose)
    gallery.session_state["owner"] = own.session_state["owner"]
    gallery.run()
    assert set(gallery.text[0].value.split()) == {"cat", "dalmatian"}
    own.session_state["photo"] = gallery.session_state["photo"]
    own.sidebar.selectbox(key="network").set_value("own").run()
    own.button(key="attack_start").click().run()
    assert not own.exception
    assert "The network now takes it for" in all_text(own)
    assert ledger_of(own)[0]["Photo"].tolist()[0].endswith(".png")
