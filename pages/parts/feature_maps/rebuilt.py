"""What is left: the photo rebuilt from what single layers make of it, and its caricature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st
from PIL import Image

from core.features.diagram import at_depth
from core.features.tour import DEPTHS
from core.images import photos
from core.problem import N_
from core.server.jobs import Job, Snapshot
from core.setting import settings_of
from core.steps import Pixels, Step
from core.synthesis import rebuilding, recipe, record
from core.synthesis.loop import Settings
from core.synthesis.rebuilding import Abreast, Rebuilt
from core.synthesis.verdict import RecordedDrawing
from core.zoo.classifier import Classifier
from pages.parts.feature_maps import maps
from pages.parts.feature_maps.follow import follow
from pages.parts.feature_maps.walk import place_of
from pages.parts.shared import layout, live, plots, save, session
from pages.parts.shared.language import number, plain, remember_choice, t
from pages.parts.shared.registry import MAPS
from pages.parts.shared.settings import widget

WAYS = {"rebuild": N_("Rebuild the photo"), "caricature": N_("Caricature")}
_PROMISES = {
    "rebuild": N_(
        "Five pictures grow out of noise. Each begins without the photo and sees only what one layer has made of it: descent looks for a picture from which the layer makes the same maps. **What does not come back, the layer has thrown away.**"
    ),
    "caricature": N_(
        "Descent changes the photo until what the chosen layer sees in it is there even more: the same channels, in the same places, only stronger. **What the layer goes by grows loud.** Choose the layer in the diagram."
    ),
}


def view(classifier: Classifier, photo: Image.Image, layer: str) -> None:
    """Let the photo be rebuilt from five depths, or be exaggerated for the chosen layer."""
    way = st.segmented_control(
        t("What to make of the photo"),
        list(WAYS),
        format_func=lambda choice: t(WAYS[choice]),
        default="rebuild",
        required=True,
        key=remember_choice("maps_way"),
        persist_state="session",
        label_visibility="collapsed",
    )
    depths = [at_depth(classifier, depth).name for depth in DEPTHS]
    layers = [layer] if way == "caricature" else list(dict.fromkeys(depths))
    job = _job_of(way, (*maps.photo_key(classifier, photo), *layers))
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="bottom")
    with right:
        tv = widget(
            settings_of(Settings)["tv"],
            rebuilding.WAYS[way].settings.tv,
            _tv_key(way),
            captioned=False,
            on_change=partial(_turn, way),
        )
    with left:
        st.markdown(t(_PROMISES[way]))
        live.start_and_stop(
            f"maps_{way}", job, partial(_start, classifier, photo, way, layers, tv), t("Draw")
        )
    if job is None:
        return
    layout.in_sight(live.run_number(job), f"maps_{way}_buttons")
    seen = maps.observed(classifier, photo).seen
    follow(job, lambda snapshot: _show(snapshot, classifier, seen, way, layers), seconds=1)
    if job.snapshot().result:
        _after(job, way)


def _job_of(way: str, made_of: tuple[object, ...]) -> Job | None:
    """Return the job that has drawn, or is drawing, what is chosen now; the key of the next one."""
    st.session_state[f"maps_{way}_chosen"] = made_of
    job = session.job(f"maps_{way}")
    if job is not None and job.snapshot().state.is_end:
        _growing().pop(way, None)
    return job if st.session_state.get(f"maps_{way}_of") == made_of else None


def _tv_key(way: str) -> str:
    return f"maps_tv_{way}"


@session.kept
def _growing() -> dict[str, Mapping[str, RecordedDrawing]]:
    """This session's running drawings by their way and layer, to change their settings."""
    return {}


def _start(
    classifier: Classifier, photo: Image.Image, way: str, layers: Sequence[str], tv: float
) -> None:
    settings = rebuilding.WAYS[way].planned(classifier, _name(photo), tv=tv)
    runs = session.compute(
        lambda: {
            layer: rebuilding.begin(classifier, way, layer, settings, photo) for layer in layers
        }
    )
    _growing()[way] = runs
    st.session_state[f"maps_{way}_of"] = st.session_state[f"maps_{way}_chosen"]

    def measured(last: Step[Abreast]) -> dict[str, Rebuilt]:
        return {
            layer: rebuilding.measured(classifier, photo, step.result)
            for layer, step in (last.result or {}).items()
            if step.result is not None
        }

    session.start_job(f"maps_{way}", partial(rebuilding.together, runs), measured)


def _name(photo: Image.Image) -> str:
    """Return what recipes call the chosen photo."""
    chosen = session.photo_id(MAPS.default_photo)
    is_sample = chosen in {sample.id for sample in photos.SAMPLES}
    return chosen if is_sample else session.recipe_name(photo)


def _turn(way: str) -> None:
    """Let a new weight of the total variation act on the drawings that are growing."""
    for run in _growing().get(way, {}).values():
        rate = run.drawing.settings.learning_rate
        run.drawing.turn(tv=float(st.session_state[_tv_key(way)]), learning_rate=rate)


def _show(
    snapshot: Snapshot, classifier: Classifier, seen: Pixels, way: str, layers: Sequence[str]
) -> None:
    """Show the photo and the pictures as they stand, each with how alike it is once it is done."""
    growing: Abreast = (snapshot.step.result if snapshot.step else None) or {}
    results: Mapping[str, Rebuilt] = snapshot.result or {}
    places = st.columns(1 + len(layers), gap="small")
    with places[0]:
        layout.label(t("The photo"))
        layout.picture(seen, t("What the network sees"), t("The photo"))
    for place, layer in zip(places[1:], layers, strict=False):
        with place:
            layout.label(_numbered(classifier, layer))
            if (step := growing.get(layer)) is None or step.result is None:
                st.caption(t("comes next …"))
                continue
            alt = t("Drawn from the maps of {layer}", layer=layer)
            layout.picture(step.result.synthesis.pixels, plain(layer), alt)
            found = results.get(layer)
            if found is not None:
                st.markdown(_told(found, way))
            _curve(snapshot.history[f"{layer} · class loss"], way)
            if found is not None:
                _downloads(found, f"{way}-{classifier.provenance.network}-{layer}", layer)


def _curve(losses: Sequence[float], way: str) -> None:
    """Show how near the maps have come to what is wanted of them, and the way there."""
    if way == "caricature":
        strengths = [-loss for loss in losses]
        number_now = plots.LiveNumber(t("Strength"), number(strengths[-1], 2), strengths)
    else:
        number_now = plots.LiveNumber(t("Difference of the maps"), number(losses[-1], 2), losses)
    plots.live_numbers(st.empty(), [number_now])


def _told(found: Rebuilt, way: str) -> str:
    if way == "caricature":
        return t("**{times} times** as strong", times=number(found.strength, 1))
    return t("similarity **{similarity}**", similarity=number(found.similarity, 2))


def _numbered(classifier: Classifier, layer: str) -> str:
    return t("Layer {number} of {count}", **place_of(classifier, layer))


def _downloads(found: Rebuilt, stem: str, layer: str) -> None:
    synthesis = found.record.synthesis
    save.file(
        t("PNG"),
        lambda: photos.encode_png(synthesis.pixels, recipe.write(synthesis)),
        f"{stem}.png",
        f"maps_rebuilt_png_{layer}",
    )
    save.file(
        t("Time-lapse"),
        lambda: record.animation(found.record, "webp"),
        f"time-lapse-{stem}.webp",
        f"maps_rebuilt_film_{layer}",
    )


def _after(job: Job, way: str) -> None:
    """Say what is lost, and how the numbers are read."""
    results: Mapping[str, Rebuilt] = job.snapshot().result or {}
    if way == "caricature":
        st.caption(
            t(
                "As strong: how much of what the photo's maps say is in those of the picture, 1 for the photo itself. The PNG carries its recipe."
            )
        )
        return
    layers = list(results)
    st.markdown(
        t(
            "The deeper the layer, the less comes back: a similarity of {first} from the first one, {last} from the last. Exact colours go first, then fine lines, at last where things are: what is left is what the network goes on with.",
            first=number(results[layers[0]].similarity, 2),
            last=number(results[layers[-1]].similarity, 2),
        )
    )
    st.caption(
        t(
            "Similarity: the structural similarity (SSIM) with the photo, 1 for the same picture and about 0 where nothing is in common. The maps differ by 0 where they are those of the photo, and by 1 where there are none. Many pictures make nearly the same maps, and most of them are full of noise. Total variation chooses a smooth one among them, as photos are; set its weight to 0 and draw again to see the difference. Each PNG carries its recipe."
        )
    )
