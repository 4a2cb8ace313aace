"""The inspector of the feature maps' page: what it shows of a channel is what the network computes."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from core.features.computation import values
from core.features.contributions import fed_by
from core.images import photos
from core.zoo.classifier import Classifier
from pages.parts.feature_maps.walk import Channel
from pages.parts.shared import registry

pytestmark = pytest.mark.usefixtures("lite0")
LAYER = "blocks.1.0"
KEPT = "maps_channel_efficientnet_lite0_blocks.1.0"


@pytest.fixture
def page(visit) -> AppTest:
    app = visit(registry.MAPS)
    app.session_state["maps_layer_efficientnet_lite0"] = LAYER
    app.session_state[KEPT] = 3
    app.run()
    assert not app.exception
    return app


def component(app: AppTest, name: str) -> dict:
    found = [c.proto for c in app.get("bidi_component") if c.proto.component_name == name]
    return json.loads(found[0].json)


def ask(app: AppTest, question: str) -> None:
    app.segmented_control(key="maps_asked").set_value(question).run()
    assert not app.exception


def test_the_steps_lead_to_the_number_that_is_chosen_on_the_map(page):
    grid = component(page, "value_grid")
    row, column = grid["selected"]
    shown = grid["values"][row * grid["columns"] + column]
    assert shown == max(grid["values"])  # at first the most active one
    steps = component(page, "one_number")["steps"]
    assert steps[-1]["result"] == pytest.approx(shown, abs=1e-2)
    (summed,) = steps
    assert sum(term["value"] for term in summed["sum"]) == pytest.approx(shown, abs=1e-2)
    assert len(summed["rows"]) == 10
    assert len(summed["phases"]) == 3  # of one value of each map, nothing is added up within a map


def test_one_walks_to_what_a_number_is_fed_by_and_back(page, lite0):
    target = component(page, "one_number")["steps"][0]["rows"][0]["target"]
    origin = ("efficientnet_lite0", LAYER, 3)
    page.session_state["maps_walk"] = (origin, [Channel(**target)])
    page.run()
    assert not page.exception
    heading = page.header[0].value
    assert heading.startswith(f"Channel {target['channel']} inside {LAYER}, after its depthwise")
    assert component(page, "value_grid")["selected"] == [target["row"], target["column"]]
    depthwise, activation = component(page, "one_number")["steps"]
    assert len(depthwise["rows"]) == 1
    assert activation["line"].startswith("ReLU6(")
    page.button(key="maps_back").click().run()
    assert page.header[0].value == f"Channel 3 of {LAYER}"


def test_what_feeds_a_channel_and_what_it_feeds_are_shown(page, lite0):
    ask(page, "fed")
    before, after = (
        json.loads(c.proto.json)["channels"]
        for c in page.get("bidi_component")
        if c.proto.component_name == "channel_links"
    )
    node = lite0.layer(LAYER).node
    expected = fed_by(lite0, photos.read_sample("cat"), node, 3).contributions
    assert [link["target"]["channel"] for link in before] == [c.channel for c in expected[:7]]
    assert before[0]["told"].startswith("+" if expected[0].amount >= 0 else "−")
    assert len(after) == 7
    (told,) = (c.value for c in page.caption if c.value.startswith("How much each gives"))
    assert "89 channels" in told


def test_a_channel_that_is_off_changes_the_page_and_not_the_network(page, lite0: Classifier):
    nodes = [lite0.layer(LAYER).node]
    before = values(lite0, photos.read_sample("cat"), nodes)[nodes[0]]
    map_shown = component(page, "value_grid")["map"]
    ask(page, "switch")
    page.segmented_control(key=f"maps_switch_efficientnet_lite0_{LAYER}_3").set_value(0.0).run()
    assert not page.exception
    (told,) = (warning.value for warning in page.warning)
    assert "channel 3 off (blocks.1.0)" in told
    assert set(component(page, "value_grid")["values"]) == {0.0}
    assert component(page, "value_grid")["map"] == map_shown  # the chosen place stays
    after = values(lite0, photos.read_sample("cat"), nodes)[nodes[0]]
    assert (before == after).all()  # what others share is as it was
    page.button(key="maps_switch_back").click().run()
    assert not page.warning
    assert max(component(page, "value_grid")["values"]) > 0


def test_the_answer_is_computed_from_the_last_maps(page, lite0):
    last = lite0.layers[-1].name
    page.session_state["maps_layer_efficientnet_lite0"] = last
    page.run()
    ask(page, "answer")
    summed, softmax = component(page, "one_number")["steps"]
    assert sum(term["value"] for term in summed["sum"]) == pytest.approx(summed["result"], abs=1e-3)
    network = next(c for c in page.get("bidi_component") if "answersLabel" in c.proto.json)
    best = json.loads(network.proto.json)["answers"][0]
    assert f"{100 * softmax['result']:.1f}%" == best["share"]
    assert len(summed["rows"]) == 10
    # Another layer has no such question, and the page goes back to the first one.
    page.session_state["maps_layer_efficientnet_lite0"] = LAYER
    page.run()
    assert not page.exception
    assert page.segmented_control(key="maps_asked").value == "number"
