"""Comparisons: several drawings of one class from the same seed, beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from core.problem import N_, Text
from core.server.jobs import Job
from core.steps import Steps
from core.synthesis import comparisons
from core.synthesis.objective import ClassLogit, CrossEntropy, classes_of
from core.synthesis.presets import TV_LADDER
from core.synthesis.verdict import Verdict
from core.training import hardening
from core.training.loop import Training
from core.zoo.classifier import Classifier
from pages.parts.ideal_class import ask_room, latest
from pages.parts.ideal_class.choices import Plan
from pages.parts.shared import layout, scenes, session
from pages.parts.shared.language import number, percent, t
from pages.parts.shared.registry import IDEAL

TAKE_NAMES = {
    "noise": N_("Without the TV loss"),
    "shapes": N_("With the TV loss"),
    "best": N_("At its best"),
    hardening.PLAIN: N_("Trained as usual"),
    hardening.HARDENED: N_("Trained against attacks"),
}
"""Of pictures that are compared; those of the ladder are named by their weights."""
BOTH = "both"


@dataclass(frozen=True)
class Comparison:
    """Several drawings of one class from the same seed, in one run.

    Attributes:
        label, help, icon: of its button.
        meaning: what is seen in it.
        run: draws a class from a seed.
        takes: the names of the drawings, in their order.
    """

    label: Text
    help: Text
    icon: str
    meaning: Text
    run: Callable[..., Steps[comparisons.Comparison]]
    takes: tuple[str, ...]


COMPARISONS = {
    "lesson": Comparison(
        N_("Noise or cat?"),
        N_(
            "The lesson in one click: from the same noise without and with total variation, side "
            "by side, and then at its best."
        ),
        ":material/compare:",
        N_(
            "All three began with the same seed, and the network that drew them is sure of each. "
            "**Without** total variation, and seen from one place only, noise that fits one grid "
            "of pixels is enough: other networks see something else in it, and so do you. "
            "**With** it, and with a view that changes a little at each step, noise costs more "
            "than it gains, and shapes are left. **At its best**, the canvas is made of waves, "
            "and the network looks at it roughly first."
        ),
        comparisons.noise_or_cat,
        tuple(comparisons.TAKES),
    ),
    "ladder": Comparison(
        N_("A ladder of TV"),
        N_(
            "Five pictures from the same noise, with more and more total variation, from none to "
            "far too much."
        ),
        ":material/stairs:",
        N_(
            "All five began with the same seed; only the weight of the total variation differs. "
            "With too little there is noise, with too much a pale sheet: the fine details cost "
            "most, and go first. Between the two lies the picture."
        ),
        comparisons.ladder,
        tuple(f"{weight:g}" for weight in TV_LADDER),
    ),
    BOTH: Comparison(
        N_("With and without training against attacks"),
        N_(
            "The same class from the same noise by both of your networks: the one trained as "
            "usual, and the one trained against attacks."
        ),
        ":material/shield:",
        N_(
            "Both began with the same seed. A network that cannot be fooled by tiny changes has to go by what is large and whole, and so its picture shows fewer and larger things, if it still knows the class well: training against attacks costs accuracy, which stands above each."
        ),
        comparisons.by_both,
        (hardening.PLAIN, hardening.HARDENED),
    ),
}
"""The last one is offered where both networks are there; see `_both`."""
_OF_SCENES: Mapping[str, tuple[str, ...]] = {"noise": ("lesson",), "zebra": ()}


def _of_scene() -> Sequence[str]:
    """Return the names of the comparisons that are offered: in a scene those that it speaks of."""
    return _OF_SCENES.get(scenes.question(IDEAL), tuple(COMPARISONS))


def leads() -> bool:
    """Return whether a comparison is what the scene is about, rather than a single drawing."""
    return bool(_OF_SCENES.get(scenes.question(IDEAL)))


def _trainings() -> Mapping[str, Training]:
    """Return the trainings, with and without attacks, that the attack page has compared."""
    compared = session.job("attack_hardening")
    found = compared.snapshot().result if compared else None
    trainings: Mapping[str, Training] = found.trainings if found else {}
    return trainings if len(trainings) == 2 else {}


def ask_the_room(verdicts: Mapping[str, Verdict]) -> None:
    """Offer the pictures by both networks as questions to the class's room.

    Args:
        verdicts: of the latest comparison, by the pictures' names.
    """
    networks = _both()
    if latest.comparison()[0] != BOTH or networks.keys() != verdicts.keys():
        return
    with st.container(horizontal=True):
        for name, verdict in verdicts.items():
            labels = networks[name].labels
            ask_room.offer(verdict, labels, series=TAKE_NAMES[name], named=f"_{name}")


def _both() -> dict[str, Classifier]:
    """Return the visitor's network as usual and the one trained against attacks, if there are both."""
    return {name: training.classifier for name, training in _trainings().items()}


def buttons(plan: Plan) -> None:
    """Show a button for each comparison that is offered."""
    for name, compared in COMPARISONS.items():
        if name not in _of_scene() or (name == BOTH and not _both()):
            continue
        st.button(
            t(compared.label),
            icon=compared.icon,
            on_click=_start,
            args=(name, plan),
            disabled=not (
                isinstance(plan.objective, ClassLogit | CrossEntropy) and _offered(name, plan)
            ),
            key=f"ideal_{name}",
            type="primary" if leads() else "secondary",
            help=t(compared.help),
        )


def _offered(name: str, plan: Plan) -> bool:
    """Return whether a comparison can be made here at all."""
    wanted = [plan.classifier.labels[class_id] for class_id in classes_of(plan.objective)]
    return name != BOTH or all(
        title in network.labels for network in _both().values() for title in wanted
    )


def _start(name: str, plan: Plan) -> None:
    """Submit several drawings of the same seed, which are shown beside each other."""
    (class_id,) = classes_of(plan.objective)
    latest.in_progress().pop("drawing", None)
    latest.comparison()[:] = [name]
    if name == BOTH:
        networks = _both()
        title, seed = plan.classifier.labels[class_id], plan.settings.seed
        run = partial(comparisons.by_both, networks, title, seed)
    else:
        networks = dict.fromkeys(COMPARISONS[name].takes, plan.classifier)
        run = partial(COMPARISONS[name].run, plan.classifier, class_id, plan.settings.seed)
    session.start_job(
        latest.JOB, run, lambda last: comparisons.compared(networks, last.result or {})
    )


def headings() -> dict[str, str]:
    """Return what stands above the pictures of the latest comparison, by their names."""
    takes = COMPARISONS[latest.comparison()[0]].takes
    return {take: _take_heading(take) for take in takes}


def _take_heading(take: str) -> str:
    """Return what stands above one of the pictures of a comparison while it is drawn."""
    trained = _trainings().get(take)
    if trained is None:
        return take_title(take)
    return t(
        "{title}: {accuracy} right", title=take_title(take), accuracy=percent(trained.accuracy)
    )


def take_title(take: str) -> str:
    """Return what to call one of the pictures of a comparison."""
    return (
        t(TAKE_NAMES[take]) if take in TAKE_NAMES else t("TV {weight}", weight=number(float(take)))
    )


def meaning(job: Job) -> None:
    """Say what is seen in the latest comparison, once it has been made."""
    compared = COMPARISONS[latest.comparison()[0]]
    if layout.presenting() or scenes.question(IDEAL):  # what networks say of it is seen, too
        layout.in_sight(f"{job.number} over", f"abreast_{len(compared.takes)}")
    st.markdown(t(compared.meaning))
