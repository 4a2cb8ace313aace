"""Ideal class: gradient descent draws what the network takes for the ideal of a class."""

from functools import cache, partial

import streamlit as st

from core.server.jobs import Snapshot
from core.synthesis import loop
from core.synthesis.verdict import Verdict
from pages.parts.ideal_class import (
    choices,
    comparing,
    drawn,
    finished,
    gallery,
    latest,
    opinions,
    real_ones,
    running,
    saved,
)
from pages.parts.shared import entry, layout, live, questions, scenes, session
from pages.parts.shared.language import say, t
from pages.parts.shared.registry import IDEAL

entry.only_through_app()

layout.heading(t(IDEAL.title), t(IDEAL.promise))
classifier = session.classifier()
job = session.job(latest.JOB)
is_running = live.is_running(job)

if job is None:
    latest.comparison().clear()  # a scene was opened, which begins without the pictures before

place = layout.workbench(wide=bool(latest.comparison()), folded=bool(scenes.question(IDEAL)))
with place.settings:
    objective = choices.target(classifier)
    tv = choices.ask("tv", choices.preset(), captioned=False)
with place.progress:  # beside the picture, what begins with the buttons would cut its top
    top = "stage" if layout.presenting() and not latest.comparison() else "ideal_buttons"
    layout.in_sight(live.run_number(job), top)
canvas = place.picture.empty()
with place.below:
    contrasted = drawn.contrast()
results = st.container(key="results")
with st.expander(t("More settings"), icon=":material/tune:"):
    plan, problem = choices.plan(classifier, objective, tv)

if saved.is_to_be_drawn() and not is_running and problem is None:
    running.start(plan)
    st.rerun()

with place.buttons:
    start = partial(running.start, plan)
    live.start_and_stop(
        "ideal",
        job,
        start,
        t("Draw"),
        disabled=problem is not None,
        leads=not comparing.leads(),
    )
    with st.container(horizontal=True):
        if is_running and job:
            running.pause_button(job)
        else:
            comparing.buttons(plan)
    if problem:
        st.error(say(problem), icon=":material/error:")
    if is_running:
        running.restart_button(plan)


@cache  # for this run of the page: a frame changes what is in the places, and makes no new ones
def shown() -> drawn.Canvas | drawn.Abreast:
    """Lay out where the drawing, or the drawings, go."""
    if latest.comparison():
        return drawn.Abreast.laid_out(canvas, comparing.headings())
    with place.beside:
        return drawn.Canvas(canvas, st.empty(), st.empty())


def draw(snapshot: Snapshot) -> None:
    """Show the picture or the pictures as they stand."""
    shown().show(snapshot, contrasted)


snapshot = job.snapshot() if job else None
result = snapshot.result if snapshot else None
ended = [result] if isinstance(result, Verdict) else list(result.values()) if result else []
if ended:
    with place.below:
        finished.tell_of(ended[0], plan)
with results:
    saved.notices(ended)
    if isinstance(result, Verdict) and snapshot:
        with place.beside:
            shown()  # the numbers come first
            opinions.meaning(st.container(), result)
        finished.offer(result, gallery.keep(result), snapshot)
        real_ones.show(result)
        drawn.curves(snapshot)
    elif result and job:
        comparing.meaning(job)
        comparing.ask_the_room(result)
        for name, one in result.items():
            gallery.keep(one, name)
    if gallery.gallery() and not questions.awaits_prediction(IDEAL):
        gallery.show()
if job is None:
    canvas.info(
        t("Press the button: a picture will grow here out of noise."), icon=":material/palette:"
    )

saved.upload()

layout.why(
    t("Why does it work?"),
    t(
        "Training changes the network so that photos get the right answer. Here the network "
        "stays as it is and the *picture* changes: the gradient tells for every pixel whether "
        "brighter or darker means more of the class. Without help descent finds noise that no eye "
        "can read. Total variation punishes noise; painting with waves and looking from changing "
        "places favours shapes even more."
    ),
    choices.formula(objective, plan.settings),
    [loop.Drawing.steps],
)
if job:
    live.watch(job, draw, place=place.progress)
