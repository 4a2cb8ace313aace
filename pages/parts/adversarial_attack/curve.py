"""Accuracy under attack against ε, on many photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from core.attacks import loop, robustness
from core.data.photo_files import PhotoFile
from core.steps import Step, Steps
from core.zoo.classifier import Classifier
from pages.parts.adversarial_attack.laboratory import Laboratory, read
from pages.parts.shared.language import percent, short, t
from pages.parts.shared.plots import chart

CURVE = loop.Settings(steps=10)
"""How networks are attacked for the curves of their accuracy."""


@dataclass(frozen=True)
class Curves:
    """Accuracy under attack of one or several networks on the same photos.

    Attributes:
        photos: how many there were.
        from_network: whether what the network sees without an attack counts as right.
        skipped: how many could not be read.
        points: the curves, by the networks' names.
    """

    photos: int
    from_network: bool
    skipped: int
    points: Mapping[str, tuple[robustness.Point, ...]]


def accuracy_under_attack(laboratory: Laboratory) -> None:
    """Let a network's accuracy under attack be measured, and show the curve."""
    st.markdown(
        t(
            "And over many photos: how many does the network still get right, if each was "
            "attacked within ε?"
        )
    )
    found = laboratory.run(
        "curve",
        t("Draw the curve"),
        partial(curve_run, laboratory.classifier, laboratory.files),
        laboratory.on_files(),
        disabled=not laboratory.files,
    )
    if not found:
        return
    (points,) = found.points.values()
    lines = {
        t("unrounded"): [point.accuracy for point in points],
        t("saved in 8 bits"): [point.accuracy_saved for point in points],
    }
    accuracy_chart(lines, [point.epsilon for point in points], "attack_curve_chart")
    measured_on(found)


def curve_run(classifier: Classifier, files: Sequence[PhotoFile]) -> Steps[Curves]:
    """Measure a network's accuracy under attack on photos."""
    yield from curves({classifier.name: classifier}, files)


def curves(networks: Mapping[str, Classifier], files: Sequence[PhotoFile]) -> Steps[Curves]:
    """Measure the accuracy under attack of networks, by their names, on photos."""
    album = yield from read(next(iter(networks.values())), files)
    measured = robustness.accuracy_by_network(networks, album.pictures, album.classes, CURVE)
    for step in measured:
        result = None
        if step.result:
            result = Curves(len(album.names), album.from_network, len(album.skipped), step.result)
        yield Step(step.index, step.total, picture=step.picture, result=result)


def measured_on(found: Curves) -> None:
    """Say what a curve was measured on."""
    share = percent(1 / found.photos, 1)
    told = [
        t("Photos measured: {count}; each is {share} of them.", count=found.photos, share=share)
    ]
    if found.from_network:
        told.append(
            t("What they show is not known, so what the network saw before the attack is “right”.")
        )
    if found.skipped:
        told.append(t("{count} could not be read.", count=found.skipped))
    st.caption(" ".join(told))


def accuracy_chart(
    lines: Mapping[str, Sequence[float]], epsilons: Sequence[float], key: str
) -> None:
    """Draw accuracies against ε in 1/255, a line for each name."""
    title = t("Accuracy under attack")
    figure = go.Figure()
    for name, values in lines.items():
        places = [short(epsilon) for epsilon in epsilons[: len(values)]]
        figure.add_scatter(x=places, y=list(values), name=name, mode="lines+markers")
    figure.update_layout(
        title={"text": title, "y": 0.97, "yanchor": "top"},
        height=320,
        margin={"l": 10, "r": 10, "t": 70, "b": 10},
        xaxis={"title": t("ε in 1/255"), "type": "category"},
        yaxis={"range": [-0.02, 1.02], "tickformat": ".0%"},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )
    chart(figure, key, title)
