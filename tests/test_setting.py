"""A setting that is declared once is on the page, the command line, in links, recipes and reports."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import pytest

from core.__main__ import _parser
from core.attacks import foolbox_adapter, loop
from core.attacks.defences import DEFENCES
from core.attacks.norm import NORMS
from core.problem import N_, Problem
from core.setting import asked, changed, check, setting
from core.synthesis import recipe
from core.synthesis.loop import Settings
from core.synthesis.presets import PRESETS
from core.synthesis.regularisers import REGULARISERS
from core.training.settings import SETTINGS
from pages.parts.fine_tuning import settings as training
from pages.parts.ideal_class import choices
from pages.parts.shared import links, registry
from pages.parts.shared.settings import told


@dataclass(frozen=True)
class Inner:
    depth: float = setting(0.5, N_("depth"), 0.0, 1.0, label=N_("Depth"))


@dataclass(frozen=True)
class Outer:
    count: int = setting(3, N_("count"), 1, 9, label=N_("Count"))
    silent: int = setting(0, N_("silence"), 0, 1)
    ends: tuple[float, float] = setting((0.0, 1.0), N_("ends"), 0.0, 1.0)
    inner: Inner = Inner()

    def __post_init__(self) -> None:
        check(self)


def test_people_are_asked_for_what_has_a_label_however_deep_it_lies():
    assert {name: value for name, (_, value) in asked(Outer()).items()} == {
        "count": 3,
        "depth": 0.5,
    }


def test_what_is_changed_by_name_is_changed_where_it_lies():
    assert changed(Outer(), {"count": None, "depth": 0.25}) == Outer(inner=Inner(0.25))
    with pytest.raises(TypeError):
        changed(Outer(), {"width": 1})


@pytest.mark.parametrize("wrong", [{"count": 10}, {"silent": -1}, {"ends": (0.5, 2.0)}], ids=str)
def test_a_value_out_of_its_range_is_refused(wrong):
    with pytest.raises(Problem, match="must lie between"):
        Outer(**wrong)


def test_what_is_none_of_the_choices_is_refused():
    with pytest.raises(ValueError, match="unknown"):
        training.Settings(optimiser="luck")


def choices_of(verb: str) -> dict[str, list[str] | None]:
    """Return the options of a verb with their choices, by what they set."""
    (verbs,) = (action for action in _parser()._actions if action.choices and action.required)
    return {action.dest: action.choices for action in verbs.choices[verb]._actions}


@pytest.mark.parametrize("preset", choices.PRESET_NAMES)
def test_each_setting_of_a_drawing_is_on_the_page_the_command_line_and_in_links(visit, preset):
    app = visit(registry.HOME)
    app.session_state["ideal_preset"] = preset
    app.switch_page(registry.IDEAL.file).run()
    assert not app.exception
    options, places = choices_of("ideal"), links.places(registry.IDEAL, preset)
    for name, (found, value) in PRESETS[preset].asked.items():
        assert app.session_state[choices.key(name, preset)] == value
        assert name in options
        assert places[found.link or name].parameter.default == value


def test_each_setting_of_training_is_on_the_page_the_command_line_and_in_links(visit):
    app = visit(registry.TRAINING)
    options, places = choices_of("train"), links.places(registry.TRAINING)
    assert SETTINGS.keys() <= options.keys()
    for name, (found, value) in training.ASKED.items():
        assert app.session_state[training.key(name)] == value
        assert places[found.link or name].parameter.default == value


def test_each_attack_norm_and_defence_is_on_the_page_and_the_command_line(visit):
    app = visit(registry.ATTACK)
    places = links.places(registry.ATTACK)
    shown = app.selectbox(key="attack_method").options
    labels = [m.label for m in (*loop.METHODS.values(), *foolbox_adapter.METHODS.values())]
    assert shown == labels
    assert app.selectbox(key="attack_norm").options == [norm.title for norm in NORMS.values()]
    choices = choices_of("attack")
    assert choices["method"] == [*loop.METHODS, *foolbox_adapter.METHODS]
    assert choices["norm"] == list(NORMS)
    assert choices["through"] == list(DEFENCES)
    assert {norm.epsilon.link for norm in NORMS.values()} <= places.keys()
    for name in DEFENCES:
        assert f"attack_defence_{name}" in app.session_state
    for name, norm in NORMS.items():
        app.selectbox(key="attack_norm").set_value(name).run()
        assert app.slider(key=f"attack_epsilon_{name}").value == norm.usual


# A setting that is added later needs `later`: the recipes that people have lack it.
OF_TODAY = """{"canvas": "soft", "size": 320, "steps": 216, "learning_rate": 0.003, "tv": 30.0,
"l2": 1.0, "blur": 2, "batch_norm": 0.0, "view": {"scale": [1.25, 2.1], "rotation": 7.0,
"shift": true}, "photo": "", "seed": 4, "turns": [{"after": 5, "tv": 9.0, "learning_rate": 0.01}],
"descent": "momentum", "schedule": {"length": 216, "coarse": 0.49, "coarse_size": 0.7,
"patience": 0, "waited": 3, "noise": 0.12, "colour": [0.3, 0.1], "calm": 0.8,
"contrast": [0.25, 0.65], "boldness": 4.0, "rate": 0.2, "details": 0.8, "details_rate": 20.0},
"relative": true}"""


def test_a_recipe_of_today_can_be_read_whatever_is_added():
    settings = json.loads(OF_TODAY)
    objective = {"name": "ClassLogit", "class_id": 284}
    found = recipe.read(
        {"kind": "ideal", "model": "x", "objective": objective, "settings": settings}
    )
    written = json.loads(json.dumps(asdict(found.settings)))
    assert {name: written[name] for name in settings} == settings


def test_a_regulariser_has_its_term_its_formula_and_its_row_in_the_report():
    settings = Settings(**dict.fromkeys(REGULARISERS, 2.0))
    formula = choices.formula(PRESETS["best"].objective(284), settings)
    for name, regulariser in REGULARISERS.items():
        assert regulariser.formula in formula
        assert regulariser.loss
        assert told(regulariser, getattr(settings, name)).startswith("2")
