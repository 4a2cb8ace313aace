"""The look that all pages share."""

from __future__ import annotations

import html
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.steps import Pixels
from pages.parts.shared.components import component
from pages.parts.shared.language import class_name, english_beside, number, percent, plain, t
from pages.parts.shared.live import data_uri

if TYPE_CHECKING:
    from core.zoo.classifier import Classifier
    from core.zoo.predictions import Prediction

_ASSETS = Path(__file__).parents[3] / "assets"
_in_sight = component("in_sight")
_close_menu = component("close_menu")
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
        help=t("Large type and high contrast for a projector; settings are folded away."),
    )


def close_menu(page: str) -> None:
    """Close the side bar on a phone, where it lies over the page, when another page is opened."""
    _close_menu(key="unseen_menu", data={"page": page})


def style() -> None:
    """Load the app's style sheets."""
    st.html(_ASSETS / "style.css")
    if presenting():
        st.html(_ASSETS / "presenter.css")


def settings(*, folded: bool = False) -> DeltaGenerator:
    """Return the place for a page's settings, folded away in presenter mode or if wanted."""
    if presenting() or folded:
        return st.expander(t("Settings"), icon=":material/tune:")
    return st.container()


@dataclass(frozen=True)
class Workbench:
    """Where the parts of a page go that draws one large picture.

    Attributes:
        settings: what can be set.
        buttons: what starts and stops.
        progress: how far a run is.
        picture: the large picture.
        below: what belongs right below the picture.
        beside: numbers, and what others see.
    """

    settings: DeltaGenerator
    buttons: DeltaGenerator
    progress: DeltaGenerator
    picture: DeltaGenerator
    below: DeltaGenerator
    beside: DeltaGenerator


def workbench(*, wide: bool = False, folded: bool = False) -> Workbench:
    """Lay out settings and buttons, the picture, and what is told of it, beside each other.

    In presenter mode the picture has most of the width, and all of the height. On a phone all lies
    below each other.

    Args:
        wide: whether there are several pictures, which have the whole width below the rest.
        folded: whether the settings are folded away.
    """
    one, several = st.container(key="one"), st.container(key="several")
    if wide:
        with several:
            return Workbench(
                st.expander(t("Settings"), icon=":material/tune:"),
                st.container(horizontal=True),
                st.container(),
                st.container(),
                st.container(),
                st.container(),
            )
    with one:
        return _for_one(folded=folded)


def _for_one(*, folded: bool) -> Workbench:
    if presenting():
        left, right = st.columns([5, 3], gap="medium")
        stage = left.container(key="stage")
        picture, below = stage.container(key="stage_picture"), stage.container()
        told = right.container(key="stage_beside")
        buttons, progress, beside = told.container(), told.container(), told.container()
        with told:
            return Workbench(settings(), buttons, progress, picture, below, beside)
    left, middle, right = st.columns([8, 14, 6], gap="medium")
    stage = middle.container(key="stage")
    with left:
        place = settings(folded=folded)
    return Workbench(
        place,
        left.container(),
        stage.container(),
        stage.container(key="stage_picture"),
        stage.container(),
        right.container(),
    )


def in_sight(run: str, above: str, *, just: float = 0.0) -> None:
    """See that what begins here can be seen once a run has begun: on a phone it is further down.

    Args:
        run: names the run that has begun; nothing moves twice for the same one.
        above: key of the container that is to be the first in sight.
        just: to move no further than it takes to see that container, or so much of it as fills
            this share of the window, so that what stands above it is still seen; 0 to let it be
            the first.
    """
    _in_sight(key=f"in_sight_{above}", data={"run": run, "above": f".st-key-{above}", "just": just})


def count(clicks: str) -> None:
    """Count a click, for a widget's callback; see `counted`."""
    st.session_state[clicks] = st.session_state.get(clicks, 0) + 1


def counted(clicks: str) -> str:
    """Name the latest of the clicks that were counted, for `in_sight`; empty before the first."""
    number = st.session_state.get(clicks)
    return f"{clicks} {number}" if number else ""


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
    return f"<span>{html.escape(class_name(name))}</span>{small}"


def network_line(classifier: Classifier) -> None:
    """Say which network is used, and where to change it."""
    with st.container(key="network_line"):
        st.caption(
            t(
                "Network: **{network}**, {classes} classes · change network and photo in the side bar",
                network=plain(classifier.title),
                classes=number(len(classifier.labels)),
            )
        )


def why(title: str, explanation: str, formula: str, code: Sequence[Callable[..., Any]]) -> None:
    """Show the page's one expander for the curious: the idea, the formula, the loop itself.

    It is filled when somebody opens it. To colour source code takes a browser as long as half of
    the page beside it, and most visitors never see it.
    """
    fold = st.expander(title, icon=":material/school:", key="why", on_change="rerun")
    if not fold.open:
        return
    with fold:
        st.markdown(explanation)
        if formula:
            st.latex(formula)
        for function in code:
            # Wrapped, so that nothing has to be scrolled sideways, which keys could not do.
            st.code(inspect.getsource(function), language="python", wrap_lines=True)
