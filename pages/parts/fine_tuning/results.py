"""How good a network is, while it is trained and afterwards."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.data.datasets import takes
from core.server.jobs import Snapshot
from core.training.comparison import Comparison, best
from core.training.loop import Training
from core.training.settings import STRATEGIES, STRATEGY_TITLES, Strategy
from pages.parts.fine_tuning import data_set, evidence
from pages.parts.fine_tuning.give import give
from pages.parts.fine_tuning.runs import Runs
from pages.parts.fine_tuning.star import show_star
from pages.parts.shared import made, plots, session
from pages.parts.shared.language import number, percent, sentence, t, tn

_CURVES = ("validation accuracy", "training accuracy", "validation loss", "training loss")


def live(place: DeltaGenerator, snapshot: Snapshot) -> None:
    """Show accuracy and loss of what is being trained as they move."""
    shown = [name for name in STRATEGIES if f"{name} · validation accuracy" in snapshot.history]
    if snapshot.state.is_end and snapshot.result and shown:
        kept = best(snapshot.result)
        with place.container():
            _live_numbers(st.empty(), snapshot, kept.settings.strategy, kept.epoch)
            st.caption(
                t(
                    "Learned from {count} photos; the numbers are those of epoch {epoch}, which was kept.",
                    count=number(kept.n_train),
                    epoch=number(kept.epoch),
                )
            )
    elif shown:
        _live_numbers(place, snapshot, shown[-1])


def _live_numbers(
    place: DeltaGenerator, snapshot: Snapshot, strategy: Strategy, epoch: int = 0
) -> None:
    """Show the curves of a strategy with their values after an epoch, or after the latest one."""
    shown = []
    for name in _CURVES:
        values = snapshot.history[f"{strategy} · {name}"]
        is_share = name.endswith("accuracy")
        value = percent(values[epoch - 1], 1) if is_share else number(values[epoch - 1], 3)
        shown.append(plots.LiveNumber(sentence(t(name)), value, values, is_share))
    plots.live_numbers(place, shown)


def show(runs: Runs, training: Training, comparison: Comparison) -> None:
    """Show how good the network is, or the networks, and what it takes."""
    made.tell(session.TRAIN, runs.of_photos)
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
    give(training.classifier)
    if len(comparison) > 1:
        _ways(comparison)
    classes = tuple(training.classifier.labels)
    of_phones = data_set.are_of_phones(training.photos)
    data_set.takes(classes, takes(len(classes), training.photos), of_phones=of_phones)
    data_set.unreadable(training.skipped)
    answers = evidence.Answers(
        photos=training.validation,
        class_names=classes,
        predicted=training.evaluation.predicted.numpy(),
        confidence=training.evaluation.confidence.numpy(),
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        evidence.accuracy(answers)
    with right:
        evidence.confusion(answers, "train_confusion")
    evidence.mistakes(answers)


def _ways(comparison: Comparison) -> None:
    """Show how good the network of each strategy is, and how long its training took."""
    kept = best(comparison)
    for column, outcome in zip(st.columns(len(comparison)), comparison.values(), strict=True):
        low, high = outcome.training.interval
        name = t(STRATEGY_TITLES[outcome.training.settings.strategy])
        column.metric(
            f"★ {name}" if outcome.training is kept else name,
            percent(outcome.training.accuracy, 1),
            delta=t("{low} to {high}", low=percent(low, 1), high=percent(high, 1)),
            delta_color="off",
            delta_arrow="off",
        )
        column.caption(t("{seconds} s", seconds=number(outcome.seconds, 1)))
    st.caption(
        t(
            "★ is the one that is right most often. The same photos and, for those two that go through them again and again, the same "
            "number of epochs. The intervals say how far the accuracy could be off."
        )
    )
