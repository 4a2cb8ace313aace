"""What each hostile input comes to, how long it takes, and how much memory.

    python -m benchmarks.hostile_corpus [--only WORD]

Memory is the peak while the input is being read, beyond what was resident before, the input itself
included there. It is read from /proc, so only Linux tells it.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.problem import Problem
from core.zoo import loading
from tests.hostile import CASES, Case, enter

_STATUS, _NEW_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Measured:
    """What an input came to.

    Attributes:
        outcome: "read", or the sentence with which it was refused.
        seconds: that it took.
        megabytes: of memory that it took at its peak; 0 where that is not told.
    """

    outcome: str
    seconds: float
    megabytes: float


def measure(case: Case) -> Measured:
    """Send an input through its door.

    Raises:
        Exception: anything but a `Problem`, which nobody should ever meet.
    """
    content = case.make()
    gc.collect()
    with suppress(OSError):
        _NEW_PEAK.write_text("5")
    before = _kilobytes("VmRSS")
    began = time.perf_counter()
    outcome = "read"
    try:
        enter(case, content)
    except Problem as problem:
        outcome = str(problem)
    seconds = time.perf_counter() - began
    return Measured(outcome, seconds, (_kilobytes("VmHWM") - before) / 1000)


def _kilobytes(name: str) -> int:
    if not _NEW_PEAK.exists():
        return 0
    (line,) = [line for line in _STATUS.read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1])


def main() -> None:
    """Send the whole corpus in and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="word in the door or the name")
    options = parser.parse_args()
    loading.shared("lite0")
    all_measured: list[Measured] = []
    right = 0
    for case in CASES:
        if options.only not in f"{case.door} {case.name}":
            continue
        found = measure(case)
        is_right = (found.outcome == "read") == case.is_odd
        right += is_right
        all_measured.append(found)
        print(
            f"{' ' if is_right else '!'} {case.door:8} {case.name:42} {found.seconds:6.2f} s "
            f"{found.megabytes:6.0f} MB  {found.outcome}",
            flush=True,
        )
    print(
        json.dumps(
            {
                "inputs": len(all_measured),
                "as_they_should": right,
                "slowest_seconds": round(max(found.seconds for found in all_measured), 2),
                "most_extra_mb": round(max(found.megabytes for found in all_measured)),
            }
        )
    )


if __name__ == "__main__":
    main()
