"""A sticker that wins wherever it lies on a photo, to be printed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from core.attacks import sticker
from core.data.photo_files import PhotoFile
from core.images import photos
from core.server.jobs import Snapshot
from core.steps import Steps
from core.zoo.classifier import Classifier
from pages.parts.adversarial_attack import pictures
from pages.parts.adversarial_attack.laboratory import Laboratory, read
from pages.parts.shared import pickers, save
from pages.parts.shared.language import class_name, percent, t

_FAVOURITES = ("toaster", "tabby", "zebra")


def make_sticker(laboratory: Laboratory) -> None:
    """Let a sticker be made, and show it as it is made and afterwards."""
    st.markdown(
        t(
            "A sticker is not made for one photo: it is made to win wherever it lies, however large and however turned (Brown et al., 2017). Print it and hold it before the camera."
        )
    )
    classifier, files = laboratory.classifier, laboratory.files
    wanted = pickers.class_id(t("A sticker for"), classifier.labels, "attack_sticker", _FAVOURITES)
    steps = st.number_input(
        t("Steps"), 20, 2000, 200, step=20, key="attack_sticker_steps", persist_state="session"
    )
    prepared = photos.prepare(laboratory.photo, classifier.input_size)
    found = laboratory.run(
        "sticker_run",
        t("Make a sticker"),
        partial(sticker_run, classifier, wanted, int(steps), prepared, files),
        laboratory.on_files(class_name(classifier.labels[wanted])),
        disabled=not files,
    )
    place = st.empty()
    laboratory.draw["sticker_run"] = partial(_draw, place)
    if found:
        with place.container():
            _show(found)


def _draw(place: DeltaGenerator, snapshot: Snapshot) -> None:
    """Show a sticker while it is made, and the photo that it was on last."""
    step = snapshot.step
    if step is None or step.result is None or step.picture is None:
        return
    shown = ((step.result.pixels, t("The sticker")), (step.picture, t("On a photo")))
    with place.container():
        for column, (pixels, caption) in zip(st.columns(3), shown, strict=False):
            pictures.show(column, pixels, caption)


def sticker_run(
    classifier: Classifier,
    class_id: int,
    steps: int,
    extra: torch.Tensor,
    files: Sequence[PhotoFile],
) -> Steps[sticker.Sticker]:
    """Make a sticker on photos and the chosen one."""
    album = yield from read(classifier, files)
    every = torch.cat([album.pictures, extra])
    yield from sticker.make(classifier, every, class_id, sticker.StickerSettings(steps=steps))


def _show(made: sticker.Sticker) -> None:
    """Show a sticker, a photo that it wins, and offer it for printing."""
    left, right, beside = st.columns(3, gap="medium")
    disc = sticker.circle(made.pixels.shape[0])[0, 0, :, :, None].numpy() > 0
    pictures.show(left, np.where(disc, made.pixels, 255).astype(np.uint8), t("The sticker"))
    if made.example is not None:
        pictures.show(right, made.example, t("On a photo"))
    with beside:
        if made.success is not None:
            st.metric(t("Wins on photos, at new places"), percent(made.success))
        save.file(
            t("Download for printing"),
            lambda: sticker.printable(made.pixels),
            save.stem("sticker", made.class_name) + ".png",
            "attack_sticker_png",
            icon=":material/print:",
        )
