"""What is kept of a run while it goes on: a time-lapse, and what others say of the picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image

from core.images import photos
from core.steps import Pixels, Step, Steps
from core.synthesis.loop import Synthesis
from core.zoo.predictions import Opinion

FilmFormat = Literal["webp", "gif"]
JUDGE_EVERY = 48
"""Steps between two rounds of opinions: a few seconds, and about a hundredth of the run's time."""
MOST_FRAMES = 60
_FRAME_QUALITY = 85
_FRAMES_PER_SECOND = 12
_SECONDS_AT_THE_END = 2.0


@dataclass(frozen=True)
class Frame:
    """One picture of a time-lapse: how many steps were made, and a JPEG."""

    step: int
    jpeg: bytes


@dataclass(frozen=True)
class Record:
    """A picture with how it came about.

    Attributes:
        synthesis: the picture.
        frames: its time-lapse, from the first step on.
        opinions: what networks that never saw the run last said of it.
        judged_after: after how many steps they said so.
    """

    synthesis: Synthesis
    frames: tuple[Frame, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    judged_after: int = 0


def recorded(
    steps: Steps[Synthesis],
    ask: Callable[[Pixels], tuple[Opinion, ...]],
    before: Record | None = None,
) -> Steps[Record]:
    """Follow a run, keeping a time-lapse and asking others what they see, every so often.

    Args:
        steps: the run.
        ask: gives the others' opinions of a picture.
        before: the record of the run that this one goes on from.

    Yields:
        The run's steps, with the record so far as their result.
    """
    frames = list(before.frames) if before else []
    opinions = before.opinions if before else ()
    judged_after = before.judged_after if before else 0
    every = _spacing(frames)
    for step in steps:
        assert step.result is not None, "every step of a drawing carries the picture"
        if step.index % every == 0 or step.index in (1, step.total):
            frames.append(Frame(step.index, photos.encode_jpeg(step.result.pixels, _FRAME_QUALITY)))
        if len(frames) > MOST_FRAMES:  # a run of any length has as many: every other one goes
            frames = frames[::2]
            every = 2 * every
        if step.index % JUDGE_EVERY == 0:
            opinions, judged_after = ask(step.result.pixels), step.index
        record = Record(step.result, tuple(frames), opinions, judged_after)
        yield Step(
            step.index,
            step.total,
            scalars=step.scalars,
            phase=step.phase,
            picture=step.picture,
            result=record,
        )


def _spacing(frames: list[Frame]) -> int:
    """Steps between the frames of a time-lapse that is to go on; at first a few."""
    return max(4, frames[2].step - frames[1].step) if len(frames) > 2 else 4


def completed(record: Record, ask: Callable[[Pixels], tuple[Opinion, ...]]) -> Record:
    """Close a record: its last frame and the opinions are those of the picture as it ended."""
    synthesis, frames = record.synthesis, record.frames
    if not frames or frames[-1].step < synthesis.steps_done:
        jpeg = photos.encode_jpeg(synthesis.pixels, _FRAME_QUALITY)
        frames = (*frames, Frame(synthesis.steps_done, jpeg))
    if record.judged_after == synthesis.steps_done:
        return replace(record, frames=frames)
    return Record(synthesis, frames, ask(synthesis.pixels), synthesis.steps_done)


def animation(record: Record, format: FilmFormat) -> bytes:
    """Encode a time-lapse as an animation, which rests on its last picture.

    Args:
        record: of which run.
        format: "webp" (small, all colours) or "gif" (understood by everything).
    """
    pictures = [Image.open(io.BytesIO(frame.jpeg)).convert("RGB") for frame in record.frames]
    pictures[-1] = Image.fromarray(np.asarray(record.synthesis.pixels))
    moment = round(1000 / _FRAMES_PER_SECOND)
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        format.upper(),
        save_all=True,
        append_images=pictures[1:],
        duration=[moment] * (len(pictures) - 1) + [round(1000 * _SECONDS_AT_THE_END)],
        loop=0,
        **({"quality": 80, "method": 3} if format == "webp" else {}),
    )
    return buffer.getvalue()
