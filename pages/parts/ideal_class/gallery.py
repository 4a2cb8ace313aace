"""This session's finished pictures: kept, named, and shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from core.images import photos
from core.synthesis import recipe
from core.synthesis.loop import Settings
from core.synthesis.objective import ChannelActivation
from core.synthesis.verdict import Verdict
from core.zoo.predictions import Opinion
from pages.parts.ideal_class import saved
from pages.parts.ideal_class.comparing import take_title
from pages.parts.shared import layout, live, save, session
from pages.parts.shared.language import class_name, plain, t

MOST_KEPT = 12


@dataclass(frozen=True)
class Keepsake:
    """One finished picture of this session, as the file that can be downloaded.

    Attributes:
        titles: what it is of: one class, two that were mixed, or a channel.
        stem: begins the names of its files.
        png: the file.
        model: name of the network that drew it.
        settings: how it was drawn, with the steps that were made.
        opinions: what networks see in it that never saw the run.
        take: which picture of a comparison it is, if it is one.
    """

    titles: tuple[str, ...]
    stem: str
    png: bytes
    model: str
    settings: Settings
    opinions: tuple[Opinion, ...]
    take: str = ""

    @property
    def file_name(self) -> str:
        """Of the picture."""
        return f"ideal-{self.stem}.png"


@session.kept
def gallery() -> list[Keepsake]:
    """This session's pictures, the latest first; gone with the session."""
    return []


def subject(verdict: Verdict) -> tuple[str, ...]:
    """Return what a picture is of: the names of its classes, or its channel's."""
    objective = verdict.synthesis.objective
    if isinstance(objective, ChannelActivation):
        return (f"{objective.layer} · {objective.channel}",)
    return tuple(opinion.target for opinion in verdict.own)


def keep(verdict: Verdict, take: str = "") -> Keepsake:
    """Put a finished picture first into the gallery, and give it as it is kept there.

    Args:
        verdict: the picture.
        take: which one of a comparison it is, if it is one.
    """
    synthesis = verdict.synthesis
    png = photos.encode_png(synthesis.pixels, recipe.write(synthesis))
    kept = gallery()
    known = next((one for one in kept if one.png == png), None)
    if known:
        return known
    titles = subject(verdict)
    name = save.stem(*titles, take, f"seed{synthesis.settings.seed}")
    settings = recipe.as_drawn(synthesis)
    newest = Keepsake(titles, name, png, synthesis.model, settings, verdict.others, take)
    kept.insert(0, newest)
    del kept[MOST_KEPT:]
    return newest


def caption(kept: Keepsake) -> str:
    """Say what a picture is of, and which one of a comparison it is, if it is one."""
    return " + ".join(map(class_name, kept.titles)) + (
        f" · {take_title(kept.take)}" if kept.take else ""
    )


def show() -> None:
    """Show this session's pictures, to download or to take their settings."""
    layout.label(t("This session's pictures"))
    columns = st.columns(6)
    for i, kept in enumerate(gallery()):
        title = caption(kept)
        with columns[i % len(columns)]:
            st.image(
                live.data_uri(np.asarray(photos.decode(kept.png, kept.file_name))),
                caption=plain(title),
                width="stretch",
                alt=title,
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
                    on_click=saved.restore,
                    args=(kept.png, kept.file_name),
                    key=f"ideal_dials_{i}",
                    help=t("Set all settings as for this picture."),
                )
