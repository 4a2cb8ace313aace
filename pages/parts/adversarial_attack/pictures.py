"""The photo, its change and the changed photo, beside each other: while an attack runs, and after it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from PIL import Image, ImageDraw, ImageFont
from streamlit.delta_generator import DeltaGenerator

from core.attacks import loop
from core.attacks.report import Report, amplify
from core.images import photos
from core.server.jobs import Snapshot
from core.steps import Pixels
from core.zoo.classifier import Classifier
from core.zoo.labels import Labels
from pages.parts.shared import layout, live, plots
from pages.parts.shared.components import component
from pages.parts.shared.language import class_name, percent, t

_before_after = component("before_after")


def show(place: DeltaGenerator, pixels: Pixels, caption: str) -> None:
    """Put a picture with its caption into a place."""
    place.image(live.data_uri(pixels, quality=92), caption=caption, width="stretch", alt=caption)


@dataclass
class Pictures:
    """The places of the three pictures, and of the curves below them.

    Attributes:
        before, change, after: below the pictures.
        original, difference, result: of the pictures.
        curves: of the probabilities while it runs.
    """

    before: DeltaGenerator
    change: DeltaGenerator
    after: DeltaGenerator
    original: DeltaGenerator
    difference: DeltaGenerator
    result: DeltaGenerator
    curves: DeltaGenerator
    _photo: Pixels | None = None

    @classmethod
    def laid_out(cls) -> Pictures:
        """Lay the places out here."""
        before, change, after = st.container(key="attack_pictures").columns(3, gap="medium")
        places = before.empty(), change.empty(), after.empty()
        return cls(before, change, after, *places, st.empty())

    def photo(self, pixels: Pixels) -> None:
        """Show the photo, once: it stays while a run is watched."""
        if self._photo is None:
            self._photo = pixels
            show(self.original, pixels, t("The photo"))

    def changed(self, original: Pixels, adversarial: Pixels) -> None:
        """Show the change of a photo, amplified, and the changed photo."""
        difference, factor = amplify(original, adversarial)
        amplified = written_on(difference, factor)
        show(self.difference, amplified, t("The change, ×{factor}", factor=factor))
        show(self.result, adversarial, t("The changed photo"))

    def awaited(self, classifier: Classifier, photo: Image.Image) -> None:
        """Show the photo, and say what will be seen beside it."""
        self.photo(photos.to_pixels(photos.prepare(photo, classifier.input_size)))
        self.difference.caption(t("Here you will see the change, amplified."))
        self.result.caption(
            t("Here you will see the photo that the network takes for something else.")
        )

    def draw(self, labels: Labels, snapshot: Snapshot) -> None:
        """Show the photo as it is being changed, and both probabilities as lines."""
        if snapshot.step is None or snapshot.step.result is None or snapshot.state.is_end:
            return
        found = snapshot.step.result
        original = photos.to_pixels(found.original) if self._photo is None else self._photo
        self.photo(original)
        self.changed(original, snapshot.step.picture)
        lines = [
            plots.LiveNumber(label, percent(curve[-1], 1), curve, True)
            for name, label in line_names(labels, found).items()
            if (curve := snapshot.history.get(name))
        ]
        plots.live_numbers(self.curves, lines)


def line_names(labels: Labels, found: loop.Attempt) -> dict[str, str]:
    """Return the names of the lines: of what is wanted, and of what the photo was seen as."""
    goal = found.goal
    names = {
        "probability": t("Probability of {name}", name=class_name(labels[goal.class_id]))
        if goal.targeted
        else t("Probability of the strongest other class")
    }
    if goal.true_id is not None:
        true = t("Probability of {name}", name=class_name(labels[goal.true_id]))
        names["probability of the true class"] = true
    return names


def details(found: Report, history: Mapping[str, Sequence[float]], labels: Labels) -> None:
    """Show both pictures over each other, the change as it is, and the curves of the run."""
    slider, plain_change, curves = st.columns([3, 3, 5], gap="medium")
    with slider:
        _compare(found)
        st.caption(t("Drag to compare before and after."))
    with plain_change:
        difference = found.adversarial.astype(np.int16) - found.original
        flat = (128 + difference).clip(0, 255).astype(np.uint8)
        caption = t("The change as it is, ×1, around grey")
        layout.picture(written_on(flat, 1), caption, caption)
    with curves:
        _probability_chart(history, line_names(labels, found.attempt))


def written_on(pixels: Pixels, factor: int) -> Pixels:
    """Write a factor into a corner of a picture of a change; Pillow's own font has no "×"."""
    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(10, pixels.shape[0] // 14))
    box = pen.textbbox((4, 2), f"x{factor}", font=font)
    pen.rectangle((0, 0, box[2] + 4, box[3] + 4), fill="black")
    pen.text((4, 2), f"x{factor}", fill="white", font=font)
    return np.array(picture)


def _compare(found: Report) -> None:
    """Lay the two pictures over each other, with a slider."""
    _before_after(
        key="attack_before_after",
        data={
            "before": {"src": live.data_uri(found.original, 95), "label": t("before")},
            "after": {"src": live.data_uri(found.adversarial, 95), "label": t("after")},
            "label": t("Before or after"),
        },
    )


def _probability_chart(history: Mapping[str, Sequence[float]], names: Mapping[str, str]) -> None:
    """Draw the probabilities of a run against its steps.

    Args:
        history: scalars by name.
        names: what to draw, and what to call it.
    """
    figure = go.Figure()
    for name, label in names.items():
        values = list(history.get(name, ()))
        shown = html.escape(label, quote=False)  # Plotly knows some HTML
        figure.add_scatter(x=list(range(1, len(values) + 1)), y=values, name=shown, mode="lines")
    figure.update_layout(
        height=290,
        margin={"l": 10, "r": 10, "t": 60, "b": 10},
        xaxis_title=t("step"),
        yaxis={"range": [-0.02, 1.02], "tickformat": ".0%"},
        # One name below the other: they are long, and longer in other languages.
        legend={"y": 1.02, "yanchor": "bottom", "x": 0},
        showlegend=True,
    )
    plots.chart(figure, "attack_p", t("Probabilities"))
