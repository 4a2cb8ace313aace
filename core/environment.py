"""What whoever runs a server may set, as environment variables; README.md has them in one table."""

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
        """Give the value as it is set now; a wrong one is logged, and the default holds."""
        text = os.environ.get(self.name, "").strip()
        if not text:
            return self.default
        try:
            return max(self.lowest, int(text))
        except ValueError:
            _log.warning("%s is %r, no whole number; %d holds", self.name, text, self.default)
            return self.default


COMPUTE_THREADS = Whole("IDEALCAT_COMPUTE_THREADS", 1)
"""How many jobs compute at once."""

GRACE_SECONDS = Whole("IDEALCAT_GRACE_SECONDS", 45, lowest=0)
"""How long jobs and photos outlive their session: enough for a reload or a network blip."""

MOST_JOBS = Whole("IDEALCAT_MOST_JOBS", 60)
"""How many jobs take turns; those beyond wait in a queue."""
