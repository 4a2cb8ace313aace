"""What the attack's page shows: its dials, the two pictures, the ledger, and the laboratory."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch
from PIL import Image, ImageDraw, ImageFont

from core import photos
from core.attacks import defences, foolbox_adapter, ledger, loop, robustness, sticker
from core.attacks.goal import Goal, goal_for
from core.attacks.mask import MaskName, mask_for
from core.attacks.norm import NORMS
from core.attacks.report import Report, report
from core.problem import N_
from core.steps import Pixels, Step, Steps
from core.zoo import catalogue
from core.zoo.classifier import Classifier
from pages.kit import live, notebook, session
from pages.kit.language import (
    class_name,
    number,
    percent,
    plain,
    remember_choice,
    sentence,
    separators,
    short,
    t,
)

METHOD_NAMES: dict[str, str] = {
    "ifgsm": N_("I-FGSM: many small steps"),
    "fgsm": N_("FGSM: a single step"),
    "pgd": N_("PGD: from a random place"),
    "mifgsm": N_("MI-FGSM: with momentum"),
    "deepfool": N_("DeepFool: the smallest change"),
    "ddn": N_("DDN: the smallest change"),
    "cw": N_("Carlini–Wagner: the smallest change"),
    "boundary": N_("Boundary: sees answers only"),
    "hopskipjump": N_("HopSkipJump: sees answers only"),
}
NORM_NAMES: dict[loop.NormName, str] = {"linf": N_("L∞: each pixel"), "l2": N_("L2: all together")}
MASK_NAMES: dict[MaskName, str] = {
    "everywhere": N_("Everywhere"),
    "background": N_("Only the background"),
    "frame": N_("Only a frame"),
    "patch": N_("Only a patch"),
}
MOST_ROWS = 100
Making: TypeAlias = Callable[[], Steps[Any]]
_ASSETS = Path(__file__).parents[2] / "assets" / "components"

_before_after = st.components.v2.component(
    "before_after",
    css=(_ASSETS / "before_after.css").read_text("utf-8"),
    js=(_ASSETS / "before_after.js").read_text("utf-8"),
)


@dataclass(frozen=True)
class Plan:
    """What the dials say.

    Attributes:
        method: name of the attack, in `METHOD_NAMES`.
        target: class to be seen as; None for anything else.
        settings: of the gradient attacks.
        mask: where the photo may be changed.
        place: of the patch, as shares.
        side: of the patch, as a share.
    """

    method: str
    target: int | None
    settings: loop.Settings
    mask: MaskName = "everywhere"
    place: tuple[float, float] = (0.1, 0.1)
    side: float = 0.25

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
def dial() -> dict[str, Any]:
    """The ε that holds now, for the attack that is running; see `core.attacks.loop.attack`."""
    return {}


def method() -> str:
    """Ask for the attack."""
    chosen: str = st.selectbox(
        t("Method"),
        list(METHOD_NAMES),
        format_func=lambda name: t(METHOD_NAMES[name]),
        key=remember_choice("attack_method"),
        persist_state="session",
        help=t(
            "The first four keep within ε and follow the gradient. The others come from foolbox: "
            "they look for the smallest change by themselves, the last two without any gradient."
        ),
    )
    return chosen


def epsilon(norm: loop.NormName, mask: MaskName, *, disabled: bool) -> float:
    """Ask for ε, in the norm's unit."""
    if norm == "l2":
        length: float = st.slider(
            t("ε – at most, as a length"),
            0.0,
            10.0,
            3.0,
            step=0.25,
            key="attack_epsilon_l2",
            persist_state="session",
            disabled=disabled,
            help=t("The root of all squared changes, with brightness from 0 to 1."),
        )
        return length
    small = mask in ("everywhere", "background")
    # A patch hides nothing, so it may change as much as it likes.
    share: float = st.slider(
        t("ε – at most, in 1/255"),
        0.0,
        16.0 if small else 255.0,
        4.0 if small else 255.0,
        step=0.5,
        format="%.1f",
        key="attack_epsilon_linf" if small else "attack_epsilon_patch",
        persist_state="session",
        disabled=disabled,
        help=t(
            "A pixel's brightness goes from 0 to 255; with ε = 4 none may change by more than 4. "
            "Move it while the attack runs, or afterwards: the change is brought back to within it "
            "at once."
        ),
    )
    return share


def more_dials(method: str) -> dict[str, Any]:
    """Ask for what a newcomer can leave alone, given the attack's name."""
    columns = st.columns(4)
    norm = columns[0].selectbox(
        t("What may change"),
        list(NORM_NAMES),
        format_func=lambda name: t(NORM_NAMES[name]),
        key=remember_choice("attack_norm"),
        persist_state="session",
        help=t(
            "L∞ limits the change of every single pixel; L2 limits the change of the whole photo, "
            "so that a few pixels may change more."
        ),
    )
    mask = columns[1].selectbox(
        t("Where it may change"),
        list(MASK_NAMES),
        format_func=lambda name: t(MASK_NAMES[name]),
        key=remember_choice("attack_mask"),
        persist_state="session",
        help=t(
            "The background is where the network's answer does not come from (Grad-CAM). A patch "
            "is a sticker: small, but free to change as it likes."
        ),
    )
    restarts = columns[2].number_input(
        t("Restarts"),
        1,
        loop.MAX_RESTARTS,
        1,
        key="attack_restarts",
        persist_state="session",
        disabled=method != "pgd",
        help=t("With PGD, another random beginning is tried if the one before has failed."),
    )
    tv = columns[3].number_input(
        t("Smoothness (TV)"),
        0.0,
        1000.0,
        0.0,
        step=10.0,
        key="attack_tv",
        persist_state="session",
        help=t("Weight of the change's total variation: with it, the change gets soft."),
    )
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
    return {
        "norm": norm,
        "mask": mask,
        "restarts": int(restarts),
        "tv": float(tv),
        "place": place,
        "side": side,
    }


def run(
    classifier: Classifier, photo: Image.Image, plan: Plan, epsilon_now: Callable[[], float]
) -> Steps[loop.Attempt]:
    """Do what the dials say.

    Raises:
        Problem: the network sees the target already, or the method cannot be aimed.
    """
    goal = goal_for(classifier, photo, plan.target)
    prepared = photos.prepare(photo, classifier.input_size)
    if not plan.bounded:
        name: Any = plan.method
        yield from foolbox_adapter.attack(
            classifier, prepared, goal, name, rounds=plan.settings.steps
        )
        return
    mask = mask_for(plan.mask, classifier, prepared, place=plan.place, side=plan.side)
    yield from loop.attack(
        classifier, prepared, goal, plan.settings, mask=mask, epsilon=epsilon_now
    )


def starter(
    classifier: Classifier, photo: Image.Image, name: str, plan: Plan
) -> tuple[Callable[[], Steps[loop.Attempt]], Callable[[Step[loop.Attempt]], Outcome | None]]:
    """Give a job's generator and its conclusion, which enters a row into the ledger."""
    rows, turned, pictures = book(), dial(), notebook.attacks()
    turned.clear()
    turned.update(kind=(plan.settings.norm, plan.mask), epsilon=plan.settings.epsilon)
    began = [0.0]

    def make() -> Steps[loop.Attempt]:
        began[0] = time.perf_counter()
        yield from run(classifier, photo, plan, lambda: float(turned["epsilon"]))

    def conclude(last: Step[loop.Attempt]) -> Outcome | None:
        if last.result is None:
            return None
        seconds = time.perf_counter() - began[0]
        found = report(classifier, last.result)
        row = ledger.enter_report(
            classifier,
            found,
            photo=name,
            attack=plan.method,
            seconds=seconds,
            bounded=plan.bounded,
            others=ledger.others_than(classifier),
        )
        rows.append(row)
        del rows[:-MOST_ROWS]
        notebook.keep(pictures, row, found)
        return Outcome(plan, classifier, found, row)

    return make, conclude


def within(outcome: Outcome, epsilon: float) -> Report:
    """Give the outcome brought back to within another ε; the network is asked once for each."""
    attempt = outcome.report.attempt
    if not outcome.plan.bounded or epsilon >= attempt.settings.epsilon:
        return outcome.report
    return _within((id(outcome), epsilon), outcome, epsilon)[1]


@st.cache_resource(scope="session", show_spinner=False, max_entries=4)
def _within(key: tuple[int, float], _outcome: Outcome, _epsilon: float) -> tuple[Outcome, Report]:
    # The outcome is kept with it, so that no other one can come by its id.
    narrowed = _outcome.report.attempt.within(_epsilon)
    return _outcome, session.compute(lambda: report(_outcome.classifier, narrowed))


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
    st.dataframe(
        told_rows(rows),
        hide_index=True,
        width="stretch",
        key="attack_ledger",
    )
    st.download_button(
        t("Download CSV"),
        lambda: ledger.to_csv(rows),
        file_name="ledger.csv",
        mime="text/csv",
        icon=":material/table:",
        on_click="ignore",
        key="attack_csv",
    )


def told_rows(rows: Sequence[ledger.Row]) -> list[dict[str, str]]:
    """Write the ledger's rows by the names of their columns, the newest attempt first."""
    return [_told(row) for row in reversed(rows)]


def _told(row: ledger.Row) -> dict[str, str]:
    unit = NORMS[row.norm].unit_name
    yes, no = "✓", "–"
    told = {
        t("Photo"): row.photo,
        t("Method"): t(METHOD_NAMES.get(row.attack, row.attack)).split(":")[0],
        "ε": "–" if row.epsilon is None else short(row.epsilon) + unit,
        t("Before"): _answer(row.before[0].class_name, row.before[0].probability),
        t("After"): _answer(row.after[0].class_name, row.after[0].probability),
        t("Fooled"): yes if row.success else no,
        "L∞": f"{row.linf}/255",
        "L2": number(row.l2, 2),
        t("Pixels changed"): percent(row.changed, 1),
        "PSNR": "∞" if np.isinf(row.psnr) else number(row.psnr, 1) + " dB",
        "SSIM": "–" if np.isnan(row.ssim) else number(row.ssim, 4),
        t("Steps"): number(row.steps),
        t("Seconds"): number(row.seconds, 1),
    }
    for name, title in ledger.SURVIVAL_NAMES.items():
        told[sentence(t(title))] = yes if getattr(row.survives, name) else no
    for other in row.transfer:
        answer = _answer(other.after.class_name, other.after.probability)
        told[network_title(other.network)] = f"{yes if other.fooled else no} {answer}"
    return told


def _answer(name: str, probability: float) -> str:
    return f"{class_name(name)} {percent(probability, 1)}"


# The laboratory


def transfer_lines(row: ledger.Row) -> None:
    """Say what other networks make of the changed photo."""
    for other in row.transfer:
        wanted = "–" if other.wanted is None else percent(other.wanted, 1)
        text = (
            t(
                "**{network}** is fooled too: {answer} ({share}); probability of what was wanted {wanted}.",
                network=plain(network_title(other.network)),
                answer=plain(class_name(other.after.class_name)),
                share=percent(other.after.probability, 1),
                wanted=wanted,
            )
            if other.fooled
            else t(
                "**{network}** is not fooled: {answer} ({share}); probability of what was wanted {wanted}.",
                network=plain(network_title(other.network)),
                answer=plain(class_name(other.after.class_name)),
                share=percent(other.after.probability, 1),
                wanted=wanted,
            )
        )
        st.markdown(f"- {text}")


def network_title(name: str) -> str:
    """Give a network's name for people."""
    titles = {entry.name: entry.title for entry in catalogue.ENTRIES}
    return titles.get(name, name)


def probability_chart(history: Mapping[str, Sequence[float]], names: Mapping[str, str]) -> None:
    """Draw the probabilities of a run against its steps.

    Args:
        history: scalars by name.
        names: what to draw, and what to call it.
    """
    title = t("Probabilities")
    figure = go.Figure()
    for name, label in names.items():
        values = list(history.get(name, ()))
        shown = html.escape(label, quote=False)  # Plotly knows some HTML
        figure.add_scatter(x=list(range(1, len(values) + 1)), y=values, name=shown, mode="lines")
    figure.update_layout(
        title=title,
        height=290,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        xaxis_title=t("step"),
        yaxis={"range": [-0.02, 1.02], "tickformat": ".0%"},
        legend={"orientation": "h", "y": -0.3},
        showlegend=True,
    )
    st.plotly_chart(figure.update_layout(separators=separators()), key="attack_p", alt=title)


def needed_chart(found: Mapping[str, robustness.Needed], norm: loop.NormName) -> None:
    """Draw how much each network needs."""
    title = t("The smallest ε that fools, per network")
    names = [network_title(name) for name in found]
    values = [f.most if f.epsilon is None else f.epsilon for f in found.values()]
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
    figure = go.Figure(go.Bar(x=values, y=names, text=texts, orientation="h", textposition="auto"))
    figure.update_layout(
        title=title,
        height=90 + 50 * len(names),
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        xaxis={"title": "ε", "rangemode": "tozero"},
        yaxis={"autorange": "reversed"},
    )
    st.plotly_chart(
        figure.update_layout(separators=separators()), key="attack_needed_chart", alt=title
    )


def accuracy_chart(points: Sequence[robustness.Point]) -> None:
    """Draw accuracy under attack against ε."""
    title = t("Accuracy under attack")
    places = [short(point.epsilon) for point in points]
    figure = go.Figure()
    for name, values in (
        (t("unrounded"), [point.accuracy for point in points]),
        (t("saved in 8 bits"), [point.accuracy_saved for point in points]),
    ):
        figure.add_scatter(x=places, y=values, name=name, mode="lines+markers")
    figure.update_layout(
        title=title,
        height=300,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        xaxis={"title": t("ε in 1/255"), "type": "category"},
        yaxis={"range": [-0.02, 1.02], "tickformat": ".0%"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )
    st.plotly_chart(
        figure.update_layout(separators=separators()), key="attack_curve_chart", alt=title
    )


def defence_table(found: Sequence[defences.Finding]) -> None:
    """Show what each defence costs, gains, and what is left of the gain."""
    first = found[0]
    rows = []
    for finding in found:
        name = t(defences.DEFENCES[finding.defence].title) if finding.defence else t("none")
        rows.append(
            {
                t("Defence"): sentence(name),
                t("Right without attack"): percent(finding.clean),
                t("Cost"): percent(finding.clean - first.clean),
                t("Right, attacker unaware"): percent(finding.attacked),
                t("Gain"): percent(finding.attacked - first.attacked),
                t("Right, attacked through it"): percent(finding.adaptive),
                t("Fooled, attacker unaware"): percent(finding.fooled),
                t("Fooled, attacked through it"): percent(finding.fooled_adaptive),
            }
        )
    st.dataframe(rows, hide_index=True, width="stretch", key="attack_defence_table")


def defence_run(
    classifier: Classifier, photo: Image.Image, plan: Plan, names: Sequence[str], *, samples: bool
) -> Steps[tuple[defences.Finding, ...]]:
    """Measure defences on the photo, or on the sample photos."""
    settings = replace(plan.settings, steps=min(plan.settings.steps, 40), restarts=1)
    if not samples:
        goal = goal_for(classifier, photo, plan.target)
        assert goal.true_id is not None
        prepared = photos.prepare(photo, classifier.input_size)
        yield from defences.compare(
            classifier, prepared, [goal.true_id], settings, names=names, goals=[goal]
        )
        return
    album = robustness.sample_album(classifier)
    goals: list[Goal] | None = None
    if plan.target is not None:
        goals = [Goal(plan.target, targeted=True, true_id=c) for c in album.classes]
    yield from defences.compare(
        classifier, album.pictures, album.classes, settings, names=names, goals=goals
    )


def curve_run(classifier: Classifier) -> Steps[tuple[robustness.Point, ...]]:
    """Measure the accuracy under attack on the sample photos."""
    album = robustness.sample_album(classifier)
    yield from robustness.accuracy_under_attack(
        classifier, album.pictures, album.classes, loop.Settings(steps=20)
    )


def sticker_run(
    classifier: Classifier, class_id: int, steps: int, extra: torch.Tensor
) -> Steps[sticker.Sticker]:
    """Make a sticker on the sample photos and the chosen one."""
    album = robustness.sample_album(classifier)
    pictures = torch.cat([album.pictures, extra])
    yield from sticker.make(classifier, pictures, class_id, sticker.Settings(steps=steps))


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
            file_name=f"sticker-{made.class_id}.png",
            mime="image/png",
            icon=":material/print:",
            on_click="ignore",
            key="attack_sticker_png",
        )
