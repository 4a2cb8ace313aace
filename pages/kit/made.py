"""What a result was made with, so that a page can say so once something else is chosen."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import streamlit as st

from pages.kit import session
from pages.kit.language import plain, t


@dataclass(frozen=True)
class Ingredients:
    """What was chosen when a run was begun.

    Attributes:
        identity: equal for equal choices.
        title: what to call them.
    """

    identity: Hashable
    title: str


@session.kept
def _noted() -> dict[str, Ingredients]:
    """What this session's latest runs were begun with, by the names of their jobs."""
    return {}


def note(job: str, chosen: Ingredients) -> None:
    """Note what a run is begun with."""
    _noted()[job] = chosen


def is_current(job: str, chosen: Ingredients | None) -> bool:
    """Return whether a run's result is of what is chosen now."""
    made = _noted().get(job)
    return made is not None and chosen is not None and made.identity == chosen.identity


def tell(job: str, chosen: Ingredients | None) -> None:
    """Say what a result was made with, the more clearly if that is not what is chosen now."""
    if not (made := _noted().get(job)):
        return
    if is_current(job, chosen):
        st.caption(t("Made with: {what}", what=plain(made.title)))
    else:
        st.info(
            t(
                "Made with: {what}. With what is chosen now, nothing has been made yet.",
                what=plain(made.title),
            ),
            icon=":material/history:",
        )
