"""A drawing that is begun, changed while it runs, halted, and gone on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from core.server.jobs import Job, State
from core.server.scheduler import scheduler
from core.steps import Step
from core.synthesis import loop, record
from core.synthesis.verdict import RecordedDrawing, Verdict, judge
from core.zoo.classifier import Classifier
from pages.parts.ideal_class import choices, latest, saved
from pages.parts.ideal_class.choices import Plan
from pages.parts.shared import session
from pages.parts.shared.language import t

MORE_STEPS = 200


def start(plan: Plan) -> None:
    """Submit a drawing; the one before it, if any, is replaced."""
    latest.comparison().clear()
    settings = saved.planned(plan)
    photo = choices.start_photo(settings.photo)
    drawing = scheduler().call(
        lambda: loop.Drawing(plan.classifier, plan.objective, settings, photo)
    )
    _submit(RecordedDrawing(drawing, plan.settings.steps))


def go_on(verdict: Verdict, history: Mapping[str, Sequence[float]]) -> None:
    """Draw on from where the picture stands."""
    drawing = latest.in_progress()["drawing"].drawing
    _submit(RecordedDrawing(drawing, MORE_STEPS, verdict.record), history)


def _submit(run: RecordedDrawing, history: Mapping[str, Sequence[float]] | None = None) -> None:
    latest.in_progress()["drawing"] = run
    # The drawing's own network: another one may have been chosen since it was begun.
    network = run.drawing.classifier
    session.start_job(latest.JOB, run.resume, lambda last: _judged(network, last), history)


def _judged(network: Classifier, last: Step[record.Record]) -> Verdict | None:
    return judge(network, last.result) if last.result else None


def pause_button(job: Job) -> None:
    """Show the button that halts a run, or lets it go on."""
    paused = job.snapshot().state is State.PAUSED
    st.button(
        t("Go on") if paused else t("Pause"),
        icon=":material/resume:" if paused else ":material/pause:",
        on_click=job.resume if paused else job.pause,
        key="ideal_pause",
    )


def restart_button(plan: Plan) -> None:
    """Let the drawing that runs be begun again where other settings have been chosen since."""
    run = latest.in_progress().get("drawing")
    if run is None:
        return
    drawing, settings = run.drawing, plan.settings
    live_now = {name: getattr(settings, name) for name in loop.LIVE}
    begun = replace(drawing.settings, turns=(), **live_now)
    if begun != settings or plan.objective != drawing.objective:
        st.info(t("The settings you have changed are for the next run."), icon=":material/info:")
        st.button(
            t("Start again with them"),
            icon=":material/restart_alt:",
            on_click=start,
            args=(plan,),
            key="ideal_restart",
        )
