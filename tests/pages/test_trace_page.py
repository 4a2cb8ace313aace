"""The way back from a class, on the page of the feature maps."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from core.features.contributions import Knot, trace_back
from core.features.maps import observe
from core.images import photos
from core.server.scheduler import scheduler
from core.steps import Step
from pages.parts.feature_maps import trace
from pages.parts.shared import registry
from tests.helpers.pages import all_text


@pytest.fixture
def traced(visit):
    """The page as it shows the way back, once it has been computed."""

    def opened():
        app = visit(registry.MAPS)
        app.segmented_control(key="maps_view").set_value("trace").run()
        job = scheduler().get(app.session_state["owner"], "maps_trace")
        while not (snapshot := job.snapshot()).state.is_end:
            job.wait(snapshot.version, timeout=20)
        app.run()
        assert not app.exception
        return app

    return opened


def tree_of(app) -> dict:
    """What the page gives the component."""
    (component,) = [
        element
        for element in app.get("bidi_component")
        if element.proto.component_name.endswith("trace_tree")
    ]
    return json.loads(component.proto.json)


def flat(knots: tuple[Knot, ...]) -> list[Knot]:
    """All knots of a tree, column by column."""
    return [*knots, *flat(tuple(b for knot in knots for b in knot.before))] if knots else []


def test_knots_are_laid_out_beside_those_that_they_come_from():
    edges = Knot("edges", 1, 0.1), Knot("edges", 2, 0.1)
    tree = (
        Knot("last", 7, 1.0, (Knot("first", 3, 0.5, edges), Knot("first", 4, 0.2))),
        Knot("last", 8, -0.5),
    )
    placed = list(trace.laid_out(tree))
    assert [p.knot for p in placed] == flat(tree)
    assert [(p.column, p.row, p.rows, p.parent) for p in placed] == [
        *((0, 0, 3, None), (0, 3, 1, None)),
        *((1, 0, 2, 0), (1, 2, 1, 0)),
        *((2, 0, 1, 2), (2, 1, 1, 2)),
    ]


def test_the_page_shows_the_way_back_from_the_answer(traced, lite0):
    tree = tree_of(traced())
    cat = photos.read_sample(registry.MAPS.default_photo)
    answer = observe(lite0, cat).predictions[0]
    knots = flat(trace_back(lite0, cat, answer.class_id, widths=trace.WIDTHS))
    assert tree["answer"]["name"] == answer.class_name
    assert [k["channel"] for k in tree["knots"]] == [f"channel {k.channel}" for k in knots]
    assert [float(k["amount"]) for k in tree["knots"]] == pytest.approx(
        [knot.amount for knot in knots], abs=0.001
    )
    assert tree["columns"][0] == {"title": "layer 18 of 18", "name": "conv_head"}
    assert tree["rows"] == 6
    widths = [k["width"] for k in tree["knots"]]
    assert widths[0] == max(widths)
    assert all(k["map"].startswith("data:image/jpeg") and not k["ideal"] for k in tree["knots"])
    parents = [knots[k["parent"]] for k in tree["knots"] if k["parent"] is not None]
    assert all(child in parent.before for child, parent in zip(knots[3:], parents, strict=True))


def test_what_the_channels_look_for_is_put_beside_their_maps(traced, monkeypatch):
    def two_of_them(classifier, places):
        done = dict.fromkeys(places[:3], np.zeros((128, 128, 3), np.uint8))
        while True:  # the third is being drawn
            time.sleep(0.01)
            yield Step(2 * 40 + 7, 100, result=done)

    monkeypatch.setattr(trace, "thumbnails", two_of_them)
    app = traced()
    app.button(key="maps_trace_start").click().run()
    job = scheduler().get(app.session_state["owner"], "maps_trace_drawing")
    while job.snapshot().step is None:
        job.wait(job.snapshot().version, timeout=20)
    app.button(key="maps_trace_stop").click().run()
    while not (snapshot := job.snapshot()).state.is_end:
        job.wait(snapshot.version, timeout=20)
    app.run()
    assert not app.exception
    places = list(dict.fromkeys((k["column"], k["channel"]) for k in tree_of(app)["knots"]))
    drawn = {(k["column"], k["channel"]) for k in tree_of(app)["knots"] if k["ideal"]}
    assert drawn == set(places[:2])
    assert app.button(key="maps_trace_start").label == "Draw what they look for"
    assert "gradient × activation" in all_text(app)
