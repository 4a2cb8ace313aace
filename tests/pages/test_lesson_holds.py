"""What the lesson reveals is what its pages show: each scene is opened and done, and then read.

Question, options and answer are held against the page in both languages, words and numbers.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.classroom import lesson, pin
from core.classroom.collection import Collection
from core.classroom.room import rooms
from core.images import photos
from core.server.scheduler import scheduler
from core.training.comparison import best
from pages.parts.shared import language, links, registry
from tests.helpers.pages import all_text

pytestmark = pytest.mark.usefixtures("lite0")
LOCALES = {"EN": "en", "PT": "pt_BR"}
PHONES_APART = "The photos of one phone stay together: the validation photos come from phones that it has not learned from. So the accuracy answers the question: would it know the things of somebody it never saw?"


def part_of(name: str) -> lesson.Part:
    found = lesson.part(name)
    assert found is not None
    return found


@pytest.fixture
def predict(arrive) -> Callable[[str], AppTest]:
    """Open a part's scene as a new visitor, and choose what will turn out to be right."""

    def open_scene(name: str) -> AppTest:
        part, app = part_of(name), arrive()
        page = next(page for page in registry.PAGES if page.address == part.scene.page)
        app.switch_page(page.file)
        offered = {name: place.parameter for name, place in links.places(page, None).items()}
        for key, text in part.scene.query(offered).items():
            app.query_params[key] = text
        app.run()
        asks = app.radio(key=f"lesson_choice_{name}")
        assert (asks.label, asks.options) == (part.question, list(part.options))
        asks.set_value(part.expected).run()
        assert not app.exception
        return app

    return open_scene


def press(app: AppTest, key: str) -> None:
    app.button(key=key).click().run(timeout=600)  # three drawings, on a machine that has other work
    assert not app.exception


def revealed(app: AppTest, name: str) -> Iterator[str]:
    """Reveal what holds, and give each language after another, in which the page is then shown."""
    part = part_of(name)
    press(app, f"lesson_reveal_{name}")
    for shown, locale in LOCALES.items():
        app.segmented_control(key=language.KEY).set_value(shown).run()
        assert not app.exception
        asked = translated(part.question, locale)
        assert any(asked.endswith(fold.label) for fold in app.expander)
        why = translated(part.why, locale)
        (told,) = (m.value.removesuffix(why) for m in app.markdown if m.value.endswith(why))
        assert f"**{part.options[part.expected]}**" in told  # in the language it was given in
        yield locale


def translated(text: str, locale: str) -> str:
    return language._catalogue(locale).get(text, (text,))[0]


def name_of(class_name: str, locale: str) -> str:
    """Return what a class of ImageNet is called in a language."""
    return language._class_table(locale).get(class_name, (class_name,))[0]


def options_of(name: str, locale: str) -> list[str]:
    return [translated(option, locale) for option in part_of(name).options]


def numbers(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"\d+", text)]


def nearest(value: float, options: list[str]) -> int:
    """Return which of the options has the number that is nearest, in proportion."""
    return min(range(len(options)), key=lambda i: abs(np.log(value / numbers(options[i])[0])))


def diagram_of(app: AppTest) -> dict:
    components = [c.proto for c in app.get("bidi_component")]
    return json.loads(next(c for c in components if c.component_name == "network_diagram").json)


def opinions(app: AppTest) -> list[list[str]]:
    """Return, picture by picture, the lines on what networks see in it, as they are read."""
    lists = (
        re.findall(r"<li.*?</li>", element.proto.body, re.DOTALL)
        for element in app.get("html")
        if 'class="opinions"' in element.proto.body
    )
    return [[html.unescape(re.sub(r"(<[^>]*>)+", " ", line)) for line in lines] for lines in lists]


def result_of(app: AppTest, job: str):
    found = scheduler().get(app.session_state["owner"], job)
    assert found is not None
    return found.snapshot().result


def test_one_value_of_the_first_layer_sees_3_by_3_pixels(predict):
    app = predict("edges")
    shown = all_text(app)
    assert "layer 1 of 18" in shown
    assert "one number sees 3×3 pixels" in shown
    assert "one number sees 3×3 pixels" not in all_text(
        app.segmented_control(key="maps_stop").set_value(1).run()
    )
    app.segmented_control(key="maps_view").set_value("maps").run()
    for locale in revealed(app, "edges"):
        said = options_of("edges", locale)[0].split()[0]
        assert said == "3×3"
        first, *_, last = diagram_of(app)["layers"]
        assert said in first["told"]
        assert said not in last["told"]


def component(app: AppTest, name: str) -> dict:
    """Return what one of the page's own components is shown with."""
    found = [c.proto for c in app.get("bidi_component") if c.proto.component_name == name]
    return json.loads(found[0].json)


def test_one_number_is_27_products_a_sum_and_a_cut(predict):
    app = predict("number")
    for locale in revealed(app, "number"):
        summed, cut = component(app, "one_number")["steps"]
        kernels = [np.size(row["kernel"]) for row in summed["rows"]]
        assert sum(kernels) == numbers(translated(part_of("number").why, locale))[0]
        assert cut["line"].startswith("ReLU6")
        assert all(limit in cut["phases"][0] for limit in ("0", "6"))


def test_without_its_most_missed_channel_the_cat_is_another_cat(predict):
    app = predict("switch")
    press(app, "maps_measure_losses")
    measuring = scheduler().get(app.session_state["owner"], "maps_losses")
    assert measuring is not None
    measuring.wait(timeout=120)
    most_missed = result_of(app, "maps_losses").order[0]
    app.session_state["maps_channel_efficientnet_lite0_blocks.1.0"] = most_missed
    app.run()
    key = f"maps_switch_efficientnet_lite0_blocks.1.0_{most_missed}"
    app.segmented_control(key=key).set_value(0.0).run()
    for locale in revealed(app, "switch"):
        why = translated(part_of("switch").why, locale)
        assert f"“{diagram_of(app)['answers'][0]['name']}”" in why
        assert all(f"“{name_of(other, locale)}”" in why for other in ("Egyptian cat", "tabby"))
        assert name_of("tiger cat", locale) == diagram_of(app)["answers"][0]["name"]
        (told,) = (w.value for w in app.warning)
        assert name_of("Egyptian cat", locale) in told
        assert name_of("Egyptian cat", locale) in translated(part_of("switch").question, locale)
        assert numbers(translated(part_of("switch").question, locale))[0] == 24


def test_no_class_fits_the_astronaut_and_one_is_named(predict, lite0):
    assert not [name for name in lite0.labels if "astronaut" in name]
    app = predict("unfamiliar")
    for locale in revealed(app, "unfamiliar"):
        best = diagram_of(app)["answers"][0]
        why = translated(part_of("unfamiliar").why, locale)
        assert f"“{best['name']}”" in why
        assert best["name"] == name_of("bobsled", locale)
        share = float(best["share"].rstrip("%\xa0 ").replace(",", "."))
        assert round(share) == numbers(why)[0]


def test_five_digits_of_each_are_enough_for_most_others(predict):
    app = predict("transfer")
    assert app.slider(key="train_per_class").value == 5
    press(app, "train_start")
    for locale in revealed(app, "transfer"):
        (told,) = (m.value for m in app.markdown if m.value.count("**") == 6)
        learned, right, of = (numbers(bold)[0] for bold in re.findall(r"\*\*(.*?)\*\*", told))
        assert learned == 10 * 5  # 5 pictures of each
        assert numbers(translated(part_of("transfer").question, locale)) == [5, of]
        assert nearest(right, options_of("transfer", locale)) == part_of("transfer").expected


def test_a_class_s_network_is_tested_on_phones_that_it_has_learned_nothing_from(
    predict, monkeypatch
):
    monkeypatch.setenv("IDEALCAT_TEACHER_PIN", "gato 7")
    pin.guard.cache_clear()
    rooms.cache_clear()
    app = predict("phones")
    pin.guard().enter(app.session_state["owner"], "gato 7")
    room, collection = rooms().open(), Collection(["pen", "shoe"])
    room.begin(collection)
    for phone, label, number in product(range(4), range(2), range(5)):  # five of each
        turned = photos.read_sample(("cat", "drum")[label]).resize((96, 96))
        data = photos.encode_jpeg(np.asarray(turned.rotate(7 * phone + 3 * number)))
        collection.add(f"phone {phone}", f"{label}-{number}", label, data)
    app.session_state["room_code"] = room.code
    app.run()
    app.segmented_control(key="room_task").set_value("collect").run()
    press(app, "room_train")
    app.switch_page(registry.TRAINING.file).run()  # where the browser is by now
    app.slider(key="train_epochs").set_value(2).run()
    press(app, "train_start")
    ended = best(result_of(app, "train"))
    learned, tested = ({photo.group for photo in of} for of in (ended.train, ended.validation))
    assert learned
    assert tested
    assert not learned & tested
    for locale in revealed(app, "phones"):
        assert translated(PHONES_APART, locale) in [markdown.value for markdown in app.markdown]
    rooms.cache_clear()


def test_without_tv_there_is_noise_and_with_it_there_are_shapes(predict):
    app = predict("noise")
    press(app, "ideal_lesson")
    pictures = [
        verdict.synthesis.pixels.astype(float) for verdict in result_of(app, "ideal").values()
    ]
    roughness = [np.abs(np.diff(p, axis=0)).mean() for p in pictures]
    assert roughness[0] > 3 * max(roughness[1:])
    assert np.ptp(pictures[0], axis=-1).mean() > 10  # coloured
    for locale in revealed(app, "noise"):
        first, _, best = opinions(app)
        siamese = name_of("Siamese cat", locale)
        for drawn in (first, best):
            assert siamese in drawn[0]  # the network that drew them is sure of each
        assert all("✗" in line for line in first[1:])
        assert all("✓" in line and siamese in line for line in best)
        titles = [m.value.strip("*") for m in app.markdown]
        assert translated("Without the TV loss", locale) in titles


def test_two_other_networks_call_the_zebra_a_zebra(predict):
    app = predict("zebra")
    press(app, "ideal_start")
    for locale in revealed(app, "zebra"):
        (asked,) = opinions(app)
        assert len(asked) == 3  # the one that drew it, and two others
        assert all("✓" in line and name_of("zebra", locale) in line for line in asked)


def test_the_dalmatian_becomes_a_tabby_by_about_one_in_255(predict, lite0):
    app = predict("dog")
    app.multiselect(key="attack_others_efficientnet_lite0_False").set_value([]).run()
    press(app, "attack_start")
    press(app, "attack_needed_start")
    (needed,) = result_of(app, "attack_needed").values()
    allowed = app.slider(key="attack_epsilon_linf").value
    for locale in revealed(app, "dog"):
        assert 0.5 < needed.epsilon < 0.75  # a little more than 0.5 …
        assert needed.linf == 1  # … which is saved as 1
        why = translated(part_of("dog").why, locale).replace("0,5", "0.5")
        assert [float(n) for n in re.findall(r"[\d.]*\d", why)][:3] == [allowed, 0.5, 1]
        assert f"ε = {allowed:g}" in translated(part_of("dog").task, locale)
        question = translated(part_of("dog").question, locale)
        (values,) = re.findall(r"(\d+)[.,]000", question)
        assert round(3 * lite0.input_size**2 / 1000, -1) == int(values)
        assert f"{lite0.input_size}×{lite0.input_size} pixels" in question
        options = options_of("dog", locale)
        assert nearest(needed.epsilon, options) == part_of("dog").expected
        (told,) = (success.value for success in app.success)
        assert f"**{name_of('tabby', locale)}**" in told
        assert name_of("tabby", locale) in translated(part_of("dog").question, locale)


def test_no_defence_helps_against_who_knows_of_it(predict):
    app = predict("helps")
    press(app, "attack_defences_start")
    for locale in revealed(app, "helps"):
        (table,) = (frame.value for frame in app.table if len(frame.value) == 6)
        _, unaware, through = (table.iloc[1:, column].tolist() for column in range(3))
        fooled, right = translated("fooled", locale), translated("right", locale)
        assert through == [fooled] * 5
        assert unaware.count(fooled) == 1  # four of the five keep the tabby away …
        assert unaware.count(right) >= 3  # … and most of these bring the dalmatian back
