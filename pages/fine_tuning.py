"""Fine-tuning: the network learns the visitor's own classes, and the visitor sees why it can."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from core.problem import Problem
from core.training.loop import descend
from core.training.settings import Settings, Strategy
from pages.parts.fine_tuning import origins, results
from pages.parts.fine_tuning import settings as settings_part
from pages.parts.fine_tuning.at_work import at_work
from pages.parts.fine_tuning.learning_rate import learning_rate
from pages.parts.fine_tuning.lesson_counts import lesson_counts
from pages.parts.fine_tuning.look import look
from pages.parts.fine_tuning.runs import JOBS, RATE, Runs, watched
from pages.parts.fine_tuning.take_home import take_home
from pages.parts.fine_tuning.understanding import understanding
from pages.parts.shared import entry, layout, live, made, scenes, session
from pages.parts.shared.language import say, t
from pages.parts.shared.registry import TRAINING

entry.only_through_app()

layout.heading(t(TRAINING.title), t(TRAINING.promise))
base = session.base_classifier()
layout.network_line(base)
jobs = {name: session.job(name) for name in JOBS}

problem: Problem | None = None
plan: Mapping[Strategy, Settings] = {}
# The scene about a few photos and more has its settings made.
of_few_and_many = scenes.question(TRAINING) == "transfer"
with layout.settings(folded=of_few_and_many):
    wanted = origins.photos_to_learn_from(watched=watched(jobs) is not None)
    try:
        plan = settings_part.plan(base, wanted)
    except Problem as found:
        problem = found
runs = Runs(base, jobs, wanted, plan)

training, comparison = session.training(), session.comparison()
if wanted and of_few_and_many:
    on_these = made.is_current(session.TRAIN, runs.of_photos)
    lesson_counts(training if on_these else None, wanted.identity)
with st.container(horizontal=True, vertical_alignment="center", key="train_begins"):
    live.start_and_stop(
        "train",
        watched(jobs) or jobs[session.TRAIN],
        runs.train,
        t("Train"),
        disabled=wanted is None or problem is not None,
    )
    st.button(
        t("Find a learning rate"),
        icon=":material/search:",
        on_click=runs.search_rate,
        disabled=wanted is None or runs.is_any_running or not plan,
        key="train_find_rate",
        help=t("Raises the learning rate step by step and watches where the loss falls fastest."),
    )
if problem:
    st.error(say(problem), icon=":material/error:")
runs.places[session.TRAIN] = st.container()
top = "train_counts" if of_few_and_many else "train_begins"  # for the next press
layout.in_sight(live.run_number(jobs[session.TRAIN], jobs[RATE]), top)
runs.draw[session.TRAIN] = partial(results.live, st.empty())
if search := runs.result(RATE):
    learning_rate(search)

own = session.own_classifier()
names = [t("The photos"), t("The results"), t("Why it works"), t("Use it"), t("Take it home")]
tabs = st.tabs(names, key="train_tab", on_change="rerun", default=names[1] if comparison else None)
needs_training = t("Train a network first.")
for tab, show in zip(
    tabs,
    (
        partial(look, runs),
        partial(results.show, runs, training, comparison) if training and comparison else None,
        partial(understanding, runs, training) if training else None,
        partial(at_work, own, watched=runs.is_any_running) if own else None,
        partial(take_home, training),
    ),
    strict=True,
):
    if not tab.open:
        continue
    with tab:
        if show is None:
            st.caption(needs_training)
        else:
            show()

layout.why(
    t("Why does it work?"),
    t(
        "The network's body – everything but its last layer – turns a photo into about a thousand "
        "numbers: how much fur, how many edges, something like an ear. These numbers are computed "
        "once per photo and kept. Only the new last layer, the head, is trained on them, so a few "
        "photos and a few seconds are enough."
    ),
    r"\min_{W,b}\; \frac1n \sum_{i} -\log \mathrm{softmax}(W f(x_i) + b)_{y_i} + \frac{\lambda}{2n}\lVert W\rVert^2",
    [descend],
)
runs.watch()
