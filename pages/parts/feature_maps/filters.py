"""The filters of the first layer, as colour patches."""

from __future__ import annotations

import streamlit as st

from core.features.diagram import first_filters
from core.features.mosaic import patches
from core.zoo.classifier import Classifier
from pages.parts.shared import layout, save
from pages.parts.shared.language import t


def view(classifier: Classifier) -> None:
    """Show what the first layer compares each little patch of the photo with."""
    filters = first_filters(classifier)
    picture = patches(filters)
    count, _, side, _ = filters.shape
    left, right = st.columns([2, 1], gap="medium")
    with left:
        layout.picture(
            picture,
            t("Grey is no weight; each filter has a colour scale of its own"),
            t("The filters of the first layer as colour patches"),
        )
    with right:
        st.markdown(
            t(
                "The first layer has **{count} filters** of {side}×{side} pixels. Each is laid over every place of the photo: the more the photo looks like the patch, the brighter the channel. Nobody drew them – edges in all directions and pairs of opposite colours are what training found useful, much like cells in our own visual cortex.",
                count=count,
                side=side,
            )
        )
        save.png(
            lambda: picture, f"filters-{classifier.provenance.network}", "maps_filters_download"
        )
