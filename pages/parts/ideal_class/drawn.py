"""A drawing while it grows and when it is finished: one picture, or several abreast."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from core.images import photos
from core.server.jobs import Snapshot
from core.steps import Pixels, Step
from core.synthesis import record
from core.synthesis.regularisers import REGULARISERS
from core.synthesis.verdict import Verdict
from core.zoo.predictions import Opinion
from pages.parts.ideal_class import opinions
from pages.parts.shared import live, plots
from pages.parts.shared.components import component
from pages.parts.shared.language import number, percent, sentence, t

LOSSES = ("class loss", *(regulariser.loss for regulariser in REGULARISERS.values()))

_film = component("time_lapse")


def contrast() -> Callable[[Pixels], Pixels]:
    """Ask how a picture is to be shown, and return what makes it so."""
    stretch = st.toggle(
        t("Stretch the contrast"),
        key="ideal_stretch",
        persist_state="session",
        help=t("For the eye only: the lesson's pictures are nearly flat at their true scale."),
    )
    return photos.stretched if stretch else lambda pixels: pixels


@dataclass
class Canvas:
    """Where one drawing is shown: the picture, and beside it numbers and opinions.

    Attributes:
        picture, numbers, told: the places.
        reel: the frames of the growing picture.
    """

    picture: DeltaGenerator
    numbers: DeltaGenerator
    told: DeltaGenerator
    reel: live.Reel = field(default_factory=live.Reel)

    def show(self, snapshot: Snapshot, contrasted: Callable[[Pixels], Pixels]) -> None:
        """Show a drawing as it stands; a finished one as a time-lapse in the same place."""
        if snapshot.step is None or not isinstance(snapshot.step.result, record.Record):
            return
        kept, verdict = snapshot.step.result, snapshot.result
        if isinstance(verdict, Verdict):
            with self.picture.container():
                _time_lapse(verdict.record, contrasted)
            opinions.show(self.told, (*verdict.own, *verdict.others), verdict.synthesis.model)
        else:
            self.reel.add(contrasted(kept.synthesis.pixels))
            if (film := self.reel.film()) is None:
                return
            alt = t("The picture after {done} steps", done=snapshot.step.index)
            self.picture.image(film, width="stretch", alt=alt)
            opinions.show(self.told, kept.opinions)
        own = verdict.own if isinstance(verdict, Verdict) else ()
        plots.live_numbers(self.numbers, _numbers(snapshot.history, own))


def _numbers(
    history: Mapping[str, Sequence[float]], own: Sequence[Opinion]
) -> list[plots.LiveNumber]:
    """Return how sure the network is, or how active the channel, with the curve so far.

    Args:
        history: the run's scalars, each measured on what the network looked at in that step.
        own: what it says of the finished picture, once there is one.
    """
    names = ("probability", "second probability", "activation")
    latest = {name: history[name][-1] for name in names if any(history.get(name, ()))}
    of_the_picture = (opinion.target_probability or 0.0 for opinion in own)
    latest |= dict(zip(names[: len(own)], of_the_picture, strict=True))
    return [
        plots.LiveNumber(
            sentence(t(name)),
            percent(value, 1) if share else number(value, 2),
            history[name],
            share,
        )
        for name, value in latest.items()
        if any(history.get(name, ()))
        for share in (name.endswith("probability"),)
    ]


def _time_lapse(run: record.Record, contrasted: Callable[[Pixels], Pixels]) -> None:
    """Show a run as a film to scrub through, which stands at its last picture.

    Args:
        run: its record.
        contrasted: gives a picture as it is to be shown.
    """

    def address(frame: record.Frame) -> str:
        pixels = np.asarray(Image.open(io.BytesIO(frame.jpeg)).convert("RGB"))
        shown = contrasted(pixels)
        if shown is pixels:
            return photos.data_uri(frame.jpeg)
        return live.data_uri(shown)

    *before, last = run.frames
    frames = [{"step": frame.step, "src": address(frame)} for frame in before]
    final = live.data_uri(contrasted(run.synthesis.pixels), 92)
    frames.append({"step": last.step, "src": final})
    _film(
        key="ideal_film",
        data={
            "frames": frames,
            "run": zlib.crc32(last.jpeg),
            "label": t("Time-lapse"),
            "after": t("step {step}", step="{step}"),
            "play": t("Play"),
            "pause": t("Pause"),
        },
    )


@dataclass(frozen=True)
class Abreast:
    """Several drawings beside each other.

    Attributes:
        titles: what each is called, by its name.
        canvases: where each is shown, by its name.
    """

    titles: Mapping[str, str]
    canvases: Mapping[str, Canvas]

    @classmethod
    def laid_out(cls, place: DeltaGenerator, titles: Mapping[str, str]) -> Abreast:
        """Lay out a column for each drawing, with its title."""
        canvases = {}
        with place.container(key=f"abreast_{len(titles)}"):
            columns = st.columns(len(titles), gap="small")
        for column, (name, title) in zip(columns, titles.items(), strict=True):
            column.markdown(f"**{title}**")
            canvas = Canvas(column.empty(), column.empty(), column.empty())
            canvas.picture.caption(t("comes next …"))
            canvases[name] = canvas
        return cls(titles, canvases)

    def show(self, snapshot: Snapshot, contrasted: Callable[[Pixels], Pixels]) -> None:
        """Show the drawings as they stand, at their true scale."""
        if snapshot.step is None or not isinstance(snapshot.step.result, Mapping):
            return
        verdicts: Mapping[str, Verdict] = snapshot.result or {}
        for name, canvas in self.canvases.items():
            step: Step[record.Record] | None = snapshot.step.result.get(name)
            if step is None or step.result is None:
                if snapshot.state.is_end:
                    canvas.picture.caption(t("not drawn"))
                continue
            pixels = contrasted(step.result.synthesis.pixels)
            canvas.reel.add(pixels)
            film = live.data_uri(pixels, 92) if snapshot.state.is_end else canvas.reel.film()
            if film is None:
                continue
            canvas.picture.image(film, width="stretch", alt=self.titles[name])
            if verdict := verdicts.get(name):
                opinions.show(canvas.told, (*verdict.own, *verdict.others), verdict.synthesis.model)
            else:
                share = percent(step.scalars["probability"], 1)
                canvas.numbers.markdown(t("It is **{share}** sure of it.", share=share))
                opinions.show(canvas.told, step.result.opinions)
            if verdicts:
                canvas.numbers.empty()


def curves(snapshot: Snapshot) -> None:
    """Show the run's curves: probabilities, and the loss term by term, weighted as the settings say."""
    charts = st.columns(2)
    scores = [
        n for n in ("probability", "second probability", "activation") if n in snapshot.history
    ]
    with charts[0]:
        plots.curves(snapshot.history, scores, t("step"), "ideal_p", sentence(t(scores[0])))
    terms = [name for name in LOSSES if name in snapshot.history]
    with charts[1]:
        plots.curves(snapshot.history, terms, t("step"), "ideal_loss", t("Loss, term by term"))
