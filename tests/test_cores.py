"""Threads that compute are held to cores of their own, and those they start are free again."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, threading
import torch
from core import cores

torch.set_num_threads(len(os.sched_getaffinity(0)))
free = os.sched_getaffinity(0)

def work():
    assert cores.hold()
    mine = os.sched_getaffinity(0)
    assert len(mine) == 1, mine
    places = []
    for task in os.listdir("/proc/self/task"):
        if open(f"/proc/self/task/{task}/comm").read().strip() == "ideal-compute":
            places.append(tuple(os.sched_getaffinity(int(task))))
    assert sorted(places) == [(core,) for core in sorted(free)], places
    found = []
    def other():
        cores.roam()
        found.append(os.sched_getaffinity(0))
    helper = threading.Thread(target=other)
    helper.start(); helper.join()
    assert found == [free], found
    print("held")

thread = threading.Thread(target=work)
thread.start(); thread.join()
assert os.sched_getaffinity(0) == free
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux can hold threads")
def test_each_computing_thread_has_a_core_and_the_threads_it_starts_have_all():
    # In a program of its own: this one's threads have computed already.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "MKL_"))}
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment
    )
    assert answer.stdout.strip() == "held", answer.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux can hold threads")
def test_a_part_of_a_machine_is_left_to_the_kernel():
    program = (
        "import os, torch; from core import cores; before = os.sched_getaffinity(0)\n"
        "torch.set_num_threads(len(before) + 1)\n"
        "assert not cores.hold() and os.sched_getaffinity(0) == before; print('free')"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout.strip() == "free", answer.stderr
