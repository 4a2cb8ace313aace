"""Ideal class: gradient descent draws what the network takes for the ideal of a class."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import streamlit as st

from core import photos
from core.jobs import Snapshot, State, scheduler
from core.predictions import Opinion
from core.problem import Problem
from core.steps import Pixels, Step
from core.synthesis import lesson, loop, recipe, record
from core.synthesis.objective import ClassLogit, CrossEntropy, classes_of
from core.synthesis.presets import PRESETS
from core.synthesis.verdict import Sitting, Verdict, judge
from core.zoo import catalogue
from core.zoo.classifier import Classifier
from pages.kit import drawing as kit
from pages.kit import entry, files, layout, live, plots, session, wall
from pages.kit.language import class_name, number, percent, plain, say, sentence, t
from pages.kit.registry import IDEAL

entry.only_through_app()

JOB = "ideal"
MORE_STEPS = 200
FILMS: tuple[record.FilmFormat, ...] = ("webp", "gif")
LOSSES = ("class loss", *loop.PENALTY_NAMES.values())

layout.heading(t(IDEAL.title), t(IDEAL.promise))
classifier = session.classifier()
job = session.job(JOB)
running = live.is_running(job)

controls, buttons, right = layout.workbench((2, 3))
with controls:
    objective, title = kit.target(classifier)
    preset_name = st.session_state.get("ideal_preset") or "best"
    tv = kit.tv_weight(preset_name)
    columns = st.columns(2)
    steps = columns[0].number_input(
        t("Steps"),
        1,
        2000,
        PRESETS[preset_name].settings.steps,
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
with right:
    progress = st.container()
    pictures = st.container()
    stretch = st.toggle(
        t("Stretch the contrast"),
        key="ideal_stretch",
        persist_state="session",
        help=t("For the eye only: the lesson's pictures are nearly flat at their true scale."),
    )
results = st.container()
with st.expander(t("More dials"), icon=":material/tune:"):
    preset_name = kit.preset_choice()
    values = kit.more_dials(preset_name, classifier)
    problem: Problem | None = None
    try:
        settings = PRESETS[preset_name].changed(**values, tv=tv, steps=int(steps), seed=int(seed))
    except Problem as found:
        problem, settings = found, PRESETS[preset_name].settings


def start() -> None:
    """Submit a drawing; the one before it, if any, is replaced."""
    wanted, chosen = kit.planned(classifier, objective, settings)
    photo = kit.start_photo(chosen.photo)
    drawing = scheduler().call(lambda: loop.Drawing(classifier, wanted, chosen, photo))
    _submit(Sitting(drawing, int(steps)))


def go_on(verdict: Verdict, history: Mapping[str, Sequence[float]]) -> None:
    """Draw on from where the picture stands."""
    _submit(Sitting(kit.easel()["sitting"].drawing, MORE_STEPS, verdict.record), history)


def _submit(sitting: Sitting, history: Mapping[str, Sequence[float]] | None = None) -> None:
    kit.easel()["sitting"] = sitting
    # The drawing's own network: another one may have been chosen since it was begun.
    network = sitting.drawing.classifier
    session.start_job(JOB, sitting.resume, lambda last: _judged(network, last), history)


def _judged(network: Classifier, last: Step[record.Record]) -> Verdict | None:
    return judge(network, last.result) if last.result else None


def start_lesson() -> None:
    """Submit the lesson: the same seed without and with total variation, then at its best."""
    (class_id,) = classes_of(objective)
    kit.easel().pop("sitting", None)
    session.start_job(
        JOB,
        partial(lesson.noise_or_cat, classifier, class_id, int(seed)),
        lambda last: lesson.compared(classifier, last.result or {}),
    )


with buttons:
    live.start_and_stop("ideal", job, start, t("Draw"), disabled=problem is not None)
    with st.container(horizontal=True):
        paused = job is not None and job.snapshot().state is State.PAUSED
        if running and job:
            st.button(
                t("Go on") if paused else t("Pause"),
                icon=":material/resume:" if paused else ":material/pause:",
                on_click=job.resume if paused else job.pause,
                key="ideal_pause",
            )
        else:
            st.button(
                t("Noise or cat?"),
                icon=":material/compare:",
                on_click=start_lesson,
                disabled=not isinstance(objective, ClassLogit | CrossEntropy),
                key="ideal_lesson",
                help=t(
                    "The lesson in one click: the same seed without and with total variation, "
                    "side by side, and then at its best."
                ),
            )
    if problem:
        st.error(say(problem), icon=":material/error:")
    if running and (sitting := kit.easel().get("sitting")):
        drawing = sitting.drawing
        begun = replace(drawing.settings, turns=(), tv=tv, learning_rate=settings.learning_rate)
        if begun != settings or objective != drawing.objective:
            st.info(t("The dials you have changed are for the next run."), icon=":material/info:")
            st.button(
                t("Start again with them"),
                icon=":material/restart_alt:",
                on_click=start,
                key="ideal_restart",
            )

with pictures:
    canvas = st.empty()
    reel = live.Reel()


def contrasted(pixels: Pixels) -> Pixels:
    """Give a picture as it is to be shown: stretched if that is wanted."""
    return kit.stretched(pixels) if stretch else pixels


def draw(snapshot: Snapshot) -> None:
    """Show the picture or the pictures as they stand, and the curves so far."""
    if snapshot.step is None or snapshot.step.result is None:
        return
    if isinstance(snapshot.step.result, record.Record):
        draw_one(snapshot)
    else:
        draw_lesson(snapshot.step.result, ended=snapshot.state.is_end)


@cache  # for this run of the page: a frame changes what is in the places, and makes no new ones
def _places() -> tuple[st.delta_generator.DeltaGenerator, ...]:
    """Lay out where a drawing, its numbers and the others' opinions go."""
    picture, beside = canvas.container().columns([3, 2], gap="medium")
    return picture.empty(), beside.empty(), beside.empty()


def draw_one(snapshot: Snapshot) -> None:
    """Show a drawing with its numbers and what others see in it."""
    assert snapshot.step is not None
    kept: record.Record = snapshot.step.result
    picture, numbers, told = _places()
    pixels = contrasted(kept.synthesis.pixels)
    reel.add(pixels)
    film = live.data_uri(pixels) if snapshot.state.is_end else reel.film()
    if film is None:
        return
    alt = t("The picture after {done} steps", done=snapshot.step.index)
    picture.image(film, width="stretch", alt=alt)
    curves = [_curve(snapshot.history, "probability", t("Probability"), share=True)]
    for name in ("second probability", "activation", *LOSSES):
        if any(snapshot.history.get(name, ())):
            share = name.endswith("probability")
            curves.append(_curve(snapshot.history, name, sentence(t(name)), share=share))
    plots.live_numbers(numbers, [curve for curve in curves if curve.history])
    if kept.opinions:
        opinions = "\n".join(f"- {_told(opinion)}" for opinion in kept.opinions)
        heading = t("**Others see**, after {done} steps:", done=kept.judged_after)
        told.markdown(f"{heading}\n{opinions}")


def _curve(
    history: Mapping[str, Sequence[float]], name: str, label: str, *, share: bool
) -> plots.LiveNumber:
    values = history.get(name, ())
    latest = values[-1] if values else 0.0
    return plots.LiveNumber(
        label, percent(latest, 1) if share else number(latest, 2), values, share
    )


def _told(opinion: Opinion) -> str:
    return t(
        "{network}: {name} ({share})",
        network=catalogue_title(opinion.model),
        name=plain(class_name(opinion.class_name)),
        share=percent(opinion.probability),
    )


@cache
def _take(number: int) -> tuple[live.Reel, tuple[st.delta_generator.DeltaGenerator, ...]]:
    """Lay out where one take of the lesson goes: its picture, and how sure the network is."""
    column = _columns()[number]
    picture, words = column.empty(), column.empty()
    words.caption(t("comes next …"))
    return live.Reel(), (picture, words)


@cache
def _columns() -> list[st.delta_generator.DeltaGenerator]:
    columns = canvas.container().columns(len(lesson.TAKES))
    for column, name in zip(columns, lesson.TAKES, strict=True):
        column.markdown(f"**{t(kit.TAKE_NAMES[name])}**")
    return columns


def draw_lesson(steps: lesson.Comparison, *, ended: bool) -> None:
    """Show the pictures of the lesson side by side, at their true scale."""
    for i, name in enumerate(lesson.TAKES):
        reel, (picture, words) = _take(i)
        step: Step[record.Record] | None = steps.get(name)
        if step is None or step.result is None:
            continue
        pixels = contrasted(step.result.synthesis.pixels)
        reel.add(pixels)
        film = live.data_uri(pixels) if ended else reel.film()
        if film is None:
            continue
        picture.image(film, width="stretch", alt=t(kit.TAKE_NAMES[name]))
        share = percent(step.scalars["probability"], 1)
        words.markdown(t("It is **{share}** sure of it.", share=share))


def show_verdict(verdict: Verdict, snapshot: Snapshot) -> None:
    """Show what the networks say of the finished picture, and how to keep it."""
    kit.keep(verdict, verdict.own[0].target if verdict.own else title)
    synthesis = verdict.synthesis
    st.subheader(t("What it means"), anchor=False)
    if verdict.own:
        agree = sum(o.class_name == o.target for o in verdict.others)
        st.markdown(
            t(
                "Of {others} opinions of networks that never saw this run, **{agree}** recognise it "
                "as **{name}**. That is the honest score of an ideal picture: any network is sure "
                "of what was made for it.",
                others=len(verdict.others),
                agree=agree,
                name=plain(" / ".join(dict.fromkeys(class_name(o.target) for o in verdict.own))),
            )
        )
        show_opinions((*verdict.own, *verdict.others), len(verdict.own))
    else:
        st.markdown(
            t(
                "This is what one channel looks for. Other networks have no such channel, so there "
                "is nobody to ask; look at what lights it up on the feature map page."
            )
        )
    film, keep = st.columns([3, 2], gap="large")
    with film:
        layout.label(t("How it grew"))
        kit.time_lapse(verdict.record)
    with keep:
        layout.label(t("Keep it, or go on"))
        st.button(
            t("{count} steps more", count=MORE_STEPS),
            icon=":material/forward:",
            on_click=go_on,
            args=(verdict, snapshot.history),
            disabled="sitting" not in kit.easel(),
            key="ideal_go_on",
        )
        st.download_button(
            t("Download PNG"),
            lambda: photos.encode_png(synthesis.pixels, recipe.write(synthesis)),
            file_name=kit.gallery()[0].file_name,
            mime="image/png",
            icon=":material/download:",
            on_click="ignore",
            help=t(
                "{size}×{size} pixels; how it was made is written into the file.",
                size=synthesis.settings.size,
            ),
        )
        for kind in FILMS:
            st.download_button(
                t("Download the time-lapse ({format})", format=kind.upper()),
                partial(record.animation, verdict.record, kind),
                file_name=f"time-lapse.{kind}",
                mime=f"image/{kind}",
                icon=":material/movie:",
                on_click="ignore",
                key=f"ideal_{kind}",
            )
        wall.send(synthesis, synthesis.model, "ideal_wall")
    show_curves(snapshot)


def show_opinions(asked: Sequence[Opinion], own: int) -> None:
    """Show a tile for each opinion; the first few are those of the network that drew it."""
    for i, (column, opinion) in enumerate(zip(st.columns(len(asked)), asked, strict=True)):
        network = catalogue_title(opinion.model)
        column.metric(
            t("{network} · drew it", network=network) if i < own else network,
            percent(opinion.target_probability or 0, 1),
            delta=t("sees: {name}", name=plain(class_name(opinion.class_name))),
            delta_color="off",
            delta_arrow="off",
            border=True,
        )


def show_curves(snapshot: Snapshot) -> None:
    """Show the run's curves: probabilities, and the loss term by term, weighted as the dials say."""
    charts = st.columns(2)
    scores = [
        n for n in ("probability", "second probability", "activation") if n in snapshot.history
    ]
    with charts[0]:
        plots.curves(snapshot.history, scores, t("step"), "ideal_p", sentence(t(scores[0])))
    terms = [name for name in LOSSES if name in snapshot.history]
    with charts[1]:
        plots.curves(snapshot.history, terms, t("step"), "ideal_loss", t("Loss, term by term"))


def show_lesson(verdicts: Mapping[str, Verdict]) -> None:
    """Show what the three pictures of the lesson mean."""
    st.subheader(t("What it means"), anchor=False)
    st.markdown(
        t(
            "The network that drew them is sure of all three. Without total variation it has found "
            "noise that no eye can read; with it, shapes begin. Ask networks that never saw the "
            "run: they tell noise from cat."
        )
    )
    for column, name in zip(st.columns(len(lesson.TAKES)), lesson.TAKES, strict=True):
        if name not in verdicts:
            continue
        kit.keep(verdicts[name], verdicts[name].own[0].target, name)
        with column:
            layout.label(t(kit.TAKE_NAMES[name]))
            asked = (*verdicts[name].own, *verdicts[name].others)
            st.markdown(
                "\n".join(
                    f"- {catalogue_title(o.model)}: **{percent(o.target_probability or 0, 1)}** · "
                    + t("sees: {name}", name=plain(class_name(o.class_name)))
                    for o in asked
                )
            )


def catalogue_title(name: str) -> str:
    """A network's name for people; the visitor's own one has none in the catalogue."""
    return t("Your network") if name == session.OWN else catalogue.entry(name).title


def show_gallery() -> None:
    """Show this session's pictures, to download or to take their dials."""
    layout.label(t("This session's pictures"))
    columns = st.columns(6)
    for i, kept in enumerate(kit.gallery()):
        caption = kit.caption(kept)
        with columns[i % len(columns)]:
            st.image(
                live.data_uri(np.asarray(photos.decode(kept.png, kept.file_name))),
                caption=plain(caption),
                width="stretch",
                alt=caption,
            )
            with st.container(horizontal=True):
                st.download_button(
                    t("PNG"),
                    kept.png,
                    kept.file_name,
                    "image/png",
                    key=f"ideal_kept_{i}",
                    on_click="ignore",
                )
                st.button(
                    t("Dials"),
                    on_click=kit.restore,
                    args=(kept.png, kept.file_name),
                    key=f"ideal_dials_{i}",
                    help=t("Set all dials as for this picture."),
                )


snapshot = job.snapshot() if job else None
result = snapshot.result if snapshot else None
with results:
    ended = [result] if isinstance(result, Verdict) else list(result.values()) if result else []
    kit.notices(ended)
    if isinstance(result, Verdict) and snapshot:
        show_verdict(result, snapshot)
    elif result:
        show_lesson(result)
    if kit.gallery():
        show_gallery()
if job is None:
    canvas.info(
        t("Press the button: a picture will grow here out of noise."), icon=":material/palette:"
    )

with st.expander(t("Draw a saved picture again"), icon=":material/receipt_long:"):
    dropped_in = files.ask(
        st.file_uploader,
        t("A PNG that was downloaded here"),
        key="ideal_recipe_file",
        changed=kit.receive_recipe,
        type="png",
        max_upload_size=photos.MAX_BYTES // 10**6,
        help=t("Its recipe is in the file: network, class, all dials and the seed."),
    )
    if dropped_in:
        st.caption(t("If you remove it, the dials stay as they are."))

layout.why(
    t("Why does it work?"),
    t(
        "Training changes the network so that photos get the right answer. Here the network "
        "stays as it is and the *picture* changes: the gradient tells for every pixel whether "
        "brighter or darker means more of the class. Without help descent finds noise that no eye "
        "can read. Total variation punishes noise; painting with waves and looking from changing "
        "places favours shapes even more."
    ),
    kit.formula(objective, settings),
    [loop.Drawing.steps],
)
if job:
    live.watch(job, draw, place=progress)
