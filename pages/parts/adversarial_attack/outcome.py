"""What came of an attack: in a sentence, in numbers, and to take along."""

from __future__ import annotations

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.attacks import foolbox_adapter
from core.attacks.norm import NORMS
from core.attacks.report import Report
from core.export import attack_script as takeaway
from core.server.jobs import Snapshot
from core.zoo.labels import Labels
from pages.parts.adversarial_attack import attack, laboratory, pictures
from pages.parts.shared import layout, save, wall
from pages.parts.shared.language import class_name, number, percent, plain, short, t

_VISIBLE = 32
"""A change of a pixel, in 1/255, beyond which nobody is told that no eye can see it."""


def show(
    outcome: attack.Outcome,
    plan: attack.Plan,
    snapshot: Snapshot,
    places: pictures.Pictures,
    verdict: DeltaGenerator,
) -> None:
    """Show both photos with what the network says of each, and the measures of the change.

    Args:
        outcome: what became of the attack.
        plan: what is chosen now: within a smaller ε, the change is brought back to that.
        snapshot: of the run.
        places: of the pictures.
        verdict: the place of the sentence.
    """
    epsilon, labels = plan.settings.epsilon, outcome.classifier.labels
    is_comparable = outcome.kind == plan.kind and plan.bounded
    found = attack.within(outcome, epsilon) if is_comparable else outcome.report
    goal = found.attempt.goal
    places.photo(found.original)
    places.changed(found.original, found.adversarial)
    with places.before:
        layout.prediction_bars(found.before, highlight=goal.class_id)
    with places.after:
        layout.prediction_bars(found.after, highlight=goal.class_id)
    with places.change:
        _measures(outcome, found)
    with verdict:
        _verdict(found, labels, bounded=outcome.plan.bounded)
    if found is not outcome.report:
        st.caption(
            t(
                "Brought back from ε = {before} to ε = {after}, without a further step.",
                before=short(outcome.report.attempt.settings.epsilon),
                after=short(epsilon),
            ),
        )
        st.button(
            t("Add it to the ledger"),
            icon=":material/playlist_add:",
            on_click=attack.enter,
            args=(outcome, found),
            key="attack_enter",
        )
    pictures.details(found, snapshot.history, labels)


def _measures(outcome: attack.Outcome, found: Report) -> None:
    """Say how large the change is, and offer the picture."""
    settings = found.attempt.settings
    unit = NORMS[settings.norm].unit_name
    st.markdown(
        t(
            "- greatest change of a pixel (L∞): **{linf}/255**\n"
            "- length of the change (L2): **{l2}**\n"
            "- allowed was ε = {epsilon}{unit}\n"
            "- saved as PNG and read back: **{survives}**",
            linf=found.linf,
            l2=number(found.l2, 2),
            epsilon=short(settings.epsilon) if outcome.plan.bounded else "∞",
            unit=unit if outcome.plan.bounded else "",
            survives=t("still fools it") if found.success_after_png else t("does not fool it"),
        )
    )
    stem = save.stem(outcome.row.photo, "as", outcome.row.after[0].class_name)
    save.png(lambda: found.adversarial, stem, "attack_png", type="secondary")
    save.code(partial(_script, outcome, found), "attack", "attack_code")
    wall.send(found, outcome.classifier.name, "attack_wall")


def _script(outcome: attack.Outcome, found: Report) -> str:
    attempt, plan = found.attempt, outcome.plan
    if plan.method in foolbox_adapter.METHODS:
        return takeaway.foolbox_script(
            outcome.classifier, attempt.goal, plan.method, plan.settings.steps
        )
    return takeaway.script(
        outcome.classifier,
        attempt.goal,
        attempt.settings,
        mask=plan.mask,
        place=plan.place,
        side=plan.side,
    )


def _verdict(found: Report, labels: Labels, *, bounded: bool) -> None:
    """Say in one sentence what came of it, and what else can be tried.

    Args:
        found: what came of it.
        labels: the network's classes.
        bounded: whether the method keeps within ε.
    """
    if not found.success_after_png:
        st.info(_not_fooled(found, labels, bounded=bounded), icon=":material/shield:")
        return
    told = {
        "after": plain(class_name(found.after[0].class_name)),
        "share": percent(found.after[0].probability, 1),
    }
    with st.container(horizontal=True, vertical_alignment="center"):
        st.success(
            t(
                "The network now takes it for **{after}** ({share}), but this change can be seen.",
                **told,
            )
            if found.linf > _VISIBLE
            else t(
                "The network now takes it for **{after}** ({share}); your eye still sees the photo "
                "on the left.",
                **told,
            ),
            icon=":material/check_circle:",
            width="stretch",
        )
        st.button(
            t("How much is needed"),
            icon=":material/arrow_downward:",
            on_click=laboratory.to_needed,
            key="attack_to_needed",
            help=t("Opens, further down, the search for the smallest ε."),
        )


def _not_fooled(found: Report, labels: Labels, *, bounded: bool) -> str:
    goal = found.attempt.goal
    name = plain(class_name(labels[goal.class_id]))
    if not bounded and goal.targeted:
        return t(
            "Not fooled: no picture was found that the network takes for {name}. Try more rounds or another method.",
            name=name,
        )
    if not bounded:
        return t(
            "Not fooled: no picture was found that the network takes for anything but {name}. Try more rounds or another method.",
            name=name,
        )
    if goal.targeted:
        return t(
            "Not fooled: with this little change the network does not say {name}. Allow a greater "
            "ε or more steps.",
            name=name,
        )
    return t(
        "Not fooled: with this little change the network still says {name}. Allow a greater "
        "ε or more steps.",
        name=name,
    )
