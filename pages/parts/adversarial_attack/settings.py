"""What people are asked for before they attack: the goal, the method, and how far it may go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from core.attacks import foolbox_adapter, ledger, loop
from core.attacks.goal import already_seen
from core.attacks.mask import MASK, MaskName
from core.attacks.norm import NORMS, NormName
from core.setting import asked
from core.zoo import catalogue
from core.zoo.classifier import Classifier
from pages.parts.adversarial_attack import attack
from pages.parts.adversarial_attack.attack import METHODS
from pages.parts.shared import network_names, pickers, scenes, session
from pages.parts.shared.language import class_name, plain, remember_choice, say, t
from pages.parts.shared.registry import ATTACK
from pages.parts.shared.settings import widget

_FAVOURITES = ("tabby", "Siamese cat", "zebra")
_MOST_OTHERS = 4
"""As many networks, and the attacked one, are kept in memory for all; see `loading.shared`."""
_SETTINGS = asked(loop.Settings())
_SMALL = ("everywhere", "background")
"""Where a change may be; elsewhere it hides nothing, so it may be as large as it likes."""


def plan(
    place: DeltaGenerator, buttons: DeltaGenerator, classifier: Classifier, photo: Image.Image
) -> tuple[attack.Plan, bool]:
    """Ask for an attack; what a newcomer can leave alone is folded away, here.

    Args:
        place: for what is asked first.
        buttons: the place of the buttons; whether it stops early is asked beside them.
        classifier: the network to fool.
        photo: what is changed.

    Returns:
        What is chosen, and whether it can be begun.
    """
    controls = place.columns([5, 4, 4, 2], gap="medium")
    with controls[0]:
        seen = attack.seen_as(classifier, photo)
        target: int | None = pickers.class_id(
            t("To be seen as"), classifier.labels, "attack_class", _FAVOURITES, avoid=seen
        )
        if st.checkbox(
            t("Anything else will do (untargeted)"),
            key="attack_untargeted",
            persist_state="session",
        ):
            target = None
    with controls[1]:
        method = _method()
        possible = target is None or _aiming(method, classifier, target, seen)
    epsilon_place, steps_place = controls[2].container(), controls[3].container()
    with st.expander(t("More settings"), icon=":material/tune:"):
        values, beside = _more_settings(method, classifier)
    by_foolbox = method in foolbox_adapter.METHODS
    with epsilon_place:
        values["epsilon"] = _epsilon(values["norm"], beside["mask"], disabled=by_foolbox)
    with steps_place:
        values["steps"] = min(_steps(method), loop.MAX_STEPS)
    with buttons:
        values["stop_early"] = _ask("stop_early", disabled=by_foolbox)
    if by_foolbox:
        settings = loop.Settings(norm="l2", steps=values["steps"], seed=values["seed"])
    else:
        settings = loop.settings_for(method, **values)
    return attack.Plan(method, target, settings, **beside), possible


def _steps(method: str) -> int:
    """Ask for the steps, or for the rounds of a method of foolbox."""
    if found := foolbox_adapter.METHODS.get(method):
        return st.number_input(
            t("Rounds"),
            1,
            loop.MAX_STEPS,
            found.rounds,
            key=f"attack_rounds_{method}",
            persist_state="session",
            help=t(
                "In each round the network is asked many times; while it runs, these questions are counted."
            ),
        )
    return int(_ask("steps", disabled="steps" in loop.METHODS[method].fixed))


def _method() -> str:
    """Ask for the attack."""
    chosen: str = st.selectbox(
        t("Method"),
        list(METHODS),
        format_func=lambda name: t(METHODS[name].label),
        key=remember_choice("attack_method"),
        persist_state="session",
        help=t(
            "The first four keep within ε and follow the gradient. The others come from foolbox: "
            "they look for the smallest change by themselves, the last two without any gradient."
        ),
    )
    return chosen


def _aiming(method: str, classifier: Classifier, wanted: int, seen: int) -> bool:
    """Say what it takes to aim a method at a class; return whether it can be aimed there.

    Args:
        method: the attack's name.
        classifier: the network to fool.
        wanted: the class to be seen as.
        seen: the class that the photo is seen as.
    """
    known = foolbox_adapter.METHODS.get(method)
    if known and not known.towards:
        st.warning(t("Cannot be aimed at a class: tick “anything else”."))
        return False
    if wanted == seen:
        problem = already_seen(classifier.labels[seen])
        st.warning(say(problem))
        return False
    if known and known.label_only:
        st.caption(
            t(
                "It begins at a photo that the network takes for {name} already. Where there is "
                "none among the samples and yours, it cannot begin.",
                name=plain(class_name(classifier.labels[wanted])),
            )
        )
    return True


def _ask(name: str, *, disabled: bool = False) -> Any:
    """Show the widget of one of the attack's settings, and return what is chosen."""
    setting, value = _SETTINGS[name]
    return widget(setting, value, f"attack_{name}", captioned=False, disabled=disabled)


def _epsilon(norm: NormName, mask: MaskName, *, disabled: bool) -> float:
    """Ask for ε, in the norm's unit."""
    found = NORMS[norm]
    setting, value, key = found.epsilon, found.usual, f"attack_epsilon_{norm}"
    if norm == "linf" and mask not in _SMALL:
        setting = replace(setting, offered=(0.0, found.most))
        value, key = found.most, "attack_epsilon_patch"
    return float(widget(setting, value, key, captioned=False, disabled=disabled))


def _more_settings(method: str, classifier: Classifier) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask for what a newcomer can leave alone, given the attack's name and the network.

    Returns:
        Of the attack's settings some, and of a plan what goes beside them.
    """
    columns = st.columns(4)
    fixed = loop.METHODS[method].fixed if method in loop.METHODS else {"restarts": 1}
    with columns[0]:
        norm = _ask("norm")
    with columns[1]:
        mask = widget(MASK, "everywhere", "attack_mask", captioned=False)
    with columns[2]:
        restarts = _ask("restarts", disabled="restarts" in fixed)
    with columns[3]:
        tv = _ask("tv")
    left, right = st.columns([1, 3])
    with left:
        seed = _ask("seed", disabled=not METHODS[method].random)
    with right:
        others = _others(classifier)
    place, side = (0.1, 0.1), 0.25
    if mask == "patch":
        x, y, size = (
            column.number_input(label, 0, 100, start, step=5, key=key, persist_state="session")
            for column, label, start, key in zip(
                st.columns(4),
                (t("From the left, %"), t("From the top, %"), t("Side, %")),
                (10, 10, 25),
                ("attack_patch_x", "attack_patch_y", "attack_patch_side"),
                strict=False,
            )
        )
        place, side = (x / 100, y / 100), size / 100
    settings = {"norm": norm, "restarts": restarts, "tv": tv, "seed": seed}
    return settings, {"mask": mask, "place": place, "side": side, "others": others}


def _others(classifier: Classifier) -> tuple[str, ...]:
    """Ask which networks are shown the result, too."""
    known = ledger.askable(classifier)
    own = session.own_classifier()
    # In a scene only what it speaks of is asked.
    asks_own = own is not None and own is not classifier and not scenes.question(ATTACK)
    if asks_own:
        known = [catalogue.OWN, *known]
    chosen: list[str] = st.multiselect(
        t("Other networks to ask"),
        known,
        default=known[:_MOST_OTHERS],
        format_func=network_names.title_of,
        max_selections=_MOST_OTHERS,
        # A network that has just been trained is to be among them, so the choice is a new one.
        key=f"attack_others_{classifier.name}_{asks_own}",
        persist_state="session",
        help=t(
            "Those whose weights are here, and your own. They are shown the changed photo, and "
            "asked how much it takes to fool them. Choose a network in the side bar to download it."
        ),
    )
    return tuple(chosen)
