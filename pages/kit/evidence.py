"""What the training page shows of the data, and of how good a network is and why."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch
from numpy.typing import NDArray

from core import photos
from core.problem import N_
from core.steps import Pixels
from core.training import evidence, projection
from core.training.data import Photo, Skipped
from core.training.evidence import Familiarity, Score
from core.training.learning_curve import KINDS, LearningCurve
from core.training.overview import Overview
from pages.kit import layout, session
from pages.kit.language import (
    class_name,
    number,
    percent,
    plain,
    remember_choice,
    say,
    separators,
    t,
)
from pages.kit.live import Seldom, data_uri

_ASSETS = Path(__file__).parents[2] / "assets" / "components"
_TILE = 96
_LARGE = 360
_SHEET_COLUMNS = 6
_MOST_LISTED = 20
_SPRITES_KEPT = 110
"""A sheet for each of 100 classes, and a few maps."""
_MOST_IN_GALLERY = 24
MOST_ON_MAP = 400
"""Points of a map; more lie on top of each other, and their thumbnails take long to come."""
_KIND_NAMES = {
    "transfer": N_("pretrained network"),
    "random": N_("same network, random weights"),
    "pixels": N_("bare pixels"),
}
_KIND_COLOURS = {"transfer": "#0072B2", "random": "#E69F00", "pixels": "#CC79A7"}
_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999")
"""Okabe and Ito's colours, which most colour-blind people can tell apart; as in the theme."""

_map = st.components.v2.component(
    "feature_map",
    css=(_ASSETS / "feature_map.css").read_text("utf-8"),
    js=(_ASSETS / "feature_map.js").read_text("utf-8"),
)


@dataclass(frozen=True)
class Answers:
    """What a trained network said of the photos that it was examined on.

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


# The data


def overview(seen: Overview, *, withheld: int = 0) -> None:
    """Show what there is to learn from, before anything is learned.

    Args:
        seen: the data set.
        withheld: photos kept out of the examination, since a copy is learned from.
    """
    st.markdown(_balance(seen))
    for sentence in _copies(seen, withheld):
        st.markdown(sentence)
    if seen.contradictions:
        _contradictions(seen)
    unreadable(seen.unreadable)
    columns = st.columns(2 if len(seen.classes) <= 4 else 3, gap="medium")
    for i, (name, count, samples) in enumerate(
        zip(seen.classes, seen.counts, seen.samples, strict=True)
    ):
        with columns[i % len(columns)]:
            layout.label(
                t("{name}: {count} photos", name=plain(name), count=number(count))
                if count != 1
                else t("{name}: 1 photo", name=plain(name))
            )
            if samples:
                alt = t("Some photos of the class {name}", name=name)
                picture = _sprite(_fingerprint(samples), samples, _TILE, _SHEET_COLUMNS)
                st.image(picture, width="stretch", alt=alt)


def sheet(samples: Sequence[Photo], tile: int = _TILE, columns: int = _SHEET_COLUMNS) -> Pixels:
    """Lay photos out as one picture, (rows * tile, columns * tile, 3); empty places are white."""
    rows = max(1, ceil(len(samples) / columns))
    pixels = np.full((rows * tile, columns * tile, 3), 255, dtype=np.uint8)
    for place, photo in enumerate(samples):
        top, left = tile * (place // columns), tile * (place % columns)
        pixels[top : top + tile, left : left + tile] = _thumbnail(photo, tile)
    return pixels


def _thumbnail(photo: Photo, size: int) -> Pixels:
    return np.asarray(photos.centre_square(photos.decode(photo.data, photo.name), size))


def _balance(seen: Overview) -> str:
    if seen.balance == 1:
        return t(
            "**{count} photos** in {classes} classes of the same size.",
            count=number(seen.total),
            classes=len(seen.classes),
        )
    (fewest, least), (largest, most) = seen.smallest, seen.largest
    return t(
        "**{count} photos** in {classes} classes, from {least} ({fewest}) to {most} ({largest}). "
        "Always answering “{largest}” would be right for {share} of them.",
        count=number(seen.total),
        classes=len(seen.classes),
        least=number(least),
        fewest=plain(fewest),
        most=number(most),
        largest=plain(largest),
        share=percent(seen.always_largest),
    )


def _copies(seen: Overview, withheld: int) -> list[str]:
    if not seen.copies:
        return [t("No photo is there twice.")]
    sentences = [
        t(
            "Exact copies of other photos, which add nothing: **{count}**.",
            count=number(seen.extra_copies),
        )
    ]
    if seen.leaks:
        sentences.append(
            t(
                "Photos that stand both among those to learn from and among those to be examined "
                "on: **{count}**.",
                count=number(len(seen.leaks)),
            )
        )
    if withheld:
        sentences.append(
            t(
                "Kept out of the examination, since a copy is learned from: **{count}**. To "
                "recognise those would be memory, not understanding.",
                count=number(withheld),
            )
        )
    return sentences


def _contradictions(seen: Overview) -> None:
    st.warning(
        t(
            "Photos that are in several classes at once: {count}. Some of their labels must be "
            "wrong; keep each in one class.",
            count=number(len(seen.contradictions)),
        ),
        icon=":material/rule:",
    )
    with st.expander(t("Which ones")):
        for group in seen.contradictions[:_MOST_LISTED]:
            names = (f"{plain(p.name)} ({plain(seen.classes[p.label])})" for p in group.photos)
            st.markdown("- " + " = ".join(names))
        if len(seen.contradictions) > _MOST_LISTED:
            st.markdown("- …")


def unreadable(skipped: Sequence[Skipped]) -> None:
    """List files that cannot be used, with the reasons; nothing where there are none."""
    if not skipped:
        return
    with st.expander(t("{count} files could not be read", count=number(len(skipped)))):
        for one in skipped[:_MOST_LISTED]:
            st.markdown(f"- {say(one.reason)}")
        if len(skipped) > _MOST_LISTED:
            st.markdown("- …")


# How good it is


def accuracy(answers: Answers) -> None:
    """Show the accuracy with its interval, all in all and class by class."""
    scores = evidence.per_class(answers.matrix, answers.class_names)
    correct, total = sum(s.correct for s in scores), sum(s.total for s in scores)
    everything = Score(t("All classes"), correct, total)
    rows = "".join(_score_row(score, i == 0) for i, score in enumerate((everything, *scores)))
    st.html(f'<ol class="scores">{rows}</ol>')
    st.caption(
        t(
            "The pale band is the 95 % interval (Wilson): with so few photos, this is how "
            "precisely the accuracy is known. Of a class, it is the share of its photos that are "
            "recognised."
        )
    )


def _score_row(score: Score, is_total: bool) -> str:
    low, high = score.interval
    if score.accuracy is None:
        value, bar = t("no photo to be examined on"), ""
    else:
        value = t(
            "{share} of {count} ({low} to {high})",
            share=percent(score.accuracy, 1),
            count=number(score.total),
            low=percent(low),
            high=percent(high),
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
        answers: of the examination.
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
    title = t("What was taken for what")
    shown = [html.escape(name, quote=False) for name in names]  # Plotly knows some HTML

    def clicked() -> None:
        points = st.session_state[f"{key}_matrix"].selection.points
        if points:
            cell = (shown.index(str(points[0]["y"])), shown.index(str(points[0]["x"])))
            if cell in cells:
                st.session_state[choice_key] = cell

    st.plotly_chart(
        _matrix_figure(matrix, shown, title).update_layout(separators=separators()),
        key=f"{key}_matrix",
        on_select=clicked,
        selection_mode="points",
        config={"displayModeBar": False},
        alt=title,
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
        "{name}, taken for {other} ({count})",
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
        f'<figure><img src="{_photo_uri(photo.data, photo.name, 160)}" '
        f'alt="{html.escape(true, quote=True)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


@st.cache_data(scope="session", max_entries=300, show_spinner=False)
def _photo_uri(data: bytes, name: str, size: int) -> str:
    return data_uri(_thumbnail(Photo(name, 0, data), size))


# Where the photos lie


def feature_map(
    features: torch.Tensor,
    shown: Sequence[Photo],
    class_names: Sequence[str],
    key: str,
    *,
    predicted: NDArray[np.int64] | None = None,
) -> None:
    """Show photos as points in the plane, those close together that the network finds alike.

    Args:
        features: (n, D), the photos' embeddings.
        shown: the n photos; of many, only some are drawn.
        class_names: of the visitor's classes.
        key: of the elements.
        predicted: what the network took each for, where that is known, (n,).
    """
    if not len(shown):
        return
    kept = _spread_out(len(shown))
    shown = [shown[i] for i in kept]
    method = st.segmented_control(
        t("Map of the features"),
        ["pca", "tsne"],
        format_func=lambda name: {"pca": t("PCA (at once)"), "tsne": t("t-SNE (takes seconds)")}[
            name
        ],
        default="pca",
        required=True,
        key=remember_choice(f"{key}_method"),
        help=t(
            "PCA looks along the two directions in which the photos differ most; distances mean "
            "something. t-SNE keeps neighbours together; only who is near whom means something."
        ),
    )
    fingerprint = _fingerprint(shown)
    with st.spinner(t("Laying the map out …")):
        points = _points(str(method), features[kept].float().cpu().numpy())
    answers = None if predicted is None else predicted[kept]
    _draw_map(points, shown, class_names, answers, fingerprint, key)


def _spread_out(count: int) -> NDArray[np.int64]:
    return np.linspace(0, count - 1, min(count, MOST_ON_MAP)).round().astype(np.int64)


def _fingerprint(shown: Sequence[Photo]) -> str:
    digest = hashlib.sha256()
    for photo in shown:
        digest.update(hashlib.sha256(photo.data).digest())
    return digest.hexdigest()


@st.cache_data(scope="session", max_entries=6, show_spinner=False)
def _points(method: str, features: NDArray[np.float32]) -> NDArray[np.float64]:
    project = projection.pca if method == "pca" else projection.tsne
    return session.compute(lambda: project(features))


@st.cache_data(scope="session", max_entries=_SPRITES_KEPT, show_spinner=False)
def _sprite(fingerprint: str, _shown: Sequence[Photo], tile: int, columns: int) -> str:
    return data_uri(sheet(_shown, tile, columns), quality=75)


def _draw_map(
    points: NDArray[np.float64],
    shown: Sequence[Photo],
    class_names: Sequence[str],
    predicted: NDArray[np.int64] | None,
    fingerprint: str,
    key: str,
) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    places = np.where(high > low, (points - low) / np.where(high > low, high - low, 1), 0.5)
    columns = ceil(np.sqrt(len(shown)))
    wrong = [
        predicted is not None and int(predicted[i]) != photo.label for i, photo in enumerate(shown)
    ]
    identity = fingerprint[:16]
    # What was clicked on another map, which had the same key, is no choice on this one.
    of_map, chosen = (st.session_state.get(f"{key}_points") or {}).get("photo") or ("", 0)
    left, right = st.columns([3, 1], gap="medium")
    with left:
        _map(
            key=f"{key}_points",
            data={
                "points": [
                    {
                        "x": round(float(x), 4),
                        "y": round(float(1 - y), 4),
                        "label": photo.label,
                        "wrong": is_wrong,
                        "title": _point_title(i, photo, class_names, predicted),
                    }
                    for i, ((x, y), photo, is_wrong) in enumerate(
                        zip(places, shown, wrong, strict=True)
                    )
                ],
                "classes": list(class_names),
                "colours": _colours(len(class_names)),
                "id": identity,
                "sprite": _sprite(fingerprint, shown, 64, columns),
                "columns": columns,
                "label": t("Map of the features"),
                "hint": t("Point at a photo, or go through them with the arrow keys."),
                "wrongWord": t("taken for another class"),
            },
            on_photo_change=_rerun_only,
        )
    with right:
        if of_map == identity and 0 <= int(chosen) < len(shown):
            chosen = int(chosen)
            photo = shown[chosen]
            st.image(
                _photo_uri(photo.data, photo.name, _LARGE),
                width="stretch",
                caption=plain(_point_title(chosen, photo, class_names, predicted)),
                alt=plain(class_names[photo.label]),
            )
        else:
            st.caption(t("Click on a point to see its photo here."))


def _colours(count: int) -> list[str]:
    if count <= len(_PALETTE):
        return list(_PALETTE[:count])
    return [f"hsl({360 * i / count:.0f} 65% {(42, 62)[i % 2]}%)" for i in range(count)]


def _point_title(
    place: int,
    photo: Photo,
    class_names: Sequence[str],
    predicted: NDArray[np.int64] | None,
) -> str:
    name = class_names[photo.label]
    if predicted is None or predicted[place] == photo.label:
        return name
    return t("{name}, taken for {other}", name=name, other=class_names[predicted[place]])


def _rerun_only() -> None:
    """Streamlit keeps the state of a component only where a callback is given."""


# What transfer is worth


def learning_curve(curve: LearningCurve, key: str) -> None:
    """Draw accuracy against photos per class, for each kind of features."""
    title = t("Accuracy against photos per class")
    st.plotly_chart(
        learning_curve_figure(curve, title).update_layout(separators=separators()),
        key=key,
        config={"displayModeBar": False},
        alt=title,
    )


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
    st.caption(
        t(
            "Each point is the mean of {seeds} choices of photos, the shade reaches from the worst "
            "to the best; all are examined on the same {count} photos. The same layer is trained "
            "each time; only what it is fed differs. What lies between the lines is what the "
            "network had learned before it saw your photos.",
            seeds=curve.seeds,
            count=number(curve.n_val),
        )
    )


# Is it fair?


def is_it_fair(familiar: Sequence[Familiarity], comparison: Sequence[Score] = ()) -> None:
    """Show which of the visitor's classes the network knew already.

    Args:
        familiar: what it took photos of each class for, before it was trained here.
        comparison: how well it learns sets that it cannot know, by the sets' names.
    """
    st.subheader(t("Is it fair?"), anchor=False)
    st.markdown(_verdict(familiar))
    rows = [
        {
            t("Your class"): one.class_name,
            t("ImageNet has, by name"): _by_name(one.by_name),
            t("Answers one of these"): percent(one.share_by_name)
            if one.by_name and one.total
            else "–",
            t("Most often taken for"): _taken_for(one),
            t("How sure it was"): percent(one.confidence) if one.total else "–",
        }
        for one in familiar
    ]
    st.dataframe(rows, hide_index=True, width="stretch")
    st.caption(
        t(
            "The network has learned ImageNet's 1,000 classes from 1.3 million photos. Here it "
            "answers with these, not with yours. Where its answers for a class are of one kind, "
            "it already knew how to see it, and your photos had only to give it your name."
        )
    )
    if comparison:
        layout.label(t("And with photos that ImageNet has nothing like?"))
        st.html(f'<ol class="scores">{"".join(_score_row(s, False) for s in comparison)}</ol>')


def _verdict(familiar: Sequence[Familiarity]) -> str:
    known = [one for one in familiar if one.known]
    if not known:
        return t(
            "ImageNet has **none of your classes** by name. What carries over are edges, "
            "textures and parts, not the classes themselves."
        )
    names = ", ".join(plain(one.class_name) for one in known[:_MOST_LISTED])
    if len(known) == len(familiar):
        return t(
            "Not quite: ImageNet already knows **all of your classes** ({names}). The challenge "
            "is a class that it has never seen.",
            names=names,
        )
    return t(
        "Partly: of your {count} classes ImageNet already knows **{known}** ({names}).",
        count=len(familiar),
        known=len(known),
        names=names,
    )


def _by_name(names: Sequence[str]) -> str:
    if not names:
        return "–"
    if len(names) <= 2:
        return ", ".join(map(class_name, names))
    return t("{count} classes: {name}, …", count=len(names), name=class_name(names[0]))


def _taken_for(one: Familiarity) -> str:
    if not one.total:
        return "–"
    return f"{class_name(one.answer)} ({percent(one.share)})"
