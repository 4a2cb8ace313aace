"""How good the heat maps are: deletion and insertion curves, beside those of random orders."""

from __future__ import annotations

import html

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.features.deletion import Curves, Kind, area_under, half_way
from core.features.saliency import METHODS, Explanation, Method
from core.problem import N_
from core.server.jobs import Snapshot
from core.zoo.classifier import Classifier
from pages.parts.shared import layout, plots
from pages.parts.shared.language import class_name, percent, plain, t

_TITLES: dict[Kind, str] = {
    "deletion": N_("Strongest places covered first"),
    "insertion": N_("Strongest places shown first"),
}
_ACROSS: dict[Kind, str] = {
    "deletion": N_("part of the photo that is covered"),
    "insertion": N_("part of the photo that is shown"),
}
_COLOURS: dict[Method, str] = {
    "grad_cam": "#0072b2",
    "integrated_gradients": "#d55e00",
    "occlusion": "#009e73",
}
_RANDOM, _BAND = "#808080", "rgba(128, 128, 128, 0.3)"


def show(snapshot: Snapshot, found: Explanation, classifier: Classifier) -> None:
    """Draw the curves that are ready; in the end say what they tell."""
    if snapshot.step is None:
        return
    deletion, insertion = snapshot.step.result
    names = {"name": plain(class_name(classifier.labels[found.class_id]))}
    if found.against is None:
        told = t("The lines are the probability of **{name}**.", **names)
    else:
        names["other"] = plain(class_name(classifier.labels[found.against]))
        told = t(
            "The lines are the share of **{name}** in what **{name}** and **{other}** get together.",
            **names,
        )
    layout.label(t("How good are these maps?"))
    st.caption(
        told
        + " "
        + t(
            "With a good map it falls early when places turn grey, and rises early when they are shown."
        )
    )
    for column, curves in zip(st.columns(2, gap="medium"), (deletion, insertion), strict=True):
        with column:
            _chart(curves)
    if snapshot.state.is_end and deletion.random:
        st.caption(" ".join(_told(deletion, insertion)))


def _chart(curves: Curves) -> None:
    """Draw a line for each heat map, the mean of the random orders, and the band they lie in."""
    title = t(_TITLES[curves.kind])
    figure = go.Figure()
    if curves.random:
        parts = np.linspace(0, 1, len(curves.random[0]))
        low, high = np.min(curves.random, axis=0), np.max(curves.random, axis=0)
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=parts, y=low, **edge)
        figure.add_scatter(x=parts, y=high, fill="tonexty", fillcolor=_BAND, **edge)
        _line(figure, curves.mean_of_random, t("random orders"), {"color": _RANDOM, "dash": "dash"})
    for method, values in curves.by_method.items():
        _line(figure, values, t(METHODS[method]), {"color": _COLOURS[method]})
    figure.update_layout(
        title={"text": title, "y": 0.98, "yanchor": "top", "font": {"size": 15}},
        height=300,
        margin={"l": 5, "r": 10, "t": 75, "b": 5},
        xaxis={
            "title": t(_ACROSS[curves.kind]),
            "tickformat": ".0%",
            "range": [0, 1],
            "dtick": 0.25,
        },
        yaxis={"tickformat": ".0%", "range": [0, 1.02]},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )
    areas = ", ".join(
        f"{t(METHODS[method])} {percent(area_under(values))}"
        for method, values in curves.by_method.items()
    )
    plots.chart(figure, f"maps_curves_{curves.kind}", f"{title}: {areas}")


def _line(figure: go.Figure, values: tuple[float, ...], name: str, line: dict[str, str]) -> None:
    parts = np.linspace(0, 1, len(values))
    hover = "%{x:.0%}: %{y:.0%}<extra>" + html.escape(name) + "</extra>"
    figure.add_scatter(
        x=parts, y=values, name=name, mode="lines", line={"width": 2.5, **line}, hovertemplate=hover
    )


def _told(deletion: Curves, insertion: Curves) -> list[str]:
    """Say in sentences how soon the best map takes the class away, and which are of no use."""
    told = []
    best = min(deletion.by_method, key=lambda method: area_under(deletion.by_method[method]))
    after, at_random = half_way(deletion.by_method[best]), half_way(deletion.mean_of_random)
    if after is not None:
        names = {"method": t(METHODS[best]), "share": percent(after)}
        told.append(
            t(
                "When the strongest places of **{method}** are covered first, half is gone after **{share}** of the photo; in random orders after **{random}**.",
                random=percent(at_random),
                **names,
            )
            if at_random is not None
            else t(
                "When the strongest places of **{method}** are covered first, half is gone after **{share}** of the photo; in random orders it never is.",
                **names,
            )
        )
    better = [m for m in METHODS if deletion.beats_random(m) and insertion.beats_random(m)]
    if len(better) == len(METHODS):
        told.append(t("All three maps do better than random orders."))
    elif better:
        told.append(
            t(
                "Better than random orders: {better}. No better: {others}.",
                better=", ".join(t(METHODS[m]) for m in better),
                others=", ".join(t(METHODS[m]) for m in METHODS if m not in better),
            )
        )
    else:
        told.append(t("No map does better than random orders here, so do not trust them."))
    return told
