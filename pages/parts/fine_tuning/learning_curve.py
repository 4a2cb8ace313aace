"""What the training page shows of what transfer is worth."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from core.problem import N_
from core.training.learning_curve import KINDS, LearningCurve, Spread
from pages.parts.shared.language import number, percent, t, tn
from pages.parts.shared.live import Seldom
from pages.parts.shared.plots import chart

_KIND_NAMES = {
    "transfer": N_("pretrained network"),
    "random": N_("same network, random weights"),
    "pixels": N_("bare pixels"),
}
_KIND_COLOURS = {"transfer": "#0072B2", "random": "#E69F00", "pixels": "#CC79A7"}


def learning_curve(curve: LearningCurve, key: str) -> None:
    """Draw accuracy against photos per class, for each kind of features."""
    title = t("Accuracy against photos per class")
    chart(learning_curve_figure(curve, title), key, title, config={"displayModeBar": False})


class GrowingCurve:
    """A learning curve that grows in its place while it is measured."""

    def __init__(self, key: str) -> None:
        """Take the place; `draw` may be called with every frame of a run that is watched."""
        self._place = st.empty()
        self._key = key
        self._points = 0
        # A chart that is made anew costs the visitor's browser more than a head costs the server.
        self._seldom = Seldom(1.0)

    def draw(self, curve: LearningCurve | None) -> None:
        """Draw the points so far, if there are new ones and it is time again."""
        if curve is None or len(curve.points) == self._points or not self._seldom.is_due():
            return
        self._points = len(curve.points)
        with self._place:
            learning_curve(curve, f"{self._key}_{self._points}")


def learning_curve_figure(curve: LearningCurve, title: str) -> go.Figure:
    """Make the chart of a learning curve; the shade reaches from the worst to the best seed."""
    figure = go.Figure()
    for kind in curve.kinds:
        spreads, colour = curve.curve(kind), _KIND_COLOURS[kind]
        counts = [spread.per_class for spread in spreads]
        figure.add_scatter(
            x=[*counts, *reversed(counts)],
            y=[*(s.high for s in spreads), *(s.low for s in reversed(spreads))],
            mode="lines",
            fill="toself",
            fillcolor=colour,
            opacity=0.2,
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=counts,
            y=[spread.mean for spread in spreads],
            name=t(_KIND_NAMES[kind]),
            mode="lines+markers",
            line={"color": colour},
            hovertemplate="%{y:.1%}",
        )
    lowest = min(curve.chance, *(point.accuracy for point in curve.points))
    ticks = sorted({point.per_class for point in curve.points})
    figure.add_hline(
        y=curve.chance,
        line={"dash": "dot", "width": 1, "color": "#999999"},
        annotation={"text": t("guessing"), "font": {"color": "#999999"}},
    )
    figure.update_layout(
        title=title,
        height=360,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        hovermode="x unified",
        legend={"orientation": "h", "y": -0.25, "yanchor": "top", "x": 0, "xanchor": "left"},
        xaxis={
            "title": t("photos per class"),
            "type": "log",
            "tickvals": ticks,
            "ticktext": [number(tick) for tick in ticks],
            "fixedrange": True,
        },
        yaxis={"tickformat": ".0%", "range": [lowest - 0.05, 1.02], "fixedrange": True},
    )
    return figure


def _what_it_is_worth(curve: LearningCurve, pretrained: Spread, pixels: Spread) -> str:
    """Say whether the pretrained network is worth anything on these photos, and how much."""
    start = curve.as_good_from("pixels")
    if start is not None:
        return tn(
            "From **{count}** photo per class on, the bare pixels do just as well: for photos like "
            "these, the pretrained network is worth nothing more.",
            "From **{count}** photos per class on, the bare pixels do just as well: for photos "
            "like these, the pretrained network is worth nothing more.",
            start,
        )
    return t(
        "There, the pretrained network is **{points}** percentage points ahead of the bare pixels: "
        "that much is worth here what it had learned before.",
        points=number(100 * (pretrained.mean - pixels.mean)),
    )


def learning_curve_words(curve: LearningCurve) -> None:
    """Say in words what a finished curve shows."""
    ends = {kind: curve.curve(kind) for kind in KINDS if kind in curve.kinds}
    if "transfer" not in ends:
        return
    first, last = ends["transfer"][0], ends["transfer"][-1]
    st.markdown(
        t(
            "With a single photo per class, the pretrained network already gets **{share}** right.",
            share=percent(first.mean),
        )
    )
    if last.per_class > 1:
        st.markdown(t("With {count} photos per class:", count=number(last.per_class)))
        for kind, spreads in ends.items():
            st.markdown(f"- {t(_KIND_NAMES[kind])}: **{percent(spreads[-1].mean)}**")
    if "pixels" in ends:
        st.markdown(_what_it_is_worth(curve, last, ends["pixels"][-1]))
    st.caption(
        t(
            "Each point is the mean of {seeds} choices of photos, the shade reaches from the worst to the best; all are evaluated on the same {count} photos. The same layer is trained each time; only what it is fed differs. What lies between the lines is what the network had learned before it saw your photos.",
            seeds=curve.seeds,
            count=number(curve.n_val),
        )
    )
