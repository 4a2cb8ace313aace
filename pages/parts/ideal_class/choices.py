"""What is to be drawn, and how: the page's settings, and the loss they make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st
from PIL import Image

from core.images import photos
from core.problem import N_, Problem
from core.synthesis.loop import LIVE, Settings
from core.synthesis.objective import (
    ChannelActivation,
    ClassLogit,
    CrossEntropy,
    Mixture,
    Objective,
)
from core.synthesis.presets import PRESETS
from core.synthesis.regularisers import REGULARISERS
from core.zoo.classifier import Classifier
from pages.parts.ideal_class import latest
from pages.parts.shared import pickers, session
from pages.parts.shared.language import short, t
from pages.parts.shared.settings import by_column, segments, widget

FAVOURITES = ("Siamese cat", "tabby", "zebra", "golden retriever")
PRESET_NAMES = {name: preset.title for name, preset in PRESETS.items() if preset.title}
KINDS = {"class": N_("Class"), "two": N_("Mixture"), "channel": N_("Channel")}
_ABOVE = ("tv", "steps", "seed")
"""The settings that the page asks for above the others."""
_WITHOUT_PRESET = ("steps", "seed")
_COLUMNS: tuple[tuple[str, ...], ...] = (
    ("canvas", "objective", "photo"),
    ("size", "learning_rate", "scale", "rotation", "shift"),
    (),
)
"""The others; what is in none of the columns stands in the last one."""


@dataclass(frozen=True)
class Plan:
    """What is chosen on the page.

    Attributes:
        classifier: the network that draws.
        objective: what the picture is to become.
        settings: how it is drawn.
    """

    classifier: Classifier
    objective: Objective
    settings: Settings


def plan(classifier: Classifier, objective: Objective, tv: float) -> tuple[Plan, Problem | None]:
    """Ask for the other settings.

    Args:
        classifier: the network that draws.
        objective: what the picture is to become.
        tv: weight of the total variation, which is asked for above.

    Returns:
        What is chosen, and what is wrong with it; where something is, with the preset's settings.
    """
    preset = _preset_choice()
    values = {"tv": tv}
    for column, name in zip(st.columns([1, 1, 2]), ("steps", "seed"), strict=False):
        with column:
            values[name] = ask(name, preset, captioned=False)
    values |= _more_settings(preset, classifier)
    try:
        return Plan(classifier, objective, PRESETS[preset].changed(**values)), None
    except Problem as problem:
        return Plan(classifier, objective, PRESETS[preset].settings), problem


def preset() -> str:
    """Return the name of the preset that is chosen; it is asked for further down the page."""
    return str(st.session_state.get("ideal_preset") or "best")


def key(name: str, preset: str) -> str:
    """Return where the session keeps a setting of a preset."""
    return f"ideal_{name}" if name in _WITHOUT_PRESET else f"ideal_{name}_{preset}"


def ask(name: str, preset: str, **how: Any) -> Any:
    """Show the widget of a setting; see `settings.widget`."""
    setting, value = PRESETS[preset].asked[name]
    if name == "tv":
        setting = replace(setting, marks=PRESETS[preset].tv_marks)
    if name == "photo":
        setting = replace(setting, choices=_start_photos())
    changed = _change_live if name in LIVE else None
    return widget(setting, value, key(name, preset), on_change=changed, **how)


def _change_live() -> None:
    """Let the settings that can be changed on the way act on a running drawing."""
    run, state = latest.in_progress().get("drawing"), st.session_state
    if run is not None:
        drawing = run.drawing
        chosen = {n: state.get(key(n, preset()), getattr(drawing.settings, n)) for n in LIVE}
        drawing.turn(**{name: float(value) for name, value in chosen.items()})


def target(classifier: Classifier) -> Objective:
    """Ask what the picture is to become.

    A channel comes from the feature map page, or is chosen here.
    """
    kind = segments(t("Draw"), KINDS, "ideal_target", label_visibility="collapsed")
    if kind == "channel":
        return _channel(classifier)
    first = pickers.class_id(t("Class"), classifier.labels, "ideal_class", FAVOURITES)
    name = preset()
    objective = PRESETS[name].objective
    chosen = st.session_state.get(key("objective", name))
    if kind == "class":
        return objective(first, chosen)
    second = pickers.class_id(t("mixed with"), classifier.labels, "ideal_second", ("zebra",))
    share = st.slider(
        t("Share of the first"), 0, 100, 50, format="%d %%", key="ideal_share", step=5
    )
    return Mixture(objective(first, chosen), objective(second, chosen), share / 100)


def _channel(classifier: Classifier) -> Objective:
    wanted = st.session_state.pop("ideal_channel", None)
    layers = {layer.name: layer for layer in classifier.layers}
    key = f"ideal_layer_{classifier.provenance.network}"
    if wanted and wanted["layer"] in layers:
        st.session_state[key] = wanted["layer"]
        st.session_state["ideal_channel_number"] = int(wanted["channel"])
    if st.session_state.get(key) not in layers:  # a link may name any
        st.session_state.pop(key, None)
    columns = st.columns([3, 2])
    layer = columns[0].selectbox(
        t("Layer"),
        list(layers),
        index=len(layers) // 2,
        key=key,
        persist_state="session",
        help=t("Early layers look for edges and colours, late ones for parts of things."),
    )
    most = layers[layer].channels - 1
    if st.session_state.get("ideal_channel_number", 0) > most:
        st.session_state["ideal_channel_number"] = most
    channel = columns[1].number_input(
        t("Channel"), 0, most, key="ideal_channel_number", persist_state="session"
    )
    return ChannelActivation(layer, int(channel))


def _preset_choice() -> str:
    """Ask for the settings to begin with."""
    chosen = segments(
        t("Start from these settings"),
        PRESET_NAMES,
        "ideal_preset",
        help=t(
            "At its best: waves instead of pixels, seen from changing places. As in the "
            "lesson: bare pixels, cross-entropy and total variation."
        ),
    )
    if chosen == "lesson":
        st.caption(
            t(
                "The lesson's own picture stays nearly grey, and this is why: cross-entropy "
                "fades as soon as the network is sure, and from then on only total variation "
                "pulls, whatever its weight. “Noise or cat?” has the logit in its place, which "
                "never fades."
            )
        )
    return chosen


def _more_settings(preset: str, classifier: Classifier) -> dict[str, Any]:
    """Show the other settings, each with what it does, and return their values by name."""
    columns = by_column(_COLUMNS, PRESETS[preset].asked, _ABOVE)
    values: dict[str, Any] = {}
    for column, names in zip(st.columns(3, gap="large"), columns, strict=True):
        with column:
            for name in names:
                lacks = (
                    name in REGULARISERS and REGULARISERS[name].of_norms and not classifier.norms
                )
                values[name] = ask(name, preset, disabled=lacks)
                if lacks:
                    values[name] = 0.0
    del values["objective"]  # asked for by `target`
    return values


def _start_photos() -> dict[str, str]:
    own = {session.recipe_name(image): N_("Your photo") for image in session.own_photos().values()}
    return {"": N_("Noise")} | {sample.id: sample.title for sample in photos.SAMPLES} | own


def start_photo(name: str) -> Image.Image | None:
    """Return the photo of that name; None for noise, or where it is not here."""
    own = {session.recipe_name(image): image for image in session.own_photos().values()}
    if name in own:
        return own[name]
    return photos.read_sample(name) if name in {s.id for s in photos.SAMPLES} else None


def formula(objective: Objective, settings: Settings) -> str:
    """Write the loss with the weights that are set now."""
    match objective:
        case ClassLogit():
            terms = [r"-z_{\text{class}}(x)"]
        case CrossEntropy():
            terms = [r"-\log p_{\text{class}}(x)"]
        case Mixture(_, _, share):
            terms = [rf"{_tex(share)}\,L_1(x) + {_tex(1 - share)}\,L_2(x)"]
        case _:
            terms = [r"-\overline{a_{\text{channel}}}(x)"]
    for name, regulariser in REGULARISERS.items():
        if weight := getattr(settings, name):
            terms.append(rf"{_tex(weight)}\,{regulariser.formula}")
    return r"\min_x\;" + " + ".join(terms)


def _tex(value: float) -> str:
    """Write a number within a formula, where a comma alone would be followed by a space."""
    return short(value).replace(",", "{,}")
