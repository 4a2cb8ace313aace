"""Adversarial attack: a photo is changed, within ε, until the network sees something else."""

import streamlit as st

from core import photos
from core.attacks import loop
from core.attacks.goal import goal_for
from core.attacks.norm import NORMS
from core.attacks.report import Report, amplify, report
from core.jobs import Snapshot, scheduler
from core.problem import N_
from core.steps import Pixels, Steps
from pages.kit import entry, layout, live, pickers, plots, session
from pages.kit.language import number, percent, plain, remember_choice, t
from pages.kit.registry import ATTACK

entry.only_through_app()

JOB = "attack"
FAVOURITES = ("tabby", "Siamese cat", "zebra")
NORM_NAMES: dict[loop.NormName, str] = {"linf": N_("L∞: each pixel"), "l2": N_("L2: all together")}

layout.heading(t(ATTACK.title), t(ATTACK.promise))
classifier = session.classifier()
layout.network_line(classifier)
photo = session.photo(ATTACK.default_photo)
job = session.job(JOB)

controls = st.columns([5, 4, 4, 2], gap="medium")
with controls[0]:
    target = pickers.class_id(t("To be seen as"), classifier.labels, "attack_class", FAVOURITES)
with controls[1]:
    norm = st.selectbox(
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
with controls[2]:
    if norm == "linf":
        epsilon = st.slider(
            t("ε – at most, in 1/255"),
            0.0,
            16.0,
            4.0,
            step=0.5,
            format="%.1f",
            key="attack_epsilon_linf",
            persist_state="session",
            help=t(
                "A pixel's brightness goes from 0 to 255; with ε = 4 none may change by more than 4."
            ),
        )
    else:
        epsilon = st.slider(
            t("ε – at most, as a length"),
            0.0,
            10.0,
            3.0,
            step=0.25,
            key="attack_epsilon_l2",
            persist_state="session",
            help=t("The root of all squared changes, with brightness from 0 to 1."),
        )
with controls[3]:
    steps = st.number_input(
        t("Steps"), 1, 500, 40, step=10, key="attack_steps", persist_state="session"
    )


def start() -> None:
    """Submit the attack; the one before it, if any, is replaced."""
    settings = loop.Settings(norm=norm, epsilon=epsilon, steps=int(steps))

    def run() -> Steps[loop.Attempt]:
        goal = goal_for(classifier, photo, target)
        prepared = photos.prepare(photo, classifier.input_size)
        yield from loop.attack(classifier, prepared, goal, settings)

    scheduler().submit(session.owner(), JOB, run, lambda last: report(classifier, last.result))


live.start_and_stop("attack", job, start, t("Attack"))
progress = st.container()
before, change, after = st.columns(3, gap="medium")
with before:
    original_place = st.empty()
with change:
    change_place = st.empty()
with after:
    result_place = st.empty()
curve_place = st.empty()


def show(place: st.delta_generator.DeltaGenerator, pixels: Pixels, caption: str) -> None:
    """Put a picture with its caption into a place."""
    place.image(live.data_uri(pixels, quality=92), caption=caption, width="stretch", alt=caption)


def draw(snapshot: Snapshot) -> None:
    """Show the photo as it is being changed."""
    if snapshot.step is None or isinstance(snapshot.result, Report):
        return
    original = photos.to_pixels(snapshot.step.result.original)
    changed = snapshot.step.picture
    difference, factor = amplify(original, changed)
    show(original_place, original, t("The photo"))
    show(change_place, difference, t("The change, ×{factor}", factor=factor))
    show(result_place, changed, t("The changed photo"))
    name = classifier.labels[snapshot.step.result.goal.class_id]
    curve = snapshot.history["probability"]
    label = t("Probability of {name}", name=name)
    plots.live_numbers(curve_place, [plots.LiveNumber(label, percent(curve[-1], 1), curve, True)])


def show_report(found: Report, snapshot: Snapshot) -> None:
    """Show both photos with what the network says of each, and the measures of the change."""
    difference, factor = amplify(found.original, found.adversarial)
    goal = found.attempt.goal.class_id
    show(original_place, found.original, t("The photo"))
    show(change_place, difference, t("The change, ×{factor}", factor=factor))
    show(result_place, found.adversarial, t("The changed photo"))
    with before:
        layout.prediction_bars(found.before, highlight=goal)
    with after:
        layout.prediction_bars(found.after, highlight=goal)
    with change:
        unit = NORMS[found.attempt.settings.norm].unit_name
        st.markdown(
            t(
                "- greatest change of a pixel (L∞): **{linf}/255**\n"
                "- length of the change (L2): **{l2}**\n"
                "- allowed was ε = {epsilon}{unit}\n"
                "- saved as PNG and read back: **{survives}**",
                linf=found.linf,
                l2=number(found.l2, 2),
                epsilon=f"{found.attempt.settings.epsilon:g}",
                unit=unit,
                survives=t("still fools it") if found.success_after_png else t("does not fool it"),
            )
        )
        st.download_button(
            t("Download PNG"),
            lambda: photos.encode_png(found.adversarial),
            file_name=f"adversarial-{goal}.png",
            mime="image/png",
            icon=":material/download:",
            on_click="ignore",
        )
    name = plain(classifier.labels[goal])
    if found.success_after_png:
        sentence = t(
            "The network now takes it for **{after}** ({share}); your eye still sees the photo on "
            "the left.",
            after=name,
            share=percent(found.after[0].probability, 1),
        )
        st.success(sentence, icon=":material/check_circle:")
    else:
        sentence = t(
            "Not fooled: with this little change the network does not say {name}. Allow a greater "
            "ε or more steps.",
            name=name,
        )
        st.info(sentence, icon=":material/shield:")
    plots.curves(
        snapshot.history,
        ["probability"],
        t("step"),
        "attack_p",
        t("Probability of {name}", name=classifier.labels[goal]),
    )


snapshot = job.snapshot() if job else None
if snapshot and isinstance(snapshot.result, Report):
    if len(classifier.labels) > snapshot.result.attempt.goal.class_id:
        show_report(snapshot.result, snapshot)
elif not live.is_running(job):
    seen = photos.to_pixels(photos.prepare(photo, classifier.input_size))
    show(original_place, seen, t("The photo"))
    change_place.caption(t("Here you will see the change, amplified …"))
    result_place.caption(t("… and here the photo that the network takes for something else."))

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
if job:
    live.watch(job, draw, place=progress)
