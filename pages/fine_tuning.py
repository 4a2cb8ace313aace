"""Fine-tuning: the network learns the visitor's own classes, and the visitor sees why it can."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.data import overview, sources
from core.data.datasets import Dataset, takes
from core.export import bundle
from core.export.wording import Wording
from core.images import photos
from core.limits import LIMITS
from core.problem import Problem
from core.server.jobs import Snapshot
from core.steps import Steps
from core.training import learning_curve
from core.training.comparison import Comparison, best
from core.training.descent import RateSearch
from core.training.evidence import familiarity
from core.training.loop import Training, descend
from core.training.settings import STRATEGIES, Settings, Strategy
from core.zoo.classifier import Classifier
from core.zoo.predictions import top
from pages.parts.fine_tuning import data_set, embedding_map, evidence, known_before, webcam
from pages.parts.fine_tuning import learning_curve as curve_part
from pages.parts.fine_tuning import training as parts
from pages.parts.shared import entry, files, layout, live, made, plots, scenes, session, uploads
from pages.parts.shared.language import number, percent, plain, say, sentence, t, tn, wording
from pages.parts.shared.registry import TRAINING

if TYPE_CHECKING:
    from pages.parts.shared.streamlit_internals import UploadedFile

entry.only_through_app()

LOOK, RATE, CURVE, FAIR = parts.LOOK, "rate", "curve", "fair"
CURVES = ("validation accuracy", "training accuracy", "validation loss", "training loss")

layout.heading(t(TRAINING.title), t(TRAINING.promise))
base = session.base_classifier()
layout.network_line(base)
jobs = {name: session.job(name) for name in (session.TRAIN, LOOK, RATE, CURVE, FAIR)}
watched = next((job for job in jobs.values() if job and live.is_running(job)), None)

problem: Problem | None = None
plan: Mapping[Strategy, Settings] = {}
# A scene is about a few photos and more: its settings are made.
with layout.dials(folded=bool(scenes.question(TRAINING))):
    wanted = parts.photos_to_learn_from(watched=watched is not None)
    try:
        plan = parts.plan(base, wanted)
    except Problem as found:
        problem = found


chosen = (
    made.Ingredients((wanted.identity, base.name), f"{wanted.title} · {base.title}")
    if wanted
    else None
)


def submit(name: str, run: Callable[[Dataset], Steps[Any]]) -> None:
    """Submit a computation on the chosen photos, which are read on this computer."""
    assert wanted is not None, "the button is disabled without photos"
    assert chosen is not None
    made.note(name, chosen)
    first = partial(parts.loaded, wanted.load)
    session.start_job(name, run, lambda last: last.result, first=first)


def start() -> None:
    """Submit the training; the network trained before, or brought along, is replaced."""
    make_star()
    submit(session.TRAIN, partial(parts.training_run, base, dict(plan)))


def look() -> None:
    """Submit a look through the photos."""
    submit(LOOK, overview.survey)


def search_rate() -> None:
    """Submit a search for the learning rate."""
    submit(RATE, partial(parts.rate_run, base, next(iter(plan.values()))))


def measure_curve() -> None:
    """Submit the learning curve."""
    submit(CURVE, partial(parts.curve_run, base))


def try_the_unfamiliar() -> None:
    """Submit trainings on sets that ImageNet has nothing like."""
    settings = next(iter(plan.values())).of_head
    titles = {name: t(sources.source(name).title) for name in parts.UNFAMILIAR}
    run = partial(parts.unfamiliar_run, base, titles, settings)
    made.note(FAIR, made.Ingredients(base.name, base.title))
    session.start_job(FAIR, run, lambda last: last.result)


def draw(snapshot: Snapshot) -> None:
    """Show accuracy and loss of what is being trained, or the learning curve, as they move."""
    found = snapshot.step.result if snapshot.step else None
    if isinstance(found, learning_curve.LearningCurve):
        for curve in growing:
            curve.draw(found)
    shown = [name for name in STRATEGIES if f"{name} · validation accuracy" in snapshot.history]
    if snapshot.state.is_end and snapshot.result and shown:
        kept = best(snapshot.result)
        with curves.container():
            _live_numbers(st.empty(), snapshot, kept.settings.strategy, kept.epoch)
            st.caption(
                t(
                    "The numbers are those of epoch {epoch}, which was kept.",
                    epoch=number(kept.epoch),
                )
            )
    elif shown:
        _live_numbers(curves, snapshot, shown[-1])


def _live_numbers(
    place: DeltaGenerator, snapshot: Snapshot, strategy: Strategy, epoch: int = 0
) -> None:
    """Show the curves of a strategy with their values after an epoch, or after the latest one."""
    shown = []
    for name in CURVES:
        values = snapshot.history[f"{strategy} · {name}"]
        is_share = name.endswith("accuracy")
        value = percent(values[epoch - 1], 1) if is_share else number(values[epoch - 1], 3)
        shown.append(plots.LiveNumber(sentence(t(name)), value, values, is_share))
    plots.live_numbers(place, shown)


def begins(name: str) -> DeltaGenerator:
    """Return the place of the button that begins a run; below it is shown how far the run is."""
    places[name] = st.container(key=f"train_{name}_begins")
    layout.in_sight(live.run_number(jobs[name]), f"train_{name}_begins")
    return places[name]


def show_data() -> None:
    """Show what the photos are, before anything is learned from them."""
    begins(LOOK).button(
        t("Look at the photos"),
        icon=":material/photo_library:",
        on_click=look,
        disabled=wanted is None or watched is not None,
        key="train_look",
        help=t("Counts, samples, files that cannot be read, and photos that are there twice."),
    )
    found = parts.result(jobs[LOOK])
    if found and made.is_current(LOOK, chosen):
        data_set.overview(found)


def show_results(training: Training, comparison: Comparison) -> None:
    """Show how good the network is, or the networks, and what it takes."""
    made.tell(session.TRAIN, chosen)
    low, high = training.interval
    st.markdown(
        t(
            "It learned from {train} and gets **{accuracy}** of {others} right "
            "(95 % interval: {low} to {high}).",
            train=tn("**{count}** photo", "**{count}** photos", training.n_train),
            accuracy=percent(training.accuracy, 1),
            others=tn("**{count}** other", "**{count}** others", training.n_val),
            low=percent(low, 1),
            high=percent(high, 1),
        )
    )
    show_star(training)
    if len(comparison) > 1:
        parts.show_ways(comparison)
    classes = tuple(training.classifier.labels)
    shown = (*training.train, *training.validation)
    data_set.takes(classes, takes(len(classes), shown))
    data_set.unreadable(training.skipped)
    answers = parts.answers(training)
    left, right = st.columns([2, 3], gap="large")
    with left:
        evidence.accuracy(answers)
    with right:
        evidence.confusion(answers, "train_confusion")
    evidence.mistakes(answers)


def show_star(training: Training) -> None:
    """Say which network stands as ★: the one trained here, or one that has taken its place."""
    star = session.own_classifier()
    if star is None or star is training.classifier:
        st.markdown(
            t("It now stands as **★** among the networks in the side bar, for the other pages.")
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(
            t(
                "**★** is another network now, **{title}**. The results on this page belong to the network trained here.",
                title=plain(star.title),
            ),
            icon=":material/star:",
        )
        st.button(t("Make this one ★"), on_click=make_star, key="train_make_star")


def make_star() -> None:
    """Let the network that was trained here stand as ★ again."""
    session.brought().clear()
    files.let_go("train_import")


def show_understanding(training: Training) -> None:
    """Show why it works: the features, how few photos they need, and what was known before."""
    classes = tuple(training.classifier.labels)
    shown = (*training.train, *training.validation)
    network = session.network_named(training.classifier.provenance.network)
    found = session.compute(lambda: parts.embeddings(network, shown))
    embedding_map.embedding_map(found.features, found.photos, classes, "train_map")
    layout.label(t("How many photos does it take?"))
    begins(CURVE).button(
        t("Measure the learning curve"),
        icon=":material/trending_up:",
        on_click=measure_curve,
        disabled=wanted is None or watched is not None,
        key="train_curve",
        help=t(
            "Trains many heads on few and on more photos: on the network's features, on those of "
            "the same network with random weights, and on the bare pixels."
        ),
    )
    if live.is_running(jobs[CURVE]):
        growing.append(curve_part.GrowingCurve("train_growing_curve"))
    elif (curve := parts.result(jobs[CURVE])) and made.is_current(CURVE, chosen):
        curve_part.learning_curve(curve, "train_learning_curve")
        curve_part.learning_curve_words(curve)
    tried = parts.result(jobs[FAIR])
    if not made.is_current(FAIR, made.Ingredients(base.name, base.title)):
        tried = None
    familiar = familiarity(network, classes, found.features, found.labels)
    known_before.is_it_fair(familiar, parts.with_own(training, tried))
    begins(FAIR).button(
        t("Try what it cannot know"),
        icon=":material/help_center:",
        on_click=try_the_unfamiliar,
        disabled=watched is not None or not plan,
        key="train_unfamiliar",
        help=t("Learns digits and faces in the same way, for which ImageNet has no classes."),
    )


def show_use(own: Classifier) -> None:
    """Let the own network answer: a photo, or what the camera sees."""
    left, right = st.columns(2, gap="large")
    with left:
        layout.label(t("Your photo, seen by your network"))
        photo = session.photo(TRAINING.default_photo)
        inner = st.columns(2)
        with inner[0]:
            size = own.input_size
            layout.picture(photos.to_pixels(photos.prepare(photo, size)), "", t("The photo"))
        with inner[1]:
            layout.prediction_bars(session.compute(lambda: top(own, photo)))
        st.caption(
            t(
                "Choose or upload another photo in the side bar. It knows only its own classes: "
                "whatever it sees, it must call it one of them."
            )
        )
    with right:
        layout.label(t("What your camera sees, live"))
        webcam.live("train_live", own, watched=watched is not None)


def show_take_home(training: Training | None) -> None:
    """Let the network be taken along, and one be brought back."""
    left, right = st.columns(2, gap="large")
    with left:
        layout.label(t("Take it home"))
        if training is None:
            st.caption(t("Train a network first."))
        else:
            st.download_button(
                t("Download the network"),
                partial(_packed, training, parts.about(training), wording()),
                file_name="network.zip",
                mime="application/zip",
                icon=":material/download:",
                on_click="ignore",
                key="train_export",
            )
            st.caption(
                t(
                    "One zip: the weights, the whole network as ONNX (compared with this one before "
                    "you get it), its classes, a model card, and a script of a few lines that "
                    "classifies photos with it."
                )
                if bundle.holds_onnx(training.classifier)
                else t(
                    "One zip, to be brought back here: the weights that you have trained, the classes and a model card. The whole network as ONNX is left out: with it, the zip would be too large to come back."
                )
            )
    with right:
        layout.label(t("Bring one back"))
        given = files.ask(
            st.file_uploader,
            t("A zip that was downloaded here"),
            key="train_import",
            changed=bring,
            type="zip",
            max_upload_size=LIMITS.zip_mb,
        )
        if given and (found := st.session_state.get("train_import_problem")):
            st.error(say(found), icon=":material/error:")
        elif given and session.OWN in session.brought():
            st.success(
                t(
                    "**{title}** is now your network: it stands as ★ among the networks in the "
                    "side bar.",
                    title=plain(session.brought()[session.OWN].title),
                ),
                icon=":material/check:",
            )


def _packed(training: Training, about: Mapping[str, str], words: Wording) -> bytes:
    return session.compute(lambda: bundle.write(training, about, wording=words))


def bring(given: Sequence[UploadedFile]) -> None:
    """Make the network in a zip the visitor's own; where it was removed, it is no longer."""
    st.session_state["train_import_problem"] = None
    if not given:
        session.brought().clear()
        return
    file = given[-1]
    try:
        archive = uploads.read(file)
        session.brought()[session.OWN] = session.compute(lambda: bundle.read(archive, file.name))
    except Problem as found:
        st.session_state["train_import_problem"] = found


training = session.training()
if chosen and scenes.question(TRAINING):
    on_these = made.is_current(session.TRAIN, chosen)
    parts.lesson_counts(training if on_these else None, chosen.identity)
with st.container(horizontal=True, vertical_alignment="center", key="train_begins"):
    live.start_and_stop(
        "train",
        watched or jobs[session.TRAIN],
        start,
        t("Train"),
        disabled=wanted is None or problem is not None,
    )
    st.button(
        t("Find a learning rate"),
        icon=":material/search:",
        on_click=search_rate,
        disabled=wanted is None or watched is not None or not plan,
        key="train_find_rate",
        help=t("Raises the learning rate step by step and watches where the loss falls fastest."),
    )
if problem:
    st.error(say(problem), icon=":material/error:")
places = dict.fromkeys(jobs, st.container())
"""Where each run's progress goes: here, unless the button that begins it is further down."""
layout.in_sight(live.run_number(jobs[session.TRAIN], jobs[RATE]), "train_begins")
curves = st.empty()
growing: list[curve_part.GrowingCurve] = []  # the learning curve, if its tab is open
if (rate := parts.result(jobs[RATE])) and made.is_current(RATE, chosen):
    assert isinstance(rate, RateSearch)
    parts.show_rate(rate)

comparison = session.comparison()
own = session.own_classifier()
names = [t("The photos"), t("The results"), t("Why it works"), t("Use it"), t("Take it home")]
tabs = st.tabs(names, key="train_tab", on_change="rerun", default=names[1] if comparison else None)
needs_training = t("Train a network first.")
for tab, show in zip(
    tabs,
    (
        show_data,
        partial(show_results, training, comparison) if training and comparison else None,
        partial(show_understanding, training) if training else None,
        partial(show_use, own) if own else None,
        partial(show_take_home, training),
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
name = next((name for name, job in jobs.items() if job and job is watched), session.TRAIN)
if shown := jobs[name]:
    live.watch(shown, draw, place=places[name])
