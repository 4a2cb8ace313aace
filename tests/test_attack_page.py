"""The attack's page as a visitor works it, without a browser."""
# ruff: noqa: F401, F811 - the fixture is that of the other pages' tests

from __future__ import annotations

import pytest
from test_pages import all_text, visit

from pages.kit import registry

pytestmark = pytest.mark.usefixtures("lite0")


@pytest.fixture
def lab(visit):
    """The page with few steps, so that it is quick."""
    app = visit(registry.ATTACK)
    app.number_input(key="attack_steps").set_value(6).run()
    return app


def tables(app) -> list:
    return [table.value for table in app.dataframe]


def test_every_attempt_gets_a_line_in_the_ledger(lab):
    lab.checkbox(key="attack_untargeted").check().run()
    lab.toggle(key="attack_stop_early").set_value(True).run()
    lab.button(key="attack_start").click().run()
    lab.button(key="attack_start").click().run()
    assert not lab.exception
    assert "The network now takes it for" in all_text(lab)
    assert "which nobody attacked" in all_text(lab)
    (ledger,) = tables(lab)
    assert len(ledger) == 2
    assert ledger["Fooled"].tolist() == ["✓", "✓"]
    assert {"L∞", "SSIM", "JPEG 75", "EfficientNet-Lite1"} <= set(ledger.columns)


def test_a_smaller_epsilon_brings_the_shown_change_back_at_once(lab):
    lab.button(key="attack_start").click().run()
    lab.slider(key="attack_epsilon_linf").set_value(2.0).run()
    assert not lab.exception
    assert "Brought back from ε = 4 to ε = 2" in all_text(lab)
    assert "**2/255**" in all_text(lab)
    lab.slider(key="attack_epsilon_linf").set_value(0.0).run()
    assert "Not fooled" in all_text(lab)
    assert len(tables(lab)[0]) == 1  # looking closer is no attempt


def test_what_cannot_be_aimed_is_explained(lab):
    lab.selectbox(key="attack_method").set_value("deepfool").run()
    lab.button(key="attack_start").click().run()
    assert not lab.exception
    assert "can only lead away from a class" in all_text(lab)


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
    (found,) = tables(lab)
    assert found["Defence"].tolist() == ["None", "Blur"]
    assert found["Fooled, attacked through it"].tolist() == ["100%", "100%"]
