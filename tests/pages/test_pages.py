"""The pages as a visitor works them, without a browser: real network, real photos, few steps."""

from __future__ import annotations

import base64
import io
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.__main__ import main as command_line
from core.export import bundle
from core.images import photos
from core.problem import Problem
from core.server.scheduler import scheduler
from core.steps import Step, finish
from core.synthesis import rebuilding, recipe
from core.synthesis.loop import synthesise
from core.synthesis.objective import ClassLogit
from core.synthesis.presets import PRESETS
from core.training.comparison import best
from pages.parts.feature_maps import tour
from pages.parts.shared import registry
from tests.helpers.pages import all_text
from tests.helpers.serving import ROOT

pytestmark = pytest.mark.usefixtures("lite0")


def shown_picture(app: AppTest, index: int = 0) -> np.ndarray:
    """The pixels of a picture on the page."""
    uris = [uri for image in app.get("image") for uri in image.value]
    data = base64.b64decode(uris[index].split(",", 1)[1])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@contextmanager
def stopped_at(app: AppTest, step: int) -> Iterator[None]:
    """Stop the drawing that is begun meanwhile when it has come so far."""
    owner = app.session_state["owner"]
    before = scheduler().get(owner, "ideal")

    def stop() -> None:
        while (job := scheduler().get(owner, "ideal")) is before:
            time.sleep(0.001)
        snapshot = job.snapshot()
        while snapshot.step is None or snapshot.step.index < step:
            snapshot = job.wait(snapshot.version, timeout=1)
        job.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    yield
    stopper.join()


def two_classes(*others: tuple[str, bytes]) -> bytes:
    """A zip of two animals and two things, and of some other files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for sample, label in (
            ("cat", "animal"),
            ("eagle", "animal"),
            ("car", "thing"),
            ("drum", "thing"),
        ):
            pixels = np.asarray(photos.read_sample(sample))
            archive.writestr(f"{label}/{sample}.jpg", photos.encode_jpeg(pixels))
        for name, content in others:
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("page", registry.PAGES, ids=lambda page: page.file)
@pytest.mark.parametrize(("locale", "word"), [("en-US", "Network"), ("pt-BR", "Rede")])
def test_every_page_opens_in_both_languages(visit, page, locale, word):
    app = visit(page, locale)
    assert not app.exception
    if page.uses_network:
        assert app.sidebar.selectbox(key="network").label == word


def test_the_language_can_be_switched_without_losing_a_choice(visit):
    app = visit(registry.MAPS)
    app.selectbox(key="maps_order").set_value("network").run()
    app.segmented_control(key="language").set_value("PT").run()
    assert app.title[0].value == "Mapas de características"
    assert app.selectbox(key="maps_order").value == "network"


def test_a_photo_comes_back_from_five_layers_and_its_recipe_is_refused_elsewhere(
    visit, monkeypatch
):
    way = rebuilding.WAYS["rebuild"]
    few = replace(way, settings=replace(way.settings, steps=2))
    monkeypatch.setitem(rebuilding.WAYS, "rebuild", few)
    app = visit(registry.MAPS)
    app.segmented_control(key="maps_view").set_value("rebuilt").run()
    weight = app.select_slider(key="maps_tv_rebuild")
    assert weight.value == way.settings.tv
    weight.set_value(300.0).run()
    app.button(key="maps_rebuild_start").click().run()
    job = scheduler().get(app.session_state["owner"], "maps_rebuild")
    ended = wait_for_end(job)
    app.run()
    assert not app.exception
    assert all_text(app).count("similarity **") == 5
    assert "Layer 18 of 18" in all_text(app)
    synthesis = ended.result["conv_stem"].record.synthesis
    assert (synthesis.settings.photo, synthesis.settings.tv) == ("cat", 300.0)

    png = photos.encode_png(synthesis.pixels, recipe.write(synthesis))
    app.switch_page(registry.IDEAL.file).run()
    app.file_uploader(key="ideal_recipe_file").upload("left.png", png, "image/png").run()
    assert "on the page “Feature maps”" in app.error[0].value


def wait_for_end(job):
    """Wait until a job has ended, and give how it stands then."""
    snapshot = job.snapshot()
    while not snapshot.state.is_end:
        snapshot = job.wait(snapshot.version, timeout=1)
    return snapshot


def test_a_tour_whose_pictures_failed_can_be_tried_again(visit):
    def failing():
        raise Problem("The pen broke.")
        yield

    app = visit(registry.MAPS)
    app.segmented_control(key="maps_view").set_value("tour").run()
    app.button(key="maps_tour_start").click().run()
    owner = app.session_state["owner"]
    broken = scheduler().submit(owner, "maps_tour", failing)
    assert broken.wait(timeout=60).problem is not None
    app.run()
    assert "The pen broke." in [error.value for error in app.error]
    app.button(key="maps_tour_start").click().run()
    assert scheduler().get(owner, "maps_tour") is not broken
    assert not app.exception


def test_the_tour_can_be_stopped(visit, monkeypatch):
    def endless(*_):
        while True:
            time.sleep(0.01)
            yield Step(1, 100, result={})

    monkeypatch.setattr(tour, "thumbnails", endless)
    app = visit(registry.MAPS)
    app.segmented_control(key="maps_view").set_value("tour").run()
    app.button(key="maps_tour_start").click().run()
    app.button(key="maps_tour_stop").click().run()
    job = scheduler().get(app.session_state["owner"], "maps_tour")
    while not (snapshot := job.snapshot()).state.is_end:
        job.wait(snapshot.version, timeout=20)
    app.run()
    assert not app.button(key="maps_tour_start").disabled


def test_another_layer_shows_other_maps(visit):
    app = visit(registry.MAPS)
    before = shown_picture(app)
    app.session_state["maps_layer_efficientnet_lite0"] = "conv_head"  # as a click in the diagram
    app.run()
    assert not app.exception
    assert "1280 channels of conv_head" in all_text(app)
    assert not np.array_equal(shown_picture(app), before)
    app.toggle(key="maps_strip").set_value(True).run()
    shapes = [shown_picture(app, index).shape for index in range(len(app.get("image")))]
    assert (7 * 49, 1280, 3) in shapes  # four times as wide as high


def test_every_view_of_the_walk_opens(visit):
    app = visit(registry.MAPS)
    assert shown_picture(app).std() > 12  # a channel over the photo, not a flat sheet
    for view, words in {
        "where": ["Integrated Gradients"],
        "tour": ["Edges and colours", "become “Egyptian cat”"],
        "filters": ["32 filters"],
        "compare": ["At the same relative depth"],
    }.items():
        app.segmented_control(key="maps_view").set_value(view).run()
        assert not app.exception
        assert all(expected in all_text(app) for expected in words), view
    app.segmented_control(key="maps_compare").set_value("photos").run()
    assert not app.exception
    assert "Egyptian cat" in all_text(app)
    assert "dalmatian" in all_text(app)


def test_where_it_looks_for_one_class_rather_than_another(visit):
    app = visit(registry.MAPS)
    app.session_state["maps_view"] = "where"
    app.run()
    other = next(box for box in app.selectbox if box.label == "… rather than")
    assert other.value is None
    other.set_value(251).run()
    for name in ("maps_where", "maps_curves"):
        job = scheduler().get(app.session_state["owner"], name)
        while not (snapshot := job.snapshot()).state.is_end:
            job.wait(snapshot.version, timeout=20)
        app.run()
    assert not app.exception
    text = all_text(app)
    assert "Red speaks for **Egyptian cat** rather than **dalmatian**" in text
    assert "sees no **dalmatian**" in text  # on the photo of a cat
    assert "The lines are the share of **Egyptian cat**" in text
    assert "etter than random orders" in text
    assert len(app.get("plotly_chart")) == 2


def test_a_channel_below_zero_speaks_against_the_answer(app_test):
    def script():
        import streamlit as st

        from pages.parts.feature_maps.inspector import evidence_told

        for evidence in (0.06, -0.06, -0.0001):
            st.text(evidence_told(evidence))

    speaks = [text.value for text in app_test.from_function(script).run().text]
    assert [told.split(" (")[0] for told in speaks] == [
        "speaks for the answer with 0.060",
        "speaks against the answer with 0.060",
        "speaks neither for the answer nor against it",
    ]


def test_the_last_blocks_that_learned_show_which_maps_changed(visit):
    """Trained on its page, then looked at beside the network that it grew out of."""
    app = visit(registry.TRAINING)
    app.segmented_control(key="train_source").set_value("zip").run()
    app.file_uploader(key="train_zip").upload("mine.zip", two_classes(), "application/zip")
    app.run()
    app.segmented_control(key="train_way").set_value("blocks").run()
    app.slider(key="train_epochs_tuning").set_value(1).run()
    app.button(key="train_start").click().run()
    assert not app.exception
    app.switch_page(registry.MAPS.file).run()
    app.segmented_control(key="maps_view").set_value("compare").run()
    app.segmented_control(key="maps_compare").set_value("own").run()
    assert not app.exception
    assert "only later layers learned" in all_text(app)  # the chosen layer is an early one
    assert "The maps that changed most come first" in all_text(app)
    app.session_state["maps_layer_efficientnet_lite0"] = "conv_head"
    app.run()
    assert "only later layers learned" not in all_text(app)
    # The photos it learned from are among those that a channel is shown.
    app.segmented_control(key="maps_view").set_value("maps").run()
    job = scheduler().get(app.session_state["owner"], "maps_album")
    while not (snapshot := job.snapshot()).state.is_end:
        job.wait(snapshot.version, timeout=60)
    seen = snapshot.result.maxima
    assert sum(name.startswith("learned") for name in seen) == 2


def test_the_samples_are_looked_through_once_for_everybody(visit, app_test):
    first = visit(registry.MAPS)
    job = scheduler().get(first.session_state["owner"], "maps_album")
    while not (snapshot := job.snapshot()).state.is_end:
        job.wait(snapshot.version, timeout=60)
    first.run()
    second = app_test.from_file(str(ROOT / "app.py"), default_timeout=120)
    second.run().switch_page(registry.MAPS.file).run()
    assert not second.exception
    assert scheduler().get(second.session_state["owner"], "maps_album") is None
    shown = [[i.proto.imgs[0].caption for i in app.get("image")] for app in (first, second)]
    assert shown[0] == shown[1]
    assert sum(" · " in caption for caption in shown[1]) >= 4  # photos with their activations


def test_the_ideal_cat_grows_and_is_judged(visit):
    app = visit(registry.IDEAL)
    app.number_input(key="ideal_steps").set_value(60).run()
    app.button(key="ideal_start").click().run()
    assert not app.exception
    assert "networks that never saw this run" in all_text(app)
    told = next(html.proto.body for html in app.get("html") if "drew it" in html.proto.body)
    assert told.count("<li") == 3
    verdict = scheduler().get(app.session_state["owner"], "ideal").snapshot().result
    assert verdict.own[0].target_probability > 0.05  # guessing gets 0.001
    # One number for how sure the network is of the picture, above and below.
    card = next(html.proto.body for html in app.get("html") if "live-number" in html.proto.body)
    share = f"{100 * verdict.own[0].target_probability:.1f}%"
    assert f'<span class="value">{share}</span>' in card
    assert share in told
    assert shown_picture(app).shape == (320, 320, 3)


def test_the_page_draws_what_the_command_line_draws(visit, tmp_path):
    app = visit(registry.IDEAL)
    app.number_input(key="ideal_steps").set_value(6).run()
    app.select_slider(key="ideal_tv_best").set_value(300).run()
    app.button(key="ideal_start").click().run()
    verdict = scheduler().get(app.session_state["owner"], "ideal").snapshot().result
    out = tmp_path / "cat.png"
    arguments = ["ideal", "--class", "284", "--steps", "6", "--tv", "300", "--out", str(out)]
    assert command_line([*arguments, "--json"]) == 0
    assert np.array_equal(verdict.synthesis.pixels, np.asarray(Image.open(out)))


def test_a_drawing_is_gone_on_with_and_its_curves_too(visit):
    app = visit(registry.IDEAL)
    app.number_input(key="ideal_steps").set_value(3).run()
    app.button(key="ideal_start").click().run()
    with stopped_at(app, 5):
        app.button(key="ideal_go_on").click().run()
    assert not app.exception
    snapshot = scheduler().get(app.session_state["owner"], "ideal").snapshot()
    assert snapshot.step.total == 203
    assert 5 <= snapshot.result.synthesis.steps_done < 203
    assert len(snapshot.history["probability"]) == snapshot.result.synthesis.steps_done


def test_a_channel_can_be_handed_over_from_another_page(visit):
    app = visit(registry.HOME)
    app.session_state["ideal_target"] = "channel"
    app.session_state["ideal_channel"] = {"layer": "blocks.1.0", "channel": 3}
    app.switch_page(registry.IDEAL.file).run()
    app.number_input(key="ideal_steps").set_value(2).run()
    app.button(key="ideal_start").click().run()
    assert not app.exception
    assert "what one channel looks for" in all_text(app)
    drawn = scheduler().get(app.session_state["owner"], "ideal").snapshot().result.synthesis
    assert (drawn.objective.layer, drawn.objective.channel) == ("blocks.1.0", 3)


def test_a_mixture_and_more_settings_reach_the_drawing(visit):
    app = visit(registry.IDEAL)
    app.segmented_control(key="ideal_target").set_value("two").run()
    app.number_input(key="ideal_steps").set_value(2).run()
    app.selectbox(key="ideal_canvas_best").set_value("phase").run()
    app.selectbox(key="ideal_photo_best").set_value("cat").run()
    app.select_slider(key="ideal_batch_norm_best").set_value(3).run()
    app.button(key="ideal_start").click().run()
    assert not app.exception
    drawn = scheduler().get(app.session_state["owner"], "ideal").snapshot().result.synthesis
    assert (drawn.objective.first.class_id, drawn.objective.second.class_id) == (284, 340)
    assert (drawn.settings.canvas, drawn.settings.photo) == ("phase", "cat")
    assert drawn.settings.batch_norm == 3
    # Each network is asked once, and says in one line what it makes of both.
    told = next(html.proto.body for html in app.get("html") if "drew it" in html.proto.body)
    assert told.count("<li") == told.count("Siamese cat") == told.count("zebra") == 3
    assert "Asked for were 50% Siamese cat and 50% zebra" in all_text(app)
    assert r"Siamese cat \+ zebra" in [c for image in app.get("image") for c in image.captions]


def test_a_picture_is_called_what_it_holds_and_says_so_when_something_else_is_chosen(
    visit, app_test
):
    app = visit(registry.IDEAL)
    app.number_input(key="ideal_steps").set_value(2).run()
    for class_id in (284, 340, 284):
        app.selectbox(key="ideal_class_1000").set_value(class_id).run()
        app.button(key="ideal_start").click().run()
        assert "nothing has been made yet" not in all_text(app)
    assert "Made with: Siamese cat · EfficientNet\\-Lite0" in all_text(app)
    app.selectbox(key="ideal_class_1000").set_value(340).run()
    assert "Made with: Siamese cat · EfficientNet\\-Lite0. With what is chosen now" in all_text(app)

    def kept():
        import streamlit as st

        from pages.parts.ideal_class import gallery
        from pages.parts.shared import session

        st.text(gallery.keep(session.job("ideal").snapshot().result).file_name)
        st.text(" ".join(one.stem for one in gallery.gallery()))

    gallery = app_test.from_function(kept)
    gallery.session_state["owner"] = app.session_state["owner"]
    assert [text.value for text in gallery.run().text] == [
        "ideal-siamese-cat-seed0.png",
        "zebra-seed0 siamese-cat-seed0",
    ]


def test_a_dropped_in_picture_is_drawn_at_once_and_says_so(visit, lite0):
    drawn = finish(synthesise(lite0, ClassLogit(340), PRESETS["best"].changed(steps=3, seed=5)))
    png = photos.encode_png(drawn.pixels, recipe.write(drawn))
    app = visit(registry.IDEAL)
    app.file_uploader(key="ideal_recipe_file").set_value(("mine.png", png, "image/png")).run()
    assert not app.exception
    assert "Identical, pixel for pixel" in all_text(app)
    assert "All settings are now as for that picture" in all_text(app)
    assert app.number_input(key="ideal_seed").value == 5
    before = scheduler().get(app.session_state["owner"], "ideal")
    app.run()
    assert scheduler().get(app.session_state["owner"], "ideal") is before  # once only


def test_a_picture_without_a_recipe_changes_nothing(visit):
    app = visit(registry.IDEAL)
    upload = app.file_uploader(key="ideal_recipe_file")
    png = photos.encode_png(np.zeros((64, 64, 3), np.uint8))
    upload.set_value(("<b>x</b>.png", png, "image/png")).run()
    assert not app.exception
    by_the_upload = next(e for e in app.expander if e.label == "Draw a saved picture again")
    assert "carries no recipe" in by_the_upload.error[0].value
    assert "<b>" not in all_text(app)
    assert app.number_input(key="ideal_steps").value == PRESETS["best"].settings.steps


def test_the_dalmatian_becomes_a_tabby(visit):
    app = visit(registry.ATTACK)
    app.number_input(key="attack_steps").set_value(15).run()
    app.button(key="attack_start").click().run()
    assert not app.exception
    assert "takes it for **tabby**" in all_text(app)
    assert "**4/255**" in all_text(app)
    before, change, after = (shown_picture(app, i).astype(int) for i in range(3))
    assert np.abs(after - before).mean() < 4  # the eye sees nothing (JPEG aside)
    assert change.std() > 10  # and yet there is something


def test_attacking_towards_what_is_seen_already_is_explained(visit):
    app = visit(registry.ATTACK)
    app.selectbox(key="attack_class_1000").set_value(251).run()
    assert "already takes this photo for dalmatian" in all_text(app)
    assert app.button(key="attack_start").disabled


def test_a_zip_is_learned_from_its_broken_photo_reported_and_its_network_serves_other_pages(visit):
    broken = photos.encode_jpeg(np.asarray(photos.read_sample("drum")))[:2000]
    app = visit(registry.TRAINING)
    app.segmented_control(key="train_source").set_value("zip").run()
    assert app.button(key="train_start").disabled
    app.file_uploader(key="train_zip").upload(
        "mine.zip", two_classes(("thing/broken.jpg", broken)), "application/zip"
    )
    app.run()
    app.button(key="train_start").click().run()
    assert not app.exception
    assert "It learned from **2** photos" in all_text(app)
    assert r"thing/broken\.jpg is damaged or cut off" in all_text(app)
    assert app.sidebar.selectbox(key="network").options[0] == "★ Your network"
    app.sidebar.selectbox(key="network").set_value("own").run()
    app.switch_page(registry.ATTACK.file).run()
    assert not app.exception
    assert app.selectbox(key="attack_class_2").options == ["animal", "thing"]


def many(count: int) -> bytes:
    """A zip of two classes with so many photos each, and a file that is none."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(2 * count):
            tone = np.full((24, 24, 3), 40 + i, np.uint8)
            archive.writestr(f"{'dark' if i < count else 'light'}/{i}.png", photos.encode_png(tone))
        archive.writestr("dark/notes.txt", "not a photo")
    return buffer.getvalue()


def test_a_zip_that_has_come_in_is_told_of_and_enough_of_it_stays_for_validation(visit):
    app = visit(registry.TRAINING)
    app.segmented_control(key="train_source").set_value("zip").run()
    app.file_uploader(key="train_zip").upload("mine.zip", many(20), "application/zip")
    app.run()
    (found,) = app.success
    assert found.value == "**40** photos in **2** classes: dark 20 · light 20"
    assert r"dark/notes\.txt" in all_text(app)
    assert app.slider(key="train_per_class").max == 14
    assert "**28** to learn from, **12** for validation" in all_text(app)
    assert not app.warning
    app.checkbox(key="train_insist").set_value(True).run()
    app.slider(key="train_per_class").set_value(19).run()
    assert "**38** to learn from, **2** for validation" in all_text(app)
    assert "each one is worth 50% of the accuracy" in app.warning[0].value
    app.button(key="train_start").click().run()
    assert "of **2** others" in all_text(app)
    app.checkbox(key="train_insist").set_value(False).run()
    assert app.slider(key="train_per_class").value == 14


def give(app: AppTest, name: str, archive: bytes) -> None:
    app.segmented_control(key="train_source").set_value("zip").run()
    app.file_uploader(key="train_zip").upload(name, archive, "application/zip")
    app.run()


def show(app: AppTest, tab: str) -> None:
    app.session_state["train_tab"] = tab
    app.run()


def test_results_say_what_they_were_made_with_and_have_one_rounding(visit):
    app = visit(registry.TRAINING)
    assert app.number_input(key="train_learning_rate").proto.placeholder == "0.01"
    give(app, "first.zip", many(4))
    app.segmented_control(key="train_way").set_value("all").run()
    app.slider(key="train_epochs_tuning").set_value(1).run()
    app.button(key="train_start").click().run()
    assert not app.exception
    show(app, "The results")
    assert "Made with: first\\.zip · EfficientNet\\-Lite0" in all_text(app)
    ways = scheduler().get(app.session_state["owner"], "train").snapshot().result
    kept = best(ways)
    (starred,) = [metric for metric in app.metric if metric.label.startswith("★")]
    told = f"{100 * kept.accuracy:.1f}%"
    assert starred.value == told
    assert f"gets **{told}** of" in all_text(app)
    card = next(html.proto.body for html in app.get("html") if "live-number" in html.proto.body)
    assert f'<span class="value">{told}</span>' in card
    assert f"those of epoch {kept.epoch}, which was kept" in all_text(app)

    show(app, "The photos")
    app.button(key="train_look").click().run()
    assert "in 2 classes of the same size" in all_text(app)
    give(app, "second.zip", many(5))
    assert "in 2 classes of the same size" not in all_text(app)
    show(app, "The results")
    assert "With what is chosen now, nothing has been made yet" in all_text(app)


def test_a_network_that_was_brought_back_takes_the_star_until_it_is_given_back(visit):
    app = visit(registry.TRAINING)
    give(app, "mine.zip", many(4))
    app.button(key="train_start").click().run()
    show(app, "The results")
    assert "It now stands as **★**" in all_text(app)
    training = best(scheduler().get(app.session_state["owner"], "train").snapshot().result)
    show(app, "Take it home")
    packed = bundle.write(training, {})
    app.file_uploader(key="train_import").upload("home.zip", packed, "application/zip")
    app.run()
    assert "is now your network" in all_text(app)
    show(app, "The results")
    assert "It now stands as **★**" not in all_text(app)
    assert "**★** is another network now, **dark · light**" in all_text(app)
    app.button(key="train_make_star").click().run()
    assert "It now stands as **★**" in all_text(app)


def test_a_photo_of_a_class_that_cannot_be_read_says_so_before_the_training(visit):
    app = visit(registry.TRAINING)
    app.segmented_control(key="train_source").set_value("files").run()
    tone = photos.encode_png(np.full((24, 24, 3), 90, np.uint8))
    given = [(f"{i}.png", tone, "image/png") for i in range(4)]
    app.file_uploader(key="train_files_0").set_value([*given, ("bad.png", b"no", "image/png")])
    app.file_uploader(key="train_files_1").set_value(given)
    app.run()
    assert not app.exception
    assert "Left out, with the reasons: 1" in [expander.label for expander in app.expander]
    assert "**4** to learn from, **4** for validation" in all_text(app)


def test_a_zip_that_cannot_be_read_says_so_where_it_came_in(visit):
    app = visit(registry.TRAINING)
    app.segmented_control(key="train_source").set_value("zip").run()
    app.file_uploader(key="train_zip").upload("mine.zip", b"no zip", "application/zip")
    app.run()
    assert "cannot be read" in app.error[0].value
    assert app.button(key="train_start").disabled


def test_an_uploaded_photo_is_used_and_a_broken_one_changes_nothing(visit):
    app = visit(registry.MAPS)
    app.segmented_control(key="maps_view").set_value("where").run()  # the photo comes first there
    pixels = np.zeros((300, 500, 3), np.uint8) + np.array([200, 40, 40], np.uint8)
    upload = app.sidebar.file_uploader(key="photo_upload")
    upload.set_value(("red.png", photos.encode_png(pixels), "image/png")).run()
    assert shown_picture(app)[100, 100, 0] > 150 > shown_picture(app)[100, 100, 1]
    upload = app.sidebar.file_uploader(key="photo_upload")
    upload.set_value(("<b>not</b>.jpg", b"<svg onload=alert(1)>", "image/jpeg")).run()
    assert "is an SVG drawing" in all_text(app)
    assert "<b>" not in all_text(app)
    assert shown_picture(app)[100, 100, 0] > 150


def test_a_network_that_cannot_be_downloaded_is_replaced_by_the_built_in_one(visit, monkeypatch):
    monkeypatch.setenv("IDEALCAT_WEIGHTS_MIRROR", "http://127.0.0.1:9")  # nobody listens there
    app = visit(registry.MAPS)
    app.sidebar.selectbox(key="network").set_value("resnet18").run()
    assert not app.exception
    assert "ResNet\\-18 could not be downloaded" in all_text(app)
    assert "resnet18\\-f37072fd\\.pth" in all_text(app)
    assert "EfficientNet\\-Lite0" in all_text(app)


def test_a_running_picture_can_be_stopped_and_is_kept(visit):
    app = visit(registry.IDEAL)
    app.number_input(key="ideal_steps").set_value(2000).run()
    with stopped_at(app, 5):
        app.button(key="ideal_start").click().run()
    assert not app.exception
    assert "networks that never saw this run" in all_text(app)
    job = scheduler().get(app.session_state["owner"], "ideal")
    assert job.snapshot().result.synthesis.steps_done < 2000
