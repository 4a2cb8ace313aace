"""A saved picture that is drawn again: its recipe taken over, and what has to come out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.images import photos
from core.problem import N_, Problem
from core.setting import asked, changed
from core.steps import Pixels
from core.synthesis import recipe
from core.synthesis.loop import Settings
from core.synthesis.objective import ChannelActivation, ClassLogit, CrossEntropy, Mixture, OfPhoto
from core.synthesis.verdict import Verdict
from core.zoo import catalogue
from pages.parts.ideal_class.choices import Plan, key, start_photo
from pages.parts.shared import files, session, uploads
from pages.parts.shared.language import say, t

if TYPE_CHECKING:
    from pages.parts.shared.streamlit_internals import UploadedFile


def upload() -> None:
    """Ask for a saved picture, which is then drawn again."""
    with st.expander(t("Draw a saved picture again"), icon=":material/receipt_long:"):
        files.ask(
            st.file_uploader,
            t("A PNG that was downloaded here"),
            key="ideal_recipe_file",
            changed=_receive,
            type="png",
            max_upload_size=photos.MAX_BYTES // 10**6,
            help=t("Its recipe is in the file: network, class, all settings and the seed."),
        )
        _upload_notice()


def _receive(given: Sequence[UploadedFile]) -> None:
    """Set all settings as in a dropped-in picture; a bad one changes nothing.

    Where it was removed, nothing has to come out any more; the settings stay.
    """
    state = st.session_state
    state["ideal_upload_problem"] = None
    if not given:
        state["ideal_expected"] = state["ideal_notice"] = None
        return
    file = given[-1]
    try:
        _restore(uploads.read(file), file.name)
        state["ideal_draw_now"] = True
    except Problem as problem:
        state["ideal_upload_problem"] = problem


def _upload_notice() -> None:
    """Say below its upload what became of a dropped-in picture."""
    if problem := st.session_state.get("ideal_upload_problem"):
        st.error(say(problem), icon=":material/error:")
    elif st.session_state.get("ideal_expected"):
        st.caption(
            t(
                "All settings are now as for that picture, and it is drawn at the top of the page. If you remove it, the settings stay as they are."
            )
        )


def is_to_be_drawn() -> bool:
    """Whether a picture has just been dropped in, which is drawn at once; true a single time."""
    return bool(st.session_state.pop("ideal_draw_now", False))


def restore(png: bytes, name: str) -> None:
    """Set all settings as in a picture's recipe, and remember what has to come out."""
    try:
        _restore(png, name)
    except Problem as problem:
        st.session_state["ideal_notice"] = problem


def _restore(png: bytes, name: str) -> None:
    written = recipe.read(photos.read_recipe(png, name))
    found = replace(written, model=_network_of(written))
    _set_as_in(found)
    pixels = np.asarray(photos.decode(png, name))
    st.session_state["ideal_expected"] = (found, fingerprint(pixels))
    st.session_state["ideal_notice"] = None


def _network_of(found: recipe.Recipe) -> str:
    """Return the name under which the network of a recipe is here.

    Raises:
        Problem: it was trained by a visitor, and is not here.
    """
    if found.model not in catalogue.TRAINED_HERE:
        return found.model
    # What was the class's network in class is one's own at home.
    here = [n for n in (found.model, *catalogue.TRAINED_HERE) if session.trained_here(n)]
    if not here:
        raise Problem(
            N_(
                "This picture was drawn with a network that a visitor had trained, and it is not here. Nothing was changed; train or load it first."
            )
        )
    return here[0]


def _set_as_in(found: recipe.Recipe) -> None:
    state, settings = st.session_state, found.settings
    if isinstance(found.objective, OfPhoto):
        raise Problem(
            N_(
                "This picture was rebuilt from what a layer makes of a photo, on the page “Feature maps”. Nothing was changed; `python -m core ideal --recipe` draws it again."
            )
        )
    if settings.photo and start_photo(settings.photo) is None:
        raise Problem(
            N_(
                "This picture started from a visitor's own photo, which is not here. Nothing was changed; upload that photo on another page first."
            )
        )
    classifier = session.network_named(found.model)
    found.check(classifier)
    state[session.NETWORK] = found.model
    state["ideal_preset"] = preset = "best"
    classes = len(classifier.labels)
    match found.objective:
        case ChannelActivation(layer, channel):
            state["ideal_target"] = "channel"
            state[f"ideal_layer_{classifier.provenance.network}"] = layer
            state["ideal_channel_number"] = channel
        case Mixture(first, second, share):
            state["ideal_target"] = "two"
            state[f"ideal_class_{classes}"] = first.class_id
            state[f"ideal_second_{classes}"] = second.class_id
            state["ideal_share"] = round(100 * share)
            _set_objective(preset, first)
        case objective:
            state["ideal_target"] = "class"
            state[f"ideal_class_{classes}"] = objective.class_id
            _set_objective(preset, objective)
    for name, (_, value) in asked(settings).items():
        state[key(name, preset)] = value


def _set_objective(preset: str, objective: ClassLogit | CrossEntropy) -> None:
    name = "logit" if isinstance(objective, ClassLogit) else "cross_entropy"
    st.session_state[key("objective", preset)] = name


def planned(plan: Plan) -> Settings:
    """Return how to draw: as the page says, or, where all still stands as in a recipe, as that."""
    expected = st.session_state.get("ideal_expected")
    if expected:
        found = expected[0]
        # What the page does not ask for is the recipe's as long as the rest stands as it set it.
        on_page = {name: value for name, (_, value) in asked(plan.settings).items()}
        untouched = changed(found.settings, on_page) == found.settings
        if untouched and found.model == plan.classifier.name:
            return found.settings
    return plan.settings


def fingerprint(pixels: Pixels) -> str:
    """Return what tells a picture from others."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def notices(shown: Sequence[Verdict]) -> None:
    """Say what became of a dropped-in picture."""
    if problem := st.session_state.get("ideal_notice"):
        st.error(say(problem), icon=":material/error:")
        return
    expected = st.session_state.get("ideal_expected")
    if not expected:
        return
    found, wanted = expected
    if any(fingerprint(verdict.synthesis.pixels) == wanted for verdict in shown):
        st.success(
            t("Identical, pixel for pixel, to the picture you dropped in."),
            icon=":material/verified:",
        )
    elif not shown:
        st.info(
            t("The settings are as for your picture. Press “Draw” to see it grow again.")
            + (
                ""
                if found.same_versions
                else " "
                + t("It was drawn with other versions, so details may come out differently.")
            ),
            icon=":material/receipt_long:",
        )
