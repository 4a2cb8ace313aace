"""How much memory this program takes, and giving back what it does not need."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

_STATUS = Path("/proc/self/statm")


def memory_mb() -> float:
    """Return the resident memory of this program in millions of bytes.

    On macOS this is the greatest so far, and on Windows 0.
    """
    if sys.platform == "win32":
        return 0.0
    import resource

    if _STATUS.is_file():
        return int(_STATUS.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def give_back() -> None:
    """Return freed memory to the system, where the C library is glibc, which else keeps it."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
