"""The visitor's own network at work: on a photo, and on what the camera sees."""

from __future__ import annotations

import streamlit as st

from core.images import photos
from core.zoo.classifier import Classifier
from core.zoo.predictions import top
from pages.parts.fine_tuning import webcam
from pages.parts.shared import layout, session
from pages.parts.shared.language import t
from pages.parts.shared.registry import TRAINING


def at_work(own: Classifier, *, watched: bool) -> None:
    """Let the own network answer: a photo, or what the camera sees.

    Args:
        own: the network.
        watched: whether the page watches a job; see `webcam.live`.
    """
    left, right = st.columns(2, gap="large")
    with left:
        layout.label(t("Your photo, seen by your network"))
        photo = session.photo(TRAINING.default_photo)
        inner = st.columns(2)
        with inner[0]:
            size = own.input_size
            layout.picture(photos.to_pixels(photos.prepare(photo, size)), "", t("The photo"))
        with inner[1]:
            layout.prediction_bars(session.compute(lambda: top(own, photo)))
        st.caption(
            t(
                "Choose or upload another photo in the side bar. It knows only its own classes: "
                "whatever it sees, it must call it one of them."
            )
        )
    with right:
        layout.label(t("What your camera sees, live"))
        webcam.live("train_live", own, watched=watched)
