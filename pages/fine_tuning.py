"""Fine-tuning: a new head on the frozen network learns the visitor's own classes."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from core import photos
from core.jobs import Snapshot, scheduler
from core.predictions import top
from core.problem import N_
from core.steps import Steps
from core.training import data, loop
from core.training.embeddings import shared_cache
from core.training.head import HeadSettings, fit_head
from pages.kit import entry, layout, live, plots, session
from pages.kit.language import number, percent, plain, remember_choice, say, sentence, t
from pages.kit.registry import TRAINING

entry.only_through_app()

JOB = "train"
SOURCES = {
    "digits": N_("Handwritten digits"),
    "zip": N_("A zip with a folder per class"),
    "files": N_("Photos, class by class"),
}
MOST_CLASSES_BY_HAND = 6
EXAMPLES = 12
CURVES = ("validation accuracy", "training accuracy", "validation loss", "training loss")
VALIDATION_PER_CLASS = 30

layout.heading(t(TRAINING.title), t(TRAINING.promise))
base = session.base_classifier()
layout.network_line(base)
job = session.job(JOB)

source = st.segmented_control(
    t("Photos to learn from"),
    list(SOURCES),
    format_func=lambda name: t(SOURCES[name]),
    default="digits",
    required=True,
    key=remember_choice("train_source"),
    persist_state="session",
)


def from_zip() -> Callable[[], data.Dataset] | None:
    """Ask for a zip; nothing is unpacked."""
    archive = st.file_uploader(
        t("A zip with one folder per class (or train/ and val/ of such)"),
        type="zip",
        key="train_zip",
    )
    return (lambda: data.from_zip(archive.getvalue())) if archive else None


def by_hand() -> Callable[[], data.Dataset] | None:
    """Ask for class names and their photos."""
    count = st.number_input(t("How many classes"), 2, MOST_CLASSES_BY_HAND, 2, key="train_classes")
    files: dict[str, list[tuple[str, bytes]]] = {}
    columns = st.columns(min(3, int(count)))
    for i in range(int(count)):
        with columns[i % len(columns)]:
            name = st.text_input(
                t("Class {number}", number=i + 1),
                t("class {number}", number=i + 1),
                max_chars=40,
                key=f"train_class_{i}",
            )
            uploads = st.file_uploader(
                t("Photos of {name}", name=plain(name)),
                type=list(photos.EXTENSIONS),
                accept_multiple_files=True,
                key=f"train_files_{i}",
                label_visibility="collapsed",
            )
            files.setdefault(name, []).extend((f.name, f.getvalue()) for f in uploads)
    ready = sum(bool(of_class) for of_class in files.values()) >= 2
    return (lambda: data.from_files(files)) if ready else None


def digits() -> Callable[[], data.Dataset] | None:
    """Say what the built-in set is."""
    st.caption(
        t(
            "1,797 digits of 8×8 pixels, from scikit-learn. The network has never seen anything "
            "like them: a fair test of what its layers are good for."
        )
    )
    return data.digits


read = {"digits": digits, "zip": from_zip, "files": by_hand}[source]()

columns = st.columns([2, 2, 3], gap="medium", vertical_alignment="bottom")
per_class = columns[0].slider(
    t("Photos per class to learn from"),
    1,
    200,
    60,
    key="train_per_class",
    persist_state="session",
    help=t(
        "Up to {count} more are kept apart to examine the network on.", count=VALIDATION_PER_CLASS
    ),
)
epochs = columns[1].slider(
    t("Epochs"),
    1,
    200,
    40,
    key="train_epochs",
    persist_state="session",
    help=t("How many times it goes through the photos. The best epoch is kept."),
)


def start() -> None:
    """Submit the training; the network trained before, if any, is replaced."""
    settings = loop.Settings(
        per_class=per_class,
        validation_per_class=VALIDATION_PER_CLASS,
        head=HeadSettings(epochs=epochs),
    )
    assert read is not None, "the button is disabled without photos"
    make_dataset = read

    def run() -> Steps[loop.Training]:
        yield from loop.train(base, make_dataset(), settings, shared_cache())

    scheduler().submit(session.owner(), JOB, run, lambda last: last.result)


with columns[2]:
    live.start_and_stop("train", job, start, t("Train"), disabled=read is None)
if read is None:
    st.info(t("Add photos of at least two classes first."), icon=":material/add_photo_alternate:")
progress = st.container()
curves = st.empty()


def draw(snapshot: Snapshot) -> None:
    """Show accuracy and loss as they move."""
    if "validation accuracy" not in snapshot.history:
        return
    plots.live_numbers(curves, [_live_number(snapshot, name) for name in CURVES])


def _live_number(snapshot: Snapshot, name: str) -> plots.LiveNumber:
    values = snapshot.history[name]
    is_share = name.endswith("accuracy")
    value = percent(values[-1], 1) if is_share else number(values[-1], 3)
    return plots.LiveNumber(sentence(t(name)), value, values, is_share)


def show_training(training: loop.Training) -> None:
    """Show how good the network is, what it gets wrong, and let it answer."""
    low, high = training.interval
    st.subheader(t("What it means"), anchor=False)
    st.markdown(
        t(
            "It learned from **{n_train}** photos and gets **{accuracy}** of **{n_val}** others "
            "right (95 % interval: {low} to {high}). It now stands as **★** among the networks in "
            "the side bar, for the other pages.",
            n_train=training.n_train,
            accuracy=percent(training.accuracy, 1),
            n_val=training.n_val,
            low=percent(low, 1),
            high=percent(high, 1),
        )
    )
    if training.skipped:
        with st.expander(t("{count} files could not be read", count=len(training.skipped))):
            for skipped in training.skipped:
                st.markdown(f"- {say(skipped.reason)}")
    left, right = st.columns([3, 2], gap="large")
    with left:
        plots.confusion(training.confusion, list(training.classifier.labels), "train_confusion")
    with right:
        layout.label(t("Your photo, seen by your network"))
        photo = session.photo(TRAINING.default_photo)
        inner = st.columns(2)
        with inner[0]:
            size = training.classifier.input_size
            layout.picture(photos.to_pixels(photos.prepare(photo, size)), "", t("The photo"))
        with inner[1]:
            layout.prediction_bars(session.compute(lambda: top(training.classifier, photo)))
        st.caption(
            t(
                "Choose or upload another photo in the side bar. It knows only its own classes: "
                "whatever it sees, it must call it one of them."
            )
        )
    show_examples(training)


def show_examples(training: loop.Training) -> None:
    """Show photos it was examined on: first those it got wrong, most sure first."""
    answers = training.trained.examination
    truth = np.array([photo.label for photo in training.validation])
    wrong = answers.predicted.numpy() != truth
    order = np.lexsort((-answers.confidence.numpy(), ~wrong))[:EXAMPLES]
    layout.label(t("Examined on photos it had never seen – mistakes first"))
    columns = st.columns(6)
    labels = training.classifier.labels
    for place, i in enumerate(order):
        photo = training.validation[i]
        tile = photos.centre_square(photos.decode(photo.data, photo.name), 160)
        verdict = "✗" if wrong[i] else "✓"
        with columns[place % len(columns)]:
            st.image(
                live.data_uri(np.asarray(tile.convert("RGB"))),
                width="stretch",
                caption=f"{verdict} {plain(labels[int(answers.predicted[i])])} "
                f"({percent(float(answers.confidence[i]))})",
                alt=plain(labels[photo.label]),
            )


trained = session.training()
if trained and not live.is_running(job):
    show_training(trained)

layout.why(
    t("Why does it work?"),
    t(
        "The network's body – everything but its last layer – turns a photo into about a thousand "
        "numbers: how much fur, how many edges, something like an ear. These numbers are computed "
        "once per photo and kept. Only the new last layer, the head, is trained on them, so a few "
        "photos and a few seconds are enough."
    ),
    r"\min_{W,b}\; \frac1n \sum_{i} -\log \mathrm{softmax}(W f(x_i) + b)_{y_i} + \frac{\lambda}{2n}\lVert W\rVert^2",
    [fit_head],
)
if job:
    live.watch(job, draw, place=progress)
