"""What helps: what a defence costs, what it gains, and what is left of that against who knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st
from PIL import Image

from core.attacks import defences, loop
from core.attacks.goal import Goal, goal_for
from core.data.photo_files import PhotoFile
from core.images import photos
from core.steps import Steps
from core.zoo.classifier import Classifier
from pages.parts.adversarial_attack.attack import Plan
from pages.parts.adversarial_attack.laboratory import Laboratory, read
from pages.parts.shared.language import percent, sentence, t


def what_helps(laboratory: Laboratory) -> None:
    """Let defences be measured, and show what they are worth."""
    st.markdown(
        t(
            "Something is done to every picture before the network sees it. Against an attacker who does not know, that helps. One who does attacks **through** it: around what has no gradient (BPDA), and averaged over what is random (EOT). What is then left of the gain is what the defence is worth."
        )
    )
    switches = st.columns(len(defences.DEFENCES))
    names = [
        key
        for column, (key, defence) in zip(switches, defences.DEFENCES.items(), strict=True)
        if column.toggle(
            sentence(t(defence.title)),
            value=True,
            key=f"attack_defence_{key}",
            persist_state="session",
        )
    ]
    on_all = st.checkbox(
        t("On all the photos chosen above (some minutes), not only on this one"),
        key="attack_defence_samples",
        persist_state="session",
    )
    plan, files = laboratory.plan, laboratory.files if on_all else ()
    plan = plan if plan.bounded else replace(plan, settings=loop.Settings())
    made_with = laboratory.on_files if on_all else laboratory.on_photo
    found = laboratory.run(
        "defences",
        t("Measure"),
        partial(defence_run, laboratory.classifier, laboratory.photo, plan, names, files),
        made_with(laboratory.target, tuple(names), plan.settings),
        disabled=not names or (on_all and not files),
    )
    if found:
        _table(found)
        st.caption(
            t(
                "All of it on pictures saved in 8 bits. “Fooled” counts what the attacker wanted; "
                "what is neither right nor fooled is seen as something else."
            )
        )


def defence_run(
    classifier: Classifier,
    photo: Image.Image,
    plan: Plan,
    names: Sequence[str],
    files: Sequence[PhotoFile],
) -> Steps[tuple[defences.Finding, ...]]:
    """Measure defences on photos; on the chosen one, if `files` is empty."""
    settings = replace(plan.settings, steps=min(plan.settings.steps, 40), restarts=1)
    if not files:
        goal = goal_for(classifier, photo, plan.target)
        assert goal.true_id is not None
        prepared = photos.prepare(photo, classifier.input_size)
        yield from defences.compare(
            classifier, prepared, [goal.true_id], settings, names=names, goals=[goal]
        )
        return
    album = yield from read(classifier, files)
    goals: list[Goal] | None = None
    if plan.target is not None:
        goals = [Goal(plan.target, targeted=True, true_id=c) for c in album.classes]
    yield from defences.compare(
        classifier, album.pictures, album.classes, settings, names=names, goals=goals
    )


def _table(found: Sequence[defences.Finding]) -> None:
    """Show what each defence costs, gains, and what is left of the gain; of one photo, what happens."""
    with st.container(key="attack_defence_table"):
        if found[0].photos == 1:
            st.table(_what_happens(found), hide_index=True)  # on a phone, too, it is seen whole
        else:
            st.dataframe(_shares(found), hide_index=True, width="stretch")


def _what_happens(found: Sequence[defences.Finding]) -> list[dict[str, str]]:
    def seen(right: float, fooled: float = 0.0) -> str:
        return t("fooled") if fooled else t("right") if right else t("something else")

    return [
        {
            t("Defence"): _defence_title(finding),
            t("Attacker does not know it"): seen(finding.attacked, finding.fooled),
            t("Attacker knows it"): seen(finding.adaptive, finding.fooled_adaptive),
            t("Without attack"): seen(finding.clean),
        }
        for finding in found
    ]


def _shares(found: Sequence[defences.Finding]) -> list[dict[str, str]]:
    first = found[0]
    return [
        {
            t("Defence"): _defence_title(finding),
            t("Right without attack"): percent(finding.clean),
            t("Cost"): percent(finding.clean - first.clean),
            t("Right, attacker does not know it"): percent(finding.attacked),
            t("Gain"): percent(finding.attacked - first.attacked),
            t("Right, attacker knows it"): percent(finding.adaptive),
            t("Fooled, attacker does not know it"): percent(finding.fooled),
            t("Fooled, attacker knows it"): percent(finding.fooled_adaptive),
        }
        for finding in found
    ]


def _defence_title(finding: defences.Finding) -> str:
    title = t(defences.DEFENCES[finding.defence].title) if finding.defence else t("no defence")
    return sentence(title)
