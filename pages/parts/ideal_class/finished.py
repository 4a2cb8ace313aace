"""What can be done with a finished picture: draw on, take it home, send it to the wall or the room."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.export import drawing_script as takeaway
from core.images import photos
from core.server.jobs import Snapshot
from core.synthesis import loop, recipe, record
from core.synthesis.objective import ChannelActivation, classes_of
from core.synthesis.verdict import Verdict
from pages.parts.ideal_class import ask_room, gallery, latest, running
from pages.parts.ideal_class.choices import Plan
from pages.parts.shared import made, network_names, save, session, wall
from pages.parts.shared.language import class_name, t

FILMS: tuple[record.FilmFormat, ...] = ("webp", "gif")


def tell_of(verdict: Verdict, plan: Plan) -> None:
    """Say what a picture is of, and whether that is what is chosen now."""
    drawn, synthesis = verdict.synthesis.objective, verdict.synthesis
    is_same = (
        drawn == plan.objective
        if isinstance(drawn, ChannelActivation)
        else classes_of(drawn) == classes_of(plan.objective)
    )
    network = network_names.title_of(synthesis.model)
    name = " + ".join(map(class_name, gallery.subject(verdict)))
    made.tell_of(
        f"{name} · {network}", is_of_now=is_same and synthesis.model == plan.classifier.name
    )


def offer(verdict: Verdict, kept: gallery.Keepsake, snapshot: Snapshot) -> None:
    """Offer what can be done with a finished picture.

    Args:
        verdict: the picture.
        kept: the same as it is kept in the gallery.
        snapshot: of its run, whose curves go on with it.
    """
    synthesis = verdict.synthesis
    with st.container(horizontal=True):
        st.button(
            t("{count} steps more", count=running.MORE_STEPS),
            icon=":material/forward:",
            on_click=running.go_on,
            args=(verdict, snapshot.history),
            disabled="drawing" not in latest.in_progress(),
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
        ask_room.offer(verdict, network_names.labels_of(synthesis.model))


def _script(synthesis: loop.Synthesis) -> str:
    return takeaway.script(session.network_named(synthesis.model), synthesis)
