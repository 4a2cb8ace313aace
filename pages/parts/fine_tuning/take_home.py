"""A trained network as a file: taken along, and brought back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from core.export import bundle
from core.export.wording import Wording
from core.limits import LIMITS
from core.problem import Problem
from core.training.loop import Training
from core.zoo import catalogue
from pages.parts.fine_tuning.star import IMPORTED
from pages.parts.shared import files, layout, save, session, uploads
from pages.parts.shared.language import plain, say, t, wording

if TYPE_CHECKING:
    from pages.parts.shared.streamlit_internals import UploadedFile

_PROBLEM = f"{IMPORTED}_problem"


def take_home(training: Training | None) -> None:
    """Let the network be taken along, and one be brought back."""
    left, right = st.columns(2, gap="large")
    with left:
        layout.label(t("Take it home"))
        if training is None:
            st.caption(t("Train a network first."))
        else:
            _download(training)
    with right:
        layout.label(t("Bring one back"))
        _upload()


def _download(training: Training) -> None:
    save.file(
        t("Download the network"),
        partial(_packed, training, _about(training), wording()),
        "network.zip",
        "train_export",
    )
    st.caption(
        t(
            "One zip: the weights, the whole network as ONNX (compared with this one before "
            "you get it), its classes, a model card, and a script of a few lines that "
            "classifies photos with it."
        )
        if bundle.holds_onnx(training.classifier)
        else t(
            "One zip, to be brought back here: the weights that you have trained, the classes and a model card. The whole network as ONNX is left out: with it, the zip would be too large to come back."
        )
    )


def _packed(training: Training, about: Mapping[str, str], words: Wording) -> bytes:
    return session.compute(lambda: bundle.write(training, about, wording=words))


def _about(training: Training) -> dict[str, str]:
    """Return what a model card tells of how a network was trained, besides its settings."""
    return {
        t("Photos to learn from, per class at most"): str(training.settings.per_class),
        t("Epoch that was kept"): str(training.epoch),
    }


def _upload() -> None:
    given = files.ask(
        st.file_uploader,
        t("A zip that was downloaded here"),
        key=IMPORTED,
        changed=_bring,
        type="zip",
        max_upload_size=LIMITS.zip_mb,
    )
    if given and (found := st.session_state.get(_PROBLEM)):
        st.error(say(found), icon=":material/error:")
    elif given and catalogue.OWN in session.brought():
        st.success(
            t(
                "**{title}** is now your network: it stands as ★ among the networks in the "
                "side bar.",
                title=plain(session.brought()[catalogue.OWN].title),
            ),
            icon=":material/check:",
        )


def _bring(given: Sequence[UploadedFile]) -> None:
    """Make the network in a zip the visitor's own; where it was removed, it is no longer."""
    st.session_state[_PROBLEM] = None
    if not given:
        session.brought().clear()
        return
    file = given[-1]
    try:
        archive = uploads.read(file)
        session.brought()[catalogue.OWN] = session.compute(lambda: bundle.read(archive, file.name))
    except Problem as found:
        st.session_state[_PROBLEM] = found
