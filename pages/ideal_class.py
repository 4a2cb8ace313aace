"""Ideal class: gradient descent draws what the network takes for the ideal of a class."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import streamlit as st

from core.export import drawing_script as takeaway
from core.images import photos
from core.problem import Problem
from core.server.jobs import Snapshot, State
from core.server.scheduler import scheduler
from core.steps import Pixels, Step
from core.synthesis import comparisons, loop, recipe, record
from core.synthesis.objective import ClassLogit, CrossEntropy, classes_of
from core.synthesis.presets import PRESETS
from core.synthesis.verdict import RecordedDrawing, Verdict, judge
from core.zoo.classifier import Classifier
from pages.parts.ideal_class import drawing as parts
from pages.parts.ideal_class import drawn
from pages.parts.shared import entry, files, layout, live, save, scenes, session, wall
from pages.parts.shared.language import plain, say, t
from pages.parts.shared.registry import IDEAL

entry.only_through_app()

JOB = "ideal"
MORE_STEPS = 200
FILMS: tuple[record.FilmFormat, ...] = ("webp", "gif")

layout.heading(t(IDEAL.title), t(IDEAL.promise))
classifier = session.classifier()
job = session.job(JOB)
running = live.is_running(job)

if job is None:
    parts.comparison().clear()  # a scene was opened, which begins without the pictures before

place = layout.workbench(wide=bool(parts.comparison()), folded=bool(scenes.question(IDEAL)))
with place.settings:
    objective = parts.target(classifier)
    preset_name = st.session_state.get("ideal_preset") or "best"
    values = {"tv": parts.ask("tv", preset_name, captioned=False)}
with place.progress:
    layout.in_sight(live.run_number(job), "ideal_buttons")
canvas = place.picture.empty()
with place.below:
    stretch = st.toggle(
        t("Stretch the contrast"),
        key="ideal_stretch",
        persist_state="session",
        help=t("For the eye only: the lesson's pictures are nearly flat at their true scale."),
    )
results = st.container(key="results")
with st.expander(t("More settings"), icon=":material/tune:"):
    preset_name = parts.preset_choice()
    columns = st.columns([1, 1, 2])
    for column, name in zip(columns, ("steps", "seed"), strict=False):
        with column:
            values[name] = parts.ask(name, preset_name, captioned=False)
    values |= parts.more_settings(preset_name, classifier)
    problem: Problem | None = None
    try:
        settings = PRESETS[preset_name].changed(**values)
    except Problem as found:
        problem, settings = found, PRESETS[preset_name].settings


def start() -> None:
    """Submit a drawing; the one before it, if any, is replaced."""
    parts.comparison().clear()
    wanted, chosen = parts.planned(classifier, objective, settings)
    photo = parts.start_photo(chosen.photo)
    drawing = scheduler().call(lambda: loop.Drawing(classifier, wanted, chosen, photo))
    _submit(RecordedDrawing(drawing, settings.steps))


def go_on(verdict: Verdict, history: Mapping[str, Sequence[float]]) -> None:
    """Draw on from where the picture stands."""
    _submit(
        RecordedDrawing(parts.in_progress()["drawing"].drawing, MORE_STEPS, verdict.record), history
    )


def _submit(run: RecordedDrawing, history: Mapping[str, Sequence[float]] | None = None) -> None:
    parts.in_progress()["drawing"] = run
    # The drawing's own network: another one may have been chosen since it was begun.
    network = run.drawing.classifier
    session.start_job(JOB, run.resume, lambda last: _judged(network, last), history)


def _judged(network: Classifier, last: Step[record.Record]) -> Verdict | None:
    return judge(network, last.result) if last.result else None


def start_comparison(name: str) -> None:
    """Submit several drawings of the same seed, which are shown beside each other."""
    (class_id,) = classes_of(objective)
    parts.in_progress().pop("drawing", None)
    parts.comparison()[:] = [name]
    if name == parts.BOTH:
        networks = parts.both()
        run = partial(comparisons.by_both, networks, classifier.labels[class_id], settings.seed)
    else:
        networks = dict.fromkeys(parts.COMPARISONS[name].takes, classifier)
        run = partial(parts.COMPARISONS[name].run, classifier, class_id, settings.seed)
    session.start_job(JOB, run, lambda last: comparisons.compared(networks, last.result or {}))


def offered(name: str) -> bool:
    """Return whether a comparison can be made here at all."""
    wanted = [classifier.labels[class_id] for class_id in classes_of(objective)]
    return name != parts.BOTH or all(
        title in network.labels for network in parts.both().values() for title in wanted
    )


if parts.is_to_be_drawn() and not running and problem is None:
    start()
    st.rerun()

with place.buttons:
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
            for name, compared in parts.COMPARISONS.items():
                if name == parts.BOTH and not parts.both():
                    continue
                st.button(
                    t(compared.label),
                    icon=compared.icon,
                    on_click=start_comparison,
                    args=(name,),
                    disabled=not (
                        isinstance(objective, ClassLogit | CrossEntropy) and offered(name)
                    ),
                    key=f"ideal_{name}",
                    help=t(compared.help),
                )
    if problem:
        st.error(say(problem), icon=":material/error:")
    if running and (run := parts.in_progress().get("drawing")):
        drawing = run.drawing
        live_now = {name: getattr(settings, name) for name in loop.LIVE}
        begun = replace(drawing.settings, turns=(), **live_now)
        if begun != settings or objective != drawing.objective:
            st.info(
                t("The settings you have changed are for the next run."), icon=":material/info:"
            )
            st.button(
                t("Start again with them"),
                icon=":material/restart_alt:",
                on_click=start,
                key="ideal_restart",
            )


def contrasted(pixels: Pixels) -> Pixels:
    """Return a picture as it is to be shown: stretched if that is wanted."""
    return parts.stretched(pixels) if stretch else pixels


@cache  # for this run of the page: a frame changes what is in the places, and makes no new ones
def shown() -> drawn.Canvas | drawn.Abreast:
    """Lay out where the drawing, or the drawings, go."""
    if parts.comparison():
        takes = parts.COMPARISONS[parts.comparison()[0]].takes
        return drawn.Abreast.laid_out(canvas, {take: parts.take_heading(take) for take in takes})
    with place.beside:
        return drawn.Canvas(canvas, st.empty(), st.empty())


def draw(snapshot: Snapshot) -> None:
    """Show the picture or the pictures as they stand."""
    shown().show(snapshot, contrasted)


def _script(synthesis: loop.Synthesis) -> str:
    return takeaway.script(session.network_named(synthesis.model), synthesis)


def show_verdict(verdict: Verdict, snapshot: Snapshot) -> None:
    """Show how to keep a finished picture, real photos beside it, and the run's curves."""
    kept = parts.keep(verdict)
    synthesis = verdict.synthesis
    with st.container(horizontal=True):
        st.button(
            t("{count} steps more", count=MORE_STEPS),
            icon=":material/forward:",
            on_click=go_on,
            args=(verdict, snapshot.history),
            disabled="drawing" not in parts.in_progress(),
            key="ideal_go_on",
        )
        save.file(
            t("Download PNG"),
            lambda: photos.encode_png(synthesis.pixels, recipe.write(synthesis)),
            kept.file_name,
            "ideal_png",
            help=t(
                "{size}×{size} pixels; how it was made is written into the file.",
                size=synthesis.settings.size,
            ),
        )
        for kind in FILMS:
            save.file(
                t("Download the time-lapse ({format})", format=kind.upper()),
                partial(record.animation, verdict.record, kind),
                f"time-lapse-{kept.stem}.{kind}",
                f"ideal_{kind}",
                icon=":material/movie:",
            )
        save.code(partial(_script, synthesis), "ideal", "ideal_code")
        wall.send(synthesis, synthesis.model, "ideal_wall")
    drawn.real_ones(verdict)
    drawn.curves(snapshot)


def show_gallery() -> None:
    """Show this session's pictures, to download or to take their settings."""
    layout.label(t("This session's pictures"))
    columns = st.columns(6)
    for i, kept in enumerate(parts.gallery()):
        caption = parts.caption(kept)
        with columns[i % len(columns)]:
            st.image(
                live.data_uri(np.asarray(photos.decode(kept.png, kept.file_name))),
                caption=plain(caption),
                width="stretch",
                alt=caption,
            )
            with st.container(horizontal=True):
                save.file(
                    t("PNG"),
                    kept.png,
                    kept.file_name,
                    f"ideal_kept_{i}",
                    icon=None,
                )
                st.button(
                    t("Settings"),
                    on_click=parts.restore,
                    args=(kept.png, kept.file_name),
                    key=f"ideal_dials_{i}",
                    help=t("Set all settings as for this picture."),
                )


snapshot = job.snapshot() if job else None
result = snapshot.result if snapshot else None
ended = [result] if isinstance(result, Verdict) else list(result.values()) if result else []
if ended:
    with place.below:
        parts.tell_of(ended[0], objective, classifier)
with results:
    parts.notices(ended)
    if isinstance(result, Verdict) and snapshot:
        with place.beside:
            shown()  # the numbers come first
            drawn.meaning(st.container(), result)
        show_verdict(result, snapshot)
    elif result and job:
        compared = parts.COMPARISONS[parts.comparison()[0]]
        if layout.presenting():  # what the networks say of the pictures is to be seen, too
            layout.in_sight(f"{job.number} over", f"abreast_{len(compared.takes)}")
        st.markdown(t(compared.meaning))
        for name, one in result.items():
            parts.keep(one, name)
    if parts.gallery():
        show_gallery()
if job is None:
    canvas.info(
        t("Press the button: a picture will grow here out of noise."), icon=":material/palette:"
    )

with st.expander(t("Draw a saved picture again"), icon=":material/receipt_long:"):
    files.ask(
        st.file_uploader,
        t("A PNG that was downloaded here"),
        key="ideal_recipe_file",
        changed=parts.receive_recipe,
        type="png",
        max_upload_size=photos.MAX_BYTES // 10**6,
        help=t("Its recipe is in the file: network, class, all settings and the seed."),
    )
    parts.upload_notice()

layout.why(
    t("Why does it work?"),
    t(
        "Training changes the network so that photos get the right answer. Here the network "
        "stays as it is and the *picture* changes: the gradient tells for every pixel whether "
        "brighter or darker means more of the class. Without help descent finds noise that no eye "
        "can read. Total variation punishes noise; painting with waves and looking from changing "
        "places favours shapes even more."
    ),
    parts.formula(objective, settings),
    [loop.Drawing.steps],
)
if job:
    live.watch(job, draw, place=place.progress)
