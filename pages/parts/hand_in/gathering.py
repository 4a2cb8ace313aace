"""Gathering what a session holds into the report that a student hands in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import streamlit as st
from babel.dates import format_date

from core.classroom.hand_in import Figure, HandIn, Part, Section, Table
from core.problem import N_
from core.setting import asked
from core.synthesis.loop import LIVE, Settings
from core.synthesis.regularisers import REGULARISERS
from core.training.comparison import Comparison, Outcome
from core.training.settings import STRATEGY_TITLES
from pages.parts.adversarial_attack import attack, kept_attacks, ledger_tables
from pages.parts.ideal_class import gallery, opinions
from pages.parts.shared import network_names, session
from pages.parts.shared.language import (
    class_name,
    current,
    number,
    percent,
    photo_title,
    sentence,
    short,
    t,
    tag,
)
from pages.parts.shared.settings import told

TITLES = {
    "ideal": N_("Ideal class"),
    "attack": N_("Adversarial attack"),
    "training": N_("Fine-tuning"),
    "answers": N_("Predictions"),
}
"""The report's sections, in its order."""


def gathered(author: str) -> HandIn:
    """Return all that this session has done so far, in the visitor's language."""
    comparison = session.comparison()
    parts = {
        "ideal": tuple(map(_drawn, reversed(gallery.gallery()))),
        "attack": _attacks(),
        "training": _trained(comparison) if comparison else (),
        "answers": _answers(),
    }
    return HandIn(
        language=tag(),
        title=t("What I did with Ideal Cat"),
        author=author,
        about=_today(),
        sections=tuple(Section(t(TITLES[name]), part) for name, part in parts.items() if part),
    )


def counts() -> dict[str, int]:
    """Say how much there is for each section."""
    return {
        "ideal": len(gallery.gallery()),
        "attack": len(attack.book()),
        "training": len(session.comparison() or ()),
        "answers": len(session.answers()),
    }


def _today() -> str:
    """Write the date where the visitor is: in the evening it may be tomorrow at the server."""
    try:
        now = datetime.now(ZoneInfo(st.context.timezone or "UTC"))
    except (KeyError, ValueError, OSError):  # no such zone, or a machine without their list
        now = datetime.now(UTC)
    return format_date(now, "long", locale=current())


def _drawn(kept: gallery.Keepsake) -> Part:
    text = ""
    if kept.opinions:
        score = opinions.score(kept.opinions).replace("*", "")
        text = t("Of the networks that never saw this run: {score}.", score=score)
    caption = gallery.caption(kept)
    return Part(
        title=caption,
        facts=((t("Network"), network_names.title_of(kept.model)), *_told(kept.settings)),
        figures=(Figure(kept.png, caption, caption),),
        text=text,
    )


def _told(settings: Settings) -> Iterator[tuple[str, str]]:
    """Return how a picture was drawn: the settings that a number or a name tells."""
    for name, (setting, value) in asked(settings).items():
        is_off = name in REGULARISERS and name not in LIVE and not value
        if name == "photo":
            yield t(setting.label), _started_from(value)
        elif not is_off and not isinstance(value, bool):
            yield t(setting.label), told(setting, value)


def _started_from(photo: str) -> str:
    if not photo:
        return t("Noise")
    title = photo_title(photo)
    return t("Your photo") if title == photo else title  # a visitor's own, named by its content


def _attacks() -> tuple[Part, ...]:
    rows = attack.book()
    if not rows:
        return ()
    parts = [_attacked(kept) for kept in kept_attacks.attacks()]
    tables = (
        Part(title=title, table=Table(tuple(told[0]), tuple(tuple(row.values()) for row in told)))
        for title, told in ledger_tables.told_tables(rows).items()
    )
    return (*parts, *tables)


def _attacked(kept: kept_attacks.Attacked) -> Part:
    row = kept.row
    wanted = class_name(row.target) if row.target else t("anything else")
    before, after = (
        f"{class_name(p[0].class_name)} ({percent(p[0].probability, 1)})"
        for p in (row.before, row.after)
    )
    return Part(
        title=f"{photo_title(row.photo)} → {wanted}",
        facts=(
            (t("Network"), network_names.title_of(row.network)),
            (t("Method"), ledger_tables.method_told(row.attack)),
            (t("Fooled"), t("yes") if row.success else t("no")),
        ),
        figures=(
            Figure(kept.before, f"{t('The photo')}: {before}", t("The photo")),
            Figure(kept.after, f"{t('The changed photo')}: {after}", t("The changed photo")),
        ),
    )


def _trained(comparison: Comparison) -> tuple[Part, ...]:
    first = next(iter(comparison.values())).training
    columns = (
        t("What learns"),
        t("Accuracy"),
        t("95 % interval"),
        t("Photos to learn from"),
        t("Photos for validation"),
        t("Epochs"),
        t("Learning rate"),
        t("Seconds"),
    )
    rows = tuple(_way(outcome) for outcome in comparison.values())
    facts = (
        (t("Network"), network_names.title_of(first.classifier.provenance.network)),
        (t("Classes"), ", ".join(first.classifier.labels)),
        (t("Seed"), str(first.settings.seed)),
    )
    return (Part(facts=facts, table=Table(columns, rows)),)


def _way(outcome: Outcome) -> tuple[str, ...]:
    done, settings = outcome.training, outcome.training.settings
    low, high = done.interval
    return (
        sentence(t(STRATEGY_TITLES[settings.strategy])),
        percent(done.accuracy, 1),
        f"{percent(low, 1)} – {percent(high, 1)}",
        number(done.n_train),
        number(done.n_val),
        number(settings.epochs),
        short(settings.learning_rate),
        number(outcome.seconds, 1),
    )


def _answers() -> tuple[Part, ...]:
    answers = session.answers().values()
    if not answers:
        return ()
    columns = (t("Question"), t("My prediction"), t("What came out"), t("Right"))
    rows = tuple(
        (answer.question, answer.predicted, answer.expected, "✓" if answer.is_right else "–")
        for answer in answers
    )
    return (Part(table=Table(columns, rows)),)
