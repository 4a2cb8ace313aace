"""Adversarial training: what it is worth on the visitor's own photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st

from core.attacks import robustness
from core.problem import N_
from core.steps import Step, Steps
from core.training import hardening
from core.training.embeddings import shared_cache
from core.training.loop import Training
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier
from pages.parts.adversarial_attack.curve import Curves, accuracy_chart, curves, measured_on
from pages.parts.adversarial_attack.laboratory import Laboratory, examined, made_with
from pages.parts.shared import layout, session
from pages.parts.shared.language import percent, short, t
from pages.parts.shared.registry import TRAINING

_WITHIN = (1, 2, 4, 8)
"""What it can be measured for, in 1/255; places of the curve."""


@dataclass(frozen=True)
class Hardening:
    """What adversarial training was worth on the visitor's own photos.

    Attributes:
        epsilon: against which attacks it was trained, in 1/255.
        trainings: by the names of `hardening`.
        curves: their accuracy under attack, under the same names.
    """

    epsilon: float
    trainings: Mapping[str, Training]
    curves: Curves


def adversarial_training(laboratory: Laboratory) -> None:
    """Let the visitor's own network be trained with it and without, and show what was gained."""
    layout.label(t("Adversarial training"))
    st.markdown(
        t(
            "Each photo is attacked before the network learns from it (FGSM; Madry et al., 2018). This has to be learned, so it takes a network of your own: the same photos are learned from twice, with it and without, and both networks are attacked on the photos that they did not learn from."
        )
    )
    own = session.training()
    if own is None:
        st.caption(
            t("Train a network of your own first, on the page “{page}”.", page=t(TRAINING.title))
        )
        return
    epsilon = round(own.settings.epsilon)
    within = st.select_slider(
        t("Trained against attacks within ε, in 1/255"),
        _WITHIN,
        epsilon if epsilon in _WITHIN else _WITHIN[0],
        key="attack_hardening_epsilon",
        persist_state="session",
    )
    found = laboratory.run(
        "hardening",
        t("Train twice, and attack both (some minutes)"),
        partial(hardening_run, own, within),
        made_with(own.classifier, f"ε = {within}/255", within),
    )
    if found:
        _show(found)


def hardening_run(training: Training, epsilon: float) -> Steps[Hardening]:
    """Train with and without adversarial training, and attack both.

    Args:
        training: the visitor's own.
        epsilon: of adversarial training, in 1/255.
    """
    base = loading.shared(training.classifier.provenance.network)
    trainings: Mapping[str, Training] = {}
    trained = hardening.with_and_without(base, training, epsilon, shared_cache())
    for step in trained:
        trainings = step.result or trainings
        yield Step(step.index, 2 * step.total, step.scalars, phase=step.phase)
    networks = {name: t.classifier for name, t in trainings.items()}
    for tested in curves(networks, examined(training)):
        result = Hardening(epsilon, trainings, tested.result) if tested.result else None
        yield Step(
            tested.total + tested.index,
            2 * tested.total,
            phase=N_("attacking"),
            picture=tested.picture,
            result=result,
        )


def _show(found: Hardening) -> None:
    """Draw both curves, say in a sentence what was gained, and let the network be used."""
    points = found.curves.points
    titles = {
        hardening.PLAIN: t("trained as usual"),
        hardening.HARDENED: t("trained against attacks"),
    }
    lines = {
        title: [point.accuracy_saved for point in points[name]]
        for name, title in titles.items()
        if name in points
    }
    accuracy_chart(lines, robustness.EPSILONS, "attack_hardening_chart")
    measured_on(found.curves)
    if any(len(points.get(name, ())) < len(robustness.EPSILONS) for name in titles):
        return  # it was stopped
    st.markdown(_gain_told(found))
    st.button(
        t("Make the one trained against attacks your network"),
        icon=":material/star:",
        on_click=_make_own,
        args=(found.trainings[hardening.HARDENED].classifier,),
        key="attack_hardening_own",
        help=t("It then stands as ★ among the networks in the side bar. Attack it here."),
    )


def _make_own(classifier: Classifier) -> None:
    session.brought()[catalogue.OWN] = classifier


def _gain_told(found: Hardening) -> str:
    def right(name: str, epsilon: float) -> float:
        return next(p.accuracy_saved for p in found.curves.points[name] if p.epsilon == epsilon)

    plain, hardened = (right(name, found.epsilon) for name in (hardening.PLAIN, hardening.HARDENED))
    before, after = (right(name, 0) for name in (hardening.PLAIN, hardening.HARDENED))
    told = {
        "epsilon": short(found.epsilon),
        "hardened": percent(hardened),
        "plain": percent(plain),
        "after": percent(after),
        "before": percent(before),
    }
    if hardened > plain:
        return t(
            "Attacked within ε = {epsilon}/255, the network that was trained against attacks "
            "still gets **{hardened}** right, the other one **{plain}**. Without an attack it is "
            "{after} against {before}: that is its price.",
            **told,
        )
    return t(
        "It did not help here: attacked within ε = {epsilon}/255, {hardened} are right with "
        "adversarial training and {plain} without; without an attack, {after} and {before}. Let "
        "more blocks learn, for more epochs, on more photos.",
        **told,
    )
