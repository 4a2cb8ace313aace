"""How much is needed: the smallest ε that fools, for each network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import plotly.graph_objects as go
import streamlit as st
from PIL import Image

from core.attacks import loop, robustness
from core.attacks.norm import NORMS
from core.steps import Steps
from core.zoo.classifier import Classifier
from pages.parts.adversarial_attack import attack
from pages.parts.adversarial_attack.laboratory import Laboratory
from pages.parts.shared import network_names
from pages.parts.shared.language import class_name, number, plain, short, t
from pages.parts.shared.plots import chart


def smallest_epsilon(laboratory: Laboratory) -> None:
    """Let the smallest ε be looked for, for the photo and its target, and show what was found."""
    plan, classifier = laboratory.plan, laboratory.classifier
    st.markdown(
        t(
            "The attack is repeated: ε is doubled until it succeeds, and then the gap is halved again and again. This shows how much is needed, for this photo and this target."
        )
    )
    name = None if plan.target is None else classifier.labels[plan.target]
    asked = [
        n
        for n in plan.others
        if name is None or network_names.labels_of(n).called(name) is not None
    ]
    if left_out := [network_names.title_of(n) for n in plan.others if n not in asked]:
        st.caption(
            t(
                "Not asked, since none of its classes is called {name}: {networks}. “Anything else” asks all.",
                name=plain(class_name(str(name))),
                networks=", ".join(left_out),
            )
        )
    settings = replace(plan.settings, restarts=1) if plan.bounded else loop.Settings()
    networks = attack.networks(asked)
    found = laboratory.run(
        "needed",
        t("Find the smallest ε"),
        partial(needed_run, classifier, networks, laboratory.photo, name, settings),
        laboratory.on_photo(laboratory.target, settings.norm, tuple(asked)),
    )
    if found:
        _chart(found)
        _offer(found.get(classifier.name))


def _offer(needed: robustness.Needed | None) -> None:
    """Offer to attack with the ε that was found, if it is one in 1/255."""
    if not needed or not needed.epsilon or needed.attempt.settings.norm != "linf":
        return
    rounded_up = min(16.0, math.ceil(2 * needed.epsilon) / 2)

    def use() -> None:
        """Set ε to what was found."""
        st.session_state["attack_epsilon_linf"] = rounded_up

    label = t("Attack with ε = {epsilon}", epsilon=short(rounded_up))
    st.button(label, on_click=use, key="attack_use_needed", icon=":material/tune:")


def needed_run(
    classifier: Classifier,
    others: Callable[[], list[Classifier]],
    photo: Image.Image,
    class_name: str | None,
    settings: loop.Settings,
) -> Steps[dict[str, robustness.Needed]]:
    """Find the smallest ε for a network and for others, which are loaded first."""
    yield from robustness.needed_by_network([classifier, *others()], photo, class_name, settings)


def _chart(found: Mapping[str, robustness.Needed]) -> None:
    """Draw how much each network needs."""
    norm = next(iter(found.values())).attempt.settings.norm
    title = t("The smallest ε that fools, per network")
    names = [network_names.title_of(name) for name in found]
    values = [f.most if f.epsilon is None else f.epsilon for f in found.values()]
    before = [f.unrounded for f in found.values()]
    texts = [
        t("more than {epsilon}", epsilon=short(f.most))
        if f.epsilon is None
        else t(
            "{epsilon}{unit}, in the saved picture {linf}/255",
            epsilon=number(f.epsilon, 2),
            unit=NORMS[norm].unit_name,
            linf=f.linf,
        )
        for f in found.values()
    ]
    bar = {"y": names, "orientation": "h", "textposition": "auto"}
    figure = go.Figure()
    figure.add_bar(x=values, text=texts, name=t("saved in whole numbers"), **bar)
    told = ["–" if value is None else number(value, 2) + NORMS[norm].unit_name for value in before]
    figure.add_bar(x=before, text=told, name=t("unrounded"), **bar)
    figure.update_layout(
        title=title,
        height=140 + 70 * len(names),
        margin={"l": 10, "r": 10, "t": 90, "b": 10},  # on a phone title and legend have a line each
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
        xaxis={"title": "ε" + NORMS[norm].unit_name, "rangemode": "tozero"},
        yaxis={"autorange": "reversed"},
    )
    chart(figure, "attack_needed_chart", title)
    if norm == "linf" and any(f.epsilon and f.epsilon < 1 for f in found.values()):
        st.caption(
            t(
                "A saved picture has whole numbers, from 0 to 255. A change of less than 0.5 is rounded away, a greater one becomes 1. So no network can be fooled by less than ε = 0.5/255 in a saved picture. Where several end there, compare what they need before rounding."
            )
        )
