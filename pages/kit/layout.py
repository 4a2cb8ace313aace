"""The look that all pages share."""

from __future__ import annotations

import html
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.steps import Pixels
from pages.kit.language import class_name, english_beside, percent, plain, t
from pages.kit.live import data_uri

if TYPE_CHECKING:
    from core.predictions import Prediction
    from core.zoo.classifier import Classifier

_ASSETS = Path(__file__).parents[2] / "assets"
PRESENT = "present"
_ASKED = "present_asked"


def arrive() -> None:
    """Begin in presenter mode if the address says so, once; before any widget is made."""
    asked = st.query_params.get(PRESENT) == "1"
    if asked and not st.session_state.get(_ASKED):
        st.session_state[PRESENT] = True
    st.session_state[_ASKED] = asked


def presenting() -> bool:
    """Whether the page is on a projector: large type, high contrast, controls folded away."""
    return bool(st.session_state.get(PRESENT))


def present_switch() -> None:
    """Show the switch for the presenter mode; it holds for the session."""
    st.toggle(
        t("Presenter"),
        key=PRESENT,
        persist_state="session",
        help=t("Large type and high contrast for a projector; dials are folded away."),
    )


def style() -> None:
    """Load the app's style sheets."""
    st.html(_ASSETS / "style.css")
    if presenting():
        st.html(_ASSETS / "presenter.css")


def dials() -> DeltaGenerator:
    """Give the place for a page's dials: folded away in presenter mode."""
    return st.expander(t("Dials"), icon=":material/tune:") if presenting() else st.container()


def workbench(
    widths: Sequence[float],
) -> tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator]:
    """Lay out dials, the buttons below them, and pictures beside both.

    In presenter mode they lie below each other, so that the pictures have the whole width.

    Args:
        widths: of the two columns, as shares.
    """
    if presenting():
        return dials(), st.container(horizontal=True), st.container()
    left, right = st.columns(widths, gap="large")
    return left.container(), left.container(), right.container()


def heading(title: str, promise: str) -> None:
    """Show a page's title and, in one sentence, what will be seen."""
    st.title(title, anchor=False)
    st.html(f'<p class="promise">{html.escape(promise)}</p>')


def label(text: str) -> None:
    """Show a small heading above something that has none of its own."""
    st.markdown(f"**{text}**")


def picture(pixels: Pixels, caption: str, alt: str) -> None:
    """Show a picture as wide as its place."""
    st.image(data_uri(pixels, quality=92), caption=caption, width="stretch", alt=alt)


def prediction_bars(predictions: Sequence[Prediction], highlight: int | None = None) -> None:
    """Show classes with bars for their probabilities.

    Args:
        predictions: the most probable first.
        highlight: class to be marked.
    """
    rows = "".join(
        f'<li class="{"marked" if p.class_id == highlight else ""}">'
        f'<span class="name">{_name_and_english(p.class_name)}</span>'
        f'<span class="share">{percent(p.probability, 1)}</span>'
        f'<span class="bar"><span style="width:{100 * p.probability:.1f}%"></span></span></li>'
        for p in predictions
    )
    st.html(f'<ol class="predictions">{rows}</ol>')


def _name_and_english(name: str) -> str:
    english = english_beside(name)
    small = f" <small>{html.escape(english)}</small>" if english else ""
    return html.escape(class_name(name)) + small


def network_line(classifier: Classifier) -> None:
    """Say which network is used, and where to change it."""
    st.caption(
        t(
            "Network: **{network}**, {classes} classes · change network and photo in the side bar",
            network=plain(classifier.title),
            classes=len(classifier.labels),
        )
    )


def why(title: str, explanation: str, formula: str, code: Sequence[Callable[..., Any]]) -> None:
    """Show the page's one expander for the curious: the idea, the formula, the loop itself."""
    with st.expander(title, icon=":material/school:"):
        st.markdown(explanation)
        if formula:
            st.latex(formula)
        for function in code:
            st.code(inspect.getsource(function), language="python")
