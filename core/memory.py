"""How much memory this program takes."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/statm")


def memory_mb() -> float:
    """Resident memory of this program in millions of bytes.

    Where only the greatest one so far is told (macOS), that; 0 where nothing is (Windows).
    """
    if sys.platform == "win32":
        return 0.0
    import resource

    if _STATUS.is_file():
        return int(_STATUS.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
