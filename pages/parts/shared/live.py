"""Watching a job: the one panel that shows a long run on every page.

Pages lay everything out first and call `watch` last. It draws the newest snapshot a few times a
second until the run ends or the visitor does something else; the run itself does not care.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.images import photos
from core.problem import N_
from core.server import cluster
from core.server.jobs import Job, Snapshot, State
from core.steps import Pixels
from pages.parts.shared.language import number, say, sentence, t

_MOST_FRAMES_PER_SECOND = 5.5
"""Enough to see a picture grow; more would take processor time from it where the browser runs on
the same machine."""
_FRAMES_FOR_ALL = 16
"""Shared among everybody who computes, so that a class's Wi-Fi carries it."""

_LONGEST_WAIT = 0.5
"""In seconds, without news: a place in the queue changes all the same."""
_NAP = 0.05
_NAP_IN_A_CROWD = 0.1
_CROWD = 8
"""With so many people, waking up for each of them costs more than a later answer."""
_SECONDS_OF_A_FILM = 2.0
"""How often elements change while a run is watched; the frames of a film move in between."""
_SECONDS_OF_THE_FIRST = 0.4
_COUNTED_IN = {
    "downloading": N_("MB"),
    "checking the files": N_("MB"),
    "unpacking the photos": N_("MB"),
    "reading the photos": N_("photos"),
    "asking the network": N_("questions"),
    "checking the photos": N_("photos"),
}
"""What the steps of a phase are counted in, where that is not steps."""


class Seldom:
    """Limits how often something is shown that need not change with every frame."""

    def __init__(self, seconds: float) -> None:
        """Be due at once, and then every so many seconds."""
        self._seconds = seconds
        self._next = 0.0

    def is_due(self) -> bool:
        """Return whether it is time; asking starts the next wait."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True


def is_running(job: Job | None) -> bool:
    """Return whether a job is there and has not ended."""
    return job is not None and not job.snapshot().state.is_end


def run_number(*jobs: Job | None) -> str:
    """Return the number of the first that is running, for `layout.in_sight`; empty if none is."""
    return next((str(job.number) for job in jobs if job is not None and is_running(job)), "")


def data_uri(pixels: Pixels, quality: int = 88) -> str:
    """Return the address that carries an 8-bit picture (H, W, 3); see `photos.data_uri`."""
    return photos.data_uri(photos.encode_jpeg(pixels, quality))


class Reel:
    """Gathers the frames of a run and gives them as short films.

    Each element that changes makes the browser's main thread go through the page; where browser
    and run share a computer, that stalls the run. A film's frames change without that. The first
    films are short, since most happens at the beginning, and nobody likes to wait for it.
    """

    def __init__(self, seconds: float = _SECONDS_OF_A_FILM) -> None:
        """Let the first frame go at once, and then films of up to so many seconds."""
        self._seconds = seconds
        self._length = 0.0
        self._began = time.monotonic()
        self._frames: list[Pixels] = []
        self._last: Pixels | None = None

    def add(self, pixels: Pixels) -> None:
        """Gather a frame, an 8-bit picture (H, W, 3), unless it is the last one again."""
        if self._last is None or not np.array_equal(pixels, self._last):
            self._frames.append(pixels)
            self._last = pixels

    def film(self) -> str | None:
        """Return, as an address, the film of the frames since the last; None if not due."""
        seconds = time.monotonic() - self._began
        if not self._frames or seconds < self._length:
            return None
        film = photos.encode_film(self._frames, seconds)
        self._began, self._frames = time.monotonic(), []
        self._length = min(self._seconds, max(_SECONDS_OF_THE_FIRST, 2 * self._length))
        return photos.data_uri(film, "webp")


def watch(
    job: Job,
    draw: Callable[[Snapshot], None],
    *,
    place: DeltaGenerator | None = None,
    rerun: bool = True,
    unit: str = "",
) -> None:
    """Follow a job until it ends, drawing how far it is.

    Args:
        job: the job.
        draw: shows a snapshot; called several times a second.
        place: where the progress line goes; here, if None.
        rerun: whether to run the page again at the end, so that its buttons and results show.
        unit: what the steps are counted in, if not in steps.
    """
    line = (place or st).empty()
    snapshot = job.snapshot()
    watched = not snapshot.state.is_end
    seldom = Seldom(_SECONDS_OF_A_FILM)
    while True:
        began = time.monotonic()
        if seldom.is_due() or snapshot.state.is_end:
            progress(line, snapshot, unit)
        draw(snapshot)
        if snapshot.state.is_end:
            break
        frames = max(0.5, min(_MOST_FRAMES_PER_SECOND, _FRAMES_FOR_ALL / max(1, snapshot.sharing)))
        nap = _NAP_IN_A_CROWD if snapshot.sharing >= _CROWD else _NAP
        _rest(1 / frames - (time.monotonic() - began), nap)
        snapshot = _next(job, snapshot, nap)
    if watched and rerun:
        st.rerun()


def _rest(seconds: float, nap: float) -> None:
    """Sleep, but let the visitor interrupt after each nap."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, nap))
        _look_for_the_visitor()


def _next(job: Job, before: Snapshot, nap: float) -> Snapshot:
    """Wait for news of a job, but let the visitor interrupt after each nap."""
    until = time.monotonic() + _LONGEST_WAIT
    while True:
        snapshot = job.wait(before.version, timeout=nap)
        _look_for_the_visitor()
        if snapshot.version != before.version or time.monotonic() > until:
            return snapshot


def _look_for_the_visitor() -> None:
    """End this run of the page if it is to run again.

    Reading the session's state is one of the places where Streamlit looks for that; drawing is the
    other, and not each frame draws anything.
    """
    _ = "owner" in st.session_state


def progress(line: DeltaGenerator, snapshot: Snapshot, unit: str = "") -> None:
    """Show in one line what a job is doing, how far it is, and how long it will take."""
    if snapshot.state is State.FAILED and snapshot.problem is not None:
        line.error(say(snapshot.problem), icon=":material/error:")
        return
    step = snapshot.step
    waiting = t("Place {place} in the queue", place=snapshot.place) if snapshot.place else ""
    if step is None:
        begun = waiting or t("Begun: the first step takes longest …")
        line.progress(0.0, t(snapshot.state) if snapshot.state.is_end else begun)
        return
    unit = unit or t(_COUNTED_IN.get(step.phase, "steps"))
    parts = [
        sentence(t(step.phase)) if step.phase else "",
        t(
            "{done} of {total} {unit}",
            done=number(step.index),
            total=number(step.total),
            unit=unit,
        ),
    ]
    if snapshot.state.is_end:
        parts.append(t(snapshot.state))
        parts.append(t("{seconds} s", seconds=number(snapshot.seconds, 1)))
    elif snapshot.seconds_left is not None:
        parts.append(t("{seconds} s left", seconds=number(snapshot.seconds_left + 0.5)))
    if waiting:
        parts.append(waiting)
    elif cluster.is_set() and not snapshot.state.is_end:
        parts.append(t("on the cluster") if snapshot.is_away else t("on this computer"))
    elif snapshot.sharing > 1 and not snapshot.state.is_end:
        parts.append(
            t(
                "{count} people are computing; yours runs at 1/{parts}",
                count=snapshot.sharing,
                parts=snapshot.parts,
            )
        )
    line.progress(min(1.0, step.index / step.total), " · ".join(part for part in parts if part))


def start_and_stop(
    key: str,
    job: Job | None,
    start: Callable[[], None],
    label: str,
    *,
    disabled: bool = False,
    leads: bool = True,
) -> None:
    """Show the button that begins a run, and the one that ends what it began.

    Both sit outside any fragment and use callbacks, so they answer while a run is watched.

    Args:
        key: of the buttons.
        job: the run, if there is one.
        start: begins it.
        label: of the button that does.
        disabled: whether it cannot be begun.
        leads: whether this is the one button that matters.
    """
    running = is_running(job)
    with st.container(horizontal=True, key=f"{key}_buttons"):
        st.button(
            label,
            type="primary" if leads else "secondary",
            icon=":material/play_arrow:",
            on_click=start,
            disabled=running or disabled,
            shortcut="Ctrl+Enter",
            key=f"{key}_start",
        )
        st.button(
            t("Stop run"),
            icon=":material/stop:",
            on_click=job.stop if job else None,
            disabled=not running,
            shortcut="Esc",
            key=f"{key}_stop",
        )
