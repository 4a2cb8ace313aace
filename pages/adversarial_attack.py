"""Adversarial attack: a photo is changed, within ε, until the network sees something else."""

from functools import partial

import streamlit as st

from core.attacks import loop
from pages.parts.adversarial_attack import attack, laboratory, ledger_tables, outcome, settings
from pages.parts.adversarial_attack.adversarial_training import adversarial_training
from pages.parts.adversarial_attack.curve import accuracy_under_attack
from pages.parts.adversarial_attack.helps import what_helps
from pages.parts.adversarial_attack.needed import smallest_epsilon
from pages.parts.adversarial_attack.pictures import Pictures
from pages.parts.adversarial_attack.stickers import make_sticker
from pages.parts.shared import entry, layout, live, scenes, session
from pages.parts.shared.language import t
from pages.parts.shared.registry import ATTACK

entry.only_through_app()

JOB = "attack"

layout.heading(t(ATTACK.title), t(ATTACK.promise))
classifier = session.classifier()
layout.network_line(classifier)
photo = session.photo(ATTACK.default_photo)
photo_name = session.photo_name(ATTACK.default_photo)
job = session.job(JOB)

# A scene is about what an attack does: its settings are made.
place, buttons = layout.settings(folded=bool(scenes.question(ATTACK))), st.container()
plan, possible = settings.plan(place, buttons, classifier, photo)
attack.keep_within(plan)


def start() -> None:
    """Submit the attack; the one before it, if any, is replaced."""
    make, conclude = attack.starter(classifier, photo, photo_name, plan)
    session.start_job(JOB, make, conclude)


with buttons:
    live.start_and_stop("attack", job, start, t("Attack"), disabled=not possible)
progress, verdict = st.container(), st.container(key="attack_verdict")
with progress:
    layout.in_sight(live.run_number(job), "attack_buttons")
pictures = Pictures.laid_out()

snapshot = job.snapshot() if job else None
found: attack.Outcome | None = snapshot.result if snapshot else None
if found and not attack.is_of(found, classifier, photo):
    found = None  # another network or photo has been chosen since
is_over = snapshot is None or (snapshot.state.is_end and found is None and not snapshot.problem)
with st.container():  # so that what follows stays where it is
    if found and snapshot:
        outcome.show(found, plan, snapshot, pictures, verdict)
    elif not live.is_running(job):
        pictures.awaited(classifier, photo)

files, (in_ledger, in_needed, in_helps, in_sticker) = laboratory.opened()
lab = laboratory.Laboratory(classifier, photo, photo_name, plan, files)
with in_ledger:
    ledger_tables.ledger_table(attack.book())
    if found:
        ledger_tables.transfer(found.row)
with in_needed:
    smallest_epsilon(lab)
    accuracy_under_attack(lab)
with in_helps:
    what_helps(lab)
    adversarial_training(lab)
with in_sticker:
    make_sticker(lab)

layout.why(
    t("Why does it work?"),
    t(
        "The gradient tells for every pixel which way makes the wrong answer likelier. Each such "
        "step is too small to be seen, but there are 150,000 of them and they all pull in the same "
        "direction. After each step the change is brought back to within ε, so the photo can "
        "never drift away."
    ),
    r"x \leftarrow \Pi_{\varepsilon}\big(x - \alpha\,\mathrm{sign}\,\nabla_x\, L(f(x), \text{target})\big)",
    [loop.descend],
)

if job and not is_over and (live.is_running(job) or not lab.watched):
    live.watch(job, partial(pictures.draw, classifier.labels), place=progress)
else:
    lab.watch()
