"""The buttons of the lesson's scene: training on few and on many photos, and what came of it."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache

import streamlit as st

from core.data import datasets, sources
from core.data.datasets import Photo
from core.steps import Pixels
from core.training.loop import Training
from pages.parts.fine_tuning import thumbnails
from pages.parts.fine_tuning.settings import key
from pages.parts.shared import scenes, session
from pages.parts.shared.language import number, percent, t

PER_CLASS = (1, 5, 60)
_DIGITS = next(source.name for source in sources.SOURCES if source.kind == "digits")
_TILE = 44


def lesson_counts(training: Training | None, photos: Hashable) -> None:
    """Show a button for each number of photos that the lesson trains with, and what came of it.

    Args:
        training: the latest one, if it was on these photos.
        photos: identity of the photos to learn from.
    """
    if training is not None:
        _tried()[scenes.opened(), photos, training.settings.per_class] = training.accuracy
    if photos == _DIGITS:
        st.image(_one_of_each(), width=_TILE * 10, alt=t("One digit of each class"))
    chosen = st.session_state[key("per_class")]
    with st.container(
        horizontal=True, vertical_alignment="center", gap="xsmall", key="train_counts"
    ):
        st.markdown(t("Photos per class:"), width="content")
        for count in PER_CLASS:
            accuracy = _tried().get((scenes.opened(), photos, count))
            st.button(
                number(count) if accuracy is None else f"{number(count)} → {percent(accuracy, 1)}",
                key=f"train_count_{count}",
                icon=":material/check:" if count == chosen else None,
                on_click=_learn_from,
                args=(count,),
            )


@lru_cache(maxsize=1)
def _one_of_each() -> Pixels:
    """Return a digit of each class beside each other, for who has not looked at the photos."""
    of_class = {file.class_name: file for file in reversed(datasets.in_digits()[:200])}
    shown = [Photo(file.name, 0, file.read()) for _, file in sorted(of_class.items())]
    return thumbnails.sheet(shown, _TILE, len(shown))


def _learn_from(per_class: int) -> None:
    st.session_state[key("per_class")] = per_class


@session.kept
def _tried() -> dict[tuple[str, Hashable, int | None], float]:
    """Accuracy of this session's trainings, by scene as opened, photos, number of them per class."""
    return {}
