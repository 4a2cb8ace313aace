"""What each hostile input comes to, how long it takes, and how much memory.

    python -m benchmarks.hostile_corpus [--only WORD]

Runs the tests of the corpus, in a process of their own, and prints what they have measured. Memory
is the peak while the input is being read, beyond what was resident before, the input itself
included there. It is read from /proc, so only Linux tells it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
TEST = "tests/test_hostile.py::test_a_hostile_input_is_refused_with_a_sentence_and_an_odd_one_read"


def main() -> None:
    """Send the whole corpus in and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="word in the door or the name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", TEST, f"--junitxml={report}", "--quiet"]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
        cases = list(ElementTree.parse(report).iter("testcase"))
    measured: list[dict[str, str]] = []
    right = 0
    for case in cases:
        found = {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")}
        if options.only not in found["input"]:
            continue
        is_right = case.find("failure") is None and case.find("error") is None
        right += is_right
        measured.append(found)
        print(
            f"{' ' if is_right else '!'} {found['input']:52} {float(found['seconds']):6.2f} s "
            f"{float(found['megabytes']):6.0f} MB  {found['outcome']}"
        )
    print(
        json.dumps(
            {
                "inputs": len(measured),
                "as_they_should": right,
                "slowest_seconds": round(max(float(one["seconds"]) for one in measured), 2),
                "most_extra_mb": round(max(float(one["megabytes"]) for one in measured)),
            }
        )
    )


if __name__ == "__main__":
    main()
