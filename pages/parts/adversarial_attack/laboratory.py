"""What the attack's page measures over many photos and networks: needs, curves, what helps."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch
from PIL import Image

from core.attacks import defences, loop, robustness, sticker
from core.attacks.goal import Goal, goal_for
from core.attacks.norm import NORMS
from core.data import album
from core.data.album import Album
from core.data.photo_files import PhotoFile
from core.images import photos
from core.problem import N_
from core.steps import Step, Steps
from core.training import hardening
from core.training.embeddings import shared_cache
from core.training.loop import Training
from core.zoo import loading
from core.zoo.classifier import Classifier
from pages.parts.adversarial_attack.attack import Plan, network_title
from pages.parts.shared import files, live, made, save, session, tab, uploads
from pages.parts.shared.language import (
    number,
    percent,
    remember_choice,
    sentence,
    separators,
    short,
    t,
)

Making: TypeAlias = Callable[[], Steps[Any]]
MOST_PHOTOS = 40
"""More would take a class's computer for too long."""
HARDENED_WITHIN = (1, 2, 4, 8)
"""What adversarial training can be measured for, in 1/255; places of the curve."""
PARTS = {
    "ledger": N_("Ledger"),
    "needed": N_("How much is needed"),
    "helps": N_("What helps"),
    "sticker": N_("Sticker"),
}
CURVE = loop.Settings(steps=10)
"""How networks are attacked for the curves of their accuracy."""
_ORIGINS = {
    "samples": N_("20 samples"),
    "training": N_("Your network's validation photos"),
    "uploads": N_("Your photos"),
}


@dataclass(frozen=True)
class Chosen:
    """What the laboratory's runs are made with.

    Attributes:
        classifier: the network.
        pictures: what to call the photo or the photos, and what tells them from others.
    """

    classifier: Classifier
    pictures: tuple[str, Hashable]

    def with_more(self, title: str = "", *more: Hashable) -> made.Ingredients:
        """Return them with what else a run takes: what to call it, and what tells it from others."""
        name, identity = self.pictures
        # The visitor's own network may be another one under the same name.
        network = self.classifier.name, self.classifier.title, self.classifier.provenance.body
        parts = (name, network_title(self.classifier.name), title)
        return made.Ingredients(
            (network, identity, title, *more), " · ".join(part for part in parts if part)
        )


def photo_files() -> list[PhotoFile]:
    """Ask for the photos that are measured on; empty as long as none was uploaded."""
    # In one place, however much is asked for: tabs that move fall back to the first one.
    with st.container():
        return _photo_files()


def _photo_files() -> list[PhotoFile]:
    training = session.training()
    origins = [name for name in _ORIGINS if name != "training" or training]
    chosen = st.segmented_control(
        t("Photos to measure on: for the curve, for what helps, for the sticker"),
        origins,
        format_func=lambda name: t(_ORIGINS[name]),
        default="samples",
        required=True,
        key=remember_choice(f"attack_photos_{len(origins)}"),  # other choices, another widget
        persist_state="session",
        help=t("At most {count} of them are used.", count=MOST_PHOTOS),
    )
    if chosen == "training" and training:
        return _examined(training)
    if chosen == "uploads":
        return _uploaded()
    return album.samples()


def _examined(training: Training) -> list[PhotoFile]:
    names = training.classifier.labels
    return [
        PhotoFile(photo.name, partial(bytes, photo.data), names[photo.label])
        for photo in training.validation
    ]


def _uploaded() -> list[PhotoFile]:
    given = files.ask(
        st.file_uploader,
        t("Your photos"),
        key="attack_uploads",
        type=list(photos.EXTENSIONS),
        accept_multiple_files=True,
        max_upload_size=photos.MAX_BYTES // 10**6,
        label_visibility="collapsed",
        help=t(
            "They stay in memory and are shown to nobody else. They go when you remove them, or {seconds} s after you close this tab. A reload keeps them.",
            seconds=tab.kept_for(),
        ),
    )
    if not given:
        st.caption(t("Add some photos first."))
    return [PhotoFile(file.name, partial(uploads.read, file)) for file in given]


def _read(classifier: Classifier, files: Sequence[PhotoFile]) -> Generator[Step[Any], None, Album]:
    return album.reading(classifier, files, most=MOST_PHOTOS)


# How much is needed


def needed_run(
    classifier: Classifier,
    others: Callable[[], list[Classifier]],
    photo: Image.Image,
    class_name: str | None,
    settings: loop.Settings,
) -> Steps[dict[str, robustness.Needed]]:
    """Find the smallest ε for a network and for others, which are loaded first."""
    yield from robustness.needed_by_network([classifier, *others()], photo, class_name, settings)


def needed_chart(found: Mapping[str, robustness.Needed]) -> None:
    """Draw how much each network needs."""
    norm = next(iter(found.values())).attempt.settings.norm
    title = t("The smallest ε that fools, per network")
    names = [network_title(name) for name in found]
    values = [f.most if f.epsilon is None else f.epsilon for f in found.values()]
    before = [f.unrounded for f in found.values()]
    texts = [
        t("more than {epsilon}", epsilon=short(f.most))
        if f.epsilon is None
        else t(
            "{epsilon}{unit}, saved: L∞ = {linf}/255",
            epsilon=number(f.epsilon, 2),
            unit=NORMS[norm].unit_name,
            linf=f.linf,
        )
        for f in found.values()
    ]
    bar = {"y": names, "orientation": "h", "textposition": "auto"}
    figure = go.Figure()
    figure.add_bar(x=values, text=texts, name=t("saved in 8 bits"), **bar)
    told = ["–" if value is None else number(value, 2) + NORMS[norm].unit_name for value in before]
    figure.add_bar(x=before, text=told, name=t("unrounded"), **bar)
    figure.update_layout(
        title=title,
        height=140 + 70 * len(names),
        margin={"l": 10, "r": 10, "t": 90, "b": 10},  # on a phone title and legend have a line each
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
        xaxis={"title": "ε", "rangemode": "tozero"},
        yaxis={"autorange": "reversed"},
    )
    _show(figure, "attack_needed_chart", title)
    if norm == "linf" and any(f.epsilon and f.epsilon < 1 for f in found.values()):
        st.caption(
            t(
                "A saved picture has 8 bits: each value is a whole number of 1/255. A change of less than half of that vanishes, a greater one becomes a whole 1/255. So ε = 0.5/255 is the floor for every network, and just above it much is possible at once. Where several networks end at that floor, compare what they need before rounding."
            )
        )


@dataclass(frozen=True)
class Curves:
    """Accuracy under attack of one or several networks on the same photos.

    Attributes:
        photos: how many there were.
        from_network: whether what the network sees without an attack counts as right.
        skipped: how many could not be read.
        points: the curves, by the networks' names.
    """

    photos: int
    from_network: bool
    skipped: int
    points: Mapping[str, tuple[robustness.Point, ...]]


def _curves(networks: Mapping[str, Classifier], files: Sequence[PhotoFile]) -> Steps[Curves]:
    read = yield from _read(next(iter(networks.values())), files)
    curves = robustness.accuracy_by_network(networks, read.pictures, read.classes, CURVE)
    for step in curves:
        result = None
        if step.result:
            result = Curves(len(read.names), read.from_network, len(read.skipped), step.result)
        yield Step(step.index, step.total, picture=step.picture, result=result)


def curve_run(classifier: Classifier, files: Sequence[PhotoFile]) -> Steps[Curves]:
    """Measure a network's accuracy under attack on photos."""
    yield from _curves({classifier.name: classifier}, files)


def show_curve(found: Curves) -> None:
    """Draw accuracy under attack against ε, and say what it was measured on."""
    (points,) = found.points.values()
    lines = {
        t("unrounded"): [point.accuracy for point in points],
        t("saved in 8 bits"): [point.accuracy_saved for point in points],
    }
    _accuracy_chart(lines, [point.epsilon for point in points], "attack_curve_chart")
    _measured_on(found)


def _measured_on(found: Curves) -> None:
    share = percent(1 / found.photos, 1)
    told = [
        t("Photos measured: {count}; each is {share} of them.", count=found.photos, share=share)
    ]
    if found.from_network:
        told.append(
            t("What they show is not known, so what the network saw before the attack is “right”.")
        )
    if found.skipped:
        told.append(t("{count} could not be read.", count=found.skipped))
    st.caption(" ".join(told))


def _accuracy_chart(
    lines: Mapping[str, Sequence[float]], epsilons: Sequence[float], key: str
) -> None:
    title = t("Accuracy under attack")
    figure = go.Figure()
    for name, values in lines.items():
        places = [short(epsilon) for epsilon in epsilons[: len(values)]]
        figure.add_scatter(x=places, y=list(values), name=name, mode="lines+markers")
    figure.update_layout(
        title={"text": title, "y": 0.97, "yanchor": "top"},
        height=320,
        margin={"l": 10, "r": 10, "t": 70, "b": 10},
        xaxis={"title": t("ε in 1/255"), "type": "category"},
        yaxis={"range": [-0.02, 1.02], "tickformat": ".0%"},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )
    _show(figure, key, title)


def _show(figure: go.Figure, key: str, title: str) -> None:
    figure.update_layout(separators=separators())
    st.plotly_chart(figure, key=key, alt=title)


# What helps


def defence_table(found: Sequence[defences.Finding]) -> None:
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
    read = yield from _read(classifier, files)
    goals: list[Goal] | None = None
    if plan.target is not None:
        goals = [Goal(plan.target, targeted=True, true_id=c) for c in read.classes]
    yield from defences.compare(
        classifier, read.pictures, read.classes, settings, names=names, goals=goals
    )


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


def hardened_within(training: Training) -> int:
    """Return the ε that a network was trained against, in 1/255; the least, if against none."""
    epsilon = round(training.settings.epsilon)
    return epsilon if epsilon in HARDENED_WITHIN else HARDENED_WITHIN[0]


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
    for tested in _curves(networks, _examined(training)):
        result = Hardening(epsilon, trainings, tested.result) if tested.result else None
        yield Step(
            tested.total + tested.index,
            2 * tested.total,
            phase=N_("attacking"),
            picture=tested.picture,
            result=result,
        )


def show_hardening(found: Hardening) -> None:
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
    _accuracy_chart(lines, robustness.EPSILONS, "attack_hardening_chart")
    _measured_on(found.curves)
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
    session.brought()[session.OWN] = classifier


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


# The sticker


def sticker_run(
    classifier: Classifier,
    class_id: int,
    steps: int,
    extra: torch.Tensor,
    files: Sequence[PhotoFile],
) -> Steps[sticker.Sticker]:
    """Make a sticker on photos and the chosen one."""
    read = yield from _read(classifier, files)
    pictures = torch.cat([read.pictures, extra])
    yield from sticker.make(classifier, pictures, class_id, sticker.StickerSettings(steps=steps))


def show_sticker(made: sticker.Sticker) -> None:
    """Show a sticker, a photo that it wins, and offer it for printing."""
    left, right, beside = st.columns(3, gap="medium")
    disc = sticker.circle(made.pixels.shape[0])[0, 0, :, :, None].numpy() > 0
    with left:
        shown = np.where(disc, made.pixels, 255).astype(np.uint8)
        caption = t("The sticker")
        st.image(live.data_uri(shown, 95), caption=caption, width="stretch", alt=caption)
    with right:
        if made.example is not None:
            caption = t("On a photo")
            st.image(live.data_uri(made.example, 92), caption=caption, width="stretch", alt=caption)
    with beside:
        if made.success is not None:
            st.metric(t("Wins on photos, at new places"), percent(made.success))
        st.download_button(
            t("Download for printing"),
            lambda: sticker.printable(made.pixels),
            file_name=save.stem("sticker", made.class_name) + ".png",
            mime="image/png",
            icon=":material/print:",
            on_click="ignore",
            key="attack_sticker_png",
        )
