"""What a run did, as a script and as a notebook to take along: short, allowed, and it works."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from itertools import product

import foolbox
import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image

from core.attacks.foolbox_adapter import METHODS
from core.attacks.goal import Goal
from core.attacks.loop import settings_for
from core.export import attack_script, drawing_script, notebook_form
from core.images import photos
from core.problem import Problem
from core.synthesis.canvas import CANVASES
from core.synthesis.loop import Settings, Synthesis, Turn
from core.synthesis.objective import ChannelActivation, ClassLogit, CrossEntropy, Mixture
from core.synthesis.presets import PRESETS
from core.synthesis.schedule import Schedule
from core.synthesis.view import View
from core.zoo import catalogue, loading
from core.zoo.predictions import top
from pages.parts.shared import registry

ALLOWED = {"PIL", "math", "timm", "torch", "torchvision", "foolbox"}
SIAMESE, TABBY, DALMATIAN = 284, 281, 251
VGG = "torchvision.models.vgg16(weights=None)"


def of(classifier, settings: Settings, objective=None) -> str:
    empty = np.zeros((1, 1, 3), np.uint8)
    objective = objective or ClassLogit(SIAMESE)
    return drawing_script.script(
        classifier, Synthesis(empty, classifier.name, objective, settings, settings.steps)
    )


def check(script: str) -> None:
    """A script is short, its lines are, and it uses what it may."""
    assert script.count("\n") <= 100
    assert (
        max(len(line) for line in script.splitlines() if not line.startswith(("# #", "TURNS")))
        <= 100
    )
    for node in ast.walk(ast.parse(script)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert {name.split(".")[0] for name in names} <= ALLOWED


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """Run a script in a folder with a photo, with the weights that a download would bring."""
    create = timm.create_model

    def downloaded(architecture: str, *, pretrained: bool = False):
        network = create(architecture)
        entry = next(one for one in catalogue.ENTRIES if one.architecture == architecture)
        if pretrained:
            network.load_state_dict(loading._read(entry, network))
        return network

    monkeypatch.setattr(timm, "create_model", downloaded)
    monkeypatch.chdir(tmp_path)
    photos.read_sample("dalmatian").save("photo.jpg", quality=97)

    def run(script: str) -> dict:
        names: dict = {}
        exec(compile(script, "script.py", "exec"), names)
        return names

    yield run
    torch.set_default_device(None)


# Drawings


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_becomes_a_short_script(lite0, preset):
    script = of(lite0, PRESETS[preset].settings, PRESETS[preset].objective(SIAMESE))
    check(script)
    assert "\n\n# %% The loop" in script  # with room between its cells


@pytest.mark.parametrize(
    ("canvas", "objective"),
    product(
        CANVASES,
        (
            CrossEntropy(1),
            Mixture(ClassLogit(1), ClassLogit(2), 0.3),
            ChannelActivation("blocks.3.1", 5),
        ),
    ),
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_whatever_a_run_had_still_fits(lite0, canvas, objective):
    for settings in (
        Settings(canvas=canvas),
        replace(
            PRESETS["best"].settings,
            canvas=canvas,
            photo="cat",
            l2=2.0,
            blur=3.0,
            batch_norm=1.0,
            turns=(Turn(3, 10.0, 0.1), Turn(9, 30.0, 0.2)),
        ),
        replace(
            PRESETS["best"].settings,
            canvas=canvas,
            schedule=replace(PRESETS["best"].settings.schedule, waited=30),
        ),
        replace(PRESETS["best"].settings, turns=tuple(Turn(n, 1.5 * n, 0.1) for n in range(1, 90))),
    ):
        check(of(lite0, settings, objective))


def test_the_default_draws_a_siamese_cat_at_home(lite0, at_home):
    settings = PRESETS["best"].changed(size=224, steps=80)
    at_home(of(lite0, settings))
    drawn = Image.open("ideal.png")
    assert drawn.size == (224, 224)
    assert top(lite0, drawn)[0].class_id == SIAMESE


@pytest.mark.parametrize(
    ("settings", "objective"),
    [
        (Settings(canvas="pixel", size=64, steps=2, photo="cat", tv=10.0, l2=1.0), None),
        (Settings(canvas="phase", size=64, steps=2, photo="cat", blur=1.0), CrossEntropy(3)),
        (
            Settings(size=64, steps=3, photo="cat", turns=(Turn(1, 5.0, 0.2),)),
            Mixture(ClassLogit(1), ClassLogit(2), 0.3),
        ),
        (
            Settings(
                canvas="soft",
                size=64,
                steps=2,
                schedule=Schedule(length=4, noise=0.1, colour=(0.2, 0.1)),
                relative=True,
                descent="momentum",
            ),
            ChannelActivation("blocks.2.1", 4),
        ),
    ],
    ids=["pixels", "phases", "turned mixture", "channel"],
)
def test_every_kind_of_run_is_made_at_home(lite0, at_home, settings, objective):
    script = of(lite0, replace(settings, photo="photo.jpg" if settings.photo else ""), objective)
    at_home(script)
    assert Image.open("ideal.png").size == (64, 64)


def test_another_network_needs_one_line(lite0, at_home):
    script = of(lite0, replace(PRESETS["with_tv"].settings, size=64, steps=1), None)
    script = script.replace("INPUT = 224", "INPUT = 64")  # quicker
    made = 'network = timm.create_model("tf_efficientnet_lite0", pretrained=True)'
    assert script.count(made) == 1
    assert "network = torchvision.models.vgg16(weights" in script  # the comment tells
    names = at_home(script.replace(made, f"network = {VGG}"))
    assert isinstance(names["network"], torchvision.models.VGG)
    assert names["mean"].flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])


def test_lites_are_normalised_as_they_were_trained(lite0, at_home):
    names = at_home(of(lite0, Settings(size=64, steps=1)))
    assert torch.equal(names["mean"].cpu(), lite0.mean.cpu())
    assert torch.equal(names["std"].cpu(), lite0.std.cpu())


def test_a_network_of_ones_own_has_a_file_of_its_own(lite0):
    own = lite0.like(name="own")
    with pytest.raises(Problem, match="Take it home"):
        of(own, Settings())


# Attacks


@pytest.mark.parametrize("method", ["fgsm", "ifgsm", "pgd", "mifgsm"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("mask", ["everywhere", "patch", "frame", "background"])
def test_every_gradient_attack_becomes_a_short_script(lite0, method, norm, mask):
    for goal in (Goal(TABBY, True), Goal(DALMATIAN, False)):
        settings = settings_for(method, norm=norm, tv=0.5)
        check(attack_script.script(lite0, goal, settings, mask=mask))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_dalmatian_becomes_a_tabby_at_home(lite0, at_home, norm):
    settings = settings_for("pgd", norm=norm, epsilon=4 if norm == "linf" else 3, steps=12)
    names = at_home(attack_script.script(lite0, Goal(TABBY, True), settings))
    assert top(lite0, Image.open("adversarial.png"))[0].class_id == TABBY
    change = names["changed"] - names["photo"]
    size = change.abs().max() if norm == "linf" else change.norm()
    assert size <= settings.radius * 1.0001


def test_only_the_patch_is_changed_at_home(lite0, at_home):
    settings = settings_for("mifgsm", epsilon=64, steps=2, tv=0.1)
    names = at_home(
        attack_script.script(lite0, Goal(DALMATIAN, False), settings, mask="patch", side=0.5)
    )
    changed = (names["changed"] != names["photo"]).any(dim=1)[0]
    rows, columns = changed.any(dim=1).nonzero(), changed.any(dim=0).nonzero()
    assert (rows.min(), rows.max()) == (columns.min(), columns.max()) == (22, 133)


@pytest.mark.parametrize("method", METHODS)
def test_foolboxs_attacks_are_called_as_here(lite0, method):
    script = attack_script.foolbox_script(lite0, Goal(TABBY, METHODS[method].towards), method, 7)
    check(script)
    called = script.partition("attack = ")[2].partition("criterion = ")[0]
    written = eval(called, {"foolbox": foolbox, "ROUNDS": 7})
    meant = getattr(foolbox.attacks, METHODS[method].attack)(steps=7, **METHODS[method].options)
    assert type(written) is type(meant)
    assert {k: v for k, v in vars(written).items() if isinstance(v, int | float | str)} == {
        k: v for k, v in vars(meant).items() if isinstance(v, int | float | str)
    }


def test_ddn_and_deepfool_fool_the_network_at_home(lite0, at_home):
    at_home(attack_script.foolbox_script(lite0, Goal(TABBY, True), "ddn", 12))
    assert top(lite0, Image.open("adversarial.png"))[0].class_id == TABBY
    torch.set_default_device(None)
    at_home(attack_script.foolbox_script(lite0, Goal(DALMATIAN, False), "deepfool", 12))
    assert top(lite0, Image.open("adversarial.png"))[0].class_id != DALMATIAN


@pytest.mark.parametrize("layer", ["conv_stem", "blocks.2.1", "conv_head"])
def test_a_script_looks_at_the_channel_that_the_app_looks_at(lite0, at_home, layer):
    place = ChannelActivation(layer, 3)
    names = at_home(of(lite0, Settings(canvas="pixel", size=64, steps=1, view=View()), place))
    picture = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    seen = lite0.for_drawing(224).look([layer], answer=False)(picture).maps[layer]
    names["loss"](picture.to(names["mean"].device))
    map = names["seen"]["map"].cpu()
    assert map.shape == seen.shape
    behind = seen if layer == "blocks.2.1" else seen.clamp(0, 6)  # timm's norm has its ReLU in it
    torch.testing.assert_close(map, behind.cpu(), rtol=1e-3, atol=1e-3)


# Notebooks


def test_a_notebook_has_the_scripts_cells_and_runs(lite0, at_home):
    script = attack_script.script(lite0, Goal(TABBY, True), settings_for("fgsm"))
    notebook = json.loads(notebook_form.notebook(script))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    first, *code = notebook["cells"]
    assert first["cell_type"] == "markdown"
    assert first["source"].startswith("# A photo is changed")
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    names = at_home("\n".join(cell["source"] for cell in code))
    assert names["adversarial"].size == (224, 224)


# On the pages


def test_a_run_on_a_page_can_be_taken_along_as_code(visit):
    app = visit(registry.IDEAL)
    app.number_input(key="ideal_steps").set_value(1).run()
    app.button(key="ideal_start").click().run()
    assert not app.exception
    assert {"Code (notebook)", "Code (script)"} <= {
        b.proto.label for b in app.get("download_button")
    }
    app.switch_page(registry.ATTACK.file).run()
    app.number_input(key="attack_steps").set_value(1).run()
    app.button(key="attack_start").click().run()
    assert not app.exception
    assert {"Code (notebook)", "Code (script)"} <= {
        b.proto.label for b in app.get("download_button")
    }
