"""What a result was made with, so that a page can say so once something else is chosen."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import streamlit as st

from pages.parts.shared import session
from pages.parts.shared.language import plain, t


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
    if made := _noted().get(job):
        tell_of(made.title, is_of_now=is_current(job, chosen))


def tell_of(title: str, *, is_of_now: bool) -> None:
    """Say what a result was made with, given its title."""
    if is_of_now:
        st.caption(t("Made with: {what}", what=plain(title)))
    else:
        st.info(
            t(
                "Made with: {what}. With what is chosen now, nothing has been made yet.",
                what=plain(title),
            ),
            icon=":material/history:",
        )
