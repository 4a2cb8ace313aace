"""The settings of training: which photos, what learns, and with which tricks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from core.data import datasets, sources
from core.data.datasets import Dataset
from core.data.photo_files import Skipped
from core.images import photos
from core.limits import LIMITS
from core.problem import N_, Problem
from core.server.jobs import Job
from core.server.scheduler import scheduler
from core.steps import Step, Steps, returned
from core.training import learning_curve, loop
from core.training.challenge import challenge
from core.training.comparison import Comparison, best, compare
from core.training.descent import RateSearch
from core.training.embeddings import Embedded, embed, shared_cache
from core.training.evidence import Score, wilson
from core.training.learning_curve import LearningCurve
from core.training.loop import Training
from core.training.settings import (
    LEARNING_RATES,
    MAX_EPOCHS,
    OPTIMISERS,
    SCHEDULES,
    STRATEGIES,
    Settings,
    Strategy,
    settings_for,
)
from core.zoo.classifier import Classifier
from pages.parts.fine_tuning import data_set, webcam
from pages.parts.fine_tuning.evidence import Answers
from pages.parts.shared import files, plots, session, uploads
from pages.parts.shared.language import number, percent, plain, remember_choice, say, short, t

MOST_CLASSES_BY_HAND = 6
MOST_PER_CLASS = 200
VALIDATION_PER_CLASS = 30
PER_CLASS_IN_LESSON = (1, 5, 60)
"""Photos per class with which the lesson's scene trains."""
FEW_FOR_VALIDATION = 10
"""Photos for validation with which an accuracy says little."""
ORIGINS = {
    "sets": N_("Ready-made sets"),
    "zip": N_("A zip"),
    "files": N_("Your photos"),
    "camera": N_("Webcam"),
}
STRATEGY_NAMES: dict[Strategy, str] = {
    "head": N_("Only the head"),
    "blocks": N_("The last blocks too"),
    "scratch": N_("All, from nothing"),
}
OPTIMISER_NAMES = {
    "adam": N_("Adam"),
    "momentum": N_("SGD with momentum"),
    "sgd": N_("SGD"),
}
SCHEDULE_NAMES = {
    "cosine": N_("falls along a cosine"),
    "constant": N_("stays"),
    "warm-up": N_("rises, then falls"),
}
_ALL = "all"
LOOK = "look"
"""The job that looks through the photos."""
UNFAMILIAR = ("digits", "faces")
"""Sets that ImageNet has nothing like, and that are always here."""


@dataclass(frozen=True)
class Wanted:
    """Photos that somebody has chosen.

    Attributes:
        title: what to call them.
        identity: equal for the same photos.
        load: reads them; a computation, since they may have to come from far away.
        most: photos of the largest class.
        counts: photos of each class; None where the set itself, or its takes, divide them.
    """

    title: str
    identity: Hashable
    load: Callable[[], Steps[Dataset]]
    most: int
    counts: tuple[int, ...] | None = None


def photos_to_learn_from(*, watched: bool) -> Wanted | None:
    """Ask where the photos come from; None as long as there are too few.

    Args:
        watched: whether the page watches a job; see `webcam.collect`.
    """
    origin = st.segmented_control(
        t("Photos to learn from"),
        list(ORIGINS),
        format_func=lambda name: t(ORIGINS[name]),
        default="sets",
        required=True,
        key=remember_choice("train_source"),
        persist_state="session",
    )
    if origin == "zip":
        return _from_zip()
    if origin == "files":
        return _by_hand(_uploads)
    if origin == "camera":
        return _by_hand(
            lambda place, name: webcam.collect(f"train_camera_{place}", name, watched=watched)
        )
    return _from_source()


def _from_source() -> Wanted:
    known = {source.name: source for source in sources.SOURCES}
    columns = st.columns([2, 3], gap="medium", vertical_alignment="center")
    name = columns[0].selectbox(
        t("Set"),
        list(known),
        format_func=lambda name: _source_label(known[name]),
        key=remember_choice("train_set"),
        persist_state="session",
    )
    chosen = known[name]
    columns[1].caption(t(chosen.description) + f" *{t(chosen.credit)}.*")
    of_class = min(sources.MOST_PER_CLASS, chosen.photos // chosen.classes)
    return Wanted(
        t(chosen.title),
        chosen.name,
        lambda: sources.load(chosen),
        of_class,
        # What has to be downloaded may divide itself.
        (of_class,) * chosen.classes if chosen.is_offline else None,
    )


def _source_label(source: sources.Source) -> str:
    missing = "" if sources.is_here(source) else f" ↓ {source.size / 1e6:.0f} MB"
    return t(source.title) + missing


def _from_zip() -> Wanted | None:
    given = files.ask(
        st.file_uploader,
        t("A zip with one folder per class (or train/ and val/ of such)"),
        key="train_zip",
        changed=_forget_look,
        type="zip",
        max_upload_size=LIMITS.zip_mb,
    )
    if not given:
        return None
    archive = given[-1]
    content = uploads.taken(archive)
    if content is None:
        return None
    found = _listings().get(archive.file_id, lambda: _listed(content))
    if isinstance(found, Problem):
        st.error(say(found), icon=":material/error:")
        return None
    data_set.found(found)
    return Wanted(
        archive.name,
        archive.file_id,
        lambda: _at_once(lambda: datasets.from_zip(content)),
        max(found.counts.values()),
        None if found.parts else tuple(found.counts.values()),
    )


@session.kept
def _listings() -> session.Latest[datasets.Found | Problem]:
    """What was found in this session's zips, or what is wrong with them."""
    return session.Latest(4)


def _listed(archive: bytes) -> datasets.Found | Problem:
    try:
        return session.compute(lambda: datasets.found_in_zip(archive))
    except Problem as problem:
        return problem


def _by_hand(ask: Callable[[int, str], Sequence[datasets.Upload]]) -> Wanted | None:
    """Ask for class names and, with `ask`, for the photos of each."""
    count = int(
        st.number_input(
            t("How many classes"),
            2,
            MOST_CLASSES_BY_HAND,
            2,
            key="train_classes",
            persist_state="session",
        )
    )
    by_class: dict[str, list[datasets.Upload]] = {}
    columns = st.columns(min(3, count))
    for i in range(count):
        with columns[i % len(columns)]:
            name = st.text_input(
                t("Class {number}", number=i + 1),
                t("class {number}", number=i + 1),
                max_chars=40,
                key=f"train_class_{i}",
                persist_state="session",
            )
            by_class.setdefault(name, []).extend(ask(i, name))
    if sum(bool(of_class) for of_class in by_class.values()) < 2:
        st.info(
            t("Add photos of at least two classes first."), icon=":material/add_photo_alternate:"
        )
        return None
    counts = tuple(len(of_class) for of_class in by_class.values() if of_class)
    in_takes = any(len(upload) > 2 for of_class in by_class.values() for upload in of_class)
    return Wanted(
        " · ".join(by_class),
        tuple((name, *(upload[0] for upload in of_class)) for name, of_class in by_class.items()),
        lambda: _at_once(lambda: datasets.from_files(by_class)),
        max(counts),
        None if in_takes else counts,
    )


def _uploads(place: int, name: str) -> list[tuple[str, bytes]]:
    given = files.ask(
        st.file_uploader,
        t("Photos of {name}", name=plain(name)),
        key=f"train_files_{place}",
        changed=_forget_look,
        type=list(photos.EXTENSIONS),
        accept_multiple_files=True,
        max_upload_size=LIMITS.file_mb,
        label_visibility="collapsed",
    )
    skipped: list[Skipped] = []
    readable: list[tuple[str, bytes]] = []
    for file in given:
        content = uploads.taken(file)
        if content is None:
            continue
        problem = _problems().get(file.file_id, partial(_problem, content, file.name))
        if problem:
            skipped.append(Skipped(file.name, problem))
        else:
            readable.append((file.name, content))
    data_set.unreadable(skipped)
    return readable


@session.kept
def _problems() -> session.Latest[Problem | None]:
    """What is wrong with this session's photos, by their files; None with those that can be read."""
    return session.Latest(datasets.MAX_PHOTOS)


def _problem(content: bytes, name: str) -> Problem | None:
    try:
        photos.decode(content, name)
    except Problem as problem:
        return problem
    return None


def _forget_look(_: object) -> None:
    """Forget what was seen of the photos, since they are others now."""
    scheduler().discard(session.owner(), LOOK)


def _at_once(read: Callable[[], Dataset]) -> Steps[Dataset]:
    yield Step(1, 1, phase=N_("reading the photos"), result=read())


def plan(base: Classifier, wanted: Wanted | None) -> Mapping[Strategy, Settings]:
    """Ask for the settings, and return those of each strategy that is wanted, in order.

    Args:
        base: the network to start from.
        wanted: the photos, if there are some yet.

    Raises:
        Problem: one of them is out of its range.
    """
    chosen = st.segmented_control(
        t("What learns"),
        [*STRATEGIES, _ALL],
        format_func=lambda name: (
            t("Compare all three") if name == _ALL else t(STRATEGY_NAMES[name])
        ),
        default="head",
        required=True,
        key=remember_choice("train_way"),
        persist_state="session",
        help=t(
            "**Only the head**: the network's last layer; the rest is frozen, so each photo is "
            "looked at once. **The last blocks too**: fine-tuning, starting from that head, with a "
            "far smaller learning rate. **All, from nothing**: the same network with random "
            "weights, as if nobody had ever trained it."
        ),
    )
    columns = st.columns(2, gap="large")
    with columns[0]:
        per_class, reserve = _division(wanted)
    with columns[1]:
        head_epochs, epochs = _epochs(chosen)
    with st.expander(t("Training tricks"), icon=":material/tune:", key="train_tricks"):
        tricks, rate, of_blocks = _tricks(base, chosen)
    of_head = {"epochs": head_epochs, **({"learning_rate": rate} if rate else {})}
    common = tricks | {
        "per_class": per_class,
        "validation_per_class": VALIDATION_PER_CLASS,
        "reserve": reserve,
        **{f"head_{name}": value for name, value in of_head.items()},
    }
    own: dict[Strategy, dict[str, Any]] = {
        "head": of_head,
        "blocks": {"epochs": epochs, **of_blocks},
        "scratch": {"epochs": epochs},
    }
    wanted_ones = STRATEGIES if chosen == _ALL else [n for n in STRATEGIES if n == chosen]
    return {name: settings_for(name, **common, **own[name]) for name in wanted_ones}


def _division(wanted: Wanted | None) -> tuple[int, bool]:
    """Ask how many photos of a class to learn from; tell also whether enough must stay apart."""
    reserve = not st.session_state.get("train_insist")
    most = MOST_PER_CLASS
    if wanted:
        most = min(most, datasets.to_learn_from(wanted.most, MOST_PER_CLASS, reserve=reserve))
    most = max(most, 2)  # a slider has two ends
    if st.session_state.get("train_per_class", 1) > most:  # of another set
        st.session_state["train_per_class"] = most
    per_class = st.slider(
        t("Photos per class to learn from"),
        1,
        most,
        min(60, most),
        key="train_per_class",
        persist_state="session",
        help=t(
            "Up to {count} more are kept apart for validation.",
            count=VALIDATION_PER_CLASS,
        ),
    )
    st.checkbox(
        t("Keep fewer for validation"),
        key="train_insist",
        persist_state="session",
        help=t(
            "Usually three photos in ten of each class stay for validation, and at least "
            "{least} where a class has ten: of few photos, chance decides how many are right.",
            least=datasets.LEAST_VALIDATION,
        ),
    )
    if wanted and wanted.counts:
        learned = [datasets.to_learn_from(n, per_class, reserve=reserve) for n in wanted.counts]
        kept = [
            min(VALIDATION_PER_CLASS, n - m) for n, m in zip(wanted.counts, learned, strict=True)
        ]
        _told_division(sum(learned), sum(kept))
    return per_class, reserve


def lesson_counts(training: Training | None, photos: Hashable) -> None:
    """Show a button for each number of photos that the lesson trains with, and what came of it.

    Args:
        training: the latest one, if it was on these photos.
        photos: identity of the photos to learn from.
    """
    if training is not None:
        _tried()[photos, training.settings.per_class] = training.accuracy
    chosen = st.session_state["train_per_class"]
    with st.container(
        horizontal=True, vertical_alignment="center", gap="xsmall", key="train_counts"
    ):
        st.markdown(t("Photos per class:"), width="content")
        for count in PER_CLASS_IN_LESSON:
            accuracy = _tried().get((photos, count))
            st.button(
                number(count) if accuracy is None else f"{number(count)} → {percent(accuracy, 1)}",
                key=f"train_count_{count}",
                icon=":material/check:" if count == chosen else None,
                on_click=_learn_from,
                args=(count,),
            )


def _learn_from(per_class: int) -> None:
    st.session_state["train_per_class"] = per_class


@session.kept
def _tried() -> dict[tuple[Hashable, int | None], float]:
    """Accuracy of this session's trainings in the lesson, by photos and number of them per class."""
    return {}


def _told_division(train: int, validation: int) -> None:
    """Say how many photos there are for both, and what so few for validation mean."""
    st.caption(
        t(
            "**{train}** to learn from, **{validation}** for validation.",
            train=number(train),
            validation=number(validation),
        )
    )
    if 0 < validation < FEW_FOR_VALIDATION:
        low, _ = wilson(validation, validation)
        st.warning(
            t(
                "With so few photos for validation, each one is worth {share} of the accuracy. "
                "Even with all of them right, the network may be right in only {low} of cases.",
                share=percent(1 / validation),
                low=percent(low),
            ),
            icon=":material/warning:",
        )


def _epochs(chosen: str) -> tuple[int, int]:
    """Ask for the epochs of the head, and of blocks, which go through the photos themselves."""
    if chosen == "head":
        epochs = st.slider(
            t("Epochs"),
            1,
            200,
            40,
            key="train_epochs",
            persist_state="session",
            help=t("How many times it goes through the photos. The best epoch is kept."),
        )
        return epochs, 1
    epochs = st.slider(
        t("Epochs"),
        1,
        MAX_EPOCHS,
        6,
        key="train_epochs_tuning",
        persist_state="session",
        help=t(
            "How many times it goes through the photos. The best epoch is kept. An epoch of "
            "fine-tuning takes far longer than one of the head alone."
        ),
    )
    return (epochs if chosen == _ALL else Settings.head_epochs), epochs


def _tricks(base: Classifier, chosen: str) -> tuple[dict[str, Any], float | None, dict[str, Any]]:
    """Show the switches; return settings, the head's learning rate if set, and those of blocks."""
    if not st.session_state.get("train_rate"):  # a link's 0 is the same as none
        st.session_state["train_rate"] = None
    first, second, third = st.columns(3, gap="large")
    with first:
        optimiser = st.selectbox(
            t("Optimiser"),
            OPTIMISERS,
            format_func=lambda name: t(OPTIMISER_NAMES[name]),
            key=remember_choice("train_optimiser"),
            persist_state="session",
        )
        st.caption(
            t("How each step follows from the gradient. Adam gives each weight a pace of its own.")
        )
        schedule = st.selectbox(
            t("Learning rate over time"),
            SCHEDULES,
            format_func=lambda name: t(SCHEDULE_NAMES[name]),
            key=remember_choice("train_schedule"),
            persist_state="session",
        )
        st.caption(t("Large steps find the valley, small ones its floor."))
        rate = st.number_input(
            t("Learning rate of the head"),
            0.0,
            100.0,
            None,
            format="%g",
            key="train_rate",
            persist_state="session",
            placeholder=short(LEARNING_RATES["head"][optimiser]),
            help=t("Left empty, it takes what suits the optimiser: the number shown in grey."),
        )
    with second:
        decay = st.number_input(
            t("Weight decay"), 0.0, 100.0, 0.5, key="train_decay", persist_state="session"
        )
        st.caption(t("Pulls weights towards zero, as strongly as this number of photos would."))
        dropout = st.slider(
            t("Dropout"),
            0.0,
            0.9,
            0.0,
            0.1,
            format="localized",
            key="train_dropout",
            persist_state="session",
        )
        st.caption(t("Blanks a share of the features at each step, so that none is relied on."))
        smoothing = st.slider(
            t("Label smoothing"),
            0.0,
            0.5,
            0.0,
            0.05,
            format="localized",
            key="train_smoothing",
            persist_state="session",
        )
        st.caption(t("Asks for a little less than certainty; the network becomes more modest."))
    with third:
        clip = st.number_input(
            t("Gradient clipping"), 0.0, 100.0, 0.0, key="train_clip", persist_state="session"
        )
        st.caption(t("No step goes further than this. 0 switches it off."))
        patience = st.number_input(
            t("Early stopping after"), 0, 100, 0, key="train_patience", persist_state="session"
        )
        st.caption(t("Training ends after this many epochs without progress. 0 switches it off."))
        augmentation = st.toggle(
            t("Augmentation"),
            True,
            key="train_augmentation",
            persist_state="session",
            disabled=chosen == "head",
            help=t("Frozen features are computed once, from the photo as it is."),
        )
        st.caption(t("Mirrored and enlarged views make more photos out of few."))
        if st.session_state.get("train_blocks", 1) > len(base.layers):  # of another network
            st.session_state["train_blocks"] = len(base.layers)
        blocks = st.slider(
            t("Blocks that learn"),
            1,
            len(base.layers),
            min(2, len(base.layers)),
            key="train_blocks",
            persist_state="session",
            disabled=chosen not in ("blocks", _ALL),
        )
        epsilon = st.select_slider(
            t("Adversarial training, ε in 1/255"),
            [0, 1, 2, 4, 8],
            key="train_epsilon",
            persist_state="session",
            disabled=chosen not in ("blocks", _ALL),
            help=t(
                "Each photo is attacked before it is learned from, so the network learns to "
                "withstand it. It takes several times as long, and costs some accuracy on clean "
                "photos. Measure what it gains on the page of attacks. 0 switches it off."
            ),
        )
    tricks = {
        "optimiser": optimiser,
        "schedule": schedule,
        "weight_decay": decay,
        "dropout": dropout,
        "clip": clip,
        "label_smoothing": smoothing,
        "patience": int(patience),
        "augmentation": augmentation,
    }
    return tricks, rate or None, {"blocks": blocks, "epsilon": epsilon / 255}


def strategy_name(strategy: Strategy) -> str:
    """Return what a strategy is called."""
    return t(STRATEGY_NAMES[strategy])


def seconds(value: float) -> str:
    """Seconds, as the language writes them."""
    return t("{seconds} s", seconds=number(value, 1))


def loaded(load: Callable[[], Steps[Dataset]]) -> Generator[Step[Any], None, Dataset]:
    """Run the reading of photos as part of another computation, and give them."""
    dataset: Dataset | None = None
    for step in load():
        dataset = step.result or dataset
        yield Step(step.index, step.total, phase=step.phase)
    assert dataset is not None, "reading ends with a data set or a problem"
    return dataset


def training_run(
    base: Classifier, plans: Mapping[Strategy, Settings], dataset: Dataset
) -> Steps[Comparison]:
    """Train with each strategy that is wanted, one after the other."""
    cache = shared_cache()
    yield from compare(
        {name: loop.train(base, dataset, plan, cache) for name, plan in plans.items()}
    )


def rate_run(base: Classifier, settings: Settings, dataset: Dataset) -> Steps[RateSearch]:
    """Search for a learning rate for a head."""
    yield from loop.search(base, dataset, settings, shared_cache())


def curve_run(base: Classifier, dataset: Dataset) -> Steps[LearningCurve]:
    """Measure the learning curve on all the photos."""
    parts = datasets.split(dataset, per_class=None, validation_per_class=None, seed=0)
    classes = len(dataset.classes)
    settings = learning_curve.CurveSettings()
    yield from learning_curve.learning_curve(base, parts, classes, settings, shared_cache())


def unfamiliar_run(
    base: Classifier, titles: Mapping[str, str], settings: Settings
) -> Steps[tuple[Score, ...]]:
    """Train on data sets that come with the app, given by their names with titles."""
    sets = {title: sources.read(sources.source(name)) for name, title in titles.items()}
    yield from challenge(base, sets, settings, shared_cache())


def result(job: Job | None) -> Any:
    """What a job has come to, if it has ended with something."""
    return job.snapshot().result if job else None


def answers(training: Training) -> Answers:
    """What a network said of the validation photos."""
    return Answers(
        photos=training.validation,
        class_names=tuple(training.classifier.labels),
        predicted=training.evaluation.predicted.numpy(),
        confidence=training.evaluation.confidence.numpy(),
    )


def embeddings(classifier: Classifier, shown: Sequence[datasets.Photo]) -> Embedded:
    """What a network makes of photos; remembered, if it was trained on them."""
    return returned(embed(classifier, shown, shared_cache()))


def with_own(training: Training, others: Sequence[Score] | None) -> list[Score]:
    """Put how many of the visitor's photos were right before the scores of other sets."""
    if not others:
        return []
    correct = round(training.accuracy * training.n_val)
    own = Score(" · ".join(training.classifier.labels), correct, training.n_val)
    return [own, *others]


def show_ways(comparison: Comparison) -> None:
    """Show how good the network of each strategy is, and how long its training took."""
    kept = best(comparison)
    for column, outcome in zip(st.columns(len(comparison)), comparison.values(), strict=True):
        low, high = outcome.training.interval
        name = strategy_name(outcome.training.settings.strategy)
        column.metric(
            f"★ {name}" if outcome.training is kept else name,
            percent(outcome.training.accuracy, 1),
            delta=t("{low} to {high}", low=percent(low, 1), high=percent(high, 1)),
            delta_color="off",
            delta_arrow="off",
        )
        column.caption(seconds(outcome.seconds))
    st.caption(
        t(
            "★ is the one that is right most often. The same photos and, for those two that go through them again and again, the same "
            "number of epochs. The intervals say how far the accuracy could be off."
        )
    )


def show_rate(search: RateSearch) -> None:
    """Show how the loss moved as the learning rate rose, and offer the best place."""
    with st.container(border=True):
        left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
        with left:
            plots.rate_search(search.rates, search.losses, search.suggestion, "train_rate_chart")
        with right:
            st.markdown(
                t(
                    "The loss falls fastest at a learning rate of **{rate}**. Much smaller is "
                    "slow; much larger jumps over the valley.",
                    rate=short(float(f"{search.suggestion:.2g}")),
                )
            )
            st.button(
                t("Take it"),
                icon=":material/check:",
                on_click=_take_rate,
                args=(search.suggestion,),
                key="train_take_rate",
            )


def _take_rate(suggestion: float) -> None:
    st.session_state.train_rate = float(f"{suggestion:.2g}")


def about(training: Training) -> dict[str, str]:
    """What a model card tells of how a network was trained, besides its settings."""
    settings = training.settings
    return {
        t("Photos to learn from, per class at most"): str(settings.per_class),
        t("Epoch that was kept"): str(training.epoch),
    }
