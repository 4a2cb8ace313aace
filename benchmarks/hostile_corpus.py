"""What each hostile input comes to, how long it takes, and how much memory.

    python -m benchmarks.hostile_corpus [--only WORD]

Memory is the peak while the input is being read, beyond what was resident before, the input itself
included there. It is read from /proc, so this runs on Linux only.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from pathlib import Path

from core.problem import Problem
from core.zoo import loading
from tests.hostile import CASES, Case, enter

_STATUS = Path("/proc/self/status")


def measure(case: Case) -> tuple[str, float, float]:
    """Give what an input comes to, in how many seconds, and with how many MB more at the peak."""
    content = case.make()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _kilobytes("VmRSS")
    began = time.perf_counter()
    try:
        enter(case, content)
        outcome = "read"
    except Problem as problem:
        outcome = str(problem)
    except Exception as error:
        outcome = f"CRASH {error!r}"
    seconds = time.perf_counter() - began
    return outcome, seconds, (_kilobytes("VmHWM") - before) / 1000


def _kilobytes(name: str) -> int:
    (line,) = [line for line in _STATUS.read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1])


def main() -> None:
    """Send the whole corpus in and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="word in the door or the name")
    options = parser.parse_args()
    loading.shared("lite0")
    rows = []
    for case in CASES:
        if options.only not in f"{case.door} {case.name}":
            continue
        outcome, seconds, megabytes = measure(case)
        is_right = (outcome == "read") == case.is_odd and not outcome.startswith("CRASH")
        rows.append((is_right, seconds, megabytes))
        mark = " " if is_right else "!"
        print(
            f"{mark} {case.door:8} {case.name:42} {seconds:6.2f} s {megabytes:6.0f} MB  {outcome}",
            flush=True,
        )
    print(
        json.dumps(
            {
                "inputs": len(rows),
                "as_they_should": sum(right for right, _, _ in rows),
                "slowest_seconds": round(max(seconds for _, seconds, _ in rows), 2),
                "most_extra_mb": round(max(megabytes for _, _, megabytes in rows)),
            }
        )
    )


if __name__ == "__main__":
    main()
