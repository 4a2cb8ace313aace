"""The buttons of the lesson's scene: training on few and on many photos, and what came of it."""

from __future__ import annotations

from collections.abc import Hashable

import streamlit as st

from core.training.loop import Training
from pages.parts.fine_tuning.settings import key
from pages.parts.shared import scenes, session
from pages.parts.shared.language import number, percent, t

PER_CLASS = (1, 5, 60)


def lesson_counts(training: Training | None, photos: Hashable) -> None:
    """Show a button for each number of photos that the lesson trains with, and what came of it.

    Args:
        training: the latest one, if it was on these photos.
        photos: identity of the photos to learn from.
    """
    if training is not None:
        _tried()[scenes.opened(), photos, training.settings.per_class] = training.accuracy
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


def _learn_from(per_class: int) -> None:
    st.session_state[key("per_class")] = per_class


@session.kept
def _tried() -> dict[tuple[str, Hashable, int | None], float]:
    """Accuracy of this session's trainings, by scene as opened, photos, number of them per class."""
    return {}
