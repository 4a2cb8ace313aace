"""Following a job from a corner of the page, while the rest of it goes on answering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.server.jobs import Job, Snapshot
from core.steps import Steps
from pages.parts.shared import session
from pages.parts.shared.live import progress

_SECONDS = 0.35


_VIEW = "maps_view"
"""Key of the choice of what to look at."""


def begun(
    name: str,
    of: object,
    run: Callable[[], Steps[Any]],
    conclude: Callable[[Any], Any] | None = None,
) -> Job:
    """Return the job of a name for what is chosen now; where it was for something else, begin anew.

    Args:
        name: of the job.
        of: what tells what is chosen from all else.
        run: what is computed; see `session.start_job`.
        conclude: likewise.
    """
    job = session.job(name)
    if job is None or st.session_state.get(f"{name}_of") != of:
        st.session_state[f"{name}_of"] = of
        job = session.start_job(name, run, conclude)
    return job


def follow(job: Job, draw: Callable[[Snapshot], None], seconds: float = _SECONDS) -> None:
    """Draw a job's newest snapshot a few times a second, as a fragment; once it ended, only once.

    Unlike `live.watch` this holds nobody up: it may stand anywhere on a page.

    Args:
        job: the job.
        draw: shows a snapshot.
        seconds: between two drawings; more where much is drawn.
    """
    if job.snapshot().state.is_end:
        _show(job.snapshot(), draw)
        return
    view = st.session_state.get(_VIEW)

    @st.fragment(run_every=seconds)
    def part() -> None:
        if st.session_state.get(_VIEW) != view:
            return  # late: its place belongs to another view already
        snapshot = job.snapshot()
        _show(snapshot, draw)
        if snapshot.state.is_end:
            st.rerun()  # so that what was waiting for it shows, and this is asked no more

    part()


def _show(snapshot: Snapshot, draw: Callable[[Snapshot], None]) -> None:
    if not snapshot.state.is_end or snapshot.problem is not None:
        progress(st.empty(), snapshot)
    draw(snapshot)
