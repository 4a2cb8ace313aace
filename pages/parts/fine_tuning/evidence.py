"""What the training page shows of how good a network is."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from core.data.datasets import Photo
from core.training import evidence
from core.training.evidence import Score
from pages.parts.fine_tuning.thumbnails import photo_uri
from pages.parts.shared import layout
from pages.parts.shared.language import number, percent, remember_choice, t
from pages.parts.shared.plots import chart

_MOST_IN_GALLERY = 24


@dataclass(frozen=True)
class Answers:
    """What a trained network said of its validation photos.

    Attributes:
        photos: the n photos.
        class_names: of its classes.
        predicted: the answered classes, (n,).
        confidence: their probabilities, (n,).
    """

    photos: tuple[Photo, ...]
    class_names: tuple[str, ...]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]

    @property
    def truth(self) -> NDArray[np.int64]:
        """The true classes, (n,)."""
        return np.array([photo.label for photo in self.photos], dtype=np.int64)

    @property
    def matrix(self) -> NDArray[np.int64]:
        """Photos by true class (rows) and answered class (columns)."""
        return evidence.confusion_matrix(self.truth, self.predicted, len(self.class_names))


def accuracy(answers: Answers) -> None:
    """Show the accuracy with its interval, all in all and class by class."""
    scores = evidence.per_class(answers.matrix, answers.class_names)
    correct, total = sum(s.correct for s in scores), sum(s.total for s in scores)
    everything = Score(t("All classes"), correct, total)
    score_list((everything, *scores), has_total=True)
    st.caption(
        t(
            "The pale band is the 95 % interval (Wilson): with so few photos, this is how "
            "precisely the accuracy is known. Of a class, it is the share of its photos that are "
            "recognised."
        )
    )


def score_list(scores: Sequence[Score], *, has_total: bool = False) -> None:
    """Show accuracies with their intervals below each other; the first may be that of all."""
    rows = "".join(_score_row(score, has_total and i == 0) for i, score in enumerate(scores))
    st.html(f'<ol class="scores">{rows}</ol>')


def _score_row(score: Score, is_total: bool) -> str:
    low, high = score.interval
    if score.accuracy is None:
        value, bar = t("no validation photo"), ""
    else:
        value = t(
            "{share} of {count} ({low} to {high})",
            share=percent(score.accuracy, 1),
            count=number(score.total),
            low=percent(low, 1),
            high=percent(high, 1),
        )
        bar = (
            f'<span class="band" style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%">'
            f'</span><span class="mark" style="left:{100 * score.accuracy:.1f}%"></span>'
        )
    return (
        f'<li class="{"total" if is_total else ""}">'
        f'<span class="name">{html.escape(score.class_name)}</span>'
        f'<span class="share">{html.escape(value)}</span><span class="scale">{bar}</span></li>'
    )


def confusion(answers: Answers, key: str) -> None:
    """Show the confusion matrix, and the photos behind the cell that was clicked or chosen.

    Args:
        answers: for the validation photos.
        key: of the elements.
    """
    matrix, names = answers.matrix, answers.class_names
    cells = [(int(i), int(j)) for i, j in zip(*np.nonzero(matrix), strict=True)]
    if not cells:
        return
    # Mistakes first, the most frequent first: they are what is looked for.
    cells.sort(key=lambda cell: (cell[0] == cell[1], -matrix[cell]))
    choice_key = remember_choice(f"{key}_cell")
    if st.session_state.get(choice_key) not in cells:  # left over from another training
        st.session_state[choice_key] = cells[0]
    title = t("Confusion matrix")
    shown = [html.escape(name, quote=False) for name in names]  # Plotly knows some HTML

    def clicked() -> None:
        points = st.session_state[f"{key}_matrix"].selection.points
        if points:
            cell = (shown.index(str(points[0]["y"])), shown.index(str(points[0]["x"])))
            if cell in cells:
                st.session_state[choice_key] = cell

    chart(
        _matrix_figure(matrix, shown, title),
        f"{key}_matrix",
        title,
        on_select=clicked,
        selection_mode="points",
        config={"displayModeBar": False},
    )
    cell = st.selectbox(
        t("Photos behind a cell"),
        cells,
        format_func=lambda cell: _cell_name(cell, names, int(matrix[cell])),
        key=choice_key,
        help=t("Choose here, or click on a cell of the matrix."),
    )
    chosen = evidence.in_cell(answers.truth, answers.predicted, answers.confidence, cell)
    _gallery(answers, chosen)


def _cell_name(cell: tuple[int, int], names: Sequence[str], count: int) -> str:
    true, predicted = cell
    if true == predicted:
        return t("{name}, recognised ({count})", name=names[true], count=count)
    return t(
        "actual {name}, predicted {other} ({count})",
        name=names[true],
        other=names[predicted],
        count=count,
    )


def _matrix_figure(matrix: NDArray[np.int64], names: Sequence[str], title: str) -> go.Figure:
    figure = go.Figure(
        go.Heatmap(
            z=matrix,
            x=list(names),
            y=list(names),
            text=matrix,
            texttemplate="%{text}" if len(names) <= 20 else "",
            colorscale="Blues",
            showscale=False,
            hoverinfo="skip",
        )
    )
    # Plotly selects points, not cells of a heatmap: so each cell gets one that cannot be seen.
    rows, columns = np.indices(matrix.shape)
    figure.add_scatter(
        x=[names[i] for i in columns.ravel().tolist()],
        y=[names[i] for i in rows.ravel().tolist()],
        mode="markers",
        marker={"symbol": "square", "size": max(8, 220 // len(names)), "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=matrix.ravel(),
        hovertemplate="%{y} → %{x}: %{customdata}<extra></extra>",
        showlegend=False,
    )
    figure.update_layout(
        title=title,
        height=max(280, 60 + 30 * len(names)),
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        # Ranges by hand: markers would have room of their own around the cells.
        xaxis={
            "title": t("predicted"),
            "type": "category",
            "range": [-0.5, len(names) - 0.5],
            "fixedrange": True,
        },
        yaxis={
            "title": t("true"),
            "type": "category",
            "range": [len(names) - 0.5, -0.5],
            "fixedrange": True,
        },
        clickmode="event+select",
        dragmode=False,
    )
    return figure


def mistakes(answers: Answers, most: int = 12) -> None:
    """Show the mistakes of which the network was most confident."""
    places = evidence.confident_mistakes(answers.truth, answers.predicted, answers.confidence, most)
    layout.label(t("Its most confident mistakes"))
    if not len(places):
        st.markdown(t("None: it got every photo right."))
        return
    _gallery(answers, places)


def _gallery(answers: Answers, places: NDArray[np.int64]) -> None:
    """Show photos in a grid, each with what it was taken for."""
    tiles = "".join(_tile(answers, int(place)) for place in places[:_MOST_IN_GALLERY])
    st.html(f'<div class="photo-grid">{tiles}</div>')
    if len(places) > _MOST_IN_GALLERY:
        st.caption(
            t("{shown} of {count} photos", shown=_MOST_IN_GALLERY, count=number(len(places)))
        )


def _tile(answers: Answers, place: int) -> str:
    photo = answers.photos[place]
    true = answers.class_names[photo.label]
    answer = answers.class_names[answers.predicted[place]]
    share = percent(float(answers.confidence[place]))
    caption = (
        f"✓ {answer} {share}"
        if true == answer
        else "✗ " + t("{answer} {share}, in truth {true}", answer=answer, share=share, true=true)
    )
    return (
        f'<figure><img src="{photo_uri(photo.data, photo.name, 160)}" '
        f'alt="{html.escape(true, quote=True)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
