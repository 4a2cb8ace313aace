"""The language of files that are written here, since this package knows none but English."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """The language of what somebody takes home; English, if nothing else is said.

    Attributes:
        say: gives a text of ours in that language.
        percent: writes a share in [0, 1] as a percentage with one digit.
    """

    say: Callable[[str], str] = str
    percent: Callable[[float], str] = "{:.1%}".format
