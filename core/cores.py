"""Which core a thread computes on.

PyTorch's threads wait for each other at every layer, spinning. When something else needs a core for
a few milliseconds, such as a browser on the same computer, the kernel moves the thread from there
to the core of the one that spins; both then take turns on one core, and each layer takes as long as
the kernel's slice of time. Held to cores of their own, they lose only what the other one takes.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import torch

_THREADS = Path("/proc/self/task")
_NAME = "ideal-compute"
_held: set[int] = set()
"""The cores that threads are held to; empty where none is."""


def hold() -> bool:
    """Hold the calling thread, and those that compute for it, to one core each.

    To be called once, before the thread has computed anything. On Linux only, and only where the
    threads are as many as the cores: of a larger machine we may have been lent any two.

    Returns:
        Whether they are held.
    """
    if not _THREADS.is_dir():
        return False
    cores = sorted(os.sched_getaffinity(0))
    (_THREADS / str(threading.get_native_id()) / "comm").write_text(_NAME)
    torch.zeros(1 << 20).exp_()  # starts the others, which inherit the name
    crew = sorted(int(task.name) for task in _THREADS.iterdir() if _name(task) == _NAME)
    if len(crew) != len(cores):
        return False
    for thread, core in zip(crew, cores, strict=True):
        os.sched_setaffinity(thread, {core})
    _held.update(cores)
    return True


def roam() -> None:
    """Let the calling thread compute on any core: it has inherited the one of who started it."""
    if _held:
        os.sched_setaffinity(0, _held)


def _name(task: Path) -> str:
    try:
        return (task / "comm").read_text().strip()
    except OSError:  # it has ended meanwhile
        return ""
