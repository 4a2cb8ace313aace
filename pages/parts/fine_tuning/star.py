"""Which network stands as ★ among the networks in the side bar."""

from __future__ import annotations

import streamlit as st

from core.training.loop import Training
from pages.parts.shared import files, session
from pages.parts.shared.language import plain, t

IMPORTED = "train_import"
"""Key of the upload of a network that is brought back."""


def show_star(training: Training) -> None:
    """Say which network stands as ★: the one trained here, or one that has taken its place."""
    star = session.own_classifier()
    if star is None or star is training.classifier:
        st.markdown(
            t("It now stands as **★** among the networks in the side bar, for the other pages.")
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(
            t(
                "**★** is another network now, **{title}**. The results on this page belong to the network trained here.",
                title=plain(star.title),
            ),
            icon=":material/star:",
        )
        st.button(t("Make this one ★"), on_click=make_star, key="train_make_star")


def make_star() -> None:
    """Let the network that was trained here stand as ★ again."""
    session.brought().clear()
    files.let_go(IMPORTED)
