"""One download of a file at a time, however many want it: they push the same one forward."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.problem import N_, Problem
from core.steps import Step, Steps


class _Shared:
    """A download with its followers, each of whom makes its next step when it is their turn."""

    def __init__(self, steps: Steps[Any]) -> None:
        self.followers = 0
        self.ended = False
        self._steps = steps
        self._problem: Problem | None = None
        self._turn = threading.Lock()

    def push(self) -> Step[Any] | None:
        """Make one step; None once the download has ended."""
        with self._turn:
            if self._problem is not None:  # it ended in somebody else's turn
                raise Problem(self._problem.template, **self._problem.fields) from self._problem
            try:
                step = next(self._steps, None)
            except Problem as problem:
                self.ended, self._problem = True, problem
                raise
            except BaseException:
                self.ended = True
                raise
            self.ended = step is None
            return step

    def close(self) -> None:
        """Leave it where it is."""
        self._steps.close()


_guard = threading.RLock()  # the garbage collector may close a forgotten follower at any moment
_running: dict[Path, _Shared] = {}


def together(target: Path, start: Callable[[], Steps[Any]]) -> Steps[Any]:
    """Follow the download of `target` that is under way in this process, or begin it.

    No thread of its own is needed, and nobody waits: whoever has a turn on a compute thread makes
    the next step. The download is closed when the last follower closes this.

    Args:
        target: what is downloaded.
        start: begins the download; called if there is none under way. It fails with a `Problem`.

    Yields:
        Steps of the download, those that were made in this follower's turns.

    Raises:
        Problem: the download failed, in whoever's turn.
    """
    with _guard:
        shared = _running.get(target)
        if shared is None or shared.ended:
            shared = _running[target] = _Shared(start())
        shared.followers += 1
    try:
        while (step := shared.push()) is not None:
            yield step
    finally:
        with _guard:  # nobody may begin anew before this one has let go of its files
            shared.followers -= 1
            if shared.followers == 0:
                shared.close()
                if _running.get(target) is shared:
                    del _running[target]


def no_other_program(lock_file: Path) -> FileLock:
    """Return a lock that other programs on this computer see, and that ends with this one.

    Entering it raises `filelock.Timeout` where another program holds it.
    """
    # Of no thread: the steps of a download are made on whichever compute thread is free.
    return FileLock(lock_file, timeout=0, thread_local=False)


@contextmanager
def alone(lock_file: Path, name: str) -> Iterator[None]:
    """Hold a download's lock.

    Args:
        lock_file: see `no_other_program`.
        name: of what is downloaded.

    Raises:
        Problem: another program holds it.
    """
    try:
        with no_other_program(lock_file):
            yield
    except Timeout as error:
        raise Problem(
            N_(
                "Another program on this computer is downloading {name}. Wait until it has ended, and try again."
            ),
            name=name,
        ) from error
