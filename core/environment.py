"""Environment variables for whoever runs a server; docs/settings.md has them in one table."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Whole:
    """A whole number from the environment.

    Attributes:
        name: of the variable.
        default: what holds where it is not set, or set to what is no such number.
        lowest: the least value that makes sense; smaller ones are raised to it.
    """

    name: str
    default: int
    lowest: int = 1

    def read(self) -> int:
        """Return the value as it is set now; a wrong one is logged, and the default holds."""
        text = os.environ.get(self.name, "").strip()
        if not text:
            return self.default
        try:
            return max(self.lowest, int(text))
        except ValueError:
            _log.warning("%s is %r, no whole number; %d holds", self.name, text, self.default)
            return self.default


@dataclass(frozen=True)
class Line:
    """A line of text from the environment.

    Attributes:
        name: of the variable.
    """

    name: str

    def read(self) -> str:
        """Return the text as it is set now; empty if it is not. It may be secret: never log it."""
        return os.environ.get(self.name, "").strip()


COMPUTE_THREADS = Whole("IDEALCAT_COMPUTE_THREADS", 1)
"""How many jobs compute at once."""
TEACHER_PIN = Line("IDEALCAT_TEACHER_PIN")
"""What opens the teacher's functions; without it there are none."""
WALL_FILE = Line("IDEALCAT_WALL_FILE")
"""Where the class's wall is kept, if not in the cache folder."""

GRACE_SECONDS = Whole("IDEALCAT_GRACE_SECONDS", 45, lowest=0)
"""How long jobs and photos outlive their session: enough for a reload or a network blip."""

MOST_JOBS = Whole("IDEALCAT_MOST_JOBS", 60)
"""How many jobs take turns; those beyond wait in a queue."""
