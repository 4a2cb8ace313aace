"""How the server is: sessions, jobs, share, memory, for whoever runs it."""

from __future__ import annotations

import streamlit as st

from core.limits import LIMITS
from core.server.jobs import State
from core.server.metrics import numbers
from core.server.scheduler import scheduler
from pages.parts.shared import uploads
from pages.parts.shared.language import number, percent, sentence, t


@st.fragment(run_every=5)
def panel() -> None:
    """Show the server's numbers, anew every few seconds."""
    now = numbers(scheduler())
    first = st.columns(4)
    first[0].metric(t("Visitors with runs"), number(now.sessions))
    first[1].metric(
        t("Share of each"),
        percent(now.share),
        help=t("Everybody who computes gets the same part of the computer."),
    )
    first[2].metric(
        t("Memory of the program"),
        t("{megabytes} MB", megabytes=number(now.memory_mb)),
        help=t("Beyond {limit} MB no new run is begun.", limit=number(LIMITS.memory_mb)),
    )
    first[3].metric(
        t("Uploaded files"),
        t("{megabytes} MB", megabytes=number(uploads.held_mb())),
        help=t("Of all visitors together; {limit} MB fit.", limit=number(LIMITS.total_mb)),
    )
    second = st.columns(4)
    going = {state: now.jobs[state.value] for state in State if not state.is_end}
    for column, (state, count) in zip(second, going.items(), strict=False):
        column.metric(t("Runs: {state}", state=t(state)), number(count))
    second[3].metric(t("Hours since the start"), number(now.uptime_seconds / 3600, 1))
    ended = (f"{sentence(t(State(state)))}: {number(n)}" for state, n in now.ended.items())
    st.caption(t("Runs that have ended") + " – " + " · ".join(ended))
