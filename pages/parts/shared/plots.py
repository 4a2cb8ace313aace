"""Charts: light ones that move with a run, and full ones once it has ended."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.images.photos import data_uri
from pages.parts.shared.language import separators, t

_HEIGHT = 280
_SPARK_POINTS = 80
"""More cannot be told apart in a line as wide as a thumb."""


@dataclass(frozen=True)
class LiveNumber:
    """A number that moves with a run, and the line it has drawn so far.

    Attributes:
        label: what it is, translated.
        value: its latest value, as the language writes it.
        history: its values so far.
        share: whether it lies in [0, 1], so that the line is drawn on this scale.
    """

    label: str
    value: str
    history: Sequence[float]
    share: bool = False


def live_numbers(place: DeltaGenerator, numbers: Sequence[LiveNumber]) -> None:
    """Show numbers with their lines as one small piece of SVG.

    A chart library's chart, made anew several times a second, would take more of the visitor's
    processor than the network takes of the server's.
    """
    tiles = "".join(
        f'<div class="live-number"><span class="label">{html.escape(n.label)}</span>'
        f'<span class="value">{html.escape(n.value)}</span>{_sparkline(n)}</div>'
        for n in numbers
    )
    place.html(f'<div class="live-numbers">{tiles}</div>')


def _sparkline(number: LiveNumber) -> str:
    values = np.asarray(number.history, dtype=float)
    places = np.linspace(0, len(values) - 1, min(len(values), _SPARK_POINTS)).round().astype(int)
    values = np.nan_to_num(values[places])
    low, high = (0.0, 1.0) if number.share else (values.min(), values.max())
    heights = 30 - 28 * (values - low) / (high - low if high > low else 1)
    across = np.linspace(0, 100, len(values))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, heights, strict=True))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 32" preserveAspectRatio="none">'
        f'<polyline points="{line}" fill="none" stroke="#0072b2" stroke-width="2" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )
    # As an image: Streamlit takes SVG out of HTML that it is given.
    return f'<img src="{data_uri(svg.encode(), "svg+xml")}" alt="">'


def chart(figure: go.Figure, key: str, title: str, **more: Any) -> None:
    """Show a chart, with numbers as the language in use writes them.

    Args:
        figure: the chart.
        key: of the element.
        title: what screen readers say.
        more: what else the element takes.
    """
    figure.update_layout(separators=separators(), dragmode=False)
    # What can be dragged keeps a finger on a phone from scrolling past it.
    figure.update_xaxes(fixedrange=True).update_yaxes(fixedrange=True)
    st.plotly_chart(figure, key=key, alt=title, **more)


def curves(
    history: Mapping[str, Sequence[float]], names: Sequence[str], x: str, key: str, title: str
) -> None:
    """Draw some of a run's scalars against its steps.

    Args:
        history: scalars by name.
        names: which, untranslated.
        x: what the steps are, translated.
        key: of the chart.
        title: of the chart, translated; also its text for screen readers.
    """
    figure = go.Figure()
    for name in names:
        values = history.get(name, ())
        figure.add_scatter(x=list(range(1, len(values) + 1)), y=list(values), name=t(name))
    figure.update_layout(
        title=title,
        height=_HEIGHT,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        xaxis_title=x,
    )
    chart(figure, key, title)


def rate_search(
    rates: Sequence[float], losses: Sequence[float], suggestion: float, key: str
) -> None:
    """Show the loss against the learning rate, with the suggested one marked."""
    figure = go.Figure(go.Scatter(x=rates, y=losses, mode="lines", line={"width": 3}))
    figure.add_vline(x=suggestion, line={"dash": "dot", "color": "#E69F00", "width": 3})
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 0, "r": 0, "t": 10, "b": 0},
        xaxis={"type": "log", "title": t("Learning rate")},
        yaxis={"title": t("Loss"), "rangemode": "tozero"},
    )
    chart(figure, key, t("Loss"), config={"displayModeBar": False})
