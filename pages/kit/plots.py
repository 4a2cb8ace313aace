"""Charts, drawn once a run has ended; while it goes on, `st.metric` draws its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from pages.kit.language import t

_HEIGHT = 280


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
    st.plotly_chart(figure, key=key, alt=title)


def confusion(matrix: NDArray[np.int64], labels: Sequence[str], key: str) -> None:
    """Draw a confusion matrix: true classes down, predicted ones across."""
    title = t("What was taken for what")
    figure = go.Figure(
        go.Heatmap(
            z=matrix,
            x=list(labels),
            y=list(labels),
            text=matrix,
            texttemplate="%{text}" if len(labels) <= 20 else "",
            colorscale="Blues",
            showscale=False,
        )
    )
    figure.update_layout(
        title=title,
        height=max(_HEIGHT, 60 + 30 * len(labels)),
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        xaxis={"title": t("predicted"), "type": "category"},
        yaxis={"title": t("true"), "type": "category", "autorange": "reversed"},
    )
    st.plotly_chart(figure, key=key, alt=title)
