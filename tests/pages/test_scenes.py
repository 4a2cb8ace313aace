"""Scenes: what goes into a link comes out of it, and a stranger's link can do no harm."""

from __future__ import annotations

import copy
import json
import random

import pytest
from streamlit.testing.v1 import AppTest

from core.classroom import lesson
from core.classroom.scene import Parameter, Scene, number, one_of, read
from core.problem import Problem
from core.server.scheduler import scheduler
from core.setting import Setting
from core.synthesis.presets import PRESETS
from core.zoo import catalogue
from pages.parts.shared import links, registry
from tests.helpers.pages import all_text
from tests.helpers.serving import ROOT

WITH_SETTINGS = (registry.MAPS, registry.TRAINING, registry.IDEAL, registry.ATTACK)
pytestmark = pytest.mark.usefixtures("lite0")


def table(page: registry.PageInfo, preset: str | None = None) -> dict[str, Parameter]:
    return {name: place.parameter for name, place in links.places(page, preset).items()}


def any_value(parameter: Parameter, dice: random.Random):
    least, most = parameter.setting.range
    if parameter.setting.choices is not None:
        return dice.choice(list(parameter.setting.choices))
    match least if parameter.default is None else parameter.default:
        case bool():
            return dice.random() < 0.5
        case int():
            return dice.randint(least, most)
        case float():
            return parameter.read(repr(dice.uniform(least, most)))
        case tuple():
            return tuple(sorted(dice.uniform(least, most) for _ in range(2)))
        case None:
            return "blocks.2.1"
    raise AssertionError(parameter)


@pytest.mark.parametrize("page", WITH_SETTINGS, ids=lambda page: page.address)
@pytest.mark.parametrize("preset", ["best", "lesson"])
def test_a_scene_survives_its_link(page, preset):
    dice, offered = random.Random(page.address), table(page, preset)
    for _ in range(50):
        chosen = {name: any_value(parameter, dice) for name, parameter in offered.items()}
        scene = Scene(
            page.address,
            language=dice.choice(("", "EN", "PT")),
            photo=dice.choice(("", "eagle")),
            network=dice.choice([entry.name for entry in catalogue.ENTRIES]),
            settings={n: v for n, v in chosen.items() if v != offered[n].default},
        )
        query = scene.query(offered)
        assert read(page.address, query, offered, languages=("EN", "PT")) == scene


def test_a_link_says_only_what_is_not_so_anyway():
    scene = Scene("ideal_class", settings={"class": 340, "tv": 300, "scale": (0.9, 1.25)})
    address = scene.address(table(registry.IDEAL))
    assert address == "ideal_class?class=340&tv=300&scale=0.9,1.25"
    assert Scene("ideal_class").address(table(registry.IDEAL)) == "ideal_class"


HOSTILE = [
    (registry.IDEAL, name, text)
    for name, text in (
        ("class", "1000"),
        ("class", "-1"),
        ("class", "3.5"),
        ("class", "zebra"),
        ("class", ""),
        ("class", "9" * 10_000),
        ("steps", "0"),
        ("steps", "1e9"),
        ("steps", "١٢"),
        ("steps", "0x10"),
        ("steps", "1_000"),
        ("seed", "2147483648"),
        ("tv", "nan"),
        ("tv", "inf"),
        ("tv", "1e999"),
        ("tv", "-1"),
        ("rate", "0"),
        ("scale", "1"),
        ("scale", "1,2,3"),
        ("scale", "2,1"),
        ("scale", "nan,nan"),
        ("shifted", "true"),
        ("dials", "../../etc/passwd"),
        ("canvas", "<script>alert(1)</script>"),
        ("layer", "__class__.__init__; import os"),
        ("layer", "a" * 61),
        ("start", "own:1234"),
        ("network", "own"),
        ("network", "https://evil.example/net.pth"),
        ("photo", "/etc/passwd"),
        ("photo", "upload"),
        ("question", "edges"),  # of another page
        ("language", "tlh"),
    )
]
HOSTILE += [
    (registry.ATTACK, "epsilon", "17"),
    (registry.ATTACK, "method", "os.system"),
    (registry.ATTACK, "patch_side", "101"),
    (registry.TRAINING, "source", "zip"),
    (registry.TRAINING, "photos", "201"),
    (registry.TRAINING, "adversarial", "17"),
    (registry.MAPS, "view", "%00"),
    (registry.MAPS, "channel", "5001"),
]


@pytest.mark.parametrize(("page", "name", "text"), HOSTILE, ids=lambda value: str(value)[:20])
def test_a_hostile_link_is_refused_in_one_sentence(page, name, text):
    with pytest.raises(Problem, match=r"which cannot be\. Nothing was changed") as refusal:
        read(page.address, {name: text}, table(page), questions=["zebra"], languages=["EN", "PT"])
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize(
    ("parameter", "texts", "refused"),
    [
        (one_of(("maps", "tour")), {"tour": "tour"}, ("", "Tour", "none")),
        (one_of((), ""), {}, ("", "zebra")),
        (number(1, 9, 3), {"1": 1, "9": 9, "4.0": 4}, ("0", "10", "1.5", "1,2", "True")),
        (number(1, 9), {"9": 9}, ("", "0.5")),
        (number(0.0, 1.0), {"0": 0.0, "0.25": 0.25, "1e-1": 0.1}, ("1.01", "nan")),
        (Parameter(False), {"0": False, "1": True}, ("", "2", "true")),
        (Parameter(), {"blocks.2.1": "blocks.2.1"}, ("", "a b", "x" * 61)),
        (
            Parameter((1.0, 2.0), Setting(least=0.0, most=3.0)),
            {"0,3": (0.0, 3.0)},
            ("2,1", "1", "0,4"),
        ),
    ],
    ids=str,
)
def test_a_parameter_reads_what_its_setting_may_be_and_nothing_else(parameter, texts, refused):
    for text, value in texts.items():
        assert parameter.read(text) == value
        assert type(parameter.read(text)) is type(value)
        assert parameter.read(parameter.write(value)) == value
    for text in refused:
        with pytest.raises(ValueError):
            parameter.read(text)


def test_names_that_messengers_add_are_passed_over():
    query = {"class": "340", "fbclid": "x" * 500, "utm_source": "chat", "__class__": "1"}
    assert read("ideal_class", query, table(registry.IDEAL)).settings == {"class": 340}


@pytest.fixture
def follow(arrive):
    """Open a link as a new visitor."""

    def open_link(page: registry.PageInfo, query: dict[str, str]) -> AppTest:
        app = arrive()
        app.switch_page(page.file)
        for name, text in query.items():
            app.query_params[name] = text
        return app.run()

    return open_link


def errors(app: AppTest) -> list[str]:
    return [error.value for error in app.error]


@pytest.mark.parametrize("page", WITH_SETTINGS, ids=lambda page: page.address)
def test_the_table_knows_how_each_page_begins(follow, page):
    app = follow(page, {})
    assert not app.exception
    values = {name: place.parameter.default for name, place in links.places(page).items()}
    for name, place in links.places(page).items():
        key = place.filled(catalogue.DEFAULT, values)
        if place.parameter.default is not None and key in app.session_state:
            assert app.session_state[key] == place.parameter.default, name


def test_a_link_restores_network_photo_and_settings(follow):
    query = {"class": "340", "steps": "30", "seed": "7", "tv": "12.5", "dials": "lesson"}
    app = follow(registry.IDEAL, query | {"network": "efficientnet_lite1", "size": "256"})
    assert not app.exception
    assert not errors(app)
    assert app.sidebar.selectbox(key="network").value == "efficientnet_lite1"
    assert app.selectbox(key="ideal_class_1000").value == 340
    assert app.number_input(key="ideal_steps").value == 30
    assert app.number_input(key="ideal_seed").value == 7
    assert app.select_slider(key="ideal_tv_lesson").value == 12.5
    assert app.slider(key="ideal_size_lesson").value == 256

    app.number_input(key="ideal_steps").set_value(31).run()  # the link acts once
    assert app.number_input(key="ideal_steps").value == 31


def test_every_page_takes_every_setting_at_its_extremes(follow):
    for page in WITH_SETTINGS:
        for pick in (0, -1):
            query = {"draw": "two"} if page is registry.IDEAL else {}
            for name, parameter in table(page).items():
                if name in ("view", "draw", "set", "layer", "channel", "dials"):
                    continue
                if parameter.setting.choices is not None:
                    query[name] = list(parameter.setting.choices)[pick]
                elif isinstance(parameter.default, bool):
                    query[name] = "1"
                elif isinstance(parameter.default, tuple):
                    query[name] = parameter.write(parameter.setting.range)
                else:
                    query[name] = parameter.write(parameter.setting.range[pick])
            query.pop("blocks", None)
            app = follow(page, query)
            assert not app.exception, (page.address, pick, app.exception)
            assert not [e for e in errors(app) if "link" in e], (page.address, errors(app))


@pytest.mark.parametrize(
    ("page", "query"),
    [
        (registry.IDEAL, {"steps": "20", "class": "<b>1</b>"}),
        (registry.MAPS, {"photo": "eagle", "layer": "no.such.layer"}),
        (registry.MAPS, {"photo": "eagle", "layer": "conv_stem", "channel": "32"}),
    ],
)
def test_a_bad_link_changes_nothing_on_the_page(follow, page, query):
    app = follow(page, query)
    assert not app.exception
    (error,) = errors(app)
    assert "Nothing was changed" in error
    assert "<b>" not in error
    if page is registry.IDEAL:
        assert app.number_input(key="ideal_steps").value == PRESETS["best"].settings.steps
    else:
        assert "photo" not in app.session_state


def test_a_layer_and_a_channel_travel(follow):
    app = follow(registry.MAPS, {"layer": "blocks.2.1", "channel": "7", "order": "variance"})
    assert not app.exception
    assert not errors(app)
    assert "Channel 7 of blocks.2.1" in [heading.value for heading in app.header]


@pytest.mark.parametrize("file", ["README.md", "docs/in_class.md"])
def test_what_is_written_of_the_lesson_agrees_with_it(file):
    left_out = sum(part.if_time for part in lesson.PARTS)
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    scenes, more = words[len(lesson.PARTS) - left_out], words[left_out]
    told = f"{scenes} scenes for {lesson.MINUTES} minutes, and {more} more if there is time"
    assert told in (ROOT / file).read_text("utf-8")


def test_the_lesson_lasts_45_minutes_and_its_scenes_can_be_opened():
    assert lesson.MINUTES == 45
    assert len({part.id for part in lesson.PARTS}) == len(lesson.PARTS)
    for part in lesson.PARTS:
        page = next(page for page in registry.PAGES if page.address == part.scene.page)
        offered = table(page)
        query = part.scene.query(offered)
        found = read(page.address, query, offered, questions=[part.id])
        assert found.settings == part.scene.settings
        assert part.scene.question == part.id


ZEBRA = "What do these two see in the finished picture?"


def told(app: AppTest) -> str:
    """Return what is said below a question that has folded to a line; empty while it still asks."""
    if ZEBRA not in [expander.label for expander in app.expander]:
        return ""
    return "".join(m.value for m in app.markdown if m.value.startswith("You predict"))


def test_the_question_folds_to_a_line_and_a_prediction_is_locked_once_it_is_revealed(follow):
    app = follow(registry.IDEAL, {"class": "340", "question": "zebra"})
    assert app.button(key="lesson_reveal_zebra").disabled
    assert not told(app)
    app.radio(key="lesson_choice_zebra").set_value(2).run()
    app.radio(key="lesson_choice_zebra").set_value(1).run()  # one may think again
    assert told(app).startswith("You predict: **Each something else**. The zebra is chosen")
    app.button(key="lesson_reveal_zebra").click().run()
    assert not app.exception
    assert "You predicted: Each something else." in told(app)
    assert "The answer: **Both of them a zebra**." in told(app)
    assert "in common" in told(app)
    assert "lesson_choice_zebra" not in [radio.key for radio in app.radio]
    assert app.button(key="lesson_reveal_zebra").disabled
    app.switch_page(registry.LESSON.file).run()
    assert "lesson_choice_zebra" not in [radio.key for radio in app.radio]
    assert "lesson_choice_noise" in [radio.key for radio in app.radio]


def test_another_class_begins_with_nothing_predicted_revealed_or_made(follow):
    app = follow(registry.IDEAL, {"class": "340", "question": "zebra"})
    app.radio(key="lesson_choice_zebra").set_value(1).run()
    app.button(key="lesson_reveal_zebra").click().run()
    owner = app.session_state["owner"]
    for job in ("train", "ideal"):
        scheduler().submit(owner, job, lambda: iter(()))
    app.switch_page(registry.LESSON.file).run()
    app.radio(key="lesson_choice_noise").set_value(1).run()
    app.button(key="lesson_begin_again").click().run()
    assert not app.exception
    assert [radio.value for radio in app.radio] == [None] * len(lesson.PARTS)
    (popover,) = app.get("popover")
    assert popover.proto.popover.disabled
    assert not any(scheduler().get(owner, job) for job in ("train", "ideal"))


def test_in_a_scene_a_layer_is_called_by_its_place(follow):
    query = {"question": "switch", "layer": "blocks.1.0", "ask": "switch"}
    app = follow(registry.MAPS, query)
    app.radio(key="lesson_choice_switch").set_value(1).run()
    assert not app.exception
    assert app.header[0].value.endswith(" · layer 3 of 18")
    assert "Layer 3 of 18: 24 channels" in all_text(app)
    assert "blocks." not in all_text(app)


def test_a_scene_goes_on_at_the_second_page_of_its_task(follow):
    app = follow(registry.CLASSROOM, {"question": "phones"})
    assert app.radio(key="lesson_choice_phones").value is None
    del app.query_params["question"]
    app.switch_page(registry.TRAINING.file).run()
    assert not app.exception
    assert app.radio(key="lesson_choice_phones").value is None
    assert "train_count_5" not in [button.key for button in app.button]


def test_what_answers_a_question_is_covered_until_a_prediction_is_made(follow):
    query = {"photo": "astronaut", "question": "unfamiliar"}
    app = follow(registry.MAPS, query)
    assert not app.exception
    said = diagram_of(app)
    assert said["answers"] == []
    assert "covered" in said["covered"]
    assert "sees" not in "".join(layer["told"] for layer in said["layers"])
    assert not app.get("image")
    part = lesson.part("unfamiliar")
    assert part is not None
    assert "bobsled" not in "".join((part.question, *part.options))
    app.radio(key="lesson_choice_unfamiliar").set_value(0).run()
    assert diagram_of(app)["answers"][0]["name"] == "bobsled"
    assert app.get("image")


def diagram_of(app: AppTest) -> dict:
    """Return what the network's diagram is told to show."""
    components = [c.proto for c in app.get("bidi_component")]
    diagram = next(c for c in components if c.component_name == "network_diagram")
    return json.loads(diagram.json)


def test_a_scene_begins_without_the_pictures_of_the_one_before(follow):
    app = follow(registry.IDEAL, {"question": "noise"})
    app.number_input(key="ideal_steps").set_value(1).run()
    app.button(key="ideal_start").click().run()
    owner = app.session_state["owner"]
    assert scheduler().get(owner, "ideal") is not None
    app.button(key="lesson_open_zebra").click().run()
    assert not app.exception
    assert app.selectbox(key="ideal_class_1000").value == 340
    assert scheduler().get(owner, "ideal") is None
    assert "a picture will grow here" in "".join(info.value for info in app.info)


def test_a_scene_opens_at_its_part_of_the_laboratory(follow):
    app = follow(registry.ATTACK, {"question": "helps", "part": "helps"})
    assert not app.exception
    (tabs,) = app.get("tab_container")
    assert tabs.proto.tab_container.default_tab_index == 2


def test_the_last_scene_leads_to_the_handing_in(follow):
    last = lesson.PARTS[-1]
    assert not any(part.if_time for part in lesson.PARTS[:-4])
    assert last.if_time
    page = next(page for page in registry.PAGES if page.address == last.scene.page)
    app = follow(page, {"question": last.id})
    assert not app.exception
    app.button(key="lesson_hand_in").click().run()
    assert app.title[0].value == "Hand in"


def test_in_a_scene_only_the_networks_it_speaks_of_are_asked(follow, lite0, monkeypatch):
    from pages.parts.shared import session

    own = copy.copy(lite0)  # the same network, but the visitor's own
    monkeypatch.setattr(session, "own_classifier", lambda: own)
    everywhere = follow(registry.ATTACK, {})
    assert catalogue.OWN in asked(everywhere)
    in_scene = follow(registry.ATTACK, {"question": "dog"})
    assert catalogue.OWN not in asked(in_scene)


def asked(app: AppTest) -> list[str]:
    return next(m.value for m in app.multiselect if m.label == "Other networks to ask")


def test_presenter_mode_comes_with_the_address_and_stays(follow):
    app = follow(registry.IDEAL, {"present": "1"})
    assert not app.exception
    assert app.toggle(key="present").value
    assert "Settings" in [expander.label for expander in app.expander]
    app.switch_page(registry.ATTACK.file).run()
    assert app.toggle(key="present").value
    assert "Settings" in [expander.label for expander in app.expander]
