"""What the attack's page shows: its settings, the two pictures, and the ledger."""

from __future__ import annotations

import hashlib
import html
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from PIL import Image, ImageDraw, ImageFont

from core.attacks import foolbox_adapter, ledger, loop
from core.attacks.goal import already_seen, goal_for
from core.attacks.mask import MASK, MaskName, mask_for
from core.attacks.norm import NORMS, NormName
from core.attacks.report import Report, report
from core.attacks.starting_points import at_hand, beginning
from core.data.photo_files import PhotoFile
from core.images import photos
from core.setting import asked
from core.steps import Dial, Pixels, Step, Steps
from core.synthesis.verdict import Verdict
from core.training.loop import OWN_NETWORK
from core.zoo import catalogue, loading
from core.zoo.classifier import Classifier
from core.zoo.labels import Labels, imagenet
from core.zoo.predictions import top
from pages.parts.adversarial_attack import kept_attacks
from pages.parts.shared import layout, live, scenes, session
from pages.parts.shared.language import (
    class_name,
    number,
    percent,
    photo_title,
    plain,
    remember_choice,
    say,
    sentence,
    separators,
    short,
    t,
)
from pages.parts.shared.registry import ATTACK
from pages.parts.shared.settings import widget

METHODS: dict[str, loop.Method | foolbox_adapter.Method] = {
    **loop.METHODS,
    **foolbox_adapter.METHODS,
}
MOST_ROWS = 100
MOST_OTHERS = 4
"""As many networks, and the attacked one, are kept in memory for all; see `loading.shared`."""
VISIBLE = 32
"""A change of a pixel, in 1/255, beyond which nobody is told that no eye can see it."""
BROUGHT_BACK = "_brought_back"
"""Ends the method's name in rows of a change that was brought back to a smaller ε."""
_SETTINGS = asked(loop.Settings())
_SMALL = ("everywhere", "background")
"""Where a change may be; elsewhere it hides nothing, so it may be as large as it likes."""
_ASSETS = Path(__file__).parents[3] / "assets" / "components"

_before_after = st.components.v2.component(
    "before_after",
    css=(_ASSETS / "before_after.css").read_text("utf-8"),
    js=(_ASSETS / "before_after.js").read_text("utf-8"),
)


@dataclass(frozen=True)
class Plan:
    """What is chosen on the page.

    Attributes:
        method: name of the attack, in `METHODS`.
        target: class to be seen as; None for anything else.
        settings: of the gradient attacks.
        mask: where the photo may be changed.
        place: of the patch, as shares.
        side: of the patch, as a share.
        others: names of the networks that are shown the result, too.
    """

    method: str
    target: int | None
    settings: loop.Settings
    mask: MaskName = "everywhere"
    place: tuple[float, float] = (0.1, 0.1)
    side: float = 0.25
    others: tuple[str, ...] = ()

    @property
    def bounded(self) -> bool:
        """Whether the method keeps within ε."""
        return self.method not in foolbox_adapter.METHODS


@dataclass(frozen=True)
class Outcome:
    """What became of an attack.

    Attributes:
        plan: what was wanted.
        classifier: the network that was attacked.
        report: what was found.
        row: of the ledger.
    """

    plan: Plan
    classifier: Classifier
    report: Report
    row: ledger.Row


@session.kept
def book() -> list[ledger.Row]:
    """This session's ledger, the newest attempt last."""
    return []


@session.kept
def live_epsilon() -> dict[str, Any]:
    """The ε that holds now, for the attack that is running; see `core.attacks.loop.attack`."""
    return {}


def photo_key(photo: Image.Image) -> str:
    """Return what tells a photo from all others."""
    return hashlib.sha256(photo.tobytes()).hexdigest()


def is_of(outcome: Outcome, classifier: Classifier, photo: Image.Image) -> bool:
    """Whether an outcome is of this network and this photo."""
    if outcome.classifier.name != classifier.name:
        return False
    if classifier.name == OWN_NETWORK and outcome.classifier is not classifier:
        return False
    now = photos.to_pixels(photos.prepare(photo, classifier.input_size))
    return np.array_equal(now, outcome.report.original)


@session.kept
def _seen() -> session.Latest[tuple[Classifier, Image.Image, int]]:
    """What this session's latest networks see in its latest photos."""
    return session.Latest(4)


def seen_as(classifier: Classifier, photo: Image.Image) -> int:
    """Return the class that a network takes a photo for."""

    def ask() -> tuple[Classifier, Image.Image, int]:
        # Both are kept with the answer, so that no others can come by their ids.
        return classifier, photo, session.compute(lambda: top(classifier, photo, 1)[0].class_id)

    return _seen().get((id(classifier), id(photo)), ask)[2]


def method() -> str:
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


def aiming(method: str, classifier: Classifier, wanted: int, seen: int) -> bool:
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


def ask(name: str, *, disabled: bool = False) -> Any:
    """Show the widget of one of the attack's settings, and return what is chosen."""
    setting, value = _SETTINGS[name]
    return widget(setting, value, f"attack_{name}", captioned=False, disabled=disabled)


def epsilon(norm: NormName, mask: MaskName, *, disabled: bool) -> float:
    """Ask for ε, in the norm's unit."""
    found = NORMS[norm]
    setting, value, key = found.epsilon, found.usual, f"attack_epsilon_{norm}"
    if norm == "linf" and mask not in _SMALL:
        setting = replace(setting, offered=(0.0, found.most))
        value, key = found.most, "attack_epsilon_patch"
    return float(widget(setting, value, key, captioned=False, disabled=disabled))


def more_settings(method: str, classifier: Classifier) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask for what a newcomer can leave alone, given the attack's name and the network.

    Returns:
        Of the attack's settings some, and of a plan what goes beside them.
    """
    columns = st.columns(4)
    fixed = loop.METHODS[method].fixed if method in loop.METHODS else {"restarts": 1}
    with columns[0]:
        norm = ask("norm")
    with columns[1]:
        mask = widget(MASK, "everywhere", "attack_mask", captioned=False)
    with columns[2]:
        restarts = ask("restarts", disabled="restarts" in fixed)
    with columns[3]:
        tv = ask("tv")
    left, right = st.columns([1, 3])
    with left:
        seed = ask("seed", disabled=not METHODS[method].random)
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
        known = [session.OWN, *known]
    chosen: list[str] = st.multiselect(
        t("Other networks to ask"),
        known,
        default=known[:MOST_OTHERS],
        format_func=network_title,
        max_selections=MOST_OTHERS,
        # A network that has just been trained is to be among them, so the choice is a new one.
        key=f"attack_others_{classifier.name}_{asks_own}",
        persist_state="session",
        help=t(
            "Those whose weights are here, and your own. They are shown the changed photo, and "
            "asked how much it takes to fool them. Choose a network in the side bar to download it."
        ),
    )
    return tuple(chosen)


def labels_of(name: str) -> Labels:
    """Return the classes of a network by its name, without loading it."""
    own = session.own_classifier()
    return own.labels if name == session.OWN and own else imagenet()


def networks(names: Sequence[str]) -> Callable[[], list[Classifier]]:
    """Return a function that loads networks by their names; called on the compute thread."""
    own = session.own_classifier()
    others = [name for name in names if name != session.OWN]
    # The visitor's own may have gone: a new one is being trained.
    mine = [own] if own and session.OWN in names else []
    return partial(_loaded, mine, others)


def _loaded(mine: Sequence[Classifier], others: Sequence[str]) -> list[Classifier]:
    return [*mine, *map(loading.shared, others)]


def photos_at_hand() -> list[PhotoFile]:
    """List every photo of this session and the app's: where an attack may begin."""
    files = at_hand()
    for name, image in session.own_photos().items():
        files.append(PhotoFile(name, partial(_encoded, image)))
    if training := session.training():
        files += [PhotoFile(p.name, partial(bytes, p.data)) for p in training.validation]
    drawing = session.job("ideal")
    if drawing and isinstance(drawn := drawing.snapshot().result, Verdict):
        files.append(PhotoFile("ideal", partial(photos.encode_png, drawn.synthesis.pixels)))
    return files


def _encoded(image: Image.Image) -> bytes:
    return photos.encode_png(np.asarray(image))


def run(
    classifier: Classifier,
    photo: Image.Image,
    plan: Plan,
    epsilon_now: Callable[[], float],
    beginnings: Sequence[PhotoFile] = (),
) -> Steps[loop.Attempt]:
    """Attack as planned.

    Args:
        classifier: the network to fool.
        photo: what is changed.
        plan: what is chosen.
        epsilon_now: gives the ε that holds now.
        beginnings: where an attack may begin that sees answers only.

    Raises:
        Problem: the network sees the target already, or the method cannot be aimed.
    """
    goal = goal_for(classifier, photo, plan.target)
    prepared = photos.prepare(photo, classifier.input_size)
    if not plan.bounded:
        start = None
        if foolbox_adapter.METHODS[plan.method].label_only:
            start = yield from beginning(classifier, prepared, goal, beginnings)
        yield from foolbox_adapter.attack(
            classifier,
            prepared,
            goal,
            plan.method,
            rounds=plan.settings.steps,
            seed=plan.settings.seed,
            start=start,
        )
        return
    mask = mask_for(plan.mask, classifier, prepared, place=plan.place, side=plan.side)
    yield from loop.attack(
        classifier, prepared, goal, plan.settings, mask=mask, epsilon=epsilon_now
    )


def starter(
    classifier: Classifier, photo: Image.Image, name: str, plan: Plan
) -> tuple[Callable[[], Steps[loop.Attempt]], Callable[[Step[loop.Attempt]], Outcome | None]]:
    """Return a job's generator and its conclusion, which enters a row into the ledger."""
    rows, live_now, pictures = book(), live_epsilon(), kept_attacks.attacks()
    live_now.clear()
    epsilon = Dial(plan.settings.epsilon)
    live_now.update(kind=(plan.settings.norm, plan.mask), epsilon=epsilon)
    began = time.perf_counter()
    others = networks(plan.others)
    known = foolbox_adapter.METHODS.get(plan.method)
    beginnings = photos_at_hand() if known and known.label_only else []
    make = partial(run, classifier, photo, plan, epsilon.read, beginnings)

    def conclude(last: Step[loop.Attempt]) -> Outcome | None:
        if last.result is None:
            return None
        seconds = time.perf_counter() - began
        found = report(classifier, last.result)
        row = ledger.enter_report(
            classifier,
            found,
            photo=name,
            attack=plan.method,
            seconds=seconds,
            bounded=plan.bounded,
            others=others(),
        )
        _append(rows, row)
        kept_attacks.keep(pictures, row, found)
        return Outcome(plan, classifier, found, row)

    return make, conclude


def _append(rows: list[ledger.Row], row: ledger.Row) -> None:
    rows.append(row)
    del rows[:-MOST_ROWS]


def enter(outcome: Outcome, brought_back: Report) -> None:
    """Enter a change that was brought back to a smaller ε into the ledger, measured anew."""
    others = networks(outcome.plan.others)
    row = session.compute(
        lambda: ledger.enter_report(
            outcome.classifier,
            brought_back,
            photo=outcome.row.photo,
            attack=outcome.plan.method + BROUGHT_BACK,
            seconds=outcome.row.seconds,
            others=others(),
        )
    )
    _append(book(), row)


def within(outcome: Outcome, epsilon: float) -> Report:
    """Return the outcome brought back to within another ε; the network is asked once for each."""
    attempt = outcome.report.attempt
    if not outcome.plan.bounded or epsilon >= attempt.settings.epsilon:
        return outcome.report

    def brought_back() -> tuple[Outcome, Report]:
        # The outcome is kept with it, so that no other one can come by its id.
        narrowed = attempt.within(epsilon)
        return outcome, session.compute(lambda: report(outcome.classifier, narrowed))

    return _brought_back().get((id(outcome), epsilon), brought_back)[1]


@session.kept
def _brought_back() -> session.Latest[tuple[Outcome, Report]]:
    """Outcomes beside what is left of them within a smaller ε."""
    return session.Latest(4)


def written_on(pixels: Pixels, factor: int) -> Pixels:
    """Write a factor into a corner of a picture of a change; Pillow's own font has no "×"."""
    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(10, pixels.shape[0] // 14))
    box = pen.textbbox((4, 2), f"x{factor}", font=font)
    pen.rectangle((0, 0, box[2] + 4, box[3] + 4), fill="black")
    pen.text((4, 2), f"x{factor}", fill="white", font=font)
    return np.array(picture)


def compare(found: Report) -> None:
    """Lay the two pictures over each other, with a slider."""
    _before_after(
        key="attack_before_after",
        data={
            "before": {"src": live.data_uri(found.original, 95), "label": t("before")},
            "after": {"src": live.data_uri(found.adversarial, 95), "label": t("after")},
            "label": t("Before or after"),
        },
    )


def ledger_table(rows: Sequence[ledger.Row]) -> None:
    """Show the ledger, the newest attempt first, and offer it for download."""
    if not rows:
        st.caption(t("Every attempt will get a line here."))
        return
    (_, first), *others = told_tables(rows).items()
    st.table(first, hide_index=True)
    with st.expander(t("All measures"), key="attack_measures"):
        for title, table in others:
            layout.label(title)
            st.table(table, hide_index=True)
    st.download_button(
        t("Download CSV"),
        lambda: ledger.to_csv(rows),
        file_name="ledger.csv",
        mime="text/csv",
        icon=":material/table:",
        on_click="ignore",
        key="attack_csv",
    )


def told_tables(rows: Sequence[ledger.Row]) -> dict[str, list[dict[str, str]]]:
    """Write the ledger as tables narrow enough to be read, the newest attempt first.

    Returns:
        By each table's title its rows, by the names of their columns.
    """
    numbered = list(reversed(list(enumerate(rows, start=1))))
    parts = {
        t("Ledger"): _attempt_told,
        t("How large the change is"): _change_told,
        t("What it survives, and other networks"): _seen_told,
    }
    tables = {
        title: [{t("No."): number(place), **told(row)} for place, row in numbered]
        for title, told in parts.items()
    }
    for table in tables.values():
        columns = dict.fromkeys(name for row in table for name in row)
        table[:] = [{name: row.get(name, "–") for name in columns} for row in table]
    return tables


def _attempt_told(row: ledger.Row) -> dict[str, str]:
    return {
        t("Photo"): photo_title(row.photo),
        t("Method"): method_told(row.attack),
        "ε": "–" if row.epsilon is None else short(row.epsilon) + NORMS[row.norm].unit_name,
        t("Before"): _answer(row.before[0].class_name, row.before[0].probability),
        t("After"): _answer(row.after[0].class_name, row.after[0].probability),
        t("Fooled"): _mark(row.success),
        # Last: a phone has no room for them.
        t("To be seen as"): class_name(row.target) if row.target else t("anything else"),
        t("Network"): network_title(row.network),
    }


def _change_told(row: ledger.Row) -> dict[str, str]:
    return {
        "L∞": f"{row.linf}/255",
        "L2": number(row.l2, 2),
        t("Pixels changed"): percent(row.changed, 1),
        "PSNR": "∞" if np.isinf(row.psnr) else number(row.psnr, 1) + " dB",
        "SSIM": "–" if np.isnan(row.ssim) else number(row.ssim, 4),
        t("Steps"): number(row.steps),
        t("Seconds"): number(row.seconds, 1),
    }


def _seen_told(row: ledger.Row) -> dict[str, str]:
    survived = {
        sentence(t(title)): _mark(getattr(row.survives, name))
        for name, title in ledger.SURVIVAL_NAMES.items()
    }
    asked = {
        network_title(
            other.network
        ): f"{_mark(other.fooled)} {_answer(other.after.class_name, other.after.probability)}"
        for other in row.transfer
    }
    return survived | asked


def _mark(is_so: bool) -> str:
    return "✓" if is_so else "–"


def method_told(attack: str) -> str:
    """What an attack is called in the ledger."""
    name = attack.removesuffix(BROUGHT_BACK)
    method = t(METHODS[name].label if name in METHODS else name).split(":")[0]
    return t("{method}, brought back", method=method) if name != attack else method


def _answer(name: str, probability: float) -> str:
    return f"{class_name(name)} {percent(probability, 1)}"


def transfer_lines(row: ledger.Row) -> None:
    """Say what other networks make of the changed photo."""
    if not row.transfer:
        st.caption(t("No other network was asked; choose some under “More settings”."))
    for other in row.transfer:
        st.markdown(f"- {_transfer_told(other, row.target)}")


def _transfer_told(other: ledger.Transfer, target: str) -> str:
    told = {
        "network": plain(network_title(other.network)),
        "answer": plain(class_name(other.after.class_name)),
        "share": percent(other.after.probability, 1),
    }
    if other.wanted is None:
        return t(
            "**{network}** has no class called {target}: it says {answer} ({share}); before, {before}.",
            target=plain(class_name(target)),
            before=plain(class_name(other.before.class_name)),
            **told,
        )
    wanted = percent(other.wanted, 1)
    if other.fooled:
        return t(
            "**{network}** is fooled too: {answer} ({share}); probability of what was wanted {wanted}.",
            wanted=wanted,
            **told,
        )
    return t(
        "**{network}** is not fooled: {answer} ({share}); probability of what was wanted {wanted}.",
        wanted=wanted,
        **told,
    )


def network_title(name: str) -> str:
    """Return a network's name for people."""
    if name in (session.OWN, OWN_NETWORK):
        return t("★ Your network")
    return catalogue.TITLES.get(name, name)


def probability_chart(history: Mapping[str, Sequence[float]], names: Mapping[str, str]) -> None:
    """Draw the probabilities of a run against its steps.

    Args:
        history: scalars by name.
        names: what to draw, and what to call it.
    """
    figure = go.Figure()
    for name, label in names.items():
        values = list(history.get(name, ()))
        shown = html.escape(label, quote=False)  # Plotly knows some HTML
        figure.add_scatter(x=list(range(1, len(values) + 1)), y=values, name=shown, mode="lines")
    figure.update_layout(
        height=290,
        margin={"l": 10, "r": 10, "t": 60, "b": 10},
        xaxis_title=t("step"),
        yaxis={"range": [-0.02, 1.02], "tickformat": ".0%"},
        # One name below the other: they are long, and longer in other languages.
        legend={"y": 1.02, "yanchor": "bottom", "x": 0},
        showlegend=True,
    )
    st.plotly_chart(
        figure.update_layout(separators=separators()), key="attack_p", alt=t("Probabilities")
    )
