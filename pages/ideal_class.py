"""Ideal class: gradient descent draws what the network takes for the ideal of a class."""

import numpy as np
import streamlit as st

from core import photos
from core.jobs import Snapshot, scheduler
from core.problem import N_
from core.steps import Pixels
from core.synthesis import loop
from core.synthesis.presets import LESSON_TV, PRESETS
from core.synthesis.verdict import Verdict, judge
from core.zoo import catalogue
from pages.kit import entry, layout, live, pickers, plots, session
from pages.kit.language import number, percent, plain, remember_choice, sentence, t
from pages.kit.registry import IDEAL

entry.only_through_app()

JOB = "ideal"
FAVOURITES = ("Siamese cat", "tabby", "zebra", "golden retriever")
PRESET_NAMES = {"best": N_("At its best"), "lesson": N_("As in the lesson")}
TV_WEIGHTS = (0, 1, 3, 10, 30, 100, 300, 1000, 2000, 5000, 10_000, LESSON_TV, 50_000)


def stretched(pixels: Pixels) -> Pixels:
    """Stretch a picture's contrast for the eye: its 1st to 99th percentile fill the range."""
    low, high = np.percentile(pixels, (1, 99))
    shares = (pixels - low) / max(1.0, high - low)
    return (shares * 255).clip(0, 255).astype(np.uint8)


layout.heading(t(IDEAL.title), t(IDEAL.promise))
classifier = session.classifier()
job = session.job(JOB)

left, right = st.columns([1, 1], gap="large")
with left:
    target = pickers.class_id(t("Class"), classifier.labels, "ideal_class", FAVOURITES)
    preset_name = st.segmented_control(
        t("How"),
        list(PRESET_NAMES),
        format_func=lambda name: t(PRESET_NAMES[name]),
        default="best",
        required=True,
        key=remember_choice("ideal_preset"),
        persist_state="session",
        help=t(
            "At its best: waves instead of pixels, seen from changing places. As in the lesson: "
            "bare pixels, cross-entropy and total variation."
        ),
    )
    preset = PRESETS[preset_name]
    tv = st.select_slider(
        t("Weight of the total variation"),
        TV_WEIGHTS,
        value=preset.settings.tv,
        format_func=lambda weight: number(weight),
        key=remember_choice(f"ideal_tv_{preset_name}"),
        persist_state="session",
        help=t(
            "Total variation is how much neighbouring pixels differ. Its weight turns noise into "
            "smooth shapes; too much leaves a grey sheet. The lesson's own weight is {weight}.",
            weight=number(LESSON_TV),
        ),
    )
    columns = st.columns(2)
    steps = columns[0].number_input(
        t("Steps"),
        1,
        2000,
        preset.settings.steps,
        step=32,
        key="ideal_steps",
        persist_state="session",
    )
    seed = columns[1].number_input(
        t("Seed"),
        0,
        2**31 - 1,
        0,
        key="ideal_seed",
        persist_state="session",
        help=t("The same seed and settings give the same picture, bit for bit."),
    )

    def start() -> None:
        """Submit the run; the one before it, if any, is replaced."""
        objective = preset.objective(target)
        settings = preset.changed(tv=float(tv), steps=int(steps), seed=int(seed))
        scheduler().submit(
            session.owner(),
            JOB,
            lambda: loop.synthesise(classifier, objective, settings),
            lambda last: judge(classifier, last.result),
        )

    live.start_and_stop("ideal", job, start, t("Draw"))
with right:
    progress = st.container()
    canvas = st.empty()
    stretch = st.toggle(
        t("Stretch the contrast"),
        key="ideal_stretch",
        persist_state="session",
        help=t("For the eye only: the lesson's pictures are nearly flat at their true scale."),
    )
    numbers = st.empty()


def draw(snapshot: Snapshot) -> None:
    """Show the picture as it stands, and its curves so far."""
    if snapshot.step is None:
        return
    pixels = snapshot.step.picture
    name = classifier.labels[snapshot.step.result.objective.class_id]
    canvas.image(
        live.data_uri(stretched(pixels) if stretch else pixels),
        width="stretch",
        alt=t("The picture after {done} steps", done=snapshot.step.index),
    )
    curve = snapshot.history["probability"]
    shown = [
        plots.LiveNumber(t("Probability of {name}", name=name), percent(curve[-1], 1), curve, True)
    ]
    for term in ("class loss", "TV loss"):
        values = snapshot.history[term]
        shown.append(plots.LiveNumber(sentence(t(term)), number(values[-1], 2), values))
    plots.live_numbers(numbers, shown)


def show_verdict(verdict: Verdict, snapshot: Snapshot) -> None:
    """Show what the networks say of the finished picture, and how to keep it."""
    st.subheader(t("What it means"), anchor=False)
    asked = (verdict.own, *verdict.others)
    agree = sum(o.class_name == verdict.target for o in verdict.others)
    st.markdown(
        t(
            "Of {others} networks that never saw this run, **{agree}** recognise it as "
            "**{name}**. That is the honest score of an ideal picture: any network is sure of what "
            "was made for it.",
            others=len(verdict.others),
            agree=agree,
            name=plain(verdict.target),
        )
    )
    for column, opinion in zip(st.columns(len(asked)), asked, strict=True):
        own = opinion is verdict.own
        network = catalogue_title(opinion.model)
        column.metric(
            t("{network} · drew it", network=network) if own else network,
            percent(opinion.target_probability or 0, 1),
            delta=t("sees: {name}", name=plain(opinion.class_name)),
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
    synthesis = verdict.synthesis
    st.download_button(
        t("Download PNG"),
        lambda: photos.encode_png(synthesis.pixels, synthesis.recipe()),
        file_name=f"ideal-{synthesis.objective.class_id}-seed{synthesis.settings.seed}.png",
        mime="image/png",
        icon=":material/download:",
        on_click="ignore",
        help=t(
            "{size}×{size} pixels; how it was made is written into the file.",
            size=synthesis.settings.size,
        ),
    )
    charts = st.columns(2)
    with charts[0]:
        plots.curves(snapshot.history, ["probability"], t("step"), "ideal_p", t("Probability"))
    with charts[1]:
        plots.curves(
            snapshot.history,
            ["class loss", "TV loss"],
            t("step"),
            "ideal_loss",
            t("Loss, term by term"),
        )


def catalogue_title(name: str) -> str:
    """A network's name for people; the visitor's own one has none in the catalogue."""
    return t("Your network") if name == session.OWN else catalogue.entry(name).title


if job is None:
    canvas.info(t("Press the button: a picture will grow here out of noise."), icon="🎨")
else:
    snapshot = job.snapshot()
    if isinstance(snapshot.result, Verdict):
        show_verdict(snapshot.result, snapshot)

layout.why(
    t("Why does it work?"),
    t(
        "Training changes the network so that photos get the right answer. Here the network "
        "stays as it is and the *picture* changes: the gradient tells for every pixel whether "
        "brighter or darker means more of the class. Without help descent finds noise that no eye "
        "can read. Total variation punishes noise; painting with waves and looking from changing "
        "places favours shapes even more."
    ),
    r"\min_{x}\; -z_{\text{class}}(x) + \lambda_{TV}\,\overline{|\nabla x|}"
    if preset.objective_name == "logit"
    else r"\min_{x}\; -\log p_{\text{class}}(x) + \lambda_{TV}\,\overline{|\nabla x|}",
    [loop.synthesise],
)
if job:
    live.watch(job, draw, place=progress)
