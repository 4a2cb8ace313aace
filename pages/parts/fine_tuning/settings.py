"""What people are asked for before they train: what learns, for how long, and with which tricks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from core.data import datasets
from core.problem import N_
from core.setting import asked
from core.training.evidence import wilson
from core.training.settings import (
    ALL,
    BEGINNING,
    LEARNING_RATES,
    MAX_EPOCHS,
    SETTINGS,
    STRATEGIES,
    STRATEGY,
    STRATEGY_TITLES,
    OptimiserName,
    Settings,
    Strategy,
    settings_for,
)
from core.zoo.classifier import Classifier
from pages.parts.fine_tuning.origins import Wanted
from pages.parts.shared.language import number, percent, short, t
from pages.parts.shared.settings import by_column, segments, widget

VALIDATION_PER_CLASS = 30
FEW_FOR_VALIDATION = 10
"""Photos for validation with which an accuracy says little."""
ASKED = asked(BEGINNING) | {
    "epochs": (SETTINGS["epochs"], Settings.epochs),
    "learning_rate": (SETTINGS["learning_rate"], None),
}
"""The settings that the page asks for, with the values that it begins with. Of the two that are
usually others for the head than for blocks it asks for those of the head."""
EPOCHS_OF_BLOCKS = replace(
    SETTINGS["epochs"],
    offered=(1, MAX_EPOCHS),
    help=N_(
        "How many times it goes through the photos. The best epoch is kept. An epoch of "
        "fine-tuning takes far longer than one of the head alone."
    ),
    link="tuning_epochs",
)
_ABOVE = ("per_class", "epochs")
_COLUMNS = (
    ("optimiser", "schedule", "learning_rate"),
    ("weight_decay", "dropout", "label_smoothing"),
    ("clip", "patience", "augmentation"),
)
"""The tricks in the order in which they are explained; all others follow in the last column."""


def key(name: str) -> str:
    """Return the key of a setting's widget."""
    return f"train_{name}"


def plan(base: Classifier, wanted: Wanted | None) -> Mapping[Strategy, Settings]:
    """Ask for the settings, and return those of each strategy that is wanted, in order.

    Args:
        base: the network to start from.
        wanted: the photos, if there are some yet.

    Raises:
        Problem: one of them is out of its range.
    """
    chosen = segments(t(STRATEGY.label), STRATEGY_TITLES, "train_way", help=t(STRATEGY.help))
    columns = st.columns(2, gap="large")
    with columns[0]:
        division = _division(wanted)
    with columns[1]:
        head_epochs, epochs = _epochs(chosen)
    with st.expander(t("Training tricks"), icon=":material/tune:", key="train_tricks"):
        tricks = _tricks(base, chosen)
    rate = tricks.pop("learning_rate")
    of_head = {"epochs": head_epochs, **({"learning_rate": rate} if rate else {})}
    common = division | {f"head_{name}": value for name, value in of_head.items()}
    plans: dict[Strategy, Settings] = {}
    for strategy in STRATEGIES if chosen == ALL else [n for n in STRATEGIES if n == chosen]:
        own = {n: value for n, value in tricks.items() if strategy in SETTINGS[n].strategies}
        length = of_head if strategy == "head" else {"epochs": epochs}
        plans[strategy] = settings_for(strategy, **common, **length, **own)
    return plans


def _division(wanted: Wanted | None) -> dict[str, Any]:
    """Ask how many photos of a class to learn from, and how many must stay for validation."""
    reserve = not st.session_state.get("train_insist")
    setting, value = ASKED["per_class"]
    least, most = setting.range
    if wanted:
        most = min(most, datasets.to_learn_from(wanted.most, most, reserve=reserve))
    most = max(most, 2)  # a slider has two ends
    if st.session_state.get(key("per_class"), least) > most:  # of another set
        st.session_state[key("per_class")] = most
    per_class = st.slider(
        t(setting.label),
        least,
        most,
        min(value, most),
        key=key("per_class"),
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
        _tell_division(sum(learned), sum(kept))
    return {
        "per_class": per_class,
        "validation_per_class": VALIDATION_PER_CLASS,
        "reserve": reserve,
    }


def _tell_division(train: int, validation: int) -> None:
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
        return widget(*ASKED["epochs"], key("epochs"), captioned=False), 1
    epochs = widget(EPOCHS_OF_BLOCKS, BEGINNING.epochs, "train_epochs_tuning", captioned=False)
    return (epochs if chosen == ALL else Settings.head_epochs), epochs


def _tricks(base: Classifier, chosen: str) -> dict[str, Any]:
    """Show the switches, each with what it does, and return their values by name."""
    columns = by_column(_COLUMNS, ASKED, _ABOVE)
    values: dict[str, Any] = {}
    for column, names in zip(st.columns(3, gap="large"), columns, strict=True):
        with column:
            for name in names:
                if name == "learning_rate":
                    values[name] = _learning_rate(values["optimiser"])
                elif name == "blocks":
                    values[name] = _blocks(len(base.layers), disabled=_is_idle(name, chosen))
                else:
                    values[name] = widget(*ASKED[name], key(name), disabled=_is_idle(name, chosen))
    return values


def _is_idle(name: str, chosen: str) -> bool:
    """Return whether a setting changes nothing for what has been chosen to learn."""
    return chosen != ALL and chosen not in SETTINGS[name].strategies


def _learning_rate(optimiser: OptimiserName) -> float | None:
    """Ask for the learning rate of the head; None for the usual one."""
    setting, value = ASKED["learning_rate"]
    if not st.session_state.get(key("learning_rate")):  # a link's 0 is the same as none
        st.session_state[key("learning_rate")] = None
    rate = st.number_input(
        t(setting.label),
        *setting.range,
        value,
        format="%g",
        key=key("learning_rate"),
        persist_state="session",
        placeholder=short(LEARNING_RATES["head"][optimiser]),
        help=t(setting.help),
    )
    return rate or None


def _blocks(most: int, *, disabled: bool) -> int:
    """Ask how many of a network's last blocks learn."""
    setting, value = ASKED["blocks"]
    if st.session_state.get(key("blocks"), 1) > most:  # of another network
        st.session_state[key("blocks")] = most
    setting = replace(setting, offered=(1, most))
    return int(widget(setting, min(value, most), key("blocks"), disabled=disabled))
