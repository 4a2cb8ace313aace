"""The visitor's webcam: photos for a class while a button is held, and answers as it watches.

The browser has the camera (`assets/components/webcam.js`); here arrive JPEGs, which may come from
anyone. A panel sends one message at a time and waits for its answer, so none can pile up.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from core.images import photos
from core.problem import N_, Problem
from core.server.pace import pace
from pages.parts.shared import session
from pages.parts.shared.components import component
from pages.parts.shared.language import class_name, percent, say, t, tn
from pages.parts.shared.live import data_uri

if TYPE_CHECKING:
    from core.zoo.classifier import Classifier
    from core.zoo.predictions import Prediction


SIDE = 320
"""Of the square photos, in pixels: no built-in network looks at more than 260."""
MOST_PHOTOS = 300
"""Of one class; half a minute of holding the button."""
_QUALITY = 0.85
_MOST_BYTES = 200_000
"""Even pure noise takes only 78 KB at this size and quality."""
_MOST_PER_BATCH = 20
_MOST_CHARACTERS_OF_ID = 64
_RECENT = 12
_THUMBNAIL = 64
_FIXED_ROWS = 8
"""Up to so many classes each has its place; of more, the most probable ones are shown."""
_ROWS = 5

_component = component("webcam")


def read_photo(value: object) -> bytes:
    """Check a photo that the browser says it took.

    Args:
        value: base64 of a JPEG of `SIDE` by `SIDE` pixels; or anything, from a stranger.

    Returns:
        The bytes of the JPEG.

    Raises:
        Problem: it is not that.
    """
    refused = Problem(N_("A photo of the camera did not arrive whole and was left out."))
    if not isinstance(value, str) or len(value) > 4 * _MOST_BYTES // 3:
        raise refused
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise refused from error
    if not data.startswith(b"\xff\xd8"):  # other formats are no business of a camera's
        raise refused
    try:
        size = photos.decode(data, "webcam.jpg").size
    except Problem as problem:
        raise refused from problem
    if size != (SIDE, SIDE):
        raise refused
    return data


@dataclass
class Recording:
    """One class's photos as they come in; only in memory, gone with the session.

    Attributes:
        photos: the JPEGs, at most `MOST_PHOTOS`.
        takes: for each, the number of its take: of one hold of the button.
        thumbnails: addresses of small pictures of the latest ones.
        received: the id of the latest batch.
        problem: why a photo of it was left out, if one was.
        take: the number of the take that comes in, or comes next.
    """

    photos: list[bytes] = field(default_factory=list)
    takes: list[int] = field(default_factory=list)
    thumbnails: list[str] = field(default_factory=list)
    received: str = ""
    problem: Problem | None = None
    take: int = 1

    def receive(self, message: object) -> bool:
        """Take over a batch from the browser; a message that is none changes nothing.

        Args:
            message: `batch`, an id; `photos`, see `read_photo`; `last`, whether the button was
                let go after these.

        Returns:
            Whether a hold has ended with this batch.
        """
        batch = _id_in(message, "batch")
        if batch is None or not isinstance(message, Mapping):
            return False
        if batch != self.received:  # else sent again because the answer was lost
            self.received = batch
            self.problem = None
            taken = message.get("photos")
            for value in taken[:_MOST_PER_BATCH] if isinstance(taken, list) else ():
                self._add(value)
            self.take += message.get("last") is True
        return message.get("last") is True

    def _add(self, value: object) -> None:
        if len(self.photos) >= MOST_PHOTOS:
            return
        try:
            photo = read_photo(value)
        except Problem as problem:
            self.problem = problem
            return
        self.photos.append(photo)
        self.takes.append(self.take)
        self.thumbnails = [*self.thumbnails, _thumbnail(photo)][-_RECENT:]

    def clear(self) -> None:
        """Forget all photos."""
        self.photos.clear()
        self.takes.clear()
        self.thumbnails.clear()
        self.problem = None


@dataclass(frozen=True)
class Frame:
    """What a live panel has sent: an id to answer to, and the photo."""

    id: str
    photo: Image.Image

    @classmethod
    def read(cls, message: object) -> Frame | None:
        """Read a message from the browser; None if it is none that can be answered.

        Raises:
            Problem: its photo cannot be used.
        """
        frame = _id_in(message, "frame")
        if frame is None or not isinstance(message, Mapping):
            return None
        return cls(frame, photos.decode(read_photo(message.get("photo")), "webcam.jpg"))


@session.kept
def _recordings() -> dict[str, Recording]:
    """This session's photos of the webcam, by the panel's key."""
    return {}


@session.kept
def _inbox() -> dict[str, object]:
    """By a panel's key, the message that has come and waits for its panel to be drawn."""
    return {}


@session.kept
def _answers() -> dict[str, dict[str, Any]]:
    """By a panel's key, the latest answer, so that drawing it again changes nothing."""
    return {}


def collect(key: str, class_name: str, *, watched: bool = False) -> list[tuple[str, bytes, str]]:
    """Show a panel that takes photos into a class as long as a button is held.

    Only the panel runs again while photos come in; when the button is let go, the page does.

    Args:
        key: of the panel, whatever the class is called.
        class_name: as the visitor has called it.
        watched: whether the page watches a job. It can then not be interrupted by a part of
            itself, so the whole page runs again for each batch, and goes back to watching.

    Returns:
        Names, contents and takes of the class's photos, as `core.data.datasets.from_files` takes
        them.
    """
    recording = _recordings().setdefault(key, Recording())
    _as_part(lambda: _collect(key, class_name, recording, watched=watched), watched=watched)
    return [
        (f"webcam-{i}.jpg", photo, f"{key} {take}")
        for i, (photo, take) in enumerate(zip(recording.photos, recording.takes, strict=True), 1)
    ]


def _collect(key: str, class_name: str, recording: Recording, *, watched: bool) -> None:
    ended = key in _inbox() and recording.receive(_inbox().pop(key))
    _component(
        key=key,
        data={
            "mode": "collect",
            "watched": watched,
            "side": SIDE,
            "quality": _QUALITY,
            "most": MOST_PHOTOS,
            "recent": _RECENT,
            "count": len(recording.photos),
            "thumbnails": recording.thumbnails,
            "received": recording.received,
            "problem": say(recording.problem) if recording.problem else "",
            "texts": {
                **_texts(),
                "hold": t("Hold to record"),
                "holdFor": t("Hold to record “{name}”", name=class_name),
                "recording": t("Recording …"),
                "count": t("Photos: {count}"),
                "full": t("This class is full: {count} photos."),
                "lost": t("The connection was gone for too long: earlier photos are lost."),
                "slow": t(
                    "The photos do not get through. Wait a moment, then go on. If this lasts for "
                    "minutes, the connection was gone for too long: reload the page and begin anew."
                ),
            },
        },
        on_photos_change=lambda: _take_in(key, "photos"),
    )
    if recording.photos:
        st.button(
            tn("Delete this {count} photo", "Delete these {count} photos", len(recording.photos)),
            icon=":material/delete:",
            key=f"{key}_delete",
            on_click=_delete,
            args=(key, recording),
        )
    if ended:
        st.rerun()


def _delete(key: str, recording: Recording) -> None:
    recording.clear()
    # As when a button is let go: the page, too, runs again.
    _inbox()[key] = {"batch": recording.received, "last": True}


def live(key: str, classifier: Classifier, *, watched: bool = False) -> None:
    """Show a panel that answers what the camera sees, several times a second.

    Args:
        key: of the panel.
        classifier: whom to ask.
        watched: see `collect`.
    """
    _as_part(lambda: _live(key, classifier, watched=watched), watched=watched)


def _live(key: str, classifier: Classifier, *, watched: bool) -> None:
    if key in _inbox():
        _answer(key, classifier, _inbox().pop(key))
    _component(
        key=key,
        data={
            "mode": "live",
            "watched": watched,
            "side": SIDE,
            "quality": _QUALITY,
            "answer": _answers().get(key),
            "interval": 1000 * pace().seconds(f"{session.owner()} {key}"),
            "texts": {
                **_texts(),
                "waiting": t("looking …"),
                "pace": t("Answers a second: {count}"),
            },
        },
        on_frame_change=lambda: _take_in(key, "frame"),
    )


def _answer(key: str, classifier: Classifier, message: object) -> None:
    """Ask the network about a frame; one that cannot be used gets no answer, and the next comes."""
    from core.zoo.predictions import sure_answer, top

    try:
        frame = Frame.read(message)
    except Problem:
        return
    if frame is None:
        return
    count = len(classifier.labels)
    photo = frame.photo
    predictions = session.compute(
        pace().timed(lambda: top(classifier, photo, count if count <= _FIXED_ROWS else _ROWS))
    )
    sure = sure_answer(predictions)
    _answers()[key] = {
        "frame": frame.id,
        "verdict": class_name(sure.class_name) if sure else t("not sure"),
        "sure": sure is not None,
        "bars": _bars(predictions, in_place=count <= _FIXED_ROWS),
    }


def _bars(predictions: Sequence[Prediction], *, in_place: bool) -> list[dict[str, object]]:
    ordered = sorted(predictions, key=lambda p: p.class_id) if in_place else predictions
    return [
        {
            "name": class_name(prediction.class_name),
            "share": percent(prediction.probability),
            "width": round(100 * prediction.probability, 1),
        }
        for prediction in ordered
    ]


def _as_part(draw: Callable[[], None], *, watched: bool) -> None:
    """Draw a part of the page, as a fragment where that can be."""
    if watched:
        with st.container():  # a fragment has one too, so the panel stays where it is
            draw()
    else:
        st.fragment(draw)()


def _take_in(key: str, event: str) -> None:
    """Keep what the browser has sent until its panel is drawn, which comes next."""
    message = (st.session_state.get(key) or {}).get(event)
    if message is not None:
        _inbox()[key] = message


def _id_in(message: object, name: str) -> str | None:
    value = message.get(name) if isinstance(message, Mapping) else None
    return value if isinstance(value, str) and len(value) <= _MOST_CHARACTERS_OF_ID else None


def _thumbnail(photo: bytes) -> str:
    small = photos.centre_square(photos.decode(photo, "webcam.jpg"), _THUMBNAIL)
    return data_uri(np.asarray(small), quality=75)


def _texts() -> dict[str, str]:
    """What both panels say."""
    return {
        "on": t("Turn the camera on"),
        "off": t("Turn the camera off"),
        "next": t("Other camera"),
        "preview": t("What the camera sees"),
        "insecure": t(
            "Browsers give the camera only to pages on localhost or with HTTPS, and this page is "
            "neither. Open the app on the computer that it runs on, or upload photos instead."
        ),
        "denied": t(
            "The browser was not allowed to use the camera. Allow it in the address bar, then try "
            "again, or upload photos instead."
        ),
        "missing": t("There is no camera. Plug one in and try again, or upload photos instead."),
        "busy": t("The camera does not answer; perhaps another program has it. Close that one."),
        "failed": t("The camera could not be turned on. Try again, or upload photos instead."),
    }
