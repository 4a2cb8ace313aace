"""What this session's latest run is: one drawing, or a comparison of several."""

from __future__ import annotations

from core.synthesis.verdict import RecordedDrawing
from pages.parts.shared import session

JOB = "ideal"
"""Of both: the one replaces the other."""


@session.kept
def in_progress() -> dict[str, RecordedDrawing]:
    """This session's latest drawing, under "drawing": to change its settings and to go on with."""
    return {}


@session.kept
def comparison() -> list[str]:
    """Return which of `comparing.COMPARISONS` this session's latest run is; empty for a single picture."""
    return []
