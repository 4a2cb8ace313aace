"""What a search for the learning rate has found."""

from __future__ import annotations

import streamlit as st

from core.training.descent import RateSearch
from pages.parts.fine_tuning.settings import key
from pages.parts.shared import plots
from pages.parts.shared.language import short, t


def learning_rate(search: RateSearch) -> None:
    """Show how the loss moved as the learning rate rose, and offer the best place."""
    with st.container(border=True):
        left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
        with left:
            plots.rate_search(search.rates, search.losses, search.suggestion, "train_rate_chart")
        with right:
            st.markdown(
                t(
                    "The loss falls fastest at a learning rate of **{rate}**. Much smaller is "
                    "slow; much larger jumps over the valley.",
                    rate=short(float(f"{search.suggestion:.2g}")),
                )
            )
            st.button(
                t("Take it"),
                icon=":material/check:",
                on_click=_take_rate,
                args=(search.suggestion,),
                key="train_take_rate",
            )


def _take_rate(suggestion: float) -> None:
    st.session_state[key("learning_rate")] = float(f"{suggestion:.2g}")
