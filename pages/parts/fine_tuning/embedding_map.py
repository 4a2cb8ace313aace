"""What the training page shows of where photos lie for a network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import ceil

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray

from core.data.datasets import Photo
from core.training import projection
from pages.parts.fine_tuning.thumbnails import LARGE, fingerprint, photo_uri, sprite
from pages.parts.shared import session
from pages.parts.shared.components import component
from pages.parts.shared.language import plain, remember_choice, t

MOST_ON_MAP = 400
"""Points of a map; more lie on top of each other, and their thumbnails take long to come."""
_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999")
"""Okabe and Ito's colours, which most colour-blind people can tell apart; as in the theme."""
_map = component("embedding_map")


def embedding_map(
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
        t("Photos by similarity"),
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
    sheet = fingerprint(shown)
    with st.spinner(t("Laying the map out …")):
        points = _points(str(method), features[kept].float().cpu().numpy())
    answers = None if predicted is None else predicted[kept]
    _draw_map(points, shown, class_names, answers, sheet, key)


def _spread_out(count: int) -> NDArray[np.int64]:
    return np.linspace(0, count - 1, min(count, MOST_ON_MAP)).round().astype(np.int64)


def _points(method: str, features: NDArray[np.float32]) -> NDArray[np.float64]:
    project = projection.pca if method == "pca" else projection.tsne
    key = method, features.shape, hashlib.sha256(features.tobytes()).hexdigest()
    return _projected().get(key, lambda: session.compute(lambda: project(features)))


@session.kept
def _projected() -> session.Latest[NDArray[np.float64]]:
    """The points of the latest maps."""
    return session.Latest(6)


def _draw_map(
    points: NDArray[np.float64],
    shown: Sequence[Photo],
    class_names: Sequence[str],
    predicted: NDArray[np.int64] | None,
    sheet: str,
    key: str,
) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    places = np.where(high > low, (points - low) / np.where(high > low, high - low, 1), 0.5)
    columns = ceil(np.sqrt(len(shown)))
    wrong = [
        predicted is not None and int(predicted[i]) != photo.label for i, photo in enumerate(shown)
    ]
    identity = sheet[:16]
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
                "sprite": sprite(sheet, shown, 64, columns),
                "columns": columns,
                "label": t("Photos by similarity"),
                "hint": t("Point at a photo, or go through them with the arrow keys."),
                "wrongWord": t("predicted as another class"),
            },
            on_photo_change=_rerun_only,
        )
    with right:
        if of_map == identity and 0 <= int(chosen) < len(shown):
            chosen = int(chosen)
            photo = shown[chosen]
            st.image(
                photo_uri(photo.data, photo.name, LARGE),
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
    return t("actual {name}, predicted {other}", name=name, other=class_names[predicted[place]])


def _rerun_only() -> None:
    """Streamlit keeps the state of a component only where a callback is given."""
